// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first look of a boot: what was found is kept, and what is good for one boot
 * is used up.
 *
 * A store that is removed and added again in the same boot is known by name and
 * description, so that no try is taken twice. Removing the module forgets.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>

#include "pv_bootflag.h"

/* locked */
struct pvf_seen {
	struct list_head node;
	char name[PV_BOOTFLAG_MAX_NAME + 1];
	char *spec;
	struct pvb_flags flags;
};

static LIST_HEAD(pvf_seen);	/* newest first, at most PVF_MAX_STORES */
static unsigned int pvf_n_seen;

static void pvf_seen_free(struct pvf_seen *seen)
{
	list_del(&seen->node);
	pvf_n_seen--;
	kfree(seen->spec);
	kfree(seen);
}

/* Was it there before in this boot? Then with these fields. */
static bool pvf_seen_before(const struct pvf_store *store, struct pvb_flags *flags)
{
	struct pvf_seen *seen;
	bool found = false;

	mutex_lock(&pvf_lock);
	list_for_each_entry(seen, &pvf_seen, node) {
		found = !strcmp(seen->name, pvf_name(store)) && !strcmp(seen->spec, store->spec);
		if (found) {
			*flags = seen->flags;
			list_move(&seen->node, &pvf_seen);
			break;
		}
	}
	mutex_unlock(&pvf_lock);
	return found;
}

static void pvf_seen_now(const struct pvf_store *store)
{
	struct pvf_seen *seen = kzalloc(sizeof(*seen), GFP_KERNEL);

	if (!seen)
		return;
	seen->spec = kstrdup(store->spec, GFP_KERNEL);
	if (!seen->spec) {
		kfree(seen);
		return;
	}
	strscpy(seen->name, pvf_name(store), sizeof(seen->name));
	seen->flags = store->next.boot;
	mutex_lock(&pvf_lock);
	list_add(&seen->node, &pvf_seen);
	if (++pvf_n_seen > PVF_MAX_STORES)
		pvf_seen_free(list_last_entry(&pvf_seen, struct pvf_seen, node));
	mutex_unlock(&pvf_lock);
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

static void pvf_boot_change(const struct pvf_store *store, struct pvf_change *change)
{
	const struct pvb_flags *boot = &store->next.boot;

	/* A number that we were not told of may be the bootloader's own word. */
	if ((boot->has & PVB_HAS(PVB_MODE)) && !store->opt.keep &&
	    (!store->core.setup.n_modes || pvf_mode_find(store, boot->mode)))
		change->clear |= PVB_HAS(PVB_MODE);
	if (store->opt.count)
		pvf_boot_count(store, change);
	if (store->opt.armed)
		pvf_boot_number(change, PVB_ARMED, 1);
}

/**
 * pvf_boot - the store has been read: is that the first time in this boot
 * @store: the store
 *
 * Io.
 */
void pvf_boot(struct pvf_store *store)
{
	struct pvf_known *next = &store->next;
	struct pvf_set *set;

	if (next->boot_known || (next->state != PV_BOOTFLAG_STATE_READY &&
				 next->state != PV_BOOTFLAG_STATE_EMPTY))
		return;
	next->boot_known = true;
	if (pvf_seen_before(store, &next->boot))
		return;
	next->boot = next->flags;
	pvf_seen_now(store);

	set = pvf_set_new();
	if (!set)
		return;
	set->change.own = true;
	pvf_boot_change(store, &set->change);
	set->error = pvf_change_do(store, set);
	if (set->error) {
		pr_warn("%s: what was found at boot stays: error %d, %s\n", pvf_name(store),
			-set->error, set->why ?: "");
		next->error = set->error;
		next->text = "what was found at boot could not be taken back";
	}
	pvf_set_free(set);
}
