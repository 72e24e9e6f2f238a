/* SPDX-License-Identifier: MIT */
/*
 * child - what may hang is done by a child
 *
 * Process 1 is the parent of whoever has lost his own, and reaps him too.
 */
#ifndef INIT_CHILD_H
#define INIT_CHILD_H

#include <sys/types.h>

/* Until it has ended; -ETIMEDOUT: not within so many milliseconds. ms 0: however long. */
int child_wait(pid_t pid, long ms);
/* Does the work in a child. -ETIMEDOUT: it still does; what it holds it goes on to hold. */
int child_do(void (*work)(void *arg), void *arg, long ms);

#endif /* INIT_CHILD_H */
