// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flash: nobody can open an MTD exclusively, so what counts is how many have it
 * open. The kernel counts that for partitions alone.
 *
 * Locking: see medium.c. The MTD is referenced as long as the session lives.
 */

#include <linux/mtd/mtd.h>

#include "../compat.h"
#include "pv_pivot.h"

/**
 * pvp_mtd_find - the MTD of a superblock
 * @medium: filled in
 * @sb: the superblock, which an open file keeps
 *
 * Return: whether it has one.
 */
bool pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb)
{
	/* The superblock has a reference, so it is there to take another. */
	if (!sb->s_mtd || __get_mtd_device(sb->s_mtd))
		return false;
	medium->mtd = sb->s_mtd;
	medium->kind = mtd_is_partition(medium->mtd) ? PV_PIVOT_MEDIUM_MTD :
						       PV_PIVOT_MEDIUM_MTD_WHOLE;
	return true;
}

/**
 * pvp_mtd_unused - has nobody but the session the partition open
 * @medium: the medium
 * @why: set to a constant text when somebody has
 *
 * Return: 0 or -EBUSY.
 */
int pvp_mtd_unused(const struct pvp_medium *medium, const char **why)
{
	if (pvk_mtd_uses(medium->mtd) <= 1)
		return 0;
	*why = "somebody has the flash partition open";
	return -EBUSY;
}

/**
 * pvp_mtd_release - let go of it
 * @medium: the medium
 */
void pvp_mtd_release(struct pvp_medium *medium)
{
	if (medium->mtd)
		put_mtd_device(medium->mtd);
	medium->mtd = NULL;
}
