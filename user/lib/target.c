// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mtd/mtd-abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "sysattr.h"
#include "target.h"

#define SECTOR	512
#define MTD_BLOCK_MAJOR	31

const char *pvk_target_kind_name(enum pvk_target_kind kind)
{
	static const char *const name[] = { "mtd", "ubi", "block" };

	return pvk_name_of(name, PVK_ARRAY_SIZE(name), kind);
}

static dev_t read_dev(const char *sys, const char *class, const char *device)
{
	unsigned int major_number, minor_number;
	char text[32];
	const char *at = text;

	if (!pvk_sysattr(text, sizeof(text), "%s/class/%s/%s/dev", sys, class, device) ||
	    !pvk_take_uint(&at, &major_number) || *at++ != ':' ||
	    !pvk_take_uint(&at, &minor_number))
		return 0;
	return makedev(major_number, minor_number);
}

/* "mtd3", neither "mtd3ro" nor "mtdblock3"; "ubi0_1", not "ubi0". */
static bool is_device(const char *name, const char *prefix, bool volume, unsigned int *number)
{
	unsigned int second;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	name += strlen(prefix);
	if (!pvk_take_uint(&name, number))
		return false;
	return volume ? *name++ == '_' && pvk_take_uint(&name, &second) && !*name : !*name;
}

static int read_mtd(const char *sys, const char *device, struct pvk_target *target)
{
	uint64_t size, block, flags = MTD_WRITEABLE, bad = 0, tables = 0;
	unsigned int number;

	if (!is_device(device, "mtd", false, &number) ||
	    !pvk_sysattr_uint(&size, "%s/class/mtd/%s/size", sys, device) ||
	    !pvk_sysattr_uint(&block, "%s/class/mtd/%s/erasesize", sys, device) ||
	    !pvk_sysattr(target->name, sizeof(target->name), "%s/class/mtd/%s/name", sys, device))
		return -ENODEV;
	pvk_sysattr_uint(&flags, "%s/class/mtd/%s/flags", sys, device);
	pvk_sysattr_uint(&bad, "%s/class/mtd/%s/bad_blocks", sys, device);
	/* Blocks with the table of bad ones are kept from everybody, too. */
	pvk_sysattr_uint(&tables, "%s/class/mtd/%s/bbt_blocks", sys, device);
	bad += tables;
	target->kind = PVK_TARGET_MTD;
	target->mtd = (int)number;
	target->block = (uint32_t)block;
	target->bad = (uint32_t)bad;
	target->size = bad * block > size ? 0 : size - bad * block;
	target->read_only = !(flags & MTD_WRITEABLE);
	target->dev = read_dev(sys, "mtd", device);
	return 0;
}

static int read_ubi(const char *sys, const char *device, struct pvk_target *target)
{
	uint64_t blocks, block, mtd;
	unsigned int number;

	if (!is_device(device, "ubi", true, &number) ||
	    !pvk_sysattr_uint(&blocks, "%s/class/ubi/%s/reserved_ebs", sys, device) ||
	    !pvk_sysattr_uint(&block, "%s/class/ubi/%s/usable_eb_size", sys, device) ||
	    !pvk_sysattr(target->name, sizeof(target->name), "%s/class/ubi/%s/name", sys, device))
		return -ENODEV;
	target->kind = PVK_TARGET_UBI;
	target->mtd = pvk_sysattr_uint(&mtd, "%s/class/ubi/ubi%u/mtd_num", sys, number) ?
		      (int)mtd : -1;
	target->block = (uint32_t)block;
	target->size = blocks * block;
	target->dev = read_dev(sys, "ubi", device);
	return 0;
}

static int read_block(const char *sys, const char *device, struct pvk_target *target)
{
	uint64_t sectors, ro = 0;

	if (!pvk_sysattr_uint(&sectors, "%s/class/block/%s/size", sys, device))
		return -ENODEV;
	pvk_sysattr_uint(&ro, "%s/class/block/%s/ro", sys, device);
	target->kind = PVK_TARGET_BLOCK;
	target->mtd = -1;
	target->size = sectors * SECTOR;
	target->read_only = ro != 0;
	target->dev = read_dev(sys, "block", device);
	return 0;
}

static int read_device(const char *sys, const char *class, const char *device,
		       struct pvk_target *target)
{
	*target = (struct pvk_target){ .mtd = -1 };
	snprintf(target->device, sizeof(target->device), "%s", device);
	if (!strcmp(class, "mtd"))
		return read_mtd(sys, device, target);
	if (!strcmp(class, "ubi"))
		return read_ubi(sys, device, target);
	return read_block(sys, device, target);
}

/* Of that class and name; prefix: what the device's own begins with. */
static int find_by_name(const char *sys, const char *class, const char *prefix, const char *name,
			struct pvk_target *target, struct pvk_err *err)
{
	struct pvk_target candidate;
	unsigned int found = 0;
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/%s", sys, class);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
		    read_device(sys, class, entry->d_name, &candidate) ||
		    strcmp(candidate.name, name) != 0)
			continue;
		*target = candidate;
		found++;
	}
	if (dir)
		closedir(dir);
	if (found > 1)
		return pvk_err_set(err, -ENOTUNIQ, "%u of %s are called %s: name its device node",
				   found, class, name);
	return found ? 0 : pvk_err_set(err, -ENODEV, "no %s is called %s", !strcmp(class, "mtd") ?
				       "flash partition" : "UBI volume", name);
}

/* The last part of where /sys/dev/block/8:1 leads to, and the part before the last. */
static int find_by_node(const char *sys, const char *path, struct pvk_target *target,
			struct pvk_err *err)
{
	const char *class[] = { "mtd", "ubi" };
	char link[PATH_MAX], real[PATH_MAX], device[32];
	struct stat st;
	size_t i;

	if (stat(path, &st))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return pvk_err_set(err, -ENODEV, "%s: no device node", path);
	snprintf(link, sizeof(link), "%s/dev/%s/%u:%u", sys, S_ISBLK(st.st_mode) ? "block" : "char",
		 major(st.st_rdev), minor(st.st_rdev));
	if (!realpath(link, real))
		return pvk_err_set(err, -ENODEV, "%s: the kernel has no such device", path);
	/* mtdblock3 is mtd3: that is how bad blocks are passed over, and who lies there is seen. */
	if (S_ISBLK(st.st_mode) && major(st.st_rdev) == MTD_BLOCK_MAJOR) {
		snprintf(device, sizeof(device), "mtd%u", minor(st.st_rdev));
		if (!read_device(sys, "mtd", device, target))
			return 0;
	}
	if (S_ISBLK(st.st_mode))
		return read_device(sys, "block", strrchr(real, '/') + 1, target) ?
		       pvk_err_set(err, -ENODEV, "%s: a disk without a size", path) : 0;
	for (i = 0; i < PVK_ARRAY_SIZE(class); i++)
		if (!read_device(sys, class[i], strrchr(real, '/') + 1, target))
			return 0;
	return pvk_err_set(err, -ENODEV, "%s: neither flash nor a UBI volume", path);
}

int pvk_target_find(const char *sys, const char *text, struct pvk_target *target,
		    struct pvk_err *err)
{
	char device[32];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (text[0] == '/')
		return find_by_node(sys, text, target, err);
	if (!colon)
		return find_by_name(sys, "mtd", "mtd", text, target, err);
	if (len == 3 && !strncmp(text, "mtd", len))
		return find_by_name(sys, "mtd", "mtd", colon + 1, target, err);
	if (len == 3 && !strncmp(text, "ubi", len))
		return find_by_name(sys, "ubi", "ubi", colon + 1, target, err);
	/* ubi1 is not ubi10. */
	if (len > 3 && len < sizeof(device) - 1 && !strncmp(text, "ubi", 3)) {
		snprintf(device, sizeof(device), "%.*s_", (int)len, text);
		return find_by_name(sys, "ubi", device, colon + 1, target, err);
	}
	return pvk_err_set(err, -EINVAL, "%s: a target is NAME, mtd:NAME, ubi:NAME, ubiN:NAME or "
			   "/dev/...", text);
}

int pvk_target_block(const char *sys, const char *device, struct pvk_target *target)
{
	return read_device(sys, "block", device, target);
}

int pvk_target_fits(const struct pvk_target *target, uint64_t size, struct pvk_err *err)
{
	if (!size)
		return pvk_err_set(err, -ENODATA, "the image is empty");
	if (target->read_only)
		return pvk_err_set(err, -EROFS, "%s is read-only", target->device);
	if (size <= target->size)
		return 0;
	if (target->bad)
		return pvk_err_set(err, -EFBIG, "%llu bytes too large for %s, %u blocks of which "
				   "are bad", (unsigned long long)(size - target->size),
				   target->device, target->bad);
	return pvk_err_set(err, -EFBIG, "%llu bytes too large for %s",
			   (unsigned long long)(size - target->size), target->device);
}

int pvk_watchdog_find(const char *sys, struct pvk_watchdog *watchdog, struct pvk_err *err)
{
	struct dirent *entry;
	char path[PATH_MAX], state[16];
	unsigned int number, best = UINT_MAX;
	uint64_t timeout;
	DIR *dir;

	*watchdog = (struct pvk_watchdog){ .name = "" };
	snprintf(path, sizeof(path), "%s/class/watchdog", sys);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		bool active = pvk_sysattr(state, sizeof(state), "%s/%s/state", path,
					  entry->d_name) && !strcmp(state, "active");

		if (!is_device(entry->d_name, "watchdog", false, &number) ||
		    active < watchdog->active || (active == watchdog->active && number > best))
			continue;
		best = number;
		*watchdog = (struct pvk_watchdog){ .active = active };
		snprintf(watchdog->name, sizeof(watchdog->name), "watchdog%u", number);
		pvk_sysattr(watchdog->identity, sizeof(watchdog->identity), "%s/%s/identity", path,
			    entry->d_name);
		if (pvk_sysattr_uint(&timeout, "%s/%s/timeout", path, entry->d_name))
			watchdog->timeout = (unsigned int)timeout;
	}
	if (dir)
		closedir(dir);
	return watchdog->name[0] ? 0 : pvk_err_set(err, -ENODEV, "the kernel has no watchdog");
}
