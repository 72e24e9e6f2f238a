/* SPDX-License-Identifier: MIT */
/*
 * The matrix of power cuts: of each update, power is cut at every byte of every
 * program and erase. Then a reader that knows nothing finds the old flags or the
 * new; another update works and is there, also when what was in doubt has decayed.
 */
#ifndef PVKIT_TESTS_BOOTLOG_MATRIX_H
#define PVKIT_TESTS_BOOTLOG_MATRIX_H

#include "bootlog.h"

struct geometry {
	const char *name;
	struct sim like;
	uint32_t bad;		/* one bit a block */
	uint8_t blank;
	unsigned int erase_step;	/* cuts of an erase, in bytes; 0: each */
	unsigned int program_step;	/* of a program beyond what a record takes */
	unsigned int updates;
	bool again;		/* a second cut in the update after the cut */
};

struct matrix {
	struct bootlog log;
	const struct geometry *geometry;
	unsigned int n;		/* the update */
	struct pvb_flags old, new, next;
	bool empty;		/* there are no old ones yet */
	struct pvb_log_state known;
	struct sim_op op[SIM_OPS_MAX];
	unsigned int n_ops;

	unsigned long cuts, failures;
	char failure[2048];
};

/* Remembers the first failure, with what led to it. */
static void matrix_fail(struct matrix *m, const char *what, int ret, const struct pvb_flags *got)
{
	struct sim *sim = &m->log.sim;
	char text[4][300];

	if (m->failures++)
		return;
	snprintf(m->failure, sizeof(m->failure),
		 "%s: update %u, operation %ld of %u, byte %u, %s: %s (%d)\n"
		 "#   old  %s\n#   new  %s\n#   next %s\n#   got  %s",
		 m->geometry->name, m->n, sim->cut_op, m->n_ops, sim->cut_at,
		 sim->cut_kind == SIM_CLEAN ? "clean" : sim->cut_kind == SIM_TORN ? "torn" : "weak",
		 what, ret,
		 m->empty ? "none" : bootlog_text(&m->old, text[0], sizeof(text[0])),
		 bootlog_text(&m->new, text[1], sizeof(text[1])),
		 bootlog_text(&m->next, text[2], sizeof(text[2])),
		 got ? bootlog_text(got, text[3], sizeof(text[3])) : "-");
}

/*
 * An only block that is full is erased when that is asked for. Where programs fail
 * unseen, a write may find no place that takes it, and says so; the next one does.
 */
static int matrix_write(struct matrix *m, const struct pvb_flags *flags)
{
	int ret = bootlog_write(&m->log, flags, false);

	if (ret == -PVB_EIO && m->log.sim.silent)
		ret = bootlog_write(&m->log, flags, false);
	if (ret == -PVB_ENOSPC && m->log.sim.n_blocks == 1 && m->log.sim.erase)
		ret = bootlog_write(&m->log, flags, true);
	return ret;
}

static bool matrix_expect(struct matrix *m, const char *what, const struct pvb_flags *a,
			  const struct pvb_flags *b, bool none)
{
	struct pvb_flags got;
	int ret = bootlog_read(&m->log, &got);

	if (ret == -PVB_ENODATA && none)
		return true;
	if (!ret && (bootlog_same(&got, a) || (b && bootlog_same(&got, b))))
		return true;
	matrix_fail(m, what, ret, ret ? NULL : &got);
	return false;
}

/* Writes with a cut ahead. 1: it came; 2: it is none of its own; 0: it did not come. */
static int matrix_write_cut(struct matrix *m, const struct pvb_flags *flags)
{
	int how = setjmp(m->log.sim.cut);

	if (!how)
		matrix_write(m, flags);
	return how;
}

/* A second cut, anywhere in the next update; before it the reader found what `m` says. */
static void matrix_cut_again(struct matrix *m)
{
	struct sim *sim = &m->log.sim;
	struct pvb_flags found;
	int ret = bootlog_read(&m->log, &found);

	sim_cut(sim, (unsigned int)(sim_random(sim) % 4), (uint32_t)(sim_random(sim) % 40),
		sim_random(sim) & 1 ? SIM_TORN : SIM_CLEAN);
	sim->dull = false;
	matrix_write_cut(m, &m->next);
	sim->dull = true;
	sim_on(sim);
	if (matrix_expect(m, "neither after a second cut", ret ? &m->next : &found, &m->next, ret))
		m->cuts++;
}

static void matrix_one_cut(struct matrix *m, unsigned int op, uint32_t at, enum sim_cut_kind kind)
{
	struct sim *sim = &m->log.sim;
	unsigned int violations = sim->violations;
	int ret;

	sim_restore(sim);
	m->log.store.log = m->known;
	sim_cut(sim, op, at, kind);
	ret = matrix_write_cut(m, &m->new);
	if (ret == 2)
		return;
	if (!ret)
		matrix_fail(m, "the cut did not come", 0, NULL);
	m->cuts++;
	sim_on(sim);
	if (!matrix_expect(m, "neither old nor new", m->empty ? &m->new : &m->old, &m->new,
			   m->empty))
		return;
	if (m->geometry->again)
		matrix_cut_again(m);
	ret = matrix_write(m, &m->next);
	if (ret)
		matrix_fail(m, "the next update failed", ret, NULL);
	if (ret || !matrix_expect(m, "the next update is not there", &m->next, NULL, false))
		return;
	sim_age(sim);
	matrix_expect(m, "the next update decayed", &m->next, NULL, false);
	if (sim->violations != violations)
		matrix_fail(m, sim->violation, 0, NULL);
}

static void matrix_cut_op(struct matrix *m, unsigned int op)
{
	uint32_t step = 1, at;

	if (m->op[op].erase && m->geometry->erase_step)
		step = m->geometry->erase_step;
	else if (!m->log.sim.erase)
		step = m->log.sim.write;
	for (at = 0; at <= m->op[op].len && !m->failures; at += step) {
		if (at >= PVB_LOG_RECORD_MAX && !m->op[op].erase && m->geometry->program_step)
			step = m->geometry->program_step;
		matrix_one_cut(m, op, at, SIM_CLEAN);
		/* a register of several bytes is written at once */
		if (at < m->op[op].len && (m->log.sim.erase || m->log.sim.write == 1))
			matrix_one_cut(m, op, at, SIM_TORN);
		if (!at && !m->op[op].erase && m->log.sim.erase)
			matrix_one_cut(m, op, at, SIM_WEAK);
	}
}

/* One update: what does it do, then cut everywhere, then in peace. */
static void matrix_update(struct matrix *m)
{
	struct sim *sim = &m->log.sim;
	unsigned int op;
	int ret;

	sim_save(sim);
	m->known = m->log.store.log;
	sim_on(sim);
	ret = bootlog_write(&m->log, &m->new, false);
	m->n_ops = sim->n_ops;
	memcpy(m->op, sim->op, sizeof(m->op));
	if (m->n_ops > SIM_OPS_MAX)
		matrix_fail(m, "more operations than can be kept", 0, NULL);
	if (ret == -PVB_ENOSPC && sim->n_blocks == 1 && sim->erase) {
		if (m->n_ops)
			matrix_fail(m, "something was written to a full block", ret, NULL);
		/* asked for by force, it is not atomic */
		ret = matrix_write(m, &m->new);
		m->n_ops = 0;
	}
	if (ret == -PVB_EIO && sim->silent) {
		if (!matrix_expect(m, "not as before a failed update",
				   m->empty ? &m->new : &m->old, &m->new, m->empty))
			return;
		ret = matrix_write(m, &m->new);
		m->n_ops = 0;
	}
	if (ret)
		matrix_fail(m, "an update failed", ret, NULL);
	for (op = 0; op < m->n_ops && !m->failures; op++)
		matrix_cut_op(m, op);
	if (m->n_ops) {
		sim_restore(sim);
		m->log.store.log = m->known;
		sim_on(sim);
		matrix_write(m, &m->new);
	}
	/* the state of the log is kept from one update to the next */
	m->known = m->log.store.log;
	matrix_expect(m, "an update is not there", &m->new, NULL, false);
	m->log.store.log = m->known;
}

/* All updates on one geometry, or until one fails. */
static inline void matrix_run(struct matrix *m, const struct geometry *geometry)
{
	uint32_t i;

	memset(m, 0, sizeof(*m));
	m->geometry = geometry;
	bootlog_init(&m->log, &geometry->like, geometry->blank);
	m->log.sim.dull = true;
	for (i = 0; i < m->log.sim.n_blocks; i++)
		if (geometry->bad >> i & 1)
			m->log.sim.now.block[i] = SIM_BAD;
	memset(m->log.sim.dirty, 1, m->log.sim.n_blocks);
	m->empty = true;
	for (m->n = 0; m->n < geometry->updates && !m->failures; m->n++) {
		bootlog_flags(m->n, pvb_log_room(&m->log.store.medium), &m->new);
		bootlog_flags(m->n + 100001, pvb_log_room(&m->log.store.medium),
			      &m->next);
		matrix_update(m);
		m->old = m->new;
		m->empty = false;
	}
	if (m->log.sim.violations && !m->failures)
		matrix_fail(m, m->log.sim.violation, 0, NULL);
	bootlog_free(&m->log);
}

#endif
