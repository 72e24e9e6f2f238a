// SPDX-License-Identifier: MIT
/*
 * What the messages of pv_bootflag say: their parsers, which take nothing for
 * granted.
 */
#include <errno.h>
#include <string.h>

#include "bootflag.h"
#include "genl.h"

_Static_assert((int)PVB_MODE == (int)PV_BOOTFLAG_FIELD_MODE &&
	       (int)PVB_ARMED == (int)PV_BOOTFLAG_FIELD_ARMED,
	       "fields have the same numbers everywhere");

/* --- attributes ----------------------------------------------------------- */

/* These leave the value alone when the attribute is absent. */
static int get_u32(const struct nlattr *attr, uint32_t *value)
{
	return attr ? pvk_attr_u32(attr, value) : 0;
}

static int get_u64(const struct nlattr *attr, uint64_t *value)
{
	return attr ? pvk_attr_u64(attr, value) : 0;
}

static int get_copy(const struct nlattr *attr, char *text, size_t size)
{
	return attr ? pvk_attr_copy(attr, text, size) : 0;
}

/* Words for people are cut rather than refused. */
static int get_text(const struct nlattr *attr, char *text, size_t size)
{
	const char *from;
	size_t len;

	if (!attr)
		return 0;
	if (pvk_attr_str(attr, &from))
		return -EBADMSG;
	len = strnlen(from, size - 1);
	memcpy(text, from, len);
	text[len] = '\0';
	return 0;
}

static int get_errno(const struct nlattr *attr, int *error)
{
	uint32_t value = 0;

	if (get_u32(attr, &value) || value > 4095)
		return -EBADMSG;
	*error = (int)value;
	return 0;
}

/* --- parsers -------------------------------------------------------------- */

/* A field that only a newer kernel knows is passed over. */
static int get_value(const struct nlattr *nest, struct pvb_flags *flags)
{
	const struct nlattr *tb[PV_BOOTFLAG_A_VALUE_MAX + 1];
	const char *text;
	uint64_t number;
	uint32_t field;

	if (pvk_genl_parse_nest(nest, tb, PV_BOOTFLAG_A_VALUE_MAX) ||
	    !tb[PV_BOOTFLAG_A_VALUE_FIELD] ||
	    pvk_attr_u32(tb[PV_BOOTFLAG_A_VALUE_FIELD], &field))
		return -EBADMSG;
	if (!field || field >= PVB_FIELDS)
		return 0;
	if (tb[PV_BOOTFLAG_A_VALUE_TEXT]) {
		if (!(PVB_TEXT_FIELDS & PVB_HAS(field)) ||
		    pvk_attr_str(tb[PV_BOOTFLAG_A_VALUE_TEXT], &text))
			return -EBADMSG;
		pvk_flags_take(flags, field, text);
		return 0;
	}
	if (!tb[PV_BOOTFLAG_A_VALUE_NUMBER] ||
	    pvk_attr_u64(tb[PV_BOOTFLAG_A_VALUE_NUMBER], &number) ||
	    pvk_flags_set_number(flags, field, number, NULL))
		return -EBADMSG;
	return 0;
}

static int get_mode(const struct nlattr *attr, struct pvk_store *store)
{
	if (store->n_modes == PVB_MODES_MAX ||
	    pvk_attr_copy(attr, store->mode[store->n_modes], PVB_MODE_MAX + 1))
		return -EBADMSG;
	store->n_modes++;
	return 0;
}

/* What may stand in a message more than once. */
static int get_lists(const struct nlmsghdr *nlh, struct pvk_store *store)
{
	const struct nlattr *attr;
	int ret = 0;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN) {
		switch (mnl_attr_get_type(attr)) {
		case PV_BOOTFLAG_A_VALUE:
			ret = get_value(attr, &store->flags);
			break;
		case PV_BOOTFLAG_A_BOOT_VALUE:
			ret = get_value(attr, &store->boot);
			break;
		case PV_BOOTFLAG_A_MODE_NAME:
			ret = get_mode(attr, store);
			break;
		default:
			break;
		}
		if (ret)
			return ret;
	}
	return 0;
}

static int get_stats(const struct nlattr *nest, struct pvk_store *store)
{
	const struct nlattr *tb[PV_BOOTFLAG_A_STATS_MAX + 1];
	struct pvk_store_stats *stats = &store->stats;

	if (!nest)
		return 0;
	store->has_stats = true;
	if (pvk_genl_parse_nest(nest, tb, PV_BOOTFLAG_A_STATS_MAX) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_SETS], &stats->sets) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_UNCHANGED], &stats->unchanged) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_PROGRAMS], &stats->programs) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_PROGRAM_BYTES], &stats->program_bytes) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_ERASES], &stats->erases) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_LIMITED], &stats->limited) ||
	    get_u64(tb[PV_BOOTFLAG_A_STATS_ERRORS], &stats->errors))
		return -EBADMSG;
	return 0;
}

int pvk_parse_store(const struct nlmsghdr *nlh, struct pvk_store *store)
{
	const struct nlattr *tb[PV_BOOTFLAG_A_MAX + 1];

	*store = (struct pvk_store){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_BOOTFLAG_A_MAX) || !tb[PV_BOOTFLAG_A_NAME] ||
	    !tb[PV_BOOTFLAG_A_STATE] ||
	    get_copy(tb[PV_BOOTFLAG_A_NAME], store->name, sizeof(store->name)) ||
	    get_copy(tb[PV_BOOTFLAG_A_SPEC], store->spec, sizeof(store->spec)) ||
	    get_u32(tb[PV_BOOTFLAG_A_STATE], &store->state) ||
	    get_u32(tb[PV_BOOTFLAG_A_GENERATION], &store->generation) ||
	    get_u32(tb[PV_BOOTFLAG_A_OFFERS], &store->offers) ||
	    get_u32(tb[PV_BOOTFLAG_A_GUARANTEE], &store->guarantee) ||
	    get_copy(tb[PV_BOOTFLAG_A_MEDIUM], store->medium, sizeof(store->medium)) ||
	    get_copy(tb[PV_BOOTFLAG_A_FORMAT], store->format, sizeof(store->format)) ||
	    get_errno(tb[PV_BOOTFLAG_A_ERRNO], &store->error) ||
	    get_text(tb[PV_BOOTFLAG_A_TEXT], store->text, sizeof(store->text)) ||
	    get_stats(tb[PV_BOOTFLAG_A_STATS], store))
		return -EBADMSG;
	return get_lists(nlh, store);
}

int pvk_parse_bf_outcome(const struct nlmsghdr *nlh, struct pvk_bf_outcome *outcome)
{
	const struct nlattr *tb[PV_BOOTFLAG_A_MAX + 1];

	*outcome = (struct pvk_bf_outcome){ .seq = nlh->nlmsg_seq };
	if (pvk_genl_parse(nlh, tb, PV_BOOTFLAG_A_MAX) ||
	    get_copy(tb[PV_BOOTFLAG_A_NAME], outcome->name, sizeof(outcome->name)) ||
	    get_u32(tb[PV_BOOTFLAG_A_GENERATION], &outcome->generation) ||
	    get_errno(tb[PV_BOOTFLAG_A_ERRNO], &outcome->error) ||
	    get_text(tb[PV_BOOTFLAG_A_TEXT], outcome->text, sizeof(outcome->text)))
		return -EBADMSG;
	return 0;
}

int pvk_parse_bf_event(const struct nlmsghdr *nlh, struct pvk_bf_event *event)
{
	const struct nlattr *tb[PV_BOOTFLAG_A_MAX + 1];

	*event = (struct pvk_bf_event){ 0 };
	if (pvk_genl_parse(nlh, tb, PV_BOOTFLAG_A_MAX) || !tb[PV_BOOTFLAG_A_EVENT_KIND] ||
	    get_u32(tb[PV_BOOTFLAG_A_EVENT_KIND], &event->kind) ||
	    get_copy(tb[PV_BOOTFLAG_A_NAME], event->name, sizeof(event->name)) ||
	    get_u32(tb[PV_BOOTFLAG_A_STATE], &event->state) ||
	    get_u32(tb[PV_BOOTFLAG_A_GENERATION], &event->generation))
		return -EBADMSG;
	if (event->kind != PV_BOOTFLAG_EVENT_KIND_OVERRUN && !event->name[0])
		return -EBADMSG;
	return 0;
}
