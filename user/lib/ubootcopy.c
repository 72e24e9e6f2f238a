// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <mtd/ubi-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <pvkit/crc.h>

#include "ubootcopy.h"
#include "ubootenv.h"

#define CONFIG_MAX	(64 * 1024)
#define LINE_SIZE	1024
#define BLANKS		" \t\r\n\v\f"
#define UBI_VOLUMES	128
#define CHUNK		4096
/* What libubootenv takes for an MTD or a volume of UBI: by the name alone. */
#define MTD_PREFIX	"/dev/mtd"
#define UBI_PREFIX	"/dev/ubi"

/* ---- which devices ---- */

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* The device of a volume by its name. */
static int find_volume(const char *ubi, const char *name, char device[PATH_MAX])
{
	char path[PATH_MAX + 64];
	unsigned int i;

	for (i = 0; i < UBI_VOLUMES; i++) {
		pvk_auto_free char *text = NULL;

		snprintf(path, sizeof(path), "/sys/class/ubi/%s_%u/name", strrchr(ubi, '/') + 1, i);
		if (pvk_read_file(AT_FDCWD, path, CHUNK, &text, NULL))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name))
			continue;
		return snprintf(device, PATH_MAX, "%s_%u", ubi, i) < PATH_MAX ? 0 : -ENAMETOOLONG;
	}
	return -ENODEV;
}

/* Links are followed; behind a colon is the name of a volume. */
static int find_device(struct ubootcopy *c)
{
	pvk_auto_free char *real = NULL;
	char path[PATH_MAX], *colon;

	strcpy(path, c->path);
	colon = strchr(path, ':');
	if (colon)
		*colon++ = '\0';
	real = realpath(path, NULL);
	if (!real)
		return -errno;
	if (colon && begins(real, UBI_PREFIX))
		return find_volume(real, colon, c->device);
	if (strlen(real) >= sizeof(c->device))
		return -ENAMETOOLONG;
	strcpy(c->device, real);
	return 0;
}

static int look_at_mtd(struct ubootcopy *c, int fd, bool block, struct pvk_err *err)
{
	struct mtd_info_user mtd;
	size_t needed;

	/* The library takes it for flash, writes nothing and reports success. */
	if (block)
		return pvk_err_set(err, -EINVAL,
				   "%s: a block device; take the MTD's own, /dev/mtdN", c->path);
	if (ioctl(fd, MEMGETINFO, &mtd))
		return pvk_err_set(err, -errno, "%s: %s", c->path, strerror(errno));
	c->kind = mtd.type == MTD_NANDFLASH ? UBOOTCOPY_NAND : UBOOTCOPY_NOR;
	if (!c->sector)
		c->sector = mtd.erasesize;
	if (!c->sector || c->sector % mtd.erasesize || c->offset % (long long)c->sector)
		return pvk_err_set(err, -EINVAL,
				   "%s: offset 0x%llx, erased 0x%zx bytes at once: the flash has blocks of 0x%x",
				   c->path, c->offset, c->sector, mtd.erasesize);
	needed = (c->size + c->sector - 1) / c->sector;
	if (c->sectors < needed)
		c->sectors = needed;
	return 0;
}

static int look_at(struct ubootcopy *c, struct pvk_err *err)
{
	pvk_auto_close int fd = open(c->device, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (strchr(c->path, ':') && !begins(c->device, UBI_PREFIX))
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return pvk_err_set(err, -errno, "%s: %s", c->path, strerror(errno));
	if (begins(c->device, MTD_PREFIX))
		return look_at_mtd(c, fd, S_ISBLK(st.st_mode), err);
	c->kind = begins(c->device, UBI_PREFIX) ? UBOOTCOPY_UBI : UBOOTCOPY_FILE;
	c->sector = 0;
	/* Of a volume it is the whole that is read and written. */
	if (c->kind == UBOOTCOPY_UBI)
		c->offset = 0;
	if (c->offset < 0)
		c->offset += lseek(fd, 0, SEEK_END);
	return 0;
}

/* Offset, size, and for flash an erase block's size and how many. How many there are. */
static unsigned int take_numbers(struct ubootcopy *c, const char *text)
{
	size_t *const hex[] = { &c->size, &c->sector, &c->sectors };
	unsigned int n;
	size_t number;
	char *end;

	c->offset = strtoll(text, &end, 0);
	if (end == text)
		return 0;
	for (n = 0; n < PVK_ARRAY_SIZE(hex); n++) {
		text = end;
		number = (size_t)strtoull(text, &end, 16);
		if (end == text)
			break;
		*hex[n] = number;
	}
	return n + 1;
}

static int add_line(struct ubootcopies *copies, const char *line, const char *config,
		    struct pvk_err *err)
{
	struct ubootcopy *c = &copies->copy[copies->count];
	char path[LINE_SIZE];
	size_t len;
	int ret;

	if (line[0] == '#')
		return 0;
	line += strspn(line, BLANKS);
	len = strcspn(line, BLANKS);
	if (len >= sizeof(path) || take_numbers(c, line + len) < 2)
		return 0;
	memcpy(path, line, len);
	path[len] = '\0';
	if (!c->size || c->size > PVK_ENV_SIZE_MAX)
		return pvk_err_set(err, -EINVAL, "%s: %s: a size of 0x%zx", config, path, c->size);
	strcpy(c->path, path);
	ret = find_device(c);
	if (ret)
		return pvk_err_set(err, ret == -ENOENT ? -ENODEV : ret,
				   "%s: its device %s is not there", config, path);
	copies->count++;
	return look_at(c, err);
}

/* How far a write of it goes. */
static long long end_of(const struct ubootcopy *c)
{
	return c->offset + (long long)(c->sector ? c->sector * c->sectors : c->size);
}

static bool overlap(const struct ubootcopy *a, const struct ubootcopy *b)
{
	return a->kind != UBOOTCOPY_OTHER && !strcmp(a->device, b->device) &&
	       a->offset < end_of(b) && b->offset < end_of(a);
}

int ubootcopies_config(struct ubootcopies *copies, const char *config, struct pvk_err *err)
{
	const struct ubootcopy *c = copies->copy;
	pvk_auto_free char *text = NULL;
	char *rest, *line;
	int ret;

	*copies = (struct ubootcopies){ 0 };
	ret = pvk_read_file(AT_FDCWD, config, CONFIG_MAX, &text, NULL);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", config, strerror(-ret));
	rest = text;
	while (copies->count < UBOOTCOPIES_MAX && (line = strsep(&rest, "\n"))) {
		ret = add_line(copies, line, config, err);
		if (ret)
			return ret;
	}
	if (!copies->count)
		return pvk_err_set(err, -EINVAL, "%s: no line DEVICE OFFSET SIZE", config);
	if (copies->count == 1)
		return 0;
	if (c[0].size != c[1].size || c[0].kind != c[1].kind)
		return pvk_err_set(err, -EINVAL, "%s: the copies differ in %s", config,
				   c[0].size != c[1].size ? "size" : "what they lie on");
	if (overlap(&c[0], &c[1]))
		return pvk_err_set(err, -EINVAL, "%s: the copies overlap", config);
	return 0;
}

/* ---- their bytes ---- */

static int read_at(int fd, uint8_t *data, size_t size, long long at)
{
	ssize_t n;

	while (size) {
		n = pread(fd, data, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		data += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int ubootcopy_good_block(const struct ubootcopy *c, int fd, long long *at)
{
	loff_t block;
	int bad;

	for (; *at + (long long)c->sector <= end_of(c); *at += (long long)c->sector) {
		block = *at;
		bad = c->kind == UBOOTCOPY_NAND ? ioctl(fd, MEMGETBADBLOCK, &block) : 0;
		if (bad <= 0)
			return bad ? -errno : 0;
	}
	return -ENOSPC;
}

static int read_blocks(struct ubootcopy *c, int fd)
{
	long long at = c->offset;
	size_t done, n;
	int ret;

	for (done = 0; done < c->size; done += n) {
		ret = ubootcopy_good_block(c, fd, &at);
		if (ret)
			return ret;
		n = c->size - done < c->sector ? c->size - done : c->sector;
		ret = read_at(fd, c->data + done, n, at);
		if (ret)
			return ret;
		at += (long long)c->sector;
	}
	return 0;
}

/* In the byte order of the target, which is ours. */
static bool crc_right(const struct ubootcopy *c, size_t head)
{
	uint32_t crc;

	memcpy(&crc, c->data, sizeof(crc));
	return crc == pvb_crc32(0, c->data + head, c->size - head);
}

static void read_copy(struct ubootcopy *c, size_t head)
{
	pvk_auto_close int fd = open(c->device, O_RDONLY | O_CLOEXEC);

	free(c->data);
	c->data = NULL;
	c->whole = false;
	c->error = fd < 0 ? -errno : 0;
	if (fd >= 0)
		c->data = malloc(c->size);
	if (!c->data)
		return;
	if (c->kind == UBOOTCOPY_FILE)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	c->error = c->sector ? read_blocks(c, fd) : read_at(fd, c->data, c->size, c->offset);
	if (c->error) {
		free(c->data);
		c->data = NULL;
		return;
	}
	c->whole = crc_right(c, head);
}

void ubootcopies_read(struct ubootcopies *copies)
{
	unsigned int i;

	for (i = 0; i < copies->count; i++)
		if (copies->copy[i].kind != UBOOTCOPY_OTHER)
			read_copy(&copies->copy[i], ubootcopies_head(copies));
}

void ubootcopies_free(struct ubootcopies *copies)
{
	unsigned int i;

	for (i = 0; i < copies->count; i++)
		free(copies->copy[i].data);
}

/* ---- which one counts ---- */

/*
 * How the readers that there are choose between flags a and b: 0 the first copy, 1 the
 * second, -1 neither. On NOR a flag is a word: 1 valid, 0 obsolete, 255 not told yet.
 */
static int by_counter(uint8_t a, uint8_t b)
{
	if (a == 255 && !b)
		return 1;
	if (b == 255 && !a)
		return 0;
	return b > a;
}

static int by_library(uint8_t a, uint8_t b)
{
	if (b == 255)
		return 1;
	return a != 255 && b > a;
}

/* U-Boot's env/flash.c; its fw_printenv takes the first where this takes none. */
static int by_flash(uint8_t a, uint8_t b)
{
	if (a == b || a == 255 || (a == 1 && !b))
		return 0;
	return b == 255 || (!a && b == 1) ? 1 : -1;
}

bool pvk_env_flags_ambiguous(uint8_t first, uint8_t second)
{
	int taken = by_flash(first, second);

	return taken != by_counter(first, second) || taken != by_library(first, second);
}

static uint8_t flag_of(const struct ubootcopy *c)
{
	return c->data[4];
}

int ubootcopies_current(const struct ubootcopies *copies)
{
	const struct ubootcopy *a = &copies->copy[0], *b = &copies->copy[1];

	if (copies->count < UBOOTCOPIES_MAX || !b->whole)
		return a->whole ? 0 : -1;
	if (!a->whole)
		return 1;
	return a->kind == UBOOTCOPY_NOR ? by_library(flag_of(a), flag_of(b)) :
		by_counter(flag_of(a), flag_of(b));
}

bool ubootcopies_ambiguous(const struct ubootcopies *copies)
{
	const struct ubootcopy *a = &copies->copy[0], *b = &copies->copy[1];

	return a->whole && b->whole && a->kind == UBOOTCOPY_NOR &&
	       pvk_env_flags_ambiguous(flag_of(a), flag_of(b)) &&
	       memcmp(a->data + 5, b->data + 5, a->size - 5);
}

const struct ubootcopy *ubootcopies_damaged(const struct ubootcopies *copies)
{
	const struct ubootcopy *a = &copies->copy[0], *b = &copies->copy[1];

	if (copies->count < UBOOTCOPIES_MAX || a->kind == UBOOTCOPY_OTHER || a->whole == b->whole)
		return NULL;
	return a->whole ? b : a;
}

const char *ubootcopy_why(const struct ubootcopy *copy)
{
	switch (copy->error) {
	case -ENODATA:
		return "shorter than it should be";
	case -ENOSPC:
		return "too few good blocks";
	case -EBADF:
		return "an update of this volume was cut short";
	default:
		return strerror(-copy->error);
	}
}

/* ---- variables ---- */

bool ubootcopy_blank(const struct ubootcopy *copy)
{
	const uint8_t *d = copy->data;

	return d && (d[0] == 0xff || !d[0]) && !memcmp(d, d + 1, copy->size - 1);
}

size_t ubootcopies_head(const struct ubootcopies *copies)
{
	return copies->count == UBOOTCOPIES_MAX ? 5 : 4;
}

const char *ubootcopies_next(const struct ubootcopies *copies, const struct ubootcopy *copy,
			     const char *entry)
{
	const char *end = (const char *)copy->data + copy->size;

	entry = entry ? entry + strlen(entry) + 1 :
		(const char *)copy->data + ubootcopies_head(copies);
	/* One that has no end is none. */
	return entry < end && *entry && memchr(entry, '\0', (size_t)(end - entry)) ? entry : NULL;
}

const char *ubootcopies_value(const struct ubootcopies *copies, const struct ubootcopy *copy,
			      const char *name)
{
	const char *entry = NULL;
	size_t len = strlen(name);

	while ((entry = ubootcopies_next(copies, copy, entry)))
		if (!strncmp(entry, name, len) && entry[len] == '=')
			return entry + len + 1;
	return NULL;
}

/* ---- before they are written ---- */

/* Is nothing there but what a flash has that is erased? */
static int check_erased(int fd, long long at, size_t size)
{
	uint8_t chunk[CHUNK];
	size_t n, i;
	int ret;

	for (; size; size -= n, at += (long long)n) {
		n = size < sizeof(chunk) ? size : sizeof(chunk);
		ret = read_at(fd, chunk, n, at);
		if (ret)
			return ret;
		for (i = 0; i < n; i++)
			if (chunk[i] != 0xff)
				return -EEXIST;
	}
	return 0;
}

/* The blocks that a write takes; *rest is what it does not want of the last one. */
static int last_block(const struct ubootcopy *c, int fd, long long *at, size_t *rest)
{
	size_t left = c->size;
	int ret;

	for (*at = c->offset;; *at += (long long)c->sector) {
		ret = ubootcopy_good_block(c, fd, at);
		if (ret)
			return ret;
		if (left <= c->sector)
			break;
		left -= c->sector;
	}
	*rest = c->sector - left;
	*at += (long long)left;
	return 0;
}

int ubootcopy_check(const struct ubootcopy *copy, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	long long at = 0;
	size_t rest = 0;
	int ret;

	if (!copy->sector)
		return 0;
	fd = open(copy->device, O_RDONLY | O_CLOEXEC);
	ret = fd < 0 ? -errno : last_block(copy, fd, &at, &rest);
	if (ret == -ENOSPC)
		return pvk_err_set(err, ret, "%s: too few good blocks from 0x%llx to 0x%llx",
				   copy->path, copy->offset, end_of(copy));
	if (!ret)
		ret = check_erased(fd, at, rest);
	if (ret == -EEXIST)
		return pvk_err_set(err, ret,
				   "%s: something else lies in the last block, from 0x%llx on, and would be erased",
				   copy->path, at);
	return ret ? pvk_err_set(err, ret, "%s: %s", copy->path, strerror(-ret)) : 0;
}

static int erase_blocks(const struct ubootcopy *c, int fd)
{
	struct erase_info_user erase = { .length = (uint32_t)c->sector };
	long long at = c->offset;
	size_t left = c->size;
	int ret;

	for (;; at += (long long)c->sector, left -= c->sector) {
		ret = ubootcopy_good_block(c, fd, &at);
		if (ret)
			return ret;
		erase.start = (uint32_t)at;
		if (ioctl(fd, MEMERASE, &erase))
			return -errno;
		if (left <= c->sector)
			return 0;
	}
}

static int fill_erased(const struct ubootcopy *c, int fd)
{
	int64_t size = (int64_t)c->size;
	uint8_t chunk[CHUNK];
	size_t done, n;

	/*
	 * A cut in the middle of an update leaves a volume that can only be updated: as a
	 * whole and in order, a seek is refused.
	 */
	if (c->kind == UBOOTCOPY_UBI ? ioctl(fd, UBI_IOCVOLUP, &size) :
	    lseek(fd, (off_t)c->offset, SEEK_SET) < 0)
		return -errno;
	memset(chunk, 0xff, sizeof(chunk));
	for (done = 0; done < c->size; done += n) {
		n = c->size - done < sizeof(chunk) ? c->size - done : sizeof(chunk);
		if (write(fd, chunk, n) != (ssize_t)n)
			return errno ? -errno : -EIO;
	}
	return c->kind == UBOOTCOPY_FILE && fsync(fd) ? -errno : 0;
}

int ubootcopy_erase(const struct ubootcopy *copy, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	int ret;

	ret = ubootcopy_check(copy, err);
	if (ret)
		return ret;
	fd = open(copy->device, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		ret = -errno;
	else
		ret = copy->sector ? erase_blocks(copy, fd) : fill_erased(copy, fd);
	return ret ? pvk_err_set(err, ret, "%s: %s", copy->path, strerror(-ret)) : 0;
}
