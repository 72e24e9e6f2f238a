// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"

#define LOOK_EVERY_MS	10

int child_wait(pid_t pid, long ms)
{
	int64_t begin = clock_ms();
	pid_t ended;

	for (;;) {
		ended = waitpid(-1, NULL, ms ? WNOHANG : 0);
		if (ended == pid || (ended < 0 && errno != EINTR))
			return 0;
		if (ended)
			continue;
		if (clock_ms() - begin >= ms)
			return -ETIMEDOUT;
		clock_sleep_ms(LOOK_EVERY_MS);
	}
}

int child_do(void (*work)(void *arg), void *arg, long ms)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		work(arg);
		_exit(0);
	}
	return child_wait(pid, ms);
}
