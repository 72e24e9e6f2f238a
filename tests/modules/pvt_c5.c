// SPDX-License-Identifier: GPL-2.0-only
/* Link 5 of a chain of five: pvt_c5 needs pvt_c4, and so on down to pvt_c1. */
#include <linux/module.h>

#include "pvt.h"

static int __init pvt_c5_init(void)
{
	return pvt_c4_depth() == 4 ? 0 : -EINVAL;
}
module_init(pvt_c5_init);

static void __exit pvt_c5_exit(void)
{
}
module_exit(pvt_c5_exit);

MODULE_DESCRIPTION("pvkit test: link 5 of a chain of five");
MODULE_LICENSE("GPL");
