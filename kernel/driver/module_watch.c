// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules, and what the kernel says of them.
 *
 * Every module that a line names, and every one that a load of ours brought in,
 * has an entry. The module notifier keeps the entries true; whether one was
 * resident before its entry is looked up in the module kset.
 *
 * Locking: see pv_driver.h. The notifier takes pvd_lock inside module loads and
 * removals, so nobody may wait for either under it. A module is pinned only
 * when LIVE: a reference taken in COMING succeeds too, and a failing init then
 * frees the module under it. A pinned module can still go by a forced removal;
 * its pointer is forgotten under pvd_lock in GOING and never put.
 */

#include <linux/hashtable.h>
#include <linux/kernfs.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

#include "pv_driver.h"

LIST_HEAD(pvd_modules);
LIST_HEAD(pvd_ours);
static u64 pvd_orders;

static DEFINE_HASHTABLE(pvd_names_of_modules, 8);

static u32 pvd_module_hash(const char *name)
{
	return full_name_hash(NULL, name, strlen(name));
}

/**
 * pvd_module_find - look up the entry of a module
 * @name: with "_" for "-"
 *
 * Locked.
 *
 * Return: the entry or NULL.
 */
struct pvd_module *pvd_module_find(const char *name)
{
	struct pvd_module *m;

	hash_for_each_possible(pvd_names_of_modules, m, hash, pvd_module_hash(name))
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

/*
 * The kset knows loadable modules and those built-in ones that have parameters.
 * While the reference of the kobject is held the struct module stays: its
 * teardown waits for the last one.
 */
static struct module_kobject *pvd_module_kobj(const char *name)
{
	struct kobject *kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, name);

	return kobj ? container_of(kobj, struct module_kobject, kobj) : NULL;
}

static bool pvd_module_is_permanent(const struct module *mod)
{
	return mod->init && !mod->exit;
}

static void pvd_module_look(struct pvd_module *m)
{
	struct module_kobject *mkobj = pvd_module_kobj(m->name);

	if (!mkobj)
		return;
	if (!mkobj->mod) {
		m->builtin = true;
	} else if (READ_ONCE(mkobj->mod->state) == MODULE_STATE_LIVE) {
		m->live = true;
		m->permanent = pvd_module_is_permanent(mkobj->mod);
	}
	kobject_put(&mkobj->kobj);
}

static struct pvd_module *pvd_module_alloc(const char *name)
{
	struct pvd_module *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	strscpy(m->name, name, sizeof(m->name));
	INIT_LIST_HEAD(&m->lines);
	INIT_LIST_HEAD(&m->by_order);
	list_add_tail(&m->node, &pvd_modules);
	hash_add(pvd_names_of_modules, &m->hash, pvd_module_hash(m->name));
	pvd_generation++;
	return m;
}

/**
 * pvd_module_get - find or make the entry of a module
 * @name: with "_" for "-"
 *
 * The caller links a line to it, or calls pvd_module_put(). Locked.
 *
 * Return: the entry, NULL when out of memory.
 */
struct pvd_module *pvd_module_get(const char *name)
{
	struct pvd_module *m = pvd_module_find(name);

	if (m)
		return m;
	m = pvd_module_alloc(name);
	if (m)
		pvd_module_look(m);
	return m;
}

/**
 * pvd_module_put - free an entry that nothing needs any more
 * @m: the entry
 *
 * Locked.
 */
void pvd_module_put(struct pvd_module *m)
{
	if (!list_empty(&m->lines) || m->ours || m->removing)
		return;
	WARN_ON_ONCE(m->mod);
	list_del(&m->node);
	hash_del(&m->hash);
	pvd_generation++;
	kfree(m->cause);
	kfree(m);
}

/**
 * pvd_module_pin - take a reference of a live module
 * @m: the entry
 *
 * Locked.
 *
 * Return: whether it is pinned now; false also for a built-in one.
 */
bool pvd_module_pin(struct pvd_module *m)
{
	struct module_kobject *mkobj;

	if (m->mod)
		return true;
	if (!m->live)
		return false;
	mkobj = pvd_module_kobj(m->name);
	if (!mkobj)
		return false;
	if (mkobj->mod && READ_ONCE(mkobj->mod->state) == MODULE_STATE_LIVE &&
	    try_module_get(mkobj->mod))
		m->mod = mkobj->mod;
	kobject_put(&mkobj->kobj);
	return m->mod;
}

/**
 * pvd_module_unpin - give the reference back
 * @m: the entry
 *
 * Locked.
 */
void pvd_module_unpin(struct pvd_module *m)
{
	if (!m->mod)
		return;
	module_put(m->mod);
	m->mod = NULL;
}

/**
 * pvd_module_is_live - is a module resident and initialised
 * @name: with "_" for "-"
 *
 * Locked.
 *
 * Return: whether its entry says so.
 */
bool pvd_module_is_live(const char *name)
{
	const struct pvd_module *m = pvd_module_find(name);

	return m && m->live;
}

/**
 * pvd_module_held_by_ours - does another module of ours depend on this one
 * @m: a pinned module
 *
 * Reads the links in /sys/module/NAME/holders. Locked.
 *
 * Return: true when one does.
 */
bool pvd_module_held_by_ours(const struct pvd_module *m)
{
	struct pvd_module *other;
	struct kernfs_node *kn;

	if (!m->mod || !m->mod->holders_dir)
		return false;
	list_for_each_entry(other, &pvd_ours, by_order) {
		if (!other->live)
			continue;
		kn = kernfs_find_and_get(m->mod->holders_dir->sd, other->name);
		if (kn) {
			kernfs_put(kn);
			return true;
		}
	}
	return false;
}

static void pvd_module_tell_drivers(struct pvd_module *m)
{
	struct pvd_line *line;

	list_for_each_entry(line, &m->lines, by_module)
		pvd_driver_derive_state(line->driver);
}

/* A driver that was waiting for this one with an error may be whole again. */
static void pvd_module_absolve_drivers(struct pvd_module *m)
{
	struct pvd_line *line;

	list_for_each_entry(line, &m->lines, by_module) {
		struct pvd_driver *drv = line->driver;

		if (!drv->busy && drv->error && pvd_driver_present(drv))
			pvd_driver_set_error(drv, 0, NULL);
	}
}

/* A load of ours brought it in. */
static void pvd_module_take(struct pvd_module *m, const struct pvd_task *task)
{
	m->ours = true;
	m->order = ++pvd_orders;
	m->owner = task->driver;
	list_add_tail(&m->by_order, &pvd_ours);

	m->cause = kzalloc(sizeof(*m->cause), GFP_KERNEL);
	if (!m->cause)
		return;
	strscpy(m->cause->alias, task->driver->alias, sizeof(m->cause->alias));
	if (task->container)
		strscpy(m->cause->container, task->container->name, sizeof(m->cause->container));
}

static void pvd_module_live(struct module *mod)
{
	struct pvd_task *task = pvd_task_of_current();
	struct pvd_module *m = pvd_module_find(mod->name);

	if (!m && task && task->op == PV_DRIVER_OP_LOAD &&
	    strlen(mod->name) <= PV_DRIVER_MAX_MODULE)
		m = pvd_module_alloc(mod->name);
	if (!m)
		return;

	m->live = true;
	m->builtin = false;
	m->guessed = false;
	m->permanent = pvd_module_is_permanent(mod);
	m->since = ktime_get_boottime_ns();
	if (task && task->op == PV_DRIVER_OP_LOAD)
		pvd_module_take(m, task);
	if (m->ours || m->holds)
		pvd_module_pin(m);
	pvd_module_absolve_drivers(m);
	pvd_module_tell_drivers(m);
}

static void pvd_module_gone(struct module *mod)
{
	struct pvd_module *m = pvd_module_find(mod->name);
	struct pvd_line *line;
	bool expected;

	if (!m)
		return;

	/* An init that failed comes here too; that one was never there. */
	expected = m->removing || !m->live;
	m->mod = NULL;
	m->live = false;
	m->permanent = false;
	m->owner = NULL;
	m->since = 0;
	kfree(m->cause);
	m->cause = NULL;
	if (m->ours) {
		m->ours = false;
		list_del_init(&m->by_order);
	}
	list_for_each_entry(line, &m->lines, by_module) {
		char text[PV_DRIVER_MAX_MODULE + 32];

		kfree(line->applied);
		line->applied = NULL;
		if (!line->held || expected)
			continue;
		snprintf(text, sizeof(text), "%s: removed from outside", m->name);
		pvd_driver_set_error(line->driver, -ENODEV, text);
	}
	pvd_module_tell_drivers(m);
	pvd_module_put(m);
}

static int pvd_module_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct module *mod = data;

	if (mod == THIS_MODULE)
		return NOTIFY_DONE;

	mutex_lock(&pvd_lock);
	pvd_tasks_note(mod->name);
	switch (action) {
	case MODULE_STATE_LIVE:
		pvd_module_live(mod);
		break;
	case MODULE_STATE_GOING:
		pvd_module_gone(mod);
		break;
	}
	mutex_unlock(&pvd_lock);
	return NOTIFY_DONE;
}

static struct notifier_block pvd_module_nb = {
	.notifier_call = pvd_module_notify,
};

int pvd_module_watch_init(void)
{
	return register_module_notifier(&pvd_module_nb);
}

void pvd_module_watch_exit(void)
{
	struct pvd_module *m, *tmp;

	unregister_module_notifier(&pvd_module_nb);

	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(m, tmp, &pvd_ours, by_order) {
		list_del_init(&m->by_order);
		m->ours = false;
		pvd_module_unpin(m);
		pvd_module_put(m);
	}
	mutex_unlock(&pvd_lock);
}
