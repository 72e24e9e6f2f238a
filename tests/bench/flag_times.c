// SPDX-License-Identifier: MIT
/*
 * flag_times ROUNDS - how long one update of a flag takes
 * libs: libubootenv
 *
 * From the asking until it is on the flash, read back. Once on a flash that takes no
 * time, once on one that takes what data sheets say (its waits are sleeps, so they
 * cost the same with any clock). Then registers: a store of pv_bootflag beside the
 * same bytes written to the file that the kernel gives of the nvmem device.
 */
#include "flag_media.h"

#define NVMEM		"/sys/bus/nvmem/devices/"
#define TURNS		100	/* register writes that are timed together */
#define FILL_MAX	10000	/* updates until a block is full */

static struct pvk_bf *bf;

/* ---- ways ---- */

static void by_pvkit(struct pvk_bf *unused, unsigned long n)
{
	static char word[16];
	static char *argv[] = { "pvkit", "flag", "set", "--store", STORE, word, NULL };

	(void)unused;
	snprintf(word, sizeof(word), "tries=%u", tries_of(n));
	run(argv);
}

static void by_sysfs(struct pvk_bf *unused, unsigned long n)
{
	(void)unused;
	put_number(STORES STORE "/", "tries", tries_of(n));
}

static const struct flag_way ways[] = {
	{ "fw_setenv, redundant", redundant_up, by_program, false },
	{ "fw_setenv, single", single_up, by_program, false },
	{ "libubootenv, redundant", redundant_up, by_library, false },
	{ "log, pvkit flag set", log_up, by_pvkit, true },
	{ "log, netlink", log_up, by_kernel, true },
	{ "log, sysfs", log_up, by_sysfs, true },
	{ "BCB with backup, netlink", bcb_up, by_kernel, true },
};

static void print_time(const struct flash *flash, bool real, const char *way, bool erase,
		       int64_t us)
{
	printf("{\"kind\":\"flag_time\",\"flash\":\"%s\",\"medium\":\"%s\",\"way\":\"%s\","
	       "\"erase\":%s,\"us\":%lld}\n", flash->name, real ? "data sheet" : "none", way,
	       erase ? "true" : "false", (long long)us);
}

static int64_t timed(const struct flag_way *way, unsigned long n)
{
	int64_t start = now_us();

	way->update(bf, n);
	return now_us() - start;
}

/* Goes on until the log begins another block: the longest that an update takes. */
static void measure_erase(const struct flash *flash, const struct flag_way *way,
			  unsigned long n)
{
	unsigned long before = get_number(SIM, "erases"), end = n + FILL_MAX;
	int64_t us;

	do {
		if (n == end)
			die("%s, %s: no erase in %d updates", flash->name, way->name, FILL_MAX);
		us = timed(way, n++);
	} while (get_number(SIM, "erases") == before);
	print_time(flash, true, way->name, true, us);
}

static bool is_log(const struct flag_way *way)
{
	return way->up == log_up;
}

static void measure_flash(const struct flash *flash, unsigned int rounds)
{
	unsigned long n, erases;
	unsigned int round;
	int64_t us;
	size_t w;
	int real;

	for (w = 0; w < PVK_ARRAY_SIZE(ways); w++) {
		way_up(&ways[w], bf, flash);
		n = 1;
		for (real = 0; real < 2; real++) {
			flash_times(flash, real);
			for (round = 0; round <= rounds; round++) {
				settle(round, rounds);
				erases = get_number(SIM, "erases");
				us = timed(&ways[w], n++);
				/* a log's erase is a row of its own */
				if (round && !(is_log(&ways[w]) &&
					       get_number(SIM, "erases") != erases))
					print_time(flash, real, ways[w].name, false, us);
			}
		}
		if (is_log(&ways[w]) && ways[w].update == by_kernel)
			measure_erase(flash, &ways[w], n);
		way_down(&ways[w], bf);
	}
}

/* A process that does nothing but start, as a floor under those that do. */
static void measure_starts(unsigned int rounds)
{
	static char *const starts[][3] = {
		{ "pvkit", "--version", NULL },
		{ "fw_setenv", "--version", NULL },
		{ "busybox", "true", NULL },
	};
	unsigned int round;
	int64_t start, us;
	size_t i;

	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < PVK_ARRAY_SIZE(starts); i++) {
			settle(round, rounds);
			start = now_us();
			run(starts[i]);
			us = now_us() - start;
			if (round)
				printf("{\"kind\":\"flag_start\",\"what\":\"%s %s\","
				       "\"us\":%lld}\n", starts[i][0], starts[i][1],
				       (long long)us);
		}
	}
}

/* ---- registers ---- */

static const struct {
	const char *name;
	const char *spec;		/* of its format */
	const char *file;		/* of the store */
	unsigned int bytes;
	const char *text[2];		/* to be set in turns */
	uint8_t raw[2][4];		/* and what that is in the register */
} registers[] = {
	{ "magic, 4 bytes", "format=magic mode-recovery=0x52 mode-bootloader=0x42", "mode", 4,
	  { "recovery", "bootloader" }, { { 0x52 }, { 0x42 } } },
	{ "bootcount, 2 bytes", "format=bootcount form=rtc limit=3", "tries", 2,
	  { "2", "1" }, { { 1, 0xbc }, { 2, 0xbc } } },
};

static const struct {
	const char *name;
	const char *device;
	unsigned int offset;
} chips[] = {
	{ "memory", "simnvmem", 8 },
	{ "CMOS RTC", "cmos_nvram0", 64 },
};

static void print_register(size_t chip, size_t reg, const char *way, int64_t us)
{
	printf("{\"kind\":\"register\",\"chip\":\"%s\",\"what\":\"%s\",\"way\":\"%s\","
	       "\"us\":%.2f}\n", chips[chip].name, registers[reg].name, way,
	       (double)us / TURNS);
}

static int64_t write_raw(int fd, size_t chip, size_t reg, bool check)
{
	unsigned int bytes = registers[reg].bytes, at = chips[chip].offset, i;
	int64_t start = now_us();
	uint8_t got[4];

	for (i = 0; i < TURNS; i++) {
		const uint8_t *raw = registers[reg].raw[i & 1];

		if (pwrite(fd, raw, bytes, at) != (ssize_t)bytes)
			die("%s: %s", chips[chip].device, strerror(errno));
		if (check && (pread(fd, got, bytes, at) != (ssize_t)bytes ||
			      memcmp(got, raw, bytes)))
			die("%s: something else is read back", chips[chip].device);
	}
	return now_us() - start;
}

static int64_t write_sysfs(size_t reg)
{
	char path[128];
	int64_t start;
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), STORES STORE "/%s", registers[reg].file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	start = now_us();
	for (i = 0; i < TURNS; i++) {
		const char *text = registers[reg].text[i & 1];

		if (pwrite(fd, text, strlen(text), 0) < 0)
			die("%s: %s", path, strerror(errno));
	}
	start = now_us() - start;
	close(fd);
	return start;
}

static int64_t write_netlink(size_t reg)
{
	struct pvk_change change[2] = { 0 };
	struct pvk_err err;
	int64_t start;
	char word[64];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		snprintf(word, sizeof(word), "%s=%s", registers[reg].file,
			 registers[reg].text[i]);
		if (pvk_change_word(&change[i], word, &err))
			die("%s", err.text);
	}
	start = now_us();
	for (i = 0; i < TURNS; i++)
		if (pvk_bf_set(bf, STORE, &change[i & 1], PVK_SET_TIMEOUT_MS, NULL, &err))
			die("%s: %s", word, err.text);
	return now_us() - start;
}

/* Both have written the same when they are done. */
static void same_bytes(int fd, size_t chip, size_t reg)
{
	const uint8_t *raw = registers[reg].raw[(TURNS - 1) & 1];
	unsigned int bytes = registers[reg].bytes;
	uint8_t got[4];

	if (pread(fd, got, bytes, chips[chip].offset) != (ssize_t)bytes ||
	    memcmp(got, raw, bytes))
		die("%s: the store and the file do not write the same", registers[reg].name);
}

static void measure_register(size_t chip, size_t reg, unsigned int rounds)
{
	unsigned int round;
	char text[256];
	int64_t us;
	int fd;

	snprintf(text, sizeof(text), NVMEM "%s/nvmem", chips[chip].device);
	fd = open(text, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", text, strerror(errno));
	write_raw(fd, chip, reg, true);
	snprintf(text, sizeof(text), "medium=nvmem device=%s offset=%u size=%u keep %s",
		 chips[chip].device, chips[chip].offset, registers[reg].bytes,
		 registers[reg].spec);
	add_store(bf, text);
	for (round = 0; round <= rounds; round++) {
		settle(round, rounds);
		us = write_raw(fd, chip, reg, false);
		if (round)
			print_register(chip, reg, "file", us);
		us = write_raw(fd, chip, reg, true);
		if (round)
			print_register(chip, reg, "file, read back", us);
		/* it goes by what it has read itself */
		put_file(STORES STORE "/", "set", "\n");
		us = write_sysfs(reg);
		if (round)
			print_register(chip, reg, "sysfs", us);
		same_bytes(fd, chip, reg);
		us = write_netlink(reg);
		if (round)
			print_register(chip, reg, "netlink", us);
		same_bytes(fd, chip, reg);
	}
	remove_store(bf);
	close(fd);
}

int main(int argc, char **argv)
{
	static char *simnvmem[] = { "modprobe", "simnvmem", NULL };
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	size_t i, reg;

	if (!rounds)
		die("how many rounds?");
	bf = open_bootflag();
	run(simnvmem);
	measure_starts(rounds);
	for (i = 0; i < PVK_ARRAY_SIZE(flashes); i++)
		measure_flash(&flashes[i], rounds);
	for (i = 0; i < PVK_ARRAY_SIZE(chips); i++)
		for (reg = 0; reg < PVK_ARRAY_SIZE(registers); reg++)
			measure_register(i, reg, rounds);
	pvk_bf_close(bf);
	return 0;
}
