/* SPDX-License-Identifier: MIT */
/*
 * The very first update of an erased medium, cut again and again: at every byte, its
 * retry at every byte again, and from there on at random, as often as the case says.
 * Between two cuts what was in doubt may decay. The reader finds nothing yet, or all of
 * what one of the attempts was to write: none has returned, so either may come and go.
 * Then an update works without force, and is there after what was in doubt has decayed.
 */
#ifndef PVKIT_TESTS_BOOTLOG_FIRST_H
#define PVKIT_TESTS_BOOTLOG_FIRST_H

#include "bootlog_matrix.h"

#define FIRST_EACH	2	/* attempts that are cut at every byte */

struct first {
	const char *name;
	struct sim like;
	uint8_t blank;
	uint32_t bad;		/* one bit a block */
	uint32_t step;		/* bytes between the cuts of an operation of more than 128 */
	uint32_t retry_step;	/* and of a retry; 0: each byte */
	unsigned int cuts;	/* so many in a row are survived */
};

struct first_run {
	struct matrix m;
	struct sim_state state[FIRST_EACH + 1];
	unsigned long walks;
};

static void first_copy(const struct sim *sim, struct sim_state *to, const struct sim_state *from)
{
	memcpy(to->bytes, from->bytes, sim->size);
	memcpy(to->weak, from->weak, sim->size);
	memcpy(to->unit, from->unit, sim->n_units);
	memcpy(to->block, from->block, sim->n_blocks);
}

static void first_flags(const struct matrix *m, unsigned int attempt, struct pvb_flags *flags)
{
	uint32_t room = pvb_log_room(&m->log.store.medium);

	bootlog_flags(attempt * 7 + 1, room, flags);
	if (room < 200 || attempt % 2)
		return;
	/* of several slots where slots are small */
	flags->has |= PVB_HAS(PVB_REASON);
	memset(flags->reason, 'a' + (int)(attempt % 26), 40);
}

static bool first_look(struct matrix *m, const char *what)
{
	struct pvb_flags got, want;
	int ret = bootlog_read(&m->log, &got);
	unsigned int i;

	if (ret == -PVB_ENODATA)
		return true;
	for (i = 0; !ret && i <= m->n; i++) {
		first_flags(m, i, &want);
		if (bootlog_same(&got, &want))
			return true;
	}
	matrix_fail(m, what, ret, ret ? NULL : &got);
	return false;
}

/* In the end it works, without force. */
static void first_finish(struct matrix *m)
{
	int ret;

	first_flags(m, 100, &m->next);
	ret = matrix_write(m, &m->next);
	if (ret)
		matrix_fail(m, "the next update failed", ret, NULL);
	if (ret || !matrix_expect(m, "the next update is not there", &m->next, NULL, false))
		return;
	sim_age(&m->log.sim);
	matrix_expect(m, "the next update decayed", &m->next, NULL, false);
	if (m->log.sim.violations)
		matrix_fail(m, m->log.sim.violation, 0, NULL);
}

/* One attempt from the state of that depth, cut there. False: the cut did not come. */
static bool first_attempt(struct first_run *run, unsigned int depth, unsigned int op, uint32_t at,
			  enum sim_cut_kind kind)
{
	struct matrix *m = &run->m;
	struct sim *sim = &m->log.sim;
	bool came;

	first_flags(m, depth, &m->new);
	bootlog_restart(&m->log);
	sim_cut(sim, op, at, kind);
	came = matrix_write_cut(m, &m->new);
	sim_on(sim);
	if (!came)
		return false;
	m->cuts++;
	m->n = depth;
	if (first_look(m, "neither nothing nor one of the attempts") && sim_random(sim) & 1) {
		sim_age(sim);
		first_look(m, "neither nothing nor one of the attempts, after a decay");
	}
	return true;
}

/* False: that would have been no cut, and nothing was done. */
static bool first_random_cut(struct first_run *run, unsigned int depth)
{
	struct sim *sim = &run->m.log.sim;
	uint64_t random = sim_random(sim);
	uint32_t half_from = sim->half_from;

	first_copy(sim, &run->state[FIRST_EACH], &sim->now);
	if (first_attempt(run, depth, random % 4, random >> 8 & (random & 16 ? 31 : 511),
			  (random >> 20) % (sim->erase ? 3 : 2)))
		return true;
	first_copy(sim, &sim->now, &run->state[FIRST_EACH]);
	sim->half_from = half_from;
	return false;
}

/* Cuts at random, to the depth of the case. */
static void first_walk(struct first_run *run, unsigned int depth, unsigned int cuts)
{
	struct matrix *m = &run->m;

	run->walks++;
	while (depth < cuts && !m->failures)
		depth += first_random_cut(run, depth);
	if (!m->failures)
		first_finish(m);
}

static void first_from(struct first_run *run, const struct first *first, unsigned int depth);

/* From here the next attempt: at every byte, or a walk. */
static void first_go_on(struct first_run *run, const struct first *first, unsigned int depth)
{
	if (run->m.failures)
		return;
	if (depth < FIRST_EACH)
		first_from(run, first, depth);
	else
		first_walk(run, depth, first->cuts);
}

static void first_cut_there(struct first_run *run, const struct first *first, unsigned int depth,
			    unsigned int op, uint32_t at, enum sim_cut_kind kind, uint32_t *len)
{
	struct sim *sim = &run->m.log.sim;

	first_copy(sim, &sim->now, &run->state[depth]);
	/* of a block whose erase was cut nothing is sure */
	sim->half_from = depth ? 0 : sim->size;
	*len = 0;
	if (!first_attempt(run, depth, op, at, kind))
		return;
	*len = sim->op[op].len;
	first_go_on(run, first, depth + 1);
}

/* At every byte of the attempt; of a retry each of them in one way or another. */
static void first_from(struct first_run *run, const struct first *first, unsigned int depth)
{
	struct matrix *m = &run->m;
	struct sim *sim = &m->log.sim;
	unsigned int kinds = sim->erase ? 3 : 2, op, n;
	uint32_t at, len = 1, step;

	first_copy(sim, &run->state[depth], &sim->now);
	for (op = 0; len; op++) {
		for (at = 0; len && at <= len; at += step) {
			step = depth && first->retry_step ? first->retry_step : 1;
			step = len > 128 ? first->step : step;
			for (n = depth ? kinds - 1 : 0; len && n < kinds; n++) {
				if (m->failures)
					return;
				first_cut_there(run, first, depth, op, at,
						depth ? sim_random(sim) % kinds : n, &len);
			}
		}
	}
}

static void first_run(struct first_run *run, const struct first *first)
{
	struct matrix *m = &run->m;
	static struct geometry geometry;
	uint32_t i;

	memset(run, 0, sizeof(*run));
	geometry.name = first->name;
	m->geometry = &geometry;
	m->empty = true;
	bootlog_init(&m->log, &first->like, first->blank);
	for (i = 0; i < m->log.sim.n_blocks; i++)
		if (first->bad >> i & 1)
			m->log.sim.now.block[i] = SIM_BAD;
	for (i = 0; i <= FIRST_EACH; i++)
		sim_state_init(&m->log.sim, &run->state[i], first->blank);
	/* all of it may decay */
	memset(m->log.sim.dirty, 1, m->log.sim.n_blocks);
	first_from(run, first, 0);
	for (i = 0; i <= FIRST_EACH; i++)
		sim_state_free(&run->state[i]);
	bootlog_free(&m->log);
}

#endif
