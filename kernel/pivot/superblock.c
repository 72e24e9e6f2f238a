// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock that a session follows: an fsnotify mark on it refuses opens once
 * it is sealed, and tells when it is shut down. Mounts say nothing of that: after
 * `umount -l` there is none left, and a file that is open still has it live.
 *
 * The mark is a wake-up. It goes before put_super(), in the middle of the shutdown,
 * where nothing can be proven; the proof is that no superblock of that kind has the
 * medium, which iterate_supers_type() sees only once the shutdown is over.
 *
 * Locking: none. What the callbacks of fsnotify read is set before it is wanted and
 * by one word each. A superblock is freed after an RCU grace period, and its mark
 * goes before that: under rcu_read_lock() one that is not gone can be looked into.
 */

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat.h"
#include "pv_pivot.h"

static struct fsnotify_group *pvp_group;

static struct pvp_super *to_super(struct fsnotify_mark *mark)
{
	return container_of(mark, struct pvp_super, mark);
}

/* Its marks are all on superblocks, one each. */
static struct pvp_super *pvp_super_of(struct fsnotify_iter_info *iter_info)
{
	struct fsnotify_mark *mark = iter_info->marks[FSNOTIFY_ITER_TYPE_SB];

	return mark && mark->group == pvp_group ? to_super(mark) : NULL;
}

static int pvp_handle_event(struct fsnotify_group *group, u32 mask, const void *data,
			    int data_type, struct inode *dir, const struct qstr *name, u32 cookie,
			    struct fsnotify_iter_info *iter_info)
{
	const struct pvp_super *super = pvp_super_of(iter_info);

	if (!(mask & FS_OPEN_PERM) || !super || !READ_ONCE(super->sealed))
		return 0;
	return task_tgid(current) == super->owner ? 0 : -EPERM;
}

/* Also called by pvp_super_let_go(), which has the lock of the session. */
static void pvp_freeing_mark(struct fsnotify_mark *mark, struct fsnotify_group *group)
{
	struct pvp_super *super = to_super(mark);

	if (READ_ONCE(super->letting_go))
		return;
	WRITE_ONCE(super->gone, true);
	pvp_session_prove();
}

static void pvp_free_mark(struct fsnotify_mark *mark)
{
	kfree(to_super(mark));
	module_put(THIS_MODULE);
}

static const struct fsnotify_ops pvp_fsnotify_ops = {
	.handle_event = pvp_handle_event,
	.freeing_mark = pvp_freeing_mark,
	.free_mark = pvp_free_mark,
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
	super->owner = owner;
	/* The superblock has it by itself, but for a while only. */
	__module_get(super->type->owner);
	/* fsnotify may hold the mark, and call its functions, for longer than we do. */
	__module_get(THIS_MODULE);
	fsnotify_init_mark(&super->mark, pvp_group);
	super->mark.mask = FS_OPEN_PERM;
	err = pvk_fsnotify_add_sb_mark(&super->mark, sb);
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
	WRITE_ONCE(super->sealed, false);
	WRITE_ONCE(super->letting_go, true);
	fsnotify_destroy_mark(&super->mark, pvp_group);
}

/**
 * pvp_super_put - forget it
 * @super: of pvp_super_follow(), let go
 */
void pvp_super_put(struct pvp_super *super)
{
	module_put(super->type->owner);
	fsnotify_put_mark(&super->mark);
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

int pvp_super_init(void)
{
	pvp_group = pvk_fsnotify_perm_group(&pvp_fsnotify_ops);
	return PTR_ERR_OR_ZERO(pvp_group);
}

/**
 * pvp_super_exit - when the module goes
 *
 * No mark is left, but a work item of fsnotify may be about to leave
 * pvp_free_mark().
 */
void pvp_super_exit(void)
{
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(pvp_group);
}
