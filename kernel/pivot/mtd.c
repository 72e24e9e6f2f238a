// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flash: nobody can open an MTD exclusively, so what counts is how many have it
 * open. The kernel counts that for partitions alone.
 *
 * One that can't be written (MTD_WRITEABLE) refuses to be opened for writing and
 * writes by those who have it open. That is never done to what UBI has: it would turn
 * read-only for good, so of that the nodes alone are guarded. Of an MTD that overlaps
 * it can't be known who has it open, so none that is open is touched; the medium itself
 * is a file system's, or known to be UBI's.
 *
 * Locking: see medium.c and gate.c. What is kept is referenced.
 */

#include <linux/major.h>
#include <linux/mtd/mtd.h>

#include "../compat.h"
#include "pv_pivot.h"

/**
 * pvp_mtd_find - the MTD of a superblock
 * @medium: filled in
 * @sb: the superblock, which an open file keeps
 */
void pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb)
{
	struct mtd_info *mtd = sb->s_mtd;

	if (MAJOR(medium->dev) == MTD_BLOCK_MAJOR) {
		mtd = get_mtd_device(NULL, MINOR(medium->dev));
		medium->mtd = IS_ERR(mtd) ? NULL : mtd;
		return;
	}
	/* The superblock has a reference, so it is there to take another. */
	if (!mtd || __get_mtd_device(mtd))
		return;
	medium->mtd = mtd;
	medium->kind = mtd_is_partition(mtd) ? PV_PIVOT_MEDIUM_MTD : PV_PIVOT_MEDIUM_MTD_WHOLE;
}

/**
 * pvp_mtd_name - what flash without a block device is called
 * @medium: the medium
 * @name: written, if it is such
 * @size: of @name
 */
void pvp_mtd_name(const struct pvp_medium *medium, char *name, size_t size)
{
	if (medium->kind == PV_PIVOT_MEDIUM_MTD || medium->kind == PV_PIVOT_MEDIUM_MTD_WHOLE)
		snprintf(name, size, "mtd%d", medium->mtd->index);
}

/**
 * pvp_mtd_counted - is it known how many have it open
 * @medium: the medium
 *
 * Return: whether it is.
 */
bool pvp_mtd_counted(const struct pvp_medium *medium)
{
	return medium->mtd && mtd_is_partition(medium->mtd);
}

/* Of a partition's uses, those of the gate: what it is divided into counts with it. */
static unsigned int pvp_mtd_uses_of(const struct pvp_gate *gate, const struct mtd_info *mtd)
{
	const struct mtd_info *up;
	unsigned int i, uses = 0;

	for (i = 0; i < gate->n_mtd; i++)
		for (up = gate->mtd[i].mtd; up; up = up->parent)
			uses += up == mtd;
	return uses;
}

/**
 * pvp_mtd_unused - has nobody but the session the partition open
 * @medium: the medium
 * @gate: its gate
 * @why: set to a constant text when somebody has
 *
 * Return: 0 or -EBUSY.
 */
int pvp_mtd_unused(const struct pvp_medium *medium, const struct pvp_gate *gate,
		   const char **why)
{
	/* Besides: the medium's own, that of a claimed mtdblock, UBI's. */
	if (pvk_mtd_uses(medium->mtd) <=
	    pvp_mtd_uses_of(gate, medium->mtd) + 1 + !!medium->claim + gate->ubi)
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

/*
 * The gate
 */

static bool pvp_mtd_overlaps(struct mtd_info *a, struct mtd_info *b)
{
	u64 from_a = mtd_get_master_ofs(a, 0);
	u64 from_b = mtd_get_master_ofs(b, 0);

	return mtd_get_master(a) == mtd_get_master(b) &&
	       from_a < from_b + b->size && from_b < from_a + a->size;
}

static void pvp_mtd_add(struct pvp_gate *gate, struct mtd_info *mtd)
{
	gate->mtd[gate->n_mtd].mtd = mtd;
	gate->mtd[gate->n_mtd].was_writeable = false;
	gate->n_mtd++;
}

/**
 * pvp_mtd_gate - find an MTD and all that overlap with it
 * @gate: gets them, itself first
 * @mtd: the MTD, referenced
 */
void pvp_mtd_gate(struct pvp_gate *gate, struct mtd_info *mtd)
{
	struct mtd_info *other;
	unsigned int i;

	other = get_mtd_device(mtd, -1);
	if (IS_ERR(other))
		return;
	pvp_mtd_add(gate, other);
	for (i = 0; i < PVP_MAX_MTD && gate->n_mtd < PVP_MAX_MTD; i++) {
		other = get_mtd_device(NULL, i);
		if (IS_ERR(other))
			continue;
		if (other != mtd && pvp_mtd_overlaps(mtd, other))
			pvp_mtd_add(gate, other);
		else
			put_mtd_device(other);
	}
}

/**
 * pvp_mtd_nodes - the device nodes of these
 * @gate: with pvp_mtd_gate()
 * @nodes: gets them
 *
 * Return: 0 or -ENOSPC.
 */
int pvp_mtd_nodes(const struct pvp_gate *gate, struct pvp_nodes *nodes)
{
	unsigned int i, index;
	int err = 0;

	for (i = 0; i < gate->n_mtd && !err; i++) {
		index = gate->mtd[i].mtd->index;
		err = pvp_nodes_add(nodes, S_IFCHR, MKDEV(MTD_CHAR_MAJOR, 2 * index));
		if (!err)
			err = pvp_nodes_add(nodes, S_IFCHR, MKDEV(MTD_CHAR_MAJOR, 2 * index + 1));
		if (!err)
			err = pvp_nodes_add(nodes, S_IFBLK, MKDEV(MTD_BLOCK_MAJOR, index));
	}
	return err;
}

static bool pvp_mtd_in_use(const struct pvp_gate *gate, const struct mtd_info *mtd)
{
	unsigned int ours = pvp_mtd_uses_of(gate, mtd);
	const struct mtd_info *up;

	/* If it is what the medium lies in: the session's own, and the file system's. */
	for (up = gate->mtd[0].mtd->parent; up; up = up->parent)
		ours += up == mtd ? 2 : 0;
	return mtd_is_partition(mtd) && pvk_mtd_uses(mtd) > ours;
}

/**
 * pvp_mtd_shut - let none of them be written
 * @gate: with pvp_mtd_gate()
 * @why: set to a constant text when that is refused
 *
 * Locked.
 *
 * Nor what UBI has, nor what overlaps with it.
 *
 * Return: 0; -EBUSY: one that overlaps is open, and nothing has been done.
 */
int pvp_mtd_shut(struct pvp_gate *gate, const char **why)
{
	struct pvp_gate_mtd *one;
	unsigned int i;

	if (gate->ubi)
		return 0;
	*why = "a flash partition that overlaps is in use";
	for (i = 1; i < gate->n_mtd; i++)
		if (pvp_mtd_in_use(gate, gate->mtd[i].mtd))
			return -EBUSY;
	for (i = 0; i < gate->n_mtd; i++) {
		one = &gate->mtd[i];
		one->was_writeable = one->mtd->flags & MTD_WRITEABLE;
		one->mtd->flags &= ~MTD_WRITEABLE;
	}
	return 0;
}

/**
 * pvp_mtd_open - let it be written again, if it could be
 * @one: the MTD
 *
 * Locked.
 */
void pvp_mtd_open(struct pvp_gate_mtd *one)
{
	if (one->was_writeable)
		one->mtd->flags |= MTD_WRITEABLE;
	one->was_writeable = false;
}

/**
 * pvp_mtd_put - let go of it
 * @one: the MTD
 */
void pvp_mtd_put(struct pvp_gate_mtd *one)
{
	put_mtd_device(one->mtd);
}
