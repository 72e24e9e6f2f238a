// SPDX-License-Identifier: GPL-2.0-only
/* /dev/pvt_busy: whoever holds it open keeps the module from being removed. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations pvt_busy_fops = {
	.owner	= THIS_MODULE,
	.open	= nonseekable_open,
};

static struct miscdevice pvt_busy_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "pvt_busy",
	.fops	= &pvt_busy_fops,
};
module_misc_device(pvt_busy_dev);

MODULE_DESCRIPTION("pvkit test: a module with a device that pins it");
MODULE_LICENSE("GPL");
