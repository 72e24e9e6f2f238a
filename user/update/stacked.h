/* SPDX-License-Identifier: MIT */
/*
 * stacked - what the kernel has built on a file system besides mounts: loop devices, swap
 */
#ifndef UPDATE_STACKED_H
#define UPDATE_STACKED_H

#include <sys/types.h>

#include "undo.h"

/*
 * Takes down the loop devices whose files are on dev, or below the mount point, and swap
 * there. One that is mounted goes with its mount; it is left. *n: how many went.
 */
int stacked_take_down(dev_t dev, const char *point, struct undo *undo, unsigned int *n,
		      struct pvk_err *err);

/* Swap on that device or file ends. */
int stacked_take_swap(const char *path, struct undo *undo, struct pvk_err *err);

/*
 * A loop device that would go with its mount stays, so that it can be mounted again or is
 * taken down, and set up again, as any other. Nothing for another device.
 */
void stacked_keep(dev_t dev);

#endif /* UPDATE_STACKED_H */
