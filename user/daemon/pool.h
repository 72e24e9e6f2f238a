/* SPDX-License-Identifier: MIT */
/*
 * pool - the loader's workers
 *
 * A few are there from the start. When all are busy with slow modules more are
 * forked, up to POOL_MAX; those above POOL_IDLE end when they have no work.
 */
#ifndef PVKITD_POOL_H
#define PVKITD_POOL_H

#include <event2/event.h>

#include "worker.h"

#define POOL_IDLE	2
#define POOL_MAX	64

struct pool;

struct pool_ops {
	/*
	 * A worker was chosen. The task reaches it only if this returns 0, and
	 * else is forgotten.
	 */
	int (*starting)(void *arg, const struct worker_task *task, pid_t worker);
	/* Also when the worker died over it. */
	void (*finished)(void *arg, const struct worker_task *task,
			 const struct worker_answer *answer);
};

/* NULL without memory. Workers that can't be started now are tried later. */
struct pool *pool_new(struct event_base *base, const struct worker *model,
		      const struct pool_ops *ops, void *arg);
void pool_free(struct pool *pool);

/* -EAGAIN: all of POOL_MAX are busy; or why there is no worker. */
int pool_submit(struct pool *pool, const struct worker_task *task);
/* How many are at a task: its answer was not yet given to finished(). */
unsigned int pool_busy(const struct pool *pool);
/* To be called after SIGCHLD. */
void pool_reap(struct pool *pool);

#endif /* PVKITD_POOL_H */
