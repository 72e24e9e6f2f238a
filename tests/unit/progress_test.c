// SPDX-License-Identifier: MIT
/*
 * A console that takes nothing, since it has heard an XOFF (or noise that looks like one): who
 * writes flash, and says so there, goes on.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ktap.h"
#include "progress.h"

#define LONG_S	60

/* fd of a terminal that is /dev/console from now on; -1. */
static int given_console(int *other_end)
{
	char path[32];
	int fd;

	*other_end = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*other_end < 0 || grantpt(*other_end) || unlockpt(*other_end))
		return -1;
	fd = open(ptsname(*other_end), O_RDWR | O_NOCTTY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || mount("none", "/dev", "tmpfs", 0, NULL) ||
	    mknod("/dev/console", S_IFREG | 0600, 0) ||
	    mount(path, "/dev/console", NULL, MS_BIND, NULL))
		return -1;
	return fd;
}

/* 0: it has come to its end; else the signal that ended it. */
static int show_all(void)
{
	struct write_progress now = { .step = WRITE_WRITE, .total = 1000, .device = "mtd3" };
	struct plan plan = { .images = 1 };
	struct progress progress;
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		alarm(LONG_S);
		progress_console(&progress);
		for (; now.done < now.total; now.done++)
			progress_show(&progress, &plan, &now);
		progress_line(&progress, "that is all");
		_exit(progress.terminal ? 0 : 100);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	char shown[16] = "";
	int console, other_end;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		ktap_skip_all("no mount namespace of its own");
	console = given_console(&other_end);
	if (console < 0)
		ktap_skip_all("no terminal to be had");
	ktap_plan(0);
	ktap_check(!tcflow(console, TCOOFF), "given a console that takes nothing");
	ktap_eq(show_all(), 0, "it is not waited for");
	ktap_check(!tcflow(console, TCOON), "and when it does");
	ktap_check(write(console, "x", 1) == 1 && read(other_end, shown, 1) == 1 && *shown == 'x',
		   "nothing of all that comes late");
	return ktap_finish();
}
