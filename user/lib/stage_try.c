// SPDX-License-Identifier: MIT
/*
 * Three processes for each program. The first leaves the namespaces of the system, looks at
 * the clock and tells what came out. The second is the first process of a new pid namespace:
 * when it ends, whatever the program has left behind ends too, and a program that reboots
 * when it is process 1, or that calls reboot(), ends nothing but itself. The third becomes
 * the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "stage_int.h"

#define OUTPUT_MAX	4096
#define CAPS_MAX	64
/* Since 5.11, and not in every C library's headers. */
#define CLOEXEC_RANGE	(1u << 2)
#define PATHS		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the second process tells the first. */
struct ending {
	int error;		/* it was not started: errno */
	int status;		/* as wait() has it */
};

/* What the first process tells us. */
struct outcome {
	enum pvk_trial_result result;
	int value;
	char text[256];
};

struct attempt {
	const char *dir;
	const struct stage_program *program;
	int output[2];		/* of the program, to the first process */
	int ending[2];		/* of the second, likewise */
};

static void make_pipe(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC))
		_exit(1);
}

/* ---- the program ---- */

static void give_up_rights(void)
{
	const struct rlimit none = { 0, 0 };
	unsigned long cap;

	setrlimit(RLIMIT_CORE, &none);
	/* Root has those of the bounding set after exec(). */
	for (cap = 0; cap < CAPS_MAX; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void set_signals(void)
{
	sigset_t none;
	int signal_number;

	for (signal_number = 1; signal_number < NSIG; signal_number++)
		(void)!signal(signal_number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Does not return; errno goes to the pipe unless the program takes over. */
static void become_program(const struct attempt *attempt, int null, int failed)
{
	char *const environ_[] = { PATHS, "HOME=/", "LC_ALL=C", "TERM=dumb", NULL };
	char *const argv[] = { attempt->program->path, attempt->program->word, NULL };
	int error;

	/* Where there are no pid namespaces it ends with its parent by this. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	set_signals();
	dup2(null, STDIN_FILENO);
	dup2(attempt->output[1], STDOUT_FILENO);
	dup2(attempt->output[1], STDERR_FILENO);
	setsid();
	give_up_rights();
#ifdef SYS_close_range
	/* Whatever we have open without O_CLOEXEC, but these three. */
	syscall(SYS_close_range, 3, ~0U, CLOEXEC_RANGE);
#endif
	execve(attempt->program->path, argv, environ_);
	error = errno;
	(void)!write(failed, &error, sizeof(error));
	_exit(127);
}

/* ---- process 1 of the namespace ---- */

static void enter(const struct attempt *attempt, int *null)
{
	struct ending ending = { .error = 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	*null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!chdir(attempt->dir) && !chroot(".")) {
		/*
		 * Not every kernel and not every root has it. Read-only: its files ask who
		 * writes, who is root, and for no capability (sysrq-trigger).
		 */
		mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
		return;
	}
	ending.error = errno;
	(void)!write(attempt->ending[1], &ending, sizeof(ending));
	_exit(0);
}

static void be_first(const struct attempt *attempt)
{
	struct ending ending = { .error = 0 };
	int null, failed[2];
	pid_t pid, ended;

	enter(attempt, &null);
	make_pipe(failed);
	pid = fork();
	if (!pid)
		become_program(attempt, null, failed[1]);
	close(failed[1]);
	do
		ended = pid < 0 ? pid : waitpid(-1, &ending.status, 0);
	while (ended != pid && (ended >= 0 || errno == EINTR));
	if (pid < 0)
		ending.error = errno;
	else if (read(failed[0], &ending.error, sizeof(ending.error)) != sizeof(ending.error))
		ending.error = 0;
	(void)!write(attempt->ending[1], &ending, sizeof(ending));
	_exit(0);
}

/* ---- the one that looks at the clock ---- */

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

/* Those that this kernel has; without the first nothing is tried. */
static int leave_namespaces(const char *dir)
{
	static const int optional[] = { CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };
	size_t i;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID, NULL))
		return -errno;
	for (i = 0; i < PVK_ARRAY_SIZE(optional); i++)
		(void)!unshare(optional[i]);
	return 0;
}

/* Keeps the first of what the program says; -ETIMEDOUT, or 0 with its ending. */
static int listen_to(const struct attempt *attempt, struct ending *ending, char *said)
{
	long left, until = now_ms() + PVK_STAGE_TRY_MS;
	struct pollfd fds[] = {
		{ .fd = attempt->output[0], .events = POLLIN },
		{ .fd = attempt->ending[0], .events = POLLIN },
	};
	char rest[OUTPUT_MAX];
	size_t len = 0;
	ssize_t n;

	while ((left = until - now_ms()) > 0) {
		poll(fds, PVK_ARRAY_SIZE(fds), (int)left);
		n = fds[0].revents ? read(attempt->output[0], rest, sizeof(rest)) : 0;
		if (fds[0].revents && n <= 0)
			fds[0].fd = -1;
		if (n > (ssize_t)(OUTPUT_MAX - 1 - len))
			n = (ssize_t)(OUTPUT_MAX - 1 - len);
		if (n > 0) {
			memcpy(said + len, rest, (size_t)n);
			len += (size_t)n;
		}
		/* Its last words are read before its end is. */
		if (fds[1].revents && !(fds[0].fd >= 0 && fds[0].revents))
			return read(attempt->ending[0], ending, sizeof(*ending)) ==
			       sizeof(*ending) ? 0 : -EIO;
	}
	return -ETIMEDOUT;
}

static const char *find_loader_words(const char *said)
{
	static const char *const words[] = {
		"error while loading shared libraries",	/* glibc */
		"symbol lookup error",
		"Error loading shared library",		/* musl */
		"Error relocating",
		"can't load library",			/* uClibc */
		"can't resolve symbol",
	};
	const char *found = NULL;
	size_t i;

	for (i = 0; !found && i < PVK_ARRAY_SIZE(words); i++)
		found = strstr(said, words[i]);
	return found;
}

static void first_line(struct outcome *outcome, const char *said, const char *of)
{
	while (of && of > said && of[-1] != '\n')
		of--;
	of = of ? of : said + strspn(said, "\n");
	snprintf(outcome->text, sizeof(outcome->text), "%.*s", (int)strcspn(of, "\n"), of);
}

static void judge_start(struct outcome *outcome, const struct attempt *attempt, int error)
{
	char path[PATH_MAX];
	struct stat st;

	outcome->result = PVK_TRIAL_NOT_EXECUTED;
	outcome->value = error;
	snprintf(path, sizeof(path), "%s%s", attempt->dir, attempt->program->path);
	snprintf(outcome->text, sizeof(outcome->text), "%s", strerror(error));
	if (error == ENOENT && !lstat(path, &st))
		strcpy(outcome->text, "its dynamic linker or interpreter is missing");
}

static void judge(struct outcome *outcome, const struct attempt *attempt,
		  const struct ending *ending, const char *said)
{
	const char *loader = find_loader_words(said);

	if (ending->error) {
		judge_start(outcome, attempt, ending->error);
	} else if (WIFSIGNALED(ending->status)) {
		outcome->result = PVK_TRIAL_SIGNAL;
		outcome->value = WTERMSIG(ending->status);
		snprintf(outcome->text, sizeof(outcome->text), "%s", strsignal(outcome->value));
	} else if (WEXITSTATUS(ending->status)) {
		outcome->result = loader ? PVK_TRIAL_NOT_LOADED : PVK_TRIAL_STATUS;
		outcome->value = WEXITSTATUS(ending->status);
		first_line(outcome, said, loader);
	}
}

static void watch(struct attempt *attempt, int to)
{
	struct outcome outcome = { .result = PVK_TRIAL_RUNS };
	struct ending ending = { .error = 0 };
	char said[OUTPUT_MAX] = "";
	int ret;
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Where we were told to ignore SIGCHLD no ending could be waited for. */
	set_signals();
	ret = leave_namespaces(attempt->dir);
	if (ret)
		_exit(-ret);
	make_pipe(attempt->output);
	make_pipe(attempt->ending);
	pid = fork();
	if (pid < 0)
		_exit(errno);
	if (!pid)
		be_first(attempt);
	close(attempt->output[1]);
	close(attempt->ending[1]);
	ret = listen_to(attempt, &ending, said);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (ret) {
		outcome.result = PVK_TRIAL_TIMEOUT;
		snprintf(outcome.text, sizeof(outcome.text), "it had not ended after %d s",
			 PVK_STAGE_TRY_MS / 1000);
	} else {
		judge(&outcome, attempt, &ending, said);
	}
	_exit(write(to, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : EIO);
}

/* ---- ourselves ---- */

static int try_program(const struct stage_program *program, const char *dir,
		       struct outcome *outcome)
{
	struct attempt attempt = { .dir = dir, .program = program };
	int fd[2], status = 0;
	bool told;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		watch(&attempt, fd[1]);
	close(fd[1]);
	told = pid > 0 && read(fd[0], outcome, sizeof(*outcome)) == sizeof(*outcome);
	close(fd[0]);
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (told)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
}

int pvk_stage_try(const struct pvk_stage *stage, const char *dir, pvk_trial_fn fn, void *arg,
		  struct pvk_err *err)
{
	const struct stage_program *program;
	struct pvk_trial trial;
	struct outcome outcome;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < stage->programs; i++) {
		program = &stage->program[i];
		ret = try_program(program, dir, &outcome);
		if (ret)
			return pvk_err_set(err, ret, "trying %s in %s: %s", program->path, dir,
					   strerror(-ret));
		trial = (struct pvk_trial){
			.program = program->path, .word = program->word,
			.result = outcome.result, .value = outcome.value,
		};
		snprintf(trial.text, sizeof(trial.text), "%s", outcome.text);
		ret = fn(arg, &trial);
	}
	return ret;
}

const char *pvk_trial_name(enum pvk_trial_result result)
{
	static const char *const name[] = {
		[PVK_TRIAL_RUNS] = "runs",
		[PVK_TRIAL_STATUS] = "runs, status not 0",
		[PVK_TRIAL_NOT_EXECUTED] = "cannot be executed",
		[PVK_TRIAL_NOT_LOADED] = "cannot be loaded",
		[PVK_TRIAL_SIGNAL] = "ended by a signal",
		[PVK_TRIAL_TIMEOUT] = "does not end",
	};

	return pvk_name_of(name, PVK_ARRAY_SIZE(name), result);
}
