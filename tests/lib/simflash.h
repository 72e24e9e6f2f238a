/* SPDX-License-Identifier: MIT */
/*
 * simflash - a medium for include/pvkit/medium.h that power is cut from
 *
 * Flash that programs by clearing bits, once a unit unless it is bitwise, pages of
 * a block in order; or bytes that are rewritten in place. sim_cut() says where power
 * goes: at byte K of the Nth program or erase, and what that leaves:
 *
 *	CLEAN	the bytes before K as they were to be, the others as they were
 *	TORN	of the others any bits may be as they were to be too; those which
 *		are not may seem so from sim_age() on. Of an erase: what is not
 *		erased yet reads as something else each time
 *	WEAK	the others read as they were, until sim_age()
 *
 * With .ecc a torn unit can't be read at all; with .cached nothing is on the
 * medium before sync(), and a cut leaves any part of what was written since. What
 * flash forbids is counted in .violations, with the first in .violation.
 */
#ifndef PVKIT_TESTS_SIMFLASH_H
#define PVKIT_TESTS_SIMFLASH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pvkit/medium.h>

#define SIM_SECTOR	64	/* what a cache writes at once */
#define SIM_OPS_MAX	256

enum sim_cut_kind { SIM_CLEAN, SIM_TORN, SIM_WEAK };

struct sim_op {
	bool erase;
	uint32_t at, len;
};

/* All that survives a power cut, so that it can be copied. */
struct sim_state {
	uint8_t *bytes;
	uint8_t *weak;		/* bits that a torn program may have cleared */
	uint8_t *unit;		/* of each write unit, SIM_... */
	uint8_t *block;		/* of each erase block */
};

#define SIM_PROGRAMMED	1	/* a unit */
#define SIM_UNREADABLE	2
#define SIM_IN_DOUBT	4	/* reads as erased after a torn program */
#define SIM_BAD		1	/* a block: marked so */
#define SIM_HALF	2	/* its erase was cut */
#define SIM_WORN	4	/* its programs fail */
#define SIM_STUCK	8	/* its erases fail */

struct sim {
	/* what it is like */
	uint32_t size, erase, write;
	bool bitwise, ecc, cached, no_marks;
	unsigned int silent;	/* each so manieth program leaves bits out and says nothing */
	int error;		/* what programs and erases return once error_after is 0 */
	unsigned int error_after;
	bool dull;		/* a cut that leaves what the one before left comes back as 2 */

	struct sim_state now, saved;
	uint8_t *durable;	/* cached: what sync() has reached */
	uint8_t *dirty;		/* of each block: differs from what was saved */
	uint32_t n_blocks, n_units, span;
	uint32_t half_from;	/* a half-erased block reads unsteadily from here to its end */

	/* what it has done */
	unsigned long reads, read_bytes, programs, programmed, erases, syncs, marked;
	unsigned int violations;
	const char *violation;
	struct sim_op op[SIM_OPS_MAX];
	unsigned int n_ops;
	unsigned long saved_programs;

	/* what is to happen */
	long cut_op;		/* -1: nothing */
	uint32_t cut_at;
	enum sim_cut_kind cut_kind;
	jmp_buf cut;
	uint64_t random;
};

static inline uint64_t sim_random(struct sim *sim)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return sim->random;
}

static inline void sim_violate(struct sim *sim, const char *what)
{
	if (!sim->violations++)
		sim->violation = what;
}

static inline void sim_touch(struct sim *sim, uint32_t at)
{
	sim->dirty[at / sim->span] = 1;
}

/* What a cache had not written yet is there or not, sector by sector. */
static inline void sim_lose_cache(struct sim *sim)
{
	uint32_t i, n;

	for (i = 0; i < sim->size; i += SIM_SECTOR) {
		n = sim->size - i < SIM_SECTOR ? sim->size - i : SIM_SECTOR;
		if (!memcmp(sim->now.bytes + i, sim->durable + i, n))
			continue;
		sim_touch(sim, i);
		if (sim_random(sim) & 1)
			memcpy(sim->durable + i, sim->now.bytes + i, n);
		else
			memcpy(sim->now.bytes + i, sim->durable + i, n);
	}
}

static inline void sim_power_off(struct sim *sim)
{
	if (sim->cached)
		sim_lose_cache(sim);
	longjmp(sim->cut, 1);
}

/* Byte K - 1 does not change: a cut at K is no other than one at K - 1. */
static inline bool sim_is_dull(const struct sim *sim, uint32_t at, const uint8_t *data,
			       uint32_t len)
{
	uint32_t k = sim->cut_at;
	uint8_t old;

	if (!sim->dull || k < 2 || k >= len)
		return false;
	old = sim->now.bytes[at + k - 1];
	return sim->ecc || old == (sim->erase ? old & data[k - 1] : data[k - 1]);
}

static inline bool sim_cut_here(struct sim *sim, bool erase, uint32_t at, uint32_t len)
{
	if (sim->n_ops < SIM_OPS_MAX)
		sim->op[sim->n_ops] = (struct sim_op){ .erase = erase, .at = at, .len = len };
	if (sim->cut_at > len)
		sim->cut_at = len;
	return (long)sim->n_ops++ == sim->cut_op;
}

static inline int sim_read(void *arg, uint32_t at, void *buf, uint32_t len)
{
	struct sim *sim = arg;
	uint8_t *to = buf;
	uint32_t i;

	sim->reads++;
	sim->read_bytes += len;
	if (at > sim->size || len > sim->size - at) {
		sim_violate(sim, "read beyond the end");
		return -PVB_EINVAL;
	}
	for (i = at / sim->write; sim->ecc && len && i <= (at + len - 1) / sim->write; i++)
		if (sim->now.unit[i] & SIM_UNREADABLE)
			return -PVB_EBADMSG;
	memcpy(to, sim->now.bytes + at, len);
	for (i = at / sim->span; sim->erase && len && i <= (at + len - 1) / sim->span; i++) {
		uint32_t j = i * sim->span > sim->half_from ? i * sim->span : sim->half_from;

		if (!(sim->now.block[i] & SIM_HALF))
			continue;
		for (j = j > at ? j : at; j < at + len && j < (i + 1) * sim->span; j++)
			to[j - at] = (uint8_t)sim_random(sim);
	}
	return 0;
}

/* Bytes before the cut are as they were to be; what of the others? */
static inline void sim_tear(struct sim *sim, uint32_t at, const uint8_t *data, uint32_t len)
{
	uint8_t *old = sim->now.bytes + at;
	uint8_t some, want;
	uint32_t i;

	for (i = sim->cut_at; i < len && sim->cut_kind != SIM_CLEAN; i++) {
		want = sim->erase ? old[i] & data[i] : data[i];
		some = sim->cut_kind == SIM_TORN ? (uint8_t)sim_random(sim) & (old[i] ^ want) : 0;
		old[i] ^= some;
		if (sim->erase)
			sim->now.weak[at + i] |= old[i] ^ want;
	}
	for (i = at / sim->write; i <= (at + len - 1) / sim->write && sim->erase; i++) {
		if (sim->cut_at > i * sim->write - at || sim->cut_kind != SIM_CLEAN)
			sim->now.unit[i] |= SIM_PROGRAMMED;
		if (sim->cut_kind == SIM_WEAK)
			sim->now.unit[i] |= SIM_IN_DOUBT;
		if (sim->ecc && sim->cut_kind != SIM_WEAK && sim->cut_at < len &&
		    (sim->cut_at || sim->cut_kind == SIM_TORN))
			sim->now.unit[i] |= SIM_UNREADABLE;
	}
}

static inline bool sim_all(const uint8_t *p, uint32_t len, uint8_t value)
{
	return !len || (p[0] == value && !memcmp(p, p + 1, len - 1));
}

/*
 * What flash does not allow. Zeros may go over anything, nobody reads that as data; and
 * no driver could tell that a unit in doubt is not erased: it will decay.
 */
static inline void sim_check_program(struct sim *sim, uint32_t at, const uint8_t *data,
				     uint32_t len)
{
	uint32_t i, last;

	if (sim->now.block[at / sim->erase] & SIM_BAD)
		sim_violate(sim, "programmed a bad block");
	if (sim_all(data, len, 0))
		return;
	if (sim->now.block[at / sim->erase] & SIM_HALF)
		sim_violate(sim, "programmed a block whose erase was cut");
	last = (at / sim->erase + 1) * (sim->erase / sim->write);
	for (i = at / sim->write; i < (at + len) / sim->write; i++)
		if (!sim->bitwise && (sim->now.unit[i] & (SIM_PROGRAMMED | SIM_IN_DOUBT)) ==
				     SIM_PROGRAMMED)
			sim_violate(sim, "programmed a unit twice");
	for (; i < last; i++)
		if (!sim->bitwise && (sim->now.unit[i] & SIM_PROGRAMMED))
			sim_violate(sim, "programmed a block's units out of order");
}

static inline void sim_store(struct sim *sim, uint32_t at, const uint8_t *data, uint32_t len)
{
	bool silent = sim->silent && !(sim->programs % sim->silent);
	uint32_t i;

	for (i = 0; i < len; i++) {
		uint8_t *byte = &sim->now.bytes[at + i];
		uint8_t want = sim->erase ? *byte & data[i] : data[i];

		if (silent && i >= len / 2)
			want |= *byte & 0x55;
		*byte = want;
		sim->now.weak[at + i] &= want;
	}
}

/* The medium goes, or was never to be written. */
static inline bool sim_is_gone(struct sim *sim)
{
	if (!sim->error)
		return false;
	if (sim->error_after) {
		sim->error_after--;
		return false;
	}
	return true;
}

static inline int sim_program(void *arg, uint32_t at, const void *buf, uint32_t len)
{
	struct sim *sim = arg;
	uint32_t i;

	if (!len || at % sim->write || len % sim->write || at > sim->size || len > sim->size - at) {
		sim_violate(sim, "programmed what is not whole units of the medium");
		return -PVB_EINVAL;
	}
	if (sim_is_gone(sim))
		return sim->error;
	if (sim->erase)
		sim_check_program(sim, at, buf, len);
	sim->programs++;
	sim->programmed += len;
	for (i = at / sim->span; i <= (at + len - 1) / sim->span; i++)
		sim->dirty[i] = 1;
	if (sim_cut_here(sim, false, at, len)) {
		if (sim_is_dull(sim, at, buf, len))
			longjmp(sim->cut, 2);
		if (sim->cut_at)
			sim_store(sim, at, buf, sim->cached ? len : sim->cut_at);
		if (!sim->cached)
			sim_tear(sim, at, buf, len);
		sim_power_off(sim);
	}
	if (sim->erase && (sim->now.block[at / sim->erase] & SIM_WORN)) {
		sim_store(sim, at, buf, len / 2);
		return -PVB_EIO;
	}
	sim_store(sim, at, buf, len);
	for (i = at / sim->write; i < (at + len) / sim->write; i++)
		sim->now.unit[i] |= SIM_PROGRAMMED;
	return 0;
}

static inline void sim_cut_erase(struct sim *sim, uint32_t at)
{
	if (!sim->cut_at && sim->cut_kind == SIM_CLEAN)
		return;
	memset(sim->now.bytes + at, 0xff, sim->cached ? sim->erase : sim->cut_at);
	if (sim->cached)
		return;
	sim->now.block[at / sim->erase] |= SIM_HALF;
	sim->half_from = sim->cut_kind == SIM_TORN ? at + sim->cut_at : sim->size;
}

static inline int sim_erase(void *arg, uint32_t at)
{
	struct sim *sim = arg;

	if (at % sim->erase || at >= sim->size) {
		sim_violate(sim, "erased what is not a block");
		return -PVB_EINVAL;
	}
	if (sim_is_gone(sim))
		return sim->error;
	if (sim->now.block[at / sim->erase] & SIM_BAD)
		sim_violate(sim, "erased a bad block");
	sim->erases++;
	sim_touch(sim, at);
	if (sim_cut_here(sim, true, at, sim->erase)) {
		sim_cut_erase(sim, at);
		sim_power_off(sim);
	}
	if (sim->now.block[at / sim->erase] & SIM_STUCK)
		return -PVB_EIO;
	memset(sim->now.bytes + at, 0xff, sim->erase);
	memset(sim->now.weak + at, 0, sim->erase);
	memset(sim->now.unit + at / sim->write, 0, sim->erase / sim->write);
	sim->now.block[at / sim->erase] &= (uint8_t)~SIM_HALF;
	return 0;
}

static inline int sim_is_bad(void *arg, uint32_t at)
{
	struct sim *sim = arg;

	return sim->now.block[at / sim->erase] & SIM_BAD;
}

static inline int sim_mark_bad(void *arg, uint32_t at)
{
	struct sim *sim = arg;

	sim->marked++;
	sim_touch(sim, at);
	sim->now.block[at / sim->erase] |= SIM_BAD;
	/* as drivers do, which erase it first */
	memset(sim->now.bytes + at, 0, sim->erase);
	return 0;
}

static inline int sim_sync(void *arg)
{
	struct sim *sim = arg;

	sim->syncs++;
	if (sim->cached)
		memcpy(sim->durable, sim->now.bytes, sim->size);
	return 0;
}

static inline void *sim_bytes(size_t size, int value)
{
	void *p = malloc(size);

	if (!p)
		abort();
	return memset(p, value, size);
}

static inline void sim_state_init(struct sim *sim, struct sim_state *state, uint8_t blank)
{
	state->bytes = sim_bytes(sim->size, blank);
	state->weak = sim_bytes(sim->size, 0);
	state->unit = sim_bytes(sim->n_units, 0);
	state->block = sim_bytes(sim->n_blocks, 0);
}

static inline void sim_state_free(struct sim_state *state)
{
	free(state->bytes);
	free(state->weak);
	free(state->unit);
	free(state->block);
}

/* Size, erase, write and what it is like are filled in; all bytes are `blank`. */
static inline void sim_init(struct sim *sim, uint8_t blank)
{
	sim->span = sim->erase ? sim->erase : sim->size;
	sim->n_blocks = sim->size / sim->span;
	sim->n_units = (sim->size + sim->write - 1) / sim->write;
	sim_state_init(sim, &sim->now, blank);
	sim_state_init(sim, &sim->saved, blank);
	sim->durable = sim_bytes(sim->size, blank);
	sim->dirty = sim_bytes(sim->n_blocks, 0);
	sim->half_from = sim->size;
	sim->cut_op = -1;
	sim->random = 0x9e3779b97f4a7c15u;
}

static inline void sim_free(struct sim *sim)
{
	sim_state_free(&sim->now);
	sim_state_free(&sim->saved);
	free(sim->durable);
	free(sim->dirty);
}

static inline struct pvb_medium sim_medium(struct sim *sim)
{
	return (struct pvb_medium){
		.arg = sim, .size = sim->size, .erase = sim->erase, .write = sim->write,
		.bitwise = sim->bitwise, .read = sim_read, .program = sim_program,
		.erase_block = sim->erase ? sim_erase : NULL,
		.is_bad = sim->erase ? sim_is_bad : NULL,
		.mark_bad = sim->erase && !sim->no_marks ? sim_mark_bad : NULL,
		.sync = sim_sync,
	};
}

static inline void sim_copy_block(struct sim *sim, struct sim_state *to,
				  const struct sim_state *from, uint32_t i)
{
	uint32_t at = i * sim->span, u = at / sim->write;
	uint32_t n = (sim->span + sim->write - 1) / sim->write;

	memcpy(to->bytes + at, from->bytes + at, sim->span);
	memcpy(to->weak + at, from->weak + at, sim->span);
	memcpy(to->unit + u, from->unit + u, n);
	to->block[i] = from->block[i];
	sim->dirty[i] = 0;
}

/* Remembers what is on the medium. A cache is empty at that time: synced. */
static inline void sim_save(struct sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->n_blocks; i++)
		if (sim->dirty[i])
			sim_copy_block(sim, &sim->saved, &sim->now, i);
	sim->saved_programs = sim->programs;
}

static inline void sim_restore(struct sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->n_blocks; i++) {
		if (!sim->dirty[i])
			continue;
		sim_copy_block(sim, &sim->now, &sim->saved, i);
		memcpy(sim->durable + i * sim->span, sim->now.bytes + i * sim->span, sim->span);
	}
	sim->half_from = sim->size;
	sim->programs = sim->saved_programs;
}

/* No cut, and operations are counted from 0. */
static inline void sim_on(struct sim *sim)
{
	sim->cut_op = -1;
	sim->n_ops = 0;
}

/* Power goes in operation `op` from now. */
static inline void sim_cut(struct sim *sim, unsigned int op, uint32_t at, enum sim_cut_kind kind)
{
	sim->n_ops = 0;
	sim->cut_op = op;
	sim->cut_at = at;
	sim->cut_kind = kind;
}

/* Time passes: what a torn program left in doubt turns out to be programmed. */
static inline void sim_age(struct sim *sim)
{
	uint32_t i, at;

	for (i = 0; i < sim->n_blocks; i++) {
		if (!sim->dirty[i])
			continue;
		for (at = i * sim->span; at < (i + 1) * sim->span; at++) {
			sim->now.bytes[at] &= (uint8_t)~sim->now.weak[at];
			sim->now.weak[at] = 0;
			if (sim->ecc && (sim->now.unit[at / sim->write] & SIM_IN_DOUBT))
				sim->now.unit[at / sim->write] |= SIM_UNREADABLE;
		}
	}
}

#endif
