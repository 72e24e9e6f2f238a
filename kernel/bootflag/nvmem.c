// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvmem as a medium: the scratch registers of an RTC, an EEPROM, an FRAM.
 *
 * No reference to the device is held: whoever holds one is in the way of
 * NVMEM_REMOVE, which is sent when the last is put, and keeps the driver's module.
 * What keeps the pointer good is that notification, before anything goes; it waits
 * for the access under way. Nor is the device looked up at each access: until it is
 * out of the bus it can be found, also when its count of users has come to nothing.
 * So it is looked up once, and after that its coming and going is told.
 *
 * Locks: pvf_store.io, pvf_nvmem_lock, pvf_nvmem.use; not with pvf_lock. A put may be
 * the last and then sends the notification, so nothing is put under any but io.
 */

#include <linux/device.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/nvmem-consumer.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat.h"
#include "media.h"
#include "pv_bootflag.h"

#define PVF_NVMEM_WORD_MAX	8

/**
 * struct pvf_nvmem - an nvmem store's own
 * @device: name of the device, or NULL
 * @provider: the device's node when a cell of the device tree names it
 * @offset: where the store begins
 * @size: its bytes; 0 is the rest of the device
 * @word: the device is read and written in multiples of so many bytes, and no
 *	such word is torn
 * @atomic: the board's author vouches that its write works with interrupts off
 * @power: and that it keeps its content without power
 * @wear: and that writing wears it out
 * @node: pvf_nvmem_lock. In pvf_nvmem_list from the first attach on
 * @looked: pvf_nvmem_lock. If it is there, @found says so
 * @lost: it went, and the store has not been told; no bool, since not every
 *	processor exchanges a byte
 * @use: held over each access
 * @found: use. The device; also written in a panic, when nobody can take it away
 */
struct pvf_nvmem {
	char *device;
	struct device_node *provider;
	u32 offset;
	u32 size;
	u32 word;
	bool atomic;
	bool power;
	bool wear;
	struct list_head node;
	bool looked;
	int lost;
	struct mutex use;	/* see above */
	struct nvmem_device *found;
};

static LIST_HEAD(pvf_nvmem_list);
static DEFINE_MUTEX(pvf_nvmem_lock);

static int pvf_nvmem_match(struct device *dev, const void *data)
{
	const struct pvf_nvmem *n = data;

	if (n->provider)
		return dev->of_node == n->provider;
	return !strcmp(dev_name(dev), n->device);
}

static struct nvmem_device *pvf_nvmem_begin(struct pvf_nvmem *n)
{
	mutex_lock(&n->use);
	if (n->found)
		return n->found;
	mutex_unlock(&n->use);
	return ERR_PTR(-ENODEV);
}

static int pvf_nvmem_end(struct pvf_nvmem *n, int err)
{
	mutex_unlock(&n->use);
	return err;
}

/* pvf_nvmem_lock. Waits for the access under way. */
static void pvf_nvmem_now(struct pvf_nvmem *n, struct nvmem_device *nvmem)
{
	mutex_lock(&n->use);
	WRITE_ONCE(n->found, nvmem);
	mutex_unlock(&n->use);
}

/* io */
static void pvf_nvmem_look(struct pvf_nvmem *n)
{
	struct nvmem_device *nvmem = NULL;

	mutex_lock(&pvf_nvmem_lock);
	if (list_empty(&n->node))
		list_add_tail(&n->node, &pvf_nvmem_list);
	if (!n->found && !n->looked) {
		nvmem = nvmem_device_find(n, pvf_nvmem_match);
		/* EPROBE_DEFER: no such name. EINVAL: its module is going. */
		if (IS_ERR(nvmem))
			nvmem = NULL;
		pvf_nvmem_now(n, nvmem);
		n->looked = true;
	}
	mutex_unlock(&pvf_nvmem_lock);
	if (nvmem)
		nvmem_device_put(nvmem);
}

static int pvf_nvmem_result(int done, u32 len)
{
	if (done < 0)
		return done;
	return done == len ? 0 : -EIO;
}

/* Whoever wants a byte of a word gets it out of the word. */
static int pvf_nvmem_get_words(struct nvmem_device *nvmem, const struct pvf_nvmem *n, u32 at,
			       u8 *to, u32 len)
{
	u8 word[PVF_NVMEM_WORD_MAX];
	u32 skip, part;
	int err;

	for (; len; len -= part, at += part, to += part) {
		skip = at % n->word;
		part = min(len, n->word - skip);
		err = pvf_nvmem_result(nvmem_device_read(nvmem, at - skip, n->word, word),
				       n->word);
		if (err)
			return err;
		memcpy(to, word + skip, part);
	}
	return 0;
}

static int pvf_nvmem_put(struct nvmem_device *nvmem, const struct pvf_nvmem *n, u32 at,
			 const void *buf, u32 len)
{
	return pvf_nvmem_result(nvmem_device_write(nvmem, n->offset + at, len, (void *)buf), len);
}

static int pvf_nvmem_read(void *arg, u32 at, void *buf, u32 len)
{
	struct pvf_nvmem *n = arg;
	struct nvmem_device *nvmem = pvf_nvmem_begin(n);
	int err;

	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	if (n->word > 1)
		err = pvf_nvmem_get_words(nvmem, n, n->offset + at, buf, len);
	else
		err = pvf_nvmem_result(nvmem_device_read(nvmem, n->offset + at, len, buf), len);
	return pvf_nvmem_end(n, err);
}

static int pvf_nvmem_program(void *arg, u32 at, const void *buf, u32 len)
{
	struct pvf_nvmem *n = arg;
	struct nvmem_device *nvmem = pvf_nvmem_begin(n);

	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	return pvf_nvmem_end(n, pvf_nvmem_put(nvmem, n, at, buf, len));
}

/* Everybody else has stopped: no lock, and nobody takes the device away. */
static int pvf_nvmem_panic(struct pvf_store *store)
{
	struct pvf_nvmem *n = store->priv;
	struct nvmem_device *nvmem = READ_ONCE(n->found);

	if (!n->atomic)
		return -EOPNOTSUPP;
	if (!nvmem)
		return -ENODEV;
	return pvf_nvmem_put(nvmem, n, store->panic_at, store->panic_image, store->panic_size);
}

static int pvf_nvmem_word(struct pvf_store *store, const char *key, const char *value,
			  const char **why)
{
	struct pvf_nvmem *n = store->priv;

	if (!strcmp(key, "device"))
		return pvf_word_text(value, &n->device, why);
	if (!strcmp(key, "offset"))
		return pvf_word_u32(value, &n->offset, why);
	if (!strcmp(key, "size"))
		return pvf_word_u32(value, &n->size, why);
	if (!strcmp(key, "word"))
		return pvf_word_u32(value, &n->word, why);
	if (!strcmp(key, "atomic"))
		return pvf_word_flag(value, &n->atomic, why);
	if (!strcmp(key, "power"))
		return pvf_word_flag(value, &n->power, why);
	if (!strcmp(key, "wear"))
		return pvf_word_flag(value, &n->wear, why);
	return -ENOENT;
}

#ifdef CONFIG_OF
/*
 * The cell is used through its device, by offset: as a cell it could only be
 * written whole, and a format writes the bytes that it changes.
 */
static int pvf_nvmem_from_node(struct pvf_store *store, struct device_node *node,
			       const char **why)
{
	struct pvf_nvmem *n = store->priv;
	struct device_node *cell, *parent;
	u32 reg[2];
	int err = 0;

	cell = of_parse_phandle(node, "nvmem-cells", 0);
	if (!cell) {
		*why = "no nvmem-cells";
		return -EINVAL;
	}
	if (of_property_read_u32_array(cell, "reg", reg, 2) || !reg[1] ||
	    of_find_property(cell, "bits", NULL)) {
		*why = "the nvmem cell is not of whole bytes";
		err = -EINVAL;
	}
	parent = of_get_next_parent(cell);
	if (parent && of_node_name_eq(parent, "nvmem-layout"))
		parent = of_get_next_parent(parent);
	if (err) {
		of_node_put(parent);
		return err;
	}
	of_node_put(n->provider);
	n->provider = parent;
	n->offset = reg[0];
	n->size = reg[1];
	pvf_node_u32(node, "word", &n->word);
	n->atomic = pvf_node_flag(node, "atomic");
	n->power = pvf_node_flag(node, "power");
	n->wear = pvf_node_flag(node, "wear");
	return 0;
}
#else
#define pvf_nvmem_from_node NULL
#endif

static int pvf_nvmem_check(struct pvf_store *store, const char **why)
{
	struct pvf_nvmem *n = store->priv;

	INIT_LIST_HEAD(&n->node);
	mutex_init(&n->use);
	if (!n->word)
		n->word = 1;
	if (!n->device && !n->provider)
		*why = "medium=nvmem wants device=NAME, of /sys/bus/nvmem/devices";
	else if (n->word > PVF_NVMEM_WORD_MAX || !is_power_of_2(n->word))
		*why = "word is 1, 2, 4 or 8";
	else if (n->offset % n->word || n->size % n->word)
		*why = "offset and size are not whole words";
	else if (n->size && n->offset + n->size - 1 < n->offset)
		*why = "offset and size are beyond the end";
	else
		return 0;
	return -EINVAL;
}

/* What is left of the device from the store's offset; 0 when it is out of reach. */
static u32 pvf_nvmem_room(const struct pvf_nvmem *n, size_t total)
{
	size_t room = total > n->offset ? total - n->offset : 0;

	if (n->size)
		return n->size <= room ? n->size : 0;
	room = min_t(size_t, room, U32_MAX);
	return room - room % n->word;
}

static int pvf_nvmem_attach(struct pvf_store *store, const char **why)
{
	struct pvf_nvmem *n = store->priv;
	struct nvmem_device *nvmem;
	size_t total;
	u32 size;

	pvf_nvmem_look(n);
	nvmem = pvf_nvmem_begin(n);
	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	total = pvk_nvmem_size(nvmem);
	pvf_nvmem_end(n, 0);

	size = total ? pvf_nvmem_room(n, total) : n->size;
	if (!size) {
		*why = total ? "offset and size are beyond the end of the nvmem device" :
		       "size is missing, and this kernel does not tell how large an nvmem is";
		return -EINVAL;
	}
	store->core.medium = (struct pvb_medium){
		.arg = n,
		.size = size,
		.write = n->word,
		.read = pvf_nvmem_read,
		.program = pvf_nvmem_program,
	};
	store->medium_guarantee = n->power ? PV_BOOTFLAG_GUARANTEE_POWER :
					     PV_BOOTFLAG_GUARANTEE_WARM;
	if (n->wear)
		store->medium_guarantee |= PV_BOOTFLAG_GUARANTEE_WEAR;
	if (n->atomic)
		store->medium_guarantee |= PV_BOOTFLAG_GUARANTEE_PANIC;
	return 0;
}

/* Its own name, whether the description has that or a node of the device tree. */
static int pvf_nvmem_where(const struct pvf_store *store, char *buf, size_t size)
{
	struct pvf_nvmem *n = store->priv;
	struct nvmem_device *nvmem = pvf_nvmem_begin(n);

	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	snprintf(buf, size, "nvmem %x %s", n->offset, nvmem_dev_name(nvmem));
	return pvf_nvmem_end(n, 0);
}

static void pvf_nvmem_detach(struct pvf_store *store)
{
}

static void pvf_nvmem_free(struct pvf_store *store)
{
	struct pvf_nvmem *n = store->priv;

	mutex_lock(&pvf_nvmem_lock);
	/* not even initialized when the description was refused */
	if (n->node.next)
		list_del(&n->node);
	mutex_unlock(&pvf_nvmem_lock);
	of_node_put(n->provider);
	kfree(n->device);
}

static bool pvf_nvmem_named(const struct pvf_nvmem *n, struct nvmem_device *nvmem)
{
	return n->device && !n->provider && !strcmp(nvmem_dev_name(nvmem), n->device);
}

/* pvf_lock. Of what the device tree names only a look tells. */
static void pvf_nvmem_tell_came(struct pvf_store *store, void *nvmem)
{
	const struct pvf_nvmem *n = store->priv;

	if (pvf_nvmem_named(n, nvmem) || (n->provider && !READ_ONCE(n->found)))
		pvf_store_changed(store);
}

/* pvf_lock */
static void pvf_nvmem_tell_went(struct pvf_store *store, void *nvmem)
{
	struct pvf_nvmem *n = store->priv;

	if (xchg(&n->lost, 0))
		pvf_store_changed(store);
}

static void pvf_nvmem_came(struct nvmem_device *nvmem)
{
	struct pvf_nvmem *n;

	mutex_lock(&pvf_nvmem_lock);
	list_for_each_entry(n, &pvf_nvmem_list, node) {
		if (n->provider && !n->found)
			n->looked = false;
		else if (!n->found && pvf_nvmem_named(n, nvmem))
			pvf_nvmem_now(n, nvmem);
	}
	mutex_unlock(&pvf_nvmem_lock);
	pvf_call_stores(&pvf_nvmem_ops, pvf_nvmem_tell_came, nvmem);
}

static void pvf_nvmem_went(struct nvmem_device *nvmem)
{
	struct pvf_nvmem *n;

	mutex_lock(&pvf_nvmem_lock);
	list_for_each_entry(n, &pvf_nvmem_list, node) {
		if (n->found != nvmem)
			continue;
		pvf_nvmem_now(n, NULL);
		WRITE_ONCE(n->lost, 1);
	}
	mutex_unlock(&pvf_nvmem_lock);
	pvf_call_stores(&pvf_nvmem_ops, pvf_nvmem_tell_went, NULL);
}

static int pvf_nvmem_event(struct notifier_block *nb, unsigned long event, void *nvmem)
{
	if (event == NVMEM_ADD)
		pvf_nvmem_came(nvmem);
	else if (event == NVMEM_REMOVE)
		pvf_nvmem_went(nvmem);
	return NOTIFY_DONE;
}

static struct notifier_block pvf_nvmem_notifier = {
	.notifier_call = pvf_nvmem_event,
};

int pvf_nvmem_init(void)
{
	return nvmem_register_notifier(&pvf_nvmem_notifier);
}

void pvf_nvmem_exit(void)
{
	nvmem_unregister_notifier(&pvf_nvmem_notifier);
}

const struct pvf_medium_ops pvf_nvmem_ops = {
	.name = "nvmem",
	.priv_size = sizeof(struct pvf_nvmem),
	.word = pvf_nvmem_word,
	.from_node = pvf_nvmem_from_node,
	.check = pvf_nvmem_check,
	.attach = pvf_nvmem_attach,
	.where = pvf_nvmem_where,
	.detach = pvf_nvmem_detach,
	.free = pvf_nvmem_free,
	.panic = pvf_nvmem_panic,
};
