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

/* Neither a name nor a number: version 4.0 is the one that the kernel mounts. */
static int read_squashfs(int fd, struct superblock *sb)
{
	uint8_t b[32];

	if (read_at(fd, 0, b, sizeof(b)) || memcmp(b, "hsqs", 4) || pvb_get16(b + 28) != 4)
		return -ENODATA;
	sb->type = "squashfs";
	return 0;
}

static int (*const readers[])(int fd, struct superblock *sb) = {
	read_ext,
	read_squashfs,
};

int superblock_read(int fd, struct superblock *sb)
{
	size_t i;

	*sb = (struct superblock){ .type = NULL };
	for (i = 0; i < PVK_ARRAY_SIZE(readers); i++)
		if (!readers[i](fd, sb))
			return 0;
	return -ENODATA;
}
