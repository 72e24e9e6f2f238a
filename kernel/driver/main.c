// SPDX-License-Identifier: GPL-2.0-only
/*
 * pv_driver: managed drivers for containers.
 */

#include <linux/init.h>
#include <linux/moduleparam.h>

#include "pv_driver.h"

struct workqueue_struct *pvd_wq;

/* Read-only: a container's uid 0 may have a writable /sys, and no more is asked. */

unsigned int pvd_param_timeout = 60000;
module_param_named(timeout, pvd_param_timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "Default time limit of a request in ms (60000)");

unsigned int pvd_param_agent_timeout = 2000;
module_param_named(agent_timeout, pvd_param_agent_timeout, uint, 0444);
MODULE_PARM_DESC(agent_timeout, "The agent accepts a task within this many ms (2000)");

unsigned int pvd_param_helper_timeout = 100000;
module_param_named(helper_timeout, pvd_param_helper_timeout, uint, 0444);
MODULE_PARM_DESC(helper_timeout, "A modprobe or rmmod is killed after this many ms (100000)");

unsigned int pvd_param_max_drivers = 1024;
module_param_named(max_drivers, pvd_param_max_drivers, uint, 0444);
MODULE_PARM_DESC(max_drivers, "Most drivers that can be registered (1024)");

unsigned int pvd_param_max_containers = 512;
module_param_named(max_containers, pvd_param_max_containers, uint, 0444);
MODULE_PARM_DESC(max_containers, "Most containers that can be registered (512)");

char *pvd_param_modprobe = "/sbin/modprobe";
module_param_named(modprobe, pvd_param_modprobe, charp, 0444);
MODULE_PARM_DESC(modprobe, "Program that loads modules when there is no agent");

char *pvd_param_rmmod = "/sbin/rmmod";
module_param_named(rmmod, pvd_param_rmmod, charp, 0444);
MODULE_PARM_DESC(rmmod, "Program that removes modules when there is no agent");

/*
 * Doors last: nobody can ask before everything behind them stands. Jobs wait for
 * user space, each in its own work item, hence a queue of their own; what has to
 * happen in time, limits and the end of containers, never queues behind them.
 */
static int __init pvd_init(void)
{
	int err;

	pvd_wq = alloc_workqueue("pv_driver", WQ_UNBOUND, WQ_UNBOUND_MAX_ACTIVE);
	if (!pvd_wq)
		return -ENOMEM;
	err = pvd_module_watch_init();
	if (err)
		goto err_wq;
	err = pvd_event_init();
	if (err)
		goto err_watch;
	err = pvd_registry_init();
	if (err)
		goto err_event;
	err = genl_register_family(&pvd_family);
	if (err)
		goto err_registry;
	return 0;

err_registry:
	pvd_registry_exit();
err_event:
	pvd_event_exit();
err_watch:
	pvd_module_watch_exit();
err_wq:
	destroy_workqueue(pvd_wq);
	return err;
}

/* No call and no use exists any more: each of them holds the module. */
static void __exit pvd_exit(void)
{
	genl_unregister_family(&pvd_family);
	pvd_container_exit();
	pvd_request_exit();
	pvd_registry_exit();
	pvd_event_exit();
	pvd_module_watch_exit();
	destroy_workqueue(pvd_wq);
}

module_init(pvd_init);
module_exit(pvd_exit);

MODULE_AUTHOR("pvkit developers");
MODULE_DESCRIPTION("Managed drivers for containers");
MODULE_LICENSE("GPL");
