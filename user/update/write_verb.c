// SPDX-License-Identifier: MIT
/*
 * pvkit-update write: the writing alone, for a rescue shell, tests and benchmarks
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "progress.h"
#include "verbs.h"

struct writing {
	struct plan plan;
	struct progress progress;
	uint64_t cursor;
	bool touched;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

/* A terminal that is gone is no reason to stop in the middle. */
static void catch_signals(void)
{
	const struct sigaction asks = { .sa_handler = on_signal };
	const struct sigaction ignored = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGINT, &asks, NULL);
	(void)sigaction(SIGTERM, &asks, NULL);
	(void)sigaction(SIGHUP, &ignored, NULL);
	(void)sigaction(SIGPIPE, &ignored, NULL);
}

static int show(void *arg, const struct write_progress *now)
{
	struct writing *writing = arg;

	writing->touched |= now->step == WRITE_WRITE;
	progress_show(&writing->progress, &writing->plan, now);
	return stop;
}

static int keep(void *arg, uint64_t cursor, struct pvk_err *err)
{
	struct writing *writing = arg;

	(void)err;
	writing->cursor = cursor;
	return 0;
}

static void say_line(void *arg, const char *line)
{
	struct writing *writing = arg;

	progress_line(&writing->progress, line);
}

static bool take_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

/* 0, or an exit status. */
static int take_words(int argc, char **argv, struct writing *writing, struct write_env *env,
		      const char **path)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "state", required_argument, NULL, 's' },
		{ "force", no_argument, NULL, 'F' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*path = PLAN_FILE;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 's')
			env->state = optarg;
		else if (opt == 'F')
			env->exclusive = false;
		else if (opt != 'f' || !take_number(optarg, &writing->cursor))
			return UPDATE_EXIT_USAGE;
	}
	if (optind < argc)
		*path = argv[optind++];
	return optind < argc ? UPDATE_EXIT_USAGE : 0;
}

/* DIR without what the plan has behind the top of its file system. */
static void find_top(const struct plan *plan, struct write_env *env, char top[PATH_MAX])
{
	size_t len = env->state ? strlen(env->state) : 0;
	size_t below = plan->state_dir ? strlen(plan->state_dir) : 0;

	while (len && env->state[len - 1] == '/')
		len--;
	while (below && plan->state_dir[below - 1] == '/')
		below--;
	if (!len || len < below || len >= PATH_MAX ||
	    (below && strncmp(env->state + len - below, plan->state_dir, below) != 0))
		return;
	snprintf(top, PATH_MAX, "%.*s/", (int)(len - below), env->state);
	env->state_top = top;
}

static int report(struct writing *writing, int ret, const struct pvk_err *err)
{
	char line[64];

	if (!ret) {
		progress_line(&writing->progress, "written, and read back: all as it should be");
		return UPDATE_EXIT_OK;
	}
	fprintf(stderr, "pvkit-update: %s\n", err->text);
	if (!writing->touched)
		return UPDATE_EXIT_FAILED;
	snprintf(line, sizeof(line), "not done; it can go on with --from %" PRIu64,
		 writing->cursor);
	progress_line(&writing->progress, line);
	return ret == -ECANCELED ? UPDATE_EXIT_STOPPED : UPDATE_EXIT_HALF;
}

int verb_write(int argc, char **argv)
{
	static struct writing writing;
	struct write_env env = {
		.exclusive = true, .progress = show, .cursor = keep, .say = say_line,
		.arg = &writing,
	};
	struct pvk_err err = { .text = "" };
	char top[PATH_MAX];
	const char *path;
	int ret;

	ret = take_words(argc, argv, &writing, &env, &path);
	if (ret)
		return ret;
	catch_signals();
	progress_init(&writing.progress, STDOUT_FILENO);
	ret = plan_read(&writing.plan, path, &err);
	if (!ret) {
		find_top(&writing.plan, &env, top);
		ret = write_check(&writing.plan, writing.cursor, &env, &err);
	}
	if (!ret)
		ret = write_images(&writing.plan, writing.cursor, &env, &err);
	ret = report(&writing, ret, &err);
	plan_free(&writing.plan);
	return ret;
}
