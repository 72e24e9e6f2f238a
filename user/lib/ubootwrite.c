// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <mtd/ubi-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <pvkit/crc.h>

#include "ubootcopy.h"

#define FLAG_AT		4	/* in one copy of two, behind the checksum */
/* On NOR, where bits go from 1 to 0 alone. */
#define FLAG_ACTIVE	1
#define FLAG_OBSOLETE	0

/* ---- what is to be there ---- */

static size_t name_len(const char *word)
{
	return strcspn(word, "=");
}

/* The last word for that variable, NULL if there is none. */
static const char *word_for(const char *const *words, size_t count, const char *entry)
{
	size_t len = name_len(entry);

	while (count--)
		if (name_len(words[count]) == len && !strncmp(words[count], entry, len))
			return words[count];
	return NULL;
}

static bool sets(const char *word)
{
	return word[name_len(word) + 1] != '\0';
}

static void add_entry(struct pvk_buf *buf, const char *entry)
{
	pvk_buf_add(buf, entry, strlen(entry) + 1);
}

/* Those that are there keep their places; true: something is another than it was. */
static bool merge(const struct ubootcopies *copies, const struct ubootcopy *from,
		  const char *const *words, size_t count, struct pvk_buf *buf)
{
	const char *entry = NULL, *word, *old;
	bool changed = false;
	char name[256];
	size_t i;

	while ((entry = ubootcopies_next(copies, from, entry))) {
		word = word_for(words, count, entry);
		changed |= word && strcmp(word, entry) != 0;
		if (!word)
			add_entry(buf, entry);
		else if (sets(word))
			add_entry(buf, word);
	}
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)name_len(words[i]), words[i]);
		old = ubootcopies_value(copies, from, name);
		if (old || !sets(words[i]) || word_for(words, count, words[i]) != words[i])
			continue;
		add_entry(buf, words[i]);
		changed = true;
	}
	return changed;
}

static int check_words(const char *const *words, size_t count, struct pvk_err *err)
{
	size_t i, len;

	for (i = 0; i < count; i++) {
		len = name_len(words[i]);
		if (!len || len > 255 || !words[i][len])
			return pvk_err_set(err, -EINVAL, "%s: wants NAME=VALUE", words[i]);
	}
	return 0;
}

/* ---- writing it ---- */

static int write_all(int fd, const uint8_t *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_file(const struct ubootcopy *c, int fd, const uint8_t *data)
{
	int ret;

	if (lseek(fd, (off_t)c->offset, SEEK_SET) < 0)
		return -errno;
	ret = write_all(fd, data, c->size);
	return ret ? ret : fsync(fd) ? -errno : 0;
}

static int write_volume(const struct ubootcopy *c, int fd, const uint8_t *data)
{
	int64_t size = (int64_t)c->size;

	return ioctl(fd, UBI_IOCVOLUP, &size) ? -errno : write_all(fd, data, c->size);
}

/* Whole blocks, of which the last may end in what nothing was written to. */
static int write_flash(const struct ubootcopy *c, int fd, const uint8_t *data)
{
	struct erase_info_user erase = { .length = (uint32_t)c->sector };
	pvk_auto_free uint8_t *block = malloc(c->sector);
	struct mtd_info_user mtd;
	long long at = c->offset;
	size_t done, n, whole;
	int ret;

	if (!block)
		return -ENOMEM;
	if (ioctl(fd, MEMGETINFO, &mtd))
		return -errno;
	for (done = 0; done < c->size; done += n, at += (long long)c->sector) {
		ret = ubootcopy_good_block(c, fd, &at);
		if (ret)
			return ret;
		n = c->size - done < c->sector ? c->size - done : c->sector;
		whole = (n + mtd.writesize - 1) / mtd.writesize * mtd.writesize;
		memset(block, 0xff, c->sector);
		memcpy(block, data + done, n);
		erase.start = (uint32_t)at;
		if (ioctl(fd, MEMERASE, &erase))
			return -errno;
		if (lseek(fd, (off_t)at, SEEK_SET) < 0)
			return -errno;
		ret = write_all(fd, block, whole);
		if (ret)
			return ret;
	}
	return 0;
}

static int write_copy(const struct ubootcopy *c, const uint8_t *data)
{
	int fd = open(c->device, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	switch (c->kind) {
	case UBOOTCOPY_FILE:
		ret = write_file(c, fd, data);
		break;
	case UBOOTCOPY_UBI:
		ret = write_volume(c, fd, data);
		break;
	case UBOOTCOPY_NOR:
	case UBOOTCOPY_NAND:
		ret = write_flash(c, fd, data);
		break;
	default:
		ret = -EOPNOTSUPP;
	}
	/* An MTD syncs when it is closed, a volume's last write has ended its update. */
	return close(fd) && !ret ? -errno : ret;
}

/* Of two on NOR the other one is told that it is over, in place. */
static int make_obsolete(const struct ubootcopy *c)
{
	int fd = open(c->device, O_RDWR | O_CLOEXEC), ret = 0;
	long long at = c->offset;
	uint8_t flag = FLAG_OBSOLETE;

	if (fd < 0)
		return -errno;
	if (pwrite(fd, &flag, 1, (off_t)at + FLAG_AT) != 1)
		ret = errno ? -errno : -EIO;
	return close(fd) && !ret ? -errno : ret;
}

/* ---- the copy ---- */

static uint8_t next_flag(const struct ubootcopy *from)
{
	return from->kind == UBOOTCOPY_NOR ? FLAG_ACTIVE : (uint8_t)(from->data[FLAG_AT] + 1);
}

static int make_image(const struct ubootcopies *copies, const struct ubootcopy *from,
		      const struct pvk_buf *text, uint8_t *data, struct pvk_err *err)
{
	size_t head = ubootcopies_head(copies), size = from->size;
	uint32_t crc;

	if (text->err == -ENOMEM)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	/* An empty entry ends it. */
	if (text->err || text->len + 1 > size - head)
		return pvk_err_set(err, -ENOSPC,
				   "the U-Boot environment has %zu bytes, and more would be needed",
				   size - head);
	memset(data, 0, size);
	memcpy(data + head, text->data, text->len);
	if (head > FLAG_AT)
		data[FLAG_AT] = next_flag(from);
	crc = pvb_crc32(0, data + head, size - head);
	memcpy(data, &crc, sizeof(crc));
	return 0;
}

static int read_back(struct ubootcopies *copies, unsigned int n, const uint8_t *data,
		     struct pvk_err *err)
{
	const struct ubootcopy *c = &copies->copy[n];

	ubootcopies_read(copies);
	if (!c->whole || ubootcopies_current(copies) != (int)n ||
	    memcmp(c->data, data, c->size) != 0)
		return pvk_err_set(err, -EIO, "%s: something else is read back", c->path);
	return 0;
}

int ubootcopies_set(struct ubootcopies *copies, const char *const *words, size_t count,
		    struct pvk_err *err)
{
	int current = ubootcopies_current(copies), ret;
	const struct ubootcopy *from = &copies->copy[current < 0 ? 0 : current], *to;
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(from->size);
	pvk_auto_free uint8_t *data = malloc(from->size);
	unsigned int n = copies->count == UBOOTCOPIES_MAX ? !current : 0;

	ret = check_words(words, count, err);
	if (ret)
		return ret;
	if (current < 0)
		return pvk_err_set(err, -EBADMSG,
				   "%s: no copy of the environment is whole: what U-Boot has built in would be lost",
				   from->path);
	if (ubootcopies_ambiguous(copies))
		return pvk_err_set(err, -EBADMSG,
				   "%s: both copies are whole, and not every reader takes the same",
				   from->path);
	if (!data)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	if (!merge(copies, from, words, count, &text))
		return 0;
	to = &copies->copy[n];
	ret = make_image(copies, from, &text, data, err);
	if (!ret)
		ret = ubootcopy_check(to, err);
	if (ret)
		return ret;
	ret = write_copy(to, data);
	if (!ret && to != from && to->kind == UBOOTCOPY_NOR)
		ret = make_obsolete(from);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", to->path, strerror(-ret));
	return read_back(copies, n, data, err);
}
