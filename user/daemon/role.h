/* SPDX-License-Identifier: MIT */
/*
 * role - what a process of pvkitd is given to begin with
 */
#ifndef PVKITD_ROLE_H
#define PVKITD_ROLE_H

#include <sys/types.h>

#include "config.h"

struct event;
struct event_base;

/* How the kernel is told who we are, and the package's version. */
#define PVKITD_TEXT	"pvkitd 0.1"

struct role_env {
	const struct config *config;
	int listener[CONFIG_SOCKETS_MAX];	/* n_sockets of them; the front's */
	pid_t parent;		/* supervisor; 0: a service manager looks after us */
	int control_fd;		/* front and control: their end of the socket between them */
	int report_fd;		/* takes ROLE_*; -1: NOTIFY_SOCKET does */
	int watchdog_s;		/* how often to say that we turn; 0: never */
	struct event *beat;
	bool said_ready;
};

/* What a child tells the supervisor, a byte each. */
#define ROLE_READY	'R'
#define ROLE_BEAT	'B'	/* its event loop turns */
#define ROLE_RELOADED	'L'	/* what SIGHUP asked for is done */

/* Says that this process serves now; once. */
void role_ready(struct role_env *env);
/* Beats from base's loop on, every watchdog_s seconds. */
int role_watch(struct role_env *env, struct event_base *base);
void role_unwatch(struct role_env *env);
void role_reloaded(struct role_env *env);

/*
 * The loader: registers drivers.json, is the kernel's agent. The front: HTTP.
 * Control: control.h. All return an exit status: 0 after SIGTERM, else started again.
 */
int loader_run(struct role_env *env);
int front_run(struct role_env *env);
int control_run(struct role_env *env);

#endif /* PVKITD_ROLE_H */
