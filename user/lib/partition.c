// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pvkit/crc.h>
#include <pvkit/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "partition.h"

#define MBR_BYTES		512
#define MBR_SIGNATURE_AT	440
#define MBR_TABLE_AT		446
#define MBR_ENTRY_BYTES		16
#define MBR_TYPE_AT		4
#define MBR_START_AT		8
#define MBR_TYPE_GPT		0xee

#define GPT_AT			1	/* a sector */
#define GPT_MAGIC		"EFI PART"
#define GPT_HEADER_MIN		92
#define GPT_HEADER_MAX		512
#define GPT_SIZE_AT		12
#define GPT_CRC_AT		16
#define GPT_SELF_AT		24
#define GPT_ENTRIES_AT		72
#define GPT_COUNT_AT		80
#define GPT_ENTRY_SIZE_AT	84
#define GPT_ENTRIES_CRC_AT	88

#define GPT_ENTRY_BYTES		128
#define GPT_ENTRY_UUID_AT	16
#define GPT_ENTRY_NAME_AT	56
#define GPT_COUNT_MAX		1024
#define GPT_ENTRY_SIZE_MAX	4096

static int read_at(int fd, uint64_t at, uint8_t *buf, size_t len)
{
	return pread(fd, buf, len, (off_t)at) == (ssize_t)len ? 0 : -ENODATA;
}

/* ---- MBR ---- */

static int read_first_sector(int fd, uint8_t b[MBR_BYTES])
{
	return read_at(fd, 0, b, MBR_BYTES) || b[510] != 0x55 || b[511] != 0xaa ? -ENODATA : 0;
}

/* Says it that there is a GPT? start: only if it says so of the right place. */
static bool is_protective(const uint8_t *b, uint32_t start)
{
	const uint8_t *entry;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		entry = b + MBR_TABLE_AT + i * MBR_ENTRY_BYTES;
		if (entry[MBR_TYPE_AT] == MBR_TYPE_GPT &&
		    (!start || pvb_get32(entry + MBR_START_AT) == start))
			return true;
	}
	return false;
}

/* Logical partitions, from 5, are chained elsewhere; their names need only the number. */
static int read_mbr(const uint8_t *b, unsigned int number, struct partition *partition)
{
	if (is_protective(b, 0))
		return -ENODATA;
	snprintf(partition->uuid, sizeof(partition->uuid), "%08x-%02x",
		 pvb_get32(b + MBR_SIGNATURE_AT), number);
	partition->label[0] = '\0';
	return 0;
}

/* ---- GPT ---- */

struct gpt {
	uint64_t entries;		/* a sector */
	uint32_t count;
	uint32_t entry_size;
};

static int entries_whole(int fd, uint32_t sector, const struct gpt *gpt, uint32_t want)
{
	uint64_t at = gpt->entries * sector, end = at + (uint64_t)gpt->count * gpt->entry_size;
	uint8_t part[512];
	uint32_t crc = 0;
	size_t len;

	for (; at < end; at += len) {
		len = end - at < sizeof(part) ? (size_t)(end - at) : sizeof(part);
		if (read_at(fd, at, part, len))
			return -ENODATA;
		crc = pvb_crc32(crc, part, len);
	}
	return crc == want ? 0 : -ENODATA;
}

static int read_header(int fd, uint32_t sector, uint64_t lba, struct gpt *gpt)
{
	uint8_t h[GPT_HEADER_MAX];
	uint32_t size, crc;

	if (read_at(fd, lba * sector, h, sizeof(h)) || memcmp(h, GPT_MAGIC, 8))
		return -ENODATA;
	size = pvb_get32(h + GPT_SIZE_AT);
	crc = pvb_get32(h + GPT_CRC_AT);
	if (size < GPT_HEADER_MIN || size > sizeof(h))
		return -ENODATA;
	pvb_put32(h + GPT_CRC_AT, 0);
	if (pvb_crc32(0, h, size) != crc || pvb_get64(h + GPT_SELF_AT) != lba)
		return -ENODATA;
	gpt->entries = pvb_get64(h + GPT_ENTRIES_AT);
	gpt->count = pvb_get32(h + GPT_COUNT_AT);
	gpt->entry_size = pvb_get32(h + GPT_ENTRY_SIZE_AT);
	if (gpt->count > GPT_COUNT_MAX || gpt->entry_size < GPT_ENTRY_BYTES ||
	    gpt->entry_size > GPT_ENTRY_SIZE_MAX || gpt->entries >> 48)
		return -ENODATA;
	return entries_whole(fd, sector, gpt, pvb_get32(h + GPT_ENTRIES_CRC_AT));
}

/* The first three parts of a GUID are little-endian numbers. */
static void put_guid(char *text, const uint8_t *g)
{
	snprintf(text, PARTITION_UUID_SIZE,
		 "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", pvb_get32(g),
		 pvb_get16(g + 4), pvb_get16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13],
		 g[14], g[15]);
}

static int read_gpt(int fd, uint32_t sector, unsigned int number, struct partition *partition)
{
	static const uint8_t unused[16];
	uint8_t e[GPT_ENTRY_BYTES];
	struct gpt gpt;
	off_t size;
	size_t i;

	if (read_header(fd, sector, GPT_AT, &gpt)) {
		size = lseek(fd, 0, SEEK_END);
		if (size < (off_t)sector || read_header(fd, sector, (uint64_t)size / sector - 1,
							&gpt))
			return -ENODATA;
	}
	if (!number || number > gpt.count ||
	    read_at(fd, gpt.entries * sector + (uint64_t)(number - 1) * gpt.entry_size, e,
		    sizeof(e)) || !memcmp(e, unused, sizeof(unused)))
		return -ENODATA;
	put_guid(partition->uuid, e + GPT_ENTRY_UUID_AT);
	for (i = 0; i < PARTITION_LABEL_SIZE - 1; i++) {
		uint16_t c = pvb_get16(e + GPT_ENTRY_NAME_AT + 2 * i);

		/* What is not ASCII is no label that a command line can name. */
		partition->label[i] = c < 0x80 ? (char)c : '?';
	}
	partition->label[i] = '\0';
	return 0;
}

int partition_read(int fd, uint32_t sector, unsigned int number, struct partition *partition)
{
	uint8_t first[MBR_BYTES];

	if (read_first_sector(fd, first))
		return -ENODATA;
	/* One that was left behind under a new MBR is not what the kernel goes by. */
	if (is_protective(first, GPT_AT))
		return read_gpt(fd, sector, number, partition);
	return read_mbr(first, number, partition);
}
