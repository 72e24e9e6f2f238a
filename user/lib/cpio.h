/* SPDX-License-Identifier: MIT */
/*
 * cpio - what an initramfs is made of: a folder as an archive of the format newc
 *
 * As the kernel's init/initramfs.c reads it (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Two packings of one tree give the same bytes, wherever and by
 * whomever it is packed: names in the order of their bytes, inode numbers counted
 * from 1, owner 0:0. The folder itself is not part of it, so that unpacking changes
 * nothing of /. Of hard links the first has the data. Links are not followed.
 */
#ifndef PVK_CPIO_H
#define PVK_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define PVK_CPIO_DEPTH	64		/* folders in folders */
#define PVK_CPIO_FILES	(1u << 20)	/* names in one archive */

struct pvk_cpio {
	bool owner;		/* keep user and group, instead of 0:0 */
	uint32_t newest;	/* later times of modification become this one; 0: keep all */
	/* Takes the archive, piece by piece: 0 or a negative errno. NULL: count only. */
	int (*write)(void *arg, const void *data, size_t len);
	void *arg;
	uint64_t size;		/* bytes written or counted, the trailer's included */
	uint32_t files;		/* names */
};

/*
 * -EFBIG: a file of 4 GiB or more, which the format can't hold; -E2BIG: more files or
 * deeper than there may be; -EBUSY: a file that changed meanwhile. The text names it.
 */
int pvk_cpio_pack(struct pvk_cpio *cpio, const char *dir, struct pvk_err *err);

#endif /* PVK_CPIO_H */
