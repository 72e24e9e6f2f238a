// SPDX-License-Identifier: GPL-2.0-only
/*
 * `reboot ARG`: a store that lists ARG as a mode gets it; whatever else is said
 * passes through, "kexec reboot" included. And a clean end takes back armed.
 *
 * Above 0, where MTD suspends its NAND: a write after that hangs the reboot. Once
 * this is done no medium is written any more.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/slab.h>

#include "pv_bootflag.h"

#define PVF_REBOOT_PRIORITY	200
#define PVF_REBOOT_LIMIT	(10 * HZ)	/* for all stores together */

struct pvf_last {
	struct pvf_set *set;
	struct completion done;
	char name[PV_BOOTFLAG_MAX_NAME + 1];
};

/* locked; what a clean end with that argument makes of a store */
static bool pvf_last_change(const struct pvf_store *store, const char *arg,
			    struct pvf_change *change)
{
	const char *why;

	change->own = true;
	if (arg && !store->opt.no_reboot && pvf_mode_find(store, arg))
		pvf_change_text(change, PVB_MODE, arg, &why);
	if (store->opt.armed)
		change->clear |= PVB_HAS(PVB_ARMED);
	return change->set || change->clear;
}

/* locked */
static bool pvf_last_queue(struct pvf_store *store, const char *arg, struct pvf_last *last)
{
	struct pvf_set *set = pvf_set_new();
	const char *why = "out of memory";

	if (!set)
		goto err;
	if (!pvf_last_change(store, arg, &set->change)) {
		pvf_set_free(set);
		return false;
	}
	init_completion(&last->done);
	set->done = &last->done;
	strscpy(last->name, pvf_name(store), sizeof(last->name));
	last->set = set;
	if (!pvf_set_queue(store, set, &why))
		return true;
	pvf_set_free(set);
err:
	pr_err("%s: not written at reboot: %s\n", pvf_name(store), why);
	return false;
}

static void pvf_last_wait(struct pvf_last *last, unsigned long until)
{
	unsigned long now = jiffies;
	unsigned long left = time_before(now, until) ? until - now : 0;

	if (!wait_for_completion_timeout(&last->done, left)) {
		mutex_lock(&pvf_lock);
		/* It may have ended just now. */
		if (!completion_done(&last->done)) {
			pvf_set_abandon(last->set);
			last->set = NULL;
		}
		mutex_unlock(&pvf_lock);
	}
	if (!last->set) {
		pr_err("%s: not written at reboot: it takes too long\n", last->name);
		return;
	}
	if (last->set->error)
		pr_err("%s: not written at reboot: error %d, %s\n", last->name,
		       -last->set->error, last->set->why ?: "");
	pvf_set_free(last->set);
}

static int pvf_reboot_notify(struct notifier_block *nb, unsigned long action, void *arg)
{
	unsigned long until = jiffies + PVF_REBOOT_LIMIT;
	struct pvf_last *last;
	struct pvf_store *store;
	unsigned int i, n = 0;

	if (action != SYS_RESTART && action != SYS_HALT && action != SYS_POWER_OFF)
		return NOTIFY_DONE;
	last = kcalloc(PVF_MAX_STORES, sizeof(*last), GFP_KERNEL);
	mutex_lock(&pvf_lock);
	/* What is queued comes first; what comes later is refused. */
	pvf_going_down = true;
	if (last)
		list_for_each_entry(store, &pvf_stores, node)
			n += pvf_last_queue(store, arg, &last[n]);
	mutex_unlock(&pvf_lock);
	for (i = 0; i < n; i++)
		pvf_last_wait(&last[i], until);
	kfree(last);
	return NOTIFY_DONE;
}

static struct notifier_block pvf_reboot_nb = {
	.notifier_call = pvf_reboot_notify,
	.priority = PVF_REBOOT_PRIORITY,
};

int pvf_reboot_init(void)
{
	return register_reboot_notifier(&pvf_reboot_nb);
}

void pvf_reboot_exit(void)
{
	unregister_reboot_notifier(&pvf_reboot_nb);
}
