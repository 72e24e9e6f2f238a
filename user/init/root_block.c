// SPDX-License-Identifier: MIT
/*
 * A root on a block device: by path, by number, or by what it or its partition is called.
 *
 * Names are looked for anew at each try among all block devices that there are by then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "attr.h"
#include "partition.h"
#include "root.h"
#include "superblock.h"

#define CLASS		"/sys/class/block"
#define NAME_SIZE	64
#define SECTOR_MIN	512
#define PARTNROFF	"/PARTNROFF="

struct tag {
	const char *name;
	/* Is the device of that name in sysfs the one with this value? */
	bool (*is)(const char *device, const char *value);
};

/* ---- what there is of a device ---- */

/* The first line of a file of it, "" if there is none. */
static const char *attribute(const char *device, const char *name, char *line, size_t size)
{
	attr_read(line, size, CLASS "/%s/%s", device, name);
	return line;
}

/* sysfs has a '!' for a '/' in the name of a device. */
static int open_device(const char *device)
{
	char path[NAME_SIZE + 8], *c;

	snprintf(path, sizeof(path), "/dev/%s", device);
	for (c = path + 5; *c; c++)
		if (*c == '!')
			*c = '/';
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The disk that a partition lies on. */
static bool disk_of(const char *device, char *disk)
{
	char path[PATH_MAX], target[PATH_MAX], *end, *name;
	ssize_t n;

	snprintf(path, sizeof(path), CLASS "/%s", device);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	/* ".../block/vda/vda1" */
	end = strrchr(target, '/');
	if (!end)
		return false;
	*end = '\0';
	name = strrchr(target, '/');
	return name && snprintf(disk, NAME_SIZE, "%s", name + 1) < NAME_SIZE;
}

static unsigned int partition_number(const char *device)
{
	char line[16];

	return (unsigned int)strtoul(attribute(device, "partition", line, sizeof(line)), NULL,
				     10);
}

static int read_partition(const char *device, struct partition *partition)
{
	unsigned int number = partition_number(device);
	char disk[NAME_SIZE], line[16];
	uint32_t sector;
	int fd, ret;

	if (!number || !disk_of(device, disk))
		return -ENODATA;
	sector = (uint32_t)strtoul(attribute(disk, "queue/logical_block_size", line,
					     sizeof(line)), NULL, 10);
	fd = open_device(disk);
	if (fd < 0)
		return -errno;
	ret = partition_read(fd, sector < SECTOR_MIN ? SECTOR_MIN : sector, number, partition);
	close(fd);
	return ret;
}

/* ---- the names ---- */

static bool read_superblock(const char *device, struct superblock *sb)
{
	pvk_auto_close int fd = open_device(device);

	return fd >= 0 && !superblock_read(fd, sb);
}

static bool is_uuid(const char *device, const char *value)
{
	struct superblock sb;

	return read_superblock(device, &sb) && sb.uuid[0] && !strcasecmp(sb.uuid, value);
}

static bool is_label(const char *device, const char *value)
{
	struct superblock sb;

	return read_superblock(device, &sb) && sb.label[0] && !strcmp(sb.label, value);
}

static bool is_partlabel(const char *device, const char *value)
{
	struct partition partition;

	return !read_partition(device, &partition) && partition.label[0] &&
	       !strcmp(partition.label, value);
}

/* "UUID/PARTNROFF=N": the partition N after that one. */
static bool is_partuuid(const char *device, const char *value)
{
	const char *offset = strstr(value, PARTNROFF);
	size_t len = offset ? (size_t)(offset - value) : strlen(value);
	char other[NAME_SIZE], disk[NAME_SIZE] = "";
	struct partition partition;
	unsigned int number;
	const char *sep;

	if (!offset)
		return !read_partition(device, &partition) && !strcasecmp(partition.uuid, value);
	offset += strlen(PARTNROFF);
	number = partition_number(device) - (unsigned int)strtol(offset, NULL, 10);
	if (!partition_number(device) || !disk_of(device, disk))
		return false;
	/* "sda2", "mmcblk0p2" */
	sep = disk[0] && strchr("0123456789", disk[strlen(disk) - 1]) ? "p" : "";
	if (snprintf(other, sizeof(other), "%s%s%u", disk, sep, number) >= (int)sizeof(other))
		return false;
	return !read_partition(other, &partition) && strlen(partition.uuid) == len &&
	       !strncasecmp(partition.uuid, value, len);
}

/* "8:1" */
static bool take_number(const char *text, unsigned int *major, unsigned int *minor)
{
	return pvk_take_uint(&text, major) && *text++ == ':' && pvk_take_uint(&text, minor) &&
	       !*text;
}

static bool is_number(const char *device, const char *value)
{
	unsigned int major, minor, want_major, want_minor;
	char line[32];

	return take_number(attribute(device, "dev", line, sizeof(line)), &major, &minor) &&
	       take_number(value, &want_major, &want_minor) && major == want_major &&
	       minor == want_minor;
}

static const struct tag tags[] = {
	{ "UUID=", is_uuid },
	{ "LABEL=", is_label },
	{ "PARTUUID=", is_partuuid },
	{ "PARTLABEL=", is_partlabel },
};

/* Value is what comes after it. NULL: a path. */
static const struct tag *tag_of(const char *root, const char **value)
{
	static const struct tag number = { "", is_number };
	size_t i;

	*value = root;
	for (i = 0; i < PVK_ARRAY_SIZE(tags); i++)
		if (!strncmp(root, tags[i].name, strlen(tags[i].name))) {
			*value = root + strlen(tags[i].name);
			return &tags[i];
		}
	return root[0] >= '0' && root[0] <= '9' && strchr(root, ':') ? &number : NULL;
}

/* ---- looking ---- */

/* Where there is none at all it is no name that is wrong. */
static const char *why_none(const char *otherwise)
{
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	bool some = false;

	while (dir && !some && (entry = readdir(dir)))
		some = entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return some ? otherwise : "there is no block device at all: no driver for it?";
}

static int find_tagged(const struct tag *tag, const char *value, char *source, size_t size)
{
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	int ret = -ENOENT;
	char *c;

	while (dir && ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= NAME_SIZE ||
		    !tag->is(entry->d_name, value))
			continue;
		snprintf(source, size, "/dev/%s", entry->d_name);
		for (c = source + 5; *c; c++)
			if (*c == '!')
				*c = '/';
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

static bool takes(const char *root)
{
	const char *value;

	if (tag_of(root, &value))
		return true;
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

int root_look_at_device(struct root *root, struct pvk_err *err)
{
	struct stat st;

	if (stat(root->source, &st))
		return pvk_err_set(err, -errno, "root=%s: %s", root->boot->root,
				   errno == ENOENT ? why_none("there is no such device") :
				   strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return pvk_err_set(err, -ENOTBLK, "root=%s: no block device", root->boot->root);
	take_type(root);
	return 0;
}

static int find(struct root *root, struct pvk_err *err)
{
	const char *value;
	const struct tag *tag = tag_of(root->boot->root, &value);

	if (tag && find_tagged(tag, value, root->source, sizeof(root->source)))
		return pvk_err_set(err, -ENOENT, "root=%s: %s", root->boot->root,
				   why_none("no block device is that one"));
	if (!tag)
		snprintf(root->source, sizeof(root->source), "%s", root->boot->root);
	return root_look_at_device(root, err);
}

const struct root_kind root_block = { "block", takes, find, NULL };
