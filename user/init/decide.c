// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "decide.h"

/* What can't be read might have said something. */
static bool is_unread(const struct pvk_flagsource *source)
{
	return source->store.state != PV_BOOTFLAG_STATE_READY &&
	       source->store.state != PV_BOOTFLAG_STATE_EMPTY;
}

/*
 * The sources before the one that decided, whose word would have counted more; of all,
 * where nobody did, those that can't be read.
 */
static void put_silent(const struct pvk_flagsources *sources,
		       const struct pvk_flagsource *winner, struct pvk_buf *why)
{
	const struct pvk_flagsource *source = sources->item;
	const struct pvk_flagsource *end = winner ? winner : source + sources->count;
	unsigned int n = 0;

	for (; source != end; source++) {
		if (!winner && !is_unread(source))
			continue;
		pvk_buf_printf(why, "%s%s", n++ ? ", " : "; ", source->store.name);
		if (is_unread(source))
			pvk_buf_printf(why, " (%s)", pvk_store_state_name(source->store.state));
	}
	if (n)
		pvk_buf_puts(why, n == 1 ? " says nothing" : " say nothing");
}

static void put_winner(const struct pvk_flagsources *sources,
		       const struct pvk_flagsource *winner, unsigned int field,
		       struct pvk_buf *why)
{
	char text[PVK_FLAG_TEXT_SIZE];

	pvk_buf_printf(why, "by %s (%s=%s)", winner->store.name, pvk_field_name(field),
		       pvk_flags_text(&winner->store.boot, field, text));
	put_silent(sources, winner, why);
}

static int way_of_mode(const struct pvk_flagsource *winner, struct pvk_buf *why)
{
	int way = boot_way_find(winner->store.boot.mode);

	if (way >= 0)
		return way;
	pvk_buf_printf(why, ", which is none of ours");
	return BOOT_NORMAL;
}

/* What can't be carried out is one step nearer to help, and who asked is still told. */
static int fall_back(const struct conf *conf, int way, struct pvk_buf *why)
{
	const struct boot_conf *resume = &conf->way[BOOT_RESUME];

	if (way != BOOT_RESUME || resume->program[0] || resume->root[0])
		return way;
	pvk_buf_puts(why, "; nothing is configured to resume it with");
	return BOOT_RESCUE;
}

/* A root that is half written is none to recover with, so that must have its own. */
static bool leads_to_recovery(const struct conf *conf, int way)
{
	const struct boot_conf *recovery = &conf->way[BOOT_RECOVERY];

	if (conf->failures_then != THEN_RECOVERY)
		return false;
	if (way == BOOT_RESUME)
		return recovery->root[0] || recovery->program[0];
	return way == BOOT_NORMAL || way == BOOT_OTA;
}

void decide(struct decision *decision, const struct conf *conf,
	    const struct pvk_flagsources *sources, const struct failures *failures)
{
	const struct pvk_flagsource *mode = pvk_flagsources_winner(sources, PVB_MODE, true);
	const struct pvk_flagsource *phase = pvk_flagsources_winner(sources, PVB_PHASE, true);
	pvk_auto_buf struct pvk_buf why = PVK_BUF_INIT(sizeof(decision->why) - 1);
	int way = BOOT_NORMAL;

	if (mode) {
		put_winner(sources, mode, PVB_MODE, &why);
		way = way_of_mode(mode, &why);
	}
	/* A root that is half written is none: only who asks for help comes first. */
	if (phase && way != BOOT_RECOVERY && way != BOOT_RESCUE) {
		pvk_buf_reset(&why);
		put_winner(sources, phase, PVB_PHASE, &why);
		way = BOOT_RESUME;
	}
	if (!mode && !phase) {
		pvk_buf_puts(&why, "no source says otherwise");
		put_silent(sources, NULL, &why);
	}
	decision->by_failures = failures_reached(failures, conf) && leads_to_recovery(conf, way);
	if (decision->by_failures) {
		pvk_buf_reset(&why);
		pvk_buf_printf(&why, "by %s (failures=%u)", failures->source->store.name,
			       failures->count);
		way = BOOT_RECOVERY;
	}
	way = fall_back(conf, way, &why);
	decision->way = (enum boot_way)way;
	conf_boot(conf, decision->way, &decision->boot);
	snprintf(decision->why, sizeof(decision->why), "%s", pvk_buf_str(&why));
}
