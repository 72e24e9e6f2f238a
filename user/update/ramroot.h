/* SPDX-License-Identifier: MIT */
/*
 * ramroot - the small root in RAM becomes the root, and the old one goes to /oldroot
 */
#ifndef UPDATE_RAMROOT_H
#define UPDATE_RAMROOT_H

#include "undo.h"

#define OLD_ROOT	"/oldroot"
#define RAMROOT_USUAL	"/run/initramfs"

/*
 * From a root that has it mounted at ram: pivots, and takes /proc, /sys, /dev and /run
 * along. Mounts propagate nowhere any more. Everything is in undo, as far as it came.
 */
int ramroot_enter(const char *ram, struct undo *undo, struct pvk_err *err);

/* The same for one that another has entered (systemd-shutdown): only so that it can be undone. */
int ramroot_entered(const char *ram, struct undo *undo, struct pvk_err *err);

/*
 * On the way back, when the old root is the root again: what is mounted at ram, and may hold
 * whole images, goes with the last process that runs from it. Its log stays, in RAMROOT_LOG.
 */
#define RAMROOT_LOG	"/run/pvkit-update.log"
void ramroot_leave(const char *ram);

#endif /* UPDATE_RAMROOT_H */
