// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who does the work: the agent over netlink, or modprobe and rmmod as user mode
 * helpers when there is none or it does not answer.
 *
 * Locking: see pv_driver.h. A task is on the stack of its job and in pvd_tasks
 * from its first attempt to its last; everything in it changes under pvd_lock,
 * and pvd_task_wq is woken after each change that a job waits for. The waits
 * look at single words without the lock and look again with it.
 *
 * An agent may die at any moment, also between the module's init and its
 * answer. Then the job waits for the worker's process to be gone, and what the
 * kernel has by then is the outcome. There is no limit to that wait: nothing
 * can stop a module's init. Callers have their own time limits.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/umh.h>

#include "pv_driver.h"

#define PVD_AGENT_TRIES		3	/* agents in a row that die on one task */
#define PVD_HELPER_ARGS		64
#define PVD_ANCESTORS		32	/* how far up a worker is looked for */

struct pvd_client *pvd_agent;
struct cgroup *pvd_agent_cgrp;

static LIST_HEAD(pvd_tasks);
static DECLARE_WAIT_QUEUE_HEAD(pvd_task_wq);
static u64 pvd_task_ids;

/**
 * pvd_tasks_note - a module comes or goes
 * @name: of the module
 *
 * Locked.
 */
void pvd_tasks_note(const char *name)
{
	struct pvd_task *own = pvd_task_of_current();
	struct pvd_task *task;

	if (own)
		own->seen = true;
	list_for_each_entry(task, &pvd_tasks, node)
		if (!strcmp(task->module, name))
			task->seen = true;
}

/**
 * pvd_tasks_loading - is another driver being loaded
 * @drv: other than this one
 *
 * Locked.
 *
 * Return: whether one is.
 */
bool pvd_tasks_loading(const struct pvd_driver *drv)
{
	const struct pvd_task *task;

	list_for_each_entry(task, &pvd_tasks, node)
		if (task->op == PV_DRIVER_OP_LOAD && task->driver != drv)
			return true;
	return false;
}

/**
 * pvd_task_of_current - the task on whose behalf the running process works
 *
 * The worker itself, or a child of it: a helper's modprobe may start others.
 * Locked.
 *
 * Return: the task or NULL.
 */
struct pvd_task *pvd_task_of_current(void)
{
	struct pvd_task *task, *found = NULL;
	struct task_struct *t = current;
	unsigned int i;

	if (list_empty(&pvd_tasks))
		return NULL;
	rcu_read_lock();
	for (i = 0; i < PVD_ANCESTORS && t->pid > 1 && !found; i++) {
		list_for_each_entry(task, &pvd_tasks, node) {
			/* A pooled worker may be at its next task already. */
			if (!task->done && task->worker && task->worker == task_tgid(t)) {
				found = task;
				break;
			}
		}
		t = rcu_dereference(t->real_parent);
	}
	rcu_read_unlock();
	return found;
}

static struct pvd_task *pvd_task_find(const struct pvd_client *client, u64 id)
{
	struct pvd_task *task;

	list_for_each_entry(task, &pvd_tasks, node)
		if (task->id == id && task->agent == client)
			return task;
	return NULL;
}

static void pvd_task_reset(struct pvd_task *task)
{
	put_pid(task->worker);
	kfree(task->text);
	kfree(task->params);
	task->worker = NULL;
	task->text = NULL;
	task->params = NULL;
	task->acked = false;
	task->done = false;
	task->seen = false;
	task->builtin = false;
	task->guessed = false;
	task->error = 0;
	task->agent = NULL;
	task->id = ++pvd_task_ids;
}

/**
 * pvd_task_release - free what a task's result holds
 * @task: not in use any more
 */
void pvd_task_release(struct pvd_task *task)
{
	put_pid(task->worker);
	kfree(task->text);
	kfree(task->params);
}

static bool pvd_task_needs_agent(const struct pvd_task *task)
{
	return task->op == PV_DRIVER_OP_LOAD && strstr(task->line, "${");
}

__printf(3, 4)
static int pvd_task_fail(struct pvd_task *task, int error, const char *fmt, ...)
{
	va_list args;

	kfree(task->text);
	va_start(args, fmt);
	task->text = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	return error;
}

/* The worker is gone and left no result: what the kernel has is the result. */
static int pvd_task_settle(struct pvd_task *task)
{
	bool live = pvd_module_is_live(task->module);

	if (task->op == PV_DRIVER_OP_LOAD && live)
		return 0;
	if (task->op == PV_DRIVER_OP_UNLOAD && !live)
		return 0;
	return -EAGAIN;
}

/* Locked, drops the lock. -EAGAIN: the agent took it and came to nothing. */
static int pvd_task_await_result(struct pvd_task *task)
{
	bool late = false;

	while (!task->done) {
		bool lost = !task->agent;

		mutex_unlock(&pvd_lock);
		if (lost)
			msleep(20);
		else
			wait_event_timeout(pvd_task_wq,
					   READ_ONCE(task->done) || !READ_ONCE(task->agent), HZ);
		mutex_lock(&pvd_lock);
		if (task->done || !pvd_pid_gone(task->worker))
			continue;
		/* A living agent has one more second to tell what its worker did. */
		if (!task->agent || late)
			return pvd_task_settle(task);
		late = true;
	}
	return task->error;
}

/*
 * Locked, drops the lock. -ENOLINK: there is no agent, or this one does not
 * answer; -EAGAIN: it went away, a newer one may do better.
 */
static int pvd_task_by_agent(struct pvd_task *task)
{
	int err;

	pvd_task_reset(task);
	if (!pvd_agent)
		return -ENOLINK;
	task->agent = pvd_agent;
	err = pvd_nl_send_exec(pvd_agent, task);
	if (err == -ECONNREFUSED) {
		/* It is closing just now: as good as gone. */
		pvd_agent_gone(pvd_agent);
		return -EAGAIN;
	}
	if (err) {
		task->agent = NULL;
		return -ENOLINK;
	}

	mutex_unlock(&pvd_lock);
	wait_event_timeout(pvd_task_wq,
			   READ_ONCE(task->acked) || READ_ONCE(task->done) ||
			   !READ_ONCE(task->agent),
			   msecs_to_jiffies(pvd_param_agent_timeout));
	mutex_lock(&pvd_lock);
	if (task->done)
		return task->error;
	if (task->acked)
		return pvd_task_await_result(task);
	if (!task->agent)
		return -EAGAIN;
	pr_warn_ratelimited("agent did not accept %s of %s within %u ms\n",
			    task->op == PV_DRIVER_OP_UNLOAD ? "unload" : "load", task->module,
			    pvd_param_agent_timeout);
	task->agent = NULL;
	return -ENOLINK;
}

/* In the helper's process, before its program starts. */
static int pvd_helper_init(struct subprocess_info *info, struct cred *new)
{
	struct pvd_task *task = info->data;

	mutex_lock(&pvd_lock);
	task->worker = get_task_pid(current, PIDTYPE_TGID);
	mutex_unlock(&pvd_lock);
	return 0;
}

struct pvd_helper_limit {
	struct delayed_work work;
	struct pvd_task *task;
};

static void pvd_helper_kill(struct work_struct *work)
{
	struct pvd_helper_limit *limit = container_of(to_delayed_work(work),
						      struct pvd_helper_limit, work);

	mutex_lock(&pvd_lock);
	if (limit->task->worker)
		kill_pid(limit->task->worker, SIGKILL, 1);
	mutex_unlock(&pvd_lock);
}

/* not locked; the wait status of the helper, or a negative errno */
static int pvd_helper_run(struct pvd_task *task, char **argv)
{
	static char *envp[] = {
		"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL
	};
	struct pvd_helper_limit limit = { .task = task };
	struct subprocess_info *info;
	int ret;

	info = call_usermodehelper_setup(argv[0], argv, envp, GFP_KERNEL, pvd_helper_init, NULL,
					 task);
	if (!info)
		return -ENOMEM;
	INIT_DELAYED_WORK_ONSTACK(&limit.work, pvd_helper_kill);
	queue_delayed_work(system_wq, &limit.work, msecs_to_jiffies(pvd_param_helper_timeout));
	ret = call_usermodehelper_exec(info, UMH_WAIT_PROC);
	cancel_delayed_work_sync(&limit.work);
	destroy_delayed_work_on_stack(&limit.work);
	return ret;
}

/* Cuts parameters apart at spaces outside double quotes, in place. */
static int pvd_split(char *params, char **argv, unsigned int max)
{
	unsigned int n = 0;
	bool quoted;

	while (*(params = skip_spaces(params))) {
		if (n == max)
			return -E2BIG;
		argv[n++] = params;
		for (quoted = false; *params && (quoted || *params != ' '); params++)
			if (*params == '"')
				quoted = !quoted;
		if (*params)
			*params++ = '\0';
	}
	return n;
}

static int pvd_helper_result(struct pvd_task *task, const char *program, int ret)
{
	bool load = task->op == PV_DRIVER_OP_LOAD;

	if (ret < 0)
		return pvd_task_fail(task, ret, "%s could not be started (errno %d)", program,
				     -ret);
	if (ret & 0x7f)
		return pvd_task_fail(task, -EIO, "%s was killed by signal %d", program, ret & 0x7f);
	if (ret >> 8 && load)
		return pvd_task_fail(task, -EIO, "%s exited with status %d%s", program,
				     (ret >> 8) & 0xff,
				     task->seen ? " after the module's init failed" : "");
	if (ret >> 8)
		return pvd_task_fail(task, -EBUSY, "%s exited with status %d", program,
				     (ret >> 8) & 0xff);
	/* An empty path is no error to the kernel, it just runs nothing. */
	if (!task->worker)
		return pvd_task_fail(task, -ENOEXEC, "no program to run");
	/* modprobe succeeds without a trace on what is built in. */
	if (load) {
		task->builtin = !task->seen;
		task->guessed = task->builtin;
	}
	return 0;
}

/* Locked, drops the lock. */
static int pvd_task_by_helper(struct pvd_task *task)
{
	const char *params = skip_spaces(task->line + strcspn(task->line, " "));
	bool load = task->op == PV_DRIVER_OP_LOAD;
	char *argv[PVD_HELPER_ARGS + 4] = { NULL };
	char *words;
	int ret;

	pvd_task_reset(task);
	if (task->op == PV_DRIVER_OP_RESOLVE)
		return -EOPNOTSUPP;
	if (pvd_task_needs_agent(task))
		return pvd_task_fail(task, -ENOKEY, "no agent to resolve its parameters");

	words = kstrdup(params, GFP_KERNEL);
	if (!words)
		return -ENOMEM;
	if (load) {
		argv[0] = pvd_param_modprobe;
		argv[1] = "--";
		argv[2] = (char *)task->module;
		ret = pvd_split(words, argv + 3, PVD_HELPER_ARGS);
		task->params = kstrdup(params, GFP_KERNEL);
	} else {
		argv[0] = pvd_param_rmmod;
		argv[1] = (char *)task->module;
		ret = 0;
	}
	if (ret < 0) {
		ret = pvd_task_fail(task, ret, "more than %d parameters", PVD_HELPER_ARGS);
		goto out;
	}

	mutex_unlock(&pvd_lock);
	ret = pvd_helper_run(task, argv);
	mutex_lock(&pvd_lock);
	ret = pvd_helper_result(task, argv[0], ret);
out:
	kfree(words);
	return ret;
}

/*
 * Locked, drops the lock. Only an agent can resolve a template, and one that
 * died in the middle is being started again: worth the time that an agent has
 * to accept a task.
 */
static void pvd_agent_await(void)
{
	mutex_unlock(&pvd_lock);
	wait_event_timeout(pvd_task_wq, READ_ONCE(pvd_agent),
			   msecs_to_jiffies(pvd_param_agent_timeout));
	mutex_lock(&pvd_lock);
}

/**
 * pvd_task_run - have a task done
 * @task: op, driver, container, line and module are set
 *
 * Locked, drops the lock. Release the task afterwards.
 *
 * Return: 0 or a negative errno; on error the task's text may say more.
 */
int pvd_task_run(struct pvd_task *task)
{
	unsigned int tries;
	int err = -EAGAIN;

	list_add_tail(&task->node, &pvd_tasks);
	for (tries = 0; tries < PVD_AGENT_TRIES && err == -EAGAIN; tries++) {
		if (!pvd_agent && (tries || pvd_task_needs_agent(task)))
			pvd_agent_await();
		err = pvd_task_by_agent(task);
	}
	if (err == -EAGAIN || err == -ENOLINK)
		err = pvd_task_by_helper(task);
	list_del(&task->node);
	return err;
}

/**
 * pvd_agent_ack - the agent accepts a task
 * @client: the socket that says so
 * @id: of the task
 * @nr: process that does the work, in the caller's pid namespace
 *
 * Locked.
 *
 * Return: 0 or -ESRCH: no such process, or the task is not this client's.
 */
int pvd_agent_ack(struct pvd_client *client, u64 id, pid_t nr)
{
	struct pvd_task *task = pvd_task_find(client, id);
	struct pid *worker;

	if (!task || task->acked)
		return -ESRCH;
	worker = find_get_pid(nr);
	if (!worker)
		return -ESRCH;
	task->worker = worker;
	WRITE_ONCE(task->acked, true);
	wake_up_all(&pvd_task_wq);
	return 0;
}

/**
 * pvd_agent_warn - the agent has something to say of a task's driver
 * @client: the socket that says so
 * @id: of the task
 * @text: what
 *
 * Locked.
 *
 * Return: 0 or -ESRCH.
 */
int pvd_agent_warn(struct pvd_client *client, u64 id, const char *text)
{
	struct pvd_task *task = pvd_task_find(client, id);

	if (!task)
		return -ESRCH;
	pvd_driver_warn(task->driver, "%s: %s", task->module, text);
	return 0;
}

/**
 * pvd_agent_result - the agent is done with a task
 * @client: the socket that says so
 * @id: of the task
 * @error: positive errno, 0 when all went well
 * @text: the error in words; or NULL
 * @params: as given to the kernel; or NULL
 * @builtin: the module is part of the kernel image
 *
 * Locked.
 *
 * Return: 0, -ESRCH, or -ENOMEM: the task still waits for its result.
 */
int pvd_agent_result(struct pvd_client *client, u64 id, u32 error, const char *text,
		     const char *params, bool builtin)
{
	struct pvd_task *task = pvd_task_find(client, id);
	char *text_copy = NULL, *params_copy = NULL;

	if (!task || task->done)
		return -ESRCH;
	if (text)
		text_copy = kstrdup(text, GFP_KERNEL);
	if (params)
		params_copy = kstrdup(params, GFP_KERNEL);
	if ((text && !text_copy) || (params && !params_copy)) {
		kfree(text_copy);
		kfree(params_copy);
		return -ENOMEM;
	}
	/* These two mean something else on the way up. */
	if (error == EAGAIN || error == ENOLINK)
		error = EBUSY;
	task->error = error <= MAX_ERRNO ? -(int)error : -EIO;
	task->text = text_copy;
	task->params = params_copy;
	task->builtin = builtin;
	WRITE_ONCE(task->done, true);
	wake_up_all(&pvd_task_wq);
	return 0;
}

/**
 * pvd_agent_has - is a client still at a task
 * @client: the agent, or one that was
 * @id: of the task
 *
 * Locked.
 *
 * Return: whether it may answer for that task.
 */
bool pvd_agent_has(const struct pvd_client *client, u64 id)
{
	return pvd_task_find(client, id);
}

/* What it accepted it may finish; the rest goes to somebody else. */
static void pvd_agent_leave(struct pvd_client *client, bool finish)
{
	struct pvd_task *task;

	list_for_each_entry(task, &pvd_tasks, node)
		if (task->agent == client && !(finish && task->acked))
			WRITE_ONCE(task->agent, NULL);
	client->agent = false;
	if (pvd_agent == client) {
		WRITE_ONCE(pvd_agent, NULL);
		if (pvd_agent_cgrp)
			cgroup_put(pvd_agent_cgrp);
		pvd_agent_cgrp = NULL;
	}
	wake_up_all(&pvd_task_wq);
}

/**
 * pvd_agent_gone - a client is gone, an agent or one that was
 * @client: its socket
 *
 * Locked.
 */
void pvd_agent_gone(struct pvd_client *client)
{
	pvd_agent_leave(client, false);
}

/**
 * pvd_agent_set - a socket becomes the agent
 * @client: the socket; the caller's own
 *
 * Locked.
 */
void pvd_agent_set(struct pvd_client *client)
{
	struct cgroup *cgrp;

	if (pvd_agent == client)
		return;
	if (pvd_agent)
		pvd_agent_leave(pvd_agent, true);
	rcu_read_lock();
	cgrp = task_dfl_cgroup(current);
	pvd_agent_cgrp = cgroup_tryget(cgrp) ? cgrp : NULL;
	rcu_read_unlock();
	client->agent = true;
	WRITE_ONCE(pvd_agent, client);
	wake_up_all(&pvd_task_wq);
}
