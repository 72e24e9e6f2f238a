// SPDX-License-Identifier: MIT
/*
 * flag_wear UPDATES - what changing one flag so many times does to flash
 * libs: libubootenv
 *
 * All ways on flash of the same size, one after the other. A process for each update
 * would take an hour, so fw_setenv's updates are made by what fw_setenv is made of,
 * libubootenv, in a loop; before that a hundred are made by both, and have to be the
 * same erases and the same bytes. Of BCB, which erases two blocks each time, a tenth is
 * made.
 */
#include "flag_media.h"

#define SAME_UPDATES	100
#define BCB_PART	10

static const struct flag_way ways[] = {
	{ "log", log_up, by_kernel, true },
	{ "fw_setenv, redundant", redundant_up, by_library, false },
	{ "fw_setenv, single", single_up, by_library, false },
	{ "BCB with backup", bcb_up, by_kernel, true },
};

static struct wear measure(struct pvk_bf *bf, const struct flash *flash,
			   const struct flag_way *way, unsigned long updates)
{
	struct wear wear;
	unsigned long n;

	way_up(way, bf, flash);
	wear = wear_now();
	for (n = 1; n <= updates; n++)
		way->update(bf, n);
	wear = wear_since(&wear);
	way_down(way, bf);
	return wear;
}

static void print_wear(const struct flash *flash, const char *way, const char *by,
		       unsigned long updates, const struct wear *wear)
{
	printf("{\"kind\":\"wear\",\"flash\":\"%s\",\"block\":%u,\"blocks\":%u,\"page\":%u,"
	       "\"way\":\"%s\",\"by\":\"%s\",\"updates\":%lu,\"erases\":%lu,\"most\":%lu,"
	       "\"programs\":%lu,\"bytes\":%lu}\n", flash->name, flash->erase, flash->blocks,
	       flash->page, way, by, updates, wear->erases, wear->most, wear->programs,
	       wear->bytes);
	fflush(stdout);
}

static void hold_against_program(struct pvk_bf *bf, const struct flash *flash,
				 const struct flag_way *way)
{
	struct flag_way real = *way;
	struct wear program, library;

	real.update = by_program;
	program = measure(bf, flash, &real, SAME_UPDATES);
	library = measure(bf, flash, way, SAME_UPDATES);
	print_wear(flash, way->name, "program", SAME_UPDATES, &program);
	print_wear(flash, way->name, "library", SAME_UPDATES, &library);
	if (memcmp(&program, &library, sizeof(program)))
		die("%s, %s: fw_setenv and libubootenv are not the same", flash->name, way->name);
}

int main(int argc, char **argv)
{
	unsigned long updates = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	struct pvk_bf *bf = open_bootflag();
	struct wear wear;
	unsigned long n;
	size_t f, w;

	if (!updates)
		die("how many updates?");
	for (f = 0; f < PVK_ARRAY_SIZE(flashes); f++) {
		for (w = 0; w < PVK_ARRAY_SIZE(ways); w++) {
			printf("# %s, %s\n", flashes[f].name, ways[w].name);
			if (!ways[w].kernel)
				hold_against_program(bf, &flashes[f], &ways[w]);
			n = ways[w].up == bcb_up ? updates / BCB_PART : updates;
			wear = measure(bf, &flashes[f], &ways[w], n);
			print_wear(&flashes[f], ways[w].name,
				   ways[w].kernel ? "kernel" : "library", n, &wear);
		}
	}
	pvk_bf_close(bf);
	return 0;
}
