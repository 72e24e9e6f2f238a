// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "log.h"
#include "pool.h"

struct slot {
	struct pool *pool;
	pid_t pid;		/* 0: free */
	int fd;
	struct event *ev;
	bool busy;
	struct worker_task task;	/* while busy */
};

struct pool {
	struct event_base *base;
	struct worker model;
	const struct pool_ops *ops;
	void *arg;
	struct slot slot[POOL_MAX];
};

static void slot_close(struct slot *slot)
{
	if (slot->ev)
		event_free(slot->ev);
	if (slot->fd >= 0)
		close(slot->fd);
	*slot = (struct slot){ .pool = slot->pool, .fd = -1 };
}

static unsigned int count_idle(const struct pool *pool)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < POOL_MAX; i++)
		n += pool->slot[i].pid && !pool->slot[i].busy;
	return n;
}

unsigned int pool_busy(const struct pool *pool)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < POOL_MAX; i++)
		n += pool->slot[i].busy;
	return n;
}

static void died_over_task(struct slot *slot)
{
	struct worker_task task = slot->task;
	struct worker_answer answer;
	struct pool *pool = slot->pool;

	memset(&answer, 0, sizeof(answer));
	answer.id = task.id;
	answer.error = EIO;
	snprintf(answer.text, sizeof(answer.text), "worker %d died over it", (int)slot->pid);
	slot_close(slot);
	pool->ops->finished(pool->arg, &task, &answer);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct worker_answer answer;
	struct slot *slot = arg;
	struct pool *pool = slot->pool;
	struct worker_task task;
	int ret;

	(void)what;
	ret = worker_receive_answer(fd, &answer);
	if (ret == -EAGAIN)
		return;
	if (ret && slot->busy) {
		died_over_task(slot);
		return;
	}
	if (ret || !slot->busy || answer.id != slot->task.id) {
		slot_close(slot);
		return;
	}
	slot->busy = false;
	task = slot->task;
	/* It ends when its socket closes. */
	if (count_idle(pool) > POOL_IDLE)
		slot_close(slot);
	pool->ops->finished(pool->arg, &task, &answer);
}

static int slot_start(struct slot *slot)
{
	pid_t pid;

	pid = worker_start(&slot->pool->model, &slot->fd);
	if (pid < 0) {
		slot->fd = -1;
		return pid;
	}
	slot->pid = pid;
	slot->ev = event_new(slot->pool->base, slot->fd, EV_READ | EV_PERSIST, on_answer, slot);
	if (!slot->ev || event_add(slot->ev, NULL)) {
		slot_close(slot);
		return -ENOMEM;
	}
	return 0;
}

struct pool *pool_new(struct event_base *base, const struct worker *model,
		      const struct pool_ops *ops, void *arg)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	size_t i;
	int ret;

	if (!pool)
		return NULL;
	pool->base = base;
	pool->model = *model;
	pool->ops = ops;
	pool->arg = arg;
	for (i = 0; i < POOL_MAX; i++)
		pool->slot[i] = (struct slot){ .pool = pool, .fd = -1 };
	for (i = 0; i < POOL_IDLE; i++) {
		ret = slot_start(&pool->slot[i]);
		if (ret)
			log_msg(LOG_WARNING, "worker: %s", strerror(-ret));
	}
	return pool;
}

void pool_free(struct pool *pool)
{
	size_t i;

	for (i = 0; i < POOL_MAX; i++)
		slot_close(&pool->slot[i]);
	free(pool);
}

/* The answer of one that died while it was idle: nothing. */
static bool is_gone(const struct slot *slot)
{
	char byte;
	ssize_t n = recv(slot->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* An idle worker, else a new one. */
static int find_slot(struct pool *pool, struct slot **found)
{
	struct slot *unused = NULL;
	size_t i;

	for (i = 0; i < POOL_MAX; i++) {
		*found = &pool->slot[i];
		/* Killed, and its end not yet seen by the event loop. */
		if ((*found)->pid && !(*found)->busy && is_gone(*found))
			slot_close(*found);
		if ((*found)->pid && !(*found)->busy)
			return 0;
		if (!(*found)->pid && !unused)
			unused = *found;
	}
	*found = unused;
	return unused ? slot_start(unused) : -EAGAIN;
}

int pool_submit(struct pool *pool, const struct worker_task *task)
{
	struct slot *slot;
	int ret;

	ret = find_slot(pool, &slot);
	if (ret)
		return ret;
	slot->busy = true;
	slot->task = *task;
	if (pool->ops->starting(pool->arg, task, slot->pid)) {
		slot->busy = false;
		return 0;
	}
	/* A send that fails is a worker that is gone: its end is seen like any other. */
	ret = worker_send_task(slot->fd, task);
	if (ret)
		died_over_task(slot);
	return 0;
}

void pool_reap(struct pool *pool)
{
	pid_t pid;

	(void)pool;
	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (pid > 0);
}
