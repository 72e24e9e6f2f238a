// SPDX-License-Identifier: GPL-2.0-only
/*
 * pv_bootflag: flags for the next boot.
 */

#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "pv_bootflag.h"

struct workqueue_struct *pvf_wq;

static char *pvf_param_stores;
module_param_named(stores, pvf_param_stores, charp, 0444);
MODULE_PARM_DESC(stores, "Stores to begin with: \"NAME: WORDS; NAME: WORDS\"");

/*
 * Doors last: nobody can ask before everything behind them stands. Media may take
 * their time, each store in its own work item, hence a queue of their own.
 */
static int __init pvf_init(void)
{
	int err;

	pvf_wq = alloc_workqueue("pv_bootflag", WQ_UNBOUND, PVF_MAX_STORES);
	if (!pvf_wq)
		return -ENOMEM;
	err = pvf_event_init();
	if (err)
		goto err_wq;
	err = pvf_registry_init();
	if (err)
		goto err_event;
	err = pvf_panic_init();
	if (err)
		goto err_registry;
	err = pvf_reboot_init();
	if (err)
		goto err_panic;
	err = pvf_media_init();
	if (err)
		goto err_reboot;
	err = genl_register_family(&pvf_family);
	if (err)
		goto err_media;
	err = pvf_param_stores ? pvf_spec_stores(pvf_param_stores) : 0;
	if (err)
		goto err_family;
	/* Whoever loads the module finds the stores as they are. */
	flush_workqueue(pvf_wq);
	return 0;

err_family:
	genl_unregister_family(&pvf_family);
err_media:
	pvf_registry_close();
	pvf_media_exit();
err_reboot:
	pvf_reboot_exit();
err_panic:
	pvf_panic_exit();
err_registry:
	pvf_registry_exit();
err_event:
	pvf_event_exit();
err_wq:
	destroy_workqueue(pvf_wq);
	pvf_boot_exit();
	return err;
}

/* The stores go before their media, whose functions they call. */
static void __exit pvf_exit(void)
{
	genl_unregister_family(&pvf_family);
	pvf_registry_close();
	pvf_media_exit();
	pvf_reboot_exit();
	pvf_panic_exit();
	pvf_registry_exit();
	pvf_event_exit();
	destroy_workqueue(pvf_wq);
	pvf_boot_exit();
}

module_init(pvf_init);
module_exit(pvf_exit);

MODULE_AUTHOR("pvkit developers");
MODULE_DESCRIPTION("Flags for the next boot");
MODULE_LICENSE("GPL");
