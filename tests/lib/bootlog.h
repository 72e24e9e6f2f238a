/* SPDX-License-Identifier: MIT */
/*
 * A log on a simulated medium, for tests.
 */
#ifndef PVKIT_TESTS_BOOTLOG_H
#define PVKIT_TESTS_BOOTLOG_H

#include <pvkit/log_write.h>

#include "simflash.h"

struct bootlog {
	struct sim sim;
	struct pvb_store store;
};

/* As at a start: nothing is known of the log. */
static inline void bootlog_restart(struct bootlog *log)
{
	memset(&log->store.log, 0, sizeof(log->store.log));
}

/* `like` says what the medium is like. */
static inline void bootlog_init(struct bootlog *log, const struct sim *like, uint8_t blank)
{
	static const char *const modes[] = { "recovery", "ota", "bootloader", "factory" };
	unsigned int i;

	memset(log, 0, sizeof(*log));
	log->sim = *like;
	sim_init(&log->sim, blank);
	log->store.medium = sim_medium(&log->sim);
	for (i = 0; i < 4; i++)
		strcpy(log->store.setup.mode[i].name, modes[i]);
	log->store.setup.n_modes = 4;
	log->store.work_size = like->write > 256 ? 2 * like->write : 512;
	log->store.work = sim_bytes(log->store.work_size, 0xa5);
}

static inline void bootlog_free(struct bootlog *log)
{
	sim_free(&log->sim);
	free(log->store.work);
}

static inline int bootlog_read(struct bootlog *log, struct pvb_flags *flags)
{
	bootlog_restart(log);
	return pvb_log_read(&log->store, flags);
}

static inline int bootlog_write(struct bootlog *log, const struct pvb_flags *flags, bool force)
{
	return pvb_log_write(&log->store, NULL, flags, force);
}

static inline bool bootlog_same(const struct pvb_flags *a, const struct pvb_flags *b)
{
	return a->has == b->has &&
	       (!(a->has & PVB_HAS(PVB_MODE)) || !strcmp(a->mode, b->mode)) &&
	       (!(a->has & PVB_HAS(PVB_SLOT)) || a->slot == b->slot) &&
	       (!(a->has & PVB_HAS(PVB_TRIES)) || a->tries == b->tries) &&
	       (!(a->has & PVB_HAS(PVB_SUCCESSFUL)) || a->successful == b->successful) &&
	       (!(a->has & PVB_HAS(PVB_REASON)) || !strcmp(a->reason, b->reason)) &&
	       (!(a->has & PVB_HAS(PVB_CURSOR)) || a->cursor == b->cursor) &&
	       (!(a->has & PVB_HAS(PVB_PHASE)) || !strcmp(a->phase, b->phase)) &&
	       (!(a->has & PVB_HAS(PVB_FAILURES)) || a->failures == b->failures) &&
	       (!(a->has & PVB_HAS(PVB_ARMED)) || a->armed == b->armed);
}

/* One line that says what flags hold. */
static inline const char *bootlog_text(const struct pvb_flags *flags, char *to, size_t size)
{
	snprintf(to, size, "has %#x mode=%s slot=%u tries=%u successful=%u cursor=%llu reason=%s "
		 "phase=%s failures=%u armed=%u", flags->has, flags->mode, flags->slot,
		 flags->tries, flags->successful, (unsigned long long)flags->cursor,
		 flags->reason, flags->phase, flags->failures, flags->armed);
	return to;
}

/*
 * Flags of update `n`: those that an update of a system sets, and now and then all
 * of them, where there is `room` for so many bytes. No two n in a row are the same.
 */
static inline void bootlog_flags(unsigned int n, uint32_t room, struct pvb_flags *flags)
{
	static const char *const modes[] = { "recovery", "ota", "bootloader", "factory" };
	uint32_t x = n * 2654435761u;

	memset(flags, 0, sizeof(*flags));
	flags->has = PVB_HAS(PVB_TRIES) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_SUCCESSFUL);
	flags->tries = n & 31;
	flags->slot = x >> 8 & 1;
	flags->successful = x >> 9 & 1;
	if (x >> 12 & 1) {
		flags->has |= PVB_HAS(PVB_MODE);
		strcpy(flags->mode, modes[x >> 10 & 3]);
	}
	if (room < 48 || x >> 13 & 3)
		return;
	flags->has |= PVB_HAS(PVB_CURSOR) | PVB_HAS(PVB_PHASE);
	flags->cursor = (uint64_t)x << (x >> 16 & 31);
	snprintf(flags->phase, sizeof(flags->phase), "step-%u", n);
	if (room < 200 || x >> 15 & 7)
		return;
	flags->has = PVB_ALL_FIELDS;
	flags->failures = 255;
	flags->armed = 1;
	strcpy(flags->mode, "a-mode-of-thirty-one-characters");
	memset(flags->reason, '!' + (int)(n % 90), 127 - n % 100);
}

#endif
