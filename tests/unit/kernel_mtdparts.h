/* SPDX-License-Identifier: MIT */
/*
 * What partitions the kernel makes of mtdparts=, written down once more and apart from
 * the library, so that tests and the fuzzer can ask: are these the same? Done as the
 * kernel does it where that can be seen: one list of devices, the last in front,
 * partitions laid out in place when a device asks.
 */
#ifndef PVKIT_TESTS_KERNEL_MTDPARTS_H
#define PVKIT_TESTS_KERNEL_MTDPARTS_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel_part {
	uint64_t offset, size;
	bool ro, lk, slc;
	char name[4100];
};

struct kernel_parts {
	struct kernel_parts *next;
	char *id;
	size_t count;
	struct kernel_part *part;
};

static inline uint64_t kernel_memparse(const char **at)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;
	uint64_t value = 0;
	int base = 10;

	if ((*at)[0] == '0')
		base = ((*at)[1] == 'x' || (*at)[1] == 'X') && isxdigit((unsigned char)(*at)[2]) ?
		       16 : 8;
	if (base == 16)
		*at += 2;
	for (;; (*at)++) {
		unsigned char c = (unsigned char)**at;
		int d = isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : 99;

		if (d >= base)
			break;
		value = value * (uint64_t)base + (uint64_t)d;
	}
	suffix = **at ? strchr(suffixes, toupper((unsigned char)**at)) : NULL;
	if (!suffix)
		return value;
	(*at)++;
	return value << 10 * (suffix - suffixes + 1);
}

/* One device's partitions; false: an error. */
static inline bool kernel_device(const char **at, struct kernel_parts *dev)
{
	for (;; (*at)++) {
		struct kernel_part *part;

		dev->part = realloc(dev->part, (dev->count + 1) * sizeof(*part));
		part = &dev->part[dev->count];
		memset(part, 0, sizeof(*part));
		part->offset = UINT64_MAX;
		if (**at == '-') {
			part->size = UINT64_MAX;
			(*at)++;
		} else {
			part->size = kernel_memparse(at);
		}
		if (!part->size)
			return false;
		if (**at == '@') {
			(*at)++;
			part->offset = kernel_memparse(at);
		}
		snprintf(part->name, sizeof(part->name), "Partition_%03zu", dev->count);
		if (**at == '(') {
			const char *end = strchr(*at, ')');

			if (!end)
				return false;
			snprintf(part->name, sizeof(part->name), "%.*s", (int)(end - *at - 1),
				 *at + 1);
			*at = end + 1;
		}
		part->ro = !strncmp(*at, "ro", 2);
		*at += part->ro ? 2 : 0;
		part->lk = !strncmp(*at, "lk", 2);
		*at += part->lk ? 2 : 0;
		part->slc = !strncmp(*at, "slc", 3);
		*at += part->slc ? 3 : 0;
		dev->count++;
		if (**at != ',')
			return true;
		if (part->size == UINT64_MAX)
			return false;
	}
}

static inline void kernel_mtdparts_free(struct kernel_parts *dev)
{
	struct kernel_parts *next;

	for (; dev; dev = next) {
		next = dev->next;
		free(dev->id);
		free(dev->part);
		free(dev);
	}
}

/* *ok: no error was met; what came before one is returned all the same. */
static inline struct kernel_parts *kernel_mtdparts(const char *text, bool *ok)
{
	struct kernel_parts *list = NULL, *dev;
	const char *at = text;

	*ok = false;
	for (;;) {
		size_t len = strlen(at);
		const char *p, *colon = NULL;

		if (memchr(at, ';', len))
			len = (size_t)(strchr(at, ';') - at);
		if (memchr(at, '(', len))
			len = (size_t)(strchr(at, '(') - at);
		for (p = at; p < at + len; p++)
			if (*p == ':')
				colon = p;
		if (!colon)
			return list;
		dev = calloc(1, sizeof(*dev));
		dev->id = strndup(at, (size_t)(colon - at));
		at = colon + 1;
		if (!kernel_device(&at, dev)) {
			kernel_mtdparts_free(dev);
			return list;
		}
		dev->next = list;
		list = dev;
		if (!*at)
			break;
		if (*at++ != ';')
			return list;
	}
	*ok = true;
	return list;
}

/*
 * The device's partitions as it then registers them, in dev->part; outside ones have
 * size 0. False: a sum wrapped, and the kernel registers what is larger than the
 * device or not there.
 */
static inline bool kernel_lay_out(struct kernel_parts *dev, uint64_t master)
{
	uint64_t offset = 0;
	size_t i;

	for (i = 0; i < dev->count; i++) {
		struct kernel_part *part = &dev->part[i];

		if (part->offset == UINT64_MAX)
			part->offset = offset;
		else
			offset = part->offset;
		if (part->size == UINT64_MAX)
			part->size = master - offset;
		if (offset + part->size > master)
			part->size = master - offset;
		if (offset <= master && part->size > master - offset)
			return false;
		offset += part->size;
		if (part->size)
			continue;
		dev->count--;
		memmove(part, part + 1, (dev->count - i) * sizeof(*part));
		i--;
	}
	for (i = 0; i < dev->count; i++) {
		if (dev->part[i].offset < master)
			continue;
		dev->part[i].offset = 0;
		dev->part[i].size = 0;
	}
	return true;
}

#endif /* PVKIT_TESTS_KERNEL_MTDPARTS_H */
