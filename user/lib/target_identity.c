// SPDX-License-Identifier: MIT
/*
 * What stays the same of a target when a later boot numbers its devices otherwise.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "partition.h"
#include "sysattr.h"
#include "target.h"

#define SECTOR_MIN	512

/* "CID:boot0" of mmcblk0boot0, which is a disk below the disk mmcblk0. */
static void part_of_card(const char *sys, const char *device, char *id, size_t size)
{
	char path[PATH_MAX], real[PATH_MAX], cid[64];
	const char *card;

	snprintf(path, sizeof(path), "%s/class/block/%s/device", sys, device);
	if (!pvk_sysattr(cid, sizeof(cid), "%s/device/cid", path) || !realpath(path, real))
		return;
	card = strrchr(real, '/') + 1;
	if (!strncmp(device, card, strlen(card)))
		snprintf(id, size, "%s:%s", cid, device + strlen(card));
}

/* Its own number, and where on it that begins. */
static void block_identity(const char *sys, const char *device, char *text)
{
	static const char *const numbers[] = { "wwid", "device/wwid", "device/cid", "serial" };
	char id[PVK_TARGET_IDENTITY - 32] = "";
	uint64_t start = 0, partition;
	const char *above;
	size_t i;

	text[0] = '\0';
	above = pvk_sysattr_uint(&partition, "%s/class/block/%s/partition", sys, device) ? "../" :
											   "";
	for (i = 0; i < PVK_ARRAY_SIZE(numbers) && !id[0]; i++)
		if (!pvk_sysattr(id, sizeof(id), "%s/class/block/%s/%s%s", sys, device, above,
				 numbers[i]))
			id[0] = '\0';
	if (!id[0])
		part_of_card(sys, device, id, sizeof(id));
	pvk_sysattr_uint(&start, "%s/class/block/%s/start", sys, device);
	if (id[0])
		snprintf(text, PVK_TARGET_IDENTITY, "%s@%llu", id, (unsigned long long)start);
}

void pvk_target_identity(const char *sys, const struct pvk_target *target,
			 char text[PVK_TARGET_IDENTITY])
{
	if (target->kind == PVK_TARGET_BLOCK)
		block_identity(sys, target->device, text);
	else
		snprintf(text, PVK_TARGET_IDENTITY, "%s", target->name);
}

/* ---- the partition table ---- */

static bool disk_of(const char *sys, const char *device, char *disk, size_t size)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s/class/block/%s/..", sys, device);
	if (!realpath(path, real))
		return false;
	slash = strrchr(real, '/');
	return slash && snprintf(disk, size, "%s", slash + 1) < (int)size;
}

void pvk_target_partuuid(const char *sys, const char *dev, const struct pvk_target *target,
			 char text[PVK_TARGET_PARTUUID])
{
	uint64_t number, sector = SECTOR_MIN;
	char disk[64], path[PATH_MAX], *mark;
	struct partition partition;
	pvk_auto_close int fd = -1;

	text[0] = '\0';
	/* A table that is a part of what is written says nothing about it. */
	if (target->kind != PVK_TARGET_BLOCK ||
	    !pvk_sysattr_uint(&number, "%s/class/block/%s/partition", sys, target->device) ||
	    !disk_of(sys, target->device, disk, sizeof(disk)))
		return;
	pvk_sysattr_uint(&sector, "%s/class/block/%s/queue/logical_block_size", sys, disk);
	snprintf(path, sizeof(path), "%s/%s", dev, disk);
	while ((mark = strchr(path, '!')))
		*mark = '/';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !partition_read(fd, (uint32_t)sector, (unsigned int)number, &partition))
		snprintf(text, PVK_TARGET_PARTUUID, "%s", partition.uuid);
}

/* ---- which one it is ---- */

/* Not one that the kernel makes up: a loop device, RAM, dm, md. */
static bool is_hardware(const char *sys, const char *device)
{
	char path[PATH_MAX], real[PATH_MAX];
	uint64_t partition;

	snprintf(path, sizeof(path), "%s/class/block/%s/%sdevice", sys, device,
		 pvk_sysattr_uint(&partition, "%s/class/block/%s/partition", sys, device) ?
		 "../" : "");
	return realpath(path, real);
}

bool pvk_target_is(const char *sys, const char *dev, const struct pvk_target *target,
		   const struct pvk_identity *identity)
{
	char text[PVK_TARGET_IDENTITY], partuuid[PVK_TARGET_PARTUUID];

	pvk_target_identity(sys, target, text);
	if (identity->text && strcmp(text, identity->text) != 0)
		return false;
	if (!identity->partuuid)
		return true;
	pvk_target_partuuid(sys, dev, target, partuuid);
	return !strcmp(partuuid, identity->partuuid);
}

/* Both without a number of their own, and on their disks the same place. */
static bool is_like(const char *sys, const struct pvk_target *target, const char *like)
{
	char text[PVK_TARGET_IDENTITY];
	uint64_t start[2] = { 0, 0 };

	block_identity(sys, target->device, text);
	pvk_sysattr_uint(&start[0], "%s/class/block/%s/start", sys, target->device);
	pvk_sysattr_uint(&start[1], "%s/class/block/%s/start", sys, like);
	return !text[0] && is_hardware(sys, target->device) && start[0] == start[1];
}

static bool fits(const char *sys, const char *dev, const struct pvk_target *target,
		 const struct pvk_identity *identity)
{
	if (identity->size && target->size != identity->size)
		return false;
	if (identity->like)
		return is_like(sys, target, identity->like);
	return pvk_target_is(sys, dev, target, identity);
}

int pvk_target_by_identity(const char *sys, const char *dev, const struct pvk_identity *identity,
			   struct pvk_target *target, struct pvk_err *err)
{
	struct pvk_target one;
	struct dirent *entry;
	char path[PATH_MAX];
	int ret = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/block", sys);
	dir = opendir(path);
	while (dir && ret != -ENOTUNIQ && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || pvk_target_block(sys, entry->d_name, &one) ||
		    !fits(sys, dev, &one, identity))
			continue;
		if (!ret)
			ret = pvk_err_set(err, -ENOTUNIQ, "%s and %s are alike: which one is meant "
					  "can't be told", target->device, one.device);
		else
			*target = one;
		ret = ret == -ENOTUNIQ ? ret : 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}
