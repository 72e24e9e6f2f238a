/* SPDX-License-Identifier: MIT */
/*
 * slot - which slot runs, which comes next, and whether it may be called good
 */
#ifndef PVK_SLOT_H
#define PVK_SLOT_H

#include "flagsource.h"

/* How many slots a store tells apart. */
unsigned int pvk_slot_count(const struct pvk_store *store);
/*
 * The slot that this boot came from: what the command line says, else what the store
 * said at boot. -ENODATA: nobody said, or it may be the last try of one or the other.
 */
int pvk_slot_booted(const struct pvk_flagsources *list, const struct pvk_store *store);
/* The slot that the next boot takes; -ENODATA: none is set. */
int pvk_slot_next(const struct pvk_store *store);

enum pvk_slot_good {
	PVK_SLOT_MAY,		/* may be called good */
	PVK_SLOT_ALREADY,	/* is */
	PVK_SLOT_OTHER,		/* the next boot is to take another slot: not this one's turn */
	PVK_SLOT_UNKNOWN,	/* it is not known which slot runs */
	PVK_SLOT_GIVEN_UP,	/* no tries were left at boot: the last of them, or given up */
	PVK_SLOT_CANT,		/* the store can't hold it */
};

enum pvk_slot_good pvk_slot_may_be_good(const struct pvk_store *store, int booted);

/* "b"; "?" for what is none. */
const char *pvk_slot_name(int slot);

#endif /* PVK_SLOT_H */
