/* SPDX-License-Identifier: MIT */
/*
 * switch - make a mounted file system the root, and exec its init
 */
#ifndef INIT_SWITCH_H
#define INIT_SWITCH_H

#include "conf.h"

/*
 * Moves /dev, /proc, /sys and /run into it where it has such directories, empties the
 * initramfs, and moves the mount over it. init "": the kernel's own list. Returns only
 * when it failed; -ENOENT: nothing to exec, and nothing was moved.
 */
int switch_to(const char *root, const char *init, struct pvk_err *err);

#endif /* INIT_SWITCH_H */
