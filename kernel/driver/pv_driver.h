/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv_driver: managed drivers. What the files of the module share.
 *
 * Locks, outermost first:
 *
 *   pvd_register_lock  registration and removal of drivers, held over
 *                      device_add() and device_del() so that an alias is never
 *                      in sysfs twice. No show or store of a driver's own
 *                      attributes takes it, device_del() waits for those.
 *   pvd_lock           everything else: drivers, modules, containers, uses,
 *                      calls, tasks and clients. Held for short work only;
 *                      nothing that loads a module, waits for user space or
 *                      removes a device happens under it, because the module
 *                      notifier takes it inside every module load.
 *
 * A function whose comment says "locked" is called with pvd_lock held. A job
 * (pvd_load(), pvd_unload()) drops and retakes it around each task.
 */
#ifndef PV_DRIVER_H
#define PV_DRIVER_H

#include <linux/cgroup.h>
#include <linux/device.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include <uapi/linux/pv_driver.h>

#include "../subscriber.h"

#if !IS_ENABLED(CONFIG_MODULE_UNLOAD) || !IS_ENABLED(CONFIG_SOCK_CGROUP_DATA) || \
	!IS_ENABLED(CONFIG_UNIX)
#error "needs MODULE_UNLOAD, SOCK_CGROUP_DATA (CGROUPS, NET) and UNIX: make check-config"
#endif

#define PVD_MAX_WARNINGS	8	/* kept per driver, the newest win */
/*
 * Bounds of what containers may take; the host, and a front for it, is never
 * refused for what they have taken. Memory of the host's own calls is bounded by
 * its sockets' send buffers and its processes.
 */
#define PVD_MAX_CLIENTS		4096	/* subscribed sockets, all containers */
#define PVD_MAX_CLIENT_SUBS	16	/* the same of one container */
#define PVD_MAX_TIMEOUT_MS	3600000
#define PVD_MAX_CALLS		65536	/* calls under way, all containers */
#define PVD_MAX_CALLS_SOCK	64	/* calls under way on one socket */
#define PVD_MAX_REQUESTS	256	/* requests under way of one container */

extern struct mutex pvd_register_lock;
extern struct mutex pvd_lock;
extern struct workqueue_struct *pvd_wq;
extern struct genl_family pvd_family;
extern u32 pvd_generation;		/* locked */

extern unsigned int pvd_param_timeout;
extern unsigned int pvd_param_agent_timeout;
extern unsigned int pvd_param_helper_timeout;
extern unsigned int pvd_param_max_drivers;
extern unsigned int pvd_param_max_containers;
extern char *pvd_param_modprobe;
extern char *pvd_param_rmmod;

struct pvd_driver;
struct pvd_container;

/**
 * struct pvd_cause - which load brought a module in
 * @alias: of the driver
 * @container: name of that on whose behalf, or "" for the host
 *
 * Names, since either may be gone before the module is.
 */
struct pvd_cause {
	char alias[PV_DRIVER_MAX_ALIAS + 1];
	char container[PV_DRIVER_MAX_ALIAS + 1];
};

/**
 * struct pvd_module - one kernel module, by name
 * @name: with "_" for "-", as the kernel spells it
 * @node: in pvd_modules, oldest entry first
 * @hash: in the table of names
 * @by_order: in pvd_ours when @ours, oldest first
 * @lines: lines of drivers that name it (struct pvd_line.by_module)
 * @mod: the reference that pins it; NULL when not pinned. Forgotten, never
 *	put, when the module goes all the same (rmmod -f).
 * @owner: the driver whose load brought it in; NULL once that is over and the
 *	module was left for others
 * @cause: what brought it in; NULL when it was no load of ours, or when there
 *	was no memory to keep that
 * @since: CLOCK_BOOTTIME ns at which it became live, 0 when nobody looked then
 * @holds: lines of drivers in use or being loaded that name it
 * @order: counts the modules of ours in the order in which they came
 * @live: resident and initialised
 * @ours: brought in by one of our loads
 * @builtin: part of the kernel image
 * @guessed: @builtin is the helper's guess, good for one use
 * @permanent: has no exit function
 * @removing: a task to remove it is under way
 *
 * Exists while a line names it or it is ours. Locked.
 */
struct pvd_module {
	char name[PV_DRIVER_MAX_MODULE + 1];
	struct list_head node;
	struct hlist_node hash;
	struct list_head by_order;
	struct list_head lines;
	struct module *mod;
	struct pvd_driver *owner;
	struct pvd_cause *cause;
	u64 since;
	unsigned int holds;
	u64 order;
	bool live;
	bool ours;
	bool builtin;
	bool guessed;
	bool permanent;
	bool removing;
};

/**
 * struct pvd_line - one module line of a driver
 * @driver: whose
 * @module: the module that it names
 * @by_module: in pvd_module.lines
 * @text: the whole line as registered, "NAME [PARAM=VALUE ...]"
 * @params: inside @text, after the name; "" when there are none
 * @applied: parameters as they were given to the kernel; NULL: not by us
 * @held: counted in pvd_module.holds
 */
struct pvd_line {
	struct pvd_driver *driver;
	struct pvd_module *module;
	struct list_head by_module;
	char *text;
	const char *params;
	char *applied;
	bool held;
};

/**
 * struct pvd_driver - an alias and its module lines
 * @dev: its device in the class; owns the memory
 * @alias: its name
 * @node: in pvd_drivers, in order of registration
 * @hash: in the table of aliases
 * @lines: @n_lines of them, in order of loading
 * @state: as last told to the world
 * @since: CLOCK_BOOTTIME ns at which it entered @state
 * @error: negative errno of the last failure, 0 when there is none
 * @error_since: CLOCK_BOOTTIME ns at which @error was set
 * @text: the same in words, or NULL
 * @warnings: PVD_MAX_WARNINGS of them, the first @n_warnings in use; or NULL
 * @uses: struct pvd_use.by_driver
 * @requests: struct pvd_request.by_driver, served first in, first out
 * @work: serves @requests, one job at a time
 * @busy: @work is inside a job
 * @held: its lines hold their modules
 * @keeps: holds this module: it has a job, or holds its modules
 * @dead: removed from the registry
 */
struct pvd_driver {
	struct device dev;
	char alias[PV_DRIVER_MAX_ALIAS + 1];
	struct list_head node;
	struct hlist_node hash;
	struct pvd_line *lines;
	unsigned int n_lines;
	enum pv_driver_state state;
	u64 since;
	int error;
	u64 error_since;
	char *text;
	char **warnings;
	unsigned int n_warnings;
	struct list_head uses;
	struct list_head requests;
	struct work_struct work;
	bool busy;
	bool held;
	bool keeps;
	bool dead;
	struct {
		u32 loads;
		u32 unloads;
		u32 failures;
		u32 load_us;
		u32 unload_us;
	} stats;
};

/**
 * struct pvd_entry - a container names a driver
 * @alias: need not be registered
 * @type: required, optional or manual
 */
struct pvd_entry {
	char *alias;
	enum pv_driver_type type;
};

/**
 * struct pvd_container - a registered container
 * @ref: the registry's, and one for each request and client
 * @id: number of this registration, never used again
 * @name: unique while registered
 * @node: in pvd_containers
 * @hash: in the table of cgroups
 * @cgrp: referenced
 * @init: its first process, referenced; NULL when registered by cgroup alone
 * @init_wait: on @init's wait queue while registered
 * @roles: enum pv_driver_role
 * @entries: @n_entries of them, in the order given
 * @uses: struct pvd_use.by_container
 * @n_requests: under way on its behalf
 * @populated: its cgroup has had a process
 * @dead: removed from the registry
 */
struct pvd_container {
	struct kref ref;
	u64 id;
	char name[PV_DRIVER_MAX_ALIAS + 1];
	struct list_head node;
	struct hlist_node hash;
	struct cgroup *cgrp;
	struct pid *init;
	wait_queue_entry_t init_wait;
	u32 roles;
	struct pvd_entry *entries;
	unsigned int n_entries;
	struct list_head uses;
	unsigned int n_requests;
	bool populated;
	bool dead;
};

/**
 * struct pvd_use - a container, or the host, uses a driver
 * @driver: what
 * @container: by whom; NULL for the host
 * @by_driver: in pvd_driver.uses
 * @by_container: in pvd_container.uses, unused for the host
 */
struct pvd_use {
	struct pvd_driver *driver;
	struct pvd_container *container;
	struct list_head by_driver;
	struct list_head by_container;
};

/**
 * struct pvd_caller - who asks, as of now
 * @kind: unknown is nobody
 * @container: for PV_DRIVER_PEER_CONTAINER; borrowed, valid while locked
 */
struct pvd_caller {
	enum pv_driver_peer kind;
	struct pvd_container *container;
};

/**
 * struct pvd_call - what a caller waits for: one request, or several at once
 * @node: in pvd_calls
 * @requests: struct pvd_request.by_call, those not served yet
 * @cmd: the netlink command
 * @alias: of the driver, or "" for container-del
 * @container: name, or ""
 * @deadline: jiffies
 * @error: first error of its requests
 * @text: the same in words, or NULL
 * @terse: the caller is a container, and is told of itself alone
 * @sk: the caller's socket, referenced; NULL for sysfs
 * @portid: of @sk
 * @seq: sequence number of the caller's message
 * @done: for sysfs: completed at the end; the waiter then frees the call
 */
struct pvd_call {
	struct list_head node;
	struct list_head requests;
	u8 cmd;
	char alias[PV_DRIVER_MAX_ALIAS + 1];
	char container[PV_DRIVER_MAX_ALIAS + 1];
	unsigned long deadline;
	int error;
	char *text;
	bool terse;
	struct sock *sk;
	u32 portid;
	u32 seq;
	struct completion *done;
};

/**
 * struct pvd_request - one driver's part of a call
 * @by_driver: in pvd_driver.requests
 * @by_call: in pvd_call.requests
 * @op: load or unload
 * @driver: of whom
 * @container: on whose behalf, referenced; NULL for the host
 * @call: NULL once the caller went away or ran out of time
 */
struct pvd_request {
	struct list_head by_driver;
	struct list_head by_call;
	enum pv_driver_op op;
	struct pvd_driver *driver;
	struct pvd_container *container;
	struct pvd_call *call;
};

/**
 * struct pvd_client - a socket that registered as agent or front, or subscribed
 * @sub: the socket, and the events that it hears; in pvd_clients
 * @container: referenced; NULL for the host
 * @text: program name and version, or NULL
 * @agent: is the agent
 * @front: is a front
 * @containers: it hears those of containers too
 */
struct pvd_client {
	struct pvk_subscriber sub;
	struct pvd_container *container;
	char *text;
	bool agent;
	bool front;
	bool containers;
};

/**
 * struct pvd_task - one step of a job: one line, or one module to remove
 * @node: in pvd_tasks; a module that comes in while it is there, and from
 *	@worker or a child of it, is ours
 * @id: given to the agent
 * @op: load, unload or resolve
 * @driver: for whom
 * @container: with whose rights; NULL for the host
 * @line: module line, or module name for unload
 * @module: the module's name
 * @agent: the client it was sent to; NULL once that is gone or it is the
 *	helper's
 * @worker: process that does the work, referenced
 * @acked: the agent accepted it
 * @done: the result is there
 * @seen: the module that it names came or went meanwhile, by whomever, or its
 *	worker brought one in
 * @builtin: from the result, or guessed
 * @guessed: modprobe succeeded and did nothing: taken for built in
 * @error: from the result, negative errno
 * @text: from the result, or NULL
 * @params: from the result, or NULL
 *
 * Lives on the stack of the job. Locked.
 */
struct pvd_task {
	struct list_head node;
	u64 id;
	enum pv_driver_op op;
	struct pvd_driver *driver;
	struct pvd_container *container;
	const char *line;
	const char *module;
	struct pvd_client *agent;
	struct pid *worker;
	bool acked;
	bool done;
	bool seen;
	bool builtin;
	bool guessed;
	int error;
	char *text;
	char *params;
};

/* registry.c: drivers */
extern struct list_head pvd_drivers;
extern unsigned int pvd_n_drivers;
bool pvd_name_ok(const char *name);
struct pvd_driver *pvd_driver_find(const char *alias);
int pvd_driver_new(const char *alias, char *const *texts, unsigned int n, const char **why);
int pvd_driver_del(const char *alias, const char **why);
void pvd_driver_del_all(void);
void pvd_driver_release(struct device *dev);
void pvd_driver_set_state(struct pvd_driver *drv, enum pv_driver_state state);
void pvd_driver_derive_state(struct pvd_driver *drv);
bool pvd_driver_present(const struct pvd_driver *drv);
void pvd_driver_set_error(struct pvd_driver *drv, int error, const char *text);
__printf(2, 3) void pvd_driver_warn(struct pvd_driver *drv, const char *fmt, ...);
void pvd_driver_clear(struct pvd_driver *drv);
int pvd_registry_init(void);
void pvd_registry_exit(void);

/* module_watch.c: modules, and what the kernel says of them */
extern struct list_head pvd_modules;
extern struct list_head pvd_ours;
struct pvd_module *pvd_module_find(const char *name);
struct pvd_module *pvd_module_get(const char *name);
void pvd_module_put(struct pvd_module *m);
bool pvd_module_pin(struct pvd_module *m);
void pvd_module_unpin(struct pvd_module *m);
bool pvd_module_is_live(const char *name);
bool pvd_module_held_by_ours(const struct pvd_module *m);
int pvd_module_watch_init(void);
void pvd_module_watch_exit(void);

/* job.c: load and unload of one driver */
int pvd_load(struct pvd_driver *drv, struct pvd_container *who);
int pvd_unload(struct pvd_driver *drv);
void pvd_compare(struct pvd_driver *drv, struct pvd_container *who);

/* request.c: calls, requests, uses */
extern unsigned int pvd_n_calls;
bool pvd_hold(void);
void pvd_unhold(void);
void pvd_driver_work(struct work_struct *work);
struct pvd_use *pvd_use_find(struct pvd_driver *drv, const struct pvd_container *c);
void pvd_uses_drop(struct pvd_container *c, struct pvd_call *call);
struct pvd_call *pvd_call_new(const struct pvd_caller *who, u8 cmd, const char *alias,
			      u32 timeout_ms);
int pvd_call_add(struct pvd_call *call, struct pvd_driver *drv, enum pv_driver_op op,
		 struct pvd_container *c);
void pvd_call_start(struct pvd_call *call);
void pvd_call_free(struct pvd_call *call);
void pvd_calls_cancel(const struct net *net, u32 portid);
int pvd_call_wait(struct pvd_call *call);
unsigned int pvd_calls_of(const struct sock *sk);
int pvd_ask(const struct pvd_caller *who, enum pv_driver_op op, const char *alias,
	    struct pvd_call *call, const char **why);
void pvd_request_exit(void);

/* container.c */
extern struct list_head pvd_containers;
extern unsigned int pvd_n_containers;
struct pvd_container_args {
	const char *name;
	int cgroup_fd;			/* -1: none */
	pid_t pid;			/* 0: none */
	u32 roles;
	struct pvd_entry *entries;	/* taken over on success */
	unsigned int n_entries;
};

struct pvd_container *pvd_container_find(const char *name);
struct pvd_container *pvd_container_by_id(u64 id);
struct pvd_container *pvd_container_of(struct cgroup *cgrp);
struct pvd_container *pvd_container_of_current(void);
const struct pvd_entry *pvd_container_entry(const struct pvd_container *c, const char *alias);
int pvd_container_new(const struct pvd_container_args *args, u64 *id, const char **why);
void pvd_container_end(struct pvd_container *c, struct pvd_call *call);
void pvd_container_put(struct pvd_container *c);
void pvd_entries_free(struct pvd_entry *entries, unsigned int n);
void pvd_container_exit(void);
bool pvd_pid_gone(struct pid *pid);
bool pvd_container_ended(struct pvd_container *c);

static inline struct pvd_container *pvd_container_hold(struct pvd_container *c)
{
	if (c)
		kref_get(&c->ref);
	return c;
}

/* agent.c: who does the work */
extern struct pvd_client *pvd_agent;
extern struct cgroup *pvd_agent_cgrp;
int pvd_task_run(struct pvd_task *task);
void pvd_task_release(struct pvd_task *task);
void pvd_tasks_note(const char *name);
bool pvd_tasks_loading(const struct pvd_driver *drv);
struct pvd_task *pvd_task_of_current(void);
int pvd_agent_ack(struct pvd_client *client, u64 id, pid_t pid);
int pvd_agent_result(struct pvd_client *client, u64 id, u32 error, const char *text,
		     const char *params, bool builtin);
int pvd_agent_warn(struct pvd_client *client, u64 id, const char *text);
void pvd_agent_set(struct pvd_client *client);
void pvd_agent_gone(struct pvd_client *client);
bool pvd_agent_has(const struct pvd_client *client, u64 id);

/* event.c: clients and what they are told */
struct pvd_client *pvd_client_find(const struct sock *sk);
struct pvd_client *pvd_client_get(struct sock *sk, u32 portid, struct pvd_container *c);
void pvd_client_drop_container(const struct pvd_container *c);
void pvd_event(enum pv_driver_event_kind kind, const struct pvd_driver *drv,
	       const struct pvd_container *c);
void pvd_uevent(struct pvd_driver *drv);
int pvd_event_init(void);
void pvd_event_exit(void);

/* netlink.c */
int pvd_nl_send_exec(struct pvd_client *agent, const struct pvd_task *task);
int pvd_nl_send_event(struct pvd_client *client, enum pv_driver_event_kind kind,
		      const struct pvd_driver *drv, const struct pvd_container *c);
void pvd_nl_send_outcome(const struct pvd_call *call, const struct pvd_driver *drv);

/* sysfs.c */
extern struct class pvd_class;

static inline const char *pvd_state_name(enum pv_driver_state state)
{
	static const char * const names[] = {
		[PV_DRIVER_STATE_UNLOADED] = "unloaded",
		[PV_DRIVER_STATE_LOADING] = "loading",
		[PV_DRIVER_STATE_LOADED] = "loaded",
		[PV_DRIVER_STATE_UNLOADING] = "unloading",
		[PV_DRIVER_STATE_FAILED] = "failed",
		[PV_DRIVER_STATE_UNKNOWN] = "unknown",
	};

	return names[state];
}

#endif /* PV_DRIVER_H */
