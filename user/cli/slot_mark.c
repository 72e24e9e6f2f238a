// SPDX-License-Identifier: MIT
/*
 * pvkit slot mark-good: calls the slot that runs good, once it has run for a while
 * and a command has found nothing wrong. In all other ends, by a signal too, nothing
 * is written, and the tries run out by themselves.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "flag.h"
#include "genl.h"
#include "slot.h"
#include "slot_check.h"

/* What somebody else changes in between is looked at anew that often. */
#define COMMIT_TRIES	3
/* A store that is busy (others set too often, or hold its lock) is tried that long. */
#define BUSY_MS		(5 * 60 * 1000)
#define BUSY_PAUSE_MS	1000
/* From asking a command to end to killing it, and how often to look. */
#define CHECK_KILL_MS	2000
#define CHECK_LOOK_MS	50

enum end {
	END_COMMITTED,
	END_ALREADY,
	END_OTHER,
	END_UNKNOWN,
	END_CHECK,
	END_SIGNAL,
	END_FAILED,
};

struct mark {
	struct flag flag;
	struct pvk_flagsource source;
	const char *check;	/* --if */
	uint64_t after_ms;
	int booted;		/* slot; negative: not known */
	int sigfd;
	sigset_t old;
	char why[512];		/* what there is to say of an end that is no commit */
	int status;		/* END_FAILED: the exit status, the complaint made */
};

/* ---- the store ---- */

static int read_store(struct mark *mark, struct pvk_err *err)
{
	const struct pvk_flagsource *found;
	int ret;

	if (mark->source.kind == PVK_SOURCE_KERNEL)
		return pvk_bf_store_get(mark->flag.cli->bf, mark->source.store.name,
					&mark->source.store, err);
	pvk_flagsources_free(&mark->flag.list);
	ret = pvk_flagsources_read(&mark->flag.list, &mark->flag.conf, mark->flag.cli->bf, err);
	if (ret)
		return ret;
	found = pvk_flagsource_find(&mark->flag.list, mark->source.store.name);
	if (!found)
		return pvk_err_set(err, -ENOENT, "no such store");
	mark->source = *found;
	return 0;
}

static enum end fail(struct mark *mark, int code, const struct pvk_err *err)
{
	mark->status = flag_fail(mark->source.store.name, code, err);
	snprintf(mark->why, sizeof(mark->why), "%s",
		 err->text[0] ? err->text : strerror(-code));
	return END_FAILED;
}

/* It has to be known what runs. */
static enum end unknown(struct mark *mark, enum pvk_slot_good why)
{
	if (why == PVK_SLOT_UNKNOWN)
		snprintf(mark->why, sizeof(mark->why),
			 "nobody says which slot runs; slot %s was set after the boot",
			 pvk_slot_name(mark->source.store.flags.slot));
	else
		snprintf(mark->why, sizeof(mark->why),
			 "no tries were left at boot: it may be the last of them, or the "
			 "bootloader has gone back; nobody says which slot runs");
	return END_UNKNOWN;
}

/* Is there nothing left to do? *end says what came of it. */
static bool over(struct mark *mark, enum end *end)
{
	struct pvk_err err = { .text = "" };
	int ret = read_store(mark, &err);
	enum pvk_slot_good good;

	if (ret) {
		*end = fail(mark, ret, &err);
		return true;
	}
	good = pvk_slot_may_be_good(&mark->source.store, mark->booted);
	switch (good) {
	case PVK_SLOT_MAY:
		return false;
	case PVK_SLOT_ALREADY:
		*end = END_ALREADY;
		break;
	case PVK_SLOT_OTHER:
		*end = END_OTHER;
		break;
	case PVK_SLOT_UNKNOWN:
	case PVK_SLOT_GIVEN_UP:
		*end = unknown(mark, good);
		break;
	case PVK_SLOT_CANT:
		pvk_err_set(&err, -EOPNOTSUPP, "has no field successful");
		*end = fail(mark, -EOPNOTSUPP, &err);
	}
	return true;
}

/* ---- waiting ---- */

enum woken { WOKEN_TIME, WOKEN_STORE, WOKEN_CHILD, WOKEN_SIGNAL };

static enum woken read_signal(struct mark *mark)
{
	struct signalfd_siginfo info;

	if (read(mark->sigfd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGCHLD)
		return WOKEN_CHILD;
	snprintf(mark->why, sizeof(mark->why), "told to end (%s)", strsignal((int)info.ssi_signo));
	return WOKEN_SIGNAL;
}

static enum woken wait_until(struct mark *mark, int64_t deadline, bool store)
{
	struct pollfd pfd[2] = {
		{ .fd = mark->sigfd, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	int64_t left;

	if (store && mark->source.kind == PVK_SOURCE_KERNEL)
		pfd[1].fd = pvk_bf_fd(mark->flag.cli->bf);
	left = deadline - pvk_now_ms();
	if (left > INT32_MAX)
		left = INT32_MAX;
	if (poll(pfd, PVK_ARRAY_SIZE(pfd), left > 0 ? (int)left : 0) <= 0)
		return WOKEN_TIME;
	if (pfd[0].revents)
		return read_signal(mark);
	return WOKEN_STORE;
}

/* --after: true when it is over early. */
static bool pass_time(struct mark *mark, enum end *end)
{
	int64_t deadline = pvk_now_ms() + (int64_t)mark->after_ms;
	struct pvk_err err = { .text = "" };
	int ret;

	do {
		switch (wait_until(mark, deadline, true)) {
		case WOKEN_SIGNAL:
			*end = END_SIGNAL;
			return true;
		case WOKEN_STORE:
			ret = pvk_bf_dispatch(mark->flag.cli->bf, &err);
			if (ret)
				*end = fail(mark, ret, &err);
			if (ret || over(mark, end))
				return true;
			break;
		default:
			break;
		}
	} while (pvk_now_ms() < deadline);
	return false;
}

/* ---- the command ---- */

/* With what it has started; who does not listen is killed. */
static void end_check(struct mark *mark, struct check *check)
{
	int64_t deadline = pvk_now_ms() + CHECK_KILL_MS;

	check_signal(check, SIGTERM);
	while (check_left(check) && pvk_now_ms() < deadline)
		wait_until(mark, pvk_now_ms() + CHECK_LOOK_MS, false);
	if (!check_left(check))
		return;
	check_signal(check, SIGKILL);
	while (!check_ended(check))
		wait_until(mark, pvk_now_ms() + CHECK_LOOK_MS, false);
}

static int start_check(struct mark *mark, struct check *check)
{
	fflush(stdout);
	if (setenv("PVKIT_STORE", mark->source.store.name, 1) ||
	    setenv("PVKIT_SLOT", mark->booted < 0 ? "" : pvk_slot_name(mark->booted), 1))
		return -errno;
	return check_start(check, mark->check, &mark->old, mark->flag.cli->json);
}

/* True when it found nothing wrong; else *end says why not. */
static bool run_check(struct mark *mark, enum end *end)
{
	int64_t deadline = pvk_now_ms() + mark->flag.timeout_ms;
	struct pvk_err err = { .text = "" };
	struct check check;
	int ret;

	ret = start_check(mark, &check);
	if (ret) {
		pvk_err_set(&err, ret, "the command can't be started: %s", strerror(-ret));
		*end = fail(mark, ret, &err);
		return false;
	}
	*end = END_CHECK;
	while (!check_ended(&check)) {
		if (wait_until(mark, deadline, false) == WOKEN_SIGNAL) {
			end_check(mark, &check);
			*end = END_SIGNAL;
			return false;
		}
		if (pvk_now_ms() < deadline)
			continue;
		end_check(mark, &check);
		snprintf(mark->why, sizeof(mark->why), "the command took longer than %u s",
			 mark->flag.timeout_ms / 1000);
		return false;
	}
	return check_good(&check, mark->why, sizeof(mark->why));
}

/* ---- the commit ---- */

/* Somebody else's haste is no reason to have a good slot taken back. False: to end. */
static bool wait_while_busy(struct mark *mark, bool first, const struct pvk_err *err)
{
	int64_t deadline = pvk_now_ms() + BUSY_PAUSE_MS;

	if (first)
		cli_complain(mark->source.store.name, "warning: %s; trying again for %d minutes",
			     err->text, BUSY_MS / 60000);
	while (pvk_now_ms() < deadline)
		if (wait_until(mark, deadline, false) == WOKEN_SIGNAL)
			return false;
	return true;
}

static enum end commit(struct mark *mark)
{
	struct pvk_change change = { .has_generation = true };
	int64_t deadline = pvk_now_ms() + BUSY_MS;
	struct pvk_err err = { .text = "" };
	int tries = COMMIT_TRIES, ret;
	bool first = true;
	enum end end;

	pvk_flags_set_number(&change.set, PVB_SUCCESSFUL, 1, NULL);
	for (;;) {
		if (over(mark, &end))
			return end;
		change.generation = mark->source.store.generation;
		ret = pvk_flagsource_set(&mark->source, &mark->flag.conf, mark->flag.cli->bf,
					 &change, (int)mark->flag.timeout_ms, NULL, &err);
		if (!ret)
			return END_COMMITTED;
		if (ret == -EAGAIN && --tries)
			continue;
		if (ret != -EBUSY || pvk_now_ms() >= deadline)
			return fail(mark, ret, &err);
		if (!wait_while_busy(mark, first, &err))
			return END_SIGNAL;
		first = false;
	}
}

/* ---- what came of it ---- */

/* "b has 2 tries left, then comes a" */
static void put_rest(const struct mark *mark, char *text, size_t size)
{
	const struct pvk_store *store = &mark->source.store;
	unsigned int tries = store->flags.tries;

	if (!(store->flags.has & PVB_HAS(PVB_SLOT)) || !(store->flags.has & PVB_HAS(PVB_TRIES)))
		snprintf(text, size, "nothing was written");
	else if (tries)
		snprintf(text, size, "slot %s has %u more boot%s to prove itself",
			 pvk_slot_name(store->flags.slot), tries, tries == 1 ? "" : "s");
	else
		snprintf(text, size, "slot %s has no boot left to prove itself, %s is next",
			 pvk_slot_name(store->flags.slot), pvk_slot_name(pvk_slot_next(store)));
}

static void put_end(const struct mark *mark, enum end end, char *text, size_t size)
{
	char rest[128];

	put_rest(mark, rest, sizeof(rest));
	switch (end) {
	case END_COMMITTED:
	case END_ALREADY:
		if (mark->booted < 0)
			snprintf(text, size, "this boot is good");
		else
			snprintf(text, size, "slot %s is good", pvk_slot_name(mark->booted));
		if (end == END_ALREADY)
			strcat(text, " already");
		break;
	case END_UNKNOWN:
		snprintf(text, size, "not committed: %s", mark->why);
		break;
	case END_FAILED:
		snprintf(text, size, "%s", mark->why);
		break;
	case END_OTHER:
		snprintf(text, size, "not committed: slot %s runs, but %s is set for the next boot",
			 pvk_slot_name(mark->booted), pvk_slot_name(mark->source.store.flags.slot));
		break;
	default:
		snprintf(text, size, "not committed: %s; %s", mark->why, rest);
	}
}

static int status_of(const struct mark *mark, enum end end)
{
	switch (end) {
	case END_COMMITTED:
	case END_ALREADY:
		return CLI_OK;
	case END_OTHER:
	case END_UNKNOWN:
		return CLI_REFUSED;
	case END_FAILED:
		return mark->status;
	default:
		return CLI_FAILED;
	}
}

static int report(const struct mark *mark, enum end end)
{
	static const char *const names[] = {
		[END_COMMITTED] = "committed", [END_ALREADY] = "already",
		[END_OTHER] = "other-slot", [END_UNKNOWN] = "unknown-slot",
		[END_CHECK] = "check-failed",
		[END_SIGNAL] = "signal", [END_FAILED] = "failed",
	};
	json_auto_out struct json_out out = { 0 };
	int status = status_of(mark, end);
	char text[768];

	put_end(mark, end, text, sizeof(text));
	if (mark->flag.cli->json) {
		json_out_init(&out, CLI_JSON_MAX);
		json_out_object(&out);
		json_out_pair_str(&out, "store", mark->source.store.name);
		json_out_pair_str(&out, "slot", mark->booted < 0 ? NULL :
				  pvk_slot_name(mark->booted));
		json_out_pair_str(&out, "result", names[end]);
		json_out_pair_str(&out, "text", text);
		json_out_end(&out);
		if (cli_print_json(&out))
			return CLI_FAILED;
	} else if (end != END_FAILED && status == CLI_OK) {
		printf("%s: %s\n", mark->source.store.name, text);
	}
	if (end != END_FAILED && status != CLI_OK)
		cli_complain(mark->source.store.name, "%s", text);
	return status;
}

/* ---- the verb ---- */

/* One that came while nobody waited. */
static bool signalled(struct mark *mark)
{
	enum woken woken;

	do {
		woken = wait_until(mark, 0, false);
	} while (woken == WOKEN_CHILD);
	return woken == WOKEN_SIGNAL;
}

static enum end work(struct mark *mark)
{
	enum end end;

	if (over(mark, &end))
		return end;
	if (mark->after_ms && pass_time(mark, &end))
		return end;
	if (mark->check && !run_check(mark, &end))
		return end;
	return signalled(mark) ? END_SIGNAL : commit(mark);
}

/* One that whoever started us wanted ignored (nohup, a shell's &) is left so. */
static void hold_signal(sigset_t *held, int sig)
{
	struct sigaction now;

	if (!sigaction(sig, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaddset(held, sig);
}

/* From here on signals come over sigfd, and nothing is written after one. */
static int hold_signals(struct mark *mark)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	hold_signal(&held, SIGINT);
	hold_signal(&held, SIGHUP);
	hold_signal(&held, SIGQUIT);
	/* Ignored, which is inherited, no child's end would be told. */
	sigaddset(&held, SIGCHLD);
	if (sigaction(SIGCHLD, &by_default, NULL) || sigprocmask(SIG_BLOCK, &held, &mark->old))
		return -errno;
	mark->sigfd = signalfd(-1, &held, SFD_CLOEXEC);
	return mark->sigfd < 0 ? -errno : 0;
}

static int run(struct mark *mark)
{
	const uint32_t fields = PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_SUCCESSFUL);
	struct pvk_err err = { .text = "" };
	struct pvk_flagsource *source;
	int status, ret;

	status = flag_load(&mark->flag);
	if (status)
		return status;
	/* A store that counts boots of no slot will do, if there is none with slots. */
	source = mark->flag.store ? NULL : pvk_flagsource_for(&mark->flag.list, fields);
	if (!source)
		source = flag_pick(&mark->flag, PVB_HAS(PVB_SUCCESSFUL), &status);
	if (!source)
		return status;
	mark->source = *source;
	mark->booted = pvk_slot_booted(&mark->flag.list, &source->store);
	ret = hold_signals(mark);
	if (!ret && source->kind == PVK_SOURCE_KERNEL)
		ret = pvk_bf_subscribe(mark->flag.cli->bf, source->store.name, NULL, &err);
	if (ret)
		return flag_fail(mark->source.store.name, ret, &err);
	return report(mark, work(mark));
}

/* "60", "60s", "5m" or "1h". */
static int read_duration(const char *text, uint64_t *ms)
{
	unsigned long long n, unit = 1;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end == 'm')
		unit = 60;
	else if (*end == 'h')
		unit = 3600;
	if (*end && (!strchr("smh", *end) || end[1]))
		return -EINVAL;
	if (errno || n * unit > 7 * 24 * 3600 || n > 7 * 24 * 3600)
		return -EINVAL;
	*ms = n * unit * 1000;
	return 0;
}

int verb_slot_mark_good(struct cli *cli)
{
	struct mark mark = { .flag = FLAG_INIT(cli), .sigfd = -1 };
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (flag_option(&mark.flag, opt))
			return CLI_USAGE;
		if (opt == OPT_IF)
			mark.check = optarg;
		if (opt == OPT_AFTER && read_duration(optarg, &mark.after_ms))
			return cli_usage(cli, "--after wants 60s, 5m or 1h, up to a week, not "
					 "\"%s\"", optarg);
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	status = run(&mark);
	if (mark.sigfd >= 0)
		close(mark.sigfd);
	flag_free(&mark.flag);
	return status;
}
