// SPDX-License-Identifier: MIT
/*
 * How long it takes to find who holds a file system, among 10 and among 2,000 processes,
 * beside fuser and lsof.
 *
 *   holders [ROUNDS]
 *
 * Needs root: a tmpfs is mounted, in a namespace of its own. Each process has ten descriptors
 * and what its program has mapped; every tenth holds a file there. Those that the machine has
 * anyway are looked at too. Prints a table, of medians.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench.h"
#include "holders.h"

#define FILES		10
#define ROUNDS_MAX	100

static char dir[] = "/tmp/pvkit-bench.XXXXXX";
static pid_t *pids;

static void hold(unsigned int nth, int word)
{
	char path[64];
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/file", dir);
	for (i = 0; i < FILES - 1; i++)
		if (open("/dev/null", O_RDWR) < 0)
			_exit(1);
	if (open(nth % 10 ? "/dev/null" : path, O_RDONLY) < 0 || write(word, "y", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void start_all(unsigned int count)
{
	unsigned int i;
	int word[2];
	char got;

	if (pipe(word))
		die("pipe: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		pids[i] = fork();
		if (!pids[i])
			hold(i, word[1]);
		if (pids[i] < 0)
			die("fork: %s", strerror(errno));
	}
	for (i = 0; i < count; i++)
		if (read(word[0], &got, 1) != 1)
			die("a process that holds it");
	close(word[0]);
	close(word[1]);
}

static void end_all(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < count; i++)
		waitpid(pids[i], NULL, 0);
}

static int count_fd(void *arg, const struct pvk_holder *holder)
{
	unsigned int *n = arg;

	*n += holder->kind == PVK_HOLD_FD;
	return 0;
}

/* All processes that there are to look at. */
static unsigned int looked_at;

static void scan(unsigned int want)
{
	struct pvk_holders_from from = { .path = dir };
	struct pvk_holders *holders;
	struct pvk_holders_sum sum;
	unsigned int n = 0;
	struct pvk_err err;

	if (pvk_holders_open(&holders, &from, &err) ||
	    pvk_holders_scan(holders, count_fd, &n, &sum, &err))
		die("%s", err.text);
	pvk_holders_close(holders);
	if (n != want)
		die("%u holders and not %u", n, want);
	looked_at = sum.processes;
}

/* Status 1 is theirs when a file of some process could not be looked at. */
static void run_other(char *const argv[])
{
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		die("%s", argv[0]);
	posix_spawn_file_actions_destroy(&fa);
}

static bool has(const char *name)
{
	static const char *const dirs[] = { "/usr/bin", "/bin", "/usr/sbin", "/sbin" };
	char path[64];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int by_time(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void measure(unsigned int count, unsigned int rounds, const char *name, char *const argv[])
{
	int64_t times[ROUNDS_MAX], from;
	unsigned int i;

	if (argv && !has(argv[0])) {
		printf("%9u  %-22s  %8s\n", count, name, "-");
		return;
	}
	for (i = 0; i < rounds; i++) {
		from = now_us();
		if (argv)
			run_other(argv);
		else
			scan((count + 9) / 10);
		times[i] = now_us() - from;
	}
	qsort(times, rounds, sizeof(*times), by_time);
	printf("%9u  %-22s  %8.1f  %8.1f\n", count, name, times[rounds / 2] / 1e3,
	       times[0] / 1e3);
	fflush(stdout);
}

static void measure_all(unsigned int count, unsigned int rounds)
{
	char *fuser[] = { "fuser", "-vm", dir, NULL };
	char *lsof[] = { "lsof", "-nP", "+f", "--", dir, NULL };

	start_all(count);
	measure(count, rounds, "pvkit, the library", NULL);
	printf("# %u processes were looked at\n", looked_at);
	measure(count, rounds, "fuser -vm", fuser);
	measure(count, rounds, "lsof +f", lsof);
	end_all(count);
}

static void leave(void)
{
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	static const unsigned int counts[] = { 10, 2000 };
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 9;
	char path[64];
	size_t i;

	if (!rounds || rounds > ROUNDS_MAX)
		die("1 to %d rounds", ROUNDS_MAX);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace: %s", strerror(errno));
	pids = calloc(counts[PVK_ARRAY_SIZE(counts) - 1], sizeof(*pids));
	if (!pids || !mkdtemp(dir) || mount("bench", dir, "tmpfs", 0, NULL))
		die("a tmpfs: %s", strerror(errno));
	atexit(leave);
	snprintf(path, sizeof(path), "%s/file", dir);
	close(open(path, O_WRONLY | O_CREAT, 0644));
	printf("%9s  %-22s  %8s  %8s\n", "processes", "by", "ms", "least");
	for (i = 0; i < PVK_ARRAY_SIZE(counts); i++)
		measure_all(counts[i], rounds);
	return 0;
}
