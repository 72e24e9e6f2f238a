/* SPDX-License-Identifier: MIT */
/*
 * rootpath - paths as those see them who have a directory as their root
 *
 * A symlink's "/" and a ".." too many lead to that directory, never out of it. root is a
 * descriptor of it.
 */
#ifndef PVK_ROOTPATH_H
#define PVK_ROOTPATH_H

#include <limits.h>
#include <stddef.h>

/* An fd, or a negative errno. */
int pvk_root_open(int root, const char *path, int flags);

/* A symlink on the way: path has none before its last part. */
typedef int (*pvk_root_link_fn)(void *arg, const char *path, const char *target);

/*
 * Where path leads in the end, "/usr/lib/libc.so.6", for which real has PATH_MAX bytes, and
 * each symlink in the order of the walk; fn may be NULL. The last part need not be there.
 */
int pvk_root_walk(int root, const char *path, char *real, pvk_root_link_fn fn, void *arg);

#endif /* PVK_ROOTPATH_H */
