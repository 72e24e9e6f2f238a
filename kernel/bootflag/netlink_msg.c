// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: what messages are made of. See netlink.c.
 *
 * Locking: see pv_bootflag.h.
 */

#include "netlink.h"

/*
 * A store
 */

static u64 pvf_number_of(const struct pvb_flags *flags, u32 field)
{
	switch (field) {
	case PVB_SLOT:
		return flags->slot;
	case PVB_TRIES:
		return flags->tries;
	case PVB_SUCCESSFUL:
		return flags->successful;
	case PVB_CURSOR:
		return flags->cursor;
	case PVB_FAILURES:
		return flags->failures;
	default:
		return flags->armed;
	}
}

static int pvf_put_value(struct sk_buff *msg, int attr, const struct pvb_flags *flags, u32 field)
{
	struct nlattr *nest = nla_nest_start(msg, attr);
	const char *text;
	int err;

	if (!nest || nla_put_u32(msg, PV_BOOTFLAG_A_VALUE_FIELD, field))
		return -EMSGSIZE;
	if (PVB_HAS(field) & PVB_TEXT_FIELDS) {
		text = field == PVB_MODE ? flags->mode :
		       field == PVB_REASON ? flags->reason : flags->phase;
		err = nla_put_string(msg, PV_BOOTFLAG_A_VALUE_TEXT, text);
	} else {
		err = nla_put_u64_64bit(msg, PV_BOOTFLAG_A_VALUE_NUMBER,
					pvf_number_of(flags, field), PV_BOOTFLAG_A_VALUE_PAD);
	}
	if (!err)
		nla_nest_end(msg, nest);
	return err;
}

static int pvf_put_flags(struct sk_buff *msg, int attr, const struct pvb_flags *flags)
{
	u32 field;
	int err = 0;

	for (field = 1; field < PVB_FIELDS && !err; field++)
		if (flags->has & PVB_HAS(field))
			err = pvf_put_value(msg, attr, flags, field);
	return err;
}

static int pvf_put_stats(struct sk_buff *msg, const struct pvf_stats *stats)
{
	struct nlattr *nest = nla_nest_start(msg, PV_BOOTFLAG_A_STATS);
	const struct {
		int attr;
		u64 value;
	} all[] = {
		{ PV_BOOTFLAG_A_STATS_SETS, stats->sets },
		{ PV_BOOTFLAG_A_STATS_UNCHANGED, stats->unchanged },
		{ PV_BOOTFLAG_A_STATS_PROGRAMS, stats->programs },
		{ PV_BOOTFLAG_A_STATS_PROGRAM_BYTES, stats->program_bytes },
		{ PV_BOOTFLAG_A_STATS_ERASES, stats->erases },
		{ PV_BOOTFLAG_A_STATS_LIMITED, stats->limited },
		{ PV_BOOTFLAG_A_STATS_ERRORS, stats->errors },
	};
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (nla_put_u64_64bit(msg, all[i].attr, all[i].value, PV_BOOTFLAG_A_STATS_PAD))
			return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvf_put_modes(struct sk_buff *msg, const struct pvb_setup *setup)
{
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		if (nla_put_string(msg, PV_BOOTFLAG_A_MODE_NAME, setup->mode[i].name))
			return -EMSGSIZE;
	return 0;
}

/* What sysfs shows to root alone. */
static int pvf_put_details(struct sk_buff *msg, const struct pvf_known *known)
{
	if (known->error && nla_put_u32(msg, PV_BOOTFLAG_A_ERRNO, -known->error))
		return -EMSGSIZE;
	if (known->text && nla_put_string(msg, PV_BOOTFLAG_A_TEXT, known->text))
		return -EMSGSIZE;
	return pvf_put_stats(msg, &known->stats);
}

/**
 * pvf_put_store - put a store into a message
 * @msg: the message
 * @store: the store
 * @all: with what only those see who may set
 *
 * Locked.
 *
 * Return: 0 or -EMSGSIZE.
 */
int pvf_put_store(struct sk_buff *msg, const struct pvf_store *store, bool all)
{
	const struct pvf_known *known = &store->known;

	if (nla_put_string(msg, PV_BOOTFLAG_A_NAME, pvf_name(store)) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_SPEC, store->spec) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_STATE, known->state) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GENERATION, store->generation) ||
	    pvf_put_flags(msg, PV_BOOTFLAG_A_VALUE, &known->flags) ||
	    pvf_put_flags(msg, PV_BOOTFLAG_A_BOOT_VALUE, &known->boot) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_OFFERS, known->offers) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GUARANTEE, known->guarantee) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_MEDIUM, store->medium->name) ||
	    nla_put_string(msg, PV_BOOTFLAG_A_FORMAT, store->core.format->name) ||
	    pvf_put_modes(msg, &store->core.setup))
		return -EMSGSIZE;
	return all ? pvf_put_details(msg, known) : 0;
}
