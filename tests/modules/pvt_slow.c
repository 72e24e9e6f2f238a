// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeps in init, and in exit, as a driver does that waits for its firmware.
 * The sleep cannot be interrupted, as theirs cannot: not even SIGKILL ends it.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/module.h>

static unsigned int ms = 1000;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "milliseconds in init");

static unsigned int exit_ms;
module_param(exit_ms, uint, 0444);
MODULE_PARM_DESC(exit_ms, "milliseconds in exit");

static int errnum;
module_param_named(errno, errnum, int, 0444);
MODULE_PARM_DESC(errno, "positive errno that init returns after its sleep");

static int __init pvt_slow_init(void)
{
	msleep(ms);
	return -clamp(errnum, 0, 133);
}
module_init(pvt_slow_init);

static void __exit pvt_slow_exit(void)
{
	msleep(exit_ms);
}
module_exit(pvt_slow_exit);

MODULE_DESCRIPTION("pvkit test: a module that takes its time");
MODULE_LICENSE("GPL");
