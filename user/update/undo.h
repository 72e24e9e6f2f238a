/* SPDX-License-Identifier: MIT */
/*
 * undo - what the update has changed of the running system, so that it can be put back
 *
 * A journal in memory that the owner writes and process 1 has too: it undoes it from the
 * last entry to the first, whether the owner has failed or was killed. An entry is prepared
 * before its change is made, which can then only be refused for want of room while nothing
 * has happened yet, and committed afterwards.
 */
#ifndef UPDATE_UNDO_H
#define UPDATE_UNDO_H

#include <linux/loop.h>
#include <stdatomic.h>

#include "bounded.h"
#include "util.h"

#define UNDO_MAX	256
#define UNDO_PATH	512
#define UNDO_DATA	1024

enum undo_kind {
	UNDO_PIVOT,	/* from: the root in RAM as the old root has it, to: the reverse */
	UNDO_MOVE,	/* a mount, from there to here */
	UNDO_REMOUNT,	/* to: had these flags, and as below */
	UNDO_UMOUNT,	/* from a source, to was the mount point */
	UNDO_LOOP,	/* from a file, to the device */
	UNDO_SWAP,	/* from, with flags */
};

struct undo_entry {
	enum undo_kind kind;
	unsigned long flags;
	unsigned long how;	/* 0, or of the mount alone, other than of its file system */
	char from[UNDO_PATH];
	char to[UNDO_PATH];
	char type[64];
	union {
		char data[UNDO_DATA];
		struct loop_info64 loop;
	};
};

struct undo {
	atomic_bool armed;	/* there is nothing to go back to any more */
	struct deadline until;	/* the owner's for what it does */
	const char *doing;	/* which is this; a constant, at the same place in each process */
	atomic_uint n;
	struct undo_entry entry[UNDO_MAX];
};

/* Shared with every child. NULL: out of memory. */
struct undo *undo_new(void);
void undo_free(struct undo *undo);

/* -ENOSPC, -ENAMETOOLONG. The entry's other members are the caller's to fill. */
int undo_prepare(struct undo *undo, enum undo_kind kind, const char *from, const char *to,
		 struct undo_entry **entry, struct pvk_err *err);
void undo_commit(struct undo *undo);

/*
 * Undoes all, and tells what could not be. The first error: whether the old system can go
 * on is seen by whether its root is there.
 */
int undo_all(struct undo *undo);
/*
 * The same by a child: what takes longer than so many seconds stays away. 0, or -EBUSY: it
 * can't even be ended, and nothing further is undone.
 */
int undo_all_within(struct undo *undo, unsigned int seconds);

#endif /* UPDATE_UNDO_H */
