// SPDX-License-Identifier: MIT
/* What the messages of pv_bootflag say. */
#include <errno.h>
#include <string.h>

#include "bootflag.h"
#include "genl_attr.h"

_Static_assert((int)PVB_MODE == (int)PV_BOOTFLAG_FIELD_MODE &&
	       (int)PVB_ARMED == (int)PV_BOOTFLAG_FIELD_ARMED,
	       "fields have the same numbers everywhere");

/* ---- values ---- */

struct value {
	uint32_t field;
	uint64_t number;
	bool has_number;
	bool has_text;
};

static const struct pvk_attr_rule value_rules[] = {
	PVK_ATTR_NEEDED(PV_BOOTFLAG_A_VALUE_FIELD, U32, value, field),
	PVK_ATTR(PV_BOOTFLAG_A_VALUE_NUMBER, U64, value, number),
	PVK_ATTR(PV_BOOTFLAG_A_VALUE_NUMBER, HAS, value, has_number),
	PVK_ATTR(PV_BOOTFLAG_A_VALUE_TEXT, HAS, value, has_text),
	{ 0 }
};

/* A field that only a newer kernel knows is passed over. */
static int get_value(void *arg, const struct nlattr *nest)
{
	struct pvb_flags *flags = arg;
	struct value value = { 0 };
	const char *text;

	if (pvk_attr_read_nest(nest, value_rules, &value))
		return -EBADMSG;
	if (!value.field || value.field >= PVB_FIELDS)
		return 0;
	if (!value.has_text)
		return value.has_number &&
		       !pvk_flags_set_number(flags, value.field, value.number, NULL) ?
			0 : -EBADMSG;
	if (!(PVB_TEXT_FIELDS & PVB_HAS(value.field)) ||
	    pvk_attr_str(pvk_attr_find_nest(nest, PV_BOOTFLAG_A_VALUE_TEXT), &text))
		return -EBADMSG;
	pvk_flags_take(flags, value.field, text);
	return 0;
}

static int get_mode(void *arg, const struct nlattr *attr)
{
	struct pvk_store *store = arg;

	if (store->n_modes == PVB_MODES_MAX ||
	    pvk_attr_copy(attr, store->mode[store->n_modes], PVB_MODE_MAX + 1))
		return -EBADMSG;
	store->n_modes++;
	return 0;
}

/* ---- messages ---- */

static const struct pvk_attr_rule stats_rules[] = {
	PVK_ATTR(PV_BOOTFLAG_A_STATS_SETS, U64, pvk_store_stats, sets),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_UNCHANGED, U64, pvk_store_stats, unchanged),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_PROGRAMS, U64, pvk_store_stats, programs),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_PROGRAM_BYTES, U64, pvk_store_stats, program_bytes),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_ERASES, U64, pvk_store_stats, erases),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_LIMITED, U64, pvk_store_stats, limited),
	PVK_ATTR(PV_BOOTFLAG_A_STATS_ERRORS, U64, pvk_store_stats, errors),
	{ 0 }
};

static const struct pvk_attr_rule store_rules[] = {
	PVK_ATTR_NEEDED(PV_BOOTFLAG_A_NAME, COPY, pvk_store, name),
	PVK_ATTR(PV_BOOTFLAG_A_SPEC, COPY, pvk_store, spec),
	PVK_ATTR_NEEDED(PV_BOOTFLAG_A_STATE, U32, pvk_store, state),
	PVK_ATTR(PV_BOOTFLAG_A_GENERATION, U32, pvk_store, generation),
	PVK_ATTR(PV_BOOTFLAG_A_OFFERS, U32, pvk_store, offers),
	PVK_ATTR(PV_BOOTFLAG_A_GUARANTEE, U32, pvk_store, guarantee),
	PVK_ATTR(PV_BOOTFLAG_A_MEDIUM, COPY, pvk_store, medium),
	PVK_ATTR(PV_BOOTFLAG_A_FORMAT, COPY, pvk_store, format),
	PVK_ATTR(PV_BOOTFLAG_A_ERRNO, ERRNO, pvk_store, error),
	PVK_ATTR(PV_BOOTFLAG_A_TEXT, TEXT, pvk_store, text),
	PVK_ATTR(PV_BOOTFLAG_A_STATS, HAS, pvk_store, has_stats),
	PVK_ATTR_NESTED(PV_BOOTFLAG_A_STATS, pvk_store, stats, stats_rules),
	{ 0 }
};

int pvk_parse_store(const struct nlmsghdr *nlh, struct pvk_store *store)
{
	*store = (struct pvk_store){ 0 };
	if (pvk_attr_read(nlh, store_rules, store) ||
	    pvk_attr_each(nlh, PV_BOOTFLAG_A_VALUE, get_value, &store->flags) ||
	    pvk_attr_each(nlh, PV_BOOTFLAG_A_BOOT_VALUE, get_value, &store->boot))
		return -EBADMSG;
	return pvk_attr_each(nlh, PV_BOOTFLAG_A_MODE_NAME, get_mode, store);
}

static const struct pvk_attr_rule outcome_rules[] = {
	PVK_ATTR(PV_BOOTFLAG_A_NAME, COPY, pvk_bf_outcome, name),
	PVK_ATTR(PV_BOOTFLAG_A_GENERATION, U32, pvk_bf_outcome, generation),
	PVK_ATTR(PV_BOOTFLAG_A_ERRNO, ERRNO, pvk_bf_outcome, error),
	PVK_ATTR(PV_BOOTFLAG_A_TEXT, TEXT, pvk_bf_outcome, text),
	{ 0 }
};

int pvk_parse_bf_outcome(const struct nlmsghdr *nlh, struct pvk_bf_outcome *outcome)
{
	*outcome = (struct pvk_bf_outcome){ .seq = nlh->nlmsg_seq };
	return pvk_attr_read(nlh, outcome_rules, outcome);
}

static const struct pvk_attr_rule event_rules[] = {
	PVK_ATTR_NEEDED(PV_BOOTFLAG_A_EVENT_KIND, U32, pvk_bf_event, kind),
	PVK_ATTR(PV_BOOTFLAG_A_NAME, COPY, pvk_bf_event, name),
	PVK_ATTR(PV_BOOTFLAG_A_STATE, U32, pvk_bf_event, state),
	PVK_ATTR(PV_BOOTFLAG_A_GENERATION, U32, pvk_bf_event, generation),
	{ 0 }
};

int pvk_parse_bf_event(const struct nlmsghdr *nlh, struct pvk_bf_event *event)
{
	*event = (struct pvk_bf_event){ 0 };
	if (pvk_attr_read(nlh, event_rules, event))
		return -EBADMSG;
	return event->kind == PV_BOOTFLAG_EVENT_KIND_OVERRUN || event->name[0] ? 0 : -EBADMSG;
}
