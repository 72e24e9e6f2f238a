/* SPDX-License-Identifier: MIT */
/*
 * unmount - the old root and all that is mounted below it, for real
 *
 * Never lazily. What lies in RAM alone (a tmpfs) is moved aside instead, with what is in
 * it, for the case that it has to come back.
 */
#ifndef UPDATE_UNMOUNT_H
#define UPDATE_UNMOUNT_H

#include "evict.h"
#include "undo.h"

struct unmount {
	dev_t dev;		/* the file system that has to go */
	const char *below;	/* and the tree of mounts that does too: /oldroot */
	const char *aside;	/* a directory in RAM for what is moved there */
	const struct evict_limits *limits;
	struct undo *undo;
	unsigned int moved;
};

/* Its mount that goes last, into path. -ENOENT: there is none here. */
int unmount_find(dev_t dev, const char *below, char *path, size_t size, struct pvk_err *err);
/*
 * No mount is left of it, and yet it lives, as a layer of an overlay: an init that unmounts
 * what it can has done so. Mounts it there, read-only, so that it can be followed.
 */
int unmount_find_again(dev_t dev, const char *where, struct pvk_err *err);

/* All but one mount of the file system itself, deepest first, with what stands on them. */
int unmount_others(struct unmount *unmount, struct pvk_err *err);
/* That one becomes read-only. */
int unmount_read_only(struct unmount *unmount, struct pvk_err *err);
/* And goes. */
int unmount_last(struct unmount *unmount, struct pvk_err *err);

#endif /* UPDATE_UNMOUNT_H */
