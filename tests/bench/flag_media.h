/* SPDX-License-Identifier: MIT */
/*
 * flag_media - simulated flash, and the ways to keep a boot flag on it
 *
 * Every way has a flash of its own, erased and of the same size (tests/modules/simflash.c
 * counts what is done to it), and changes one flag, `tries`, each time to another number.
 */
#ifndef PVKIT_BENCH_FLAG_MEDIA_H
#define PVKIT_BENCH_FLAG_MEDIA_H

#include <stddef.h>

#include <libuboot.h>
#include <linux/pv_bootflag.h>

#include "bench.h"
#include "bootflag.h"

#define SIM		"/sys/module/simflash/parameters/"
#define STORES		"/sys/class/pv_bootflag/"
#define STORE		"bench"
#define ENV_CONFIG	"/etc/fw_env.config"
#define ENV_DEFAULT	"/tmp/bench/env"
#define ENV_VARIABLE	"pvkit_tries"

struct flash {
	const char *name;
	bool nand;
	unsigned int blocks;
	unsigned int erase;		/* bytes of a block */
	unsigned int page;
	unsigned int page_us;		/* what data sheets call typical */
	unsigned int erase_us;
};

/* As W25Q128, and as most SLC NAND of 1 Gbit. */
static const struct flash flashes[] = {
	{ "NOR", false, 4, 64 * 1024, 256, 400, 150000 },
	{ "NAND", true, 4, 128 * 1024, 2048, 300, 2000 },
};

/* ---- files of the kernel ---- */

static inline void put_file(const char *dir, const char *file, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: '%s': %s", path, text, strerror(errno));
	close(fd);
}

static inline void put_number(const char *dir, const char *file, unsigned long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", number);
	put_file(dir, file, text);
}

static inline void get_file(const char *dir, const char *file, char *text, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (n < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static inline unsigned long get_number(const char *dir, const char *file)
{
	char text[32];

	get_file(dir, file, text, sizeof(text));
	return strtoul(text, NULL, 10);
}

/* ---- flash ---- */

struct wear {
	unsigned long erases;
	unsigned long most;		/* of one block */
	unsigned long programs;		/* calls */
	unsigned long bytes;		/* programmed */
	unsigned long reads;		/* calls */
	unsigned long read_bytes;
};

static inline struct wear wear_now(void)
{
	return (struct wear) {
		.erases = get_number(SIM, "erases"),
		.most = get_number(SIM, "erases_most"),
		.programs = get_number(SIM, "programs"),
		.bytes = get_number(SIM, "program_bytes"),
		.reads = get_number(SIM, "reads"),
		.read_bytes = get_number(SIM, "read_bytes"),
	};
}

static inline struct wear wear_since(const struct wear *before)
{
	struct wear now = wear_now();

	now.erases -= before->erases;
	now.most -= before->most;
	now.programs -= before->programs;
	now.bytes -= before->bytes;
	now.reads -= before->reads;
	now.read_bytes -= before->read_bytes;
	return now;
}

static inline void add_flash(const struct flash *flash)
{
	char words[4][32];
	char *argv[] = { "modprobe", "simflash", words[0], words[1], words[2], words[3], NULL };

	snprintf(words[0], sizeof(words[0]), "nand=%d", flash->nand);
	snprintf(words[1], sizeof(words[1]), "blocks=%u", flash->blocks);
	snprintf(words[2], sizeof(words[2]), "erase=%u", flash->erase);
	snprintf(words[3], sizeof(words[3]), "write=%u", flash->nand ? flash->page : 1);
	run(argv);
}

static inline void remove_flash(void)
{
	static char *argv[] = { "rmmod", "simflash", NULL };

	if (get_number(SIM, "violations"))
		die("the flash was asked for what flash can't");
	run(argv);
}

static inline void flash_times(const struct flash *flash, bool real)
{
	put_number(SIM, "page_us", real ? flash->page_us : 0);
	put_number(SIM, "erase_us", real ? flash->erase_us : 0);
}

/* ---- stores of pv_bootflag ---- */

static inline struct pvk_bf *open_bootflag(void)
{
	static char *argv[] = { "modprobe", "pv_bootflag", NULL };
	struct pvk_bf *bf;
	struct pvk_err err;

	run(argv);
	if (pvk_bf_open(&bf, NULL, NULL, &err))
		die("pv_bootflag: %s", err.text);
	return bf;
}

/* Returns when it was read, in whatever state it is then. */
static inline void add_store(struct pvk_bf *bf, const char *spec)
{
	struct pvk_store store;
	struct pvk_err err;
	int tries;

	if (pvk_bf_store_add(bf, STORE, spec, &err))
		die("%s: %s", spec, err.text);
	for (tries = 0; tries < 500; tries++) {
		if (pvk_bf_store_get(bf, STORE, &store, &err))
			die("%s: %s", STORE, err.text);
		if (store.state != PV_BOOTFLAG_STATE_ABSENT)
			return;
		sleep_ms(10);
	}
	die("%s: the medium does not come: %s", spec, store.text);
}

static inline void remove_store(struct pvk_bf *bf)
{
	struct pvk_err err;

	if (pvk_bf_store_del(bf, STORE, &err))
		die("%s: %s", STORE, err.text);
}

static inline void set_words(struct pvk_bf *bf, const char *const words[])
{
	struct pvk_change change = { 0 };
	struct pvk_err err;
	int ret = 0;

	for (; *words && !ret; words++)
		ret = pvk_change_word(&change, *words, &err);
	if (ret || pvk_bf_set(bf, STORE, &change, PVK_SET_TIMEOUT_MS, NULL, &err))
		die("set: %s", err.text);
}

/* ---- ways ---- */

/* What the nth update sets: never what is there. */
static inline unsigned int tries_of(unsigned long n)
{
	return (unsigned int)(n % 7) + 1;
}

static inline void by_kernel(struct pvk_bf *bf, unsigned long n)
{
	struct pvk_change change = { 0 };
	struct pvk_err err;

	if (pvk_flags_set_number(&change.set, PVB_TRIES, tries_of(n), &err) ||
	    pvk_bf_set(bf, STORE, &change, PVK_SET_TIMEOUT_MS, NULL, &err))
		die("update %lu: %s", n, err.text);
}

static inline void by_program(struct pvk_bf *bf, unsigned long n)
{
	static char number[16];
	static char *argv[] = { "fw_setenv", ENV_VARIABLE, number, NULL };

	(void)bf;
	snprintf(number, sizeof(number), "%u", tries_of(n));
	run(argv);
}

/* What fw_setenv does, in one process for all updates. */
static inline void by_library(struct pvk_bf *bf, unsigned long n)
{
	struct uboot_ctx *ctx;
	char number[16];

	(void)bf;
	snprintf(number, sizeof(number), "%u", tries_of(n));
	if (libuboot_initialize(&ctx, NULL) < 0 || libuboot_read_config(ctx, ENV_CONFIG) < 0 ||
	    libuboot_open(ctx) < 0 || libuboot_set_env(ctx, ENV_VARIABLE, number) ||
	    libuboot_env_store(ctx))
		die("libubootenv: update %lu", n);
	libuboot_close(ctx);
	libuboot_exit(ctx);
}

/* The flash is there. No other MTD is. */
static inline void make_environment(const struct flash *flash, bool redundant)
{
	/* that there is none yet is nothing to complain of */
	static char *argv[] = {
		"sh", "-c", "exec fw_setenv -f " ENV_DEFAULT " " ENV_VARIABLE " 0 2>/dev/null", NULL
	};
	FILE *config = fopen(ENV_CONFIG, "we"), *env;
	unsigned int i;

	if (!config)
		die(ENV_CONFIG ": %s", strerror(errno));
	for (i = 0; i < (redundant ? 2 : 1); i++)
		fprintf(config, "/dev/mtd0 0x%x 0x%x 0x%x 1\n", i * flash->erase, flash->erase,
			flash->erase);
	env = fopen(ENV_DEFAULT, "we");
	if (fclose(config) || !env)
		die("%s: %s", env ? ENV_CONFIG : ENV_DEFAULT, strerror(errno));
	for (i = 0; i < 40; i++)
		fprintf(env, "variable_%u=load mmc 0:1 ${kernel_addr_r} boot/file-%u\n", i, i);
	if (fclose(env))
		die(ENV_DEFAULT ": %s", strerror(errno));
	run(argv);
}

static inline void log_up(struct pvk_bf *bf, const struct flash *flash)
{
	(void)flash;
	add_store(bf, "medium=mtd device=simflash format=log rate=none");
}

/* With its backup in another erase block: without, a cut leaves nothing. */
static inline void bcb_up(struct pvk_bf *bf, const struct flash *flash)
{
	static const char *const first[] = { "slot=0", "tries=1", "successful=0", NULL };
	char spec[128];

	snprintf(spec, sizeof(spec), "medium=mtd device=simflash format=bcb backup=%u rate=none",
		 flash->erase + 2048);
	add_store(bf, spec);
	set_words(bf, first);
}

static inline void redundant_up(struct pvk_bf *bf, const struct flash *flash)
{
	(void)bf;
	make_environment(flash, true);
}

static inline void single_up(struct pvk_bf *bf, const struct flash *flash)
{
	(void)bf;
	make_environment(flash, false);
}

struct flag_way {
	const char *name;
	void (*up)(struct pvk_bf *bf, const struct flash *flash);
	void (*update)(struct pvk_bf *bf, unsigned long n);
	bool kernel;			/* it is a store of pv_bootflag */
};

static inline void way_up(const struct flag_way *way, struct pvk_bf *bf,
			  const struct flash *flash)
{
	add_flash(flash);
	way->up(bf, flash);
}

static inline void way_down(const struct flag_way *way, struct pvk_bf *bf)
{
	if (way->kernel)
		remove_store(bf);
	remove_flash();
}

#endif /* PVKIT_BENCH_FLAG_MEDIA_H */
