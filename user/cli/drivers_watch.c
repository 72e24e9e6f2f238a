// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "watch.h"

static void print_event(struct watch *watch, const char *kind, const char *alias,
			uint32_t state, uint32_t generation)
{
	json_auto_out struct json_out out = { 0 };
	bool has_state = strcmp(kind, "del") != 0 && state != PV_DRIVER_STATE_UNKNOWN;

	if (!watch->cli->json) {
		watch_line(kind, alias, has_state ? pvk_state_name(state) : NULL, "");
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
	watch_json(watch, &out);
}

static void on_event(void *arg, const struct pvk_event *event)
{
	struct watch *watch = arg;

	if (!watch_arrived(watch, event->kind == PV_DRIVER_EVENT_KIND_OVERRUN))
		return;
	/* The reading anew has told it. */
	if ((int32_t)(event->generation - watch->generation) <= 0)
		return;
	print_event(watch, pvk_event_kind_name(event->kind), event->alias, event->state,
		    event->generation);
	watch_counted(watch);
}

static int dispatch(struct watch *watch, int timeout_ms, struct pvk_err *err)
{
	return pvk_drv_dispatch_wait(watch->cli->drv, timeout_ms, err);
}

static int print_all(struct watch *watch, struct pvk_err *err)
{
	struct pvk_drivers list;
	size_t i;
	int ret;

	ret = pvk_drv_driver_list(watch->cli->drv, 0, &list, err);
	if (ret)
		return ret;
	for (i = 0; i < list.count; i++) {
		const struct pvk_driver *driver = &list.item[i];

		if (watch_meant(watch, driver->alias))
			print_event(watch, "now", driver->alias, driver->state,
				    driver->generation);
	}
	/* The first part's: of what changed while it was read, better twice than never. */
	if (list.count)
		watch->generation = list.item[0].generation;
	pvk_drivers_free(&list);
	return 0;
}

int verb_drivers_watch(struct cli *cli)
{
	static const struct watch_ops ops = {
		.dispatch = dispatch, .print_all = print_all, .thing = "alias",
	};
	static const struct pvk_drv_ops drv_ops = { .event = on_event };
	struct watch watch = { .cli = cli, .ops = &ops };
	struct pvk_err err = { .text = "" };
	int status, ret;

	status = watch_options(&watch);
	if (status != CLI_END)
		return status;
	status = cli_open(cli, &drv_ops, &watch);
	if (status)
		return status;
	ret = pvk_drv_subscribe(cli->drv, watch.name, &watch.generation, &err);
	return ret ? cli_fail(watch.name, ret, &err) : watch_run(&watch);
}
