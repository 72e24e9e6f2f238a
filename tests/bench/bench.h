/* SPDX-License-Identifier: MIT */
/*
 * bench - what the benchmark programs share
 *
 * A program prints one JSON object a line for each sample, and lines that begin
 * with # for people who watch. What a sample is made into is said in `report`.
 * Nothing is printed while the clock runs.
 */
#ifndef PVKIT_BENCH_H
#define PVKIT_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "util.h"

#define BENCH_ROOT	"/tmp/bench"		/* pvkitd's --root */
#define BENCH_SOCKET	"/run/pvkit/bench"
#define BENCH_LOG	"/tmp/bench.log"	/* of pvkitd */

extern char **environ;

static inline int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static inline void sleep_ms(long ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/*
 * Waits a while for what the step before left behind, then until a given part
 * of a tick: some of what the kernel does takes until the next one, and a start
 * at another part each round makes that even. Ticks come 250 times a second.
 */
#define SETTLE_US	20000
#define TICK_US		4000

static inline void settle(unsigned int round, unsigned int rounds)
{
	int64_t at = now_us() + SETTLE_US;
	struct timespec ts;

	at += TICK_US - at % TICK_US + (int64_t)TICK_US * (round % rounds) / rounds;
	ts.tv_sec = at / 1000000;
	ts.tv_nsec = at % 1000000 * 1000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* A benchmark whose candidate fails has measured nothing: it ends, and says why. */
static inline void PVK_PRINTF(1, 2) __attribute__((noreturn)) die(const char *fmt, ...)
{
	pvk_auto_free char *log = NULL;
	va_list ap;

	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (!pvk_read_file(AT_FDCWD, BENCH_LOG, 1 << 20, &log, NULL))
		fprintf(stderr, "bench: pvkitd's log:\n%s\n", log);
	exit(1);
}

/* argv[0] is looked up in PATH; output goes to /dev/null. */
static inline pid_t spawn(char *const argv[])
{
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int ret;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	ret = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (ret)
		die("%s: %s", argv[0], strerror(ret));
	return pid;
}

static inline void run(char *const argv[])
{
	pid_t pid = spawn(argv);
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("%s %s ...: wait status %#x", argv[0], argv[1], status);
}

/* A long-lived program that ends with us. */
static inline pid_t start_program(char *const argv[], const char *log)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	execvp(argv[0], argv);
	_exit(127);
}

static inline void stop_program(pid_t pid)
{
	if (kill(pid, SIGTERM) || waitpid(pid, NULL, 0) != pid)
		die("stopping process %d: %s", (int)pid, strerror(errno));
}

/* ---- pvkitd, its two halves apart, so that the agent can be taken away ---- */

static inline pid_t start_front(void)
{
	static char *argv[] = {
		"pvkitd", "--front-only", "--foreground", "--root", BENCH_ROOT,
		"--socket", BENCH_SOCKET, NULL
	};
	pid_t pid = start_program(argv, BENCH_LOG);
	int tries;

	for (tries = 0; access(BENCH_SOCKET, F_OK); tries++) {
		if (tries == 500)
			die("pvkitd --front-only does not listen");
		sleep_ms(20);
	}
	return pid;
}

/* Returns when the kernel has the agent, and its workers had time to get ready. */
static inline pid_t start_agent(struct pvk_drv *drv)
{
	static char *argv[] = {
		"pvkitd", "--agent-only", "--foreground", "--root", BENCH_ROOT, NULL
	};
	pid_t pid = start_program(argv, BENCH_LOG);
	struct pvk_status status;
	struct pvk_err err;
	int tries;

	for (tries = 0; ; tries++) {
		if (pvk_drv_status(drv, &status, &err))
			die("status: %s", err.text);
		if (status.agent_portid)
			break;
		if (tries == 500)
			die("pvkitd --agent-only does not register");
		sleep_ms(20);
	}
	sleep_ms(300);
	return pid;
}

static inline void stop_agent(struct pvk_drv *drv, pid_t pid)
{
	struct pvk_status status;
	struct pvk_err err;

	stop_program(pid);
	if (pvk_drv_status(drv, &status, &err))
		die("status: %s", err.text);
	if (status.agent_portid)
		die("there is an agent although pvkitd has ended");
}

static inline struct pvk_drv *open_driver(void)
{
	struct pvk_drv *drv;
	struct pvk_err err;

	if (pvk_drv_open(&drv, NULL, NULL, &err))
		die("pv_driver: %s", err.text);
	return drv;
}

static inline void netlink_load(struct pvk_drv *drv, const char *alias, bool load)
{
	const struct pvk_request request = { .alias = alias };
	struct pvk_err err;
	int ret;

	ret = load ? pvk_drv_load(drv, &request, NULL, &err) :
		pvk_drv_unload(drv, &request, NULL, &err);
	if (ret)
		die("netlink %s %s: %s", load ? "load" : "unload", alias, err.text);
}

#endif /* PVKIT_BENCH_H */
