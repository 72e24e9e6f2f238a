// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of stores: how they come, are looked at, and go.
 *
 * Locking: see pv_bootflag.h. A store is in pvf_stores while it can be found, then
 * in pvf_dying until its name is free again. Whoever found one under pvf_lock may
 * keep the pointer past it only with a reference of its device.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/slab.h>

#include "pv_bootflag.h"

DEFINE_MUTEX(pvf_register_lock);	/* adding of stores */
DEFINE_MUTEX(pvf_lock);			/* everything else, see pv_bootflag.h */
LIST_HEAD(pvf_stores);

static LIST_HEAD(pvf_dying);
static unsigned int pvf_n_stores;	/* both lists; locked */
static bool pvf_closing;		/* no store any more; under pvf_register_lock */

/**
 * pvf_name_ok - check the spelling of a store's name
 * @name: NUL-terminated
 *
 * Return: whether it is [A-Za-z0-9._-]{1,31} without a leading dot, and not the
 * name of a file beside the stores in sysfs.
 */
bool pvf_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > PV_BOOTFLAG_MAX_NAME || name[0] == '.')
		return false;
	if (!strcmp(name, "add") || !strcmp(name, "del"))
		return false;
	for (; *name; name++)
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	return true;
}

static struct pvf_store *pvf_find_in(struct list_head *list, const char *name)
{
	struct pvf_store *store;

	list_for_each_entry(store, list, node)
		if (!strcmp(pvf_name(store), name))
			return store;
	return NULL;
}

/**
 * pvf_store_find - look up a store
 * @name: its name
 *
 * Locked.
 *
 * Return: the store or NULL.
 */
struct pvf_store *pvf_store_find(const char *name)
{
	return pvf_find_in(&pvf_stores, name);
}

void pvf_call_stores(const struct pvf_medium_ops *ops,
		     void (*fn)(struct pvf_store *store, void *arg), void *arg)
{
	struct pvf_store *store;

	mutex_lock(&pvf_lock);
	list_for_each_entry(store, &pvf_stores, node)
		if (store->medium == ops)
			fn(store, arg);
	mutex_unlock(&pvf_lock);
}

/*
 * Work
 */

/**
 * pvf_store_kick - there is something to do for a store
 * @store: the store
 */
void pvf_store_kick(struct pvf_store *store)
{
	queue_work(pvf_wq, &store->work);
}

void pvf_store_changed(struct pvf_store *store)
{
	set_bit(PVF_TODO_LOOK, &store->todo);
	pvf_store_kick(store);
}

/* Takes what is next; false: nothing. A look goes before what was asked earlier. */
static bool pvf_next(struct pvf_store *store, bool *look, struct pvf_set **set)
{
	*look = false;
	*set = NULL;
	mutex_lock(&pvf_lock);
	if (!store->dead) {
		*look = test_and_clear_bit(PVF_TODO_LOOK, &store->todo);
		if (!*look)
			*set = list_first_entry_or_null(&store->sets, struct pvf_set, node);
		if (*set)
			list_del_init(&(*set)->node);
		store->current_set = *set;
	}
	mutex_unlock(&pvf_lock);
	return *look || *set;
}

static void pvf_store_work(struct work_struct *work)
{
	struct pvf_store *store = container_of(work, struct pvf_store, work);
	struct pvf_set *set;
	bool look;

	mutex_lock(&store->io);
	while (pvf_next(store, &look, &set)) {
		if (look)
			pvf_look(store);
		else
			pvf_set_do(store, set);
		pvf_panic_prepare(store);
		pvf_publish(store);
		if (!set)
			continue;
		mutex_lock(&pvf_lock);
		store->current_set = NULL;
		pvf_set_end(store, set);
		mutex_unlock(&pvf_lock);
	}
	mutex_unlock(&store->io);
}

static bool pvf_known_same(const struct pvf_known *a, const struct pvf_known *b)
{
	return a->state == b->state && a->error == b->error &&
	       a->offers == b->offers && a->guarantee == b->guarantee &&
	       a->boot_known == b->boot_known &&
	       pvf_flags_same(&a->flags, &b->flags, PVB_ALL_FIELDS);
}

/**
 * pvf_publish - show what is known, and tell if it has changed
 * @store: the store
 *
 * Io.
 */
void pvf_publish(struct pvf_store *store)
{
	bool same;

	mutex_lock(&pvf_lock);
	same = pvf_known_same(&store->known, &store->next);
	store->known = store->next;
	if (!same && !store->dead)
		pvf_event(PV_BOOTFLAG_EVENT_KIND_CHANGED, store);
	mutex_unlock(&pvf_lock);
}

/**
 * pvf_store_settle - wait until a store has been looked at
 * @name: its name; does nothing if there is none
 */
void pvf_store_settle(const char *name)
{
	struct pvf_store *store;

	mutex_lock(&pvf_lock);
	store = pvf_store_find(name);
	if (store)
		get_device(&store->dev);
	mutex_unlock(&pvf_lock);
	if (!store)
		return;
	flush_work(&store->work);
	put_device(&store->dev);
}

/*
 * Removing
 */

/* What it takes, apart from the list: waits for a write that is under way. */
static void pvf_store_finish(struct pvf_store *store)
{
	cancel_work_sync(&store->work);
	device_del(&store->dev);

	mutex_lock(&store->io);
	pvf_panic_drop(store);
	pvf_detach(store);
	mutex_unlock(&store->io);
	/* Its medium may have called pvf_store_changed() until now. */
	cancel_work_sync(&store->work);

	mutex_lock(&pvf_lock);
	list_del(&store->node);
	pvf_n_stores--;
	pvf_event(PV_BOOTFLAG_EVENT_KIND_DEL, store);
	mutex_unlock(&pvf_lock);
	/* Each caller is waited for by the module's end. */
	pvf_boot_release(store);
	put_device(&store->dev);
}

static void pvf_del_work(struct work_struct *work)
{
	pvf_store_finish(container_of(work, struct pvf_store, del_work));
}

/* locked; takes the store out of everybody's sight */
static void pvf_store_unlink(struct pvf_store *store)
{
	store->dead = true;
	list_move_tail(&store->node, &pvf_dying);
	pvf_sets_cancel(store, -ECANCELED, "the store was removed");
}

/* locked */
static bool pvf_store_idle(const struct pvf_store *store)
{
	return !store->current_set && list_empty(&store->sets) &&
	       !work_busy((struct work_struct *)&store->work);
}

int pvf_store_del(const char *name)
{
	struct pvf_store *store;

	mutex_lock(&pvf_lock);
	store = pvf_store_find(name);
	if (store)
		pvf_store_unlink(store);
	mutex_unlock(&pvf_lock);
	if (!store)
		return -ENOENT;
	pvf_store_finish(store);
	return 0;
}

/**
 * pvf_store_del_start - remove a store without waiting for its medium
 * @name: its name, which stays taken until a write under way has ended
 *
 * Return: 0 or -ENOENT.
 */
int pvf_store_del_start(const char *name)
{
	struct pvf_store *store;
	bool idle = false;

	mutex_lock(&pvf_lock);
	store = pvf_store_find(name);
	if (store) {
		idle = pvf_store_idle(store);
		pvf_store_unlink(store);
		if (!idle)
			queue_work(pvf_wq, &store->del_work);
	}
	mutex_unlock(&pvf_lock);
	if (!store)
		return -ENOENT;
	if (idle)
		pvf_store_finish(store);
	return 0;
}

/**
 * pvf_store_release - free a store with its last reference
 * @dev: its device
 */
void pvf_store_release(struct device *dev)
{
	struct pvf_store *store = container_of(dev, struct pvf_store, dev);

	if (store->medium && store->medium->free && store->priv)
		store->medium->free(store);
	kfree(store->priv);
	kfree(store->core.work);
	kfree(store->spec);
	kfree(store);
}

/*
 * Adding
 */

static struct pvf_store *pvf_store_alloc(const char *name, const char *spec)
{
	struct pvf_store *store;

	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return NULL;
	mutex_init(&store->io);
	INIT_LIST_HEAD(&store->sets);
	INIT_WORK(&store->work, pvf_store_work);
	INIT_WORK(&store->del_work, pvf_del_work);
	device_initialize(&store->dev);
	device_set_pm_not_required(&store->dev);
	store->dev.class = &pvf_class;
	store->spec = kstrdup(spec, GFP_KERNEL);
	if (store->spec && !dev_set_name(&store->dev, "%s", name))
		return store;
	put_device(&store->dev);
	return NULL;
}

/* Under pvf_register_lock: may it be added. 1: it is there already. */
static int pvf_store_new_ok(const char *name, const char *spec, const char **why)
{
	const struct pvf_store *store;
	int err = 0;

	if (!pvf_name_ok(name)) {
		*why = "name must be 1 to 31 of [A-Za-z0-9._-], no leading dot, not add or del";
		return -EINVAL;
	}
	if (pvf_closing) {
		*why = "the module is being removed";
		return -ENODEV;
	}
	mutex_lock(&pvf_lock);
	store = pvf_store_find(name);
	if (store && !strcmp(store->spec, spec)) {
		err = 1;
	} else if (store) {
		*why = "the name is taken by a store with another description";
		err = -EEXIST;
	} else if (pvf_find_in(&pvf_dying, name)) {
		*why = "a store of this name is still being removed";
		err = -EBUSY;
	} else if (pvf_n_stores >= PVF_MAX_STORES) {
		*why = "too many stores";
		err = -ENOSPC;
	}
	mutex_unlock(&pvf_lock);
	return err;
}

/* Makes the device before the store can be found. */
static int pvf_store_register(struct pvf_store *store, const char **why)
{
	int err = device_add(&store->dev);

	if (err) {
		*why = "sysfs refused the store";
		return err;
	}
	mutex_lock(&pvf_lock);
	list_add_tail(&store->node, &pvf_stores);
	pvf_n_stores++;
	pvf_event(PV_BOOTFLAG_EVENT_KIND_NEW, store);
	pvf_store_changed(store);
	mutex_unlock(&pvf_lock);
	return 0;
}

/* @medium and @node are of the device tree; else NULL, and @spec is all. */
static int pvf_store_new(const char *name, const char *spec, const struct pvf_medium_ops *medium,
			 struct device_node *node, const char **why)
{
	struct pvf_store *store;
	int err;

	mutex_lock(&pvf_register_lock);
	err = pvf_store_new_ok(name, spec, why);
	if (err) {
		err = min(err, 0);
		goto out;
	}
	*why = "out of memory";
	err = -ENOMEM;
	store = pvf_store_alloc(name, spec);
	if (!store)
		goto out;
	err = node ? pvf_spec_node(store, medium, node, why) : pvf_spec_parse(store, spec, why);
	if (!err)
		err = pvf_store_register(store, why);
	if (err)
		put_device(&store->dev);
out:
	mutex_unlock(&pvf_register_lock);
	return err;
}

int pvf_store_add(const char *name, const char *spec, const char **why)
{
	if (strlen(spec) > PV_BOOTFLAG_MAX_SPEC) {
		*why = "description too long";
		return -EINVAL;
	}
	return pvf_store_new(name, spec, NULL, NULL, why);
}

#ifdef CONFIG_OF
/* Its description, as far as users are told, is where the node is. */
int pvf_store_add_node(const char *name, const struct pvf_medium_ops *medium,
		       struct device_node *node, const char **why)
{
	char *path = kasprintf(GFP_KERNEL, "%pOF", node);
	int err;

	if (!path) {
		*why = "out of memory";
		return -ENOMEM;
	}
	if (strlen(path) > PV_BOOTFLAG_MAX_SPEC) {
		*why = "path of the node too long";
		err = -EINVAL;
	} else {
		err = pvf_store_new(name, path, medium, node, why);
	}
	kfree(path);
	return err;
}
#endif

int pvf_registry_init(void)
{
	return class_register(&pvf_class);
}

/**
 * pvf_registry_close - remove all stores, and let none come, when the module goes
 */
void pvf_registry_close(void)
{
	struct pvf_store *store;

	mutex_lock(&pvf_register_lock);
	pvf_closing = true;
	mutex_unlock(&pvf_register_lock);
	for (;;) {
		mutex_lock(&pvf_lock);
		store = list_first_entry_or_null(&pvf_stores, struct pvf_store, node);
		if (store)
			pvf_store_unlink(store);
		mutex_unlock(&pvf_lock);
		if (!store)
			break;
		pvf_store_finish(store);
	}
	/* Those whose removal was begun by others. */
	flush_workqueue(pvf_wq);
}

void pvf_registry_exit(void)
{
	pvf_registry_close();
	class_unregister(&pvf_class);
}
