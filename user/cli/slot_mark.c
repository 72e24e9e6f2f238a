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
#include <sys/wait.h>

#include "flag.h"
#include "genl.h"
#include "slot.h"

#define SHELL		"/bin/sh"
/* What somebody else changes in between is looked at anew that often. */
#define COMMIT_TRIES	3
#define CHECK_KILL_MS	2000

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
	char why[160];		/* END_CHECK, END_SIGNAL */
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
	return END_FAILED;
}

/* Is there nothing left to do? *end says what came of it. */
static bool over(struct mark *mark, enum end *end)
{
	struct pvk_err err = { .text = "" };
	int ret = read_store(mark, &err);

	if (ret) {
		*end = fail(mark, ret, &err);
		return true;
	}
	switch (pvk_slot_may_be_good(&mark->source.store, mark->booted)) {
	case PVK_SLOT_ALREADY:
		*end = END_ALREADY;
		return true;
	case PVK_SLOT_OTHER:
		*end = END_OTHER;
		return true;
	case PVK_SLOT_UNKNOWN:
		*end = END_UNKNOWN;
		return true;
	case PVK_SLOT_CANT:
		pvk_err_set(&err, -EOPNOTSUPP, "has no field successful");
		*end = fail(mark, -EOPNOTSUPP, &err);
		return true;
	default:
		return false;
	}
}

static enum end commit(struct mark *mark)
{
	struct pvk_change change = { .has_generation = true };
	struct pvk_err err = { .text = "" };
	enum end end;
	int ret, try;

	pvk_flags_set_number(&change.set, PVB_SUCCESSFUL, 1, NULL);
	for (try = 0; try < COMMIT_TRIES; try++) {
		if (over(mark, &end))
			return end;
		change.generation = mark->source.store.generation;
		ret = pvk_flagsource_set(&mark->source, &mark->flag.conf, mark->flag.cli->bf,
					 &change, (int)mark->flag.timeout_ms, NULL, &err);
		if (ret != -EAGAIN)
			break;
	}
	return ret ? fail(mark, ret, &err) : END_COMMITTED;
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

/* A group of its own: what it starts ends with it. */
static pid_t start_check(struct mark *mark)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &mark->old, NULL);
	setenv("PVKIT_STORE", mark->source.store.name, 1);
	setenv("PVKIT_SLOT", mark->booted < 0 ? "" : pvk_slot_name(mark->booted), 1);
	execl(SHELL, SHELL, "-c", mark->check, NULL);
	cli_complain(NULL, "%s: %s", SHELL, strerror(errno));
	_exit(127);
}

static void end_check(struct mark *mark, pid_t pid)
{
	int64_t deadline = pvk_now_ms() + CHECK_KILL_MS;

	kill(-pid, SIGTERM);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (pvk_now_ms() >= deadline) {
			kill(-pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
		wait_until(mark, deadline, false);
	}
}

/* What it ended with: 0 is the only one that counts as good. */
static bool judge(struct mark *mark, int status)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (WIFEXITED(status))
		snprintf(mark->why, sizeof(mark->why), "the command ended with status %d",
			 WEXITSTATUS(status));
	else
		snprintf(mark->why, sizeof(mark->why), "the command was ended by a signal (%s)",
			 strsignal(WTERMSIG(status)));
	return false;
}

/* True when it found nothing wrong; else *end says why not. */
static bool run_check(struct mark *mark, enum end *end)
{
	int64_t deadline = pvk_now_ms() + mark->flag.timeout_ms;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = start_check(mark);
	if (pid < 0) {
		cli_complain(NULL, "cannot start the command: %s", strerror(errno));
		mark->status = CLI_FAILED;
		*end = END_FAILED;
		return false;
	}
	*end = END_CHECK;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (wait_until(mark, deadline, false) == WOKEN_SIGNAL) {
			end_check(mark, pid);
			*end = END_SIGNAL;
			return false;
		}
		if (pvk_now_ms() < deadline)
			continue;
		end_check(mark, pid);
		snprintf(mark->why, sizeof(mark->why), "the command took longer than %u s",
			 mark->flag.timeout_ms / 1000);
		return false;
	}
	return judge(mark, status);
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
		snprintf(text, size, "not committed: nobody says which slot runs; slot %s was set "
			 "after the boot", pvk_slot_name(mark->source.store.flags.slot));
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
	char text[512] = "";

	if (end != END_FAILED)
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

/* From here on signals come over sigfd, and nothing is written after one. */
static int hold_signals(struct mark *mark)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &held, &mark->old))
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
