// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guard_probe.h"
#include "util.h"

#define NBD_MAJOR	43
#define MTD_BLOCK_MAJOR	31	/* jffs2 has it too, where nothing makes such a device */

/* Of those whose statfs goes to the server; a C library need not have the numbers. */
static const uint32_t by_statfs[] = {
	0x6969u,		/* NFS */
	0x65735546u,		/* FUSE */
	0x01021997u,		/* 9P */
	0xff534d42u,		/* CIFS, SMB 1 */
	0xfe534d42u,		/* SMB 2 and 3 */
	0x00c36400u,		/* Ceph */
};

void probe_choose(struct probe *probe, int fd, const char *source)
{
	struct statfs fs;
	struct stat st;
	size_t i;

	*probe = (struct probe){ .kind = PROBE_NONE };
	if (fstatfs(fd, &fs) || fstat(fd, &st))
		return;
	for (i = 0; i < PVK_ARRAY_SIZE(by_statfs); i++)
		if ((uint32_t)fs.f_type == by_statfs[i]) {
			probe->kind = PROBE_STATFS;
			probe->network = true;
			return;
		}
	probe->device = st.st_dev;
	/* btrfs, for one, has numbers of its own. */
	if (!major(st.st_dev)) {
		if (source[0] != '/' || stat(source, &st) || !S_ISBLK(st.st_mode))
			return;
		probe->device = st.st_rdev;
	}
	if (major(probe->device) == MTD_BLOCK_MAJOR)
		return;
	probe->kind = PROBE_BLOCK;
	probe->network = major(probe->device) == NBD_MAJOR;
}

/* Far apart from turn to turn: neither a readahead nor a disk's own cache has it. */
uint64_t probe_offset(uint64_t turn, uint64_t bytes)
{
	uint64_t mixed = (turn + 1) * 0x9e3779b97f4a7c15u;

	mixed ^= mixed >> 29;
	return mixed % (bytes / PROBE_BLOCK_SIZE) * PROBE_BLOCK_SIZE;
}

static int read_block(struct probe *probe, int fd)
{
	static char block[PROBE_BLOCK_SIZE] __attribute__((aligned(PROBE_BLOCK_SIZE)));
	off_t bytes = lseek(fd, 0, SEEK_END);
	ssize_t n;

	/* What has been pulled out has no size any more. */
	if (bytes < PROBE_BLOCK_SIZE)
		return bytes < 0 ? -errno : -ENODEV;
	n = pread(fd, block, sizeof(block),
		  (off_t)probe_offset(probe->turn++, (uint64_t)bytes));
	if (n == sizeof(block))
		return 0;
	return n < 0 ? -errno : -ENODEV;
}

int probe_run(struct probe *probe, int fd)
{
	struct statfs fs;
	int ret;

	if (probe->kind == PROBE_BLOCK)
		ret = read_block(probe, fd);
	else
		ret = fstatfs(fd, &fs) ? -errno : 0;
	/* Words of our own kernel, or of a server that has no such call: no loss. */
	return ret == -ENOSYS || ret == -ENOMEM || ret == -EINTR ? 0 : ret;
}
