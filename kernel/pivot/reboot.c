// SPDX-License-Identifier: GPL-2.0-only
/*
 * Once the owner writes there is no way back. Then a reboot that somebody else asks
 * for waits for it, within bounds; and when it dies, or takes too long, the machine is
 * rebooted with the argument that it left: that sets the flag of whoever keeps flags by
 * the argument of a reboot, and the next boot resumes. A panic waits for nothing.
 *
 * Locking: see pv_pivot.h.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "pv_pivot.h"

/* Before those that write flags, whose time begins then. */
#define PVP_REBOOT_PRIORITY	300

static unsigned int pvp_hold = 30;
module_param_named(hold, pvp_hold, uint, 0644);
MODULE_PARM_DESC(hold, "Seconds that a reboot waits for an update that is writing");

static unsigned int pvp_reset = 60;
module_param_named(reset, pvp_reset, uint, 0644);
MODULE_PARM_DESC(reset, "Seconds after which a reboot of the module's own that hangs is a reset");

static DECLARE_WAIT_QUEUE_HEAD(pvp_armed_wait);
static const struct pid *pvp_armed_by;		/* owner of a session that is armed */
static bool pvp_waiting;			/* a reboot is, for it */

static void pvp_restart_fn(struct work_struct *work);
static DECLARE_WORK(pvp_restart_work, pvp_restart_fn);
static char pvp_restart_arg[PV_PIVOT_MAX_REBOOT_ARG + 1];

/* A driver that hangs on its way down shall not be the end of it. */
static void pvp_reset_fn(struct timer_list *timer)
{
	pr_emerg("the reboot hangs, reset\n");
	emergency_restart();
}

static DEFINE_TIMER(pvp_reset_timer, pvp_reset_fn);

static void pvp_restart_fn(struct work_struct *work)
{
	mod_timer(&pvp_reset_timer, jiffies + pvp_reset * HZ);
	kernel_restart(pvp_restart_arg[0] ? pvp_restart_arg : NULL);
}

/**
 * pvp_restart - the machine goes down, by a work item
 * @arg: argument of the reboot; "": none
 * @why: a constant
 *
 * If it is going down already and has waited, that goes on as it was asked for.
 * Locked; once.
 */
void pvp_restart(const char *arg, const char *why)
{
	pr_emerg("past the point of no return, and %s: reboot %s\n", why, arg);
	strscpy(pvp_restart_arg, arg, sizeof(pvp_restart_arg));
	if (READ_ONCE(pvp_waiting))
		mod_timer(&pvp_reset_timer, jiffies + pvp_reset * HZ);
	else
		queue_work(system_unbound_wq, &pvp_restart_work);
}

/**
 * pvp_reboot_armed - whose reboot, and nobody else's, is to go through
 * @owner: of the session that is armed; NULL: there is none, nothing waits
 *
 * Locked. Comes before pvp_restart().
 */
void pvp_reboot_armed(const struct pid *owner)
{
	WRITE_ONCE(pvp_armed_by, owner);
	wake_up_all(&pvp_armed_wait);
}

static bool pvp_held(void)
{
	const struct pid *owner = READ_ONCE(pvp_armed_by);

	return owner && owner != task_tgid(current);
}

static int pvp_reboot_notify(struct notifier_block *nb, unsigned long action, void *arg)
{
	if (action != SYS_RESTART && action != SYS_HALT && action != SYS_POWER_OFF)
		return NOTIFY_DONE;
	if (!pvp_held())
		return NOTIFY_DONE;
	WRITE_ONCE(pvp_waiting, true);
	pr_warn("an update is writing, the reboot waits for up to %u s\n", pvp_hold);
	if (!wait_event_timeout(pvp_armed_wait, !pvp_held(), pvp_hold * HZ))
		pr_crit("rebooting in the middle of an update\n");
	return NOTIFY_DONE;
}

static struct notifier_block pvp_reboot_nb = {
	.notifier_call = pvp_reboot_notify,
	.priority = PVP_REBOOT_PRIORITY,
};

int pvp_reboot_init(void)
{
	return register_reboot_notifier(&pvp_reboot_nb);
}

void pvp_reboot_exit(void)
{
	unregister_reboot_notifier(&pvp_reboot_nb);
}
