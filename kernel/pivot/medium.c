// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file system lies on, and the proof that nobody uses that any more.
 *
 * Locking: of the session that it belongs to; pvp_medium_prove() and
 * pvp_medium_release() sleep and are called by its work items alone, which do not
 * run at the same time.
 */

#include "pv_pivot.h"

/**
 * pvp_medium_find - what a file system lies on
 * @medium: zeroed; filled in
 * @sb: the superblock, which an open file keeps
 */
void pvp_medium_find(struct pvp_medium *medium, struct super_block *sb)
{
	medium->kind = PV_PIVOT_MEDIUM_NONE;
	pvp_block_find(medium, sb);
	pvp_mtd_find(medium, sb);
	pvp_ubi_find(medium, sb);
}

/**
 * pvp_medium_name - what a medium is called that is no block device
 * @medium: the medium
 * @name: written, if it is such
 * @size: of @name
 *
 * Its superblock has but the name of the type.
 */
void pvp_medium_name(const struct pvp_medium *medium, char *name, size_t size)
{
	pvp_mtd_name(medium, name, size);
	pvp_ubi_name(medium, name, size);
}

/**
 * pvp_medium_has - does a superblock lie on it
 * @medium: the medium
 * @sb: the superblock, locked
 *
 * Return: whether it does; false also where that can't be known.
 */
bool pvp_medium_has(const struct pvp_medium *medium, const struct super_block *sb)
{
	if (medium->kind == PV_PIVOT_MEDIUM_UBI)
		return pvp_ubi_has(medium, sb);
	if (medium->dev)
		return pvp_block_of(sb) == medium->dev;
	return medium->mtd && sb->s_mtd == medium->mtd;
}

/**
 * pvp_medium_prove - is it in nobody's use
 * @medium: the medium
 * @gate: of the session
 * @proof: PV_PIVOT_PROOF_* that hold are added
 * @why: set to a constant text when it is in use
 *
 * Return: 0; -EBUSY: it is used; another error: it can't be known.
 */
int pvp_medium_prove(struct pvp_medium *medium, const struct pvp_gate *gate, u32 *proof,
		     const char **why)
{
	bool ubi = medium->kind == PV_PIVOT_MEDIUM_UBI;
	int err;

	if (medium->dev || ubi) {
		/* A ubiblock that is open has the volume open. */
		err = ubi ? pvp_ubi_claim(medium, why) : pvp_block_claim(medium, why);
		if (err)
			return err;
		*proof |= PV_PIVOT_PROOF_EXCLUSIVE;
	}
	if (pvp_mtd_counted(medium)) {
		err = pvp_mtd_unused(medium, gate, why);
		if (err)
			return err;
		*proof |= PV_PIVOT_PROOF_UNUSED;
	}
	return 0;
}

/**
 * pvp_medium_release - let go of what is held of it
 * @medium: the medium
 */
void pvp_medium_release(struct pvp_medium *medium)
{
	pvp_block_unclaim(medium);
	pvp_ubi_unclaim(medium);
	pvp_mtd_release(medium);
}
