/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv_bootflag: flags for the next boot. What the files of the module share.
 *
 * Locks, outermost first:
 *
 *   pvf_register_lock  adding and removing stores, held over device_add() and
 *                      device_del(). No show or store of a store's own
 *                      attributes takes it, device_del() waits for those.
 *   pvf_store.io       the medium: held over whatever reads or writes it, for as
 *                      long as an erase takes. Everything below "io" in struct
 *                      pvf_store. Taken by work items, by sysfs stores and by
 *                      reboot, never in a netlink handler.
 *   pvf_lock           everything else: the list, what is known of each store,
 *                      clients and queued sets. Held for short work only; no
 *                      medium is touched under it.
 *
 * A function whose comment says "locked" is called with pvf_lock held, one whose
 * comment says "io" with the store's io.
 */
#ifndef PV_BOOTFLAG_H
#define PV_BOOTFLAG_H

#include <linux/device.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include <pvkit/format.h>
#include <uapi/linux/pv_bootflag.h>

#define PVF_MAX_STORES		32

extern struct mutex pvf_register_lock;
extern struct mutex pvf_lock;
extern struct workqueue_struct *pvf_wq;
extern struct genl_family pvf_family;

struct pvf_store;

/**
 * struct pvf_medium_ops - one kind of medium
 * @name: the word after medium=
 * @priv_size: bytes that it keeps in struct pvf_store.priv, zeroed
 * @word: take one word KEY=VALUE of a description. 0: taken; -ENOENT: not one
 *	of this medium's; -EINVAL: @why says what is wrong (a constant)
 * @from_node: the same out of a device tree node that describes the store; NULL:
 *	this medium can't be described there
 * @check: is the description complete: 0 or -EINVAL and @why. Touches no device
 * @attach: io. Look for the device; fill in pvf_store.core.medium (functions,
 *	size, erase, write, bitwise) and pvf_store.medium_guarantee. -ENODEV: not
 *	there (yet); pvf_store_changed() when it comes. Others: @why says it
 * @detach: io. Drop what @attach took; the functions are not called any more
 * @free: drop what @word and @from_node took
 * @panic: write again what pvf_store.panic_image holds, with interrupts off and
 *	no lock that another CPU may hold; NULL: not possible
 *
 * The functions in core.medium are called with io held and may sleep.
 */
struct pvf_medium_ops {
	const char *name;
	size_t priv_size;
	int (*word)(struct pvf_store *store, const char *key, const char *value,
		    const char **why);
	int (*from_node)(struct pvf_store *store, struct device_node *node, const char **why);
	int (*check)(struct pvf_store *store, const char **why);
	int (*attach)(struct pvf_store *store, const char **why);
	void (*detach)(struct pvf_store *store);
	void (*free)(struct pvf_store *store);
	int (*panic)(struct pvf_store *store);
};

extern const struct pvf_medium_ops pvf_nvmem_ops;
extern const struct pvf_medium_ops pvf_mtd_ops;
extern const struct pvf_medium_ops pvf_syscon_ops;
extern const struct pvf_medium_ops pvf_ram_ops;

/* media: registration of notifiers and of the platform driver for the device tree */
int pvf_media_init(void);
void pvf_media_exit(void);

/**
 * pvf_store_changed - the medium of a store came, went or was written by others
 * @store: the store; a work item looks
 *
 * May be called from anywhere that can't sleep, under any lock of a notifier.
 */
void pvf_store_changed(struct pvf_store *store);

/**
 * pvf_for_each_store - call a function for each store of one medium
 * @ops: its medium
 * @fn: called with pvf_lock held; must not touch the medium
 * @arg: for @fn
 */
void pvf_for_each_store(const struct pvf_medium_ops *ops,
			void (*fn)(struct pvf_store *store, void *arg), void *arg);

/**
 * pvf_store_add - add a store
 * @name: its name
 * @spec: its description, words KEY=VALUE
 * @why: set to a constant text when it is refused
 *
 * Return: 0, or as store-add of the netlink family.
 */
int pvf_store_add(const char *name, const char *spec, const char **why);

/**
 * pvf_store_add_node - add the store that a device tree node describes
 * @name: its name
 * @medium: its medium
 * @node: the node
 * @why: set to a constant text when it is refused
 *
 * Return: as pvf_store_add().
 */
int pvf_store_add_node(const char *name, const struct pvf_medium_ops *medium,
		       struct device_node *node, const char **why);

/**
 * pvf_store_del - remove a store; waits for a write that is under way
 * @name: its name
 *
 * Return: 0 or -ENOENT.
 */
int pvf_store_del(const char *name);

/**
 * struct pvf_store - one store
 * @dev: in the class, named as the store is
 * @node: in the list, in order of addition
 * @spec: its description as it was given; of a device tree node its path
 * @medium: what it is kept on
 * @priv: @medium's own
 * @io: see above
 * @core: io. What the formats work on; set-up is fixed once the store is added
 * @attached: io. core.medium can be used
 * @medium_guarantee: io. PV_BOOTFLAG_GUARANTEE_* of the medium, without that of
 *	the format
 * @panic_image: io. What @medium's panic writes, prepared ahead; NULL when the
 *	store does not want it
 * @panic_at: io. Where in the medium it goes: 0, or the next free place of flash
 * @panic_size: io. Its bytes: core.medium.size, or whole write units of flash
 */
struct pvf_store {
	struct device dev;
	struct list_head node;
	char *spec;
	const struct pvf_medium_ops *medium;
	void *priv;

	struct mutex io;
	struct pvb_store core;
	bool attached;
	u32 medium_guarantee;
	u8 *panic_image;
	u32 panic_at;
	u32 panic_size;
};

#endif /* PV_BOOTFLAG_H */
