/* SPDX-License-Identifier: MIT */
/*
 * flags - what one boot tells the next, whatever it is kept in
 *
 * A store keeps one set of fields. A format holds some of the fields and
 * refuses the rest; a field that is not set has no value, and none is made up.
 */
#ifndef PVKIT_FLAGS_H
#define PVKIT_FLAGS_H

#include "types.h"

/* Numbers are ABI: netlink and the log format use them. */
enum pvb_field {
	PVB_MODE = 1,		/* text: what to boot into, "recovery", "ota", ... */
	PVB_SLOT,		/* 0 is slot a, 1 is b, ... */
	PVB_TRIES,		/* boots that the slot may still take to prove itself */
	PVB_SUCCESSFUL,		/* 1: the slot has proved itself, tries do not count */
	PVB_REASON,		/* text: why the mode was set, or why the last boot ended */
	PVB_CURSOR,		/* how far an update has come, in the updater's own units */
	PVB_PHASE,		/* text: which step of an update the cursor belongs to */
	PVB_FAILURES,		/* boots in a row that came to nothing */
	PVB_ARMED,		/* 1 from boot until a clean end: found set, there was none */
	PVB_FIELDS		/* one more than the last; not on any medium */
};

#define PVB_HAS(field)	(1u << (field))
#define PVB_ALL_FIELDS	(PVB_HAS(PVB_FIELDS) - 2)
#define PVB_TEXT_FIELDS	(PVB_HAS(PVB_MODE) | PVB_HAS(PVB_REASON) | PVB_HAS(PVB_PHASE))

#define PVB_SLOTS_MAX	4	/* as many as Android's boot control has */
#define PVB_MODE_MAX	31	/* bytes, without the final NUL; [a-z0-9._-], case counts */
#define PVB_REASON_MAX	127
#define PVB_PHASE_MAX	15

struct pvb_flags {
	uint32_t has;		/* PVB_HAS() of each field that is set */
	uint8_t slot;		/* below PVB_SLOTS_MAX */
	uint8_t tries;
	uint8_t successful;
	uint8_t failures;
	uint8_t armed;
	uint64_t cursor;
	char mode[PVB_MODE_MAX + 1];
	char reason[PVB_REASON_MAX + 1];
	char phase[PVB_PHASE_MAX + 1];
};

/*
 * One field says that the slot has proved itself, whichever that is: a slot that is set
 * by a change which does not name that field must not take over what the one before has
 * proved. True if the field has to become 0. @named: PVB_HAS() of what the change sets
 * and unsets.
 */
static inline bool pvb_proof_ends(const struct pvb_flags *was, const struct pvb_flags *set,
				  uint32_t named)
{
	if (!(set->has & PVB_HAS(PVB_SLOT)) || (named & PVB_HAS(PVB_SUCCESSFUL)))
		return false;
	if ((was->has & PVB_HAS(PVB_SLOT)) && was->slot == set->slot)
		return false;
	return (was->has & PVB_HAS(PVB_SUCCESSFUL)) && was->successful;
}

/*
 * The slot to start, for whoever chooses it: the one that is set while it has
 * proved itself or has tries left, else the next of n_slots. -PVB_ENODATA when no slot
 * is set.
 */
static inline int pvb_slot_to_start(const struct pvb_flags *flags, unsigned int n_slots)
{
	if (!(flags->has & PVB_HAS(PVB_SLOT)) || flags->slot >= n_slots)
		return -PVB_ENODATA;
	if (!(flags->has & PVB_HAS(PVB_TRIES)) || flags->tries)
		return flags->slot;
	if ((flags->has & PVB_HAS(PVB_SUCCESSFUL)) && flags->successful)
		return flags->slot;
	return (int)((flags->slot + 1) % n_slots);
}

#endif /* PVKIT_FLAGS_H */
