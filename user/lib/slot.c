// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "slot.h"

#define SLOTS_DEFAULT	2

/* The value of a word of the store's description, NULL if there is none; "" of a bare one. */
static const char *spec_word(const struct pvk_store *store, const char *key)
{
	size_t len = strlen(key);
	const char *at = store->spec;

	while (*at) {
		at += strspn(at, " \t");
		if (!strncmp(at, key, len) && strchr("= \t", at[len]))
			return at + len + (at[len] == '=');
		at += strcspn(at, " \t");
	}
	return NULL;
}

unsigned int pvk_slot_count(const struct pvk_store *store)
{
	const char *slots = spec_word(store, "slots");
	unsigned int n = slots && *slots >= '1' && *slots <= '9' ? (unsigned int)(*slots - '0') : 0;

	return n && n <= PVB_SLOTS_MAX ? n : SLOTS_DEFAULT;
}

int pvk_slot_booted(const struct pvk_flagsources *list, const struct pvk_store *store)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->item[i].kind == PVK_SOURCE_CMDLINE &&
		    list->item[i].store.boot.has & PVB_HAS(PVB_SLOT))
			return list->item[i].store.boot.slot;
	if (!(store->boot.has & PVB_HAS(PVB_SLOT)))
		return -ENODATA;
	/*
	 * Where the module takes the tries down, what was found at boot is what the
	 * bootloader saw; else the bootloader has done so before, and the last of the
	 * tries is this boot.
	 */
	if (spec_word(store, "count"))
		return pvb_slot_to_start(&store->boot, pvk_slot_count(store));
	return store->boot.slot;
}

int pvk_slot_next(const struct pvk_store *store)
{
	return pvb_slot_to_start(&store->flags, pvk_slot_count(store));
}

enum pvk_slot_good pvk_slot_may_be_good(const struct pvk_store *store, int booted)
{
	if (!(store->offers & PVB_HAS(PVB_SUCCESSFUL)))
		return PVK_SLOT_CANT;
	/* One that was set since the boot has proved nothing. */
	if (store->flags.has & PVB_HAS(PVB_SLOT) && store->flags.slot != booted)
		return booted < 0 ? PVK_SLOT_UNKNOWN : PVK_SLOT_OTHER;
	if (store->flags.has & PVB_HAS(PVB_SUCCESSFUL) && store->flags.successful)
		return PVK_SLOT_ALREADY;
	return PVK_SLOT_MAY;
}

const char *pvk_slot_name(int slot)
{
	static const char *const names[PVB_SLOTS_MAX] = { "a", "b", "c", "d" };

	return slot >= 0 && slot < PVB_SLOTS_MAX ? names[slot] : "?";
}
