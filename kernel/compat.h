/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that pvkit builds on (5.10 to 6.12), and
 * nothing else.
 */
#ifndef PVKIT_COMPAT_H
#define PVKIT_COMPAT_H

#include <linux/device/class.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* 6.4 made the class and its attribute const in show and store. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define pvk_class_arg const struct class
#define pvk_class_attr_arg const struct class_attribute
#else
#define pvk_class_arg struct class
#define pvk_class_attr_arg struct class_attribute
#endif

/* 6.7 moved the attributes of a dump into a struct genl_info. */
static inline struct nlattr **pvk_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#if IS_ENABLED(CONFIG_NVMEM)
#include <linux/nvmem-consumer.h>

/* How large an nvmem device is; 0 before 6.12, which may not tell. */
static inline size_t pvk_nvmem_size(struct nvmem_device *nvmem)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return nvmem_dev_size(nvmem);
#else
	return 0;
#endif
}
#endif

/* 5.14 gave panic_notifier_list a header of its own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
#include <linux/panic_notifier.h>
#else
#include <linux/kernel.h>
#endif

/* 6.12 moved this header. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* 6.11 took the result from a platform driver's remove. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define pvk_remove_type void
#define pvk_remove_return
#else
#define pvk_remove_type int
#define pvk_remove_return 0
#endif

/* 6.9 opens a block device as a file. NULL as the holder is not exclusive. */
#if IS_ENABLED(CONFIG_BLOCK)
#include <linux/blkdev.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#include <linux/genhd.h>
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define pvk_bdev_claim_type struct file

static inline struct file *pvk_bdev_claim(dev_t dev, void *holder)
{
	return bdev_file_open_by_dev(dev, BLK_OPEN_READ, holder, NULL);
}

static inline void pvk_bdev_unclaim(struct file *claim)
{
	bdev_fput(claim);
}
#else
#define pvk_bdev_claim_type struct block_device

static inline struct block_device *pvk_bdev_claim(dev_t dev, void *holder)
{
	return blkdev_get_by_dev(dev, FMODE_READ | FMODE_EXCL, holder);
}

static inline void pvk_bdev_unclaim(struct block_device *claim)
{
	blkdev_put(claim, FMODE_READ | FMODE_EXCL);
}
#endif

/* The block device of a node, 5.11 without opening it. 0: there is no such. */
static inline dev_t pvk_bdev_of_path(const char *path)
{
	dev_t dev = 0;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	if (lookup_bdev(path, &dev))
		dev = 0;
#else
	struct block_device *bdev = lookup_bdev(path);

	if (!IS_ERR(bdev)) {
		dev = bdev->bd_dev;
		bdput(bdev);
	}
#endif
	return dev;
}

/* 5.11 made partitions block devices, in an xarray. 0: there is no such. */
static inline dev_t pvk_disk_part(struct gendisk *disk, unsigned int n)
{
	dev_t dev = 0;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	struct block_device *part;

	rcu_read_lock();
	part = xa_load(&disk->part_tbl, n);
	if (part)
		dev = part->bd_dev;
	rcu_read_unlock();
#else
	struct disk_part_tbl *table;
	struct hd_struct *part;

	rcu_read_lock();
	table = rcu_dereference(disk->part_tbl);
	part = table && n < table->len ? rcu_dereference(table->part[n]) : NULL;
	if (part)
		dev = part_devt(part);
	rcu_read_unlock();
#endif
	return dev;
}
#endif

#include <linux/fsnotify_backend.h>

/*
 * 5.19, and later 5.10s and 5.15s, gave groups flags; 6.10 a priority that permission
 * events ask for, and marks an object.
 */
static inline struct fsnotify_group *pvk_fsnotify_perm_group(const struct fsnotify_ops *ops)
{
#ifdef FSNOTIFY_GROUP_USER
	struct fsnotify_group *group = fsnotify_alloc_group(ops, 0);
#else
	struct fsnotify_group *group = fsnotify_alloc_group(ops);
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	if (!IS_ERR(group))
		group->priority = FSNOTIFY_PRIO_CONTENT;
#endif
	return group;
}

static inline int pvk_fsnotify_add_sb_mark(struct fsnotify_mark *mark, struct super_block *sb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return fsnotify_add_mark(mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0);
#else
	return fsnotify_add_mark(mark, &sb->s_fsnotify_marks, FSNOTIFY_OBJ_TYPE_SB, 0, NULL);
#endif
}

#if IS_ENABLED(CONFIG_MTD)
#include <linux/mtd/mtd.h>

/*
 * How often an MTD partition is open. 6.5, and what became of 6.1, count it with a
 * kref that begins at 1.
 */
static inline unsigned int pvk_mtd_uses(const struct mtd_info *mtd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
	return kref_read(&mtd->refcnt) - 1;
#else
	return mtd->usecount;
#endif
}
#endif

#endif /* PVKIT_COMPAT_H */
