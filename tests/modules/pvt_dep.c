// SPDX-License-Identifier: GPL-2.0-only
/* Depends on pvt_base by a symbol. */
#include <linux/module.h>

#include "pvt.h"

static int level;
module_param(level, int, 0444);
MODULE_PARM_DESC(level, "a number, pvt_base's unless given");

static int __init pvt_dep_init(void)
{
	if (!level)
		level = pvt_base_level();
	return 0;
}
module_init(pvt_dep_init);

static void __exit pvt_dep_exit(void)
{
}
module_exit(pvt_dep_exit);

MODULE_DESCRIPTION("pvkit test: a module with a dependency");
MODULE_LICENSE("GPL");
