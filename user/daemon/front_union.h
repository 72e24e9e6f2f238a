/* SPDX-License-Identifier: MIT */
/*
 * front_union - the front's view of the RAM over the root
 *
 * All of it is opened while there are no limits yet, and is there from the boot on or
 * never. Then it takes no right and no system call that the front does not have: only the
 * file with the level is opened anew, since it is replaced at each change.
 */
#ifndef PVKITD_FRONT_UNION_H
#define PVKITD_FRONT_UNION_H

#include <event2/event.h>

#include "http.h"

struct front_union {
	int state;		/* the directory; -1: there is no union */
	int ram;		/* to ask how full it is */
	int inotify;
	struct event *changed;
	struct http *http;
};

#define FRONT_UNION_INIT	{ .state = -1, .ram = -1, .inotify = -1 }

/* dir: PVK_UNION_DIR. Without a union, or when it can't be watched: not open. */
void front_union_open(struct front_union *fu, const char *dir);
/* What http asks of it. */
void front_union_serve(struct front_union *fu, struct http_kernel *kernel);
int front_union_watch(struct front_union *fu, struct event_base *base, struct http *http);
void front_union_close(struct front_union *fu);

#endif /* PVKITD_FRONT_UNION_H */
