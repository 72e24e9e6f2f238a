/* SPDX-License-Identifier: MIT */
/*
 * mountinfo - what /proc/PID/mountinfo says, line by line
 *
 * Blanks, newlines and the like in its texts are octal escapes (\040). A reader sees the
 * mounts below the root of process PID, and no others of its namespace.
 */
#ifndef PVK_MOUNTINFO_H
#define PVK_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pvk_mount {
	uint32_t id;
	uint32_t parent;
	dev_t dev;		/* the superblock's, which stat() need not give for its files */
	char *root;
	char *point;
	char *how;		/* options of the mount: "rw,nosuid,relatime" */
	char *type;
	char *source;
	char *options;		/* the superblock's, still with escapes: they may hide commas */
};

/*
 * Takes the line that *text begins with, which is cut up and unescaped in place, and moves
 * *text behind it. -ENOENT: there is none. -EBADMSG: it is none such, and the next may be.
 */
int pvk_mountinfo_next(char **text, struct pvk_mount *mount);
/* Octal escapes to bytes, in place; what is none stays as it is. */
void pvk_mountinfo_unescape(char *text);

/*
 * Of /proc/swaps, which has the same escapes: what the next one lies on, cut out of *text as
 * above. NULL: none is left.
 */
char *pvk_swaps_next(char **text);

/*
 * What an overlay lies on: all lower directories and the upper one, on whose file system
 * the working one is by rule.
 */
struct pvk_layers {
	const char *rest;	/* begin with the options */
	const char *more;	/* of the value that it is in; NULL at first */
	bool list;		/* with colons between */
};

/* The next path, unescaped; false after the last. What is too long for it is left out. */
bool pvk_layers_next(struct pvk_layers *layers, char *path, size_t size);

#endif /* PVK_MOUNTINFO_H */
