// SPDX-License-Identifier: GPL-2.0-only
/* A module with one parameter of each kind, readable in sysfs afterwards. */
#include <linux/module.h>

static int num;
module_param(num, int, 0444);
MODULE_PARM_DESC(num, "a number");

static char *text = "";
module_param(text, charp, 0444);
MODULE_PARM_DESC(text, "a string");

static int list[4];
static int list_len;
module_param_array(list, int, &list_len, 0444);
MODULE_PARM_DESC(list, "up to four numbers");

static int __init pvt_plain_init(void)
{
	return 0;
}
module_init(pvt_plain_init);

static void __exit pvt_plain_exit(void)
{
}
module_exit(pvt_plain_exit);

MODULE_DESCRIPTION("pvkit test: parameters");
MODULE_VERSION("1.0");
MODULE_LICENSE("GPL");
