// SPDX-License-Identifier: GPL-2.0-only
/* Names pvt_base as a soft dependency: only modprobe and libkmod know of it. */
#include <linux/module.h>

static int __init pvt_soft_init(void)
{
	return 0;
}
module_init(pvt_soft_init);

static void __exit pvt_soft_exit(void)
{
}
module_exit(pvt_soft_exit);

MODULE_SOFTDEP("pre: pvt_base");
MODULE_DESCRIPTION("pvkit test: a module with a soft dependency");
MODULE_LICENSE("GPL");
