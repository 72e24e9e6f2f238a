// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate: while the session is sealed, and until it ends, nobody but its owner
 * opens a device node of the medium, and flash can't be written by those who have it
 * open already. A node that root makes elsewhere than in devtmpfs is out of scope, and
 * so is a descriptor of a block device from before: the owner has BLKROSET for those,
 * and the proof of release finds who opened it exclusively. What UBI has is never made
 * read-only; a descriptor of it, or of the flash below, hinders the proof.
 *
 * Locking: one is made without a lock, and shut, opened and looked at with pvp_lock
 * held. How opens are refused: see mark.c.
 */

#include <linux/file.h>
#include <linux/magic.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "pv_pivot.h"

/* Three of each MTD, those of a disk, and UBI's. */
#define PVP_MAX_NODES	(3 * PVP_MAX_MTD + PVP_MAX_PARTS + 1 + 3)

struct pvp_node {
	umode_t type;		/* S_IFCHR or S_IFBLK */
	dev_t dev;
};

/**
 * struct pvp_nodes - a mark on devtmpfs
 * @mark: on its superblock, which is never shut down
 * @n: how many nodes it guards
 * @node: these
 */
struct pvp_nodes {
	struct pvp_mark mark;
	unsigned int n;
	struct pvp_node node[PVP_MAX_NODES];
};

static bool pvp_nodes_guard(const struct pvp_mark *mark, const struct inode *inode)
{
	const struct pvp_nodes *nodes = container_of(mark, struct pvp_nodes, mark);
	umode_t type = inode->i_mode & S_IFMT;
	unsigned int i;

	for (i = 0; i < nodes->n; i++)
		if (nodes->node[i].type == type && nodes->node[i].dev == inode->i_rdev)
			return true;
	return false;
}

static const struct pvp_mark_ops pvp_nodes_ops = {
	.guards = pvp_nodes_guard,
};

/**
 * pvp_nodes_add - one more node to guard
 * @nodes: those so far
 * @type: S_IFCHR or S_IFBLK
 * @dev: its number
 *
 * Return: 0 or -ENOSPC.
 */
int pvp_nodes_add(struct pvp_nodes *nodes, umode_t type, dev_t dev)
{
	if (nodes->n == PVP_MAX_NODES)
		return -ENOSPC;
	nodes->node[nodes->n].type = type;
	nodes->node[nodes->n].dev = dev;
	nodes->n++;
	return 0;
}

static int pvp_nodes_collect(struct pvp_nodes *nodes, const struct pvp_gate *gate,
			     const struct pvp_medium *medium)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < medium->n_block && !err; i++)
		err = pvp_nodes_add(nodes, S_IFBLK, medium->block[i]);
	if (!err)
		err = pvp_ubi_nodes(medium, nodes);
	return err ?: pvp_mtd_nodes(gate, nodes);
}

/* Puts the mark on what the caller has on /dev, if that is devtmpfs. */
static int pvp_nodes_mark(struct pvp_nodes *nodes)
{
	struct path path;
	int err;

	err = kern_path("/dev", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);
	if (err)
		return err;
	err = -ENOENT;
	if (!strcmp(path.dentry->d_sb->s_type->name, "devtmpfs"))
		err = pvp_mark_put_on(&nodes->mark, path.dentry->d_sb);
	path_put(&path);
	return err;
}

static struct pvp_nodes *pvp_nodes_new(const struct pvp_gate *gate,
				       const struct pvp_session *session, const char **why)
{
	struct pvp_nodes *nodes = kzalloc(sizeof(*nodes), GFP_KERNEL);
	int err;

	*why = "out of memory";
	if (!nodes)
		return ERR_PTR(-ENOMEM);
	nodes->mark.ops = &pvp_nodes_ops;
	nodes->mark.owner = session->owner;
	err = pvp_nodes_collect(nodes, gate, &session->medium);
	if (err) {
		*why = err == -ENODEV ? "there is no UBI any more" : "too many device nodes";
		kfree(nodes);
		return ERR_PTR(err);
	}
	if (!nodes->n) {
		kfree(nodes);
		return NULL;
	}
	err = pvp_nodes_mark(nodes);
	if (!err)
		return nodes;
	*why = "no devtmpfs on /dev, whose nodes could be guarded";
	/* pvp_mark_put() frees what has been handed to fsnotify. */
	if (nodes->mark.mark.group)
		pvp_mark_put(&nodes->mark);
	else
		kfree(nodes);
	return ERR_PTR(err);
}

/**
 * pvp_gate_new - find what a session is to shut
 * @session: the session, whose file is held
 * @mtd: see struct pvp_step
 * @why: set to a constant text when that fails
 *
 * In the context of its owner.
 *
 * Return: the gate, open; ERR_PTR: -ENOMEM, -ENOSPC, -ENOENT (no devtmpfs) or another.
 */
struct pvp_gate *pvp_gate_new(struct pvp_session *session, int mtd, const char **why)
{
	struct pvp_gate *gate;
	int err;

	err = pvp_ubi_mtd(&session->medium, mtd, why);
	if (err)
		return ERR_PTR(err);
	*why = "out of memory";
	gate = kzalloc(sizeof(*gate), GFP_KERNEL);
	if (!gate)
		return ERR_PTR(-ENOMEM);
	gate->ubi = session->medium.kind == PV_PIVOT_MEDIUM_UBI;
	if (session->medium.mtd)
		pvp_mtd_gate(gate, session->medium.mtd);
	gate->nodes = pvp_nodes_new(gate, session, why);
	if (!IS_ERR(gate->nodes))
		return gate;
	err = PTR_ERR(gate->nodes);
	gate->nodes = NULL;
	pvp_gate_free(gate);
	return ERR_PTR(err);
}

/**
 * pvp_gate_shut - shut it
 * @gate: the gate
 * @why: set to a constant text when that is refused
 *
 * Locked.
 *
 * Return: 0; -EBUSY: flash that overlaps is in use.
 */
int pvp_gate_shut(struct pvp_gate *gate, const char **why)
{
	int err = pvp_mtd_shut(gate, why);

	if (err)
		return err;
	gate->what = PV_PIVOT_GATE_FILES;
	if (gate->n_mtd && !gate->ubi)
		gate->what |= PV_PIVOT_GATE_MTD;
	if (gate->nodes) {
		gate->what |= PV_PIVOT_GATE_NODES;
		WRITE_ONCE(gate->nodes->mark.shut, true);
	}
	return 0;
}

/**
 * pvp_gate_released - let the owner write
 * @gate: the gate, shut
 *
 * Of flash, the partition itself can be written again; those that overlap can't.
 * Locked.
 */
void pvp_gate_released(struct pvp_gate *gate)
{
	gate->what &= ~PV_PIVOT_GATE_FILES;
	if (gate->n_mtd)
		pvp_mtd_open(&gate->mtd[0]);
	if (gate->n_mtd == 1)
		gate->what &= ~PV_PIVOT_GATE_MTD;
}

/**
 * pvp_gate_open - put back all as it was
 * @gate: the gate
 *
 * Locked.
 */
void pvp_gate_open(struct pvp_gate *gate)
{
	unsigned int i;

	for (i = 0; i < gate->n_mtd; i++)
		pvp_mtd_open(&gate->mtd[i]);
	if (gate->nodes)
		pvp_mark_take_off(&gate->nodes->mark);
	gate->what = 0;
}

/**
 * pvp_gate_free - let go of it
 * @gate: the gate, open; or NULL
 */
void pvp_gate_free(struct pvp_gate *gate)
{
	unsigned int i;

	if (!gate)
		return;
	for (i = 0; i < gate->n_mtd; i++)
		pvp_mtd_put(&gate->mtd[i]);
	if (gate->nodes) {
		pvp_mark_take_off(&gate->nodes->mark);
		pvp_mark_put(&gate->nodes->mark);
	}
	kfree(gate);
}
