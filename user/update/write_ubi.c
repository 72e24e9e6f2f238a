// SPDX-License-Identifier: MIT
/*
 * A UBI volume, as a whole: the kernel marks it as one that is being written, and until the
 * last byte came nobody takes it for a good one. Bad blocks are UBI's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mtd/ubi-user.h>
#include <string.h>
#include <sys/ioctl.h>

#include "write_medium.h"

#define CHUNK	(256u * 1024)

struct ubi {
	uint64_t at;
};

static int ubi_open(struct medium *medium, struct pvk_err *err)
{
	if (!medium->target.block)
		return pvk_err_set(err, -EINVAL, "%s: blocks without a size",
				   medium->target.device);
	medium->fd = medium_open_node(medium, O_RDWR, err);
	if (medium->fd < 0)
		return medium->fd;
	medium->of = calloc(1, sizeof(struct ubi));
	if (!medium->of) {
		close(medium->fd);
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	}
	/* Whole blocks, which the kernel needs to keep none of. */
	medium->chunk = medium->target.block;
	while (medium->chunk < CHUNK)
		medium->chunk += medium->target.block;
	medium->align = sizeof(void *);
	return 0;
}

static int ubi_seek(struct medium *medium, uint64_t *offset, struct pvk_err *err)
{
	struct ubi *ubi = medium->of;
	struct pvk_err why = { .text = "" };
	int64_t bytes = (int64_t)medium->image;

	/* An update that was begun and is not through ends with the descriptor. */
	if (medium->fd >= 0)
		close(medium->fd);
	medium->fd = medium_open_node(medium, O_RDWR, &why);
	if (medium->fd < 0)
		return pvk_err_set(err, medium->fd, "%s", why.text);
	if (ioctl(medium->fd, UBI_IOCVOLUP, &bytes))
		return pvk_err_set(err, -errno, "%s: beginning to write: %s%s",
				   medium->target.device, strerror(errno),
				   errno == EBUSY ? ": it is mounted or open" : "");
	ubi->at = 0;
	*offset = 0;
	return 0;
}

static int ubi_write(struct medium *medium, unsigned char *data, size_t len,
		     struct pvk_err *err)
{
	struct ubi *ubi = medium->of;
	ssize_t n;

	while (len) {
		n = write(medium->fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return pvk_err_set(err, n ? -errno : -EIO, "%s: writing at %" PRIu64
					   " (block %" PRIu64 "): %s", medium->target.device,
					   ubi->at, ubi->at / medium->target.block,
					   strerror(n ? errno : EIO));
		data += n;
		ubi->at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int ubi_flush(struct medium *medium, struct pvk_err *err)
{
	const struct ubi *ubi = medium->of;

	/* Before the end there is nothing yet that could be kept. */
	if (ubi->at < medium->image || !fsync(medium->fd))
		return 0;
	return pvk_err_set(err, -errno, "%s: %s", medium->target.device, strerror(errno));
}

static int ubi_read(struct medium *medium, uint64_t offset, unsigned char *data, size_t len,
		    struct pvk_err *err)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = pread(medium->fd, data + have, len - have, (off_t)(offset + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return pvk_err_set(err, n ? -errno : -EIO, "%s: reading at %" PRIu64
					   " (block %" PRIu64 "): %s", medium->target.device,
					   offset, offset / medium->target.block,
					   strerror(n ? errno : EIO));
		have += (size_t)n;
	}
	return 0;
}

static void ubi_close(struct medium *medium)
{
	if (medium->fd >= 0)
		close(medium->fd);
	free(medium->of);
}

const struct medium_ops medium_ubi = {
	.open = ubi_open,
	.seek = ubi_seek,
	.write = ubi_write,
	.flush = ubi_flush,
	.read = ubi_read,
	.close = ubi_close,
};
