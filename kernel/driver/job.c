// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: the load and the unload of one driver.
 *
 * A job runs in the driver's work item, one at a time for each driver, with
 * pvd_lock held but for the tasks in between. While it has the lock dropped,
 * modules come and go, other drivers run their jobs, and requests are queued or
 * cancelled; the driver itself, its lines and their modules stay.
 *
 * What a load brought in, dependencies too, is in pvd_ours in the order in
 * which it came. Taking away is one mechanism for a load that fails, a last use
 * that ends and what an earlier job had to leave behind: drop the holds, then
 * sweep, newest first, whatever of ours nobody holds. That order is right also
 * when a driver lists a module before its own dependency.
 */

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "pv_driver.h"

/*
 * A load that failed while a module was being removed may have lost a
 * dependency to that: it is tried again once the removal is over.
 */
#define PVD_LOAD_TRIES		4
#define PVD_REMOVAL_WAIT	(5 * HZ)
/* References that udev or a reader of /proc takes are gone in no time. */
#define PVD_BUSY_TRIES		5
#define PVD_LOADING_TRIES	50	/* the same while another driver loads */
#define PVD_REMOVE_TRIES	3	/* a reference may come just before the removal */
#define PVD_BUSY_PAUSE_MS	20

static u32 pvd_removals;	/* removals that are over; locked */
static unsigned int pvd_removing;	/* removals under way; locked */
static DECLARE_WAIT_QUEUE_HEAD(pvd_removal_wq);

static u32 pvd_us_since(ktime_t start)
{
	return min_t(s64, ktime_us_delta(ktime_get(), start), U32_MAX);
}

__printf(3, 4)
static int pvd_fail(struct pvd_driver *drv, int error, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	pvd_driver_set_error(drv, error, text);
	kfree(text);
	return error;
}

/* locked; did we load the module for another line, with the same parameters? */
static bool pvd_line_agrees(const struct pvd_line *line)
{
	const struct pvd_line *other;

	list_for_each_entry(other, &line->module->lines, by_module)
		if (other != line && other->applied && !strcmp(other->params, line->params))
			return true;
	return false;
}

static void pvd_line_hold(struct pvd_line *line)
{
	if (line->held)
		return;
	line->held = true;
	line->driver->held = true;
	line->module->holds++;
}

/*
 * Locked. Uses what is there already, and says so if parameters are lost; @ran:
 * it is there because this line was run.
 */
static bool pvd_line_adopt(struct pvd_line *line, bool ran)
{
	struct pvd_module *m = line->module;
	bool ours_now = m->owner == line->driver;

	if (!m->builtin && !pvd_module_pin(m))
		return false;
	if (line->params[0] && !line->applied && !ran && (ours_now || !pvd_line_agrees(line)))
		pvd_driver_warn(line->driver, "%s: %s already, parameters not applied", m->name,
				m->builtin ? "built in" : "resident");
	pvd_line_hold(line);
	return true;
}

/* locked, drops the lock; the module is not there */
static int pvd_line_run(struct pvd_line *line, struct pvd_container *who)
{
	struct pvd_module *m = line->module;
	struct pvd_task task = {
		.op = PV_DRIVER_OP_LOAD,
		.driver = line->driver,
		.container = who,
		.line = line->text,
		.module = m->name,
	};
	int err;

	err = pvd_task_run(&task);
	if (err) {
		pvd_fail(line->driver, err, "%s: %s", m->name,
			 task.text ? task.text : "could not be loaded");
		goto out;
	}
	if (m->live) {
		kfree(line->applied);
		/* Without an answer the parameters of a template are not known. */
		line->applied = task.params;
		if (!task.params && !strstr(line->params, "${"))
			line->applied = kstrdup(line->params, GFP_KERNEL);
		task.params = NULL;
	} else if (task.builtin) {
		m->builtin = true;
		m->guessed = task.guessed;
		if (m->guessed)
			pvd_driver_warn(line->driver, "%s: taken for built in, modprobe did nothing",
					m->name);
	} else {
		err = pvd_fail(line->driver, -ENOENT, "%s: not there after its load", m->name);
	}
out:
	pvd_task_release(&task);
	return err;
}

/* Locked, drops the lock. Was a removal in the way since @before was read? */
static bool pvd_removal_passed(u32 before)
{
	if (pvd_removals == before && pvd_removing) {
		mutex_unlock(&pvd_lock);
		wait_event_timeout(pvd_removal_wq, READ_ONCE(pvd_removals) != before,
				   PVD_REMOVAL_WAIT);
		mutex_lock(&pvd_lock);
	}
	return pvd_removals != before;
}

/* locked, drops the lock */
static int pvd_line_load(struct pvd_line *line, struct pvd_container *who)
{
	unsigned int tries;
	u32 removals;
	int err = 0;

	for (tries = 0; tries < PVD_LOAD_TRIES; tries++) {
		if (pvd_line_adopt(line, tries))
			return 0;
		removals = pvd_removals;
		err = pvd_line_run(line, who);
		if (err && !pvd_removal_passed(removals))
			break;
	}
	if (err)
		return err;
	if (pvd_line_adopt(line, true))
		return 0;
	return pvd_fail(line->driver, -EAGAIN, "%s: removed while it was loaded",
			line->module->name);
}

/* locked; is it for this sweep to remove? */
static bool pvd_sweepable(const struct pvd_module *m, const struct pvd_driver *drv)
{
	return m->live && !m->holds && !m->permanent && !m->removing &&
	       (!m->owner || m->owner == drv);
}

/* locked; the newest that is older than @before */
static struct pvd_module *pvd_sweep_next(const struct pvd_driver *drv, u64 before)
{
	struct pvd_module *m;

	list_for_each_entry_reverse(m, &pvd_ours, by_order)
		if (m->order < before && pvd_sweepable(m, drv))
			return m;
	return NULL;
}

static bool pvd_names(const struct pvd_driver *drv, const struct pvd_module *m)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (drv->lines[i].module == m)
			return true;
	return false;
}

/*
 * Locked. The module is pinned for the look at its references: one that a module
 * of ours has is no obstacle, the module goes when that one does.
 *
 * Return: 0 nobody has one, 1 one of ours has, -EBUSY somebody else.
 */
static int pvd_module_look_idle(struct pvd_module *m)
{
	int ret = -EBUSY;

	if (!pvd_module_pin(m))
		return 1;
	if (module_refcount(m->mod) <= 1)
		ret = 0;
	else if (pvd_module_held_by_ours(m))
		ret = 1;
	pvd_module_unpin(m);
	return ret;
}

/*
 * Locked, drops the lock. Waits a little for references that are none: while
 * another driver loads, one may be that of a module which is not live yet.
 *
 * Return: 0 to go ahead, 1 to leave it for later, -EBUSY.
 */
static int pvd_module_idle(struct pvd_module *m, const struct pvd_driver *drv)
{
	unsigned int tries;
	int ret;

	for (tries = 0; tries < PVD_LOADING_TRIES; tries++) {
		ret = pvd_module_look_idle(m);
		if (ret != -EBUSY)
			return ret;
		if (tries >= PVD_BUSY_TRIES && !pvd_tasks_loading(drv))
			return ret;

		m->removing = true;
		mutex_unlock(&pvd_lock);
		msleep(PVD_BUSY_PAUSE_MS);
		mutex_lock(&pvd_lock);
		m->removing = false;
		if (!m->live || m->holds)
			return 1;
	}
	return 1;
}

/* locked, drops the lock; one attempt, 0 also when somebody holds it by now */
static int pvd_module_remove_once(struct pvd_module *m, struct pvd_driver *drv)
{
	struct pvd_task task = {
		.op = PV_DRIVER_OP_UNLOAD,
		.driver = drv,
		.line = m->name,
		.module = m->name,
	};
	int err;

	m->removing = true;
	pvd_removing++;
	err = pvd_task_run(&task);
	pvd_removing--;
	WRITE_ONCE(pvd_removals, pvd_removals + 1);
	wake_up_all(&pvd_removal_wq);
	m->removing = false;
	if (err && m->live && !m->holds)
		pvd_fail(drv, err, "%s: %s", m->name,
			 task.text ? task.text : "could not be removed");
	else
		err = 0;
	pvd_task_release(&task);
	return err;
}

/*
 * Locked, drops the lock. Who holds a module that is in use only user space can
 * list: an agent has to try the removal, which fails, and says so. rmmod would not.
 */
static int pvd_module_remove(struct pvd_module *m, struct pvd_driver *drv)
{
	bool named = pvd_names(drv, m);
	unsigned int tries;
	int err = 0;

	for (tries = 0; tries < PVD_REMOVE_TRIES; tries++) {
		int idle = pvd_module_idle(m, drv);

		if (idle > 0 || !m->live) {
			err = 0;
			break;
		}
		if (idle && !(named && pvd_agent)) {
			if (!err)
				err = pvd_fail(drv, idle, "%s: in use", m->name);
			break;
		}
		err = pvd_module_remove_once(m, drv);
		if (!err || idle)
			break;
	}
	return named ? err : 0;
}

/*
 * Locked, drops the lock. The driver's error is the first one about a module that
 * it names.
 */
static int pvd_sweep(struct pvd_driver *drv)
{
	u64 before = U64_MAX;
	struct pvd_module *m;
	char *text = NULL;
	int err = 0;

	while ((m = pvd_sweep_next(drv, before))) {
		int e;

		before = m->order;
		e = pvd_module_remove(m, drv);
		if (e && !err) {
			err = e;
			swap(text, drv->text);
		}
		pvd_module_put(m);
	}
	pvd_driver_set_error(drv, err, text);
	kfree(text);
	return err;
}

/*
 * Locked, at the end of a job. Dependencies are held by their users and need no
 * pin of ours any more; what a driver that gave up its modules leaves behind is
 * for the next sweep, whoever's.
 */
static void pvd_disown(struct pvd_driver *drv)
{
	struct pvd_module *m;

	list_for_each_entry(m, &pvd_ours, by_order) {
		if (m->owner != drv)
			continue;
		if (!m->holds)
			pvd_module_unpin(m);
		if (!drv->held)
			m->owner = NULL;
	}
}

static void pvd_release(struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++) {
		struct pvd_line *line = &drv->lines[i];

		if (!line->held)
			continue;
		line->held = false;
		if (--line->module->holds)
			continue;
		pvd_module_unpin(line->module);
		if (line->module->guessed) {
			line->module->builtin = false;
			line->module->guessed = false;
		}
	}
	drv->held = false;
}

static void pvd_warn_permanent(struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (drv->lines[i].module->permanent)
			pvd_driver_warn(drv, "%s: permanent, it has no exit function and stays",
					drv->lines[i].module->name);
}

/* locked; will an unload take one of the driver's own modules away? */
static bool pvd_removes(const struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (drv->lines[i].module->ours && pvd_sweepable(drv->lines[i].module, drv))
			return true;
	return false;
}

/* locked, drops the lock */
static int pvd_take_back(struct pvd_driver *drv)
{
	int err = pvd_sweep(drv);

	pvd_disown(drv);
	return err;
}

/**
 * pvd_load - load a driver's modules, all or none
 * @drv: the driver; its error, warnings, state and statistics are set
 * @who: with whose rights the lines are resolved; NULL for the host
 *
 * On failure what this load brought in is gone again, unless other uses need
 * it. Locked, drops the lock.
 *
 * Return: 0 or a negative errno.
 */
int pvd_load(struct pvd_driver *drv, struct pvd_container *who)
{
	ktime_t start = ktime_get();
	unsigned int i;
	int err = 0;

	pvd_driver_clear(drv);
	if (!pvd_driver_present(drv))
		pvd_driver_set_state(drv, PV_DRIVER_STATE_LOADING);

	for (i = 0; i < drv->n_lines && !err; i++)
		err = pvd_line_load(&drv->lines[i], who);
	if (!err && !pvd_driver_present(drv))
		err = pvd_fail(drv, -EAGAIN, "a module was removed while others were loaded");

	if (err) {
		char *text = drv->text;

		/* Keep the cause: taking back may fail too. */
		drv->text = NULL;
		if (list_empty(&drv->uses))
			pvd_release(drv);
		pvd_take_back(drv);
		pvd_driver_set_error(drv, err, text);
		kfree(text);
		drv->stats.failures++;
		return err;
	}
	drv->held = true;
	pvd_disown(drv);
	pvd_warn_permanent(drv);
	drv->stats.loads++;
	drv->stats.load_us = pvd_us_since(start);
	return 0;
}

/**
 * pvd_unload - give up a driver's modules
 * @drv: the driver, without uses; its error, warnings, state and statistics are
 *	set
 *
 * Modules that others hold, that were there before us or that cannot be removed
 * at all stay, which is no error. Locked, drops the lock.
 *
 * Return: 0, or a negative errno when a module that the driver names, and that
 * is ours and nobody else's, could not be removed.
 */
int pvd_unload(struct pvd_driver *drv)
{
	ktime_t start = ktime_get();
	bool had = drv->held;
	int err;

	pvd_driver_clear(drv);
	pvd_warn_permanent(drv);
	pvd_release(drv);
	if (pvd_removes(drv))
		pvd_driver_set_state(drv, PV_DRIVER_STATE_UNLOADING);
	err = pvd_take_back(drv);
	if (err) {
		drv->stats.failures++;
	} else if (had) {
		drv->stats.unloads++;
		drv->stats.unload_us = pvd_us_since(start);
	}
	return err;
}

/**
 * pvd_compare - warn when another container would have given other parameters
 * @drv: the driver, loaded
 * @who: who uses it from now on; NULL for the host
 *
 * The first use fixed the parameters. Only lines with a template can differ,
 * and only the agent can tell. Locked, drops the lock.
 */
void pvd_compare(struct pvd_driver *drv, struct pvd_container *who)
{
	unsigned int i;

	for (i = 0; i < drv->n_lines && pvd_agent; i++) {
		struct pvd_line *line = &drv->lines[i];
		struct pvd_task task = {
			.op = PV_DRIVER_OP_RESOLVE,
			.driver = drv,
			.container = who,
			.line = line->text,
			.module = line->module->name,
		};

		if (!line->applied || !strstr(line->params, "${"))
			continue;
		if (!pvd_task_run(&task) && line->applied &&
		    strcmp(line->applied, task.params ? task.params : ""))
			pvd_driver_warn(drv, "%s: the first use fixed the parameters, %s would give others",
					line->module->name, who ? who->name : "the host");
		pvd_task_release(&task);
	}
}
