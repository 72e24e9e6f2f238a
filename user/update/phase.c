// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "stores.h"
#include "confline.h"
#include "flagsource_int.h"
#include "phase.h"

#define RESUME_FIELDS	(PVB_HAS(PVB_PHASE) | PVB_HAS(PVB_CURSOR))

_Static_assert(PLAN_PHASE_SIZE <= PVB_PHASE_MAX + 1, "a phase has no room for it");

/* ---- which store ---- */

static bool is_ours(const struct pvk_flagsource *source)
{
	return source->kind == PVK_SOURCE_KERNEL && source->writable &&
	       (source->store.state == PV_BOOTFLAG_STATE_READY ||
		source->store.state == PV_BOOTFLAG_STATE_EMPTY);
}

static bool holds(const struct pvk_flagsource *source, uint32_t fields)
{
	return !(fields & ~source->store.offers);
}

static const struct pvk_flagsource *find_source(const struct pvk_flagsources *list)
{
	const struct pvk_flagsource *set = pvk_flagsources_winner(list, PVB_PHASE, false);
	size_t i;

	if (set && is_ours(set) && holds(set, RESUME_FIELDS))
		return set;
	for (i = 0; i < list->count; i++)
		if (is_ours(&list->item[i]) && holds(&list->item[i], RESUME_FIELDS))
			return &list->item[i];
	return NULL;
}

struct reading {
	struct pvk_flagconf *conf;
	const char *path;
	struct pvk_list *warnings;
};

/* A line that can't be is no reason to forget the others. */
static int read_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	struct reading *reading = arg;

	if (pvk_flagconf_line(reading->conf, line, err))
		pvk_list_warn(reading->warnings, "%s:%u: %s", reading->path, n, err->text);
	return 0;
}

static bool is_id(const char *text)
{
	return strlen(text) == PLAN_ID_LEN &&
	       strspn(text, "0123456789abcdef") == PLAN_ID_LEN;
}

/* NULL: not one of ours. */
static const char *id_of(const char *phase)
{
	const char *id = phase + strlen(PLAN_PHASE_PREFIX);

	return !strncmp(phase, PLAN_PHASE_PREFIX, strlen(PLAN_PHASE_PREFIX)) && is_id(id) ? id :
	       NULL;
}

static void take_id(struct update_phase *phase)
{
	const char *text = pvk_flags_string(&phase->source->store.flags, PVB_PHASE);
	const char *id = text ? id_of(text) : NULL;

	if (id)
		strcpy(phase->id, id);
}

int update_phase_open(struct update_phase *phase, const char *conf, const char *sys,
		      struct pvk_list *warnings, struct pvk_err *err)
{
	struct reading reading = { &phase->conf, conf, warnings };
	struct pvk_err why = { .text = "" };
	int ret;

	memset(phase, 0, sizeof(*phase));
	phase->sys = sys;
	pvk_flagconf_init(&phase->conf);
	if (pvk_conf_read(conf, read_line, &reading, &why))
		pvk_list_warn(warnings, "%s", why.text);
	ret = stores_read(&phase->sources, &phase->conf, sys, err);
	if (!ret)
		ret = flagsource_add_others(&phase->sources, &phase->conf, err);
	if (ret)
		return ret;
	if (source_env_read(&phase->sources, &phase->conf, &why))
		pvk_list_warn(warnings, "%s", why.text);
	flagsource_sort(&phase->sources, &phase->conf);
	phase->source = find_source(&phase->sources);
	if (phase->source) {
		take_id(phase);
		phase->cursor = pvk_flags_number(&phase->source->store.flags, PVB_CURSOR);
	}
	return 0;
}

void update_phase_close(struct update_phase *phase)
{
	pvk_flagsources_free(&phase->sources);
	phase->source = NULL;
}

/* ---- the update that was cut ---- */

int update_phase_cut(const struct update_phase *phase, char id[PLAN_ID_LEN + 1],
		     uint64_t *cursor, struct pvk_err *err)
{
	const struct pvk_flagsource *source;
	const char *text;

	source = pvk_flagsources_winner(&phase->sources, PVB_PHASE, false);
	if (!source)
		return pvk_err_set(err, -ENOENT, "no flag says that an update was cut");
	text = pvk_flags_string(&source->store.flags, PVB_PHASE);
	if (!id_of(text))
		return pvk_err_set(err, -EINVAL, "phase is \"%s\" (%s), which is no update of ours",
				   text, source->store.name);
	if (source != phase->source)
		return pvk_err_set(err, -EROFS,
				   "phase is %s, by %s, where the update's end can't be kept",
				   text, source->store.name);
	strcpy(id, phase->id);
	*cursor = phase->cursor;
	return 0;
}

/* ---- setting ---- */

static int set(const struct update_phase *phase, const struct pvk_flagsource *source,
	       struct pvk_change *change, struct pvk_err *err)
{
	change->force = true;
	return stores_set(&source->store, &phase->conf, phase->sys, change, err);
}

bool update_phase_is(const struct update_phase *phase, const char *id)
{
	return !phase->source || !strcmp(phase->id, id);
}

int update_phase_begin(struct update_phase *phase, const char *id, struct pvk_err *err)
{
	struct pvk_change change = { .force = false };
	char text[PVB_PHASE_MAX + 1];
	int ret;

	if (!is_id(id))
		return pvk_err_set(err, -EINVAL, "%s: not the ID of an update", id);
	if (!phase->source)
		return 0;
	snprintf(text, sizeof(text), PLAN_PHASE_PREFIX "%s", id);
	pvk_flags_take(&change.set, PVB_PHASE, text);
	pvk_flags_set_number(&change.set, PVB_CURSOR, 0, NULL);
	ret = set(phase, phase->source, &change, err);
	if (ret)
		return ret;
	strcpy(phase->id, id);
	phase->cursor = 0;
	phase->cursor_ms = clock_ms();
	return 0;
}

void update_phase_cursor(struct update_phase *phase, uint64_t cursor, bool now)
{
	struct pvk_change change = { .force = false };

	if (!phase->source || !phase->id[0] || cursor == phase->cursor ||
	    (!now && clock_ms() - phase->cursor_ms < UPDATE_CURSOR_MS))
		return;
	phase->cursor_ms = clock_ms();
	pvk_flags_set_number(&change.set, PVB_CURSOR, cursor, NULL);
	if (!set(phase, phase->source, &change, NULL))
		phase->cursor = cursor;
}

/* ---- the end ---- */

/*
 * The store that `pvkit flag set` would take for these. The environment is told apart: it
 * would be the one, and another one in its place is none that its reader looks at.
 */
static int find_for(const struct update_phase *phase, uint32_t fields,
		    const struct pvk_flagsource **found, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf names = PVK_BUF_INIT(256);
	const struct pvk_flagsource *source;
	size_t i;

	for (i = 0; i < phase->sources.count; i++) {
		source = &phase->sources.item[i];
		if (!holds(source, fields))
			continue;
		if (source->kind == PVK_SOURCE_UBOOT_ENV)
			return pvk_err_set(err, -EROFS,
					   "%s: kept in the U-Boot environment, which is written by name of the variable",
					   pvk_field_names(fields, &names));
		if (is_ours(source)) {
			*found = source;
			return 0;
		}
	}
	return pvk_err_set(err, -EOPNOTSUPP, "%s: no store holds that",
			   pvk_field_names(fields, &names));
}

int update_phase_can_end(const struct update_phase *phase, const struct pvk_change *flags,
			 struct pvk_err *err)
{
	const struct pvk_flagsource *source;
	uint32_t fields = pvk_change_fields(flags);

	if (fields & RESUME_FIELDS)
		return pvk_err_set(err, -EINVAL, "phase and cursor are the update's own");
	return fields ? find_for(phase, fields, &source, err) : 0;
}

/* What each store takes for a reason: printable ASCII without quotes, as long as may be. */
static void add_reason(const struct pvk_flagsource *source, const char *reason,
		       struct pvk_change *change)
{
	char text[PVB_REASON_MAX + 1];
	size_t i;

	if (!reason || !holds(source, PVB_HAS(PVB_REASON)) ||
	    pvk_change_fields(change) & PVB_HAS(PVB_REASON))
		return;
	for (i = 0; i < PVB_REASON_MAX && reason[i]; i++)
		text[i] = reason[i] == '"' ? '\'' :
			  reason[i] < ' ' || reason[i] > '~' ? '?' : reason[i];
	text[i] = '\0';
	if (i)
		pvk_flags_take(&change->set, PVB_REASON, text);
}

int update_phase_end(struct update_phase *phase, const struct pvk_change *flags,
		     const char *reason, struct pvk_err *err)
{
	const struct pvk_flagsource *source = NULL;
	struct pvk_change last = { .force = false }, change = *flags;
	int ret = update_phase_can_end(phase, flags, err);

	if (!ret && pvk_change_fields(flags))
		ret = find_for(phase, pvk_change_fields(flags), &source, err);
	if (ret)
		return ret;
	if (source && source == phase->source)
		last = *flags;
	else if (source)
		ret = set(phase, source, &change, err);
	if (ret || !phase->source)
		return ret;
	last.clear |= RESUME_FIELDS;
	add_reason(phase->source, reason, &last);
	ret = set(phase, phase->source, &last, err);
	if (!ret)
		phase->id[0] = '\0';
	return ret;
}

void update_phase_stopped(struct update_phase *phase, const char *reason)
{
	struct pvk_change change = { .force = false };

	if (!phase->source)
		return;
	add_reason(phase->source, reason, &change);
	if (change.set.has)
		set(phase, phase->source, &change, NULL);
}
