/* SPDX-License-Identifier: MIT */
/*
 * bootflag - typed client of the pv_bootflag netlink family
 *
 * One `struct pvk_bf` is one socket, close-on-exec, of one thread. What the kernel
 * ties to a socket goes with it: a subscription, the right of a writer, and the
 * sets that are still queued (closing it cancels them).
 *
 * Plain calls are answered at once. A set is submitted (immediate refusals come
 * back from the submit itself, with the kernel's text); its outcome comes later:
 *
 *	- a program with an event loop watches pvk_bf_fd() and calls
 *	  pvk_bf_dispatch(), which hands outcomes and events to its callbacks;
 *	- a program without one calls pvk_bf_set().
 *
 * What arrives while a call waits for its own answer is kept, in order, for the
 * next dispatch. The fd then has nothing to read any more, so `pending` is called:
 * activate the fd's event there. No other callback runs outside of dispatch.
 *
 * Return values are 0 or a negative errno; `err` (may be NULL) gets one line
 * for people.
 */
#ifndef PVK_BOOTFLAG_H
#define PVK_BOOTFLAG_H

#include <linux/pv_bootflag.h>
#include <pvkit/format.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flags.h"
#include "util.h"

struct nlmsghdr;

#define PVK_STORE_NAME_SIZE	(PV_BOOTFLAG_MAX_NAME + 1)
#define PVK_STORE_SPEC_SIZE	(PV_BOOTFLAG_MAX_SPEC + 1)
#define PVK_STORE_TEXT_SIZE	(PV_BOOTFLAG_MAX_TEXT + 1)
#define PVK_STORE_KIND_SIZE	16	/* of the name of a medium or format */

/* Most stores that an answer may carry; more is -EBADMSG. */
#define PVK_STORES_MAX		1024

/* How long a set may take: erasing a large block, behind others in the queue. */
#define PVK_SET_TIMEOUT_MS	60000

struct pvk_store_stats {
	uint64_t sets;
	uint64_t unchanged;
	uint64_t programs;
	uint64_t program_bytes;
	uint64_t erases;
	uint64_t limited;
	uint64_t errors;
};

/* Owns nothing: to be copied and dropped as it is. */
struct pvk_store {
	char name[PVK_STORE_NAME_SIZE];
	char spec[PVK_STORE_SPEC_SIZE];
	uint32_t state;			/* enum pv_bootflag_state, or a newer one */
	uint32_t generation;
	struct pvb_flags flags;
	struct pvb_flags boot;		/* as they were first read in this boot */
	uint32_t offers;		/* PVB_HAS() of the fields that it can hold */
	uint32_t guarantee;		/* PV_BOOTFLAG_GUARANTEE_* */
	char medium[PVK_STORE_KIND_SIZE];
	char format[PVK_STORE_KIND_SIZE];
	char mode[PVB_MODES_MAX][PVB_MODE_MAX + 1];	/* none: takes any */
	unsigned int n_modes;
	struct pvk_store_stats stats;
	bool has_stats;
	int error;			/* positive errno, 0 if none */
	char text[PVK_STORE_TEXT_SIZE];
};

struct pvk_stores {
	struct pvk_store *item;
	size_t count;
	bool torn;			/* it changed under each of ten readings */
};

/* What became of a set. */
struct pvk_bf_outcome {
	uint32_t seq;			/* as given by the submit */
	char name[PVK_STORE_NAME_SIZE];
	uint32_t generation;
	int error;			/* positive errno, 0 for success */
	char text[PVK_STORE_TEXT_SIZE];
};

struct pvk_bf_event {
	uint32_t kind;			/* enum pv_bootflag_event_kind */
	char name[PVK_STORE_NAME_SIZE];	/* "" for an overrun */
	uint32_t state;
	uint32_t generation;
};

struct pvk_bf;

/*
 * Any may be NULL. What they point to is gone after they return. They may make
 * calls and submits on the same pvk_bf, but neither dispatch nor close it.
 */
struct pvk_bf_ops {
	void (*outcome)(void *arg, const struct pvk_bf_outcome *outcome);
	void (*event)(void *arg, const struct pvk_bf_event *event);
	/* Something waits for pvk_bf_dispatch() although the fd is not readable. */
	void (*pending)(void *arg);
};

/* -ENOENT when pv_bootflag is not in the kernel. ops may be NULL. */
int pvk_bf_open(struct pvk_bf **out, const struct pvk_bf_ops *ops, void *arg,
		struct pvk_err *err);
/* For tests: talks to whoever is behind fd, a datagram socket. Takes the fd. */
int pvk_bf_open_fd(struct pvk_bf **out, int fd, uint16_t family,
		   const struct pvk_bf_ops *ops, void *arg);
/* NULL is fine. */
void pvk_bf_close(struct pvk_bf *bf);
int pvk_bf_fd(const struct pvk_bf *bf);

/*
 * Hands all that is kept or in the socket to the callbacks, at most 256
 * messages in one call. Messages that make no sense are dropped and counted. A
 * failure means that the socket is of no more use.
 */
int pvk_bf_dispatch(struct pvk_bf *bf, struct pvk_err *err);
/* As above, but waits up to timeout_ms (-1 for ever) for a first message; -ETIMEDOUT. */
int pvk_bf_dispatch_wait(struct pvk_bf *bf, int timeout_ms, struct pvk_err *err);
unsigned long pvk_bf_malformed(const struct pvk_bf *bf);

/* spec: words KEY=VALUE between blanks, Documentation/bootflag.md. */
int pvk_bf_store_add(struct pvk_bf *bf, const char *name, const char *spec,
		     struct pvk_err *err);
int pvk_bf_store_del(struct pvk_bf *bf, const char *name, struct pvk_err *err);
int pvk_bf_store_get(struct pvk_bf *bf, const char *name, struct pvk_store *store,
		     struct pvk_err *err);
/* In the order in which they were added. */
int pvk_bf_store_list(struct pvk_bf *bf, struct pvk_stores *list, struct pvk_err *err);
void pvk_stores_free(struct pvk_stores *list);

/*
 * 0 and a sequence number once the kernel has taken the set; its outcome comes by
 * callback. Else the refusal, and no outcome.
 */
int pvk_bf_submit_set(struct pvk_bf *bf, const char *name, const struct pvk_change *change,
		      uint32_t *seq, struct pvk_err *err);
/* Waits for the outcome of a submit, keeping everything else for dispatch; -ETIMEDOUT. */
int pvk_bf_wait(struct pvk_bf *bf, uint32_t seq, int timeout_ms,
		struct pvk_bf_outcome *outcome, struct pvk_err *err);
/*
 * Both in one: 0, the refusal, or the outcome's errno with its text. *outcome may
 * be NULL; its seq is 0 if there was none.
 */
int pvk_bf_set(struct pvk_bf *bf, const char *name, const struct pvk_change *change,
	       int timeout_ms, struct pvk_bf_outcome *outcome, struct pvk_err *err);

/* name NULL: all stores. *generation (may be NULL): of the list. */
int pvk_bf_subscribe(struct pvk_bf *bf, const char *name, uint32_t *generation,
		     struct pvk_err *err);
/* This socket keeps the right to set. `text` is the program's name and version. */
int pvk_bf_writer(struct pvk_bf *bf, const char *text, struct pvk_err *err);

/* "ready", "changed"; "?" for a value that this build does not know. */
const char *pvk_store_state_name(uint32_t state);
const char *pvk_bf_event_kind_name(uint32_t kind);
/* The nth flag's name, NULL past the last. */
const char *pvk_guarantee_name(unsigned int bit);

/* Members of the object that is open: all that is known of the store. */
void pvk_store_json(struct json_out *out, const struct pvk_store *store);

/* [A-Za-z0-9._-]{1,31}, no leading dot. */
bool pvk_store_name_ok(const char *name);

/* Parsers of one message, for tests and fuzzing. -EBADMSG for what is not well formed. */
int pvk_parse_store(const struct nlmsghdr *nlh, struct pvk_store *store);
int pvk_parse_bf_outcome(const struct nlmsghdr *nlh, struct pvk_bf_outcome *outcome);
int pvk_parse_bf_event(const struct nlmsghdr *nlh, struct pvk_bf_event *event);

#endif /* PVK_BOOTFLAG_H */
