// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli.h"
#include "slot_check.h"

#define SHELL	"/bin/sh"

/* A question to a terminal would stop it: it is not in the foreground. */
static void run_shell(const char *command, const sigset_t *blocked, bool quiet)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (quiet)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	sigprocmask(SIG_SETMASK, blocked, NULL);
	execl(SHELL, SHELL, "-c", command, NULL);
	cli_complain(NULL, "%s: %s", SHELL, strerror(errno));
}

int check_start(struct check *check, const char *command, const sigset_t *blocked, bool quiet)
{
	*check = (struct check){ .pid = fork() };
	if (check->pid < 0)
		return -errno;
	if (!check->pid) {
		run_shell(command, blocked, quiet);
		_exit(127);
	}
	/* The child does it too: whoever comes second finds it done. */
	setpgid(check->pid, check->pid);
	return 0;
}

bool check_ended(struct check *check)
{
	pid_t pid;

	if (check->ended)
		return true;
	do {
		pid = waitpid(check->pid, &check->status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	check->ended = pid;
	check->error = pid < 0 ? errno : 0;
	return check->ended;
}

bool check_left(struct check *check)
{
	/* While one of the group is there, or is not waited for, no other has its number. */
	return !check_ended(check) || !kill(-check->pid, 0);
}

void check_signal(const struct check *check, int sig)
{
	kill(-check->pid, sig);
}

bool check_good(const struct check *check, char *why, size_t size)
{
	if (check->error)
		snprintf(why, size, "how the command ended is not known: %s",
			 strerror(check->error));
	else if (WIFEXITED(check->status) && WEXITSTATUS(check->status))
		snprintf(why, size, "the command ended with status %d",
			 WEXITSTATUS(check->status));
	else if (!WIFEXITED(check->status))
		snprintf(why, size, "the command was ended by a signal (%s)",
			 strsignal(WTERMSIG(check->status)));
	else
		return true;
	return false;
}
