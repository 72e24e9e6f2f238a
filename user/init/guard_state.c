// SPDX-License-Identifier: MIT
#include <errno.h>

#include "guard_state.h"

#define ANSWER_MIN_MS	1000	/* for the last question, even without grace */

void guard_state_init(struct guard_state *state, const struct guard_times *times, int64_t now)
{
	*state = (struct guard_state){
		.times = *times,
		.phase = GUARD_RESTS,
		.since = now,
		.ticked = now,
	};
}

static enum guard_event enter(struct guard_state *state, enum guard_phase phase, int64_t now,
			      enum guard_event event)
{
	state->phase = phase;
	state->since = now;
	return event;
}

enum guard_event guard_tick(struct guard_state *state, int64_t now)
{
	const struct guard_times *times = &state->times;
	int64_t gap = now - state->ticked, lasted;

	state->ticked = now;
	if (gap > GUARD_STILL_MS)
		state->since += gap - GUARD_TICK_MS;
	lasted = now - state->since;
	switch (state->phase) {
	case GUARD_RESTS:
		if (lasted >= times->every)
			return enter(state, GUARD_ASKS, now, GUARD_ASK);
		break;
	case GUARD_ASKS:
		if (lasted < times->limit)
			break;
		state->error = -ETIMEDOUT;
		return enter(state, GUARD_DOUBTS, now, GUARD_DOUBT);
	case GUARD_DOUBTS:
		if (lasted >= times->grace)
			return enter(state, GUARD_ASKS_AGAIN, now, GUARD_ASK);
		break;
	case GUARD_ASKS_AGAIN:
		if (lasted < times->grace || lasted < ANSWER_MIN_MS)
			break;
		state->error = -ETIMEDOUT;
		return enter(state, GUARD_LOST, now, GUARD_GONE);
	case GUARD_LOST:
		if (lasted >= times->every)
			return enter(state, GUARD_LOST, now, GUARD_ASK);
		break;
	}
	return GUARD_NOTHING;
}

enum guard_event guard_answer(struct guard_state *state, int error, bool current, int64_t now)
{
	if (!error) {
		if (state->phase == GUARD_RESTS)
			return GUARD_NOTHING;
		/* every counts from question to question */
		if (state->phase == GUARD_ASKS)
			return enter(state, GUARD_RESTS, state->since, GUARD_NOTHING);
		return enter(state, GUARD_RESTS, now, GUARD_BACK);
	}
	if (!current || (state->phase != GUARD_ASKS && state->phase != GUARD_ASKS_AGAIN))
		return GUARD_NOTHING;
	state->error = error;
	if (state->phase == GUARD_ASKS)
		return enter(state, GUARD_DOUBTS, now, GUARD_DOUBT);
	return enter(state, GUARD_LOST, now, GUARD_GONE);
}
