// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "console.h"
#include "failures.h"
#include "stores.h"

#define STORE_MS	10000	/* its medium may be gone */

static bool can_hold(const struct pvk_flagsource *source, const struct conf *conf)
{
	const struct pvk_store *store = &source->store;

	if (source->kind != PVK_SOURCE_KERNEL || !(store->offers & PVB_HAS(PVB_FAILURES)) ||
	    (store->state != PV_BOOTFLAG_STATE_READY && store->state != PV_BOOTFLAG_STATE_EMPTY))
		return false;
	return !conf->failures_store[0] || !strcmp(conf->failures_store, store->name);
}

void failures_find(struct failures *failures, const struct pvk_flagsources *sources,
		   const struct conf *conf)
{
	size_t i;

	*failures = (struct failures){ .wait_ms = STORE_MS };
	if (!conf->failures_limit)
		return;
	for (i = 0; i < sources->count && !failures->source; i++)
		if (can_hold(&sources->item[i], conf))
			failures->source = &sources->item[i];
	if (failures->source)
		failures->count = (unsigned int)pvk_flags_number(&failures->source->store.flags,
								 PVB_FAILURES);
	else if (conf->failures_store[0])
		say("failures-store %s: there is none, or it holds no failures",
		    conf->failures_store);
}

bool failures_reached(const struct failures *failures, const struct conf *conf)
{
	return failures->source && failures->count >= conf->failures_limit;
}

struct setting {
	const struct pvk_store *store;
	const struct pvk_flagconf *flagconf;
	const struct pvk_change *change;
};

static void set_store(void *arg)
{
	const struct setting *setting = arg;
	struct pvk_err err = { .text = "" };

	if (stores_set(setting->store, setting->flagconf, STORES_SYS, setting->change, &err))
		say("failures are not counted: %s", err.text);
}

static void set(const struct failures *failures, const struct pvk_flagconf *flagconf,
		const struct pvk_change *change)
{
	struct setting setting = { &failures->source->store, flagconf, change };
	int ret = child_do(set_store, &setting, failures->wait_ms);

	if (ret)
		say("failures are not counted: %s", ret == -ETIMEDOUT ?
		    "the store does not answer" : strerror(-ret));
}

/* The other slot gets a fresh count: it is another system. */
static bool change_slot(const struct failures *failures, struct pvk_change *change)
{
	const struct pvk_store *store = &failures->source->store;
	uint32_t wants = PVB_HAS(PVB_SLOT);
	uint8_t slot = store->flags.slot;

	if ((store->offers & wants) != wants || !(store->flags.has & PVB_HAS(PVB_SLOT)))
		return false;
	pvk_flags_set_number(&change->set, PVB_SLOT, slot ? 0 : 1, NULL);
	change->clear |= PVB_HAS(PVB_FAILURES);
	say("slot %c has failed %u times in a row: slot %c is next", 'a' + slot,
	    failures->count, slot ? 'a' : 'b');
	return true;
}

/* What each store takes for a reason, however it was cut: ASCII, and no quotes. */
static void plain_text(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; i < size - 1 && from[i]; i++)
		to[i] = from[i] == '"' ? '\'' : from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[i] = '\0';
}

void failures_add(struct failures *failures, const struct conf *conf,
		  const struct pvk_flagconf *flagconf, const char *reason)
{
	struct pvk_change change = { .force = false };
	char text[PVB_REASON_MAX + 1];

	if (!failures->source)
		return;
	if (failures->count < UINT8_MAX)
		failures->count++;
	if (failures->source->store.offers & PVB_HAS(PVB_REASON)) {
		plain_text(text, sizeof(text), reason);
		pvk_flags_take(&change.set, PVB_REASON, text);
	}
	if (!failures_reached(failures, conf) || conf->failures_then != THEN_SLOT ||
	    !change_slot(failures, &change)) {
		pvk_flags_set_number(&change.set, PVB_FAILURES, failures->count, NULL);
		say("failure %u in a row, %s at %u", failures->count,
		    conf->failures_then == THEN_NOTHING ? "nothing follows" :
		    conf->failures_then == THEN_SLOT ? "the other slot" : "recovery",
		    conf->failures_limit);
	}
	set(failures, flagconf, &change);
}

void failures_clear(struct failures *failures, const struct conf *conf,
		    const struct pvk_flagconf *flagconf, bool forced)
{
	struct pvk_change change = { .force = false };

	if (!failures->source || !failures->count)
		return;
	if (forced && conf->failures_limit > 1)
		pvk_flags_set_number(&change.set, PVB_FAILURES, conf->failures_limit - 1, NULL);
	else
		change.clear = PVB_HAS(PVB_FAILURES);
	set(failures, flagconf, &change);
}
