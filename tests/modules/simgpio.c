// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chip of eight GPIO inputs, "simgpio", whose levels are the bits of the parameter
 * `levels`: a strap or a button on a kernel that has no gpio-sim. Line 3 is called
 * "strap".
 */
#include <linux/bits.h>
#include <linux/gpio/driver.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#define SIM_LINES	8

static unsigned int levels;
module_param(levels, uint, 0644);
MODULE_PARM_DESC(levels, "a bit for each line");

static const char *const sim_names[SIM_LINES] = { [3] = "strap" };

static int sim_get(struct gpio_chip *chip, unsigned int line)
{
	return !!(READ_ONCE(levels) & BIT(line));
}

static int sim_get_direction(struct gpio_chip *chip, unsigned int line)
{
	return GPIO_LINE_DIRECTION_IN;
}

static int sim_direction_input(struct gpio_chip *chip, unsigned int line)
{
	return 0;
}

static struct gpio_chip sim_chip = {
	.label = "simgpio",
	.owner = THIS_MODULE,
	.base = -1,
	.ngpio = SIM_LINES,
	.names = sim_names,
	.get = sim_get,
	.get_direction = sim_get_direction,
	.direction_input = sim_direction_input,
};

static int __init sim_init(void)
{
	return gpiochip_add_data(&sim_chip, NULL);
}
module_init(sim_init);

static void __exit sim_exit(void)
{
	gpiochip_remove(&sim_chip);
}
module_exit(sim_exit);

MODULE_DESCRIPTION("pvkit test: GPIO lines that are as they are told");
MODULE_LICENSE("GPL");
