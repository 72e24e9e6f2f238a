// SPDX-License-Identifier: GPL-2.0-only
/* A reboot never gets past it, as with a driver whose device has stopped to answer. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/reboot.h>

static int pvt_hang_forever(struct notifier_block *nb, unsigned long action, void *data)
{
	pr_info("pvt_hang: a reboot that hangs\n");
	for (;;)
		msleep(1000);
	return NOTIFY_DONE;
}

static struct notifier_block pvt_hang_notifier = {
	.notifier_call = pvt_hang_forever,
	.priority = INT_MAX,
};

static int __init pvt_hang_init(void)
{
	return register_reboot_notifier(&pvt_hang_notifier);
}
module_init(pvt_hang_init);

static void __exit pvt_hang_exit(void)
{
	unregister_reboot_notifier(&pvt_hang_notifier);
}
module_exit(pvt_hang_exit);

MODULE_DESCRIPTION("pvkit test: a reboot that hangs");
MODULE_LICENSE("GPL");
