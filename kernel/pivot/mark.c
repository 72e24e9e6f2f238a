// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marks of fsnotify on superblocks: they refuse opens, and tell of a shutdown.
 *
 * Locking: none. What the callbacks read is set before it is wanted and by one word
 * each. fsnotify calls them in the context of whoever opens or unmounts.
 */

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat.h"
#include "pv_pivot.h"

static struct fsnotify_group *pvp_group;

static struct pvp_mark *to_mark(struct fsnotify_mark *mark)
{
	return container_of(mark, struct pvp_mark, mark);
}

/* All are on superblocks, and on each superblock there is one at most. */
static const struct pvp_mark *pvp_mark_of(struct fsnotify_iter_info *iter_info)
{
	struct fsnotify_mark *mark = fsnotify_iter_sb_mark(iter_info);

	return mark && mark->group == pvp_group ? to_mark(mark) : NULL;
}

static int pvp_handle_event(struct fsnotify_group *group, u32 mask, const void *data,
			    int data_type, struct inode *dir, const struct qstr *name, u32 cookie,
			    struct fsnotify_iter_info *iter_info)
{
	const struct path *path = fsnotify_data_path(data, data_type);
	const struct pvp_mark *mark = pvp_mark_of(iter_info);

	if (!(mask & FS_OPEN_PERM) || !path || !mark || !READ_ONCE(mark->shut))
		return 0;
	if (task_tgid(current) == mark->owner || !mark->ops->guards(mark, d_inode(path->dentry)))
		return 0;
	return -EPERM;
}

/* Also called by pvp_mark_take_off(), in whatever context that is. */
static void pvp_freeing_mark(struct fsnotify_mark *mark, struct fsnotify_group *group)
{
	struct pvp_mark *ours = to_mark(mark);

	if (!READ_ONCE(ours->taken_off) && ours->ops->gone)
		ours->ops->gone(ours);
}

static void pvp_free_mark(struct fsnotify_mark *mark)
{
	kfree(to_mark(mark));
	module_put(THIS_MODULE);
}

static const struct fsnotify_ops pvp_fsnotify_ops = {
	.handle_event = pvp_handle_event,
	.freeing_mark = pvp_freeing_mark,
	.free_mark = pvp_free_mark,
};

/**
 * pvp_mark_put_on - put a mark on a superblock
 * @mark: begins an object from kzalloc(), with its ops and owner; in any case
 *	pvp_mark_put() frees it
 * @sb: the superblock, which is kept meanwhile
 *
 * Return: 0 or a negative errno.
 */
int pvp_mark_put_on(struct pvp_mark *mark, struct super_block *sb)
{
	/* fsnotify may hold the mark, and call its functions, for longer than we do. */
	__module_get(THIS_MODULE);
	fsnotify_init_mark(&mark->mark, pvp_group);
	mark->mark.mask = FS_OPEN_PERM;
	return pvk_fsnotify_add_sb_mark(&mark->mark, sb);
}

/**
 * pvp_mark_take_off - take it off, if its superblock lives
 * @mark: the mark
 *
 * Nothing is refused any more, and another can be put on. The superblock may be shut
 * down meanwhile. Once more changes nothing.
 */
void pvp_mark_take_off(struct pvp_mark *mark)
{
	WRITE_ONCE(mark->shut, false);
	WRITE_ONCE(mark->taken_off, true);
	fsnotify_destroy_mark(&mark->mark, pvp_group);
}

/**
 * pvp_mark_put - forget it
 * @mark: the mark, taken off
 */
void pvp_mark_put(struct pvp_mark *mark)
{
	fsnotify_put_mark(&mark->mark);
}

int pvp_mark_init(void)
{
	pvp_group = pvk_fsnotify_perm_group(&pvp_fsnotify_ops);
	return PTR_ERR_OR_ZERO(pvp_group);
}

/**
 * pvp_mark_exit - when the module goes
 *
 * No mark is left, but a work item of fsnotify may be about to leave
 * pvp_free_mark().
 */
void pvp_mark_exit(void)
{
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(pvp_group);
}
