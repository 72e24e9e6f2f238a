// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock that a session follows: a mark on it refuses opens once it is
 * sealed, and tells when it is shut down. Mounts say nothing of that: after
 * `umount -l` there is none left, and a file that is open still has it live.
 *
 * The mark is a wake-up. It goes before put_super(), in the middle of the shutdown,
 * where nothing can be proven; the proof is that no superblock of that kind has the
 * medium, which iterate_supers_type() sees only once the shutdown is over.
 *
 * Locking: see mark.c. A superblock is freed after an RCU grace period, and its mark
 * goes before that: under rcu_read_lock() one that is not gone can be looked into.
 */

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "pv_pivot.h"

static struct pvp_super *to_super(struct pvp_mark *mark)
{
	return container_of(mark, struct pvp_super, mark);
}

static bool pvp_super_guards(const struct pvp_mark *mark, const struct inode *inode)
{
	return true;
}

static void pvp_super_gone(struct pvp_mark *mark)
{
	WRITE_ONCE(to_super(mark)->gone, true);
	pvp_session_prove();
}

static const struct pvp_mark_ops pvp_super_ops = {
	.guards = pvp_super_guards,
	.gone = pvp_super_gone,
};

/**
 * pvp_super_follow - put a mark on a superblock
 * @sb: the superblock, which an open file keeps
 * @owner: process to which opens are not refused; outlives the mark
 * @why: set to a constant text when it can't be
 *
 * Return: it, to be let go and put; ERR_PTR: -EOPNOTSUPP, -ENOMEM or another.
 */
struct pvp_super *pvp_super_follow(struct super_block *sb, const struct pid *owner,
				   const char **why)
{
	struct pvp_super *super;
	int err;

	*why = "a file system of the kernel's own can't be released";
	if (sb->s_flags & (SB_KERNMOUNT | SB_NOUSER))
		return ERR_PTR(-EOPNOTSUPP);
	*why = "out of memory";
	super = kzalloc(sizeof(*super), GFP_KERNEL);
	if (!super)
		return ERR_PTR(-ENOMEM);
	super->sb = sb;
	super->type = sb->s_type;
	super->mark.owner = owner;
	super->mark.ops = &pvp_super_ops;
	/* The superblock has it by itself, but for a while only. */
	__module_get(super->type->owner);
	err = pvp_mark_put_on(&super->mark, sb);
	if (!err)
		return super;
	*why = "its superblock takes no mark";
	pvp_super_put(super);
	return ERR_PTR(err);
}

/**
 * pvp_super_let_go - take the mark off, if it still lives
 * @super: of pvp_super_follow()
 *
 * Opens are refused no longer. The superblock may be shut down meanwhile.
 */
void pvp_super_let_go(struct pvp_super *super)
{
	pvp_mark_take_off(&super->mark);
}

/**
 * pvp_super_put - forget it
 * @super: of pvp_super_follow(), let go
 */
void pvp_super_put(struct pvp_super *super)
{
	module_put(super->type->owner);
	pvp_mark_put(&super->mark);
}

/**
 * pvp_super_active - how many have a reference to the superblock
 * @super: of pvp_super_follow()
 *
 * Return: the mounts of it, attached or not; 0: it is gone.
 */
u32 pvp_super_active(const struct pvp_super *super)
{
	u32 active = 0;

	rcu_read_lock();
	if (!READ_ONCE(super->gone))
		active = atomic_read(&super->sb->s_active);
	rcu_read_unlock();
	return active;
}

/**
 * pvp_super_writable - could something still be written to it
 * @super: of pvp_super_follow()
 *
 * Return: whether it lives and is not read-only.
 */
bool pvp_super_writable(const struct pvp_super *super)
{
	bool writable;

	rcu_read_lock();
	writable = !READ_ONCE(super->gone) && !sb_rdonly(super->sb);
	rcu_read_unlock();
	return writable;
}

struct pvp_search {
	const struct pvp_super *super;
	const struct pvp_medium *medium;
	bool found;
};

/*
 * Called with s_umount and for those that have a root, so it is past the shutdown
 * of one that is gone; what has its address is another.
 */
static void pvp_search_one(struct super_block *sb, void *arg)
{
	struct pvp_search *search = arg;

	if (!READ_ONCE(search->super->gone) && sb == search->super->sb)
		search->found = true;
	if (pvp_medium_has(search->medium, sb))
		search->found = true;
}

/**
 * pvp_super_absent - is there neither the superblock nor another on its medium
 * @super: of pvp_super_follow()
 * @medium: of it
 *
 * Sleeps for as long as a file system of this type is mounted, shut down or frozen.
 *
 * Return: whether that is so.
 */
bool pvp_super_absent(const struct pvp_super *super, const struct pvp_medium *medium)
{
	struct pvp_search search = { .super = super, .medium = medium };

	iterate_supers_type(super->type, pvp_search_one, &search);
	return !search.found;
}
