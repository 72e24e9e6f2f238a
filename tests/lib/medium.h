/* SPDX-License-Identifier: MIT */
/*
 * medium.h - a medium in memory, for the formats of include/pvkit
 *
 * Flash programs by AND and, unless it is bitwise, a unit only once. `cut` bytes
 * after it was set the power fails: in a program the byte at hand is half done, an
 * erase leaves part of the block, in one of three ways.
 */
#ifndef PVKIT_TESTS_MEDIUM_H
#define PVKIT_TESTS_MEDIUM_H

#include <stdlib.h>
#include <string.h>

#include <pvkit/format.h>

enum sim_tear {
	SIM_FROM_START,		/* the first bytes are erased, the rest is as it was */
	SIM_FROM_END,
	SIM_NOISE,		/* some bits of every byte */
	SIM_TEARS,
	SIM_ONE_BYTE = SIM_TEARS,	/* a bit of one, which an ECC would tell */
	SIM_TEARS_NO_ECC
};

struct sim {
	uint8_t data[64 * 1024 + 4096];
	struct pvb_medium *medium;
	long cut;		/* negative: never */
	enum sim_tear tear;
	bool off;
	bool abused;		/* a unit programmed twice, or not a whole one */
	unsigned int programs, erases, reads;
	long bytes;		/* that would have been programmed or erased: where to cut */
	uint32_t bad;		/* block that is bad, plus 1 */
	bool deaf;		/* programs do nothing, and say nothing of it */
};

static inline bool sim_spend(struct sim *sim)
{
	sim->bytes++;
	if (sim->cut < 0)
		return true;
	if (!sim->cut--)
		sim->off = true;
	return !sim->off;
}

static inline int sim_read(void *arg, uint32_t at, void *buf, uint32_t len)
{
	struct sim *sim = arg;

	sim->reads++;
	if (sim->off || at > sim->medium->size || len > sim->medium->size - at)
		return -PVB_EIO;
	memcpy(buf, sim->data + at, len);
	return 0;
}

static inline int sim_program(void *arg, uint32_t at, const void *buf, uint32_t len)
{
	const struct pvb_medium *m = ((struct sim *)arg)->medium;
	const uint8_t *p = buf;
	struct sim *sim = arg;
	uint32_t i, unit = m->write ? m->write : 1;

	sim->programs++;
	if (sim->off || at > m->size || len > m->size - at)
		return -PVB_EIO;
	if (at % unit || len % unit)
		sim->abused = true;
	for (i = 0; i < len && !sim->deaf; i++) {
		if (m->erase && !m->bitwise && sim->data[at + i] != 0xff)
			sim->abused = true;
		if (!sim_spend(sim)) {
			if (m->erase)
				sim->data[at + i] &= p[i] | 0x5a;
			return -PVB_EIO;
		}
		sim->data[at + i] = m->erase ? sim->data[at + i] & p[i] : p[i];
	}
	return 0;
}

static inline int sim_erase(void *arg, uint32_t at)
{
	struct sim *sim = arg;
	uint32_t size = sim->medium->erase, done = 0, i;
	uint8_t *p = sim->data + at;

	sim->erases++;
	if (sim->off || at % size)
		return -PVB_EIO;
	while (done < size && sim_spend(sim))
		done++;
	if (done == size) {
		memset(p, 0xff, size);
		return 0;
	}
	if (sim->tear == SIM_ONE_BYTE)
		p[done] |= (uint8_t)(done & 1 ? 0x12 : 0x81);
	for (i = 0; i < size && sim->tear < SIM_TEARS; i++) {
		if (sim->tear == SIM_NOISE)
			p[i] |= (uint8_t)(done * 256 / size) & (uint8_t)(i * 37 + 0x91);
		else if (sim->tear == SIM_FROM_START ? i < done : i >= size - done)
			p[i] = 0xff;
	}
	return -PVB_EIO;
}

static inline int sim_is_bad(void *arg, uint32_t at)
{
	struct sim *sim = arg;

	return sim->bad == at / sim->medium->erase + 1;
}

/* A store of the format, on a medium of that kind, full of `fill`. */
static inline void sim_init(struct sim *sim, struct pvb_store *store,
			    const struct pvb_format *format, uint32_t size, uint32_t erase,
			    uint32_t write, bool bitwise, uint8_t fill)
{
	static uint8_t work[64 * 1024];

	memset(sim, 0, sizeof(*sim));
	memset(sim->data, fill, sizeof(sim->data));
	memset(store, 0, sizeof(*store));
	sim->cut = -1;
	sim->medium = &store->medium;
	store->format = format;
	store->work = work;
	store->work_size = sizeof(work);
	store->medium = (struct pvb_medium) {
		.arg = sim, .size = size, .erase = erase, .write = write, .bitwise = bitwise,
		.read = sim_read, .program = sim_program,
		.erase_block = erase ? sim_erase : NULL,
		.is_bad = erase ? sim_is_bad : NULL,
	};
}

/* The power is back. */
static inline void sim_revive(struct sim *sim)
{
	sim->off = false;
	sim->cut = -1;
}

#endif
