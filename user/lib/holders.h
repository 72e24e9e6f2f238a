/* SPDX-License-Identifier: MIT */
/*
 * holders - who holds a file system: processes, and what the kernel has built on it
 *
 * Found from outside, by /proc and /sys, and so also after a lazy unmount, when no list of
 * mounts has it any more: what somebody holds keeps the number of its device (st_dev).
 * What stands on it is followed: an overlay with a layer there, a loop device with its file
 * there, and whoever holds these.
 *
 * A scan is a picture: who forks or opens meanwhile may be missed. Ask again until nobody
 * is found twice.
 *
 * It is made by a child process that has nothing of the caller's open and that ends with the
 * scan. A file on a server that is gone can make it wait for good; then it is killed, that
 * process is reported (PVK_HOLD_STUCK) and another goes on behind it.
 */
#ifndef PVK_HOLDERS_H
#define PVK_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

struct json_out;
struct pvk_pivot_status;

enum pvk_holder_kind {
	PVK_HOLD_FD,		/* an open file */
	PVK_HOLD_MAPPING,	/* a file that is mapped, once for each */
	PVK_HOLD_CWD,
	PVK_HOLD_ROOT,
	PVK_HOLD_TEXT,		/* the program that runs */
	PVK_HOLD_MOUNT,		/* in a namespace, of which pid is one process */
	PVK_HOLD_LOOP,		/* a loop device whose file lies there */
	PVK_HOLD_OVERLAY,	/* an overlay with a layer there */
	PVK_HOLD_SWAP,
	PVK_HOLD_DEVICE,	/* the medium: a descriptor of it, or a device built on it */
	PVK_HOLD_STUCK,		/* this process, or that of it, could not be looked at */
	PVK_HOLD_KINDS
};

/* Texts are valid during the call that gets it; none is NULL but via. */
struct pvk_holder {
	enum pvk_holder_kind kind;
	uint32_t pid;		/* 0: the kernel itself */
	uint32_t tid;		/* a thread that has files or directories of its own, else pid */
	uint64_t start;		/* with pid the process and no later one: ticks since boot */
	const char *comm;	/* any bytes */
	int fd;			/* -1: none */
	uint64_t ns;		/* of a mount: the namespace's number */
	const char *what;	/* path, mount point, loop3, dm-0; any bytes */
	const char *via;	/* what stands between: loop3, overlay; NULL: nothing */
	bool guess;		/* it may as well be of another file system */
};

/* What was found, in numbers. */
struct pvk_holders_sum {
	uint32_t processes;	/* looked at, kernel threads too */
	uint32_t holders;
	uint32_t mounts;	/* of it; detached ones that something holds too */
	uint32_t layers;	/* of overlays; each counts as a mount to the kernel */
	uint32_t inner;		/* loop devices and swap: they may hold a mount that is detached */
	uint32_t guesses;
	uint32_t stuck;
	uint32_t denied;	/* processes that we have no right to look at */
	bool cut;		/* bounds were reached: there is more */
};

/* Which file system. The first that is set counts. */
struct pvk_holders_from {
	const char *path;	/* of anything on it; or its medium's device node */
	dev_t dev;		/* its number; 0: not known */
	int fd;			/* of anything on it */

	uint32_t stall_ms;	/* how long one look may take; 0: 2000 */
	/* For tests: in place of /proc, /sys and /dev. */
	const char *proc;
	const char *sys;
	const char *devices;
};

struct pvk_holders;

/*
 * Remembers from scan to scan which mounts and nodes are the file system's, which can't be
 * told any more once they are gone: open it, and scan once, before it is unmounted.
 * Neither keeps anything open on it.
 */
int pvk_holders_open(struct pvk_holders **out, const struct pvk_holders_from *from,
		     struct pvk_err *err);
/* NULL is fine. */
void pvk_holders_close(struct pvk_holders *holders);

/* Not 0 ends the scan, which returns that. */
typedef int (*pvk_holder_fn)(void *arg, const struct pvk_holder *holder);

/* sum may be NULL. Not for two threads at once. */
int pvk_holders_scan(struct pvk_holders *holders, pvk_holder_fn fn, void *arg,
		     struct pvk_holders_sum *sum, struct pvk_err *err);

/* Of the last scan: the number, and what the kernel calls the file system and its medium. */
dev_t pvk_holders_dev(const struct pvk_holders *holders);
/* "" if it is not known. */
const char *pvk_holders_type(const struct pvk_holders *holders);
const char *pvk_holders_medium(const struct pvk_holders *holders);

/* Is it what the session of that status follows? By names: there is no number in it. */
bool pvk_holders_followed(const struct pvk_holders *holders,
			  const struct pvk_pivot_status *status);

/* Could anything hold it that was not looked at? */
bool pvk_holders_partial(const struct pvk_holders_sum *sum);
/*
 * active: the references that pv_pivot counts (struct pvk_pivot_status). Are there more than
 * what was found accounts for? A namespace without a process, a descriptor on its way
 * through a socket, an exported directory.
 */
bool pvk_holders_unexplained(const struct pvk_holders_sum *sum, uint32_t active);

const char *pvk_holder_kind_name(enum pvk_holder_kind kind);
/* Members of the object that is open. */
void pvk_holder_json(struct json_out *out, const struct pvk_holder *holder);

#endif /* PVK_HOLDERS_H */
