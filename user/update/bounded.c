// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounded.h"
#include "clock.h"
#include "waits.h"

#define DIE_SECONDS	10	/* for one that is killed; a call that can end ends at once */
#define LOOK_EVERY_MS	20

static unsigned int now(void)
{
	return (unsigned int)(clock_ms() / 1000);
}

void bounded_allow(struct deadline *until, unsigned int seconds)
{
	/* What is left of this second is not counted. */
	atomic_store(&until->at, now() + seconds + 1);
}

/* true: that one has ended. */
static bool reap(pid_t pid)
{
	pid_t ended;

	while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
		if (ended == pid)
			return true;
	return ended < 0 && errno == ECHILD;
}

static bool ends_by(pid_t pid, const struct deadline *until)
{
	unsigned int at;

	while (!reap(pid)) {
		at = atomic_load(&until->at);
		if (at && now() >= at)
			return false;
		clock_sleep_ms(LOOK_EVERY_MS);
	}
	return true;
}

static int end(pid_t pid, char *waits, size_t size)
{
	struct deadline dead;

	bounded_allow(&dead, DIE_SECONDS);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	if (ends_by(pid, &dead))
		return -ETIMEDOUT;
	if (size)
		waits_in((unsigned int)pid, waits, size);
	return -EBUSY;
}

int bounded_run(void (*work)(void *arg), void *arg, const struct deadline *until,
		char *waits, size_t size)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		setsid();
		work(arg);
		_exit(0);
	}
	return ends_by(pid, until) ? 0 : end(pid, waits, size);
}
