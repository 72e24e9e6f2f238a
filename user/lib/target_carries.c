// SPDX-License-Identifier: MIT
/*
 * What is built on a target, or on a part of it. The kernel opens what a device of the device
 * mapper or md is made of for itself alone, so who has that device, has the target. One that
 * does no more than pass on what is read and written does nothing while nobody has it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "sysattr.h"
#include "target.h"

#define DEPTH_MAX	8
#define TABLE_SIZE	16384

struct carrier {
	const char *sys, *dev;
	const char *target;
	struct pvk_err *err;
};

/* ---- the device mapper ---- */

static bool passes_on(const char *type)
{
	static const char *const types[] = {
		"linear", "striped", "crypt", "verity", "zero", "error",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

/* The first type in it that does more; "" if there is none. */
static const char *find_other(const struct dm_ioctl *table)
{
	const char *at = (const char *)table + table->data_start;
	const char *end = (const char *)table + table->data_size;
	const struct dm_target_spec *spec;
	uint32_t i;

	for (i = 0; i < table->target_count; i++) {
		spec = (const struct dm_target_spec *)at;
		if (at + sizeof(*spec) > end)
			return "?";
		if (!passes_on(spec->target_type))
			return spec->target_type;
		/* Counted from the first one. */
		at = (const char *)table + table->data_start + spec->next;
	}
	return "";
}

/* By the number, as its name may be anything. */
static int ask_mapper(const struct carrier *carrier, const char *name, struct dm_ioctl *table)
{
	unsigned int major_number, minor_number;
	pvk_auto_close int fd = -1;
	char text[32], path[PATH_MAX];
	const char *at = text;

	if (!pvk_sysattr(text, sizeof(text), "%s/class/block/%s/dev", carrier->sys, name) ||
	    !pvk_take_uint(&at, &major_number) || *at++ != ':' ||
	    !pvk_take_uint(&at, &minor_number))
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/mapper/control", carrier->dev);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*table = (struct dm_ioctl){
		.version = { DM_VERSION_MAJOR, 0, 0 }, .data_size = TABLE_SIZE,
		.data_start = sizeof(*table), .dev = makedev(major_number, minor_number),
		.flags = DM_NOFLUSH_FLAG,
	};
	if (ioctl(fd, DM_TABLE_STATUS, table))
		return -errno;
	return table->flags & DM_BUFFER_FULL_FLAG ? -E2BIG : 0;
}

static int check_mapped(const struct carrier *carrier, const char *name)
{
	pvk_auto_free struct dm_ioctl *table = calloc(1, TABLE_SIZE);
	const char *other;
	int ret;

	if (!table)
		return pvk_err_set(carrier->err, -ENOMEM, "%s", strerror(ENOMEM));
	ret = ask_mapper(carrier, name, table);
	if (ret)
		return pvk_err_set(carrier->err, -EBUSY, "%s lies on %s, and of what kind that is "
				   "can't be told: %s", name, carrier->target, strerror(-ret));
	other = find_other(table);
	return *other ? pvk_err_set(carrier->err, -EBUSY, "%s lies on %s and is of the kind %s, "
				    "which may write by itself", name, carrier->target, other) : 0;
}

/* ---- all that is built on it ---- */

static int check_device(const struct carrier *carrier, const char *name, unsigned int depth);

static int check_holder(const struct carrier *carrier, const char *name, unsigned int depth)
{
	char id[32];
	int ret;

	if (depth == DEPTH_MAX)
		return pvk_err_set(carrier->err, -EBUSY, "%s: too much is built on it",
				   carrier->target);
	if (!pvk_sysattr(id, sizeof(id), "%s/class/block/%s/dm/suspended", carrier->sys, name))
		return pvk_err_set(carrier->err, -EBUSY, "it is a part of %s, which would not know "
				   "of it: name %s", name, name);
	ret = check_mapped(carrier, name);
	return ret ? ret : check_device(carrier, name, depth + 1);
}

static int check_device(const struct carrier *carrier, const char *name, unsigned int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	uint64_t number;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/block/%s/holders", carrier->sys, name);
	dir = opendir(path);
	while (dir && !ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ret = check_holder(carrier, entry->d_name, depth);
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "%s/class/block/%s", carrier->sys, name);
	dir = ret ? NULL : opendir(path);
	while (dir && !ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    pvk_sysattr_uint(&number, "%s/%s/partition", path, entry->d_name))
			ret = check_device(carrier, entry->d_name, depth);
	if (dir)
		closedir(dir);
	return ret;
}

int pvk_target_carries(const struct pvk_target *target, const char *sys, const char *dev,
		       struct pvk_err *err)
{
	const struct carrier carrier = {
		.sys = sys, .dev = dev, .target = target->device, .err = err,
	};
	char device[32];

	if (target->kind == PVK_TARGET_BLOCK)
		return check_device(&carrier, target->device, 0);
	/* Flash has its own below another name; what UBI has, it has for itself. */
	snprintf(device, sizeof(device), "mtdblock%d", target->mtd);
	return target->kind == PVK_TARGET_MTD ? check_device(&carrier, device, 0) : 0;
}
