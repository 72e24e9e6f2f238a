// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has its driver at once and its device after a while, as one has that waits for
 * firmware, or for a bus that is slow to answer.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/workqueue.h>

static unsigned int ms = 1000;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "milliseconds until the device is there; 0 for never");

static struct platform_device *device;

static int pvt_late_probe(struct platform_device *pdev)
{
	return 0;
}

static struct platform_driver pvt_late_driver = {
	.probe = pvt_late_probe,
	.driver.name = "pvt_late",
};

static void pvt_late_arrive(struct work_struct *work)
{
	struct platform_device *pdev;

	pdev = platform_device_register_simple("pvt_late", PLATFORM_DEVID_NONE, NULL, 0);
	device = IS_ERR(pdev) ? NULL : pdev;
}

static DECLARE_DELAYED_WORK(arrival, pvt_late_arrive);

static int __init pvt_late_init(void)
{
	int ret = platform_driver_register(&pvt_late_driver);

	if (!ret && ms)
		schedule_delayed_work(&arrival, msecs_to_jiffies(ms));
	return ret;
}
module_init(pvt_late_init);

static void __exit pvt_late_exit(void)
{
	cancel_delayed_work_sync(&arrival);
	platform_device_unregister(device);
	platform_driver_unregister(&pvt_late_driver);
}
module_exit(pvt_late_exit);

MODULE_DESCRIPTION("pvkit test: a driver whose device comes late");
MODULE_LICENSE("GPL");
