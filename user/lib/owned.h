/* SPDX-License-Identifier: MIT */
/*
 * owned - files that nobody but root can have put there
 *
 * Where root carries out what a file says, the file and each directory on the way to it have to
 * be root's and not be writable by group or others; and no symlink may lead elsewhere.
 */
#ifndef PVK_OWNED_H
#define PVK_OWNED_H

#include "util.h"

/*
 * The path below the directory at, with or without a '/' before it; "": at itself, anew. Each
 * directory is looked at, at too. An fd; -EPERM: it is not so, and the text says where and what
 * to do; -ELOOP: a symlink; -EINVAL: with "..".
 */
int pvk_owned_open(int at, const char *path, int flags, struct pvk_err *err);
/* A directory, which is made, with those above it, where there is none. */
int pvk_owned_make_dir(int at, const char *path, struct pvk_err *err);

#endif /* PVK_OWNED_H */
