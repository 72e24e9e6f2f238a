// SPDX-License-Identifier: MIT
/* The list, its order, and who decided: the same in every program, the boot stage too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flagsource_int.h"

#define SOURCES_MAX	(PVK_STORES_MAX + 2 + PVK_FLAGCONF_GPIOS_MAX)
#define GPIO_PREFIX	PVK_SOURCE_NAME_GPIO ":"

/* ---- the list ---- */

static const char *group_of(const struct pvk_flagsource *source)
{
	switch (source->kind) {
	case PVK_SOURCE_KERNEL:
		return PVK_SOURCE_NAME_KERNEL;
	case PVK_SOURCE_GPIO:
		return PVK_SOURCE_NAME_GPIO;
	default:
		return source->store.name;
	}
}

bool pvk_flagsource_reserved(const char *name)
{
	return !strcmp(name, PVK_SOURCE_NAME_KERNEL) || !strcmp(name, PVK_SOURCE_NAME_GPIO) ||
	       !strcmp(name, PVK_SOURCE_NAME_UBOOT_ENV) ||
	       !strcmp(name, PVK_SOURCE_NAME_CMDLINE) ||
	       !strncmp(name, GPIO_PREFIX, strlen(GPIO_PREFIX));
}

/* Its own name counts more than that of its kind, wherever that stands. */
static unsigned int rank(const struct pvk_flagconf *conf, const struct pvk_flagsource *source)
{
	unsigned int i, of_group = conf->n_order;

	for (i = 0; i < conf->n_order; i++) {
		if (!strcmp(conf->order[i], source->store.name))
			return i;
		if (of_group == conf->n_order && !strcmp(conf->order[i], group_of(source)))
			of_group = i;
	}
	return of_group;
}

/* Stable: sources of one rank stay as they came, stores as they were added. */
void flagsource_sort(struct pvk_flagsources *list, const struct pvk_flagconf *conf)
{
	struct pvk_flagsource moved;
	size_t i, k;

	for (i = 1; i < list->count; i++) {
		moved = list->item[i];
		for (k = i; k && rank(conf, &list->item[k - 1]) > rank(conf, &moved); k--)
			list->item[k] = list->item[k - 1];
		list->item[k] = moved;
	}
}

struct pvk_flagsource *flagsource_add(struct pvk_flagsources *list, enum pvk_source_kind kind,
				      struct pvk_err *err)
{
	struct pvk_flagsource *source;
	int ret;

	ret = pvk_grow((void **)&list->item, list->count, sizeof(*list->item), SOURCES_MAX);
	if (ret) {
		pvk_err_set(err, ret, "%s", strerror(-ret));
		return NULL;
	}
	source = &list->item[list->count++];
	*source = (struct pvk_flagsource){ .kind = kind };
	return source;
}

void pvk_flagsources_free(struct pvk_flagsources *list)
{
	free(list->item);
	*list = (struct pvk_flagsources){ 0 };
}

struct pvk_flagsource *pvk_flagsource_find(const struct pvk_flagsources *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!strcmp(list->item[i].store.name, name))
			return &list->item[i];
	return NULL;
}

struct pvk_flagsource *pvk_flagsource_for(const struct pvk_flagsources *list, uint32_t fields)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->item[i].writable && !(fields & ~list->item[i].store.offers))
			return &list->item[i];
	return NULL;
}

const char *pvk_flagsource_kind(const struct pvk_flagsource *source, char *text, size_t size)
{
	const struct pvk_store *store = &source->store;

	snprintf(text, size, "%s%s%s", store->medium, store->format[0] ? " " : "",
		 store->format);
	return text;
}

/* ---- who decided ---- */

const struct pvk_flagsource *pvk_flagsources_winner(const struct pvk_flagsources *list,
						    unsigned int field, bool boot)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct pvk_store *store = &list->item[i].store;

		if ((boot ? store->boot.has : store->flags.has) & PVB_HAS(field))
			return &list->item[i];
	}
	return NULL;
}

enum pvk_verdict pvk_flagsource_verdict(const struct pvk_flagsources *list,
					const struct pvk_flagsource *source, unsigned int field)
{
	/* What it said at boot counts whatever has become of it since. */
	if (source->store.boot.has & PVB_HAS(field))
		return pvk_flagsources_winner(list, field, true) == source ? PVK_VERDICT_WON :
			PVK_VERDICT_LOWER;
	switch (source->store.state) {
	case PV_BOOTFLAG_STATE_ABSENT:
		return PVK_VERDICT_ABSENT;
	case PV_BOOTFLAG_STATE_FOREIGN:
		return PVK_VERDICT_FOREIGN;
	case PV_BOOTFLAG_STATE_BROKEN:
		return PVK_VERDICT_BROKEN;
	case PV_BOOTFLAG_STATE_FAILED:
		return PVK_VERDICT_FAILED;
	default:
		break;
	}
	if (!(source->store.offers & PVB_HAS(field)))
		return PVK_VERDICT_NOT_OFFERED;
	if (source->store.state == PV_BOOTFLAG_STATE_EMPTY)
		return PVK_VERDICT_EMPTY;
	return PVK_VERDICT_UNSET;
}

const char *pvk_verdict_name(enum pvk_verdict verdict)
{
	static const char *const names[] = {
		[PVK_VERDICT_WON] = "won",
		[PVK_VERDICT_LOWER] = "lower",
		[PVK_VERDICT_UNSET] = "unset",
		[PVK_VERDICT_NOT_OFFERED] = "not-offered",
		[PVK_VERDICT_ABSENT] = "absent",
		[PVK_VERDICT_EMPTY] = "empty",
		[PVK_VERDICT_FOREIGN] = "foreign",
		[PVK_VERDICT_BROKEN] = "broken",
		[PVK_VERDICT_FAILED] = "failed",
	};

	return names[verdict];
}

static void put_lower(const struct pvk_flagsources *list, const struct pvk_flagsource *source,
		      unsigned int field, struct pvk_buf *buf)
{
	const struct pvk_flagsource *winner = pvk_flagsources_winner(list, field, true);
	char text[PVK_FLAG_TEXT_SIZE];

	pvk_buf_printf(buf, "said %s, but comes after %s",
		       pvk_flags_text(&source->store.boot, field, text), winner->store.name);
}

static void put_state(const struct pvk_store *store, const char *what, struct pvk_buf *buf)
{
	pvk_buf_printf(buf, "%s: %s", pvk_store_state_name(store->state),
		       store->text[0] ? store->text : what);
}

const char *pvk_verdict_text(const struct pvk_flagsources *list,
			     const struct pvk_flagsource *source, unsigned int field,
			     struct pvk_buf *buf)
{
	const struct pvk_store *store = &source->store;
	char text[PVK_FLAG_TEXT_SIZE];

	pvk_buf_reset(buf);
	switch (pvk_flagsource_verdict(list, source, field)) {
	case PVK_VERDICT_WON:
		pvk_buf_printf(buf, "said %s, and comes first",
			       pvk_flags_text(&store->boot, field, text));
		break;
	case PVK_VERDICT_LOWER:
		put_lower(list, source, field, buf);
		break;
	case PVK_VERDICT_UNSET:
		pvk_buf_puts(buf, "had no value for it");
		break;
	case PVK_VERDICT_NOT_OFFERED:
		pvk_buf_puts(buf, "cannot hold this field");
		break;
	case PVK_VERDICT_ABSENT:
		put_state(store, "its medium is not there", buf);
		break;
	case PVK_VERDICT_EMPTY:
		pvk_buf_puts(buf, "empty: nothing was ever written");
		break;
	case PVK_VERDICT_FOREIGN:
		put_state(store, "its medium holds something else", buf);
		break;
	case PVK_VERDICT_BROKEN:
		put_state(store, "no copy of it is whole", buf);
		break;
	case PVK_VERDICT_FAILED:
		put_state(store, strerror(store->error), buf);
		break;
	}
	return pvk_buf_str(buf);
}
