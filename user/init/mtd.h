/* SPDX-License-Identifier: MIT */
/*
 * mtd - MTD devices by name, and their partitions where the kernel makes none
 *
 * Debian's kernels, and others, come without the parser of mtdparts=: what it would
 * have made is made here, on devices that have no such partition yet.
 */
#ifndef INIT_MTD_H
#define INIT_MTD_H

#include <stddef.h>

#include "cmdline.h"

/* The number of the device of that name; the first, should there be several. -ENODEV */
int mtd_find(const char *sys, const char *name);

/*
 * Looks at all devices that are there now; call it again when there may be more.
 * An mtdparts= that can't be read is complained of once.
 */
void mtd_make_partitions(const struct pvk_cmdline *cmdline, const char *sys, const char *dev);

#endif /* INIT_MTD_H */
