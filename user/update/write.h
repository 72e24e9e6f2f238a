/* SPDX-License-Identifier: MIT */
/*
 * write - a plan's images onto their targets, from a cursor on
 *
 * The same for an update from RAM, for one that is taken up at the next boot and for
 * `pvkit-update write`. Who calls it hears of the cursor and keeps it; nothing here knows of
 * flags, sessions or process 1.
 *
 * An image counts as written when it was read back from the medium and that has the plan's
 * checksum: only then the cursor comes to its end. So a cursor means: what is before it has
 * been flushed to the medium, and each image before it is as it should be.
 */
#ifndef UPDATE_WRITE_H
#define UPDATE_WRITE_H

#include "plan.h"

enum write_step {
	WRITE_CHECK,		/* the image is read through, nothing is changed yet */
	WRITE_RESUME,		/* what a resumed one has on the medium is compared */
	WRITE_WRITE,
	WRITE_ERASE,		/* of flash, what is behind the image */
	WRITE_VERIFY,
};

struct write_progress {
	enum write_step step;
	size_t image;
	uint64_t done, total;	/* bytes of this image in this step */
	uint64_t began_ms;	/* CLOCK_MONOTONIC, of this step ... */
	uint64_t now_ms;
	uint64_t began_at;	/* ... and what was done then */
	const char *device;	/* "mtd3" */
};

struct write_env {
	const char *state;	/* DIR of the plan's state, where that is now; NULL: nowhere */
	const char *state_top;	/* of its file system, for `state:/...`; NULL: likewise */
	bool owned;		/* images there have to be root's alone (owned.h) */
	const char *sys, *dev;	/* "/sys", "/dev" */
	bool exclusive;		/* refuse a block device that is mounted or held otherwise */
	bool other_boot;	/* than the plan's: a disk's name may be another one's */

	/*
	 * At most once a second and at the end of each step. Other than 0 asks for a stop: what
	 * was written is flushed, the cursor told, and the answer is -ECANCELED.
	 */
	int (*progress)(void *arg, const struct write_progress *progress);
	/*
	 * All before that is on the medium, at most once a second and at the end of each image.
	 * May be less than before, when read-back has found something. An error ends it all:
	 * a cursor that can't be kept is one that can't be relied on.
	 */
	int (*cursor)(void *arg, uint64_t cursor, struct pvk_err *err);
	/* carry_out() alone: nothing more will be written to them. */
	void (*written)(void *arg);
	/* A line that somebody may want to read later: a bad block, a second try. */
	void (*say)(void *arg, const char *line);
	void *arg;
};

/* Each may be NULL in env; sys and dev then are the usual ones. */

/*
 * Are the images that are not written yet there, as large as they should be and of the right
 * checksum, and the targets what the plan says they are? Before the first of them is written:
 * nothing has been changed when this fails.
 */
int write_check(const struct plan *plan, uint64_t cursor, const struct write_env *env,
		struct pvk_err *err);

/*
 * Writes and reads back. Does not call write_check(). The text of an error says which
 * device, where on it, and what the kernel said.
 *
 * -ECANCELED: asked to stop. -EBADMSG: what was read back is not the image, after it was
 * written anew twice, or the image itself is not what it was. -ENXIO: a target that is not
 * as the plan has it.
 */
int write_images(const struct plan *plan, uint64_t cursor, const struct write_env *env,
		 struct pvk_err *err);

/* "/dev/shm/x" of the plan's "/dev/shm/x" or "state:x". -ENAMETOOLONG, -ENOENT: no state. */
int write_image_path(const struct plan_image *image, const struct write_env *env, char *path,
		     size_t size);

const char *write_step_name(enum write_step step);

#endif /* UPDATE_WRITE_H */
