// SPDX-License-Identifier: MIT
/*
 * Every allocation that a command of pv_pivot makes fails once.
 *
 * For n = 1, 2, 3, ... the command is asked with /proc/thread-self/fail-nth set to n, until
 * it passes without a fault. Refused, the session is in the state that it was in before;
 * answered, in the one that was asked for; when the socket has lost the answer
 * (ENOBUFS), in one of the two. Asking once more then succeeds, or says that it was
 * done. Splats and leaks are looked for by who runs the tests.
 *
 * A fault reaches this thread alone: proofs and ends are made by work items.
 *
 * On a kernel without CONFIG_FAULT_INJECTION and FAILSLAB it is skipped.
 *
 * vm: timeout=300
 */
#include "fail_nth.h"
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "genl.h"
#include "pivot.h"

#define STATE		"/sys/class/pv_pivot/session/state"
#define START		"/sys/class/pv_pivot/start"
#define DIR_FOLLOWED	"/run/pivot-test"
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct op - a command
 * @name: in the result
 * @prepare: makes the state that it starts from
 * @ask: asks it, with @asker; 0 or a negative errno
 * @after: the state when it took effect
 * @done: negative errno of a repetition, or 0
 */
struct op {
	const char *name;
	void (*prepare)(void);
	int (*ask)(void);
	const char *after;
	int done;
};

static struct pvk_pivot *host;	/* makes things as they should be */
static struct pvk_pivot *asker;	/* asks while allocations fail; new each time */
static int session = -1;
static int dir = -1;
static int dog = -1;

/* A line of a file, without its newline; one buffer. */
static const char *line_of(const char *path)
{
	static char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (len < 0)
		broken("%s", path);
	close(fd);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void must(int ret, const char *what)
{
	errno = -ret;
	if (ret)
		broken("%s without a fault", what);
}

/*
 * The states that commands start from
 */

static void remount(unsigned long flags)
{
	if (mount("none", DIR_FOLLOWED, "tmpfs", MS_REMOUNT | flags, NULL))
		broken("remount");
}

/* There is none that lives, and none of ours. */
static void no_session(void)
{
	int ret;

	if (session >= 0)
		close(session);
	session = -1;
	ret = pvk_pivot_abort(host, -1, NULL);
	if (ret && ret != -ENOENT)
		must(ret, "abort");
	remount(0);
}

static void open_session(void)
{
	no_session();
	must(pvk_pivot_begin(host, dir, 0, &session, NULL), "open");
}

static void open_read_only(void)
{
	open_session();
	remount(MS_RDONLY);
}

/* A helper that ran before, which ends at once, does so. */
static void no_helper(void)
{
	int64_t until = pvk_now_ms() + PATIENCE_MS;

	no_session();
	while (!strncmp(line_of(START), "running", 7))
		if (pvk_now_ms() > until)
			broken("the helper does not end");
}

/*
 * The commands
 */

static int ask_status(void)
{
	struct pvk_pivot_status status;

	return pvk_pivot_status(asker, &status, NULL);
}

static int ask_open(void)
{
	return pvk_pivot_begin(asker, dir, 0, &session, NULL);
}

static int ask_evicting(void)
{
	return pvk_pivot_step(asker, session, PV_PIVOT_STATE_EVICTING, 0, NULL);
}

static int ask_sealed(void)
{
	return pvk_pivot_step(asker, session, PV_PIVOT_STATE_SEALED, 0, NULL);
}

static int ask_abort(void)
{
	return pvk_pivot_abort(asker, session, NULL);
}

static int ask_watchdog(void)
{
	return pvk_pivot_watchdog(asker, session, dog, 1, 60, NULL);
}

static int ask_subscribe(void)
{
	return pvk_pivot_subscribe(asker, NULL, NULL);
}

static int ask_start(void)
{
	int ret = pvk_pivot_start(asker, "word", NULL);

	/* Of the one before, which may run yet. */
	return ret == -EBUSY ? 0 : ret;
}

static const struct op ops[] = {
	{ "status", open_session, ask_status, "open", 0 },
	{ "open", no_session, ask_open, "open", -EBUSY },
	{ "step to evicting", open_session, ask_evicting, "evicting", 0 },
	{ "step to sealed", open_read_only, ask_sealed, "sealed", 0 },
	{ "abort", open_session, ask_abort, "aborted", -ENOENT },
	{ "watchdog", open_session, ask_watchdog, "open", 0 },
	{ "subscribe", open_session, ask_subscribe, "open", 0 },
	{ "start", no_helper, ask_start, NULL, 0 },
};

/*
 * Stepping through
 */

static void reopen_asker(void)
{
	pvk_pivot_close(asker);
	must(pvk_pivot_open(&asker, NULL, NULL, NULL), "a socket");
}

static bool unexpected(const struct op *op, unsigned int nth, int ret, const char *what,
		       const char *want)
{
	ktap_fail("%s: %s", op->name, what);
	printf("# allocation %u failed, %s\n# expected: %s\n# got: %s\n", nth,
	       strerrorname_np(-ret) ?: "0", want, line_of(STATE));
	return false;
}

/* The fault is over. Is all as the answer says, and does it work now? */
static bool judge(const struct op *op, const char *before, unsigned int nth, int ret)
{
	const char *after = op->after ?: before;
	bool was = !strcmp(line_of(STATE), before), is = !strcmp(line_of(STATE), after);
	/* A session that the caller could not be told of is over. */
	bool over = op->ask == ask_open && !strcmp(line_of(STATE), "aborted");

	if (!ret && !is)
		return unexpected(op, nth, ret, "answered, but", after);
	if (ret == -ENOBUFS && !was && !is && !over)
		return unexpected(op, nth, ret, "neither done nor not", after);
	if (ret && ret != -ENOBUFS && !was && !over)
		return unexpected(op, nth, ret, "refused, and yet", before);
	reopen_asker();
	ret = op->ask();
	if (ret && ret != op->done)
		return unexpected(op, nth, ret, "asked once more", "success");
	if (strcmp(line_of(STATE), after))
		return unexpected(op, nth, ret, "asked once more, it is", after);
	return true;
}

/* True: it failed as it should, and there is more to come. */
static bool fail_one(const struct op *op, unsigned int nth, unsigned int *counts)
{
	bool failed, ok;
	char before[64];
	int ret;

	op->prepare();
	reopen_asker();
	snprintf(before, sizeof(before), "%s", line_of(STATE));
	set_fail_nth(nth);
	ret = op->ask();
	failed = !get_fail_nth();
	set_fail_nth(0);
	ok = judge(op, before, nth, ret);
	if (ok && failed)
		counts[!ret ? 0 : ret == -ENOBUFS ? 1 : 2]++;
	else if (ok)
		ktap_pass("%s # allocations: %u, refused %u, answered %u, lost %u", op->name,
			  nth - 1, counts[2], counts[0], counts[1]);
	return ok && failed;
}

static void step(const struct op *op)
{
	unsigned int counts[3] = { 0 };
	unsigned int nth = 1;

	op->prepare();
	reopen_asker();
	must(op->ask(), op->name);
	while (nth < MAX_NTH && fail_one(op, nth, counts))
		nth++;
	if (nth == MAX_NTH)
		ktap_fail("%s: no end of allocations", op->name);
}

/*
 * All of it
 */

/* With a helper, which it has only from its beginning. */
static void load_again(void)
{
	int64_t until = pvk_now_ms() + PATIENCE_MS;

	while (!access("/sys/module/pv_pivot", F_OK) && system("rmmod pv_pivot 2>/dev/null"))
		if (pvk_now_ms() > until)
			broken("pv_pivot stays");
	run((const char *const[]){ "modprobe", "pv_pivot", "helper=/bin/true", NULL });
}

static void set_up(void)
{
	load_again();
	run((const char *const[]){ "modprobe", "softdog", "soft_noboot=1", NULL });
	mkdir(DIR_FOLLOWED, 0755);
	if (mount("none", DIR_FOLLOWED, "tmpfs", 0, NULL))
		broken(DIR_FOLLOWED);
	dir = open(DIR_FOLLOWED, O_RDONLY | O_CLOEXEC);
	dog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (dir < 0 || dog < 0)
		broken("open");
	must(pvk_pivot_open(&host, NULL, NULL, NULL), "a socket");
}

static void put_back(void)
{
	no_helper();
	pvk_pivot_close(asker);
	pvk_pivot_close(host);
	if (write(dog, "V", 1) != 1)
		broken("the watchdog stays");
	close(dog);
	close(dir);
	umount(DIR_FOLLOWED);
}

int main(void)
{
	need_faults();
	ktap_plan(ARRAY_SIZE(ops));
	set_up();
	set_up_faults();
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		step(&ops[i]);
	put_back();
	return ktap_finish();
}
