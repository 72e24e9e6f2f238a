// SPDX-License-Identifier: MIT
/*
 * statx() as the kernel has it: some C libraries have no mount ids in it, or none at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "holders_int.h"

#ifndef AT_NO_AUTOMOUNT
#define AT_NO_AUTOMOUNT	0x800
#endif
#define DONT_SYNC	0x4000		/* AT_STATX_DONT_SYNC */

#define WANT_TYPE	0x1
#define WANT_NLINK	0x4
#define WANT_MTIME	0x40
#define WANT_INO	0x100
#define WANT_SIZE	0x200
#define WANT_MNT	0x1000
#define WANTED		(WANT_TYPE | WANT_NLINK | WANT_MTIME | WANT_INO | WANT_SIZE | WANT_MNT)
#define MTIME		6		/* of times: access, birth, change, each with its nsec */

struct kernel_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare0;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt;
	uint64_t spare[13];
};

_Static_assert(sizeof(struct kernel_statx) == 256, "as in <linux/stat.h>");

static int ask(int at, const char *path, unsigned int want, struct kernel_statx *stx)
{
	int flags = AT_NO_AUTOMOUNT | DONT_SYNC | (*path ? 0 : AT_EMPTY_PATH);

	return syscall(SYS_statx, at, path, flags, want, stx) ? -errno : 0;
}

int hold_stat(int at, const char *path, struct hold_inode *inode)
{
	struct kernel_statx stx = { 0 };
	int ret = ask(at, path, WANTED, &stx);

	/* Of a file on another user's FUSE root is told where it is, and no more. */
	if (ret == -EACCES)
		ret = ask(at, path, 0, &stx);
	if (ret)
		return ret;
	*inode = (struct hold_inode){
		.dev = makedev(stx.dev_major, stx.dev_minor),
		.rdev = makedev(stx.rdev_major, stx.rdev_minor),
		.mode = stx.mode, .nlink = stx.nlink, .ino = stx.ino,
		.mnt = stx.mask & WANT_MNT ? stx.mnt : 0,
		.size = stx.size, .mtime = (int64_t)stx.times[MTIME],
	};
	return 0;
}
