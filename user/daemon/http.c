// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "http_int.h"

const struct http_kernel *http_kernel(struct http *http)
{
	return &http->kernel;
}

struct http_calls *http_calls(struct http *http)
{
	return http->calls;
}

struct pvk_meta *http_meta(struct http *http, bool device)
{
	return device ? http->device_meta : http->user_meta;
}

/* ---- routing ---- */

#define ANY	NULL	/* any one segment */
/* Of three segments of which one is a key, each of its bytes encoded. */
#define PATH_LONGEST	1024

static const struct route {
	const char *seg[3];
	unsigned int n_seg;
	enum evhttp_cmd_type method;
	void (*handle)(struct http_request *request);
} routes[] = {
	{ { "drivers" }, 1, EVHTTP_REQ_GET, drivers_get },
	{ { "drivers", "events" }, 2, EVHTTP_REQ_GET, events_get },
	{ { "drivers", "load" }, 2, EVHTTP_REQ_PUT, drivers_put_all },
	{ { "drivers", "unload" }, 2, EVHTTP_REQ_PUT, drivers_put_all },
	{ { "drivers", ANY, "load" }, 3, EVHTTP_REQ_PUT, drivers_put_one },
	{ { "drivers", ANY, "unload" }, 3, EVHTTP_REQ_PUT, drivers_put_one },
	/* After those that have the names which no driver can have. */
	{ { "drivers", ANY }, 2, EVHTTP_REQ_GET, driver_get },
	{ { "bootflags" }, 1, EVHTTP_REQ_GET, bootflags_get },
	{ { "bootflags", ANY }, 2, EVHTTP_REQ_GET, bootflag_get },
	{ { "bootflags", ANY }, 2, EVHTTP_REQ_PUT, bootflag_put },
	{ { "bootflags", ANY }, 2, EVHTTP_REQ_DELETE, bootflag_delete },
	{ { "union" }, 1, EVHTTP_REQ_GET, union_get },
	{ { "union", "events" }, 2, EVHTTP_REQ_GET, union_events_get },
	{ { "control", "reboot" }, 2, EVHTTP_REQ_PUT, control_reboot_put },
	{ { "control", "blink" }, 2, EVHTTP_REQ_PUT, control_blink_put },
	{ { "control", "ping" }, 2, EVHTTP_REQ_GET, control_ping_get },
	{ { "metrics" }, 1, EVHTTP_REQ_GET, metrics_get },
	{ { "user-meta" }, 1, EVHTTP_REQ_GET, meta_get },
	{ { "user-meta", ANY }, 2, EVHTTP_REQ_PUT, meta_put },
	{ { "user-meta", ANY }, 2, EVHTTP_REQ_DELETE, meta_delete },
	{ { "device-meta" }, 1, EVHTTP_REQ_GET, meta_get },
	{ { "device-meta", ANY }, 2, EVHTTP_REQ_PUT, meta_put },
	{ { "device-meta", ANY }, 2, EVHTTP_REQ_DELETE, meta_delete },
};

/*
 * Cuts "/a/b/c" before it decodes, so that %2F is never a separator. -ENOENT for
 * what has no segment, an empty one, or more than there are in any route.
 */
static int split_path(char *path, struct http_request *request)
{
	char *seg;

	request->n_seg = 0;
	if (*path++ != '/')
		return -ENOENT;
	while ((seg = strsep(&path, "/"))) {
		if (!*seg || request->n_seg == PVK_ARRAY_SIZE(request->seg) ||
		    percent_decode(seg))
			return -ENOENT;
		request->seg[request->n_seg++] = seg;
	}
	return 0;
}

static bool route_matches(const struct route *route, const struct http_request *request)
{
	unsigned int i;

	if (route->n_seg != request->n_seg)
		return false;
	for (i = 0; i < route->n_seg; i++)
		if (route->seg[i] != ANY && strcmp(route->seg[i], request->seg[i]))
			return false;
	return true;
}

/* A word of a path is meant as that word wherever there is a route with it. */
static bool same_kind(const struct route *a, const struct route *b)
{
	return !a || (a->seg[1] == ANY) == (b->seg[1] == ANY);
}

bool http_route_text(unsigned int at, char *method, char *path, size_t size)
{
	const struct route *route;
	const char *any = "{key}";
	unsigned int i;
	int len = 0;

	if (at >= PVK_ARRAY_SIZE(routes))
		return false;
	route = &routes[at];
	strcpy(method, route->method == EVHTTP_REQ_GET ? "GET" :
	       route->method == EVHTTP_REQ_PUT ? "PUT" : "DELETE");
	if (!strcmp(route->seg[0], "drivers"))
		any = "{name}";
	else if (!strcmp(route->seg[0], "bootflags"))
		any = "{store}";
	for (i = 0; i < route->n_seg; i++)
		len += snprintf(path + len, size - (size_t)len, "/%s",
				route->seg[i] == ANY ? any : route->seg[i]);
	return true;
}

static void dispatch(struct http_request *request)
{
	const char *uri = evhttp_request_get_uri(request->ev);
	const struct route *route, *known = NULL;

	for (route = routes; route < routes + PVK_ARRAY_SIZE(routes); route++) {
		if (!request->n_seg || !route_matches(route, request) || !same_kind(known, route))
			continue;
		known = route;
		if (route->method == request->method) {
			request->conn->route = (unsigned int)(route - routes);
			route->handle(request);
			return;
		}
	}
	if (known)
		http_reply_error(request->ev, 400, "wrong method for %s", uri);
	else
		http_reply_error(request->ev, 400, "unknown endpoint: %s", uri);
}

bool http_may_manage(struct http_request *request)
{
	if (request->caller.host || request->caller.mgmt)
		return true;
	http_reply_error(request->ev, 403, "this needs the role mgmt");
	return false;
}

const char *http_query(const struct http_request *request, const char *name)
{
	return query_get(&request->query, name);
}

/* ---- requests ---- */

static void serve(struct http_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request->ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	char copy[PATH_LONGEST];

	/* What is longer is no path of ours. */
	if (path && strlen(path) < sizeof(copy)) {
		strcpy(copy, path);
		if (split_path(copy, request))
			request->n_seg = 0;
	}
	if (query && query_parse(&request->query, query))
		http_reply_error(request->ev, 500, "out of memory");
	else
		dispatch(request);
	query_free(&request->query);
}

static void on_complete(struct evhttp_request *ev, void *arg)
{
	struct http_conn *conn = arg;

	metrics_count(conn->http->metrics, conn->route, evhttp_request_get_response_code(ev));
	conn->state = CONN_READING;
	conn->since = http_now();
	conn->n_head = 0;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct http_listener *listener = arg;
	struct http *http = listener->http;
	struct http_conn *conn = conn_of(http, ev);
	struct http_request request = { .http = http, .conn = conn, .ev = ev };
	const char *fault = NULL;

	if (conn) {
		conn->state = CONN_HANDLED;
		conn->handled++;
		fault = conn_fault(conn, conn->handled);
		conn->route = HTTP_ROUTE_NONE;
		evhttp_request_set_on_complete_cb(ev, on_complete, conn);
	}
	if (fault) {
		http_reply_close(ev, 400, fault);
		return;
	}
	if (http->closing) {
		http_reply_close(ev, 503, "pvkitd is ending");
		return;
	}
	http_refresh(http);
	if (!conn || conn_identify(conn) || conn->peer.kind == PV_DRIVER_PEER_UNKNOWN) {
		http_reply_error(ev, 403, "the caller is in no known container");
		return;
	}
	request.method = evhttp_request_get_command(ev);
	request.peer = &conn->peer;
	request.caller.host = conn->peer.kind == PV_DRIVER_PEER_HOST;
	request.caller.mgmt = conn->peer.roles & PV_DRIVER_ROLE_MGMT;
	request.caller.name = request.caller.host ? NULL : conn->peer.container;
	serve(&request);
}

/* ---- the server ---- */

struct event_base *http_base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct http *http_new(struct event_base *base, const struct http_kernel *kernel,
		      struct pvk_meta *user_meta, struct pvk_meta *device_meta)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->base = base;
	http->kernel = *kernel;
	http->times = (struct http_times)HTTP_TIMES;
	http->user_meta = user_meta;
	http->device_meta = device_meta;
	http->who = 1;
	http->calls = calls_new(base, &http->kernel);
	http->flags = flags_new(http);
	http->controls = controls_new(http);
	http->metrics = metrics_new();
	http->views = views_new(HTTP_VIEWS_MAX);
	http->streams = streams_new();
	if (user_meta || device_meta)
		http->metas = metas_new(base, kernel);
	if (conns_init(http) || !http->calls || !http->flags || !http->controls || !http->metrics ||
	    !http->views || !http->streams || ((user_meta || device_meta) && !http->metas)) {
		http_free(http);
		return NULL;
	}
	return http;
}

int http_watch_devices(struct http *http, const struct device_fds *fds)
{
	return calls_watch_devices(http->calls, fds);
}

void http_set_times(struct http *http, const struct http_times *times)
{
	http->times = *times;
}

int http_listen(struct http *http, int fd)
{
	struct http_listener *listener = &http->listener[http->n_listeners];

	if (http->n_listeners == CONFIG_SOCKETS_MAX)
		return -E2BIG;
	*listener = (struct http_listener){ .http = http, .fd = fd };
	listener->evhttp = evhttp_new(http->base);
	listener->lev = evconnlistener_new(http->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE |
					   LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!listener->evhttp || !listener->lev ||
	    !evhttp_bind_listener(listener->evhttp, listener->lev)) {
		if (listener->lev)
			evconnlistener_free(listener->lev);
		if (listener->evhttp)
			evhttp_free(listener->evhttp);
		return -ENOMEM;
	}
	http->n_listeners++;
	evhttp_set_bevcb(listener->evhttp, conn_new, listener);
	evhttp_set_gencb(listener->evhttp, on_request, listener);
	/* All of them, known to evhttp or not: the answer to a wrong one is ours. */
	evhttp_set_allowed_methods(listener->evhttp, 0xffff);
	evhttp_set_max_headers_size(listener->evhttp, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(listener->evhttp, HTTP_BODY_MAX);
	/* Who sends too much may end before it is told so. */
	evhttp_set_flags(listener->evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
	return 0;
}

void http_outcome(struct http *http, const struct pvk_outcome *outcome)
{
	/* What it changed is told before it is answered, whichever socket is read first. */
	http_refresh(http);
	calls_outcome(http->calls, outcome);
}

void http_flag_outcome(struct http *http, const struct pvk_bf_outcome *outcome)
{
	flags_outcome(http->flags, outcome);
}

void http_flags_gone(struct http *http)
{
	flags_gone(http->flags);
}

void http_control_answer(struct http *http, const struct control_answer *answer)
{
	controls_answer(http->controls, answer);
}

bool http_idle(const struct http *http)
{
	struct calls_count count;

	calls_count(http->calls, &count);
	return !count.queued && !count.in_flight && !count.watching &&
	       flags_idle(http->flags) && controls_idle(http->controls) && !http_waiting(http);
}

/* What is not known to be true still is asked for anew. */
static void forget_all(struct http *http)
{
	views_flush(http->views);
	http->who++;
}

void http_event(struct http *http, const struct pvk_event *event)
{
	switch (event->kind) {
	case PV_DRIVER_EVENT_KIND_STATE:
	case PV_DRIVER_EVENT_KIND_NEW:
	case PV_DRIVER_EVENT_KIND_DEL:
		views_flush(http->views);
		streams_event(http, event);
		break;
	case PV_DRIVER_EVENT_KIND_OVERRUN:
		forget_all(http);
		streams_identify(http);
		streams_overrun(http);
		break;
	default:
		/* A container came or went, which may be somebody's who has a connection. */
		forget_all(http);
		streams_identify(http);
	}
}

void http_refresh(struct http *http)
{
	if (!http->kernel.refresh || http->kernel.refresh(http->kernel.arg))
		forget_all(http);
}

unsigned int http_waiting(const struct http *http)
{
	return http->metas ? metas_count(http->metas) : 0;
}

static void on_too_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

static bool is_busy(const struct http *http)
{
	const struct http_conn *conn;

	LIST_FOREACH(conn, &http->conns.list, link)
		if (conn->state == CONN_WRITING)
			return true;
	return http_waiting(http);
}

unsigned int http_finish(struct http *http, int ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };
	bool too_late = false;
	struct event *timer;
	unsigned int i;

	http->closing = true;
	for (i = 0; i < http->n_listeners; i++)
		evconnlistener_disable(http->listener[i].lev);
	timer = evtimer_new(http->base, on_too_late, &too_late);
	if (timer && !event_add(timer, &limit))
		while (is_busy(http) && !too_late &&
		       event_base_loop(http->base, EVLOOP_ONCE) >= 0)
			;
	if (timer)
		event_free(timer);
	return http_waiting(http);
}

void http_free(struct http *http)
{
	unsigned int i;

	http->closing = true;
	for (i = 0; i < http->n_listeners; i++)
		evhttp_free(http->listener[i].evhttp);
	conns_free(http);
	metas_free(http->metas);
	if (http->calls)
		calls_free(http->calls);
	if (http->flags)
		flags_free(http->flags);
	if (http->controls)
		controls_free(http->controls);
	if (http->streams)
		streams_free(http->streams);
	if (http->views)
		views_free(http->views);
	metrics_free(http->metrics);
	free(http);
}
