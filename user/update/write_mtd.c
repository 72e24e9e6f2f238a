// SPDX-License-Identifier: MIT
/*
 * Flash, erase block by erase block. Blocks that are bad are left out, those that turn out to
 * be are marked, and the data goes into the next one. What is out of band is the driver's. The
 * last page is filled up with 0xff, pages of nothing else at a block's end are left erased: what
 * a flash file system finds erased it takes for never programmed. Behind the image all is
 * erased, else a jffs2 or UBI would find parts of an older one there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mtd/mtd-user.h>
#include <string.h>
#include <sys/ioctl.h>

#include "write_medium.h"

#define BLOCKS_MAX	(1u << 20)
#define ERASED		0xff

struct mtd {
	size_t block, page;
	bool nand;		/* has blocks that are bad, and can mark them */
	uint32_t *place;	/* of the good ones, in order: which block that is */
	uint32_t blocks;
	uint32_t at;		/* in there: where the next one goes to */
	unsigned char *look;	/* a block, to see whether it is erased */
	struct mtd_ecc_stats ecc;
};

static uint64_t byte_of(const struct mtd *mtd, uint32_t n)
{
	return (uint64_t)mtd->place[n] * mtd->block;
}

static int failed(const struct medium *medium, const char *what, uint32_t n, int ret,
		  struct pvk_err *err)
{
	const struct mtd *mtd = medium->of;

	return pvk_err_set(err, ret, "%s: %s block %" PRIu32 " (at 0x%" PRIx64 "): %s",
			   medium->target.device, what, mtd->place[n], byte_of(mtd, n),
			   strerror(-ret));
}

static int find_good(struct medium *medium, uint32_t all, struct pvk_err *err)
{
	struct mtd *mtd = medium->of;
	uint32_t n;
	loff_t at;
	int bad;

	for (n = 0; n < all; n++) {
		at = (loff_t)((uint64_t)n * mtd->block);
		bad = mtd->nand ? ioctl(medium->fd, MEMGETBADBLOCK, &at) : 0;
		if (bad < 0)
			return pvk_err_set(err, -errno, "%s: is block %" PRIu32 " bad? %s",
					   medium->target.device, n, strerror(errno));
		if (!bad)
			mtd->place[mtd->blocks++] = n;
	}
	return 0;
}

static int set_up(struct medium *medium, struct pvk_err *err)
{
	struct mtd_info_user info;
	struct mtd *mtd = medium->of;
	uint64_t all;

	if (ioctl(medium->fd, MEMGETINFO, &info))
		return pvk_err_set(err, -errno, "%s: %s", medium->target.device, strerror(errno));
	mtd->block = info.erasesize;
	mtd->page = info.writesize ? info.writesize : 1;
	mtd->nand = info.type == MTD_NANDFLASH || info.type == MTD_MLCNANDFLASH;
	/* That of info has 32 bits. */
	all = mtd->block ? medium->target.size / mtd->block + medium->target.bad : 0;
	if (!all || all > BLOCKS_MAX || mtd->block % mtd->page)
		return pvk_err_set(err, -EINVAL, "%s: %zu bytes a block, %zu a page",
				   medium->target.device, mtd->block, mtd->page);
	mtd->place = calloc(all, sizeof(*mtd->place));
	mtd->look = malloc(mtd->block);
	if (!mtd->place || !mtd->look)
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	medium->chunk = mtd->block;
	medium->align = sizeof(void *);
	medium->resumes = true;
	return find_good(medium, (uint32_t)all, err);
}

/* What /sys said of it may be older. */
static int check_room(const struct medium *medium, struct pvk_err *err)
{
	const struct mtd *mtd = medium->of;
	uint64_t room = (uint64_t)mtd->blocks * mtd->block;

	if (medium->image <= room)
		return 0;
	return pvk_err_set(err, -EFBIG, "%s: %" PRIu64 " bytes in blocks that are good, %" PRIu64
			   " are wanted", medium->target.device, room, medium->image);
}

static void mtd_close(struct medium *medium)
{
	struct mtd *mtd = medium->of;

	close(medium->fd);
	free(mtd->place);
	free(mtd->look);
	free(mtd);
}

static int mtd_open(struct medium *medium, struct pvk_err *err)
{
	int ret;

	medium->of = calloc(1, sizeof(struct mtd));
	if (!medium->of)
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	medium->fd = medium_open_node(medium, O_RDWR, err);
	if (medium->fd < 0) {
		free(medium->of);
		return medium->fd;
	}
	ret = set_up(medium, err);
	if (!ret)
		ret = check_room(medium, err);
	if (ret)
		mtd_close(medium);
	return ret;
}

static int mtd_seek(struct medium *medium, uint64_t *offset, struct pvk_err *err)
{
	struct mtd *mtd = medium->of;

	if (*offset / mtd->block >= mtd->blocks)
		return pvk_err_set(err, -ENOSPC, "%s: byte %" PRIu64 " of the image has no place",
				   medium->target.device, *offset);
	mtd->at = (uint32_t)(*offset / mtd->block);
	*offset = (uint64_t)mtd->at * mtd->block;
	return 0;
}

/* The nth of the good ones is none any more; those behind it move up. */
static int mark_bad(struct medium *medium, uint32_t n, struct pvk_err *err)
{
	struct mtd *mtd = medium->of;
	loff_t at = (loff_t)byte_of(mtd, n);

	/* Not marked, whoever reads it would take it for a good one. */
	if (ioctl(medium->fd, MEMSETBADBLOCK, &at))
		return failed(medium, "marking as bad", n, -errno, err);
	medium_say(medium, "block %" PRIu32 " (at 0x%" PRIx64 ") has gone bad and is marked",
		   mtd->place[n], byte_of(mtd, n));
	mtd->blocks--;
	memmove(mtd->place + n, mtd->place + n + 1, (mtd->blocks - n) * sizeof(*mtd->place));
	return 0;
}

static int erase_once(const struct medium *medium, uint32_t n)
{
	const struct mtd *mtd = medium->of;
	struct erase_info_user64 erase = { .start = byte_of(mtd, n), .length = mtd->block };

	return ioctl(medium->fd, MEMERASE64, &erase) ? -errno : 0;
}

static int write_once(const struct medium *medium, uint32_t n, const unsigned char *data,
		      size_t len, const char **what)
{
	const struct mtd *mtd = medium->of;
	off_t at = (off_t)byte_of(mtd, n);
	int ret = erase_once(medium, n);
	ssize_t done;

	*what = "erasing";
	if (ret)
		return ret;
	*what = "writing";
	while (len) {
		done = pwrite(medium->fd, data, len, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		data += done;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

/* Into the nth block, or, where that can't take it, into the next that can. */
static int write_block(struct medium *medium, uint32_t n, const unsigned char *data, size_t len,
		       struct pvk_err *err)
{
	struct mtd *mtd = medium->of;
	const char *what = "";
	unsigned int tries;
	int ret;

	for (tries = 1; n < mtd->blocks; tries++) {
		ret = write_once(medium, n, data, len, &what);
		if (!ret && tries > 1)
			medium_say(medium, "block %" PRIu32 ": written with %u tries",
				   mtd->place[n], tries);
		if (!ret)
			return 0;
		if (!medium_may_pass(ret) || (tries >= MEDIUM_TRIES && !mtd->nand))
			return failed(medium, what, n, ret, err);
		if (tries < MEDIUM_TRIES)
			continue;
		ret = mark_bad(medium, n, err);
		if (ret)
			return ret;
		tries = 0;
	}
	return pvk_err_set(err, -ENOSPC, "%s: so many blocks are bad that the image does not fit",
			   medium->target.device);
}

/* Without the pages at its end that are as erased. */
static size_t used(const struct mtd *mtd, const unsigned char *data)
{
	size_t len = mtd->block;

	while (len && data[len - 1] == ERASED)
		len--;
	return (len + mtd->page - 1) / mtd->page * mtd->page;
}

static int mtd_write(struct medium *medium, unsigned char *data, size_t len,
		     struct pvk_err *err)
{
	struct mtd *mtd = medium->of;
	int ret;

	memset(data + len, ERASED, mtd->block - len);
	ret = write_block(medium, mtd->at, data, used(mtd, data), err);
	if (!ret)
		mtd->at++;
	return ret;
}

/* A driver that keeps something back gives it when it is asked to. */
static int mtd_flush(struct medium *medium, struct pvk_err *err)
{
	if (!fsync(medium->fd) || errno == EINVAL)
		return 0;
	return pvk_err_set(err, -errno, "%s: %s", medium->target.device, strerror(errno));
}

/*
 * What the driver thinks of what was read since: read() gives what can't be corrected, too,
 * and says nothing of it.
 */
static bool ecc_failed(struct medium *medium, uint32_t n)
{
	struct mtd *mtd = medium->of;
	struct mtd_ecc_stats before = mtd->ecc;

	if (ioctl(medium->fd, ECCGETSTATS, &mtd->ecc))
		return false;
	if (mtd->ecc.failed != before.failed)
		return true;
	if (mtd->ecc.corrected != before.corrected)
		medium_say(medium, "block %" PRIu32 ": %" PRIu32 " bits corrected, read back",
			   mtd->place[n], mtd->ecc.corrected - before.corrected);
	return false;
}

static int read_block(struct medium *medium, uint32_t n, unsigned char *data, size_t len)
{
	const struct mtd *mtd = medium->of;
	size_t have = 0;
	ssize_t got;

	while (have < len) {
		got = pread(medium->fd, data + have, len - have,
			    (off_t)(byte_of(mtd, n) + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		have += (size_t)got;
	}
	return 0;
}

static int mtd_read(struct medium *medium, uint64_t offset, unsigned char *data, size_t len,
		    struct pvk_err *err)
{
	struct mtd *mtd = medium->of;
	uint32_t n = (uint32_t)(offset / mtd->block);
	int ret;

	if (n >= mtd->blocks)
		return pvk_err_set(err, -ENOSPC, "%s: byte %" PRIu64 " of the image has no place",
				   medium->target.device, offset);
	ioctl(medium->fd, ECCGETSTATS, &mtd->ecc);
	ret = read_block(medium, n, data, len);
	if (ret)
		return failed(medium, "reading", n, ret, err);
	if (!ecc_failed(medium, n))
		return 0;
	return pvk_err_set(err, -EBADMSG, "%s: reading block %" PRIu32 " (at 0x%" PRIx64
			   "): more bits are wrong than can be corrected", medium->target.device,
			   mtd->place[n], byte_of(mtd, n));
}

static int mtd_distrust(struct medium *medium, uint64_t offset, struct pvk_err *err)
{
	const struct mtd *mtd = medium->of;
	uint32_t n = (uint32_t)(offset / mtd->block);

	return mtd->nand && n < mtd->blocks ? mark_bad(medium, n, err) : 0;
}

static void mtd_behind(struct medium *medium, uint64_t *at, uint64_t *end)
{
	const struct mtd *mtd = medium->of;

	*at = (uint64_t)mtd->at * mtd->block;
	*end = (uint64_t)mtd->blocks * mtd->block;
}

static bool is_erased(struct medium *medium, uint32_t n)
{
	const struct mtd *mtd = medium->of;

	return !read_block(medium, n, mtd->look, mtd->block) && !used(mtd, mtd->look);
}

static int mtd_erase(struct medium *medium, uint64_t *at, struct pvk_err *err)
{
	const struct mtd *mtd = medium->of;
	uint32_t n = (uint32_t)(*at / mtd->block);
	unsigned int tries;
	int ret = 0;

	*at += mtd->block;
	/* It may have become the last by a bad one. */
	if (n >= mtd->blocks || is_erased(medium, n))
		return 0;
	for (tries = 0; tries < MEDIUM_TRIES; tries++) {
		ret = erase_once(medium, n);
		if (!ret || !medium_may_pass(ret))
			break;
	}
	if (!ret || !mtd->nand || !medium_may_pass(ret))
		return ret ? failed(medium, "erasing", n, ret, err) : 0;
	/* The next one takes its number. */
	*at -= mtd->block;
	return mark_bad(medium, n, err);
}

const struct medium_ops medium_mtd = {
	.open = mtd_open,
	.seek = mtd_seek,
	.write = mtd_write,
	.flush = mtd_flush,
	.read = mtd_read,
	.distrust = mtd_distrust,
	.behind = mtd_behind,
	.erase = mtd_erase,
	.close = mtd_close,
};
