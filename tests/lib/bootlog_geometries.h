/* SPDX-License-Identifier: MIT */
/*
 * The media that the matrix of power cuts goes over. Blocks are small, so that the
 * log goes round often: 1,000 updates are some 130 erases. Large blocks are cut at every
 * 97th byte of an erase only; PVKIT_MATRIX=full cuts them everywhere.
 */
#ifndef PVKIT_TESTS_BOOTLOG_GEOMETRIES_H
#define PVKIT_TESTS_BOOTLOG_GEOMETRIES_H

#include "ktap.h"
#include "bootlog_matrix.h"

#define NOR(n, block)	.size = (n) * (block), .erase = (block), .write = 1, .bitwise = true
#define UNITS(n, block, unit)	.size = (n) * (block), .erase = (block), .write = (unit)

static const struct geometry geometries[] = {
	{ .name = "NOR of 1 block", .like = { NOR(1, 2048) }, .blank = 0xff },
	{ .name = "NOR of 2 blocks", .like = { NOR(2, 512) }, .blank = 0xff },
	{ .name = "NOR of 16 blocks", .like = { NOR(16, 512) }, .blank = 0xff },
	{ .name = "NOR of 2 blocks, units of 4 once", .like = { UNITS(2, 512, 4) }, .blank = 0xff },
	{ .name = "NOR of 3 blocks, units of 8 once", .like = { UNITS(3, 512, 8) }, .blank = 0xff },
	{ .name = "NOR of 16 blocks, one bad, two cuts", .like = { NOR(16, 512) }, .blank = 0xff,
	  .bad = 1 << 5, .again = true },
	{ .name = "NOR of 4 blocks behind a cache", .like = { NOR(4, 512), .cached = true },
	  .blank = 0xff },
	{ .name = "NOR of 4 blocks, every 23rd program fails unseen",
	  .like = { NOR(4, 512), .silent = 23 }, .blank = 0xff },
	{ .name = "NAND of 4 blocks, one bad", .like = { UNITS(4, 8192, 2048) }, .blank = 0xff,
	  .bad = 1 << 2, .erase_step = 97, .program_step = 61 },
	{ .name = "NAND of 8 blocks, two bad, ECC", .like = { UNITS(8, 16384, 2048), .ecc = true },
	  .blank = 0xff, .bad = 1 << 2 | 1 << 5, .erase_step = 97 },
	{ .name = "copies of 8 bytes", .like = { .size = 16, .write = 1 } },
	{ .name = "copies of 8 bytes that were ones", .like = { .size = 16, .write = 1 },
	  .blank = 0xff },
	{ .name = "copies of two registers", .like = { .size = 16, .write = 4 } },
	{ .name = "copies of 16 bytes", .like = { .size = 32, .write = 1 } },
	{ .name = "copies of 16 bytes, every 7th program fails unseen",
	  .like = { .size = 32, .write = 1, .silent = 7 } },
	{ .name = "copies of 64 bytes", .like = { .size = 128, .write = 1 }, .blank = 0xff },
	{ .name = "copies of 256 bytes", .like = { .size = 1024, .write = 1 } },
};

#define N_GEOMETRIES	(sizeof(geometries) / sizeof(*geometries))

/* One result for each geometry. */
static inline void matrix_run_all(unsigned int updates)
{
	const char *full = getenv("PVKIT_MATRIX");
	static struct matrix m;
	struct geometry g;
	size_t i;

	for (i = 0; i < N_GEOMETRIES; i++) {
		g = geometries[i];
		g.updates = updates;
		if (full && !strcmp(full, "full"))
			g.erase_step = 1;
		if (full && !strcmp(full, "full"))
			g.program_step = 1;
		matrix_run(&m, &g);
		if (!ktap_eq((long long)m.failures, 0, "%s: %u updates, %lu cuts", g.name, m.n,
			     m.cuts))
			printf("# %s\n", m.failure);
	}
}

#endif
