// SPDX-License-Identifier: MIT
/*
 * GET /metrics: OpenMetrics text 1.0, for the host and containers with the role
 * mgmt.
 *
 * There is one sample for each driver, endpoint and status, and none for what a client
 * could invent: how many there are has the bound that drivers have.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <string.h>

#include "http_int.h"
#include "role.h"

#define CONTENT_TYPE	"application/openmetrics-text; version=1.0.0; charset=utf-8"

static const int statuses[] = { 200, 202, 400, 403, 404, 409, 413, 417, 429, 500, 503, 504, 507 };

struct http_metrics {
	/* The last row is for what is no endpoint, the last column for other statuses. */
	uint64_t requests[HTTP_ROUTES_MAX + 1][PVK_ARRAY_SIZE(statuses) + 1];
};

struct http_metrics *metrics_new(void)
{
	return calloc(1, sizeof(struct http_metrics));
}

void metrics_free(struct http_metrics *metrics)
{
	free(metrics);
}

void metrics_count(struct http_metrics *metrics, unsigned int route, int status)
{
	size_t i = 0;

	if (route > HTTP_ROUTES_MAX)
		route = HTTP_ROUTES_MAX;
	while (i < PVK_ARRAY_SIZE(statuses) && statuses[i] != status)
		i++;
	metrics->requests[route][i]++;
}

/* ---- what is written ---- */

static void family(struct pvk_buf *out, const char *name, const char *type, const char *unit,
		   const char *help)
{
	pvk_buf_printf(out, "# TYPE %s %s\n", name, type);
	if (unit)
		pvk_buf_printf(out, "# UNIT %s %s\n", name, unit);
	pvk_buf_printf(out, "# HELP %s %s\n", name, help);
}

static void one(struct pvk_buf *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "gauge", NULL, help);
	pvk_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void bytes(struct pvk_buf *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "gauge", "bytes", help);
	pvk_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* Aliases contain nothing that a label would have to escape. */
static void of_driver(struct pvk_buf *out, const char *name, const struct pvk_driver *driver,
		      uint64_t value)
{
	pvk_buf_printf(out, "%s{driver=\"%s\"} %llu\n", name, driver->alias,
		       (unsigned long long)value);
}

static void of_driver_us(struct pvk_buf *out, const char *name,
			 const struct pvk_driver *driver, uint32_t us)
{
	pvk_buf_printf(out, "%s{driver=\"%s\"} %u.%06u\n", name, driver->alias, us / 1000000,
		       us % 1000000);
}

static void put_states(struct pvk_buf *out, const struct pvk_drivers *list)
{
	unsigned int count[PV_DRIVER_STATE_UNKNOWN] = { 0 };
	uint32_t state;
	size_t i;

	family(out, "pvkit_driver_state", "stateset", NULL, "State of a driver.");
	for (i = 0; i < list->count; i++) {
		for (state = 0; state < PV_DRIVER_STATE_UNKNOWN; state++)
			pvk_buf_printf(out, "pvkit_driver_state{driver=\"%s\",pvkit_driver_state="
				       "\"%s\"} %d\n", list->item[i].alias, pvk_state_name(state),
				       list->item[i].state == state);
		if (list->item[i].state < PV_DRIVER_STATE_UNKNOWN)
			count[list->item[i].state]++;
	}
	family(out, "pvkit_drivers", "gauge", NULL, "Drivers by their state.");
	for (state = 0; state < PV_DRIVER_STATE_UNKNOWN; state++)
		pvk_buf_printf(out, "pvkit_drivers{state=\"%s\"} %u\n", pvk_state_name(state),
			       count[state]);
}

static void put_uses(struct pvk_buf *out, const struct pvk_drivers *list)
{
	size_t i;

	family(out, "pvkit_driver_users", "gauge", NULL,
	       "Containers that use a driver, and the host.");
	for (i = 0; i < list->count; i++)
		of_driver(out, "pvkit_driver_users", &list->item[i], list->item[i].users.count);
}

/* Each family in one piece, as the format wants it. */
static void put_stats(struct pvk_buf *out, const struct pvk_drivers *list)
{
	size_t i;

	family(out, "pvkit_driver_loads", "counter", NULL, "Loads that succeeded.");
	for (i = 0; i < list->count; i++)
		of_driver(out, "pvkit_driver_loads_total", &list->item[i],
			  list->item[i].stats.loads);
	family(out, "pvkit_driver_unloads", "counter", NULL, "Unloads that succeeded.");
	for (i = 0; i < list->count; i++)
		of_driver(out, "pvkit_driver_unloads_total", &list->item[i],
			  list->item[i].stats.unloads);
	family(out, "pvkit_driver_failures", "counter", NULL, "Loads and unloads that failed.");
	for (i = 0; i < list->count; i++)
		of_driver(out, "pvkit_driver_failures_total", &list->item[i],
			  list->item[i].stats.failures);
	family(out, "pvkit_driver_last_load_seconds", "gauge", "seconds",
	       "How long the last load took; 0 if there was none.");
	for (i = 0; i < list->count; i++)
		of_driver_us(out, "pvkit_driver_last_load_seconds", &list->item[i],
			     list->item[i].stats.load_us);
	family(out, "pvkit_driver_last_unload_seconds", "gauge", "seconds",
	       "How long the last unload took; 0 if there was none.");
	for (i = 0; i < list->count; i++)
		of_driver_us(out, "pvkit_driver_last_unload_seconds", &list->item[i],
			     list->item[i].stats.unload_us);
}

static void put_kernel(struct pvk_buf *out, const struct pvk_status *status)
{
	one(out, "pvkit_agent_present", "Whether the loader is registered with the kernel; "
	    "else modprobe loads.", status->agent_portid != 0);
	one(out, "pvkit_containers", "Containers that are registered.", status->containers);
	one(out, "pvkit_kernel_requests", "Requests that the kernel works on, whoever asked.",
	    status->requests);
}

static void put_http_requests(struct pvk_buf *out, const struct http_metrics *metrics)
{
	char method[8], path[64], status[8];
	unsigned int route;
	size_t i;

	family(out, "pvkit_http_requests", "counter", NULL,
	       "HTTP requests that were answered, by endpoint and status.");
	for (route = 0; route <= HTTP_ROUTES_MAX; route++) {
		if (!http_route_text(route, method, path, sizeof(path))) {
			strcpy(method, "other");
			strcpy(path, "other");
		}
		for (i = 0; i <= PVK_ARRAY_SIZE(statuses); i++) {
			if (!metrics->requests[route][i])
				continue;
			strcpy(status, "other");
			if (i < PVK_ARRAY_SIZE(statuses))
				snprintf(status, sizeof(status), "%d", statuses[i]);
			pvk_buf_printf(out, "pvkit_http_requests_total{method=\"%s\","
				       "endpoint=\"%s\",status=\"%s\"} %llu\n",
				       method, path, status,
				       (unsigned long long)metrics->requests[route][i]);
		}
	}
}

static void put_http(struct pvk_buf *out, struct http *http)
{
	struct calls_count calls;

	put_http_requests(out, http->metrics);
	one(out, "pvkit_http_connections", "Connections, streams of events left out.",
	    http->conns.count);
	one(out, "pvkit_http_event_streams", "Clients that listen to events.",
	    streams_count(http->streams));
	calls_count(http->calls, &calls);
	family(out, "pvkit_http_calls", "gauge", NULL,
	       "Loads and unloads that were asked for over HTTP and have not ended: they wait "
	       "for room in the kernel, for its outcome, or for a device.");
	pvk_buf_printf(out, "pvkit_http_calls{waits_for=\"room\"} %u\n", calls.queued);
	pvk_buf_printf(out, "pvkit_http_calls{waits_for=\"outcome\"} %u\n", calls.in_flight);
	pvk_buf_printf(out, "pvkit_http_calls{waits_for=\"device\"} %u\n", calls.watching);
}

static void put_level(struct pvk_buf *out, enum pvk_union_level is)
{
	int level;

	family(out, "pvkit_union_level", "stateset", NULL,
	       "Whether the RAM over the root fills up.");
	for (level = 0; level < PVK_UNION_LEVELS; level++)
		pvk_buf_printf(out, "pvkit_union_level{pvkit_union_level=\"%s\"} %d\n",
			       pvk_union_level_name((enum pvk_union_level)level),
			       level == (int)is);
}

/* Nothing of a root that has no RAM over it. */
static void put_union(struct pvk_buf *out, const struct http_kernel *kernel)
{
	struct pvk_union_state state;
	struct pvk_err err;

	if (!kernel->union_state || kernel->union_state(kernel->union_arg, &state, &err))
		return;
	put_level(out, state.level);
	bytes(out, "pvkit_union_size_bytes", "RAM that may be written over the root.",
	      state.usage.size);
	bytes(out, "pvkit_union_used_bytes", "How much of it is.", state.usage.used);
	one(out, "pvkit_union_inodes", "Files that there may be in it.", state.usage.files);
	one(out, "pvkit_union_used_inodes", "Files that there are.", state.usage.files_used);
}

static void put_build(struct pvk_buf *out)
{
	const char *version = strrchr(PVKITD_TEXT, ' ');

	family(out, "pvkit_build", "info", NULL, "The pvkitd that answers.");
	pvk_buf_printf(out, "pvkit_build_info{version=\"%s\"} 1\n", version + 1);
}

static void free_text(const void *text, size_t len, void *arg)
{
	(void)len;
	(void)arg;
	free((void *)text);
}

/* status: NULL if the kernel does not tell us. */
static void reply(struct http_request *request, const struct pvk_drivers *list,
		  const struct pvk_status *status)
{
	pvk_auto_buf struct pvk_buf out = PVK_BUF_INIT(HTTP_ANSWER_MAX);
	char *text;
	size_t len;

	put_build(&out);
	put_states(&out, list);
	put_uses(&out, list);
	put_stats(&out, list);
	if (status)
		put_kernel(&out, status);
	put_union(&out, http_kernel(request->http));
	put_http(&out, request->http);
	pvk_buf_puts(&out, "# EOF\n");
	if (pvk_buf_take(&out, &text, &len)) {
		http_reply_error(request->ev, 500, "the answer is too large");
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(request->ev), "Content-Type",
			  CONTENT_TYPE);
	http_reply_shared(request->ev, 200, text, len, free_text, NULL);
}

void metrics_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	struct pvk_drivers list = { 0 };
	struct pvk_status status = { 0 };
	bool told;
	int ret;

	if (!http_may_manage(request))
		return;
	/* The kernel's status is for the host only, which a front is no more. */
	ret = kernel->status(kernel->arg, &status, &err);
	told = !ret;
	if (!ret || ret == -EPERM)
		ret = kernel->drivers(kernel->arg, 0, &list, &err);
	if (ret)
		http_reply_error(request->ev, 500, "%s", err.text);
	else
		reply(request, &list, told ? &status : NULL);
	pvk_drivers_free(&list);
}
