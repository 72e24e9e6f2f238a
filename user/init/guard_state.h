/* SPDX-License-Identifier: MIT */
/*
 * guard_state - when a root that does not answer counts as gone
 *
 * Asked every `every`; one that fails, or is silent for `limit`, is doubted. It has
 * `grace` to come back, is then asked once more, and has as long again for that. Any good
 * answer, however late, ends the doubts.
 *
 * Time is a parameter, in milliseconds. Where no tick came for long it is not the root
 * that stood still but this machine, and that time does not count.
 */
#ifndef INIT_GUARD_STATE_H
#define INIT_GUARD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_TICK_MS	1000	/* guard_tick() at least that often */
#define GUARD_STILL_MS	3000	/* between two: we were not running */

enum guard_phase { GUARD_RESTS, GUARD_ASKS, GUARD_DOUBTS, GUARD_ASKS_AGAIN, GUARD_LOST };

/* What is to be done about it. */
enum guard_event {
	GUARD_NOTHING,
	GUARD_ASK,		/* now, and tell guard_answer() */
	GUARD_DOUBT,		/* worth a line */
	GUARD_BACK,		/* likewise */
	GUARD_GONE,		/* once, until it is back */
};

struct guard_times {
	int64_t every, limit, grace;
};

struct guard_state {
	struct guard_times times;
	enum guard_phase phase;
	int64_t since;		/* of the phase */
	int64_t ticked;
	int error;		/* of the last that failed, negative; -ETIMEDOUT: silence */
};

void guard_state_init(struct guard_state *state, const struct guard_times *times, int64_t now);
enum guard_event guard_tick(struct guard_state *state, int64_t now);
/* current: of the question that was asked last. A failure of an earlier one is old news. */
enum guard_event guard_answer(struct guard_state *state, int error, bool current, int64_t now);

#endif /* INIT_GUARD_STATE_H */
