/* SPDX-License-Identifier: MIT */
/*
 * pivot - typed client of the pv_pivot netlink family
 *
 * One `struct pvk_pivot` is one socket, close-on-exec, of one thread. A session does
 * not belong to it but is a file of its own: it ends with the last descriptor of
 * that, wherever it went. So its owner does not fork without an exec.
 *
 * What happens to a session by itself comes as an event: watch pvk_pivot_fd() and
 * call pvk_pivot_dispatch(), or pvk_pivot_dispatch_wait(). What arrives while a
 * call waits for its own answer is kept for the next dispatch; the fd then has
 * nothing to read, so `pending` is called.
 *
 * Return values are 0 or a negative errno; `err` (may be NULL) gets one line
 * for people.
 */
#ifndef PVK_PIVOT_H
#define PVK_PIVOT_H

#include <linux/pv_pivot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

struct nlmsghdr;
struct json_out;

#define PVK_PIVOT_TEXT_SIZE	(PV_PIVOT_MAX_TEXT + 1)

/* Owns nothing. */
struct pvk_pivot_status {
	uint32_t state;			/* enum pv_pivot_state, or a newer one */
	uint32_t generation;
	bool has_session;		/* false: there was none, or no right to see more */
	bool has_left;			/* it lives, and so do the next four */
	uint32_t left;			/* seconds */
	uint32_t owner;			/* pid, 0: not in our namespace */
	uint32_t active;		/* references to the superblock */
	uint32_t watchdog;		/* seconds that one is kept alive yet */
	char fs[32];
	char device[32];
	uint32_t medium;		/* enum pv_pivot_medium */
	uint32_t proof;			/* PV_PIVOT_PROOF_* */
	uint32_t gate;			/* PV_PIVOT_GATE_* */
	int error;			/* positive errno, 0 if none */
	char text[PVK_PIVOT_TEXT_SIZE];
	bool helper_runs;
	uint32_t helper;		/* its pid; 0: not in our namespace, or not yet */
	bool has_helper_exit;		/* one has ended, and none runs */
	uint32_t helper_exit;		/* as a shell has it */
};

struct pvk_pivot_event {
	uint32_t kind;			/* enum pv_pivot_event_kind */
	uint32_t state;
	uint32_t generation;
};

struct pvk_pivot;

/* Either may be NULL. They may make calls, but neither dispatch nor close. */
struct pvk_pivot_ops {
	void (*event)(void *arg, const struct pvk_pivot_event *event);
	void (*pending)(void *arg);
};

/* -ENOENT when pv_pivot is not in the kernel. ops may be NULL. */
int pvk_pivot_open(struct pvk_pivot **out, const struct pvk_pivot_ops *ops, void *arg,
		   struct pvk_err *err);
/* For tests: talks to whoever is behind fd, a datagram socket. Takes the fd. */
int pvk_pivot_open_fd(struct pvk_pivot **out, int fd, uint16_t family,
		      const struct pvk_pivot_ops *ops, void *arg);
/* NULL is fine. Sessions stay. */
void pvk_pivot_close(struct pvk_pivot *pivot);
int pvk_pivot_fd(const struct pvk_pivot *pivot);

/* As pvk_bf_dispatch() and pvk_bf_dispatch_wait(). */
int pvk_pivot_dispatch(struct pvk_pivot *pivot, struct pvk_err *err);
int pvk_pivot_dispatch_wait(struct pvk_pivot *pivot, int timeout_ms, struct pvk_err *err);

int pvk_pivot_status(struct pvk_pivot *pivot, struct pvk_pivot_status *status,
		     struct pvk_err *err);
/*
 * Follows the file system that fd is on, a descriptor that can read; close it then.
 * *session is a descriptor, close-on-exec. limit: seconds, 0 for the usual.
 */
int pvk_pivot_begin(struct pvk_pivot *pivot, int fd, uint32_t limit, int *session,
		    struct pvk_err *err);
/* Sealing what lies on UBI looks in /sys for the flash below. */
int pvk_pivot_step(struct pvk_pivot *pivot, int session, uint32_t state, uint32_t limit,
		   struct pvk_err *err);
/*
 * The point of no return, as a step. If the session then ends without having been
 * closed, the machine reboots with that argument ("" for none).
 */
int pvk_pivot_arm(struct pvk_pivot *pivot, int session, uint32_t limit, const char *reboot_arg,
		  struct pvk_err *err);
/* The kernel keeps the watchdog behind fd alive for so long; close it, if you like. */
int pvk_pivot_watchdog(struct pvk_pivot *pivot, int session, int fd, uint32_t interval,
		       uint32_t seconds, struct pvk_err *err);
/* session -1: whichever there is, which takes CAP_SYS_MODULE. -ENOENT: none. */
int pvk_pivot_abort(struct pvk_pivot *pivot, int session, struct pvk_err *err);
/*
 * Runs the program that the host has set for it, with one more word; NULL: none. Does not
 * wait for it. -ENOENT: none is set; -EBUSY: it runs, or there is a session.
 */
int pvk_pivot_start(struct pvk_pivot *pivot, const char *word, struct pvk_err *err);
int pvk_pivot_subscribe(struct pvk_pivot *pivot, uint32_t *generation, struct pvk_err *err);

/* "sealed", "block"; "?" for a value that this build does not know. */
const char *pvk_pivot_state_name(uint32_t state);
const char *pvk_pivot_medium_name(uint32_t medium);
/* The nth flag's name, NULL past the last. */
const char *pvk_pivot_gate_name(unsigned int bit);
const char *pvk_pivot_proof_name(unsigned int bit);

/* Members of the object that is open. */
void pvk_pivot_json(struct json_out *out, const struct pvk_pivot_status *status);

/* Parsers of one message, for tests and fuzzing. -EBADMSG for what is not well formed. */
int pvk_parse_pivot_status(const struct nlmsghdr *nlh, struct pvk_pivot_status *status);
int pvk_parse_pivot_event(const struct nlmsghdr *nlh, struct pvk_pivot_event *event);

#endif /* PVK_PIVOT_H */
