/* SPDX-License-Identifier: MIT */
/*
 * update_dog - the watchdog while the old system ends, and its feeder with all others
 *
 * As soon as nobody has it any more it is ours and, as long as the session lives, in the
 * kernel's custody too. Its time is made long enough for what process 1 runs between our end
 * and pvkit-update, which makes it what it was (user/update/dog.c).
 */
#ifndef PVKIT_UPDATE_DOG_H
#define PVKIT_UPDATE_DOG_H

#include "pivot.h"
#include "target.h"

struct update_dog {
	const struct pvk_watchdog *watchdog;
	int fd;			/* -1: it is not ours */
};

/*
 * Again and again, a second apart at most. session: -1 if it has ended; seconds: how long the
 * kernel keeps it alive. 1: it is ours since this call; 0, or a negative errno if the kernel
 * does not take it: then it is kept alive by the next looks.
 */
int update_dog_look(struct update_dog *dog, struct pvk_pivot *pivot, int session,
		    unsigned int seconds, struct pvk_err *err);
/* On the way back: it has its time again, and counts as before. */
void update_dog_leave(struct update_dog *dog);

#endif /* PVKIT_UPDATE_DOG_H */
