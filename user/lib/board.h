/* SPDX-License-Identifier: MIT */
/*
 * board - which sections of drivers.json are this machine's
 *
 * Names come, the first that has one wins, from what was configured, from
 * `pvkit.dtb=` and `pvkit.fitconfig=` on the kernel's command line, and from the
 * device tree: /chosen has the FIT configuration where U-Boot started it. The
 * names in the root's `compatible` always come after that of the dtb.
 */
#ifndef PVK_BOARD_H
#define PVK_BOARD_H

#include "bsp.h"
#include "util.h"

#define PVK_BOARD_NAME_MAX	255	/* bytes of a dtb's or configuration's name */
#define PVK_BOARD_COMPATIBLE_MAX 32	/* names of the root's `compatible` that count */

/* Where to look; NULL or "" for not at all. */
struct pvk_board_from {
	const char *dtb;	/* configured names */
	const char *fitconfig;
	const char *cmdline;	/* a file like /proc/cmdline */
	const char *device_tree; /* a directory like /proc/device-tree */
};

struct pvk_board {
	struct pvk_selection selection;	/* points into the rest */
	const char *name[PVK_BOARD_COMPATIBLE_MAX + 2];
	char dtb[PVK_BOARD_NAME_MAX + 1];
	char fitconfig[PVK_BOARD_NAME_MAX + 1];
	char *compatible;
	/* The sections and whence, for people: "all, dtb:acme,x1 (device tree), dtb:all" */
	char sections[512];
};

/* Never fails: what can't be read, or is no name, is a warning. */
void pvk_board_read(struct pvk_board *board, const struct pvk_board_from *from,
		    struct pvk_list *warnings);
void pvk_board_free(struct pvk_board *board);

#define pvk_auto_board	__attribute__((cleanup(pvk_board_free)))

#endif /* PVK_BOARD_H */
