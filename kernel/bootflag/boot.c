// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first look of a boot: what was found is kept, and what is good for one boot
 * is used up.
 *
 * Once in a boot, not once in the life of a store: what was found is remembered by
 * where it lies, also when the store is removed. So one that is added again, by
 * whatever name and description, finds the same, and no try is taken twice. With
 * the module this would be lost; while a store that has taken a try is there the
 * module can't be removed.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>

#include "pv_bootflag.h"

#define PVF_MAX_SEEN	128

/* What a boot changes when it counts. */
#define PVF_COUNTED	(PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) | PVB_HAS(PVB_SUCCESSFUL))

/**
 * struct pvf_seen - what this boot found somewhere
 * @node: in pvf_seen
 * @format: how it was understood
 * @flags: the fields
 * @counted: a try was taken, or the slot changed for want of one
 * @where: the medium and the place on it
 */
struct pvf_seen {
	struct list_head node;
	const struct pvb_format *format;
	struct pvb_flags flags;
	bool counted;
	char where[];
};

static LIST_HEAD(pvf_seen);		/* last used first; locked */
static unsigned int pvf_n_seen;		/* locked */

static void pvf_seen_free(struct pvf_seen *seen)
{
	list_del(&seen->node);
	pvf_n_seen--;
	kfree(seen);
}

/* locked; the one that is missed least: not used for long, and no try taken */
static void pvf_seen_make_room(void)
{
	struct pvf_seen *seen;

	if (pvf_n_seen < PVF_MAX_SEEN)
		return;
	list_for_each_entry_reverse(seen, &pvf_seen, node)
		if (!seen->counted)
			break;
	if (list_entry_is_head(seen, &pvf_seen, node))
		seen = list_last_entry(&pvf_seen, struct pvf_seen, node);
	pvf_seen_free(seen);
}

/* locked */
static struct pvf_seen *pvf_seen_find(const struct pvf_store *store, const char *where)
{
	struct pvf_seen *seen;

	list_for_each_entry(seen, &pvf_seen, node)
		if (seen->format == store->core.format && !strcmp(seen->where, where))
			return seen;
	return NULL;
}

/* locked; whatever the format: two that can be told apart are not there at once */
static bool pvf_seen_counted(const char *where)
{
	struct pvf_seen *seen;

	list_for_each_entry(seen, &pvf_seen, node)
		if (seen->counted && !strcmp(seen->where, where))
			return true;
	return false;
}

/**
 * struct pvf_first - the first look at a store, of this boot or not
 * @where: the medium and the place on it
 * @again: this boot has been there before
 * @counted: and has taken a try
 */
struct pvf_first {
	char where[256];
	bool again;
	bool counted;
};

/*
 * Io. What this boot found there becomes known: what is remembered, else @found,
 * which is remembered from now on.
 */
static int pvf_boot_recall(struct pvf_store *store, const struct pvb_flags *found,
			   struct pvf_first *first)
{
	struct pvf_known *next = &store->next;
	struct pvf_seen *seen, *fresh;
	int err;

	err = store->medium->where(store, first->where, sizeof(first->where));
	if (err)
		return err;
	next->boot = *found;
	next->boot_known = true;
	fresh = kzalloc(struct_size(fresh, where, strlen(first->where) + 1), GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	fresh->format = store->core.format;
	fresh->flags = *found;
	memcpy(fresh->where, first->where, strlen(first->where));

	mutex_lock(&pvf_lock);
	seen = pvf_seen_find(store, first->where);
	first->again = seen;
	first->counted = pvf_seen_counted(first->where);
	if (seen) {
		next->boot = seen->flags;
		list_move(&seen->node, &pvf_seen);
		kfree(fresh);
	} else {
		pvf_seen_make_room();
		list_add(&fresh->node, &pvf_seen);
		pvf_n_seen++;
	}
	mutex_unlock(&pvf_lock);
	return 0;
}

/**
 * pvf_boot_exit - forget what was found, when the module goes
 */
void pvf_boot_exit(void)
{
	struct pvf_seen *seen, *tmp;

	list_for_each_entry_safe(seen, tmp, &pvf_seen, node)
		pvf_seen_free(seen);
}

static void pvf_boot_number(struct pvf_change *change, u32 field, u64 number)
{
	const char *why;

	pvf_change_number(change, field, number, &why);
}

/* The slot's tries ran out and the bootloader has started the other one. */
static void pvf_boot_fall_back(const struct pvf_store *store, struct pvf_change *change)
{
	const struct pvb_flags *boot = &store->next.boot;
	int slot = pvb_slot_to_start(boot, store->core.setup.n_slots ?: 2);
	char text[PVB_REASON_MAX + 1];
	const char *why;

	if (slot < 0 || slot == boot->slot)
		return;
	pvf_boot_number(change, PVB_SLOT, slot);
	/* The one before was good, or there would have been no change from it. */
	pvf_boot_number(change, PVB_SUCCESSFUL, 1);
	if (store->next.offers & PVB_HAS(PVB_REASON)) {
		snprintf(text, sizeof(text), "no tries left for slot %c", 'a' + boot->slot);
		pvf_change_text(change, PVB_REASON, text, &why);
	}
	pr_info("%s: no tries left for slot %c, back to %c\n", pvf_name(store),
		'a' + boot->slot, 'a' + slot);
}

static void pvf_boot_count(const struct pvf_store *store, struct pvf_change *change)
{
	const struct pvb_flags *boot = &store->next.boot;

	if (!(boot->has & PVB_HAS(PVB_TRIES)) ||
	    ((boot->has & PVB_HAS(PVB_SUCCESSFUL)) && boot->successful))
		return;
	if (boot->tries)
		pvf_boot_number(change, PVB_TRIES, boot->tries - 1);
	else
		pvf_boot_fall_back(store, change);
}

static void pvf_boot_change(const struct pvf_store *store, const struct pvf_first *first,
			    struct pvf_change *change)
{
	const struct pvb_flags *boot = &store->next.boot;

	/* A number that we were not told of may be the bootloader's own word. */
	if (!first->again && (boot->has & PVB_HAS(PVB_MODE)) && !store->opt.keep &&
	    (!store->core.setup.n_modes || pvf_mode_find(store, boot->mode)))
		change->clear |= PVB_HAS(PVB_MODE);
	/* What was set since is for the next boot. */
	if (store->opt.count && !first->counted &&
	    pvf_flags_same(boot, &store->next.flags, PVF_COUNTED))
		pvf_boot_count(store, change);
	if (store->opt.armed)
		pvf_boot_number(change, PVB_ARMED, 1);
}

/* Nobody takes the module, and with it the memory of that, away by accident. */
static void pvf_boot_counted(struct pvf_store *store, const struct pvf_first *first)
{
	struct pvf_seen *seen;

	mutex_lock(&pvf_lock);
	seen = pvf_seen_find(store, first->where);
	if (seen)
		seen->counted = true;
	mutex_unlock(&pvf_lock);
	pr_info("%s: has taken a try; " KBUILD_MODNAME " can't be removed before this store is\n",
		pvf_name(store));
}

/* Io. Use up what is good for one boot. */
static int pvf_boot_use(struct pvf_store *store, const struct pvf_first *first, const char **why)
{
	struct pvf_set *set = pvf_set_new();
	bool counts;
	int err;

	*why = "out of memory";
	if (!set)
		return -ENOMEM;
	set->change.own = true;
	pvf_boot_change(store, first, &set->change);
	counts = set->change.set & PVF_COUNTED;
	/* A module that goes takes no try that it could not remember. */
	if (counts && !store->holds) {
		store->holds = try_module_get(THIS_MODULE);
		if (!store->holds) {
			pvf_set_free(set);
			return 0;
		}
	}
	err = pvf_change_do(store, set);
	*why = set->why ?: "";
	pvf_set_free(set);
	if (counts && pvf_flags_same(&store->next.boot, &store->next.flags, PVF_COUNTED))
		pvf_boot_release(store);
	else if (counts)
		pvf_boot_counted(store, first);
	return err;
}

/* Io. Of this boot, @found was there. */
static void pvf_boot_first(struct pvf_store *store, const struct pvb_flags *found)
{
	struct pvf_known *next = &store->next;
	struct pvf_first first = { };
	const char *why = "out of memory";
	int err;

	err = pvf_boot_recall(store, found, &first);
	/* gone meanwhile: it will be looked at when it comes back */
	if (err == -ENODEV)
		return;
	if (!err)
		err = pvf_boot_use(store, &first, &why);
	if (err) {
		pr_warn("%s: what was found at boot stays: error %d, %s\n", pvf_name(store),
			-err, why);
		next->error = err;
		next->text = "what was found at boot could not be taken back";
	}
}

/**
 * pvf_boot - the store has been read: is that the first time in this boot
 * @store: the store
 *
 * Io.
 */
void pvf_boot(struct pvf_store *store)
{
	const struct pvf_known *next = &store->next;
	struct pvb_flags found = next->flags;

	if (!next->boot_known && (next->state == PV_BOOTFLAG_STATE_READY ||
				  next->state == PV_BOOTFLAG_STATE_EMPTY))
		pvf_boot_first(store, &found);
}

/**
 * pvf_boot_missed - the store was written before it could be read in this boot
 * @store: the store
 *
 * What is there now is of this boot, and not what it found. Io.
 */
void pvf_boot_missed(struct pvf_store *store)
{
	static const struct pvb_flags none;

	if (!store->next.boot_known)
		pvf_boot_first(store, &none);
}

/**
 * pvf_boot_release - the module does not stay for this store
 * @store: the store
 *
 * Io, or nobody has the store any more.
 */
void pvf_boot_release(struct pvf_store *store)
{
	if (store->holds)
		module_put(THIS_MODULE);
	store->holds = false;
}
