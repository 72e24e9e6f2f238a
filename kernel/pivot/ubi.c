// SPDX-License-Identifier: GPL-2.0-only
/*
 * UBI volumes, below a UBIFS or a file system on a ubiblock. UBI gives a volume to
 * one who wants it for himself only while nobody has it open, and then to nobody
 * else: that is the proof. It can't be written so either, by the owner no more than by
 * others, so the volume is let go of when the session is armed.
 *
 * The flash below is UBI's for good. It is never made read-only: so would UBI be, and stay.
 * Which flash that is UBI tells to user space alone, up to kernels where it is the parent
 * of its device; the owner says so otherwise.
 *
 * UBI may be a module, and ours is loaded where there is none: its functions are
 * looked up when they are called. What is open keeps the module.
 *
 * Locking: see medium.c.
 */

#include <linux/backing-dev.h>
#include <linux/module.h>
#include <linux/mtd/mtd.h>
#include <linux/mtd/ubi.h>

#include "../compat.h"
#include "pv_pivot.h"

static bool pvp_ubi_parse(const char *name, const char *format, int *num, int *volume)
{
	int end = 0;

	return sscanf(name, format, num, volume, &end) == 2 && end && !name[end];
}

/* The volume of a superblock that is kept. */
static bool pvp_ubi_of(const struct super_block *sb, int *num, int *volume)
{
	const char *disk = pvp_block_disk(sb);

	if (disk)
		return pvp_ubi_parse(disk, "ubiblock%d_%d%n", num, volume);
	return !strcmp(sb->s_type->name, "ubifs") && sb->s_bdi &&
	       pvp_ubi_parse(bdi_dev_name(sb->s_bdi), "ubifs_%d_%d%n", num, volume);
}

/**
 * pvp_ubi_find - the UBI volume of a superblock
 * @medium: filled in
 * @sb: the superblock, which an open file keeps
 */
void pvp_ubi_find(struct pvp_medium *medium, const struct super_block *sb)
{
	if (pvp_ubi_of(sb, &medium->ubi_num, &medium->ubi_volume))
		medium->kind = PV_PIVOT_MEDIUM_UBI;
}

/**
 * pvp_ubi_name - what a volume is called
 * @medium: the medium
 * @name: written, if it is one without a ubiblock
 * @size: of @name
 */
void pvp_ubi_name(const struct pvp_medium *medium, char *name, size_t size)
{
	if (medium->kind == PV_PIVOT_MEDIUM_UBI && !medium->dev)
		snprintf(name, size, "ubi%d_%d", medium->ubi_num, medium->ubi_volume);
}

/**
 * pvp_ubi_has - does a superblock lie on the volume
 * @medium: on UBI
 * @sb: the superblock, locked
 *
 * Return: whether it does.
 */
bool pvp_ubi_has(const struct pvp_medium *medium, const struct super_block *sb)
{
	int num, volume;

	return pvp_ubi_of(sb, &num, &volume) && num == medium->ubi_num &&
	       volume == medium->ubi_volume;
}

/**
 * pvp_ubi_claim - have the volume exclusively
 * @medium: on UBI
 * @why: set to a constant text when that can't be
 *
 * Return: 0, or a negative errno.
 */
int pvp_ubi_claim(struct pvp_medium *medium, const char **why)
{
	typeof(ubi_open_volume) *open_volume;
	struct ubi_volume_desc *desc;

	if (medium->volume)
		return 0;
	*why = "there is no UBI any more";
	open_volume = symbol_get(ubi_open_volume);
	if (!open_volume)
		return -ENODEV;
	desc = open_volume(medium->ubi_num, medium->ubi_volume, UBI_EXCLUSIVE);
	symbol_put(ubi_open_volume);
	if (IS_ERR(desc)) {
		*why = PTR_ERR(desc) == -EBUSY ? "somebody has the UBI volume open" :
						 "the UBI volume can't be opened";
		return PTR_ERR(desc);
	}
	medium->volume = desc;
	return 0;
}

/**
 * pvp_ubi_unclaim - let go of the volume, if it is held
 * @medium: the medium
 */
void pvp_ubi_unclaim(struct pvp_medium *medium)
{
	typeof(ubi_close_volume) *close_volume;

	if (!medium->volume)
		return;
	/* Its module is held by what is open, so this does not fail. */
	close_volume = symbol_get(ubi_close_volume);
	if (!WARN_ON(!close_volume)) {
		close_volume(medium->volume);
		symbol_put(ubi_close_volume);
	}
	medium->volume = NULL;
}

/* The number of UBI's own device; 0: there is none any more. */
static dev_t pvp_ubi_dev(const struct pvp_medium *medium)
{
	typeof(ubi_get_device_info) *get_info = symbol_get(ubi_get_device_info);
	struct ubi_device_info info;
	dev_t dev = 0;

	if (!get_info)
		return 0;
	if (!get_info(medium->ubi_num, &info))
		dev = info.cdev;
	symbol_put(ubi_get_device_info);
	return dev;
}

/**
 * pvp_ubi_nodes - the device nodes of the volume, and UBI's own
 * @medium: on UBI, or not
 * @nodes: gets them
 *
 * Those of its neighbours are left alone. A ubiblock is found by its node.
 *
 * Return: 0, -ENODEV or -ENOSPC.
 */
int pvp_ubi_nodes(const struct pvp_medium *medium, struct pvp_nodes *nodes)
{
	char path[48];
	dev_t dev;
	int err;

	if (medium->kind != PV_PIVOT_MEDIUM_UBI)
		return 0;
	dev = pvp_ubi_dev(medium);
	if (!dev)
		return -ENODEV;
	err = pvp_nodes_add(nodes, S_IFCHR, dev);
	if (!err)
		err = pvp_nodes_add(nodes, S_IFCHR,
				    MKDEV(MAJOR(dev), medium->ubi_volume + 1));
	snprintf(path, sizeof(path), "/dev/ubiblock%d_%d", medium->ubi_num, medium->ubi_volume);
	dev = pvp_block_node(path);
	if (!err && dev && dev != medium->dev)
		err = pvp_nodes_add(nodes, S_IFBLK, dev);
	return err;
}

static int pvp_ubi_is(struct device *dev, void *devt)
{
	return dev->devt == *(dev_t *)devt;
}

static struct mtd_info *pvp_ubi_below(const struct pvp_medium *medium)
{
	dev_t dev = pvp_ubi_dev(medium);
	struct mtd_info *mtd;
	unsigned int i;

	for (i = 0; dev && i < PVP_MAX_MTD; i++) {
		mtd = get_mtd_device(NULL, i);
		if (IS_ERR(mtd))
			continue;
		if (device_for_each_child(&mtd->dev, &dev, pvp_ubi_is))
			return mtd;
		put_mtd_device(mtd);
	}
	return NULL;
}

/**
 * pvp_ubi_mtd - the flash below UBI
 * @medium: on UBI, or not; gets it
 * @number: as the owner knows it; negative: it does not
 * @why: set to a constant text when it is not known
 *
 * Return: 0; -ENODEV: no such flash; -EINVAL: the owner would have to say it.
 */
int pvp_ubi_mtd(struct pvp_medium *medium, int number, const char **why)
{
	struct mtd_info *mtd;

	if (medium->kind != PV_PIVOT_MEDIUM_UBI || medium->mtd)
		return 0;
	mtd = pvp_ubi_below(medium);
	*why = "on which flash does UBI lie?";
	if (!mtd && number < 0)
		return -EINVAL;
	if (!mtd)
		mtd = get_mtd_device(NULL, number);
	*why = "no such flash";
	if (IS_ERR(mtd))
		return -ENODEV;
	medium->mtd = mtd;
	return 0;
}
