/* SPDX-License-Identifier: MIT */
/*
 * write_medium - what an image is written to: a block device, flash, a UBI volume
 *
 * Bytes are counted as the image's. Where they come to lie is the medium's business: bad
 * blocks are none of it.
 */
#ifndef UPDATE_WRITE_MEDIUM_H
#define UPDATE_WRITE_MEDIUM_H

#include <errno.h>

#include "plan.h"
#include "write.h"

#define MEDIUM_TRIES	4	/* of one write: the first and three more */

struct medium;

struct medium_ops {
	int (*open)(struct medium *medium, struct pvk_err *err);
	/* Writing goes on at *offset, or before where it can't be just there: it says where. */
	int (*seek)(struct medium *medium, uint64_t *offset, struct pvk_err *err);
	/*
	 * The next bytes: medium->chunk of them, fewer only at the end of the image. What is
	 * behind them in the buffer is filled up as the medium wants it.
	 */
	int (*write)(struct medium *medium, unsigned char *data, size_t len,
		     struct pvk_err *err);
	/* What was written is on the medium when it returns. */
	int (*flush)(struct medium *medium, struct pvk_err *err);
	/*
	 * From the medium, not from what is remembered of it. offset: whole chunks; len: at
	 * most one; the buffer has room for one.
	 */
	int (*read)(struct medium *medium, uint64_t offset, unsigned char *data, size_t len,
		    struct pvk_err *err);
	/* What was read there is not what was written, for the second time. May be NULL. */
	int (*distrust)(struct medium *medium, uint64_t offset, struct pvk_err *err);
	/* Where what is behind the image begins and ends; erases of it a step, unless it is. */
	void (*behind)(struct medium *medium, uint64_t *at, uint64_t *end);
	int (*erase)(struct medium *medium, uint64_t *at, struct pvk_err *err);	/* may be NULL */
	void (*close)(struct medium *medium);
};

struct medium {
	const struct medium_ops *ops;
	const struct write_env *env;
	struct pvk_target target;
	uint64_t image;		/* bytes that will be written in all */
	size_t chunk;		/* a multiple of 4 KiB but on odd flash; the buffers' size */
	size_t align;		/* of buffers */
	bool resumes;		/* can go on in the middle */
	int fd;
	void *of;		/* the medium's own */
};

extern const struct medium_ops medium_block, medium_mtd, medium_ubi;

/* Worth another try? Not what no try will change: EROFS, EACCES, ENODEV. */
static inline bool medium_may_pass(int ret)
{
	return ret == -EIO || ret == -ETIMEDOUT || ret == -EBADMSG || ret == -EAGAIN;
}

/* Is the target what the plan says? Opens nothing. -ENXIO. */
int medium_find(struct medium *medium, const struct plan_image *image,
		const struct write_env *env, struct pvk_err *err);
/* fd of the target's node, which has to be the one that /sys names. -errno. */
int medium_open_node(const struct medium *medium, int flags, struct pvk_err *err);
void medium_say(const struct medium *medium, const char *fmt, ...) PVK_PRINTF(2, 3);

#endif /* UPDATE_WRITE_MEDIUM_H */
