// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block devices: a file system holds its own exclusively, and so does whoever
 * has it open with O_EXCL, swaps to it or has built a further device on it. The
 * session does so in the end: nothing is mounted from it while it is written.
 *
 * Locking: see medium.c.
 */

#include <linux/blkdev.h>

#include "../compat.h"
#include "pv_pivot.h"

/**
 * pvp_block_of - the block device of a superblock
 * @sb: the superblock, which is kept
 *
 * Return: its number; 0: it has none.
 */
dev_t pvp_block_of(const struct super_block *sb)
{
	return sb->s_bdev ? sb->s_bdev->bd_dev : 0;
}

/**
 * pvp_block_disk - the disk of a superblock
 * @sb: the superblock, which is kept
 *
 * Return: its name; NULL: it has no block device.
 */
const char *pvp_block_disk(const struct super_block *sb)
{
	return sb->s_bdev ? sb->s_bdev->bd_disk->disk_name : NULL;
}

/**
 * pvp_block_node - the block device of a node
 * @path: where the caller has it
 *
 * Return: its number; 0: there is none.
 */
dev_t pvp_block_node(const char *path)
{
	return pvk_bdev_of_path(path);
}

/**
 * pvp_block_find - the block device of a superblock and those that overlap with it
 * @medium: filled in
 * @sb: the superblock, which an open file keeps
 *
 * Of a whole disk its partitions, of a partition the disk.
 */
void pvp_block_find(struct pvp_medium *medium, const struct super_block *sb)
{
	struct gendisk *disk;
	dev_t whole, dev;
	unsigned int n;

	medium->dev = pvp_block_of(sb);
	if (!medium->dev)
		return;
	medium->kind = PV_PIVOT_MEDIUM_BLOCK;
	medium->block[medium->n_block++] = medium->dev;
	disk = sb->s_bdev->bd_disk;
	whole = disk_devt(disk);
	if (whole != medium->dev) {
		medium->block[medium->n_block++] = whole;
		return;
	}
	for (n = 1; n < DISK_MAX_PARTS && medium->n_block <= PVP_MAX_PARTS; n++) {
		dev = pvk_disk_part(disk, n);
		if (dev)
			medium->block[medium->n_block++] = dev;
	}
}

/**
 * pvp_block_claim - hold the block device of a medium exclusively
 * @medium: the medium
 * @why: set to a constant text when that can't be
 *
 * Return: 0, or a negative errno.
 */
int pvp_block_claim(struct pvp_medium *medium, const char **why)
{
	pvk_bdev_claim_type *claim;

	if (medium->claim)
		return 0;
	claim = pvk_bdev_claim(medium->dev, medium);
	if (IS_ERR(claim)) {
		*why = PTR_ERR(claim) == -EBUSY ? "the block device is held by something else" :
						  "the block device can't be opened";
		return PTR_ERR(claim);
	}
	medium->claim = claim;
	return 0;
}

/**
 * pvp_block_unclaim - let go of it, if it is held
 * @medium: the medium
 */
void pvp_block_unclaim(struct pvp_medium *medium)
{
	if (medium->claim)
		pvk_bdev_unclaim(medium->claim);
	medium->claim = NULL;
}
