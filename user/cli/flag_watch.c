// SPDX-License-Identifier: MIT
#include <string.h>

#include "flag.h"
#include "watch.h"

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
	watch_json(watch, &out);
}

/* store NULL: it is gone. */
static void print(struct watch *watch, const char *kind, const char *name,
		  const struct pvk_store *store)
{
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(2048);
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(8192);

	if (watch->cli->json) {
		print_json(watch, kind, name, store);
		return;
	}
	if (store)
		cli_clean(&clean, pvk_flags_line(&store->flags, &line));
	if (store && store->error) {
		pvk_buf_puts(&clean, clean.len ? " error: " : "error: ");
		cli_clean(&clean, store->text);
	}
	watch_line(kind, name, store ? pvk_store_state_name(store->state) : NULL,
		   pvk_buf_str(&clean));
}

/* An event says that something changed; the store itself says what. */
static void on_event(void *arg, const struct pvk_bf_event *event)
{
	struct pvk_store store, *there = NULL;
	struct watch *watch = arg;

	if (!watch_arrived(watch, event->kind == PV_BOOTFLAG_EVENT_KIND_OVERRUN))
		return;
	/* One that is gone already by now has an event of its own to come. */
	if (event->kind != PV_BOOTFLAG_EVENT_KIND_DEL) {
		if (pvk_bf_store_get(watch->cli->bf, event->name, &store, NULL))
			return;
		there = &store;
	}
	print(watch, pvk_bf_event_kind_name(event->kind), event->name, there);
	watch_counted(watch);
}

static int dispatch(struct watch *watch, int timeout_ms, struct pvk_err *err)
{
	return pvk_bf_dispatch_wait(watch->cli->bf, timeout_ms, err);
}

static int print_all(struct watch *watch, struct pvk_err *err)
{
	struct pvk_stores list;
	size_t i;
	int ret;

	ret = pvk_bf_store_list(watch->cli->bf, &list, err);
	for (i = 0; !ret && i < list.count; i++)
		if (watch_meant(watch, list.item[i].name))
			print(watch, "now", list.item[i].name, &list.item[i]);
	pvk_stores_free(&list);
	return ret;
}

int verb_flag_watch(struct cli *cli)
{
	static const struct watch_ops ops = {
		.dispatch = dispatch, .print_all = print_all, .thing = "store",
	};
	static const struct pvk_bf_ops bf_ops = { .event = on_event };
	struct watch watch = { .cli = cli, .ops = &ops };
	struct pvk_err err = { .text = "" };
	int status, ret;

	status = watch_options(&watch);
	if (status != CLI_END)
		return status;
	if (watch.name && pvk_flagsource_reserved(watch.name))
		return flag_not_kernel(watch.name);
	status = flag_open_kernel(cli, &bf_ops, &watch);
	if (status)
		return status;
	ret = pvk_bf_subscribe(cli->bf, watch.name, &watch.generation, &err);
	return ret ? cli_fail(watch.name, ret, &err) : watch_run(&watch);
}
