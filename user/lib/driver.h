/* SPDX-License-Identifier: MIT */
/*
 * driver - typed client of the pv_driver netlink family
 *
 * One `struct pvk_drv` is one socket. Everything that the kernel ties to a
 * socket goes with it: being the agent, being a front, a subscription, and
 * the requests still queued (closing it cancels them). It is close-on-exec and
 * belongs to one thread.
 *
 * Plain calls are answered at once. A load, unload or container-del is
 * submitted (immediate refusals come back from the submit itself, with the
 * kernel's text), and its outcome comes later as a message of its own:
 *
 *	- a program with an event loop watches pvk_drv_fd() and calls
 *	  pvk_drv_dispatch(), which hands outcomes, events and tasks to its
 *	  callbacks;
 *	- a program without one calls pvk_drv_wait() or pvk_drv_load().
 *
 * Outcomes, events and tasks that arrive while a plain call waits for its own
 * answer are kept, in order, for the next pvk_drv_dispatch(). The fd then has
 * nothing to read any more, so `pending` is called: activate the fd's event
 * there (libevent: event_active(ev, EV_READ, 0)). No other callback runs outside
 * of pvk_drv_dispatch().
 *
 * Return values are 0 or a negative errno; `err` (may be NULL) gets one line
 * for people, which names the alias or container only where the kernel did.
 */
#ifndef PVK_DRIVER_H
#define PVK_DRIVER_H

#include <linux/pv_driver.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

struct nlmsghdr;

#define PVK_ALIAS_SIZE		(PV_DRIVER_MAX_ALIAS + 1)
#define PVK_MODULE_SIZE		(PV_DRIVER_MAX_MODULE + 1)
#define PVK_TEXT_SIZE		(PV_DRIVER_MAX_TEXT + 1)
#define PVK_LINE_SIZE		(PV_DRIVER_MAX_LINE + 1)

/* Most items of one kind that an answer may carry; more is -EBADMSG. */
#define PVK_TEXTS_MAX		1024
#define PVK_MODULES_MAX		1024
#define PVK_LIST_DRIVERS_MAX	65536
#define PVK_LIST_CONTAINERS_MAX	65536
#define PVK_LIST_MODULES_MAX	65536

/* Times are nanoseconds of CLOCK_BOOTTIME; 0: not known, or it did not happen. */

/* Allocated texts, freed with what holds them. */
struct pvk_texts {
	char **item;
	size_t count;
};

struct pvk_module {
	char name[PVK_MODULE_SIZE];
	uint32_t flags;			/* PV_DRIVER_MODULE_FLAG_* */
	char *params;			/* never NULL; of a driver's module only */
	uint64_t since_ns;		/* when it came in */
	char cause_alias[PVK_ALIAS_SIZE];	/* by whose load; "": none of ours */
	char cause_container[PVK_ALIAS_SIZE];	/* and for whom; "" is the host */
};

struct pvk_modules {
	struct pvk_module *item;
	size_t count;
};

struct pvk_stats {
	uint32_t loads;
	uint32_t unloads;
	uint32_t failures;
	uint32_t load_us;
	uint32_t unload_us;
};

struct pvk_driver {
	char alias[PVK_ALIAS_SIZE];
	uint32_t state;			/* enum pv_driver_state, or a newer one */
	int type;			/* enum pv_driver_type; -1 outside a container's view */
	uint32_t generation;
	uint64_t since_ns;		/* when it entered its state */
	int error;			/* positive errno of the last failure, 0 if none */
	char text[PVK_TEXT_SIZE];
	uint64_t error_since_ns;
	struct pvk_texts lines;
	struct pvk_texts users;		/* "" is the host */
	struct pvk_texts warnings;
	struct pvk_module *modules;
	size_t n_modules;
	struct pvk_stats stats;
	bool has_stats;
};

struct pvk_drivers {
	struct pvk_driver *item;
	size_t count;
	uint32_t generation;
	bool torn;			/* it changed under each of ten readings */
};

struct pvk_entry {
	char alias[PVK_ALIAS_SIZE];
	uint32_t type;			/* enum pv_driver_type */
	uint32_t state;			/* received only */
	bool used;			/* received only */
};

struct pvk_container {
	char name[PVK_ALIAS_SIZE];
	uint64_t id;			/* of this registration; received only */
	uint32_t roles;			/* PV_DRIVER_ROLE_* */
	struct pvk_entry *entries;
	size_t n_entries;
	char *cgroup;			/* received only; NULL if not told */
	uint32_t generation;
};

struct pvk_containers {
	struct pvk_container *item;
	size_t count;
	uint32_t generation;
	bool torn;			/* it changed under each of ten readings */
};

/* What became of a load, unload or container-del. */
struct pvk_outcome {
	uint32_t seq;			/* as given by the submit */
	char alias[PVK_ALIAS_SIZE];	/* "" for a container-del */
	char container[PVK_ALIAS_SIZE];	/* "" for the host */
	uint32_t op;			/* enum pv_driver_op */
	uint32_t state;			/* of the driver afterwards */
	int error;			/* positive errno, 0 for success */
	char text[PVK_TEXT_SIZE];
	struct pvk_texts warnings;
};

struct pvk_event {
	uint32_t kind;			/* enum pv_driver_event_kind */
	char alias[PVK_ALIAS_SIZE];	/* "" for an overrun, and for a container */
	uint32_t state;
	uint32_t generation;
	char container[PVK_ALIAS_SIZE];	/* "" but for a container that came or went */
	uint64_t container_id;
};

/* A task for the agent. */
struct pvk_exec {
	uint64_t id;
	uint32_t op;			/* enum pv_driver_op */
	char alias[PVK_ALIAS_SIZE];
	char line[PVK_LINE_SIZE];	/* module line, or module name to unload */
	char container[PVK_ALIAS_SIZE];	/* "" for the host */
	uint64_t container_id;		/* 0 for the host */
};

/* The agent's answer to it; NULL texts are left out. */
struct pvk_result {
	uint64_t id;
	int error;			/* positive errno, 0 for success */
	const char *text;
	const char *params;		/* as given to the kernel */
	const char *const *warnings;
	size_t n_warnings;
	bool builtin;
};

struct pvk_peer {
	uint32_t kind;			/* enum pv_driver_peer */
	char container[PVK_ALIAS_SIZE];
	uint64_t id;			/* container-id; 0 for the host */
	uint32_t roles;
};

struct pvk_status {
	uint32_t agent_portid;		/* 0: none, modprobe serves */
	char agent[PVK_TEXT_SIZE];
	uint32_t drivers;
	uint32_t containers;
	uint32_t requests;
};

/* A load or unload. At most one of container and container_id is given. */
struct pvk_request {
	const char *alias;
	uint32_t timeout_ms;		/* 0: the kernel's default */
	const char *container;		/* on behalf, by name (host); NULL: as the caller */
	/* On behalf, by id (front); 0: as the caller, or for the host if that is a front. */
	uint64_t container_id;
};

struct pvk_drv;

/*
 * Any may be NULL. What they point to is gone after they return. They may make
 * calls and submits on the same pvk_drv, but neither dispatch nor close it.
 */
struct pvk_drv_ops {
	void (*outcome)(void *arg, const struct pvk_outcome *outcome);
	void (*event)(void *arg, const struct pvk_event *event);
	void (*exec)(void *arg, const struct pvk_exec *exec);
	/* Something waits for pvk_drv_dispatch() although the fd is not readable. */
	void (*pending)(void *arg);
};

/* -ENOENT when pv_driver is not in the kernel. ops may be NULL. */
int pvk_drv_open(struct pvk_drv **out, const struct pvk_drv_ops *ops, void *arg,
		 struct pvk_err *err);
/* For tests: talks to whoever is behind fd, a datagram socket. Takes the fd. */
int pvk_drv_open_fd(struct pvk_drv **out, int fd, uint16_t family,
		    const struct pvk_drv_ops *ops, void *arg);
/* NULL is fine. */
void pvk_drv_close(struct pvk_drv *drv);
int pvk_drv_fd(const struct pvk_drv *drv);

/*
 * Hands all that is kept or in the socket to the callbacks, at most 256
 * messages in one call (the fd stays readable, or `pending` is called, for
 * more). Messages that make no sense are dropped and counted. A failure (other
 * than -EINTR and -EAGAIN, never returned) means that the socket is of no more use.
 */
int pvk_drv_dispatch(struct pvk_drv *drv, struct pvk_err *err);
/* As above, but waits up to timeout_ms (-1 for ever) for a first message; -ETIMEDOUT. */
int pvk_drv_dispatch_wait(struct pvk_drv *drv, int timeout_ms, struct pvk_err *err);
/* Messages dropped as malformed since the open. */
unsigned long pvk_drv_malformed(const struct pvk_drv *drv);

/* Registry. */
int pvk_drv_driver_new(struct pvk_drv *drv, const char *alias, const char *const *lines,
		       size_t n_lines, struct pvk_err *err);
int pvk_drv_driver_del(struct pvk_drv *drv, const char *alias, struct pvk_err *err);
/*
 * container_id 0: the caller's own view, the host's for a front; else that
 * container's (front or host).
 */
int pvk_drv_driver_get(struct pvk_drv *drv, const char *alias, uint64_t container_id,
		       struct pvk_driver *driver, struct pvk_err *err);
int pvk_drv_driver_list(struct pvk_drv *drv, uint64_t container_id,
			struct pvk_drivers *list, struct pvk_err *err);
void pvk_driver_free(struct pvk_driver *driver);
void pvk_drivers_free(struct pvk_drivers *list);

/*
 * Modules that a driver names or that a load of ours brought in, for the host;
 * -ENOENT for any other. "-" and "_" in the name are the same.
 */
int pvk_drv_module_get(struct pvk_drv *drv, const char *name, struct pvk_module *module,
		       struct pvk_err *err);
int pvk_drv_module_list(struct pvk_drv *drv, struct pvk_modules *list, struct pvk_err *err);
void pvk_module_free(struct pvk_module *module);
void pvk_modules_free(struct pvk_modules *list);

/*
 * Submits: 0 and a sequence number once the kernel has taken the request; its
 * outcome comes by callback. Else the refusal: -EPERM, -ENOENT, -EBUSY,
 * -EMFILE, -EINVAL, and no outcome.
 */
int pvk_drv_submit_load(struct pvk_drv *drv, const struct pvk_request *request,
			uint32_t *seq, struct pvk_err *err);
int pvk_drv_submit_unload(struct pvk_drv *drv, const struct pvk_request *request,
			  uint32_t *seq, struct pvk_err *err);
/* ended: -EBUSY if the container of that name runs: it may be another one by now. */
int pvk_drv_submit_container_del(struct pvk_drv *drv, const char *name, bool ended,
				 uint32_t timeout_ms, uint32_t *seq, struct pvk_err *err);

/*
 * Waits for the outcome of a submit, keeping everything else for dispatch.
 * 0 when it came, whatever it says. -ETIMEDOUT after timeout_ms.
 */
int pvk_drv_wait(struct pvk_drv *drv, uint32_t seq, int timeout_ms,
		 struct pvk_outcome *outcome, struct pvk_err *err);

/*
 * What a request has that names no time limit: the parameter `timeout` of
 * pv_driver, or its default where that can't be read.
 */
uint32_t pvk_drv_default_timeout_ms(void);

/*
 * Submit and wait in one: 0, the refusal, or the outcome's errno with its text
 * in err (*outcome, if wanted, is then filled too; free it in any case; its
 * seq is 0 if there was none). Waits the time limit, the request's or the
 * default, and PVK_GRACE_MS more.
 */
#define PVK_GRACE_MS		5000
#define PVK_TIMEOUT_MAX_MS	3600000

int pvk_drv_load(struct pvk_drv *drv, const struct pvk_request *request,
		 struct pvk_outcome *outcome, struct pvk_err *err);
int pvk_drv_unload(struct pvk_drv *drv, const struct pvk_request *request,
		   struct pvk_outcome *outcome, struct pvk_err *err);
int pvk_drv_container_del(struct pvk_drv *drv, const char *name, bool ended,
			  uint32_t timeout_ms, struct pvk_outcome *outcome,
			  struct pvk_err *err);
void pvk_outcome_free(struct pvk_outcome *outcome);

/* Containers. cgroup_fd -1 and pid 0 mean not given; *id may be NULL. */
int pvk_drv_container_new(struct pvk_drv *drv, const struct pvk_container *container,
			  int cgroup_fd, pid_t pid, uint64_t *id, struct pvk_err *err);
/* By name, by id if name is NULL, the caller's own if id is 0 too. */
int pvk_drv_container_get(struct pvk_drv *drv, const char *name, uint64_t id,
			  struct pvk_container *container, struct pvk_err *err);
int pvk_drv_container_list(struct pvk_drv *drv, struct pvk_containers *list,
			   struct pvk_err *err);
void pvk_container_free(struct pvk_container *container);
void pvk_containers_free(struct pvk_containers *list);

/* Roles of this socket; `text` is the program's name and version. */
int pvk_drv_agent(struct pvk_drv *drv, const char *text, struct pvk_err *err);
int pvk_drv_exec_ack(struct pvk_drv *drv, uint64_t id, pid_t worker, struct pvk_err *err);
int pvk_drv_result(struct pvk_drv *drv, const struct pvk_result *result,
		   struct pvk_err *err);
int pvk_drv_front(struct pvk_drv *drv, const char *text, struct pvk_err *err);
int pvk_drv_whois(struct pvk_drv *drv, int fd, int listener_fd, struct pvk_peer *peer,
		  struct pvk_err *err);

/* alias NULL: all that the caller may see. *generation (may be NULL): where events begin. */
int pvk_drv_subscribe(struct pvk_drv *drv, const char *alias, uint32_t *generation,
		      struct pvk_err *err);
/*
 * As above for all drivers, and for containers that come and go too; the host and
 * fronts only. Who then reads until nothing is left, and has heard of no container
 * and no overrun, knows that what it had heard of containers still holds.
 */
int pvk_drv_subscribe_containers(struct pvk_drv *drv, uint32_t *generation,
				 struct pvk_err *err);
int pvk_drv_status(struct pvk_drv *drv, struct pvk_status *status, struct pvk_err *err);

/* "loaded", "required", "load"; "?" for a value that this build does not know. */
const char *pvk_state_name(uint32_t state);
const char *pvk_type_name(uint32_t type);
const char *pvk_op_name(uint32_t op);
const char *pvk_event_kind_name(uint32_t kind);
const char *pvk_peer_name(uint32_t kind);
/* The nth flag's name, NULL past the last: for (i = 0; (name = ...(i)); i++) flags & 1 << i. */
const char *pvk_module_flag_name(unsigned int bit);

/*
 * Parsers of one message, for tests and fuzzing. All give -EBADMSG for what is
 * not well formed, and leave nothing to free then.
 */
int pvk_parse_driver(const struct nlmsghdr *nlh, struct pvk_driver *driver);
int pvk_parse_module(const struct nlmsghdr *nlh, struct pvk_module *module);
int pvk_parse_container(const struct nlmsghdr *nlh, struct pvk_container *container);
int pvk_parse_outcome(const struct nlmsghdr *nlh, struct pvk_outcome *outcome);
int pvk_parse_event(const struct nlmsghdr *nlh, struct pvk_event *event);
int pvk_parse_exec(const struct nlmsghdr *nlh, struct pvk_exec *exec);
int pvk_parse_peer(const struct nlmsghdr *nlh, struct pvk_peer *peer);
int pvk_parse_status(const struct nlmsghdr *nlh, struct pvk_status *status);

#endif /* PVK_DRIVER_H */
