// SPDX-License-Identifier: MIT
/*
 * What process 1 must not do: wait for ever, for a terminal or for a child, and write
 * its words into whatever was opened as standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "console.h"
#include "ktap.h"

#define LIMIT_MS	20000	/* for what is to come at once, on a slow machine */

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* given a kernel without a console, which opens nothing for process 1 */
static void test_no_console(void)
{
	pid_t pid = fork();
	int fd;

	if (!pid) {
		for (fd = 0; fd < 3; fd++)
			close(fd);
		console_take("/nonexistent/console");
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_exit(fd);
	}
	ktap_eq(status_of(pid), 3, "without a console no other file is 0, 1 or 2");
}

/* when lines are said on that terminal; returns in how many ms */
static int64_t saying_takes(const char *device)
{
	int64_t begin = clock_ms();
	pid_t pid = fork();
	int i;

	if (!pid) {
		console_take(device);
		for (i = 0; i < 100; i++)
			say("%0800d", i);
		_exit(0);
	}
	if (child_wait(pid, LIMIT_MS))
		kill(pid, SIGKILL);
	return clock_ms() - begin;
}

static void test_stalled_console(void)
{
	int host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty;
	const char *device = host < 0 || grantpt(host) || unlockpt(host) ? NULL : ptsname(host);

	tty = device ? open(device, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	if (tty < 0) {
		ktap_skip("no pseudo-terminal", "a terminal that was stopped");
		return;
	}
	/* as an XOFF does it, or nobody who reads */
	tcflow(tty, TCOOFF);
	ktap_check(saying_takes(device) < LIMIT_MS, "a terminal that was stopped stops nobody");
	tcflow(tty, TCOON);
	ktap_check(saying_takes(device) < LIMIT_MS, "nor does one that nobody reads");
	close(tty);
	close(host);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void write_byte(void *arg)
{
	const int *fd = arg;

	_exit(write(*fd, "x", 1) != 1);
}

static void hang(void *arg)
{
	(void)arg;
	/* not longer than the test itself may take */
	alarm(LIMIT_MS / 1000);
	for (;;)
		pause();
}

static void test_children(void)
{
	pid_t orphan = fork();
	int ends[2] = { -1, -1 };
	char byte = 0;

	if (!orphan)
		_exit(0);
	if (pipe(ends))
		ktap_fail("a pipe");
	child_do(write_byte, &ends[1], LIMIT_MS);
	ktap_check(read(ends[0], &byte, 1) == 1 && byte == 'x', "the work has what it needs");
	ktap_eq(child_do(nothing, NULL, LIMIT_MS), 0, "work that is done");
	ktap_eq(child_do(hang, NULL, 50), -ETIMEDOUT, "work that hangs is left to itself");
	ktap_eq(waitpid(orphan, NULL, 0), -1, "who else ended meanwhile was reaped");
}

int main(void)
{
	ktap_plan(7);
	test_no_console();
	test_stalled_console();
	test_children();
	return ktap_finish();
}
