// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "slot.h"

#define SLOTS_DEFAULT	2

/* What comes after a word; blanks between quotes are part of it. */
static const char *word_end(const char *at)
{
	bool quoted = false;

	for (; *at && (quoted || !strchr(" \t", *at)); at++)
		if (*at == '"')
			quoted = !quoted;
	return at;
}

/* The value of a word of the store's description, NULL if there is none; "" of a bare one. */
static const char *spec_word(const struct pvk_store *store, const char *key)
{
	size_t len = strlen(key);
	const char *at = store->spec;

	while (*at) {
		at += strspn(at, " \t");
		if (!strncmp(at, key, len) && strchr("= \t", at[len]))
			return at + len + (at[len] == '=');
		at = word_end(at);
	}
	return NULL;
}

unsigned int pvk_slot_count(const struct pvk_store *store)
{
	const char *slots = spec_word(store, "slots");
	unsigned int n = slots && *slots >= '1' && *slots <= '9' ? (unsigned int)(*slots - '0') : 0;

	return n && n <= PVB_SLOTS_MAX ? n : SLOTS_DEFAULT;
}

/*
 * With no tries left, this boot is the last of them, or the bootloader has gone back
 * and what runs is the slot before: a store alone can't tell. But bcb's slot is the
 * one that the bootloader says it has booted; and where the module takes the tries
 * down, the bootloader saw what was found at boot, and went by the rule.
 */
static bool last_or_gone_back(const struct pvk_store *store)
{
	const struct pvb_flags *boot = &store->boot;

	if (!(boot->has & PVB_HAS(PVB_TRIES)) || boot->tries ||
	    (boot->has & PVB_HAS(PVB_SUCCESSFUL) && boot->successful))
		return false;
	return !(boot->has & PVB_HAS(PVB_SLOT)) ||
	       (strcmp(store->format, "bcb") && !spec_word(store, "count"));
}

int pvk_slot_booted(const struct pvk_flagsources *list, const struct pvk_store *store)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->item[i].kind == PVK_SOURCE_CMDLINE &&
		    list->item[i].store.boot.has & PVB_HAS(PVB_SLOT))
			return list->item[i].store.boot.slot;
	if (!(store->boot.has & PVB_HAS(PVB_SLOT)) || last_or_gone_back(store))
		return -ENODATA;
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
	const struct pvb_flags *flags = &store->flags;
	bool given_up = last_or_gone_back(store) &&
			(booted < 0 || !(store->boot.has & PVB_HAS(PVB_SLOT)));

	if (!(store->offers & PVB_HAS(PVB_SUCCESSFUL)))
		return PVK_SLOT_CANT;
	/* One that was set since the boot has proved nothing. */
	if (!given_up && flags->has & PVB_HAS(PVB_SLOT) && flags->slot != booted)
		return booted < 0 ? PVK_SLOT_UNKNOWN : PVK_SLOT_OTHER;
	if (flags->has & PVB_HAS(PVB_SUCCESSFUL) && flags->successful)
		return PVK_SLOT_ALREADY;
	/* To call good what the bootloader has given up would start that for ever. */
	return given_up ? PVK_SLOT_GIVEN_UP : PVK_SLOT_MAY;
}

const char *pvk_slot_name(int slot)
{
	static const char *const names[PVB_SLOTS_MAX] = { "a", "b", "c", "d" };

	return slot >= 0 && slot < PVB_SLOTS_MAX ? names[slot] : "?";
}
