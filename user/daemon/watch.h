/* SPDX-License-Identifier: MIT */
/*
 * watch - notices that a directory's files have changed
 *
 * In ROOT/DIR: written and closed, replaced by a rename, made, deleted; DIR
 * replaced as a whole, by a rename or as a symlink, or not there yet. What a
 * symlink in DIR leads to, and what is mounted over ROOT, is not seen: for that
 * there is SIGHUP.
 */
#ifndef PVKITD_WATCH_H
#define PVKITD_WATCH_H

#include <event2/event.h>

#define WATCH_SETTLE_MS	200	/* without a further change until it is told */
#define WATCH_MOST_MS	2000	/* until it is told, changes or not */

struct watch;

/* The strings must stay valid. 0 or a negative errno. */
int watch_new(struct watch **out, struct event_base *base, const char *root, const char *dir,
	      void (*changed)(void *arg), void *arg);
void watch_free(struct watch *watch);

#endif /* PVKITD_WATCH_H */
