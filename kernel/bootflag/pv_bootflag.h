/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv_bootflag: flags for the next boot. What the files of the module share.
 *
 * Locks, outermost first:
 *
 *   pvf_register_lock  adding stores, held over device_add() so that a name is
 *                      never in sysfs twice. Removing does not take it: a name
 *                      stays taken (pvf_dying) until device_del() is over.
 *   pvf_store.io       the medium: held over whatever reads or writes it, for as
 *                      long as an erase takes. Everything below "io" in struct
 *                      pvf_store. Taken by the store's work item, and by its
 *                      removal once that has ended; by no door.
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
#include <net/sock.h>

#include <pvkit/format.h>
#include <uapi/linux/pv_bootflag.h>

#include "../subscriber.h"

#define PVF_MAX_STORES		32
#define PVF_MAX_IMAGE		PVB_WRITE_UNIT_MAX	/* bytes that a panic may write */
#define PVF_MAX_WORK		(4 << 20)	/* bytes of a format's buffer: an erase block */
/* Bounds of what callers may take; only who may set can queue a set. */
#define PVF_MAX_SETS		1024	/* queued, all stores */
#define PVF_MAX_SETS_SOCK	64	/* of one socket */
#define PVF_MAX_CLIENTS		256	/* subscribers without a right to set */

extern struct mutex pvf_register_lock;
extern struct mutex pvf_lock;
extern struct workqueue_struct *pvf_wq;
extern struct genl_family pvf_family;
extern u32 pvf_generation;		/* locked */

struct pvf_store;

/**
 * struct pvf_medium_ops - one kind of medium
 * @name: the word after medium=
 * @priv_size: bytes that it keeps in struct pvf_store.priv, zeroed
 * @word: take one word KEY=VALUE of a description; @value is NULL for a word
 *	without "=". 0: taken; -ENOENT: not one of this medium's; -EINVAL: @why says
 *	what is wrong (a constant)
 * @from_node: the same out of a device tree node that describes the store; NULL:
 *	this medium can't be described there
 * @check: is the description complete: 0 or -EINVAL and @why. Touches no device
 * @attach: io. Look for the device; fill in pvf_store.core.medium (functions,
 *	size, erase, write, bitwise) and pvf_store.medium_guarantee. -ENODEV: not
 *	there (yet); pvf_store_changed() when it comes. Others: @why says it.
 * @where: io, attached. Say which medium it is and where on it the store lies: the
 *	same for all stores that lie there. -ENODEV: it has gone
 * @detach: io. Drop what @attach took; the functions are not called any more
 * @free: drop what @word and @from_node took
 * @panic: write again what pvf_store.panic_image holds, with interrupts off and
 *	no lock that another CPU may hold; NULL: not possible
 *
 * The functions in core.medium are called with io held and may sleep. Once
 * attach has returned they are kept in pvf_store.raw, and core.medium has others
 * that count and call these.
 */
struct pvf_medium_ops {
	const char *name;
	size_t priv_size;
	int (*word)(struct pvf_store *store, const char *key, const char *value,
		    const char **why);
	int (*from_node)(struct pvf_store *store, struct device_node *node, const char **why);
	int (*check)(struct pvf_store *store, const char **why);
	int (*attach)(struct pvf_store *store, const char **why);
	int (*where)(const struct pvf_store *store, char *buf, size_t size);
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
 * pvf_call_stores - call a function for each store of one medium
 * @ops: its medium
 * @fn: called with pvf_lock held; must not touch the medium
 * @arg: for @fn
 */
void pvf_call_stores(const struct pvf_medium_ops *ops,
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
 * struct pvf_options - words of a description that concern the module itself
 * @keep: a mode stays until it is cleared; else it is for one boot
 * @count: take tries down at boot, for a bootloader that does not
 * @armed: set armed at boot, clear it at a clean end
 * @no_reboot: the argument of reboot is not for this store
 * @panic: mode or reason that a panic writes; "" none
 * @rate_given: @rate_sets is from the description
 * @rate_sets: writes in @rate_seconds, 0: any number
 * @rate_seconds: length of that time
 */
struct pvf_options {
	bool keep;
	bool count;
	bool armed;
	bool no_reboot;
	char panic[PVB_REASON_MAX + 1];
	bool rate_given;
	u32 rate_sets;
	u32 rate_seconds;
};

/* PV_BOOTFLAG_A_STATS_*, the same words. */
struct pvf_stats {
	u64 sets;
	u64 unchanged;
	u64 programs;
	u64 program_bytes;
	u64 erases;
	u64 limited;
	u64 errors;
};

/**
 * struct pvf_known - what is known of a store
 * @state: of the store
 * @error: negative errno of the last failure, 0 when there is none
 * @text: the same in words, a constant; or NULL
 * @flags: its fields
 * @boot_known: @boot is of this boot
 * @boot: its fields as they were first read in this boot
 * @offers: PVB_HAS() of the fields that it can hold
 * @guarantee: PV_BOOTFLAG_GUARANTEE_*
 * @stats: since it was added
 */
struct pvf_known {
	enum pv_bootflag_state state;
	int error;
	const char *text;
	struct pvb_flags flags;
	bool boot_known;
	struct pvb_flags boot;
	u32 offers;
	u32 guarantee;
	struct pvf_stats stats;
};

/**
 * struct pvf_store - one store
 * @dev: in the class, named as the store is
 * @node: in the list, in order of addition
 * @spec: its description as it was given; of a device tree node its path
 * @medium: what it is kept on
 * @priv: @medium's own
 * @opt: fixed once the store is added
 * @io: see above
 * @core: io. What the formats work on; set-up is fixed once the store is added
 * @raw: io. The medium's own functions, see struct pvf_medium_ops
 * @attached: io. core.medium can be used
 * @medium_guarantee: io. PV_BOOTFLAG_GUARANTEE_* of the medium, without that of
 *	the format
 * @next: io. What is known; shown to others with pvf_publish()
 * @holds: io. It has taken a try: the module can't be removed
 * @rate_next: io. CLOCK_BOOTTIME ns at which all that was written is paid for
 * @panic_image: io. What @medium's panic writes, prepared ahead; NULL when the
 *	store does not want it
 * @panic_at: io. Where in the medium it goes
 * @panic_size: io. Its bytes, whole write units
 * @panic_buf: io. Room for @panic_image, PVF_MAX_IMAGE bytes
 * @known: as last published
 * @generation: value of pvf_generation at the last change
 * @sets: struct pvf_set.node, in order
 * @current_set: the one being carried out
 * @todo: PVF_TODO_*, atomic bits
 * @work: serves @todo and @sets
 * @del_work: ends the removal when that would have to wait
 * @dead: removed from the list
 */
struct pvf_store {
	struct device dev;
	struct list_head node;
	char *spec;
	const struct pvf_medium_ops *medium;
	void *priv;
	struct pvf_options opt;

	struct mutex io;	/* the medium, see above */
	struct pvb_store core;
	struct pvb_medium raw;
	bool attached;
	u32 medium_guarantee;
	struct pvf_known next;
	bool holds;
	u64 rate_next;
	u8 *panic_image;
	u32 panic_at;
	u32 panic_size;
	u8 *panic_buf;

	/* locked */
	struct pvf_known known;
	u32 generation;
	struct list_head sets;
	struct pvf_set *current_set;
	unsigned long todo;
	struct work_struct work;
	struct work_struct del_work;
	bool dead;
};

#define PVF_TODO_LOOK	0	/* bit: attach and read anew */

static inline const char *pvf_name(const struct pvf_store *store)
{
	return dev_name(&store->dev);
}

/**
 * struct pvf_change - what is to become of a store's fields
 * @set: PVB_HAS() of the fields to set
 * @clear: PVB_HAS() of the fields to unset
 * @value: of the fields in @set
 * @force: write over what is foreign or broken, and whatever the rate
 * @own: the module's own, the rate does not count
 */
struct pvf_change {
	u32 set;
	u32 clear;
	struct pvb_flags value;
	bool force;
	bool own;
};

/**
 * struct pvf_set - a change that is queued
 * @node: in pvf_store.sets
 * @change: what to do
 * @check: refuse when the store's generation is not @generation
 * @generation: see @check; once done, that of the store
 * @sk: the caller's socket, referenced; NULL when a thread waits
 * @portid: of @sk
 * @seq: sequence number of the caller's message
 * @done: completed at the end; the waiter then frees the set. NULL with @sk, or
 *	once the waiter gave up
 * @error: negative errno
 * @why: the same in words, or NULL
 * @text: room for @why where that is no constant
 */
struct pvf_set {
	struct list_head node;
	struct pvf_change change;
	bool check;
	u32 generation;
	struct sock *sk;
	u32 portid;
	u32 seq;
	struct completion *done;
	int error;
	const char *why;
	char text[80];
};

/**
 * struct pvf_client - a socket that subscribed, or became a writer
 * @sub: the socket, and the events that it hears; in pvf_clients
 * @trusted: had a right to set when it first came; others are bounded
 * @writer: may set
 */
struct pvf_client {
	struct pvk_subscriber sub;
	bool trusted;
	bool writer;
};

/* store.c: the list */
extern struct list_head pvf_stores;
bool pvf_name_ok(const char *name);
struct pvf_store *pvf_store_find(const char *name);
int pvf_store_del_start(const char *name);
void pvf_store_settle(const char *name);
void pvf_store_kick(struct pvf_store *store);
void pvf_store_release(struct device *dev);
void pvf_publish(struct pvf_store *store);
int pvf_registry_init(void);
void pvf_registry_close(void);
void pvf_registry_exit(void);

/* spec.c: descriptions */
int pvf_spec_parse(struct pvf_store *store, const char *spec, const char **why);
int pvf_spec_node(struct pvf_store *store, const struct pvf_medium_ops *medium,
		  struct device_node *node, const char **why);
int pvf_spec_stores(const char *text);
char *pvf_word_next(char **text);
const struct pvb_mode *pvf_mode_find(const struct pvf_store *store, const char *name);

/* access.c: reading and writing */
void pvf_look(struct pvf_store *store);
void pvf_detach(struct pvf_store *store);
void pvf_read(struct pvf_store *store);
int pvf_write(struct pvf_store *store, const struct pvb_flags *flags, bool force,
	      const char **why);

/* set.c: changes */
extern bool pvf_going_down;
int pvf_change_text(struct pvf_change *change, u32 field, const char *text, const char **why);
int pvf_change_number(struct pvf_change *change, u32 field, u64 number, const char **why);
int pvf_change_check(const struct pvf_store *store, const struct pvf_known *known,
		     const struct pvf_change *change, const char **why);
void pvf_change_merge(struct pvb_flags *flags, const struct pvf_change *change);
bool pvf_flags_same(const struct pvb_flags *a, const struct pvb_flags *b, u32 fields);
int pvf_change_do(struct pvf_store *store, struct pvf_set *set);
struct pvf_set *pvf_set_new(void);
void pvf_set_free(struct pvf_set *set);
int pvf_set_queue(struct pvf_store *store, struct pvf_set *set, const char **why);
void pvf_set_do(struct pvf_store *store, struct pvf_set *set);
int pvf_set_wait(struct pvf_set *set);
void pvf_set_abandon(struct pvf_set *set);
void pvf_set_end(struct pvf_store *store, struct pvf_set *set);
void pvf_sets_cancel(struct pvf_store *store, int error, const char *why);
void pvf_sets_of_closed(const struct net *net, u32 portid);
unsigned int pvf_sets_of(const struct sock *sk);

/* boot.c: what the first look of a boot does */
void pvf_boot(struct pvf_store *store);
void pvf_boot_missed(struct pvf_store *store);
void pvf_boot_release(struct pvf_store *store);
void pvf_boot_exit(void);

/* reboot.c */
int pvf_reboot_init(void);
void pvf_reboot_exit(void);

/* panic.c */
int pvf_panic_check(struct pvf_store *store, const char **why);
void pvf_panic_prepare(struct pvf_store *store);
void pvf_panic_hold(struct pvf_store *store);
void pvf_panic_drop(struct pvf_store *store);
int pvf_panic_init(void);
void pvf_panic_exit(void);

/* event.c: clients and what they are told */
struct pvf_client *pvf_client_find(const struct sock *sk);
struct pvf_client *pvf_client_get(struct sock *sk, u32 portid, bool trusted);
void pvf_event(enum pv_bootflag_event_kind kind, struct pvf_store *store);
int pvf_event_init(void);
void pvf_event_exit(void);

/* netlink.c */
int pvf_nl_send_event(struct pvf_client *client, enum pv_bootflag_event_kind kind,
		      const struct pvf_store *store);
void pvf_nl_send_outcome(const struct pvf_store *store, const struct pvf_set *set);

/* sysfs.c */
extern struct class pvf_class;
extern const char * const pvf_field_names[PVB_FIELDS];

static inline const char *pvf_state_name(enum pv_bootflag_state state)
{
	static const char * const names[] = {
		[PV_BOOTFLAG_STATE_ABSENT] = "absent",
		[PV_BOOTFLAG_STATE_EMPTY] = "empty",
		[PV_BOOTFLAG_STATE_READY] = "ready",
		[PV_BOOTFLAG_STATE_FOREIGN] = "foreign",
		[PV_BOOTFLAG_STATE_BROKEN] = "broken",
		[PV_BOOTFLAG_STATE_FAILED] = "failed",
	};

	return names[state];
}

#endif /* PV_BOOTFLAG_H */
