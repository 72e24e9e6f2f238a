/* SPDX-License-Identifier: MIT */
/*
 * unionlevel - how full the RAM over a read-only root is, in a word
 *
 * The process that watches it (pvkit-union, of pvkit-init) replaces a small file at each
 * change of the level. Programs read it whenever they begin and hear of the next one by
 * inotify: IN_MOVED_TO in the directory that it lies in. It has a directory of its own,
 * since a sandbox that lets a process read what lies beside it would let it read the root.
 */
#ifndef PVK_UNIONLEVEL_H
#define PVK_UNIONLEVEL_H

#include <stdint.h>
#include <sys/statvfs.h>

#include "util.h"

#define PVK_UNION_DIR		"/run/pvkit-init"
/* Below it: */
#define PVK_UNION_STATE		"state"
/*
 * And in that: the level; the directories that are RAM alone, one a line; where paths are
 * kept, and to be mounted for that below PVK_UNION_DIR.
 */
#define PVK_UNION_LEVEL_FILE	"level"
#define PVK_UNION_PLAIN_FILE	"plain"
#define PVK_UNION_KEEP		"keep"

enum pvk_union_level {
	PVK_UNION_OK,
	PVK_UNION_WARNING,
	PVK_UNION_CRITICAL,
	PVK_UNION_LEVELS
};

/* Percent, of bytes or of inodes, at which a level begins. */
#define PVK_UNION_WARN		80
#define PVK_UNION_ALARM		95
/* So far below that it ends: what hovers about a mark is told once. */
#define PVK_UNION_CALM		5

struct pvk_union_usage {
	uint64_t size, used;		/* bytes */
	uint64_t files, files_used;	/* inodes */
};

struct pvk_union_state {
	enum pvk_union_level level;
	uint32_t generation;		/* from 1, one more at each change */
	uint64_t uptime_ms;		/* of the change, since boot */
	struct pvk_union_usage usage;	/* then */
};

void pvk_union_usage_of(const struct statvfs *fs, struct pvk_union_usage *usage);
/* Of bytes and inodes what is scarcer. */
unsigned int pvk_union_percent(const struct pvk_union_usage *usage);
enum pvk_union_level pvk_union_level_next(enum pvk_union_level before, unsigned int percent);
/* "warning" */
const char *pvk_union_level_name(enum pvk_union_level level);
/* Replaces the file in that directory: a reader finds the old one or the new one. */
int pvk_union_state_write(int dirfd, const struct pvk_union_state *state);

#endif /* PVK_UNIONLEVEL_H */
