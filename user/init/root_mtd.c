// SPDX-License-Identifier: MIT
/*
 * A root in an MTD partition, root=mtd:NAME: jffs2 on the partition itself, or squashfs
 * and its like on the block device that mtdblock makes of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mtd.h"
#include "root.h"
#include "superblock.h"

#define PREFIX	"mtd:"

static bool takes(const char *root)
{
	return !strncmp(root, PREFIX, strlen(PREFIX)) && root[strlen(PREFIX)];
}

static bool is_ubi(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && !memcmp(magic, "UBI#", 4);
}

static int find_type(struct root *root, int number, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	struct superblock sb;
	char path[32];

	if (root->fstype[0])
		return 0;
	snprintf(path, sizeof(path), "/dev/mtd%d", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "root=%s: %s: %s", root->boot->root, path,
				   strerror(errno));
	if (is_ubi(fd))
		return pvk_err_set(err, -EINVAL,
				   "root=%s: that is UBI: ubi.mtd=%s and root=ubi0:VOLUME",
				   root->boot->root, root->boot->root + strlen(PREFIX));
	/* jffs2 has no superblock: any flash is one, an erased one too. */
	snprintf(root->fstype, sizeof(root->fstype), "%s",
		 superblock_read(fd, &sb) ? "jffs2" : sb.type);
	return 0;
}

static int find(struct root *root, struct pvk_err *err)
{
	const char *name = root->boot->root + strlen(PREFIX);
	int number, ret;

	mtd_make_partitions(root->cmdline, "/sys", "/dev");
	number = mtd_find("/sys", name);
	if (number < 0)
		return pvk_err_set(err, number, "root=%s: there is no MTD partition %s",
				   root->boot->root, name);
	ret = find_type(root, number, err);
	if (ret)
		return ret;
	if (!strcmp(root->fstype, "jffs2")) {
		snprintf(root->source, sizeof(root->source), "mtd%d", number);
		return 0;
	}
	snprintf(root->source, sizeof(root->source), "/dev/mtdblock%d", number);
	if (access(root->source, F_OK))
		return pvk_err_set(err, -ENOENT,
				   "root=%s: %s wants %s, which mtdblock would make",
				   root->boot->root, root->fstype, root->source);
	return 0;
}

const struct root_kind root_mtd = { "mtd", takes, find, NULL };
