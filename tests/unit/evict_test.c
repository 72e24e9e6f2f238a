// SPDX-License-Identifier: MIT
/*
 * Who is asked to end, who is killed, and who is left when nothing helps; with holders and
 * processes of the test's own, some of which can't be ended or not be looked at. On the real
 * kernel it is moveroot_test.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"

static long made_up(long number, ...);

#define syscall made_up
#include "../../user/update/evict.c"
#undef syscall

#define FIRST	0x7fff0000u	/* no process has so large a pid */
#define MAX	8

static struct process {
	enum pvk_holder_kind kind;
	int ends_by;		/* this signal, 0: by none */
	int heard;		/* the last one but SIGCONT */
	bool ended;
	int pipe[2];		/* readable when it has ended */
} process[MAX];
static size_t processes;
static struct pvk_err err;

/* ---- the kernel ---- */

static struct process *of_fd(int fd)
{
	size_t i;

	for (i = 0; i < processes; i++)
		if (process[i].pipe[0] == fd)
			return &process[i];
	return NULL;
}

static void hear(struct process *p, int sig)
{
	if (sig == SIGCONT || p->ended)
		return;
	p->heard = sig;
	p->ended = sig == p->ends_by;
	if (p->ended && write(p->pipe[1], "x", 1) != 1)
		abort();
}

static int open_pidfd(struct process *p)
{
	struct process *before;
	int fds[2];

	if (pipe(fds) || (p->ended && write(fds[1], "x", 1) != 1))
		abort();
	/* Numbers of what was closed since are given anew. */
	before = of_fd(fds[0]);
	if (before)
		before->pipe[0] = -1;
	if (p->pipe[1])
		close(p->pipe[1]);
	memcpy(p->pipe, fds, sizeof(fds));
	return fds[0];
}

static long made_up(long number, ...)
{
	va_list ap;
	long a;
	int sig;

	va_start(ap, number);
	if (number == SYS_pidfd_open) {
		a = va_arg(ap, unsigned int);
		va_end(ap);
		return open_pidfd(&process[a - FIRST]);
	}
	a = va_arg(ap, int);
	sig = va_arg(ap, int);
	va_end(ap);
	hear(of_fd((int)a), sig);
	return 0;
}

/* ---- and what a look finds ---- */

int pvk_holders_open(struct pvk_holders **out, const struct pvk_holders_from *from,
		     struct pvk_err *e)
{
	(void)from;
	(void)e;
	*out = NULL;
	return 0;
}

void pvk_holders_close(struct pvk_holders *holders)
{
	(void)holders;
}

int pvk_holders_scan(struct pvk_holders *holders, pvk_holder_fn fn, void *arg,
		     struct pvk_holders_sum *sum, struct pvk_err *e)
{
	size_t i;
	int ret = 0;

	(void)holders;
	(void)sum;
	(void)e;
	for (i = 0; i < processes && !ret; i++) {
		const struct pvk_holder holder = {
			.kind = process[i].kind, .pid = FIRST + (unsigned int)i, .comm = "app",
			.fd = -1, .what = "/opt",
			.guess = process[i].kind == PVK_HOLD_STUCK,
		};

		if (!process[i].ended)
			ret = fn(arg, &holder);
	}
	return ret;
}

const char *pvk_holder_kind_name(enum pvk_holder_kind kind)
{
	return kind == PVK_HOLD_STUCK ? "stuck" : "cwd";
}

/* ---- given, when, then ---- */

static void given(enum pvk_holder_kind kind, int ends_by)
{
	process[processes++] = (struct process){ .kind = kind, .ends_by = ends_by };
}

/* Nobody takes time to end; only those that don't end have it run out. */
static int when(unsigned int kill_ms)
{
	const struct evict_limits limits = { .term_ms = 100, .kill_ms = kill_ms };

	err.text[0] = '\0';
	return evict("/opt", 0, &limits, &err);
}

static void over(void)
{
	size_t i;

	for (i = 0; i < processes; i++)
		if (process[i].pipe[1])
			close(process[i].pipe[1]);
	processes = 0;
}

int main(void)
{
	ktap_plan(0);

	given(PVK_HOLD_CWD, SIGTERM);
	given(PVK_HOLD_CWD, SIGKILL);
	ktap_eq(when(60000), 0, "one that ends when it is asked, and one that is killed");
	ktap_eq(process[0].heard, SIGTERM, "the first was not killed");
	over();

	given(PVK_HOLD_CWD, 0);
	given(PVK_HOLD_CWD, SIGTERM);
	ktap_eq(when(100), -EBUSY, "one that can't be ended is in the way");
	ktap_check(strstr(err.text, "1 process can't be ended: 2147418112 app, cwd /opt"),
		   "it is named, and not the one that has ended: %s", err.text);
	over();

	given(PVK_HOLD_STUCK, SIGTERM);
	ktap_eq(when(60000), 0, "one that could not be looked at");
	ktap_eq(process[0].heard, SIGTERM, "is asked to end, it may hold it");
	over();

	given(PVK_HOLD_STUCK, 0);
	given(PVK_HOLD_CWD, SIGKILL);
	ktap_eq(when(100), 0, "if it can't be ended either it is left: it may hold nothing");
	ktap_eq(process[0].heard, SIGKILL, "after it was killed");
	ktap_eq(process[1].heard, SIGKILL, "and so was the other one");
	over();

	given(PVK_HOLD_STUCK, 0);
	given(PVK_HOLD_CWD, 0);
	ktap_eq(when(100), -EBUSY, "another one that holds it for sure is still in the way");
	ktap_check(strstr(err.text, "1 process can't be ended: 2147418113 app, cwd /opt"),
		   "and that is the one that is named: %s", err.text);
	over();

	given(PVK_HOLD_LOOP, 0);
	given(PVK_HOLD_SWAP, 0);
	ktap_eq(when(60000), 0, "what is no process is not for this");
	ktap_eq(process[0].heard + process[1].heard, 0, "and nobody is signalled for it");
	over();

	return ktap_finish();
}
