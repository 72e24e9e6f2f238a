// SPDX-License-Identifier: MIT
/*
 * kernel_parts: asks the kernel's own parser of mtdparts= and user/lib's the same.
 *
 *   kernel_parts PARSER.ko RANDOM <TEXTS
 *
 * Each of the TEXTS, a line each, and RANDOM made-up ones are given to the parser as
 * its parameter; simflash is then taken away and brought back, so that it is asked for
 * the partitions, and what is registered is compared with pvk_mtdparts_table(): order,
 * offset, size, name, and whether it may be written. A text with an error is asked of
 * twice, since the first who asks gets nothing.
 *
 * It prints each text that differs, with both tables, and last
 * `asked N partitions N errors N differ N`. Exit status 1: some differ, 2: it could not
 * be asked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mtdparts.h"

#define SIM		"/sys/module/simflash/parameters/"
#define MTD		"/sys/class/mtd"
#define FLASH		"simflash"
#define PARSER		"cmdlinepart"
#define TEXT_MAX	1000	/* the kernel takes 1024 as a parameter */
#define TABLE_MAX	128
#define NAME_MAX_BYTES	1024
#define MTD_WRITEABLE	0x400

struct part {
	unsigned int number;
	uint64_t offset, size;
	char access;		/* 'r'ead, 'w'rite, '?' not to be told */
	char name[NAME_MAX_BYTES];
};

struct table {
	size_t count;
	struct part part[TABLE_MAX];
};

static uint64_t flash_size, erase_size;
static size_t asked, partitions, errors, differ;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- the kernel's table ---- */

static bool read_file(const char *dir, const char *entry, const char *name, char *text,
		      size_t size)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, entry, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return n >= 0;
}

static void present(const char *value)
{
	int fd = open(SIM "present", O_WRONLY);

	if (fd < 0 || write(fd, value, 1) != 1)
		die(SIM "present");
	close(fd);
}

/* One that does not begin or end with an erase block is never to be written. */
static char access_of(uint64_t offset, uint64_t size, bool read_only)
{
	if (!size || offset % erase_size || size % erase_size)
		return '?';
	return read_only ? 'r' : 'w';
}

static int by_number(const void *a, const void *b)
{
	const struct part *one = a, *other = b;

	return one->number < other->number ? -1 : one->number > other->number;
}

/* Those of the kernel that have an offset: the flash itself has none. */
static void read_kernel(struct table *table)
{
	DIR *dir = opendir(MTD);
	struct dirent *entry;
	char text[64];

	if (!dir)
		die(MTD);
	table->count = 0;
	while (table->count < TABLE_MAX && (entry = readdir(dir))) {
		struct part *part = &table->part[table->count];
		int used;

		if (sscanf(entry->d_name, "mtd%u%n", &part->number, &used) != 1 ||
		    entry->d_name[used] ||
		    !read_file(MTD, entry->d_name, "offset", text, sizeof(text)))
			continue;
		part->offset = strtoull(text, NULL, 10);
		read_file(MTD, entry->d_name, "size", text, sizeof(text));
		part->size = strtoull(text, NULL, 10);
		read_file(MTD, entry->d_name, "flags", text, sizeof(text));
		part->access = access_of(part->offset, part->size,
					 !(strtoul(text, NULL, 0) & MTD_WRITEABLE));
		read_file(MTD, entry->d_name, "name", part->name, sizeof(part->name));
		table->count++;
	}
	closedir(dir);
	qsort(table->part, table->count, sizeof(table->part[0]), by_number);
}

static void ask_kernel(struct table *table)
{
	present("0");
	present("1");
	read_kernel(table);
}

static void unload(void)
{
	if (syscall(SYS_delete_module, PARSER, O_NONBLOCK) && errno != ENOENT)
		die("taking the parser out");
}

static void load(const char *parser, const char *text)
{
	char params[TEXT_MAX + 32];
	int fd = open(parser, O_RDONLY);

	snprintf(params, sizeof(params), "mtdparts=\"%s\"", text);
	if (fd < 0 || syscall(SYS_finit_module, fd, params, 0))
		die(parser);
	close(fd);
}

/* ---- ours ---- */

static bool ask_ours(const char *text, struct table *table)
{
	static struct pvk_mtdparts parts;
	static struct pvk_mtdpart ours[TABLE_MAX];
	char name[PVK_MTDPART_NAME_SIZE];
	struct pvk_err err = { .text = "" };
	bool ok = !pvk_mtdparts_parse(&parts, text, &err);
	size_t i;

	table->count = pvk_mtdparts_table(&parts, FLASH, flash_size, ours, TABLE_MAX, NULL);
	for (i = 0; i < table->count && i < TABLE_MAX; i++) {
		struct part *part = &table->part[i];

		part->offset = ours[i].offset;
		part->size = ours[i].size;
		part->access = access_of(part->offset, part->size,
					 ours[i].flags & PVK_MTDPART_RO);
		snprintf(part->name, sizeof(part->name), "%s",
			 pvk_mtdpart_name(&parts, &ours[i], name));
	}
	return ok;
}

/* ---- both ---- */

static bool same(const struct table *a, const struct table *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (a->part[i].offset != b->part[i].offset ||
		    a->part[i].size != b->part[i].size ||
		    a->part[i].access != b->part[i].access ||
		    strcmp(a->part[i].name, b->part[i].name))
			return false;
	return true;
}

static void show(const char *whose, const struct table *table)
{
	size_t i;

	printf("  %s: %zu\n", whose, table->count);
	for (i = 0; i < table->count; i++)
		printf("    0x%" PRIx64 " 0x%" PRIx64 " %c (%s)\n", table->part[i].offset,
		       table->part[i].size, table->part[i].access, table->part[i].name);
}

static void compare(const char *parser, const char *text)
{
	static struct table first, kernel, ours;
	bool ok = ask_ours(text, &ours);

	present("0");
	load(parser, text);
	ask_kernel(&kernel);
	if (!ok) {
		first = kernel;
		ask_kernel(&kernel);
	}
	if (!same(&kernel, &ours) || (!ok && first.count)) {
		printf("%s\n", text);
		if (!ok)
			show("the kernel, asked first", &first);
		show("the kernel", &kernel);
		show("ours", &ours);
		differ++;
	}
	asked++;
	partitions += kernel.count;
	errors += !ok;
	present("0");
	unload();
}

/* ---- texts ---- */

static uint32_t dice(uint32_t sides)
{
	static uint32_t state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % sides;
}

static const char *one_of(const char *const *words)
{
	uint32_t n = 0;

	while (words[n])
		n++;
	return words[dice(n)];
}

static void put(char *text, const char *more)
{
	if (strlen(text) + strlen(more) < TEXT_MAX)
		strcat(text, more);
}

/* Small enough that no sum wraps: where the kernel's does, ours is another on purpose. */
static void put_size(char *text)
{
	static const char *const sizes[] = {
		"4k", "8K", "64k", "0x4000", "0X1000", "010000", "4096", "100", "1m", "2M", "1g",
		"3", "12288", NULL,
	};
	static const char *const odd[] = { "0", "0x", "09", NULL };

	put(text, one_of(dice(30) ? sizes : odd));
}

static void put_part(char *text, bool last)
{
	static const char *const names[] = {
		"(a)", "(boot)", "(root=/dev/x)", "(a b)", "(a:b)", "(a;b)", "(a,b)", "(1m@2k)",
		"()", "((x)", "(-)", "(ro)", "(pvkit.mode=x)", "", "", NULL,
	};
	static const char *const flags[] = { "", "", "", "ro", "lk", "rolk", NULL };

	if (dice(last ? 4 : 30))
		put_size(text);
	else
		put(text, "-");
	if (!dice(4)) {
		put(text, "@");
		put_size(text);
	}
	put(text, one_of(names));
	put(text, one_of(flags));
	if (!dice(50))
		put(text, "lkro");
}

static void random_text(char *text)
{
	static const char *const devices[] = {
		FLASH ":", FLASH ":", "other:", "a:b:", ":", NULL,
	};
	static const char *const letters[] = {
		":", ";", ",", "(", ")", "@", "-", "k", "0", "x", NULL,
	};
	unsigned int left = 1 + dice(3), n;

	text[0] = '\0';
	while (left--) {
		put(text, dice(20) ? one_of(devices) : "other");
		for (n = 1 + dice(6); n; n--) {
			put_part(text, n == 1);
			put(text, n > 1 ? "," : "");
		}
		put(text, left ? ";" : "");
	}
	/* One letter of some is another. */
	if (!dice(6))
		text[dice((uint32_t)strlen(text))] = one_of(letters)[0];
}

int main(int argc, char **argv)
{
	char text[TEXT_MAX + 2], number[64];
	unsigned int random;

	if (argc != 3)
		return 2;
	present("1");
	if (!read_file(MTD, "mtd0", "size", number, sizeof(number)))
		die(MTD "/mtd0");
	flash_size = strtoull(number, NULL, 10);
	read_file(MTD, "mtd0", "erasesize", number, sizeof(number));
	erase_size = strtoull(number, NULL, 10);
	/* The kernel has brought it in by itself, when the flash first came. */
	present("0");
	unload();
	while (fgets(text, sizeof(text), stdin)) {
		text[strcspn(text, "\n")] = '\0';
		compare(argv[1], text);
	}
	for (random = (unsigned int)atoi(argv[2]); random; random--) {
		random_text(text);
		compare(argv[1], text);
	}
	printf("asked %zu partitions %zu errors %zu differ %zu\n", asked, partitions, errors,
	       differ);
	return differ != 0;
}
