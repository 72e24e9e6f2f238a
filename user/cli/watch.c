// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "genl.h"
#include "watch.h"

#define DRAIN_ROUNDS	64

int watch_options(struct watch *watch)
{
	struct cli *cli = watch->cli;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_TIMEOUT && cli_timeout(cli, optarg, &watch->timeout_ms))
			return CLI_USAGE;
		if (opt == OPT_UNION)
			watch->dir = optarg;
		if (opt != OPT_COUNT)
			continue;
		watch->limited = true;
		if (cli_number(optarg, 1, UINT32_MAX, &watch->left))
			return cli_usage(cli, "--count wants a number from 1, not \"%s\"", optarg);
	}
	if (optind < cli->argc - 1)
		return cli_usage(cli, "one %s or none", watch->ops->thing);
	watch->name = cli->argv[optind];
	return CLI_END;
}

/* ---- what is printed ---- */

bool watch_arrived(struct watch *watch, bool lost)
{
	watch->arrived++;
	if (lost)
		watch->reread = true;
	/* What the reading anew will tell is not told twice. */
	return !watch->reread && (!watch->limited || watch->left);
}

void watch_counted(struct watch *watch)
{
	if (watch->limited)
		watch->left--;
}

bool watch_meant(const struct watch *watch, const char *name)
{
	return !watch->name || !strcmp(watch->name, name);
}

void watch_line(const char *kind, const char *name, const char *state, const char *rest)
{
	struct timeval tv;
	struct tm tm;
	char clock[16];

	gettimeofday(&tv, NULL);
	localtime_r(&tv.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%03ld %-8s %s%s%s%s%s\n", clock, (long)tv.tv_usec / 1000, kind, name,
	       state ? " " : "", state ? state : "", rest[0] ? " " : "", rest);
}

void watch_json(struct watch *watch, struct json_out *out)
{
	if (cli_print_json(out))
		watch->failed = true;
}

/* ---- the loop ---- */

/* Losses come in groups: pass over what arrived meanwhile, then read once. */
static int drain(struct watch *watch, struct pvk_err *err)
{
	unsigned int rounds, before;
	int ret = 0;

	for (rounds = 0; rounds < DRAIN_ROUNDS && !ret; rounds++) {
		before = watch->arrived;
		ret = watch->ops->dispatch(watch, 0, err);
		if (before == watch->arrived)
			break;
	}
	watch->reread = false;
	return ret;
}

/* After a loss: what is so now, said as such and not counted as events. */
static int reread(struct watch *watch)
{
	struct pvk_err err = { .text = "" };
	int ret;

	ret = drain(watch, &err);
	if (!ret) {
		cli_complain(NULL, "warning: events were lost; what is so now follows");
		ret = watch->ops->print_all(watch, &err);
	}
	return ret ? cli_fail(watch->name, ret, &err) : CLI_OK;
}

int watch_run(struct watch *watch)
{
	int64_t deadline = pvk_now_ms() + watch->timeout_ms, left = -1;
	struct pvk_err err = { .text = "" };
	int ret;

	/* A script that is about to act waits for this line. */
	cli_complain(NULL, "watching from generation %u", watch->generation);
	while (!watch->limited || watch->left) {
		if (watch->timeout_ms) {
			left = deadline - pvk_now_ms();
			if (left <= 0)
				return CLI_TIMEOUT;
		}
		ret = watch->ops->dispatch(watch, (int)left, &err);
		if (ret && ret != -ETIMEDOUT)
			return cli_fail(watch->name, ret, &err);
		if (watch->reread && reread(watch))
			return CLI_FAILED;
		/* A reader that went away ends it as SIGPIPE would. */
		if (watch->failed || fflush(stdout))
			return CLI_FAILED;
	}
	return CLI_OK;
}
