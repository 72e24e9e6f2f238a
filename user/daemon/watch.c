// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "genl.h"
#include "log.h"
#include "util.h"
#include "watch.h"

#define NAMES	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define ITSELF	(IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
	const char *root, *dir;
	void (*changed)(void *arg);
	void *arg;
	int fd;
	int root_wd, dir_wd;	/* -1: no such directory */
	struct event *ev;
	struct event *settle_ev;
	int64_t since_ms;	/* the first change that was not yet told; 0: none */
};

/* An inode that is watched already keeps its number. */
static void look_at(struct watch *watch)
{
	char path[PATH_MAX];
	int old = watch->dir_wd;

	watch->root_wd = inotify_add_watch(watch->fd, watch->root, NAMES | ITSELF);
	watch->dir_wd = -1;
	if (snprintf(path, sizeof(path), "%s/%s", watch->root, watch->dir) < (int)sizeof(path))
		watch->dir_wd = inotify_add_watch(watch->fd, path, NAMES | ITSELF | IN_CLOSE_WRITE);
	if (old >= 0 && old != watch->dir_wd)
		inotify_rm_watch(watch->fd, old);
}

static void change(struct watch *watch)
{
	int64_t now = pvk_now_ms(), wait = WATCH_SETTLE_MS;
	struct timeval tv;

	if (!watch->since_ms)
		watch->since_ms = now;
	if (watch->since_ms + WATCH_MOST_MS - now < wait)
		wait = watch->since_ms + WATCH_MOST_MS - now;
	if (wait < 0)
		wait = 0;
	tv.tv_sec = 0;
	tv.tv_usec = (suseconds_t)wait * 1000;
	event_add(watch->settle_ev, &tv);
}

static bool concerns(const struct watch *watch, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";

	if (event->mask & IN_Q_OVERFLOW)
		return true;
	/* Of a watch that was given up. */
	if (event->mask & IN_IGNORED)
		return false;
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
		return true;
	if (event->wd == watch->root_wd)
		return !strcmp(name, watch->dir);
	return event->wd == watch->dir_wd;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	struct watch *watch = arg;
	bool changed = false;
	ssize_t n, at;

	(void)what;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (at = 0; at < n; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(buf + at);
			changed |= concerns(watch, event);
		}
	}
	if (!changed)
		return;
	/* At once: what changes in a new directory is not to be missed. */
	look_at(watch);
	change(watch);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	watch->since_ms = 0;
	look_at(watch);
	watch->changed(watch->arg);
}

int watch_new(struct watch **out, struct event_base *base, const char *root, const char *dir,
	      void (*changed)(void *arg), void *arg)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int ret = -ENOMEM;

	if (!watch)
		return ret;
	watch->root = root;
	watch->dir = dir;
	watch->changed = changed;
	watch->arg = arg;
	watch->root_wd = -1;
	watch->dir_wd = -1;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		ret = -errno;
	else
		watch->ev = event_new(base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
	watch->settle_ev = evtimer_new(base, on_settled, watch);
	if (!watch->ev || !watch->settle_ev || event_add(watch->ev, NULL)) {
		watch_free(watch);
		return ret;
	}
	look_at(watch);
	*out = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->ev)
		event_free(watch->ev);
	if (watch->settle_ev)
		event_free(watch->settle_ev);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}
