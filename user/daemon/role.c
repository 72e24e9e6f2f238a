// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "log.h"
#include "notify.h"
#include "role.h"

/* Without a supervisor the service manager is told the same in its own words. */
static void report(struct role_env *env, char byte, const char *state)
{
	int ret;

	if (env->report_fd >= 0) {
		/* A full pipe is a supervisor that is behind: it has enough to read. */
		if (write(env->report_fd, &byte, 1) != 1 && errno != EAGAIN)
			log_msg(LOG_WARNING, "the supervisor does not listen");
	} else if (!env->parent) {
		ret = notify_send(state);
		if (ret)
			log_limited(1, LOG_WARNING, "NOTIFY_SOCKET: %s", strerror(-ret));
	}
}

void role_ready(struct role_env *env)
{
	if (!env->said_ready)
		report(env, ROLE_READY, "READY=1");
	env->said_ready = true;
}

void role_reloaded(struct role_env *env)
{
	report(env, ROLE_RELOADED, "READY=1");
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	report(arg, ROLE_BEAT, "WATCHDOG=1");
}

int role_watch(struct role_env *env, struct event_base *base)
{
	const struct timeval every = { .tv_sec = env->watchdog_s };

	if (!env->watchdog_s)
		return 0;
	env->beat = event_new(base, -1, EV_PERSIST, on_beat, env);
	return env->beat && !event_add(env->beat, &every) ? 0 : -ENOMEM;
}

void role_unwatch(struct role_env *env)
{
	if (env->beat)
		event_free(env->beat);
	env->beat = NULL;
}
