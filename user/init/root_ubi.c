// SPDX-License-Identifier: MIT
/*
 * A root in a UBI volume, root=ubi0:NAME, ubi:NAME or ubi0_1: ubifs on the volume, or
 * squashfs and its like on a block device over it. What ubi.mtd=NAME names is attached
 * first, as ubi itself does it where it is built in or comes late enough.
 */
#include <errno.h>
#include <fcntl.h>
#include <mtd/ubi-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "attr.h"
#include "console.h"
#include "mtd.h"
#include "root.h"
#include "superblock.h"

#define DEVICES_MAX	32	/* the kernel's */
#define VOLUMES_MAX	128	/* of a device: the format's */

/* root= taken apart: a volume by name, or by number if that is NULL */
struct volume {
	unsigned int device;
	unsigned int number;
	const char *name;
};

static bool parse(const char *root, struct volume *volume)
{
	*volume = (struct volume){ .name = NULL };
	if (strncmp(root, "ubi", 3))
		return false;
	root += 3;
	if (*root >= '0' && *root <= '9' && !pvk_take_uint(&root, &volume->device))
		return false;
	if (*root == '_') {
		root++;
		return pvk_take_uint(&root, &volume->number) && !*root;
	}
	if ((*root != ':' && *root != '!') || !root[1])
		return false;
	volume->name = root + 1;
	return true;
}

static bool takes(const char *root)
{
	struct volume volume;

	return parse(root, &volume);
}

/* ---- attaching ---- */

static bool is_attached(int mtd)
{
	char text[16];
	unsigned int i;

	for (i = 0; i < DEVICES_MAX; i++)
		if (!attr_read(text, sizeof(text), "/sys/class/ubi/ubi%u/mtd_num", i) &&
		    atoi(text) == mtd)
			return true;
	return false;
}

/* By name, as all should be, or by number, as ubi takes it too. */
static int find_mtd(const char *name)
{
	int number = mtd_find("/sys", name);
	char *end;

	if (number >= 0 || *name < '0' || *name > '9')
		return number;
	number = (int)strtol(name, &end, 10);
	return *end ? -ENODEV : number;
}

static int take_number(char **rest, int otherwise)
{
	const char *word = strsep(rest, ",");

	return word && *word ? (int)strtol(word, NULL, 0) : otherwise;
}

/* "NAME[,VID_HEADER_OFFSET[,BAD_BLOCKS_PER_1024[,DEVICE]]]" */
static int attach(const char *words, struct pvk_err *err)
{
	struct ubi_attach_req request = { .ubi_num = UBI_DEV_NUM_AUTO };
	char copy[256], *rest = copy, *name;
	pvk_auto_close int fd = -1;

	if (snprintf(copy, sizeof(copy), "%s", words) >= (int)sizeof(copy))
		return pvk_err_set(err, -EINVAL, "ubi.mtd=%s: too long", words);
	name = strsep(&rest, ",");
	request.mtd_num = find_mtd(name);
	if (request.mtd_num < 0)
		return pvk_err_set(err, -ENODEV, "ubi.mtd=%s: there is no such MTD device", name);
	if (is_attached(request.mtd_num))
		return 0;
	request.vid_hdr_offset = take_number(&rest, 0);
	request.max_beb_per1024 = (int16_t)take_number(&rest, 0);
	request.ubi_num = take_number(&rest, UBI_DEV_NUM_AUTO);
	fd = open("/dev/ubi_ctrl", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -ENODEV, "ubi.mtd=%s: ubi is not in the kernel", name);
	if (ioctl(fd, UBI_IOCATT, &request) < 0)
		return pvk_err_set(err, -errno, "ubi.mtd=%s: not attached: %s", name,
				   strerror(errno));
	say_debug("ubi.mtd=%s: attached mtd%d", words, request.mtd_num);
	return 0;
}

/* Those after one that is missing are not attached before it: their order is their numbers'. */
int root_ubi_attach(const struct pvk_cmdline *cmdline, struct pvk_err *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < cmdline->count && !ret; i++)
		if (cmdline->value[i] && !strcmp(cmdline->text + cmdline->key[i], "ubi.mtd"))
			ret = attach(cmdline->text + cmdline->value[i], err);
	return ret;
}

/* ---- the volume ---- */

static bool has_name(unsigned int device, unsigned int number, const char *name)
{
	char text[UBI_MAX_VOLUME_NAME + 2];

	return !attr_read(text, sizeof(text), "/sys/class/ubi/ubi%u_%u/name", device, number) &&
	       !strcmp(text, name);
}

static int find_number(struct volume *volume)
{
	if (!volume->name)
		return 0;
	for (volume->number = 0; volume->number < VOLUMES_MAX; volume->number++)
		if (has_name(volume->device, volume->number, volume->name))
			return 0;
	return -ENOENT;
}

static int make_block_device(struct root *root, const struct volume *volume, int fd,
			     struct pvk_err *err)
{
	struct ubi_blkcreate_req request = { .padding = { 0 } };

	snprintf(root->source, sizeof(root->source), "/dev/ubiblock%u_%u", volume->device,
		 volume->number);
	if (ioctl(fd, UBI_IOCVOLCRBLK, &request) && errno != EEXIST)
		return pvk_err_set(err, -errno, "root=%s: no block device of it: %s",
				   root->boot->root, strerror(errno));
	return 0;
}

static int find(struct root *root, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	struct volume volume;
	struct superblock sb;
	char path[32];
	int ret;

	mtd_make_partitions(root->cmdline, "/sys", "/dev");
	ret = root_ubi_attach(root->cmdline, err);
	if (ret)
		return ret;
	if (!parse(root->boot->root, &volume) || find_number(&volume))
		return pvk_err_set(err, -ENOENT, "root=%s: there is no such UBI volume",
				   root->boot->root);
	snprintf(path, sizeof(path), "/dev/ubi%u_%u", volume.device, volume.number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "root=%s: %s: %s", root->boot->root, path,
				   strerror(errno));
	if (!root->fstype[0])
		snprintf(root->fstype, sizeof(root->fstype), "%s",
			 superblock_read(fd, &sb) ? "ubifs" : sb.type);
	if (strcmp(root->fstype, "ubifs"))
		return make_block_device(root, &volume, fd, err);
	strcpy(root->source, path + strlen("/dev/"));
	return 0;
}

const struct root_kind root_ubi = { "ubi", takes, find, NULL };
