/* SPDX-License-Identifier: MIT */
/*
 * switch - make a mounted file system the root, and exec its init
 */
#ifndef INIT_SWITCH_H
#define INIT_SWITCH_H

#include <stdbool.h>

#include "util.h"

/*
 * The program to exec below root: init, or where that is "" the first that is there of
 * those that the kernel tries. NULL, with a text: there is none, or it is we.
 */
const char *switch_find_init(const char *root, const char *init, struct pvk_err *err);

/* Are we /init of an initramfs, or started by init= on a root that is mounted? */
bool switch_in_initramfs(void);
/* Opens (O_PATH) what lies below root, within which links lead. Negative errno. */
int switch_open(int root, const char *path, int flags);

/* A directory to mount the new root on. NULL: a root without any that would do. */
const char *switch_place(void);

/*
 * Moves /dev, /proc, /sys and /run into it where it has, or can have, such directories,
 * empties the initramfs, moves the mount over it, and execs. A root that init= was started
 * on goes out of the way. root "/": only the exec. argv: what the kernel has started us
 * with, of which all but the name goes on to the init. Returns only when it failed.
 */
int switch_to(const char *root, const char *init, char **argv, struct pvk_err *err);

#endif /* INIT_SWITCH_H */
