// SPDX-License-Identifier: MIT
/*
 * The keeper watches the watcher, and the reverse; the watcher has helpers.
 *
 * A process that waits for a root that is gone may sleep so that nothing can wake it,
 * so the watcher never touches the root: helpers do. All of them are there before they
 * are needed, as a fork needs memory, and memory may wait for the root.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "clock.h"
#include "console.h"
#include "guard.h"
#include "guard_watchdog.h"
#include "stores.h"

#define FDS_MAX		1024
#define SILENT_MAX	30	/* ticks without a word from the watcher */
#define FLAG_MS		2000	/* for the reason; the reboot does not wait longer */
#define REBOOT_MS	10000	/* for reboot(2), whose drivers may hang; then by force */
#define PAUSE_MS	1000	/* from a death to another start */
#define REASON		"root-lost"
#define LAST_OF_SYSTEMD	"systemd-shutdow"	/* as the kernel cuts it */

/* Between the two, one byte each. */
#define WORD_ALIVE	'a'
#define WORD_QUIT	'q'	/* in order; nobody is to be started */
#define WORD_REBOOT	'r'	/* watch me: it may hang */

enum { ASKER, SECOND_ASKER, WRITER, HELPERS };

struct helper {
	pid_t pid;
	int fd;			/* -1: there is none */
	bool busy;
};

struct watch {
	struct guard_plan *plan;
	int sysrq, process1;	/* opened while all is well */
	int watchdog;		/* -1: none */
	struct helper helper[HELPERS];
	struct guard_state state;
	const struct helper *asked;
	bool stop;
};

static volatile sig_atomic_t terminated;

static void on_term(int number)
{
	(void)number;
	terminated = 1;
}

/* What waits is woken by it. */
static void end_on_term(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	if (sigaction(SIGTERM, &action, NULL))
		say("root guard: SIGTERM does not end it");
}

/* A fork does not inherit it. */
static void stay_in_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		say("root guard: not locked in memory: %s", strerror(errno));
}

static void tell(int fd, char word)
{
	send(fd, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* ---- the end ---- */

static void force_reboot(const struct watch *watch)
{
	if (write(watch->sysrq, "b", 1) != 1)
		say("root guard: neither reboot nor sysrq does it");
}

static _Noreturn void reboot_now(const struct watch *watch, int keeper)
{
	tell(keeper, WORD_REBOOT);
	reboot(RB_AUTOBOOT);
	force_reboot(watch);
	_exit(1);
}

/* ---- helpers ---- */

static int write_reason(const struct guard_plan *plan)
{
	struct pvk_change change = { .force = false };

	pvk_flags_take(&change.set, PVB_REASON, REASON);
	return stores_set(&plan->store, &plan->flagconf, STORES_SYS, &change, NULL);
}

/* Does one thing each time it is asked to, and answers with a number. */
static _Noreturn void help(struct guard_plan *plan, int fd, bool writes)
{
	char word;
	int ret;

	stay_in_memory();
	while (recv(fd, &word, 1, 0) == 1) {
		ret = writes ? write_reason(plan) : probe_run(&plan->probe, plan->fd);
		send(fd, &ret, sizeof(ret), MSG_NOSIGNAL);
	}
	_exit(0);
}

/* It must not keep open whose end tells another of a death. */
void guard_close_others(int mine, int theirs)
{
	int fd;

	for (fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++)
		if (fd != mine && fd != theirs)
			close(fd);
}

static void start_helper(struct watch *watch, int which)
{
	struct helper *helper = &watch->helper[which];
	int ends[2];

	*helper = (struct helper){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return;
	helper->pid = fork();
	if (!helper->pid) {
		end_on_term(SIG_DFL);
		guard_close_others(ends[1], watch->plan->fd);
		help(watch->plan, ends[1], which == WRITER);
	}
	close(ends[1]);
	if (helper->pid > 0)
		helper->fd = ends[0];
	else
		close(ends[0]);
}

static void end_helper(struct helper *helper)
{
	if (helper->fd < 0)
		return;
	close(helper->fd);
	helper->fd = -1;
	/* Not waited for: it may be stuck. */
	kill(helper->pid, SIGKILL);
}

/* Whoever is free; if nobody is, silence is the answer. */
static void ask(struct watch *watch)
{
	int i;

	watch->asked = NULL;
	for (i = ASKER; i <= SECOND_ASKER; i++) {
		struct helper *helper = &watch->helper[i];

		if (helper->fd < 0)
			start_helper(watch, i);
		if (helper->fd < 0 || helper->busy)
			continue;
		tell(helper->fd, WORD_ALIVE);
		helper->busy = true;
		watch->asked = helper;
		return;
	}
}

static enum guard_event hear(struct watch *watch, struct helper *helper)
{
	bool current = helper == watch->asked;
	int ret;

	if (recv(helper->fd, &ret, sizeof(ret), MSG_DONTWAIT) != sizeof(ret)) {
		/* It died, which says nothing of the root: as good as silent. */
		end_helper(helper);
		return GUARD_NOTHING;
	}
	helper->busy = false;
	return guard_answer(&watch->state, ret, current, clock_ms());
}

static void leave_reason(struct watch *watch)
{
	struct helper *writer = &watch->helper[WRITER];
	struct pollfd written = { .fd = writer->fd, .events = POLLIN };
	int ret = -ETIMEDOUT;

	if (!watch->plan->has_store || writer->fd < 0)
		return;
	tell(writer->fd, WORD_ALIVE);
	if (poll(&written, 1, FLAG_MS) == 1 &&
	    recv(writer->fd, &ret, sizeof(ret), MSG_DONTWAIT) != sizeof(ret))
		ret = -EIO;
	if (ret)
		say("root guard: no reason in %s: %s", watch->plan->store.name, strerror(-ret));
}

/* ---- the watcher ---- */

static const char *why(const struct watch *watch)
{
	switch (watch->state.error) {
	case -ETIMEDOUT:
		return "no answer";
	case -ENOTCONN:		/* as FUSE has it */
		return "the process that serves it is gone";
	default:
		return strerror(-watch->state.error);
	}
}

static void act(struct watch *watch, enum guard_event event, int keeper)
{
	const char *what = watch->plan->what;

	switch (event) {
	case GUARD_ASK:
		ask(watch);
		break;
	case GUARD_DOUBT:
		say("root guard: %s: %s; once more in %lld s", what, why(watch),
		    (long long)watch->plan->times.grace / 1000);
		break;
	case GUARD_BACK:
		say("root guard: %s answers again", what);
		break;
	case GUARD_GONE:
		say("root guard: %s is gone: %s; %s", what, why(watch),
		    watch->plan->dry_run ? "would reboot, but for dry-run" : "reboot");
		if (watch->plan->dry_run)
			break;
		leave_reason(watch);
		reboot_now(watch, keeper);
	case GUARD_NOTHING:
		break;
	}
}

/* systemd has sent no signal, but has begun to unmount. */
static bool shutting_down(const struct watch *watch)
{
	char name[16] = "";

	return pread(watch->process1, name, sizeof(name) - 1, 0) > 0 &&
	       !strncmp(name, LAST_OF_SYSTEMD, strlen(LAST_OF_SYSTEMD));
}

/* The keeper's word. false: the keeper is no more. */
static bool heard_keeper(struct watch *watch, int keeper)
{
	char word;
	ssize_t n = recv(keeper, &word, 1, MSG_DONTWAIT);

	if (n == 1 && word == WORD_QUIT)
		watch->stop = true;
	return n == 1 || (n < 0 && errno == EAGAIN);
}

/* Returns false when the keeper is gone. */
static bool watch_once(struct watch *watch, int keeper)
{
	struct pollfd fds[1 + HELPERS] = { { .fd = keeper, .events = POLLIN } };
	int i;

	for (i = 0; i < HELPERS; i++)
		fds[1 + i] = (struct pollfd){ .fd = watch->helper[i].fd, .events = POLLIN };
	if (poll(fds, PVK_ARRAY_SIZE(fds), GUARD_TICK_MS) > 0) {
		if (fds[0].revents && !heard_keeper(watch, keeper))
			return false;
		for (i = 0; i < HELPERS; i++)
			if (fds[1 + i].revents)
				act(watch, hear(watch, &watch->helper[i]), keeper);
	}
	reap();
	act(watch, guard_tick(&watch->state, clock_ms()), keeper);
	tell(keeper, WORD_ALIVE);
	/* Whether the root is there is known by us; that we are, by this. */
	watchdog_feed(watch->watchdog);
	watch->stop |= terminated || shutting_down(watch);
	return true;
}

/* Returns when the keeper is gone, whose place is then free. */
static void be_watcher(struct watch *watch, int keeper)
{
	bool kept = true;
	int i;

	stay_in_memory();
	for (i = 0; i < HELPERS; i++)
		start_helper(watch, i);
	guard_state_init(&watch->state, &watch->plan->times, clock_ms());
	while (kept && !watch->stop)
		kept = watch_once(watch, keeper);
	for (i = 0; i < HELPERS; i++)
		end_helper(&watch->helper[i]);
	if (!watch->stop)
		return;
	say("root guard: ends, as told");
	watchdog_release(watch->watchdog);
	tell(keeper, WORD_QUIT);
	_exit(0);
}

/* ---- the keeper ---- */

/* Until the watcher is gone. true: that is in order. */
static bool keep(const struct watch *watch, int watcher)
{
	struct pollfd fds = { .fd = watcher, .events = POLLIN };
	unsigned int silent = 0;
	ssize_t n;
	char word;

	while (silent++ < SILENT_MAX) {
		reap();
		if (terminated)
			tell(watcher, WORD_QUIT);
		if (poll(&fds, 1, GUARD_TICK_MS) <= 0)
			continue;
		n = recv(watcher, &word, 1, 0);
		if (n <= 0)
			return false;
		if (word == WORD_QUIT)
			return true;
		if (word == WORD_REBOOT) {
			clock_sleep_ms(REBOOT_MS);
			force_reboot(watch);
		}
		silent = 0;
	}
	return terminated;
}

static void replace(const struct watch *watch, const char *who)
{
	bool restart = watch->plan->restart || watch->plan->dry_run;

	say("root guard: its %s died; %s", who, restart ? "another one is started" : "reboot");
	if (!restart) {
		reboot(RB_AUTOBOOT);
		force_reboot(watch);
	}
	clock_sleep_ms(PAUSE_MS);
}

static void be_keeper(const struct watch *watch, int watcher, pid_t pid)
{
	bool in_order = keep(watch, watcher);

	close(watcher);
	/* It may have been reaped, and its number be another's by now. */
	if (!waitpid(pid, NULL, WNOHANG))
		kill(pid, SIGKILL);
	if (in_order)
		_exit(0);
	replace(watch, "watcher");
}

/*
 * When it bites, the guard has had the time for all that it does by itself: to find that
 * the root is gone, to write that down, and to force a reboot that hangs.
 */
static int open_watchdog(const struct guard_plan *plan)
{
	const struct guard_times *times = &plan->times;
	int64_t ms = times->every + times->limit + 2 * times->grace + FLAG_MS + REBOOT_MS;

	if (!plan->watchdog[0] || plan->dry_run)
		return -1;
	return watchdog_open(plan->watchdog, (int)(ms / 1000));
}

_Noreturn void guard_watch(struct guard_plan *plan)
{
	static struct watch watch;
	int ends[2];
	pid_t pid;

	watch.plan = plan;
	watch.sysrq = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	watch.process1 = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
	watch.watchdog = open_watchdog(plan);
	end_on_term(on_term);
	stay_in_memory();
	for (;;) {
		pid = -1;
		if (!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
			pid = fork();
			close(ends[!pid ? 0 : 1]);
			if (pid < 0)
				close(ends[0]);
		}
		if (!pid) {
			be_watcher(&watch, ends[1]);
			close(ends[1]);
			replace(&watch, "keeper");
		} else if (pid > 0) {
			be_keeper(&watch, ends[0], pid);
		} else {
			clock_sleep_ms(PAUSE_MS);
		}
	}
}
