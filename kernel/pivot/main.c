// SPDX-License-Identifier: GPL-2.0-only
/*
 * pv_pivot: guard of the move to a ramfs. It does not mount: no symbol for that is
 * exported. It follows a file system, refuses opens, proves and reports.
 */

#include <linux/init.h>
#include <linux/module.h>

#include "pv_pivot.h"

struct workqueue_struct *pvp_wq;

/*
 * Doors last: nobody can ask before everything behind them stands. A proof may
 * sleep for long, and the limit must not wait for it: a queue of our own.
 */
static int __init pvp_init(void)
{
	int err;

	pvp_wq = alloc_workqueue("pv_pivot", WQ_UNBOUND, 0);
	if (!pvp_wq)
		return -ENOMEM;
	err = pvp_session_init();
	if (err)
		goto err_wq;
	err = pvp_event_init();
	if (err)
		goto err_session;
	err = pvp_reboot_init();
	if (err)
		goto err_event;
	err = pvp_sysfs_init();
	if (err)
		goto err_reboot;
	err = genl_register_family(&pvp_family);
	if (err)
		goto err_sysfs;
	return 0;

err_sysfs:
	pvp_sysfs_exit();
err_reboot:
	pvp_reboot_exit();
err_event:
	pvp_event_exit();
err_session:
	pvp_session_exit();
err_wq:
	destroy_workqueue(pvp_wq);
	return err;
}

/* No session lives: each holds the module. */
static void __exit pvp_exit(void)
{
	genl_unregister_family(&pvp_family);
	pvp_sysfs_exit();
	pvp_reboot_exit();
	pvp_event_exit();
	pvp_session_exit();
	destroy_workqueue(pvp_wq);
}

module_init(pvp_init);
module_exit(pvp_exit);

MODULE_AUTHOR("pvkit developers");
MODULE_DESCRIPTION("Guard of the move to a ramfs");
MODULE_LICENSE("GPL");
