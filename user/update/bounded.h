/* SPDX-License-Identifier: MIT */
/*
 * bounded - work that may hang, done by a child, with an end
 *
 * A call that asks a server or a device that no longer answers may never return. Process 1
 * makes none of these itself: it looks on, and when the time is over the child is killed.
 * Most calls that wait end by that; those that don't nobody can end.
 */
#ifndef UPDATE_BOUNDED_H
#define UPDATE_BOUNDED_H

#include <stdatomic.h>
#include <stddef.h>

/* Where it is in memory that is shared, the work can move it. */
struct deadline {
	atomic_uint at;		/* seconds of CLOCK_MONOTONIC; 0: there is none */
};

/* So many seconds from now. */
void bounded_allow(struct deadline *until, unsigned int seconds);

/*
 * Whoever else ends meanwhile is reaped. 0: it has ended, by itself or not. -ETIMEDOUT: its
 * time was over and it was killed, with its process group.
 * -EBUSY: so it was, and is still there (waits, if it has room, says in what).
 * Others: it did not begin.
 */
int bounded_run(void (*work)(void *arg), void *arg, const struct deadline *until,
		char *waits, size_t size);

#endif /* UPDATE_BOUNDED_H */
