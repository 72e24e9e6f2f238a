/* SPDX-License-Identifier: MIT */
/*
 * mtdparts - partitions as the kernel's command line describes them
 *
 *	mtdparts=DEVICE:PART[,PART...][;DEVICE:PART...]
 *	PART: SIZE[@OFFSET][(NAME)][ro][lk][slc]
 *
 * Read as drivers/mtd/parsers/cmdlinepart.c reads it (Linux 5.10 to 6.12), for what
 * must find a partition where that parser is not in the kernel, or before it has run:
 *
 *	- a number is decimal, octal with a leading 0, or hex with 0x, and may end in one
 *	  of k, m, g, t, p, e of either case; one that is too large wraps
 *	- a size of "-" is the rest of the device, and no partition may follow it
 *	- a size of 0 is an error, one of 0 after truncation is left out of the table
 *	- a device's name ends at the last ':' before the first '(', or before the first
 *	  ';' if that is nearer
 *	- flags come in the order ro, lk, slc, right behind each other
 *	- without @OFFSET a partition begins where the one before it ends; overlap and
 *	  disorder are allowed
 *	- of two descriptions of one device the last counts
 *	- an error ends the reading, and what stands before it stays
 *
 * A partition's number changes with its neighbours; find it by name.
 *
 * Nothing is allocated but for warnings; the boot stage has no more than this.
 */
#ifndef PVK_MTDPARTS_H
#define PVK_MTDPARTS_H

#include <stddef.h>
#include <stdint.h>

#include "cmdline.h"
#include "util.h"

#define PVK_MTDPARTS_MAX	(PVK_CMDLINE_MAX / 2)	/* "1," is the shortest there is */
#define PVK_MTDPARTS_DEVICES	(PVK_CMDLINE_MAX / 3)	/* ":1;" */
#define PVK_MTDPART_NAME_SIZE	(PVK_CMDLINE_MAX + 1)

/* Flags of a partition. */
#define PVK_MTDPART_RO		(1u << 0)	/* ro: nothing may write it */
#define PVK_MTDPART_LK		(1u << 1)	/* lk: stays locked at power-up */
#define PVK_MTDPART_SLC		(1u << 2)	/* slc: an MLC's pages as an SLC's */
/* Of one in a table. */
#define PVK_MTDPART_TRUNCATED	(1u << 3)	/* reached beyond the device's end */
/*
 * Begins beyond the device's end: the kernel keeps its number, and a partition of no
 * size at offset 0. It is never what was asked for.
 */
#define PVK_MTDPART_OUTSIDE	(1u << 4)

struct pvk_mtdpart {
	uint64_t offset;	/* bytes, from the device's start */
	uint64_t size;		/* bytes */
	uint16_t name;		/* offset in text; 0: it has none, see pvk_mtdpart_name() */
	uint16_t place;		/* in its description, from 0 */
	unsigned int flags;
};

struct pvk_mtdparts_device {
	uint16_t id;		/* offset in text */
	uint16_t first;		/* in part */
	uint16_t count;
};

struct pvk_mtdparts {
	size_t devices;
	size_t parts;
	/* One more each, for what turns out to be none. */
	struct pvk_mtdparts_device device[PVK_MTDPARTS_DEVICES + 1];
	struct pvk_mtdpart part[PVK_MTDPARTS_MAX + 1];	/* as described, not yet laid out */
	char text[PVK_CMDLINE_MAX + 2];
};

/*
 * What stands behind "mtdparts=", up to its NUL. -E2BIG: longer than a command line.
 * -EINVAL, with the byte (from 0) and what is wrong there: the devices before it are
 * in parts. The kernel then gives the first device that asks no partitions at all,
 * whatever stands there for it, and those that come later theirs.
 */
int pvk_mtdparts_parse(struct pvk_mtdparts *parts, const char *text, struct pvk_err *err);

/*
 * The partitions of a device of that name and size (bytes), numbered as the kernel
 * numbers them: table[0] is the first. id NULL: the last device described. Returns how
 * many there are, which may be more than max; 0 of a device that is not described.
 * Of one that is cut, left out or outside there is a warning; warnings may be NULL.
 */
size_t pvk_mtdparts_table(const struct pvk_mtdparts *parts, const char *id, uint64_t size,
			  struct pvk_mtdpart *table, size_t max, struct pvk_list *warnings);

/* A partition's name, "Partition_004" of one without. name: PVK_MTDPART_NAME_SIZE. */
const char *pvk_mtdpart_name(const struct pvk_mtdparts *parts, const struct pvk_mtdpart *part,
			     char *name);

#endif /* PVK_MTDPARTS_H */
