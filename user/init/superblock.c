// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pvkit/types.h>
#include <stdio.h>
#include <string.h>

#include "superblock.h"
#include "util.h"

#define UUID_FORM	"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"

/* Where ext2, 3 and 4 have what, from the beginning of the superblock at 1024. */
#define EXT_AT			1024
#define EXT_BYTES		136
#define EXT_MAGIC_AT		56
#define EXT_COMPAT_AT		92
#define EXT_INCOMPAT_AT		96
#define EXT_RO_COMPAT_AT	100
#define EXT_UUID_AT		104
#define EXT_LABEL_AT		120
#define EXT_LABEL_BYTES		16
#define EXT_MAGIC		0xef53
#define EXT_HAS_JOURNAL		0x0004
/* What ext3 and ext2 may have: filetype, recovery; sparse_super, large_file, dir btrees. */
#define EXT_OLD_INCOMPAT	0x0016
#define EXT_OLD_RO_COMPAT	0x0007

static void put_uuid(char *text, const uint8_t *u)
{
	static const uint8_t none[16];

	text[0] = '\0';
	if (memcmp(u, none, sizeof(none)))
		snprintf(text, SUPERBLOCK_UUID_SIZE, UUID_FORM, u[0], u[1], u[2], u[3], u[4],
			 u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static int read_at(int fd, off_t at, uint8_t *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len, at);

	return n == (ssize_t)len ? 0 : -ENODATA;
}

static int read_ext(int fd, struct superblock *sb)
{
	uint8_t b[EXT_BYTES];

	if (read_at(fd, EXT_AT, b, sizeof(b)) || pvb_get16(b + EXT_MAGIC_AT) != EXT_MAGIC)
		return -ENODATA;
	sb->type = "ext4";
	if (!(pvb_get32(b + EXT_INCOMPAT_AT) & ~EXT_OLD_INCOMPAT) &&
	    !(pvb_get32(b + EXT_RO_COMPAT_AT) & ~EXT_OLD_RO_COMPAT))
		sb->type = pvb_get32(b + EXT_COMPAT_AT) & EXT_HAS_JOURNAL ? "ext3" : "ext2";
	put_uuid(sb->uuid, b + EXT_UUID_AT);
	snprintf(sb->label, sizeof(sb->label), "%.*s", EXT_LABEL_BYTES,
		 (const char *)b + EXT_LABEL_AT);
	return 0;
}

/* The others have all at fixed places. A label of 2 * LABEL_UTF16 bytes is UTF-16. */
#define LABEL_UTF16	512

static const struct plain {
	const char *type;
	off_t at;
	const char *magic;
	uint16_t magic_at, magic_len;
	uint16_t uuid_at, label_at, label_len;	/* 0: has none */
} plains[] = {
	/* those at 0 first */
	{ "squashfs", 0, "hsqs", 0, 4, 0, 0, 0 },
	{ "xfs", 0, "XFSB", 0, 4, 32, 108, 12 },
	{ "erofs", 1024, "\xe2\xe1\xf5\xe0", 0, 4, 48, 64, 16 },
	{ "f2fs", 1024, "\x10\x20\xf5\xf2", 0, 4, 108, 124, LABEL_UTF16 },
	{ "btrfs", 65536, "_BHRfS_M", 64, 8, 32, 299, 256 },
};

#define PLAIN_BYTES	(124 + 2 * SUPERBLOCK_LABEL_SIZE)

/* What is not ASCII is no label that a command line can name. */
static void put_utf16(char *label, const uint8_t *text)
{
	size_t i;

	for (i = 0; i < SUPERBLOCK_LABEL_SIZE - 1 && pvb_get16(text + 2 * i); i++)
		label[i] = pvb_get16(text + 2 * i) < 0x80 ? (char)text[2 * i] : '?';
	label[i] = '\0';
}

static int read_plain(int fd, const struct plain *plain, struct superblock *sb)
{
	uint8_t b[PLAIN_BYTES], label[SUPERBLOCK_LABEL_SIZE];
	size_t len = plain->label_len;

	if (read_at(fd, plain->at, b, sizeof(b)) ||
	    memcmp(b + plain->magic_at, plain->magic, plain->magic_len))
		return -ENODATA;
	sb->type = plain->type;
	if (plain->uuid_at)
		put_uuid(sb->uuid, b + plain->uuid_at);
	if (len == LABEL_UTF16) {
		put_utf16(sb->label, b + plain->label_at);
	} else if (len) {
		if (len > sizeof(label) - 1)
			len = sizeof(label) - 1;
		if (!read_at(fd, plain->at + plain->label_at, label, len))
			snprintf(sb->label, sizeof(sb->label), "%.*s", (int)len,
				 (const char *)label);
	}
	return 0;
}

/*
 * ext has two bytes to know it by, in the middle of what is data to those that begin at
 * 0; who makes an ext in their place overwrites their beginning.
 */
int superblock_read(int fd, struct superblock *sb)
{
	size_t i;

	*sb = (struct superblock){ .type = NULL };
	for (i = 0; i < PVK_ARRAY_SIZE(plains) && !plains[i].at; i++)
		if (!read_plain(fd, &plains[i], sb))
			return 0;
	if (!read_ext(fd, sb))
		return 0;
	for (; i < PVK_ARRAY_SIZE(plains); i++)
		if (!read_plain(fd, &plains[i], sb))
			return 0;
	return -ENODATA;
}
