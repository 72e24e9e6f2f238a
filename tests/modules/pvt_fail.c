// SPDX-License-Identifier: GPL-2.0-only
/* Its init fails, with EIO or with the errno given; errno=0 lets it succeed. */
#include <linux/errno.h>
#include <linux/module.h>

static int errnum = EIO;
module_param_named(errno, errnum, int, 0444);
MODULE_PARM_DESC(errno, "positive errno that init returns");

static int __init pvt_fail_init(void)
{
	return -clamp(errnum, 0, 133);
}
module_init(pvt_fail_init);

static void __exit pvt_fail_exit(void)
{
}
module_exit(pvt_fail_exit);

MODULE_DESCRIPTION("pvkit test: a module that fails in init");
MODULE_LICENSE("GPL");
