/* SPDX-License-Identifier: MIT */
/*
 * targets - nobody but the update has what it is about to write to
 *
 * The session proves it of the one medium that the old root was on. The others may be mounted
 * below /run, swapped to or be a part of something: they are freed, which is undone with all
 * else, and had exclusively from before the arming until all is written.
 */
#ifndef UPDATE_TARGETS_H
#define UPDATE_TARGETS_H

#include "plan.h"
#include "unmount.h"

#define TARGETS_FDS	64

struct targets {
	const struct plan *plan;
	dev_t session;			/* the block device that the module has; 0: none */
	int fd[TARGETS_FDS];
	size_t n;
};

/* session: the number of the file system that it follows. */
void targets_init(struct targets *targets, const struct plan *plan, dev_t session);
/* Processes that have one end, what is mounted from one is unmounted, swap there is off. */
int targets_free(const struct targets *targets, struct unmount *unmount, struct pvk_err *err);
/* -EBUSY: somebody is left, and is told. */
int targets_claim(struct targets *targets, struct pvk_err *err);
void targets_let_go(struct targets *targets);

#endif /* UPDATE_TARGETS_H */
