/* SPDX-License-Identifier: MIT */
/*
 * evict - end the processes that hold a file system
 *
 * They are asked with SIGTERM, those that are stopped are let go on to hear it, and killed
 * when their time is over. Whoever comes meanwhile is found by looking again. Spared are
 * process 1, the caller and its parent, and the kernel's.
 */
#ifndef UPDATE_EVICT_H
#define UPDATE_EVICT_H

#include <sys/types.h>

#include "util.h"

struct evict_limits {
	unsigned int term_ms;	/* from being asked to being killed */
	unsigned int kill_ms;	/* from that to being gone */
	void (*tick)(void *arg);	/* NULL, or called each second at least meanwhile */
	void *arg;
};

/*
 * Of the file system at path; NULL: that of the number dev. Until none holds it but what is
 * no process: mounts here, loop devices, swap. -EBUSY: somebody is left, and who is told.
 */
int evict(const char *path, dev_t dev, const struct evict_limits *limits, struct pvk_err *err);

/* Tells who holds it, processes or not, a line each. */
void evict_tell(const char *path, dev_t dev);

#endif /* UPDATE_EVICT_H */
