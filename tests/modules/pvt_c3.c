// SPDX-License-Identifier: GPL-2.0-only
/* Link 3 of a chain of five: pvt_c5 needs pvt_c4, and so on down to pvt_c1. */
#include <linux/module.h>

#include "pvt.h"

int pvt_c3_depth(void)
{
	return pvt_c2_depth() + 1;
}
EXPORT_SYMBOL_GPL(pvt_c3_depth);

static int __init pvt_c3_init(void)
{
	return 0;
}
module_init(pvt_c3_init);

static void __exit pvt_c3_exit(void)
{
}
module_exit(pvt_c3_exit);

MODULE_DESCRIPTION("pvkit test: link 3 of a chain of five");
MODULE_LICENSE("GPL");
