/* SPDX-License-Identifier: MIT */
/*
 * ramunion - what the RAM over a read-only root holds
 *
 * pvkit-init leaves both parts of the union below PVK_UNION_DIR: lower, the root as it
 * is, and ram, a tmpfs with what was written in upper/. What is in upper and not, or not
 * like that, in lower is gone after the boot.
 */
#ifndef PVK_RAMUNION_H
#define PVK_RAMUNION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "keep.h"
#include "unionlevel.h"
#include "util.h"

enum pvk_union_change {
	PVK_UNION_NEW,
	PVK_UNION_CHANGED,
	PVK_UNION_REMOVED,
};

struct pvk_union_entry {
	enum pvk_union_change change;
	const char *path;	/* from the root on, "/etc/hosts"; of a directory with a "/" */
	uint64_t size;		/* bytes of a file; else 0 */
};

/* -ENOENT: there is no union. */
int pvk_union_usage(const char *dir, struct pvk_union_usage *usage, struct pvk_err *err);
/*
 * Tells of each change as it finds it, until the function returns other than 0, which is
 * then returned. -ELOOP: all but what lies too deep was told. What is kept as it is now
 * is no change; kept may be NULL.
 */
int pvk_union_walk(const char *dir, const struct pvk_keep_index *kept,
		   int (*fn)(void *arg, const struct pvk_union_entry *entry), void *arg,
		   struct pvk_err *err);
/*
 * Each directory that is RAM alone, of which all is gone after the boot. bytes: of memory;
 * files: directories are some too.
 */
int pvk_union_plain(const char *dir,
		    int (*fn)(void *arg, const char *path, uint64_t bytes, uint64_t files),
		    void *arg, struct pvk_err *err);

/* A directory that changes when the level does, to be watched and read from. */
int pvk_union_state_open(const char *dir, struct pvk_err *err);
int pvk_union_state_read(int dirfd, struct pvk_union_state *state, struct pvk_err *err);

/*
 * Makes the root below have PATH (absolute, with all below it) as it is now: afterwards
 * it is no change any more. The root must have been made writable. -ENOENT: nothing was
 * written there.
 */
int pvk_union_keep(const char *dir, const char *path, struct pvk_err *err);

const char *pvk_union_change_name(enum pvk_union_change change);

#endif /* PVK_RAMUNION_H */
