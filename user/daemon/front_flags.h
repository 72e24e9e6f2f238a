/* SPDX-License-Identifier: MIT */
/*
 * front_flags - the front's way to pv_bootflag
 *
 * A netlink socket of its own, whose loss costs nobody a driver. It becomes a writer
 * while the process has the right to; for one that is lost, or pv_bootflag that comes
 * later, the front has to start anew, which waits until nobody waits for an answer.
 */
#ifndef PVKITD_FRONT_FLAGS_H
#define PVKITD_FRONT_FLAGS_H

#include <event2/event.h>

#include "http.h"

struct front_flags {
	struct pvk_bf *bf;	/* NULL: pv_bootflag is not in the kernel */
	struct http *http;
	struct event *readable;
	struct event *idle;
	/* To start anew is due, and disturbs nobody. */
	void (*start_anew)(void *arg);
	void *arg;
};

/* With the rights that the front has at first. Without them, or pv_bootflag: not open. */
void front_flags_open(struct front_flags *flags);
/* What http asks of pv_bootflag. */
void front_flags_serve(struct front_flags *flags, struct http_kernel *kernel);
int front_flags_watch(struct front_flags *flags, struct event_base *base, struct http *http);
/* FAMILY_* that were seen of pv_bootflag. */
void front_flags_family(struct front_flags *flags, unsigned int seen);
/* After http is gone. */
void front_flags_close(struct front_flags *flags);

#endif /* PVKITD_FRONT_FLAGS_H */
