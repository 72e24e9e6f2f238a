// SPDX-License-Identifier: MIT
/*
 * A block device: large writes past the page cache, so that memory stays free, an error
 * comes with the write that it belongs to, and read-back reads the medium. Where a driver
 * can't do that, through it. What is behind the image is left alone, and the kernel is not
 * asked to read a partition table anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "write_medium.h"

#define CHUNK		(1u << 20)
#define SECTOR		512
#define PIECE		4096		/* in which a write that failed is tried again */
#define ALIGN_MIN	4096

struct block {
	size_t sector;
	uint64_t at;
	bool direct;
};

static int block_open(struct medium *medium, struct pvk_err *err)
{
	int sector = SECTOR, flags = O_RDWR | (medium->env->exclusive ? O_EXCL : 0);
	struct pvk_err why = { .text = "" };
	struct block *block;

	block = calloc(1, sizeof(*block));
	if (!block)
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	block->direct = true;
	medium->fd = medium_open_node(medium, flags | O_DIRECT, &why);
	if (medium->fd == -EINVAL) {
		block->direct = false;
		medium->fd = medium_open_node(medium, flags, &why);
	}
	if (medium->fd < 0) {
		free(block);
		return pvk_err_set(err, medium->fd, "%s", why.text);
	}
	ioctl(medium->fd, BLKSSZGET, &sector);
	block->sector = sector >= SECTOR && sector <= (int)PLAN_UNIT ? (size_t)sector : SECTOR;
	medium->of = block;
	medium->chunk = CHUNK;
	medium->align = block->sector > ALIGN_MIN ? block->sector : ALIGN_MIN;
	medium->resumes = true;
	return 0;
}

static int block_seek(struct medium *medium, uint64_t *offset, struct pvk_err *err)
{
	struct block *block = medium->of;

	(void)err;
	block->at = *offset;
	return 0;
}

/* All of it, or -errno. */
static int transfer(const struct medium *medium, unsigned char *data, size_t len, uint64_t at,
		    bool write)
{
	ssize_t n;

	while (len) {
		n = write ? pwrite(medium->fd, data, len, (off_t)at) :
			    pread(medium->fd, data, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int failed(const struct medium *medium, const char *what, uint64_t at, int ret,
		  struct pvk_err *err)
{
	return pvk_err_set(err, ret, "%s: %s sector %" PRIu64 " (byte %" PRIu64 "): %s",
			   medium->target.device, what, at / SECTOR, at, strerror(-ret));
}

/* By pieces, so that it is known which one it is, and the others are there. */
static int write_pieces(struct medium *medium, unsigned char *data, size_t len, uint64_t at,
			struct pvk_err *err)
{
	const struct block *block = medium->of;
	size_t piece = block->sector > PIECE ? block->sector : PIECE, n, done;
	unsigned int tries;
	int ret;

	for (done = 0; done < len; done += n) {
		n = len - done < piece ? len - done : piece;
		for (tries = 1;; tries++) {
			ret = transfer(medium, data + done, n, at + done, true);
			if (!ret)
				break;
			if (!medium_may_pass(ret) || tries == MEDIUM_TRIES)
				return failed(medium, "writing", at + done, ret, err);
		}
		if (tries > 1)
			medium_say(medium, "sector %" PRIu64 ": written with %u tries",
				   (at + done) / SECTOR, tries);
	}
	return 0;
}

/* Up to the end of a sector: with what the medium has there. */
static int fill_up(struct medium *medium, unsigned char *data, size_t *len, struct pvk_err *err)
{
	const struct block *block = medium->of;
	pvk_auto_free unsigned char *sector = NULL;
	size_t rest = *len % block->sector, from = *len - rest;
	int ret;

	if (!rest)
		return 0;
	if (posix_memalign((void **)&sector, medium->align, block->sector))
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	ret = transfer(medium, sector, block->sector, block->at + from, false);
	/* It is about to be written, which may mend it. */
	if (ret)
		memset(sector, 0, block->sector);
	memcpy(data + *len, sector + rest, block->sector - rest);
	*len = from + block->sector;
	return 0;
}

static int block_write(struct medium *medium, unsigned char *data, size_t len,
		       struct pvk_err *err)
{
	struct block *block = medium->of;
	int ret = fill_up(medium, data, &len, err);

	if (ret)
		return ret;
	ret = transfer(medium, data, len, block->at, true);
	if (ret && !medium_may_pass(ret))
		return failed(medium, "writing", block->at, ret, err);
	if (ret)
		ret = write_pieces(medium, data, len, block->at, err);
	if (!ret)
		block->at += len;
	return ret;
}

static int block_flush(struct medium *medium, struct pvk_err *err)
{
	const struct block *block = medium->of;

	if (!fdatasync(medium->fd))
		return 0;
	return pvk_err_set(err, -errno, "%s: what was written before byte %" PRIu64
			   " does not get to the medium: %s", medium->target.device, block->at,
			   strerror(errno));
}

static int block_read(struct medium *medium, uint64_t offset, unsigned char *data, size_t len,
		      struct pvk_err *err)
{
	const struct block *block = medium->of;
	unsigned int tries;
	int ret;

	len = (len + block->sector - 1) / block->sector * block->sector;
	if (!block->direct)
		posix_fadvise(medium->fd, (off_t)offset, (off_t)len, POSIX_FADV_DONTNEED);
	for (tries = 1;; tries++) {
		ret = transfer(medium, data, len, offset, false);
		if (!ret)
			return 0;
		if (!medium_may_pass(ret) || tries == MEDIUM_TRIES)
			return failed(medium, "reading", offset, ret, err);
	}
}

static void block_close(struct medium *medium)
{
	close(medium->fd);
	free(medium->of);
}

const struct medium_ops medium_block = {
	.open = block_open,
	.seek = block_seek,
	.write = block_write,
	.flush = block_flush,
	.read = block_read,
	.close = block_close,
};
