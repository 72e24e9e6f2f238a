// SPDX-License-Identifier: MIT
/*
 * GET /drivers, PUT /drivers/[NAME/]{load,unload}
 */
#include <errno.h>
#include <string.h>

#include "http_int.h"

#define TIMEOUT_MAX_S	3600

/* Nobody named the host's drivers (-1) for it; it loads on request: MANUAL. */
const char *driver_upper_type(int type)
{
	switch (type) {
	case PV_DRIVER_TYPE_REQUIRED:
		return "REQUIRED";
	case PV_DRIVER_TYPE_OPTIONAL:
		return "OPTIONAL";
	default:
		return "MANUAL";
	}
}

/* Clients know three words; a driver on its way is not there yet, or no more. */
const char *driver_upper_state(uint32_t state)
{
	switch (state) {
	case PV_DRIVER_STATE_LOADED:
		return "LOADED";
	case PV_DRIVER_STATE_UNKNOWN:
		return "UNKNOWN";
	default:
		return "UNLOADED";
	}
}

static void put_driver(struct json_out *out, const struct pvk_driver *driver)
{
	json_out_object(out);
	json_out_pair_str(out, "name", driver->alias);
	json_out_pair_str(out, "type", driver_upper_type(driver->type));
	json_out_pair_str(out, "status", driver_upper_state(driver->state));
	json_out_end(out);
}

/* Answers by itself if it is no switch. */
static int read_switch(struct http_request *request, const char *name, bool *on)
{
	int ret = query_switch(&request->query, name, on);

	if (ret)
		http_reply_error(request->ev, 400, "%s is 1 or 0", name);
	return ret;
}

static void put_list(struct json_out *out, const struct pvk_drivers *list)
{
	size_t i;

	json_out_array(out);
	for (i = 0; i < list->count; i++)
		put_driver(out, &list->item[i]);
	json_out_end(out);
}

/* What went wrong before there was anything to load or list. */
void driver_lookup_error(struct http_request *request, int ret, const struct pvk_err *err)
{
	if (ret == -ENOENT || ret == -ESRCH || ret == -EPERM)
		http_reply_error(request->ev, 403, "the container is no longer registered");
	else
		http_reply_error(request->ev, 500, "%s", err->text);
}

/* Clients compare this with {}, so no driver stays an object. */
static void reply_none(struct http_request *request)
{
	static const char none[] = "{}";

	http_reply_shared(request->ev, 200, none, sizeof(none) - 1, NULL, NULL);
}

static void reply_list(struct http_request *request, const struct pvk_drivers *list)
{
	json_auto_out struct json_out out;
	struct http_view *view;

	json_out_init(&out, HTTP_ANSWER_MAX);
	put_list(&out, list);
	/* What changed under each of its readings may be said, but not again. */
	view = list->torn ? NULL : view_add(request->http->views, request->peer->id, &out);
	if (view)
		view_reply(view, request->ev);
	else
		http_reply_json(request->ev, 200, &out);
}

void drivers_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	struct pvk_drivers list = { 0 };
	struct http_view *view;
	bool all;
	int ret;

	if (read_switch(request, "all", &all))
		return;
	if (request->caller.host && !all) {
		reply_none(request);
		return;
	}
	view = view_find(request->http->views, request->peer->id);
	if (view) {
		view_reply(view, request->ev);
		return;
	}
	ret = kernel->drivers(kernel->arg, request->peer->id, &list, &err);
	if (ret)
		driver_lookup_error(request, ret, &err);
	else if (list.count || request->caller.host)
		reply_list(request, &list);
	else
		reply_none(request);
	pvk_drivers_free(&list);
}

/* -EINVAL: ?timeout= is no whole number of seconds, up to an hour. */
static int read_timeout(const struct http_request *request, uint32_t *ms)
{
	const char *timeout = http_query(request, "timeout");
	unsigned long seconds;
	char *end;

	*ms = 0;
	if (!timeout)
		return 0;
	if (timeout[0] < '0' || timeout[0] > '9')
		return -EINVAL;
	errno = 0;
	seconds = strtoul(timeout, &end, 10);
	if (errno || *end || !seconds || seconds > TIMEOUT_MAX_S)
		return -EINVAL;
	*ms = (uint32_t)seconds * 1000;
	return 0;
}

static int read_wait(struct http_request *request, struct call_order *order)
{
	const char *wait = http_query(request, "wait");

	if (!wait)
		return 0;
	if (!strcmp(wait, "device"))
		order->wait = DEVICE_ANY;
	else if (!strcmp(wait, "netdev"))
		order->wait = DEVICE_NETDEV;
	if (!order->wait)
		http_reply_error(request->ev, 400, "wait is device or netdev");
	else if (order->op != PV_DRIVER_OP_LOAD)
		http_reply_error(request->ev, 400, "wait is for a load");
	else if (order->async)
		http_reply_error(request->ev, 400, "wait and async exclude each other");
	else
		return 0;
	return -EINVAL;
}

static int init_order(struct http_request *request, const char *verb,
		      struct call_order *order)
{
	*order = (struct call_order){
		.op = strcmp(verb, "load") ? PV_DRIVER_OP_UNLOAD : PV_DRIVER_OP_LOAD,
		.container_id = request->peer->id,
	};
	if (read_switch(request, "async", &order->async))
		return -EINVAL;
	if (read_wait(request, order))
		return -EINVAL;
	if (!read_timeout(request, &order->timeout_ms)) {
		if (order->wait && !order->timeout_ms)
			order->timeout_ms = TIMEOUT_DEFAULT_MS;
		return 0;
	}
	http_reply_error(request->ev, 400, "timeout is 1 to %d seconds", TIMEOUT_MAX_S);
	return -EINVAL;
}

void drivers_put_one(struct http_request *request)
{
	const char *alias = request->seg[1];
	struct call_order order;

	/* What no driver can be called is in no run.json and in no BSP. */
	if (!pvk_alias_ok(alias)) {
		if (request->caller.host)
			http_reply_error(request->ev, 404, "there is no such driver");
		else
			http_reply_error(request->ev, 403, "not a driver of this container");
		return;
	}
	if (init_order(request, request->seg[2], &order))
		return;
	order.alias = calloc(1, sizeof(*order.alias));
	if (!order.alias) {
		http_reply_error(request->ev, 500, "out of memory");
		return;
	}
	strcpy(order.alias[0], alias);
	order.count = 1;
	call_start(http_calls(request->http), request->ev, &order);
}

/* Loads in the container's order, unloads in the reverse. */
static int take_manual(const struct pvk_drivers *list, struct call_order *order)
{
	size_t i, at;

	order->alias = calloc(list->count + 1, sizeof(*order->alias));
	if (!order->alias)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		at = order->op == PV_DRIVER_OP_LOAD ? i : list->count - 1 - i;
		if (list->item[at].type == PV_DRIVER_TYPE_MANUAL)
			strcpy(order->alias[order->count++], list->item[at].alias);
	}
	return 0;
}

void drivers_put_all(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	struct pvk_drivers list = { 0 };
	struct call_order order;
	int ret = 0;

	if (init_order(request, request->seg[1], &order))
		return;
	/* The host names no drivers, so it has no manual ones either. */
	if (!request->caller.host)
		ret = kernel->drivers(kernel->arg, request->peer->id, &list, &err);
	if (ret) {
		driver_lookup_error(request, ret, &err);
		return;
	}
	ret = take_manual(&list, &order);
	pvk_drivers_free(&list);
	if (ret)
		http_reply_error(request->ev, 500, "out of memory");
	else
		call_start(http_calls(request->http), request->ev, &order);
}
