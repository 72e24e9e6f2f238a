// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mtdparts.h"

/* Not numbers of their own: the kernel takes them from a text as it does these. */
#define SIZE_REST	UINT64_MAX
#define OFFSET_NEXT	UINT64_MAX

struct reader {
	struct pvk_mtdparts *parts;
	char *at;
	const char *wrong;	/* why it can't go on at `at` */
};

static int digit(char c, unsigned int base)
{
	unsigned int value;

	if (c >= '0' && c <= '9')
		value = (unsigned int)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		value = (unsigned int)((c | 0x20) - 'a') + 10;
	else
		return -1;
	return value < base ? (int)value : -1;
}

static uint64_t take_number(struct reader *r)
{
	static const char suffixes[] = "kmgtpe";
	unsigned int base = 10;
	const char *suffix;
	uint64_t value = 0;

	if (r->at[0] == '0') {
		base = 8;
		if ((r->at[1] | 0x20) == 'x' && digit(r->at[2], 16) >= 0) {
			base = 16;
			r->at += 2;
		}
	}
	for (; digit(*r->at, base) >= 0; r->at++)
		value = value * base + (unsigned int)digit(*r->at, base);
	suffix = *r->at ? strchr(suffixes, *r->at | 0x20) : NULL;
	if (suffix && *suffix) {
		value <<= 10 * (suffix - suffixes + 1);
		r->at++;
	}
	return value;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(r->at, word, len))
		return false;
	r->at += len;
	return true;
}

static bool take_name(struct reader *r, struct pvk_mtdpart *part)
{
	char *end;

	if (*r->at != '(')
		return true;
	end = strchr(r->at + 1, ')');
	if (!end) {
		r->wrong = "a name without its closing bracket";
		return false;
	}
	part->name = (uint16_t)(r->at + 1 - r->parts->text);
	*end = '\0';
	r->at = end + 1;
	return true;
}

static bool take_part(struct reader *r, unsigned int place)
{
	struct pvk_mtdpart *part = &r->parts->part[r->parts->parts];
	char *begin = r->at;

	*part = (struct pvk_mtdpart){ .offset = OFFSET_NEXT, .place = (uint16_t)place };
	part->size = take_word(r, "-") ? SIZE_REST : take_number(r);
	if (!part->size) {
		r->at = begin;
		r->wrong = "a partition of size 0";
		return false;
	}
	if (take_word(r, "@"))
		part->offset = take_number(r);
	if (!take_name(r, part))
		return false;
	part->flags |= take_word(r, "ro") ? PVK_MTDPART_RO : 0;
	part->flags |= take_word(r, "lk") ? PVK_MTDPART_LK : 0;
	part->flags |= take_word(r, "slc") ? PVK_MTDPART_SLC : 0;
	if (*r->at == ',' && part->size == SIZE_REST) {
		r->wrong = "a partition after the one that takes the rest";
		return false;
	}
	r->parts->parts++;
	return true;
}

/* The ':' behind a device's name, which may hold some itself. */
static char *end_of_id(char *at)
{
	size_t len = strcspn(at, ";(");

	while (len && at[len - 1] != ':')
		len--;
	return len ? at + len - 1 : NULL;
}

static bool take_device(struct reader *r)
{
	struct pvk_mtdparts *parts = r->parts;
	struct pvk_mtdparts_device *device = &parts->device[parts->devices];
	char *colon = end_of_id(r->at);

	if (!colon) {
		r->wrong = "no name of a device with a ':' behind it";
		return false;
	}
	device->id = (uint16_t)(r->at - parts->text);
	device->first = (uint16_t)parts->parts;
	*colon = '\0';
	r->at = colon;
	do {
		r->at++;
		if (!take_part(r, (unsigned int)(parts->parts - device->first))) {
			parts->parts = device->first;
			return false;
		}
	} while (*r->at == ',');
	device->count = (uint16_t)(parts->parts - device->first);
	parts->devices++;
	return true;
}

int pvk_mtdparts_parse(struct pvk_mtdparts *parts, const char *text, struct pvk_err *err)
{
	struct reader r = { .parts = parts, .at = parts->text + 1 };
	size_t len = strlen(text);

	parts->devices = 0;
	parts->parts = 0;
	if (len > PVK_CMDLINE_MAX)
		return pvk_err_set(err, -E2BIG, "mtdparts: longer than %d bytes",
				   PVK_CMDLINE_MAX);
	/* An offset of 0 is nothing's. */
	parts->text[0] = '\0';
	memcpy(parts->text + 1, text, len + 1);
	while (take_device(&r)) {
		if (!*r.at)
			return 0;
		if (*r.at != ';') {
			r.wrong = "what is no part of a partition";
			break;
		}
		r.at++;
	}
	return pvk_err_set(err, -EINVAL, "mtdparts, byte %td: %s", r.at - parts->text - 1,
			   r.wrong);
}

static const struct pvk_mtdparts_device *find_device(const struct pvk_mtdparts *parts,
						     const char *id)
{
	size_t i;

	for (i = parts->devices; i > 0; i--)
		if (!id || !strcmp(parts->text + parts->device[i - 1].id, id))
			return &parts->device[i - 1];
	return NULL;
}

static void warn(const struct pvk_mtdparts *parts, const struct pvk_mtdpart *part, uint64_t size,
		 struct pvk_list *warnings, const char *what)
{
	char name[PVK_MTDPART_NAME_SIZE];

	if (warnings)
		pvk_list_warn(warnings, "mtdparts: partition %s %s the device's end at 0x%" PRIx64,
			      pvk_mtdpart_name(parts, part, name), what, size);
}

/* Where a partition lies on a device of that size; *next: the end of the one before. */
static void lay_out(struct pvk_mtdpart *part, uint64_t *next, uint64_t size)
{
	if (part->offset == OFFSET_NEXT)
		part->offset = *next;
	if (part->offset > size) {
		/* As in the kernel, whose own difference wraps just so. */
		*next = part->size == SIZE_REST || part->offset + part->size > size ?
			size : part->offset + part->size;
		part->flags |= PVK_MTDPART_OUTSIDE;
		part->offset = 0;
		part->size = 0;
		return;
	}
	if (part->size == SIZE_REST) {
		part->size = size - part->offset;
	} else if (part->size > size - part->offset) {
		/* Where the kernel's sum wraps it makes one larger than the device: not here. */
		part->size = size - part->offset;
		part->flags |= PVK_MTDPART_TRUNCATED;
	}
	*next = part->offset + part->size;
}

size_t pvk_mtdparts_table(const struct pvk_mtdparts *parts, const char *id, uint64_t size,
			  struct pvk_mtdpart *table, size_t max, struct pvk_list *warnings)
{
	const struct pvk_mtdparts_device *device = find_device(parts, id);
	struct pvk_mtdpart part;
	uint64_t next = 0;
	size_t i, n = 0;

	for (i = 0; device && i < device->count; i++) {
		part = parts->part[device->first + i];
		lay_out(&part, &next, size);
		if (part.flags & PVK_MTDPART_OUTSIDE)
			warn(parts, &part, size, warnings, "begins beyond");
		else if (!part.size)
			warn(parts, &part, size, warnings, "is left out, it begins at");
		else if (part.flags & PVK_MTDPART_TRUNCATED)
			warn(parts, &part, size, warnings, "is cut at");
		if (!part.size && !(part.flags & PVK_MTDPART_OUTSIDE))
			continue;
		if (n < max)
			table[n] = part;
		n++;
	}
	return n;
}

const char *pvk_mtdpart_name(const struct pvk_mtdparts *parts, const struct pvk_mtdpart *part,
			     char *name)
{
	if (part->name)
		snprintf(name, PVK_MTDPART_NAME_SIZE, "%s", parts->text + part->name);
	else
		snprintf(name, PVK_MTDPART_NAME_SIZE, "Partition_%03u", part->place);
	return name;
}
