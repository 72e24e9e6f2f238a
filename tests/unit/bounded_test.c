// SPDX-License-Identifier: MIT
/*
 * Work that hangs has an end, and process 1 goes on: one that ends when it is killed, one
 * that doesn't, and a way back of which one step hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounded.h"
#include "clock.h"
#include "ktap.h"
#include "undo.h"
#include "waits.h"

static char waits[96];

/* What both processes see. */
static struct shared {
	struct deadline until;
	atomic_uint pid;
	atomic_uint child;
} *shared;

static int run(void (*work)(void *arg), unsigned int seconds)
{
	waits[0] = '\0';
	if (seconds)
		bounded_allow(&shared->until, seconds);
	else
		atomic_store(&shared->until.at, 0);
	return bounded_run(work, NULL, &shared->until, waits, sizeof(waits));
}

static bool is_gone(unsigned int pid)
{
	return kill((pid_t)pid, 0) && errno == ESRCH;
}

/* ---- that ends ---- */

static void leave_an_orphan(void *arg)
{
	(void)arg;
	atomic_store(&shared->pid, (unsigned int)getpid());
	if (!fork())
		_exit(0);
}

static void test_ends(void)
{
	ktap_eq(run(leave_an_orphan, 600), 0, "work that ends");
	ktap_check(atomic_load(&shared->pid) != (unsigned int)getpid(), "was done by a child");
	/* The orphan, if it came later, is still to be reaped. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	ktap_eq(run(leave_an_orphan, 0), 0, "no time given: it may take what it takes");
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* ---- that hangs ---- */

static void hang(void *arg)
{
	pid_t child = fork();

	(void)arg;
	signal(SIGTERM, SIG_IGN);
	for (; !child;)
		pause();
	atomic_store(&shared->child, (unsigned int)child);
	atomic_store(&shared->pid, (unsigned int)getpid());
	/* It has less than it was given at first: the time is the one that is there. */
	bounded_allow(&shared->until, 0);
	for (;;)
		pause();
}

static void test_killed(void)
{
	int64_t began = clock_ms();

	ktap_eq(run(hang, 600), -ETIMEDOUT, "work that hangs is ended");
	ktap_check(clock_ms() - began < 300000, "at the time that it has by then");
	ktap_check(is_gone(atomic_load(&shared->pid)), "it is gone");
	waitpid((pid_t)atomic_load(&shared->child), NULL, 0);
	ktap_check(is_gone(atomic_load(&shared->child)), "with the child that it had");
}

/* ---- that can't even be killed ---- */

/*
 * The first process of a pid namespace does not end before all others in it have been
 * reaped. One of them is a child of somebody outside, who does not look.
 */
static void hold_namespace_of(int from, int ready, int over)
{
	char path[64], c;
	unsigned int pid;
	int ns;

	if (read(from, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	snprintf(path, sizeof(path), "/proc/%u/ns/pid", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWPID))
		_exit(1);
	if (!fork()) {
		close(over);
		for (;;)
			pause();
	}
	c = 'y';
	if (write(ready, &c, 1) != 1)
		_exit(1);
	/* Until whoever has the other end has ended. */
	_exit(read(over, &c, 1) != 0);
}

static int to_holder[2], ready[2], over[2];

static void be_first_of_namespace(void *arg)
{
	char self[32] = "", c;
	unsigned int pid;

	(void)arg;
	/* This /proc is the one outside, and says who we are there. */
	if (readlink("/proc/self", self, sizeof(self) - 1) < 0)
		_exit(1);
	pid = (unsigned int)strtoul(self, NULL, 10);
	if (write(to_holder[1], &pid, sizeof(pid)) != sizeof(pid) || read(ready[0], &c, 1) != 1)
		_exit(1);
	bounded_allow(&shared->until, 0);
	for (;;)
		pause();
}

static void look_at_stuck(void)
{
	int ret;

	if (unshare(CLONE_NEWPID))
		_exit(77);
	ret = run(be_first_of_namespace, 600);
	if (ret != -EBUSY)
		_exit(ret == -ETIMEDOUT ? 2 : 3);
	printf("# it %s\n", waits);
	fflush(stdout);
	_exit(0);
}

static void test_stuck(void)
{
	pid_t holder, looker;
	int status = -1;

	if (pipe2(to_holder, O_CLOEXEC) || pipe2(ready, O_CLOEXEC) || pipe2(over, O_CLOEXEC))
		return;
	holder = fork();
	if (!holder) {
		close(over[1]);
		hold_namespace_of(to_holder[0], ready[1], over[0]);
	}
	looker = fork();
	if (!looker) {
		close(over[1]);
		look_at_stuck();
	}
	close(over[0]);
	waitpid(looker, &status, 0);
	close(over[1]);
	waitpid(holder, NULL, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		ktap_skip("takes root", "what can't be ended is not waited for");
		return;
	}
	ktap_eq(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
		"what can't be ended is not waited for");
}

/* ---- the way back ---- */

static struct undo *undo;
static char dir[] = "/tmp/pvkit-bounded.XXXXXX";

static void note(enum undo_kind kind, const char *from, const char *to)
{
	struct undo_entry *entry;

	if (undo_prepare(undo, kind, from, to, &entry, NULL))
		return;
	if (kind == UNDO_LOOP)
		entry->loop.lo_flags = LO_FLAGS_READ_ONLY;
	undo_commit(undo);
}

/* To open one that nobody writes to waits for good, as a server that is gone has you do. */
static void test_way_back(void)
{
	char fifo[64];

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	ktap_check(!mkfifo(fifo, 0600), "given a step back that never returns");
	undo = undo_new();
	note(UNDO_SWAP, "/nowhere/first", "");
	note(UNDO_LOOP, fifo, "/dev/null");
	note(UNDO_SWAP, "/nowhere/last", "");
	ktap_eq(undo_all_within(undo, 1), 0, "the way back comes to its end");
	ktap_eq(atomic_load(&undo->n), 0, "with what comes before and behind it");
	undo_free(undo);
	unlink(fifo);
}

static void test_waits(void)
{
	char text[8] = "x";

	ktap_str(waits_in(0x7ffffff0, text, sizeof(text)), "", "who is gone waits for nothing");
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(dir) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 1;
	ktap_plan(0);
	test_ends();
	test_killed();
	test_stuck();
	test_way_back();
	test_waits();
	rmdir(dir);
	return ktap_finish();
}
