// SPDX-License-Identifier: MIT
/*
 * The loader's workers as a pool: a task gets to one that lives.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "ktap.h"
#include "pool.h"

static struct event_base *base;
static struct worker_answer last;
static int answers, begun;
static unsigned int busy_at_submit, busy_at_answer;
static struct pool *pool;

static int on_starting(void *arg, const struct worker_task *task, pid_t worker)
{
	(void)arg;
	(void)task;
	begun += worker > 0;
	return 0;
}

static void on_finished(void *arg, const struct worker_task *task,
			const struct worker_answer *answer)
{
	(void)arg;
	(void)task;
	memcpy(&last, answer, offsetof(struct worker_answer, warning));
	answers++;
	busy_at_answer = pool_busy(pool);
	event_base_loopbreak(base);
}

/* How many there are; kills them if told to, and waits until they are dead. */
static int each_worker(bool end)
{
	char path[64];
	siginfo_t info;
	int pid, n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &pid) == 1) {
		n++;
		if (!end)
			continue;
		kill(pid, SIGKILL);
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	}
	if (f)
		fclose(f);
	return n;
}

static void submit(void)
{
	struct worker_task task = { .id = 5, .op = PV_DRIVER_OP_RESOLVE, .host = true,
				    .line = "no_such_module" };
	const struct timeval limit = { .tv_sec = 10 };

	answers = 0;
	last.error = 0;
	if (pool_submit(pool, &task))
		return;
	busy_at_submit = pool_busy(pool);
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

int main(void)
{
	const struct pool_ops ops = { .starting = on_starting, .finished = on_finished };
	const struct worker model = { .root = "/nonexistent", .env.kmsg = -1 };

	ktap_plan(0);
	base = event_base_new();
	pool = base ? pool_new(base, &model, &ops, NULL) : NULL;
	if (!ktap_check(pool, "a pool is made"))
		return ktap_finish();
	ktap_eq(each_worker(false), POOL_IDLE, "with its workers");
	submit();
	ktap_eq(last.error, ENOENT, "a task is done: there is no such module");
	ktap_eq(busy_at_submit, 1, "one worker is busy with it");
	ktap_eq(busy_at_answer, 0, "and no longer when it is told of");

	/* when all of them die while they have nothing to do */
	each_worker(true);
	pool_reap(pool);
	submit();
	ktap_eq(answers, 1, "the next task is answered");
	ktap_eq(last.error, ENOENT, "by a worker that was started for it");
	ktap_eq(begun, 2, "each task began once");
	pool_free(pool);
	event_base_free(base);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return ktap_finish();
}
