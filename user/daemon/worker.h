/* SPDX-License-Identifier: MIT */
/*
 * worker - the process that loads and removes modules, one task at a time
 *
 * A module's init function may keep its caller for as long as it likes, so this
 * is done in processes of their own. A worker has no file but the socket to the
 * loader: it must not keep the loader's netlink socket, whose closing tells the
 * kernel that the agent is gone.
 */
#ifndef PVKITD_WORKER_H
#define PVKITD_WORKER_H

#include <linux/pv_driver.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver.h"
#include "modload.h"

#define WORKER_WARNINGS_MAX	16

/* What the loader sends; both ends are the same binary. */
struct worker_task {
	uint64_t id;
	uint32_t op;			/* enum pv_driver_op */
	bool host;			/* on the host's behalf */
	bool mgmt;			/* the container has the management role */
	char alias[PVK_ALIAS_SIZE];	/* of the driver, for messages */
	char container[PVK_ALIAS_SIZE];	/* "" for the host */
	char line[PVK_LINE_SIZE];
};

/* The answer; only n_warnings of the warnings are sent. */
struct worker_answer {
	uint64_t id;
	int error;			/* positive errno, 0 for success */
	bool builtin;
	char text[PVK_TEXT_SIZE];
	char params[PVK_LINE_SIZE];
	unsigned int n_warnings;
	char warning[WORKER_WARNINGS_MAX][PVK_TEXT_SIZE];
};

struct sandbox;

struct worker {
	const char *root;		/* holds user-meta and device-meta */
	struct modload_env env;		/* its directories, and -1 for kmsg */
	const struct sandbox *sandbox;	/* entered when it starts; NULL: none */
};

/* Does one task. Never fails: what goes wrong is in the answer. */
void worker_do(struct worker *worker, const struct worker_task *task,
	       struct worker_answer *answer);
void worker_release(struct worker *worker);

/*
 * A new worker like the given one, child of the caller: its pid, with our end of its socket
 * (non-blocking, SOCK_SEQPACKET) in *fd; or a negative errno. The worker dies
 * with the caller.
 */
pid_t worker_start(const struct worker *worker, int *fd);

int worker_send_task(int fd, const struct worker_task *task);
/* 0; -EAGAIN when there is none; -EPIPE when the worker is gone. */
int worker_receive_answer(int fd, struct worker_answer *answer);

#endif /* PVKITD_WORKER_H */
