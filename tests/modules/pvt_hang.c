// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reboot never gets past it, as with a driver whose device has stopped to answer: at once,
 * or (late) when all who wanted to be told of the reboot have been.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>

static bool late;
module_param(late, bool, 0444);
MODULE_PARM_DESC(late, "As a device that is shut down");

static struct platform_device *pvt_hang_device;

static void pvt_never_return(void)
{
	pr_info("pvt_hang: a reboot that hangs\n");
	for (;;)
		msleep(1000);
}

static int pvt_hang_forever(struct notifier_block *nb, unsigned long action, void *data)
{
	pvt_never_return();
	return NOTIFY_DONE;
}

static struct notifier_block pvt_hang_notifier = {
	.notifier_call = pvt_hang_forever,
	.priority = INT_MAX,
};

static int pvt_hang_probe(struct platform_device *device)
{
	return 0;
}

static void pvt_hang_shutdown(struct platform_device *device)
{
	pvt_never_return();
}

static struct platform_driver pvt_hang_driver = {
	.probe = pvt_hang_probe,
	.shutdown = pvt_hang_shutdown,
	.driver = { .name = "pvt_hang" },
};

static int __init pvt_hang_init(void)
{
	int err;

	if (!late)
		return register_reboot_notifier(&pvt_hang_notifier);
	err = platform_driver_register(&pvt_hang_driver);
	if (err)
		return err;
	pvt_hang_device = platform_device_register_simple("pvt_hang", -1, NULL, 0);
	if (!IS_ERR(pvt_hang_device))
		return 0;
	platform_driver_unregister(&pvt_hang_driver);
	return PTR_ERR(pvt_hang_device);
}
module_init(pvt_hang_init);

static void __exit pvt_hang_exit(void)
{
	if (!late) {
		unregister_reboot_notifier(&pvt_hang_notifier);
		return;
	}
	platform_device_unregister(pvt_hang_device);
	platform_driver_unregister(&pvt_hang_driver);
}
module_exit(pvt_hang_exit);

MODULE_DESCRIPTION("pvkit test: a reboot that hangs");
MODULE_LICENSE("GPL");
