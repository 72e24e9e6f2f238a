// SPDX-License-Identifier: GPL-2.0-only
/*
 * An nvmem device that is a piece of memory: for what an RTC's registers are too
 * few or too faithful.
 *
 * `present` 0 takes it away, 1 brings it back with what it held. `bad` is how many
 * bytes of each write are lost, as of a register that is not there. With `word`, an
 * access that is not made of whole words fails. With `stall` a write does not end
 * before that is taken back.
 *
 * A node "pvkit,simnvmem" of the device tree has the cells in it, the word as
 * pvkit,word, and may name reserved memory as its own: what it holds then outlives
 * a warm reboot.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/nvmem-provider.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#include "../../kernel/compat.h"

#define SIM_SIZE_MAX	4096

static char *name = "simnvmem";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the device");

static unsigned int size = 64;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "its bytes (64)");

static unsigned int word = 1;
module_param(word, uint, 0444);
MODULE_PARM_DESC(word, "bytes of a word (1)");

static unsigned int bad;
module_param(bad, uint, 0644);
MODULE_PARM_DESC(bad, "bytes at the end of each write that are lost");

static bool stall;
module_param(stall, bool, 0644);
MODULE_PARM_DESC(stall, "a write hangs");

static unsigned long writes;
module_param(writes, ulong, 0644);

static DEFINE_MUTEX(sim_lock);
static struct platform_device *made;	/* where the device tree has none */
static struct device *parent;
static struct nvmem_device *nvmem;
static bool present;
static u8 own_data[SIM_SIZE_MAX];
static u8 *data = own_data;

static bool sim_ok(unsigned int at, size_t len)
{
	return at <= size && len <= size - at && !(at % word) && !(len % word);
}

static int sim_read(void *priv, unsigned int at, void *val, size_t len)
{
	if (!sim_ok(at, len))
		return -EINVAL;
	memcpy(val, data + at, len);
	return 0;
}

static int sim_write(void *priv, unsigned int at, void *val, size_t len)
{
	if (!sim_ok(at, len))
		return -EINVAL;
	writes++;
	while (READ_ONCE(stall))
		msleep(20);
	memcpy(data + at, val, len - min_t(size_t, len, bad));
	return 0;
}

static int sim_register(void)
{
	struct nvmem_config config = {
		.dev = parent,
		.name = name,
		.id = NVMEM_DEVID_NONE,
		.owner = THIS_MODULE,
		.size = size,
		.word_size = word,
		.stride = word,
		.reg_read = sim_read,
		.reg_write = sim_write,
	};

	nvmem = nvmem_register(&config);
	return PTR_ERR_OR_ZERO(nvmem);
}

static int present_set(const char *val, const struct kernel_param *kp)
{
	bool wanted;
	int err = kstrtobool(val, &wanted);

	if (err)
		return err;
	mutex_lock(&sim_lock);
	if (!parent)
		err = -ENODEV;
	else if (wanted && !present)
		err = sim_register();
	else if (!wanted && present)
		nvmem_unregister(nvmem);
	if (!err)
		present = wanted;
	mutex_unlock(&sim_lock);
	return err;
}

static const struct kernel_param_ops present_ops = {
	.set = present_set,
	.get = param_get_bool,
};
module_param_cb(present, &present_ops, &present, 0644);
MODULE_PARM_DESC(present, "the device is there");

static int sim_map(struct device *dev)
{
	struct device_node *memory = of_parse_phandle(dev->of_node, "memory-region", 0);
	struct resource res;
	int err;

	if (!memory)
		return 0;
	err = of_address_to_resource(memory, 0, &res);
	of_node_put(memory);
	if (err || resource_size(&res) < size)
		return -EINVAL;
	data = devm_memremap(dev, res.start, size, MEMREMAP_WC);
	return PTR_ERR_OR_ZERO(data);
}

static int sim_probe(struct platform_device *pdev)
{
	int err;

	of_property_read_u32(pdev->dev.of_node, "pvkit,word", &word);
	err = sim_map(&pdev->dev);
	if (err)
		return err;
	mutex_lock(&sim_lock);
	parent = &pdev->dev;
	err = sim_register();
	present = !err;
	mutex_unlock(&sim_lock);
	return err;
}

static pvk_remove_type sim_remove(struct platform_device *pdev)
{
	mutex_lock(&sim_lock);
	if (present)
		nvmem_unregister(nvmem);
	present = false;
	parent = NULL;
	mutex_unlock(&sim_lock);
	return pvk_remove_return;
}

static const struct of_device_id sim_match[] = {
	{ .compatible = "pvkit,simnvmem" },
	{ }
};
MODULE_DEVICE_TABLE(of, sim_match);

static struct platform_driver sim_driver = {
	.probe = sim_probe,
	.remove = sim_remove,
	.driver = {
		.name = "simnvmem",
		.of_match_table = of_match_ptr(sim_match),
	},
};

static int __init simnvmem_init(void)
{
	struct device_node *node = of_find_matching_node(NULL, sim_match);
	int err;

	of_node_put(node);
	if (!size || size > SIM_SIZE_MAX || !word || size % word)
		return -EINVAL;
	err = platform_driver_register(&sim_driver);
	if (err || node)
		return err;
	made = platform_device_register_simple("simnvmem", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(made)) {
		platform_driver_unregister(&sim_driver);
		return PTR_ERR(made);
	}
	return 0;
}
module_init(simnvmem_init);

static void __exit simnvmem_exit(void)
{
	if (made)
		platform_device_unregister(made);
	platform_driver_unregister(&sim_driver);
}
module_exit(simnvmem_exit);

MODULE_DESCRIPTION("pvkit test: an nvmem device in memory");
MODULE_LICENSE("GPL");
