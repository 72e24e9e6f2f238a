// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "cli.h"
#include "genl.h"

#define DRAIN_ROUNDS	64

struct watch {
	struct cli *cli;
	const char *alias;	/* NULL: all */
	uint64_t left;		/* events to go; counts only if limited */
	uint32_t generation;	/* all up to this one was printed */
	unsigned int arrived;
	bool limited;
	bool reread;
	bool failed;
};

static void print_line(const char *kind, const char *alias, const char *state)
{
	struct timeval tv;
	struct tm tm;
	char clock[16];

	gettimeofday(&tv, NULL);
	localtime_r(&tv.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%03ld %-8s %s%s%s\n", clock, (long)tv.tv_usec / 1000, kind, alias,
	       state ? " " : "", state ? state : "");
}

static void print_event(struct watch *watch, const char *kind, const char *alias,
			uint32_t state, uint32_t generation)
{
	json_auto_out struct json_out out = { 0 };
	bool has_state = strcmp(kind, "del") != 0 && state != PV_DRIVER_STATE_UNKNOWN;

	if (!watch->cli->json) {
		print_line(kind, alias, has_state ? pvk_state_name(state) : NULL);
		return;
	}
	json_out_init(&out, 4096);
	json_out_object(&out);
	json_out_pair_str(&out, "kind", kind);
	json_out_pair_str(&out, "alias", alias);
	if (has_state)
		json_out_pair_str(&out, "state", pvk_state_name(state));
	json_out_pair_uint(&out, "generation", generation);
	json_out_end(&out);
	if (cli_print_json(&out))
		watch->failed = true;
}

static void on_event(void *arg, const struct pvk_event *event)
{
	struct watch *watch = arg;

	watch->arrived++;
	if (event->kind == PV_DRIVER_EVENT_KIND_OVERRUN)
		watch->reread = true;
	/* What the reading anew will tell, or has told, is not told twice. */
	if (watch->reread || (int32_t)(event->generation - watch->generation) <= 0)
		return;
	if (watch->limited && !watch->left)
		return;
	print_event(watch, pvk_event_kind_name(event->kind), event->alias, event->state,
		    event->generation);
	if (watch->limited)
		watch->left--;
}

/* Losses come in groups: pass over what arrived meanwhile, then read once. */
static int drain(struct watch *watch, struct pvk_err *err)
{
	unsigned int rounds, before;
	int ret = 0;

	for (rounds = 0; rounds < DRAIN_ROUNDS && !ret; rounds++) {
		before = watch->arrived;
		ret = pvk_drv_dispatch(watch->cli->drv, err);
		if (before == watch->arrived)
			break;
	}
	watch->reread = false;
	return ret;
}

/* After a loss: what is so now, said as such and not counted as events. */
static int reread(struct watch *watch)
{
	struct pvk_drivers list;
	struct pvk_err err = { 0 };
	size_t i;
	int ret;

	ret = drain(watch, &err);
	if (ret)
		return cli_fail(watch->alias, ret, &err);
	cli_complain(NULL, "warning: events were lost; the states as they are now follow");
	ret = pvk_drv_driver_list(watch->cli->drv, 0, &list, &err);
	if (ret)
		return cli_fail(watch->alias, ret, &err);
	for (i = 0; i < list.count; i++) {
		const struct pvk_driver *driver = &list.item[i];

		if (!watch->alias || strcmp(watch->alias, driver->alias) == 0)
			print_event(watch, "now", driver->alias, driver->state,
				    driver->generation);
	}
	/* The first part's: of what changed while it was read, better twice than never. */
	if (list.count)
		watch->generation = list.item[0].generation;
	pvk_drivers_free(&list);
	return CLI_OK;
}

static int watch_loop(struct watch *watch, uint32_t timeout_ms)
{
	int64_t deadline = pvk_now_ms() + timeout_ms, left = -1;
	struct pvk_err err = { 0 };
	int ret;

	while (!watch->limited || watch->left) {
		if (timeout_ms) {
			left = deadline - pvk_now_ms();
			if (left <= 0)
				return CLI_TIMEOUT;
		}
		ret = pvk_drv_dispatch_wait(watch->cli->drv, (int)left, &err);
		if (ret && ret != -ETIMEDOUT)
			return cli_fail(watch->alias, ret, &err);
		if (watch->reread && reread(watch))
			return CLI_FAILED;
		/* A reader that went away ends it as SIGPIPE would. */
		if (watch->failed || fflush(stdout))
			return CLI_FAILED;
	}
	return CLI_OK;
}

static int watch(struct watch *watch, uint32_t timeout_ms)
{
	static const struct pvk_drv_ops ops = { .event = on_event };
	struct pvk_err err = { 0 };
	int status, ret;

	status = cli_open(watch->cli, &ops, watch);
	if (status)
		return status;
	ret = pvk_drv_subscribe(watch->cli->drv, watch->alias, &watch->generation, &err);
	if (ret)
		return cli_fail(watch->alias, ret, &err);
	/* A script that is about to act waits for this line. */
	cli_complain(NULL, "watching from generation %u", watch->generation);
	return watch_loop(watch, timeout_ms);
}

int verb_drivers_watch(struct cli *cli)
{
	struct watch state = { .cli = cli };
	uint32_t timeout_ms = 0;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_TIMEOUT && cli_timeout(cli, optarg, &timeout_ms))
			return CLI_USAGE;
		if (opt != OPT_COUNT)
			continue;
		state.limited = true;
		if (cli_number(optarg, 1, UINT32_MAX, &state.left))
			return cli_usage(cli, "--count wants a number from 1, not \"%s\"", optarg);
	}
	if (optind < cli->argc - 1)
		return cli_usage(cli, "one alias or none");
	state.alias = cli->argv[optind];
	return watch(&state, timeout_ms);
}
