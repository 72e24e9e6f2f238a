// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "post.h"

#define WORDS_MAX	32
#define BLANKS		" \t"
#define PATHS		"/usr/sbin:/usr/bin:/sbin:/bin"
#define LOOK_EVERY_MS	20

/* Into words, in place; NULL behind the last. -E2BIG */
static int split(char *command, char *words[WORDS_MAX + 1])
{
	unsigned int n = 0;
	char *word;

	while ((word = strsep(&command, BLANKS))) {
		if (!*word)
			continue;
		if (n == WORDS_MAX)
			return -E2BIG;
		words[n++] = word;
	}
	words[n] = NULL;
	return n ? 0 : -EINVAL;
}

static bool is_there(const char *name)
{
	char paths[] = PATHS, *rest = paths, *dir, path[PATH_MAX];

	if (strchr(name, '/'))
		return !access(name, X_OK);
	while ((dir = strsep(&rest, ":"))) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int take(char *copy, const char *command, char *words[WORDS_MAX + 1],
		struct pvk_err *err)
{
	int ret = copy ? split(copy, words) : -ENOMEM;

	if (ret)
		return pvk_err_set(err, ret, "post %s: %s", command, strerror(-ret));
	return is_there(words[0]) ? 0 :
	       pvk_err_set(err, -ENOENT, "post: there is no program %s", words[0]);
}

int post_check(const char *command, struct pvk_err *err)
{
	pvk_auto_free char *copy = strdup(command);
	char *words[WORDS_MAX + 1];

	return take(copy, command, words, err);
}

static _Noreturn void exec_it(char **words, const char *id)
{
	setpgid(0, 0);
	setenv("PATH", PATHS, 1);
	setenv("PVKIT_UPDATE_ID", id, 1);
	execvp(words[0], words);
	_exit(127);
}

static int wait_for(pid_t pid, unsigned int seconds, int *status)
{
	int64_t end = clock_ms() + seconds * INT64_C(1000);
	pid_t ended;

	while (!(ended = waitpid(pid, status, WNOHANG)) && clock_ms() < end)
		clock_sleep_ms(LOOK_EVERY_MS);
	if (ended > 0)
		return 0;
	if (ended < 0)
		return -errno;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, status, 0);
	return -ETIMEDOUT;
}

int post_run(const char *command, const char *id, unsigned int seconds, struct pvk_err *err)
{
	pvk_auto_free char *copy = strdup(command);
	char *words[WORDS_MAX + 1];
	int status = 0, ret;
	pid_t pid;

	ret = take(copy, command, words, err);
	if (ret)
		return ret;
	pid = fork();
	if (pid < 0)
		return pvk_err_set(err, -errno, "post %s: %s", command, strerror(errno));
	if (!pid)
		exec_it(words, id);
	ret = wait_for(pid, seconds, &status);
	if (ret == -ETIMEDOUT)
		return pvk_err_set(err, ret, "post %s: not done within %u s", command, seconds);
	if (ret)
		return pvk_err_set(err, ret, "post %s: %s", command, strerror(-ret));
	if (WIFSIGNALED(status))
		return pvk_err_set(err, -ECHILD, "post %s: ended by signal %d", command,
				   WTERMSIG(status));
	return WEXITSTATUS(status) ? pvk_err_set(err, -ECHILD, "post %s: exit status %d", command,
						 WEXITSTATUS(status)) : 0;
}
