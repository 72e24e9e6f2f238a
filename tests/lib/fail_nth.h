/* SPDX-License-Identifier: MIT */
/*
 * For tests that let the first allocation of a command fail, then the second, and so on: what
 * those of pv_driver, pv_bootflag and pv_pivot share. What such a command is, and whether it
 * ended as it should, is each test's own.
 *
 *	need_faults();			skips the test where the kernel can't
 *	set_up_faults();		when all processes are there that it starts
 *
 *	set_fail_nth(n);
 *	ret = ...;			asked by this thread, which is the one that a fault reaches
 *	failed = !get_fail_nth();
 *	set_fail_nth(0);
 */
#ifndef PVKIT_TESTS_FAIL_NTH_H
#define PVKIT_TESTS_FAIL_NTH_H

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAULTS		"/sys/kernel/debug"
#define MAX_NTH		2000
#define PATIENCE_MS	20000	/* for what does not depend on a fault */

static int fail_fd = -1;

/* Something that has nothing to do with a fault went wrong. */
__attribute__((format(printf, 1, 2), noreturn))
static inline void broken(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (errno %s)\n", strerrorname_np(errno) ?: "0");
	exit(2);
}

static inline void set_fail_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_fd, text, (size_t)len, 0) != len)
		broken("writing fail-nth");
}

/* How many more allocations would have been let pass; 0: one did fail. */
static inline unsigned int get_fail_nth(void)
{
	char text[16] = "";

	if (pread(fail_fd, text, sizeof(text) - 1, 0) <= 0)
		broken("reading fail-nth");
	return (unsigned int)strtoul(text, NULL, 10);
}

static inline void run(const char *const *argv)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		broken("%s %s: status %d", argv[0], argv[1], status);
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		broken("%s", path);
	close(fd);
}

static inline void need_faults(void)
{
	if (access(FAIL_NTH, W_OK))
		ktap_skip_all("the kernel has no fail-nth (CONFIG_FAULT_INJECTION)");
	if (access(FAULTS "/failslab/ignore-gfp-wait", W_OK))
		ktap_skip_all("no " FAULTS "/failslab (CONFIG_FAILSLAB)");
}

/*
 * Every allocation counts, those that may sleep too; none prints a stack. Page faults of
 * ours must not be what fails.
 */
static inline void set_up_faults(void)
{
	fail_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_fd < 0)
		broken(FAIL_NTH);
	write_file(FAULTS "/failslab/ignore-gfp-wait", "N");
	write_file(FAULTS "/failslab/verbose", "0");
	if (!access(FAULTS "/fail_page_alloc", F_OK)) {
		write_file(FAULTS "/fail_page_alloc/ignore-gfp-wait", "N");
		write_file(FAULTS "/fail_page_alloc/verbose", "0");
	}
	mallopt(M_TRIM_THRESHOLD, -1);
	mallopt(M_MMAP_MAX, 0);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		broken("mlockall");
}

#endif /* PVKIT_TESTS_FAIL_NTH_H */
