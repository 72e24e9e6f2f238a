// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag.h"
#include "genl.h"

#define DRAIN_ROUNDS	64

struct watch {
	struct flag flag;
	const char *store;	/* NULL: all */
	uint64_t left;		/* events to go; counts only if limited */
	unsigned int arrived;
	bool limited;
	bool reread;
	bool failed;
};

static void print_json(struct watch *watch, const char *kind, const char *name,
		       const struct pvk_store *store)
{
	json_auto_out struct json_out out = { 0 };

	json_out_init(&out, 16384);
	json_out_object(&out);
	json_out_pair_str(&out, "kind", kind);
	json_out_pair_str(&out, "store", name);
	if (store) {
		json_out_pair_str(&out, "state", pvk_store_state_name(store->state));
		json_out_pair_uint(&out, "generation", store->generation);
		flag_json_fields(&out, "fields", &store->flags);
		if (store->error)
			json_out_pair_str(&out, "error", store->text);
	}
	json_out_end(&out);
	if (cli_print_json(&out))
		watch->failed = true;
}

/* store NULL: it is gone. */
static void print(struct watch *watch, const char *kind, const char *name,
		  const struct pvk_store *store)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(2048);
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(8192);
	char clock[16];

	if (watch->flag.cli->json) {
		print_json(watch, kind, name, store);
		return;
	}
	if (store)
		cli_clean(&clean, pvk_flags_line(&store->flags, &line));
	if (store && store->error) {
		pvk_buf_puts(&clean, clean.len ? " error: " : "error: ");
		cli_clean(&clean, store->text);
	}
	printf("%s %-8s %s%s%s%s%s\n", flag_clock(clock, sizeof(clock)), kind, name,
	       store ? " " : "", store ? pvk_store_state_name(store->state) : "",
	       clean.len ? " " : "", pvk_buf_str(&clean));
}

/* An event says that something changed; the store itself says what. */
static void on_event(void *arg, const struct pvk_bf_event *event)
{
	struct pvk_store store, *there = NULL;
	struct watch *watch = arg;

	watch->arrived++;
	if (event->kind == PV_BOOTFLAG_EVENT_KIND_OVERRUN)
		watch->reread = true;
	if (watch->reread || (watch->limited && !watch->left))
		return;
	/* One that is gone already by now has an event of its own to come. */
	if (event->kind != PV_BOOTFLAG_EVENT_KIND_DEL) {
		if (pvk_bf_store_get(watch->flag.cli->bf, event->name, &store, NULL))
			return;
		there = &store;
	}
	print(watch, pvk_bf_event_kind_name(event->kind), event->name, there);
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
		ret = pvk_bf_dispatch(watch->flag.cli->bf, err);
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
	struct pvk_stores list;
	size_t i;
	int ret;

	ret = drain(watch, &err);
	if (!ret) {
		cli_complain(NULL, "warning: events were lost; what the stores say now follows");
		ret = pvk_bf_store_list(watch->flag.cli->bf, &list, &err);
	}
	if (ret)
		return cli_fail(watch->store, ret, &err);
	for (i = 0; i < list.count; i++)
		if (!watch->store || !strcmp(watch->store, list.item[i].name))
			print(watch, "now", list.item[i].name, &list.item[i]);
	pvk_stores_free(&list);
	return CLI_OK;
}

static int watch_loop(struct watch *watch, uint32_t timeout_ms)
{
	int64_t deadline = pvk_now_ms() + timeout_ms, left = -1;
	struct pvk_err err = { .text = "" };
	int ret;

	while (!watch->limited || watch->left) {
		if (timeout_ms) {
			left = deadline - pvk_now_ms();
			if (left <= 0)
				return CLI_TIMEOUT;
		}
		ret = pvk_bf_dispatch_wait(watch->flag.cli->bf, (int)left, &err);
		if (ret && ret != -ETIMEDOUT)
			return cli_fail(watch->store, ret, &err);
		if (watch->reread && reread(watch))
			return CLI_FAILED;
		/* A reader that went away ends it as SIGPIPE would. */
		if (watch->failed || fflush(stdout))
			return CLI_FAILED;
	}
	return CLI_OK;
}

static int start(struct watch *watch, uint32_t timeout_ms)
{
	static const struct pvk_bf_ops ops = { .event = on_event };
	struct pvk_err err = { .text = "" };
	uint32_t generation;
	int status, ret;

	status = flag_open(&watch->flag, &ops, watch);
	if (!status)
		status = flag_needs_kernel(&watch->flag);
	if (status)
		return status;
	ret = pvk_bf_subscribe(watch->flag.cli->bf, watch->store, &generation, &err);
	if (ret)
		return cli_fail(watch->store, ret, &err);
	/* A script that is about to act waits for this line. */
	cli_complain(NULL, "watching from generation %u", generation);
	return watch_loop(watch, timeout_ms);
}

int verb_flag_watch(struct cli *cli)
{
	struct watch watch = { .flag = FLAG_INIT(cli) };
	int opt, status;

	watch.flag.timeout_ms = 0;
	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (flag_option(&watch.flag, opt))
			return CLI_USAGE;
		if (opt != OPT_COUNT)
			continue;
		watch.limited = true;
		if (cli_number(optarg, 1, UINT32_MAX, &watch.left))
			return cli_usage(cli, "--count wants a number from 1, not \"%s\"", optarg);
	}
	if (optind < cli->argc - 1)
		return cli_usage(cli, "one store or none");
	watch.store = cli->argv[optind];
	return start(&watch, watch.flag.timeout_ms);
}
