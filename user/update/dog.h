/* SPDX-License-Identifier: MIT */
/*
 * dog - the watchdog of a system whose feeder has to end
 */
#ifndef UPDATE_DOG_H
#define UPDATE_DOG_H

#include "session.h"

struct dog {
	const char *name;	/* watchdog0; "": there is none */
	unsigned int timeout;	/* that the old system had set; 0: not known */
	int fd;			/* -1: not ours yet */
	bool counted;		/* it did before it was ours */
	bool given;		/* the session keeps it alive, too */
	unsigned int interval;	/* seconds between two keepalives */
};

void dog_init(struct dog *dog, const char *name, unsigned int timeout);
/* Until whoever feeds it has let go it can't be had, which is no error: try again. */
void dog_take(struct dog *dog);
/* To the kernel, once it is ours and as long as that session has no other. */
void dog_give(struct dog *dog, struct session *session, uint32_t seconds);
/*
 * On the way back: as it was found. One that counted goes on and wants a feeder, which the
 * old system has.
 */
void dog_release(struct dog *dog);

#endif /* UPDATE_DOG_H */
