// SPDX-License-Identifier: GPL-2.0-only
/* Has no exit function, so that the kernel never removes it. */
#include <linux/module.h>

static int __init pvt_noexit_init(void)
{
	return 0;
}
module_init(pvt_noexit_init);

MODULE_DESCRIPTION("pvkit test: a module without exit");
MODULE_LICENSE("GPL");
