// SPDX-License-Identifier: MIT
/*
 * Power is cut in the very first update of the log format, and in each retry: a board
 * whose first boots all end like that needs nobody to force anything.
 */
#include "ktap.h"
#include "bootlog_first.h"

#define NOR(n, block)	.size = (n) * (block), .erase = (block), .write = 1, .bitwise = true
#define UNITS(n, block, unit)	.size = (n) * (block), .erase = (block), .write = (unit)

static const struct first cases[] = {
	{ .name = "NOR of 1 block", .like = { NOR(1, 2048) }, .blank = 0xff, .cuts = 8 },
	{ .name = "NOR of 2 blocks", .like = { NOR(2, 1024) }, .blank = 0xff, .retry_step = 7,
	  .cuts = 10 },
	{ .name = "NOR of 8 blocks, one bad", .like = { NOR(8, 1024) }, .blank = 0xff, .bad = 1,
	  .retry_step = 7, .cuts = 10 },
	{ .name = "NOR of 1 block, units of 8 once", .like = { UNITS(1, 2048, 8) }, .blank = 0xff,
	  .retry_step = 3, .cuts = 8 },
	{ .name = "NOR of 3 blocks, units of 16 once", .like = { UNITS(3, 1024, 16) },
	  .blank = 0xff, .retry_step = 7, .cuts = 8 },
	{ .name = "NAND of 1 block", .like = { UNITS(1, 16 * 256, 256) }, .blank = 0xff, .step = 17,
	  .cuts = 6 },
	{ .name = "NAND of 1 block, ECC", .like = { UNITS(1, 16 * 256, 256), .ecc = true },
	  .blank = 0xff, .step = 17, .cuts = 4 },
	{ .name = "NAND of 2 blocks, ECC", .like = { UNITS(2, 8 * 256, 256), .ecc = true },
	  .blank = 0xff, .step = 17, .cuts = 4 },
	{ .name = "NAND of 6 blocks, two bad, ECC",
	  .like = { UNITS(6, 8 * 256, 256), .ecc = true }, .blank = 0xff, .bad = 1 << 0 | 1 << 2,
	  .step = 17, .cuts = 4 },
	{ .name = "copies of 8 bytes", .like = { .size = 16, .write = 1 }, .cuts = 8 },
	{ .name = "copies of 8 bytes that were ones", .like = { .size = 16, .write = 1 },
	  .blank = 0xff, .cuts = 8 },
	{ .name = "copies of 64 bytes that were ones", .like = { .size = 128, .write = 1 },
	  .blank = 0xff, .retry_step = 3, .cuts = 8 },
	{ .name = "copies of 256 bytes", .like = { .size = 512, .write = 1 }, .step = 29,
	  .cuts = 8 },
};

int main(void)
{
	static struct first_run run;
	size_t i;

	ktap_plan(PVB_COUNT(cases));
	for (i = 0; i < PVB_COUNT(cases); i++) {
		first_run(&run, &cases[i]);
		if (!ktap_eq((long long)run.m.failures, 0, "%s: %lu cuts, %u in a row, %lu times",
			     cases[i].name, run.m.cuts, cases[i].cuts, run.walks))
			printf("# %s\n", run.m.failure);
	}
	return ktap_finish();
}
