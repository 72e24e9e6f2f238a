// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "front_union.h"
#include "log.h"
#include "ramunion.h"

/* The level is what was told last; how full it is, is asked for. */
static int u_state(void *arg, struct pvk_union_state *state, struct pvk_err *err)
{
	struct front_union *fu = arg;
	struct statvfs fs;
	int ret;

	if (fu->state < 0)
		return pvk_err_set(err, -ENOENT, "there is no union");
	ret = pvk_union_state_read(fu->state, state, err);
	if (!ret && !fstatvfs(fu->ram, &fs))
		pvk_union_usage_of(&fs, &state->usage);
	/* A file that is gone is a fault, and not a machine without a union. */
	return ret == -ENOENT ? -EIO : ret;
}

void front_union_serve(struct front_union *fu, struct http_kernel *kernel)
{
	kernel->union_state = u_state;
	kernel->union_arg = fu;
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	struct front_union *fu = arg;
	struct pvk_union_state state;
	struct pvk_err err;
	char events[4096];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	if (pvk_union_state_read(fu->state, &state, &err))
		log_msg(LOG_ERR, "%s", err.text);
	else
		http_union_event(fu->http, &state);
}

/* ---- beginning and end ---- */

static int open_all(struct front_union *fu, const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/ram", dir);
	fu->ram = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fu->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "%s/" PVK_UNION_STATE, dir);
	if (fu->ram < 0 || fu->inotify < 0 ||
	    inotify_add_watch(fu->inotify, path, IN_MOVED_TO) < 0)
		return -errno;
	return 0;
}

void front_union_open(struct front_union *fu, const char *dir)
{
	int ret;

	fu->state = pvk_union_state_open(dir, NULL);
	if (fu->state < 0)
		return;
	ret = open_all(fu, dir);
	if (!ret)
		return;
	log_msg(LOG_WARNING, "the RAM over the root is not watched: %s", strerror(-ret));
	front_union_close(fu);
}

int front_union_watch(struct front_union *fu, struct event_base *base, struct http *http)
{
	if (fu->state < 0)
		return 0;
	fu->http = http;
	fu->changed = event_new(base, fu->inotify, EV_READ | EV_PERSIST, on_changed, fu);
	return fu->changed && !event_add(fu->changed, NULL) ? 0 : -ENOMEM;
}

void front_union_close(struct front_union *fu)
{
	if (fu->changed)
		event_free(fu->changed);
	if (fu->state >= 0)
		close(fu->state);
	if (fu->ram >= 0)
		close(fu->ram);
	if (fu->inotify >= 0)
		close(fu->inotify);
	*fu = (struct front_union)FRONT_UNION_INIT;
}
