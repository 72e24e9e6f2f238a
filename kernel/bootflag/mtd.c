// SPDX-License-Identifier: GPL-2.0-only
/*
 * mtd as a medium: a partition by name, or a part of it in whole erase blocks.
 *
 * No reference to the partition is held: it would keep the flash driver's module
 * in memory, so that nobody could remove it. What keeps the pointer good is the
 * mtd notifier: remove() is called before anything goes, and it waits for the
 * access under way. `use` is held over each access, and nothing below one takes
 * mtd_table_mutex.
 *
 * MTD's own table is not asked: what was removed while somebody had it open stays
 * there until the last close, and no second remove() comes. What add() has told of
 * and remove() has not is in a list here.
 *
 * Locks: pvf_store.io, mtd_table_mutex (in the notifier), pvf_lock or
 * pvf_mtd_list_lock, pvf_mtd.use.
 */

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/mtd/mtd.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "media.h"
#include "pv_bootflag.h"

/**
 * struct pvf_mtd - an mtd store's own
 * @device: name of the partition, or NULL
 * @partition: its node when the device tree names it
 * @offset: where the store begins
 * @size: its bytes; 0 is the rest of the partition
 * @power: the author vouches that a RAM keeps its content without power
 * @store: whose it is
 * @node: pvf_mtd_list_lock. In pvf_mtd_list while @mtd is set
 * @use: held over each access
 * @mtd: use. The partition, NULL when it is not there
 */
struct pvf_mtd {
	char *device;
	struct device_node *partition;
	u32 offset;
	u32 size;
	bool power;
	struct pvf_store *store;
	struct list_head node;
	struct mutex use;	/* see above */
	struct mtd_info *mtd;
};

/**
 * struct pvf_mtd_there - a partition that is there
 * @node: pvf_mtd_list_lock. In pvf_mtd_all
 * @mtd: the partition
 */
struct pvf_mtd_there {
	struct list_head node;
	struct mtd_info *mtd;
};

static LIST_HEAD(pvf_mtd_list);		/* stores that have theirs */
static LIST_HEAD(pvf_mtd_all);		/* partitions, in the order of /proc/mtd */
static DEFINE_MUTEX(pvf_mtd_list_lock);

static struct mtd_info *pvf_mtd_begin(struct pvf_mtd *m)
{
	mutex_lock(&m->use);
	if (m->mtd)
		return m->mtd;
	mutex_unlock(&m->use);
	return ERR_PTR(-ENODEV);
}

static int pvf_mtd_end(struct pvf_mtd *m, int err)
{
	mutex_unlock(&m->use);
	return err;
}

static int pvf_mtd_read(void *arg, u32 at, void *buf, u32 len)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);
	size_t done = 0;
	int err;

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	err = mtd_read(mtd, (loff_t)m->offset + at, len, &done, buf);
	/* Corrected: the bytes are right, and the block will be erased in its turn. */
	if (mtd_is_bitflip(err))
		err = 0;
	if (!err && done != len)
		err = -EIO;
	return pvf_mtd_end(m, err);
}

static int pvf_mtd_program(void *arg, u32 at, const void *buf, u32 len)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);
	size_t done = 0;
	int err;

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	err = mtd_write(mtd, (loff_t)m->offset + at, len, &done, buf);
	if (!err && done != len)
		err = -EIO;
	return pvf_mtd_end(m, err);
}

static int pvf_mtd_erase(void *arg, u32 at)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);
	struct erase_info erase = { };

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	erase.addr = (u64)m->offset + at;
	erase.len = mtd->erasesize;
	return pvf_mtd_end(m, mtd_erase(mtd, &erase));
}

/* Where the driver keeps its table of bad blocks is as little ours as a bad one. */
static int pvf_mtd_is_bad(void *arg, u32 at)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);
	loff_t where = (loff_t)m->offset + at;
	int bad;

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	bad = mtd_block_isreserved(mtd, where);
	if (!bad)
		bad = mtd_block_isbad(mtd, where);
	return pvf_mtd_end(m, bad > 0 ? 1 : bad);
}

static int pvf_mtd_mark_bad(void *arg, u32 at)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	return pvf_mtd_end(m, mtd_block_markbad(mtd, (loff_t)m->offset + at));
}

static int pvf_mtd_sync(void *arg)
{
	struct pvf_mtd *m = arg;
	struct mtd_info *mtd = pvf_mtd_begin(m);

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	mtd_sync(mtd);
	return pvf_mtd_end(m, 0);
}

static bool pvf_mtd_is_it(const struct pvf_mtd *m, struct mtd_info *mtd)
{
	if (mtd->type == MTD_ABSENT)
		return false;
	if (m->partition)
		return mtd_get_of_node(mtd) == m->partition;
	return !strcmp(mtd->name, m->device);
}

/* io. Of several with the same name, the first. */
static void pvf_mtd_look(struct pvf_mtd *m)
{
	struct pvf_mtd_there *there;

	mutex_lock(&pvf_mtd_list_lock);
	list_for_each_entry(there, &pvf_mtd_all, node) {
		if (!pvf_mtd_is_it(m, there->mtd))
			continue;
		mutex_lock(&m->use);
		WRITE_ONCE(m->mtd, there->mtd);
		mutex_unlock(&m->use);
		list_add(&m->node, &pvf_mtd_list);
		break;
	}
	mutex_unlock(&pvf_mtd_list_lock);
}

/* pvf_mtd_list_lock. Waits for the access under way. */
static void pvf_mtd_drop(struct pvf_mtd *m)
{
	list_del(&m->node);
	mutex_lock(&m->use);
	WRITE_ONCE(m->mtd, NULL);
	mutex_unlock(&m->use);
}

/* pvf_lock */
static void pvf_mtd_came(struct pvf_store *store, void *mtd)
{
	struct pvf_mtd *m = store->priv;

	if (!READ_ONCE(m->mtd) && pvf_mtd_is_it(m, mtd))
		pvf_store_changed(store);
}

static void pvf_mtd_add(struct mtd_info *mtd)
{
	struct pvf_mtd_there *there = kmalloc(sizeof(*there), GFP_KERNEL);

	if (!there)
		return;
	there->mtd = mtd;
	mutex_lock(&pvf_mtd_list_lock);
	list_add_tail(&there->node, &pvf_mtd_all);
	mutex_unlock(&pvf_mtd_list_lock);
	pvf_call_stores(&pvf_mtd_ops, pvf_mtd_came, mtd);
}

/* pvf_mtd_list_lock */
static void pvf_mtd_forget(struct mtd_info *mtd)
{
	struct pvf_mtd_there *there, *next;

	list_for_each_entry_safe(there, next, &pvf_mtd_all, node) {
		if (there->mtd != mtd)
			continue;
		list_del(&there->node);
		kfree(there);
	}
}

static void pvf_mtd_remove(struct mtd_info *mtd)
{
	struct pvf_mtd *m, *next;

	mutex_lock(&pvf_mtd_list_lock);
	pvf_mtd_forget(mtd);
	list_for_each_entry_safe(m, next, &pvf_mtd_list, node) {
		if (m->mtd != mtd)
			continue;
		pvf_mtd_drop(m);
		pvf_store_changed(m->store);
	}
	mutex_unlock(&pvf_mtd_list_lock);
}

static struct mtd_notifier pvf_mtd_notifier = {
	.add = pvf_mtd_add,
	.remove = pvf_mtd_remove,
};

int pvf_mtd_init(void)
{
	register_mtd_user(&pvf_mtd_notifier);
	return 0;
}

/* Tells of each partition as if it were removed. */
void pvf_mtd_exit(void)
{
	unregister_mtd_user(&pvf_mtd_notifier);
}

static int pvf_mtd_word(struct pvf_store *store, const char *key, const char *value,
			const char **why)
{
	struct pvf_mtd *m = store->priv;

	if (!strcmp(key, "device"))
		return pvf_word_text(value, &m->device, why);
	if (!strcmp(key, "offset"))
		return pvf_word_u32(value, &m->offset, why);
	if (!strcmp(key, "size"))
		return pvf_word_u32(value, &m->size, why);
	if (!strcmp(key, "power"))
		return pvf_word_flag(value, &m->power, why);
	return -ENOENT;
}

#ifdef CONFIG_OF
static int pvf_mtd_from_node(struct pvf_store *store, struct device_node *node,
			     const char **why)
{
	struct pvf_mtd *m = store->priv;
	const char *name;

	of_node_put(m->partition);
	m->partition = of_parse_phandle(node, "pvkit,mtd", 0);
	if (!m->partition && !of_property_read_string(node, "pvkit,mtd-name", &name)) {
		kfree(m->device);
		m->device = kstrdup(name, GFP_KERNEL);
		if (!m->device)
			return -ENOMEM;
	}
	pvf_node_u32(node, "offset", &m->offset);
	pvf_node_u32(node, "size", &m->size);
	m->power = pvf_node_flag(node, "power");
	return 0;
}
#else
#define pvf_mtd_from_node NULL
#endif

static int pvf_mtd_check(struct pvf_store *store, const char **why)
{
	struct pvf_mtd *m = store->priv;

	m->store = store;
	mutex_init(&m->use);
	if (m->device || m->partition)
		return 0;
	*why = "medium=mtd wants device=NAME, a partition of /proc/mtd";
	return -EINVAL;
}

/* use. Is it one that may be written, whoever asks? */
static int pvf_mtd_may(const struct pvf_mtd *m, struct mtd_info *mtd, const char **why)
{
	if (mtd->type == MTD_UBIVOLUME) {
		*why = "the partition is a volume of UBI";
		return -EBUSY;
	}
	if (!(mtd->flags & MTD_WRITEABLE)) {
		*why = "the partition is read-only";
		return -EROFS;
	}
	if (!mtd->writesize || mtd->writesize > PVB_WRITE_UNIT_MAX) {
		*why = "the partition's write unit is none that a store can use";
		return -EINVAL;
	}
	return 0;
}

/* use. The store's bytes, 0 and *why when the description does not fit. */
static u32 pvf_mtd_size(const struct pvf_mtd *m, struct mtd_info *mtd, u32 unit,
			const char **why)
{
	u64 size = m->size;

	if (m->offset >= mtd->size || size > mtd->size - m->offset) {
		*why = "offset and size are beyond the end of the partition";
		return 0;
	}
	if (!size)
		size = mtd->size - m->offset;
	if (size > U32_MAX - unit) {
		*why = "the partition is larger than 4 GiB: say size=";
		return 0;
	}
	/* of 32 bits by now: not every processor divides 64 */
	if (m->offset % unit || (u32)size % unit) {
		*why = "offset and size are not whole erase blocks";
		return 0;
	}
	return size;
}

/*
 * What UBI holds is never ours, force or not, whether it is attached now or will
 * be at the next boot: each of its blocks begins with its mark.
 */
static int pvf_mtd_is_ubi(struct pvf_mtd *m, const struct pvb_medium *medium)
{
	u32 at, seen = 0;
	u8 head[4];
	int err;

	if (!medium->erase)
		return 0;
	for (at = 0; at < medium->size && seen < 4; at += medium->erase) {
		if (medium->is_bad && pvf_mtd_is_bad(m, at) > 0)
			continue;
		err = pvf_mtd_read(m, at, head, sizeof(head));
		if (err == -ENODEV)
			return err;
		if (!err && !memcmp(head, "UBI#", sizeof(head)))
			return 1;
		seen++;
	}
	return 0;
}

static int pvf_mtd_fill(struct pvf_mtd *m, struct pvb_medium *medium, const char **why)
{
	struct mtd_info *mtd = pvf_mtd_begin(m);
	bool erases;
	u32 size;
	int err;

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	err = pvf_mtd_may(m, mtd, why);
	if (err)
		return pvf_mtd_end(m, err);
	erases = mtd->erasesize && !(mtd->flags & MTD_NO_ERASE);
	size = pvf_mtd_size(m, mtd, erases ? mtd->erasesize : mtd->writesize, why);
	if (!size)
		return pvf_mtd_end(m, -EINVAL);
	*medium = (struct pvb_medium){
		.arg = m,
		.size = size,
		.erase = erases ? mtd->erasesize : 0,
		.write = mtd->writesize,
		.bitwise = mtd->writesize == 1 && (mtd->flags & MTD_BIT_WRITEABLE),
		.read = pvf_mtd_read,
		.program = pvf_mtd_program,
		.erase_block = erases ? pvf_mtd_erase : NULL,
		.is_bad = mtd_can_have_bb(mtd) ? pvf_mtd_is_bad : NULL,
		.mark_bad = mtd_can_have_bb(mtd) ? pvf_mtd_mark_bad : NULL,
		.sync = pvf_mtd_sync,
	};
	m->store->medium_guarantee = mtd_type_is_nand(mtd) || erases || m->power ?
		PV_BOOTFLAG_GUARANTEE_POWER : PV_BOOTFLAG_GUARANTEE_WARM;
	if (erases)
		m->store->medium_guarantee |= PV_BOOTFLAG_GUARANTEE_WEAR;
	if (mtd_get_master(mtd)->_panic_write)
		m->store->medium_guarantee |= PV_BOOTFLAG_GUARANTEE_PANIC;
	return pvf_mtd_end(m, 0);
}

/* Its own name, whether the description has that or a node of the device tree. */
static int pvf_mtd_where(const struct pvf_store *store, char *buf, size_t size)
{
	struct pvf_mtd *m = store->priv;
	struct mtd_info *mtd = pvf_mtd_begin(m);

	if (IS_ERR(mtd))
		return PTR_ERR(mtd);
	snprintf(buf, size, "mtd %x %s", m->offset, mtd->name);
	return pvf_mtd_end(m, 0);
}

static void pvf_mtd_detach(struct pvf_store *store)
{
	struct pvf_mtd *m = store->priv;

	mutex_lock(&pvf_mtd_list_lock);
	if (m->mtd)
		pvf_mtd_drop(m);
	mutex_unlock(&pvf_mtd_list_lock);
}

static int pvf_mtd_attach(struct pvf_store *store, const char **why)
{
	struct pvf_mtd *m = store->priv;
	int err;

	pvf_mtd_look(m);
	err = pvf_mtd_fill(m, &store->core.medium, why);
	if (err)
		goto err_detach;
	err = pvf_mtd_is_ubi(m, &store->core.medium);
	if (!err)
		return 0;
	if (err > 0) {
		*why = "the partition belongs to UBI";
		err = -EBUSY;
	}
err_detach:
	pvf_mtd_detach(store);
	return err;
}

static void pvf_mtd_free(struct pvf_store *store)
{
	struct pvf_mtd *m = store->priv;

	of_node_put(m->partition);
	kfree(m->device);
}

/* Everybody else has stopped: no lock, and nobody takes the partition away. */
static int pvf_mtd_panic(struct pvf_store *store)
{
	struct pvf_mtd *m = store->priv;
	struct mtd_info *mtd = READ_ONCE(m->mtd);
	size_t done = 0;
	int err;

	if (!mtd)
		return -ENODEV;
	err = mtd_panic_write(mtd, (loff_t)m->offset + store->panic_at, store->panic_size, &done,
			      store->panic_image);
	return !err && done != store->panic_size ? -EIO : err;
}

const struct pvf_medium_ops pvf_mtd_ops = {
	.name = "mtd",
	.priv_size = sizeof(struct pvf_mtd),
	.word = pvf_mtd_word,
	.from_node = pvf_mtd_from_node,
	.check = pvf_mtd_check,
	.attach = pvf_mtd_attach,
	.where = pvf_mtd_where,
	.detach = pvf_mtd_detach,
	.free = pvf_mtd_free,
	.panic = pvf_mtd_panic,
};
