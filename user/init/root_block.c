// SPDX-License-Identifier: MIT
/* A root on a block device. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "root.h"
#include "superblock.h"

static bool takes(const char *root)
{
	return !strncmp(root, "/dev/", 5) && strcmp(root, "/dev/nfs") && strcmp(root, "/dev/ram");
}

/* What it says it is. A type that was asked for stays, right or wrong. */
static void take_type(struct root *root)
{
	pvk_auto_close int fd = open(root->source, O_RDONLY | O_CLOEXEC);
	struct superblock sb;

	if (fd >= 0 && !root->fstype[0] && !superblock_read(fd, &sb))
		snprintf(root->fstype, sizeof(root->fstype), "%s", sb.type);
}

static int find(struct root *root, struct pvk_err *err)
{
	struct stat st;

	snprintf(root->source, sizeof(root->source), "%s", root->boot->root);
	if (stat(root->source, &st))
		return pvk_err_set(err, -errno, "root=%s: %s", root->boot->root,
				   errno == ENOENT ? "there is no such device" : strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return pvk_err_set(err, -ENOTBLK, "root=%s: no block device", root->boot->root);
	take_type(root);
	return 0;
}

const struct root_kind root_block = { "block", takes, find, NULL };
