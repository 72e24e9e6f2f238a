// SPDX-License-Identifier: MIT
/*
 * flag_find ROUNDS - finding the newest record of a log that fills its partition
 * libs: libubootenv
 *
 * Each size is filled once over with long records, so that every block is in use. Then
 * some updates of one slot each, as most are, a reading from nothing (a set without a
 * word), and so on: how many reads that takes, how many bytes, how long.
 */
#include "flag_media.h"

#define STEP		7	/* updates between two readings */
#define LONG_REASON	"reason=the longer the reason, the sooner the partition is full, and " \
			"this one is nearly as long as a reason may be"

static struct flash sizes[] = {
	{ "NOR, blocks of 4 KiB", false, 16, 4096, 256, 0, 0 },
	{ "NOR, blocks of 4 KiB", false, 32, 4096, 256, 0, 0 },
	{ "NOR, blocks of 4 KiB", false, 64, 4096, 256, 0, 0 },
	{ "NOR, blocks of 4 KiB", false, 128, 4096, 256, 0, 0 },
	{ "NOR, blocks of 4 KiB", false, 256, 4096, 256, 0, 0 },
	{ "NOR, blocks of 64 KiB", false, 16, 65536, 256, 0, 0 },
	{ "NAND, blocks of 128 KiB", true, 8, 131072, 2048, 0, 0 },
};

static void update(struct pvk_bf *bf, unsigned long n, bool is_long)
{
	char cursor[32];
	const char *words[] = { cursor, is_long ? LONG_REASON : "reason=", NULL };

	snprintf(cursor, sizeof(cursor), "cursor=%lu", n);
	set_words(bf, words);
}

static void measure(struct pvk_bf *bf, const struct flash *flash, unsigned int rounds)
{
	unsigned long n = 0;
	struct pvk_store store;
	struct pvk_err err;
	struct wear wear;
	unsigned int round, i;
	int64_t us;

	add_flash(flash);
	log_up(bf, flash);
	do {
		update(bf, ++n, true);
	} while (get_number(SIM, "erases") <= flash->blocks);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < STEP; i++)
			update(bf, ++n, false);
		wear = wear_now();
		us = now_us();
		put_file(STORES STORE "/", "set", "\n");
		us = now_us() - us;
		wear = wear_since(&wear);
		if (pvk_bf_store_get(bf, STORE, &store, &err) || store.flags.cursor != n)
			die("%s: not the newest record was found", flash->name);
		printf("{\"kind\":\"find\",\"flash\":\"%s\",\"kib\":%u,\"reads\":%lu,"
		       "\"bytes\":%lu,\"us\":%lld}\n", flash->name,
		       flash->blocks * flash->erase / 1024, wear.reads, wear.read_bytes,
		       (long long)us);
	}
	fflush(stdout);
	remove_store(bf);
	remove_flash();
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	struct pvk_bf *bf = open_bootflag();
	size_t i;

	if (!rounds)
		die("how many rounds?");
	for (i = 0; i < PVK_ARRAY_SIZE(sizes); i++) {
		printf("# %s, %u\n", sizes[i].name, sizes[i].blocks);
		measure(bf, &sizes[i], rounds);
	}
	pvk_bf_close(bf);
	return 0;
}
