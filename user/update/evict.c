// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "evict.h"
#include "holders.h"
#include "tell.h"
#include "waits.h"

#define ROUND_MAX	256	/* processes, each a descriptor, until they are looked for anew */
#define TELL_MAX	32
#define AGAIN_MS	50	/* between two looks that find somebody who is dead already */
#define TICK_MS		500
#define KERNEL_THREAD	0x00200000u	/* PF_KTHREAD, which the kernel doesn't export */

struct victim {
	uint32_t pid;
	int pidfd;
	bool perhaps;		/* it may hold nothing: it could not be looked at */
	char comm[32];
	char why[96];
};

struct eviction {
	const struct evict_limits *limits;
	struct pvk_holders *holders;
	uint64_t ns;		/* our own, whose mounts are unmounted */
	bool killing;
	int64_t until;
	struct victim victim[ROUND_MAX];
	size_t victims;
	uint32_t told[ROUND_MAX];	/* those that were named already */
	size_t tolds;
	uint32_t left[ROUND_MAX];	/* those that nobody can end, and perhaps nobody has to */
	size_t lefts;
};

/* --- who ---------------------------------------------------------------------- */

static bool is_kernel_thread(uint32_t pid)
{
	pvk_auto_free char *text = NULL;
	char path[32], *at;
	unsigned int flags = 0, field;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (pvk_read_file(AT_FDCWD, path, 4096, &text, NULL))
		return false;
	at = strrchr(text, ')');
	/* Behind the name: state, ppid, pgrp, session, tty, tpgid, flags. */
	for (field = 0; at && field < 7; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	for (at++; *at >= '0' && *at <= '9'; at++)
		flags = flags * 10 + (unsigned int)(*at - '0');
	return flags & KERNEL_THREAD;
}

static bool is_spared(const struct eviction *ev, const struct pvk_holder *holder)
{
	switch (holder->kind) {
	case PVK_HOLD_LOOP:
	case PVK_HOLD_OVERLAY:
	case PVK_HOLD_SWAP:
		return true;
	case PVK_HOLD_MOUNT:
		if (holder->ns == ev->ns)
			return true;
		break;
	default:
		break;
	}
	return !holder->pid || holder->pid == 1 || holder->pid == (uint32_t)getpid() ||
	       holder->pid == (uint32_t)getppid();
}

static struct victim *victim_of(struct eviction *ev, uint32_t pid)
{
	size_t i;

	for (i = 0; i < ev->victims; i++)
		if (ev->victim[i].pid == pid)
			return &ev->victim[i];
	return NULL;
}

static bool is_one_of(const uint32_t *pids, size_t n, uint32_t pid)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static void describe(const struct pvk_holder *holder, char *text, size_t size)
{
	if (holder->fd >= 0)
		snprintf(text, size, "%s %d %s", pvk_holder_kind_name(holder->kind), holder->fd,
			 holder->what);
	else
		snprintf(text, size, "%s %s", pvk_holder_kind_name(holder->kind), holder->what);
}

static int add_victim(void *arg, const struct pvk_holder *holder)
{
	bool perhaps = holder->kind == PVK_HOLD_STUCK;
	struct eviction *ev = arg;
	struct victim *victim = victim_of(ev, holder->pid);

	if (victim && !perhaps)
		victim->perhaps = false;
	if (victim || ev->victims == ROUND_MAX || is_spared(ev, holder) ||
	    (perhaps && is_one_of(ev->left, ev->lefts, holder->pid)) ||
	    is_kernel_thread(holder->pid))
		return 0;
	victim = &ev->victim[ev->victims];
	victim->pid = holder->pid;
	victim->perhaps = perhaps;
	/* One that is gone by now has let go of everything. */
	victim->pidfd = (int)syscall(SYS_pidfd_open, holder->pid, 0);
	if (victim->pidfd < 0)
		return 0;
	snprintf(victim->comm, sizeof(victim->comm), "%s", holder->comm);
	describe(holder, victim->why, sizeof(victim->why));
	ev->victims++;
	return 0;
}

static void let_go(struct eviction *ev)
{
	while (ev->victims)
		close(ev->victim[--ev->victims].pidfd);
}

/* --- their end ----------------------------------------------------------------- */

static void tell_once(struct eviction *ev, const struct victim *victim)
{
	if (ev->tolds == TELL_MAX || is_one_of(ev->told, ev->tolds, victim->pid))
		return;
	ev->told[ev->tolds++] = victim->pid;
	tell("%s %u %s: %s", ev->killing ? "killed" : "asked to end", victim->pid, victim->comm,
	     victim->why);
}

static void signal_all(struct eviction *ev)
{
	const int with = ev->killing ? SIGKILL : SIGTERM;
	size_t i;

	for (i = 0; i < ev->victims; i++) {
		tell_once(ev, &ev->victim[i]);
		syscall(SYS_pidfd_send_signal, ev->victim[i].pidfd, with, NULL, 0);
		/* Who is stopped hears it only then. */
		if (!ev->killing)
			syscall(SYS_pidfd_send_signal, ev->victim[i].pidfd, SIGCONT, NULL, 0);
	}
}

static bool wait_for(const struct eviction *ev, const struct victim *victim)
{
	struct pollfd ended = { .fd = victim->pidfd, .events = POLLIN };
	int64_t left;
	int ret;

	do {
		if (ev->limits->tick)
			ev->limits->tick(ev->limits->arg);
		left = ev->until - clock_ms();
		left = left < 0 ? 0 : left < TICK_MS ? left : TICK_MS;
		ret = poll(&ended, 1, (int)left);
	} while ((ret < 0 && errno == EINTR) || (!ret && left));
	return ret > 0;
}

/* false: some are still there when their time is over. */
static bool wait_for_all(struct eviction *ev)
{
	bool all = true;
	size_t i;

	for (i = 0; i < ev->victims; i++)
		all &= wait_for(ev, &ev->victim[i]);
	return all;
}

static bool has_ended(const struct victim *victim)
{
	struct pollfd ended = { .fd = victim->pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) > 0;
}

/* Each that was killed and is still there; how many of them hold it for sure. */
static size_t tell_left(struct eviction *ev, const struct victim **first)
{
	const struct victim *victim;
	char waits[96];
	size_t i, n = 0;

	for (i = 0; i < ev->victims; i++) {
		victim = &ev->victim[i];
		if (has_ended(victim))
			continue;
		waits_in(victim->pid, waits, sizeof(waits));
		tell("%u %s can't be ended: %s%s%s", victim->pid, victim->comm, victim->why,
		     *waits ? "; it " : "", waits);
		if (victim->perhaps && ev->lefts < ROUND_MAX) {
			ev->left[ev->lefts++] = victim->pid;
			continue;
		}
		*first = n++ ? *first : victim;
	}
	return n;
}

/*
 * Their time is over. Who could not even be looked at need not hold it: whether it does is
 * seen when it is unmounted.
 */
static int too_many(struct eviction *ev, struct pvk_err *err)
{
	const struct victim *first = &ev->victim[0];
	size_t lefts = ev->lefts, n = tell_left(ev, &first);
	char waits[96];

	if (!n && ev->lefts > lefts)
		return 0;
	if (!n)
		return pvk_err_set(err, -EBUSY, "there come new ones again and again: %u %s, %s",
				   first->pid, first->comm, first->why);
	waits_in(first->pid, waits, sizeof(waits));
	return pvk_err_set(err, -EBUSY, "%zu process%s can't be ended: %u %s, %s%s%s", n,
			   n == 1 ? "" : "es", first->pid, first->comm, first->why,
			   *waits ? "; it " : "", waits);
}

/* Those of one look. New ones may come for as long as their time lasts. */
static int end_them(struct eviction *ev, struct pvk_err *err)
{
	signal_all(ev);
	if (wait_for_all(ev) && clock_ms() < ev->until)
		return 0;
	if (ev->killing)
		return too_many(ev, err);
	ev->killing = true;
	ev->tolds = 0;
	ev->until = clock_ms() + ev->limits->kill_ms;
	return 0;
}

static int evict_all(struct eviction *ev, struct pvk_err *err)
{
	unsigned int looks = 0;
	int ret;

	for (;;) {
		ret = pvk_holders_scan(ev->holders, add_victim, ev, NULL, err);
		if (ret || !ev->victims)
			return ret;
		/* They may be on their way out, which is not to be asked for without a pause. */
		if (looks++)
			clock_sleep_ms(AGAIN_MS);
		ret = end_them(ev, err);
		let_go(ev);
		if (ret)
			return ret;
	}
}

static int open_holders(struct pvk_holders **holders, const char *path, dev_t dev,
			struct pvk_err *err)
{
	const struct pvk_holders_from from = { .path = path, .dev = dev, .fd = -1 };

	return pvk_holders_open(holders, &from, err);
}

static uint64_t own_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/mnt", &st) ? 0 : st.st_ino;
}

int evict(const char *path, dev_t dev, const struct evict_limits *limits, struct pvk_err *err)
{
	static struct eviction ev;
	int ret;

	memset(&ev, 0, sizeof(ev));
	ev.limits = limits;
	ev.ns = own_namespace();
	ev.until = clock_ms() + limits->term_ms;
	ret = open_holders(&ev.holders, path, dev, err);
	if (ret)
		return ret;
	ret = evict_all(&ev, err);
	let_go(&ev);
	pvk_holders_close(ev.holders);
	return ret;
}

/* --- who is left ---------------------------------------------------------------- */

static int tell_holder(void *arg, const struct pvk_holder *holder)
{
	unsigned int *n = arg;
	char why[256];

	describe(holder, why, sizeof(why));
	if ((*n)++ < TELL_MAX)
		tell("held by %u %s: %s%s%s", holder->pid, holder->pid ? holder->comm : "kernel",
		     why, holder->via ? " by " : "", holder->via ? holder->via : "");
	return 0;
}

void evict_tell(const char *path, dev_t dev)
{
	struct pvk_holders *holders;
	struct pvk_err err = { .text = "" };
	unsigned int n = 0;

	if (open_holders(&holders, path, dev, &err) ||
	    pvk_holders_scan(holders, tell_holder, &n, NULL, &err))
		tell("who holds it is not known: %s", err.text);
	else if (!n)
		tell("no process and no mount is found that holds it");
	pvk_holders_close(holders);
}
