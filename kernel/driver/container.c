// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers: a name, a cgroup, roles, and the drivers they name.
 *
 * Whoever runs in a registered cgroup, or below one, is that container; the
 * nearest registered ancestor counts. A container ends when it is removed by
 * name, when its first process exits, and when its cgroup is empty or gone.
 *
 * Locking: see pv_driver.h. A cgroup's parents stay as long as it does, so the
 * walk up needs a reference, or RCU, for the first one alone. The wait queue of
 * a struct pid is woken with interrupts off: the wake-up only kicks the tick.
 */

#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pv_driver.h"

#define PVD_CONTAINER_TICK	(2 * HZ)	/* an empty cgroup is seen within it */

LIST_HEAD(pvd_containers);
unsigned int pvd_n_containers;

static DEFINE_HASHTABLE(pvd_cgroups, 8);
static u64 pvd_container_ids;

static void pvd_container_tick_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvd_container_tick, pvd_container_tick_work);

/**
 * pvd_container_find - look up a registered container by name
 * @name: its name
 *
 * Locked.
 *
 * Return: the container or NULL.
 */
struct pvd_container *pvd_container_find(const char *name)
{
	struct pvd_container *c;

	list_for_each_entry(c, &pvd_containers, node)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/**
 * pvd_container_by_id - look up a registered container by its number
 * @id: from pvd_container_new()
 *
 * Locked.
 *
 * Return: the container or NULL.
 */
struct pvd_container *pvd_container_by_id(u64 id)
{
	struct pvd_container *c;

	list_for_each_entry(c, &pvd_containers, node)
		if (c->id == id)
			return c;
	return NULL;
}

static struct pvd_container *pvd_container_at(const struct cgroup *cgrp)
{
	struct pvd_container *c;

	hash_for_each_possible(pvd_cgroups, c, hash, (unsigned long)cgrp)
		if (c->cgrp == cgrp)
			return c;
	return NULL;
}

/**
 * pvd_container_of - the container that a cgroup belongs to
 * @cgrp: kept by the caller
 *
 * Locked.
 *
 * Return: the nearest registered one at or above @cgrp, or NULL.
 */
struct pvd_container *pvd_container_of(struct cgroup *cgrp)
{
	struct pvd_container *c;

	for (; cgrp; cgrp = cgroup_parent(cgrp)) {
		c = pvd_container_at(cgrp);
		if (c)
			return c;
	}
	return NULL;
}

/**
 * pvd_container_of_current - the container that the running task is in
 *
 * Locked.
 *
 * Return: the container or NULL.
 */
struct pvd_container *pvd_container_of_current(void)
{
	struct pvd_container *c;

	rcu_read_lock();
	c = pvd_container_of(task_dfl_cgroup(current));
	rcu_read_unlock();
	if (c)
		c->populated = true;	/* by a process that may be gone at the next tick */
	return c;
}

/**
 * pvd_container_entry - how a container names a driver
 * @c: the container
 * @alias: of the driver
 *
 * Return: the entry, or NULL when it does not name it.
 */
const struct pvd_entry *pvd_container_entry(const struct pvd_container *c, const char *alias)
{
	unsigned int i;

	for (i = 0; i < c->n_entries; i++)
		if (!strcmp(c->entries[i].alias, alias))
			return &c->entries[i];
	return NULL;
}

void pvd_entries_free(struct pvd_entry *entries, unsigned int n)
{
	while (n)
		kfree(entries[--n].alias);
	kfree(entries);
}

static void pvd_container_release(struct kref *ref)
{
	struct pvd_container *c = container_of(ref, struct pvd_container, ref);

	pvd_entries_free(c->entries, c->n_entries);
	put_pid(c->init);
	if (c->cgrp)
		cgroup_put(c->cgrp);
	kfree(c);
}

void pvd_container_put(struct pvd_container *c)
{
	kref_put(&c->ref, pvd_container_release);
}

static int pvd_init_exited(wait_queue_entry_t *wait, unsigned int mode, int flags, void *key)
{
	mod_delayed_work(system_wq, &pvd_container_tick, 0);
	return 0;
}

/**
 * pvd_pid_gone - has a process ended
 * @pid: of the process
 *
 * Return: whether its last thread has; the first may go long before.
 */
bool pvd_pid_gone(struct pid *pid)
{
	struct task_struct *task;
	bool gone;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	gone = !task || (READ_ONCE(task->exit_state) && thread_group_empty(task));
	rcu_read_unlock();
	return gone;
}

/**
 * pvd_container_ended - has nothing of a container been left running
 * @c: registered
 *
 * Locked.
 *
 * Return: whether its first process, or all of its cgroup, is gone.
 */
bool pvd_container_ended(struct pvd_container *c)
{
	if (c->init && pvd_pid_gone(c->init))
		return true;
	if (!(READ_ONCE(c->cgrp->self.flags) & CSS_ONLINE))
		return true;
	if (cgroup_is_populated(c->cgrp)) {
		c->populated = true;
		return false;
	}
	return c->populated;
}

static void pvd_container_tick_work(struct work_struct *work)
{
	struct pvd_container *c, *tmp;

	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(c, tmp, &pvd_containers, node)
		if (pvd_container_ended(c))
			pvd_container_end(c, NULL);
	if (pvd_n_containers)
		mod_delayed_work(system_wq, &pvd_container_tick, PVD_CONTAINER_TICK);
	mutex_unlock(&pvd_lock);
}

static bool pvd_cgroup_is_above(struct cgroup *above, struct cgroup *cgrp)
{
	return cgrp && cgroup_is_descendant(cgrp, above);
}

/*
 * Without a mount every process is in the root of the hierarchy that nobody
 * sees. The type is built in wherever there are cgroups: it is found at once.
 */
static bool pvd_cgroup2_mounted(void)
{
	struct file_system_type *type = get_fs_type("cgroup2");
	bool mounted;

	if (!type)
		return false;
	mounted = !hlist_empty(&type->fs_supers);
	module_put(type->owner);
	return mounted;
}

/* locked; which cgroups may be a container */
static int pvd_cgroup_check(struct cgroup *cgrp, const char **why)
{
	bool mine;

	if (!cgroup_parent(cgrp)) {
		if (!pvd_cgroup2_mounted()) {
			*why = "no cgroup v2 hierarchy: mount cgroup2";
			return -EOPNOTSUPP;
		}
		*why = "the root cgroup cannot be a container";
		return -EINVAL;
	}
	rcu_read_lock();
	mine = pvd_cgroup_is_above(cgrp, task_dfl_cgroup(current));
	rcu_read_unlock();
	if (mine) {
		*why = "the caller itself is in this cgroup";
		return -EINVAL;
	}
	if (pvd_cgroup_is_above(cgrp, pvd_agent_cgrp)) {
		*why = "the agent is in this cgroup";
		return -EINVAL;
	}
	if (pvd_container_at(cgrp)) {
		*why = "this cgroup is registered already";
		return -EEXIST;
	}
	return 0;
}

static struct cgroup *pvd_cgroup_of_pid(struct pid *pid)
{
	struct task_struct *task;
	struct cgroup *cgrp = NULL;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	if (task) {
		cgrp = task_dfl_cgroup(task);
		if (!cgroup_tryget(cgrp))
			cgrp = NULL;
	}
	rcu_read_unlock();
	return cgrp;
}

/* Fills in @c->init and @c->cgrp; the container's release puts them. */
static int pvd_container_locate(struct pvd_container *c, const struct pvd_container_args *args,
				const char **why)
{
	struct cgroup *cgrp;

	if (args->pid) {
		c->init = find_get_pid(args->pid);
		if (!c->init || pvd_pid_gone(c->init)) {
			*why = "no such process";
			return -ESRCH;
		}
	}
	if (args->cgroup_fd >= 0) {
		cgrp = cgroup_get_from_fd(args->cgroup_fd);
		if (IS_ERR(cgrp)) {
			if (PTR_ERR(cgrp) == -EBADF && !pvd_cgroup2_mounted()) {
				*why = "no cgroup v2 hierarchy: mount cgroup2";
				return -EOPNOTSUPP;
			}
			*why = "cgroup-fd is no folder of a cgroup v2 hierarchy";
			return PTR_ERR(cgrp);
		}
	} else {
		cgrp = pvd_cgroup_of_pid(c->init);
		if (!cgrp) {
			*why = "no such process";
			return -ESRCH;
		}
	}
	c->cgrp = cgrp;
	return 0;
}

static int pvd_container_check(struct pvd_container *c, const char **why)
{
	if (pvd_n_containers >= pvd_param_max_containers) {
		*why = "too many containers, see the parameter max_containers";
		return -ENOSPC;
	}
	if (pvd_container_find(c->name)) {
		*why = "a container of this name is registered already";
		return -EEXIST;
	}
	return pvd_cgroup_check(c->cgrp, why);
}

/**
 * pvd_container_new - register a container
 * @args: what it is
 * @id: set to its number
 * @why: set to a text when the return value is not 0
 *
 * Locked.
 *
 * Return: 0, or -EINVAL, -EEXIST, -ESRCH, -EOPNOTSUPP, -ENOSPC, -ENOMEM.
 */
int pvd_container_new(const struct pvd_container_args *args, u64 *id, const char **why)
{
	struct pvd_container *c;
	int err;

	if (!pvd_name_ok(args->name)) {
		*why = "name must be 1 to 63 of [A-Za-z0-9._+@:-], no leading dot";
		return -EINVAL;
	}
	if (args->cgroup_fd < 0 && !args->pid) {
		*why = "neither cgroup-fd nor pid";
		return -EINVAL;
	}
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c) {
		*why = "out of memory";
		return -ENOMEM;
	}
	kref_init(&c->ref);
	INIT_LIST_HEAD(&c->uses);
	strscpy(c->name, args->name, sizeof(c->name));
	c->roles = args->roles;

	err = pvd_container_locate(c, args, why);
	if (!err)
		err = pvd_container_check(c, why);
	if (err) {
		pvd_container_put(c);
		return err;
	}
	c->entries = args->entries;
	c->n_entries = args->n_entries;
	c->id = ++pvd_container_ids;
	c->populated = cgroup_is_populated(c->cgrp);
	list_add_tail(&c->node, &pvd_containers);
	hash_add(pvd_cgroups, &c->hash, (unsigned long)c->cgrp);
	pvd_n_containers++;
	pvd_event(PV_DRIVER_EVENT_KIND_CONTAINER_NEW, NULL, c);
	if (c->init) {
		init_waitqueue_func_entry(&c->init_wait, pvd_init_exited);
		add_wait_queue(&c->init->wait_pidfd, &c->init_wait);
	}
	mod_delayed_work(system_wq, &pvd_container_tick, 0);
	*id = c->id;
	return 0;
}

/**
 * pvd_container_end - remove a container and end its uses
 * @c: registered; the registry's reference is put
 * @call: is to wait until its drivers have been unloaded; or NULL
 *
 * Locked.
 */
void pvd_container_end(struct pvd_container *c, struct pvd_call *call)
{
	c->dead = true;
	list_del(&c->node);
	hash_del(&c->hash);
	pvd_n_containers--;
	pvd_event(PV_DRIVER_EVENT_KIND_CONTAINER_DEL, NULL, c);
	if (c->init)
		remove_wait_queue(&c->init->wait_pidfd, &c->init_wait);
	pvd_client_drop_container(c);
	pvd_uses_drop(c, call);
	pvd_container_put(c);
}

/**
 * pvd_container_exit - forget all containers, when the module goes
 *
 * None has a use or a call any more: each of those holds the module.
 */
void pvd_container_exit(void)
{
	struct pvd_container *c, *tmp;

	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(c, tmp, &pvd_containers, node)
		pvd_container_end(c, NULL);
	mutex_unlock(&pvd_lock);
	cancel_delayed_work_sync(&pvd_container_tick);
}
