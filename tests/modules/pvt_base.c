// SPDX-License-Identifier: GPL-2.0-only
/* What pvt_dep depends on. */
#include <linux/module.h>

#include "pvt.h"

static int level;
module_param(level, int, 0444);
MODULE_PARM_DESC(level, "a number");

int pvt_base_level(void)
{
	return level;
}
EXPORT_SYMBOL_GPL(pvt_base_level);

static int __init pvt_base_init(void)
{
	return 0;
}
module_init(pvt_base_init);

static void __exit pvt_base_exit(void)
{
}
module_exit(pvt_base_exit);

MODULE_DESCRIPTION("pvkit test: a dependency");
MODULE_LICENSE("GPL");
