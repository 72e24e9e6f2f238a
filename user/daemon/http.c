// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include "config.h"
#include "http_int.h"
#include "log.h"

/* Sockets, metadata, epoll: of a process that serves nobody yet. */
#define OWN_FDS_MAX	64

/* A connection; found by its file descriptor. */
struct http_conn {
	struct http_listener *listener;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;	/* NULL: not known yet */
	struct event *accepted;
	struct pvk_peer peer;
	int fd;
};

struct http_listener {
	struct http *http;
	struct evhttp *evhttp;
	struct evconnlistener *lev;
	int fd;
};

struct http {
	struct event_base *base;
	struct http_kernel kernel;
	struct pvk_meta *user_meta;
	struct pvk_meta *device_meta;
	struct http_calls *calls;
	struct http_listener listener[CONFIG_SOCKETS_MAX];
	unsigned int n_listeners;
	struct http_conn **conn;	/* by fd */
	size_t conn_size;
	unsigned int n_conn;
	unsigned int max_conn;
	bool paused;			/* as many as there may be */
	bool closing;
};

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

/* ---- answers ---- */

static const char *phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 409: return "Conflict";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 507: return "Insufficient Storage";
	default: return "Internal Server Error";
	}
}

static void set_type(struct evhttp_request *ev)
{
	evhttp_add_header(evhttp_request_get_output_headers(ev), "Content-Type",
			  "application/json");
}

/* With a type too, or evhttp would call nothing at all text/html. */
void http_reply_empty(struct evhttp_request *ev, int status)
{
	set_type(ev);
	evhttp_send_reply(ev, status, phrase(status), NULL);
}

static void free_text(const void *data, size_t len, void *extra)
{
	(void)len;
	(void)extra;
	free((void *)data);
}

void http_reply_json(struct evhttp_request *ev, int status, struct json_out *out)
{
	static const char oom[] = "{\"Error\":\"out of memory\"}";
	static const char large[] = "{\"Error\":\"the answer is too large\"}";
	struct evbuffer *body = evhttp_request_get_output_buffer(ev);
	char *text;
	size_t len;
	int ret;

	set_type(ev);
	ret = json_out_take(out, &text, &len);
	if (evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD) {
		/* evhttp would send the body, which the client would take for its next answer. */
		if (!ret)
			free(text);
	} else if (ret) {
		status = 500;
		text = (char *)(ret == -ENOSPC ? large : oom);
		evbuffer_add_reference(body, text, strlen(text), NULL, NULL);
	} else if (evbuffer_add_reference(body, text, len, free_text, NULL)) {
		free(text);
		status = 500;
	}
	evhttp_send_reply(ev, status, phrase(status), NULL);
}

void http_reply_error(struct evhttp_request *ev, int status, const char *fmt, ...)
{
	json_auto_out struct json_out out;
	pvk_auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	json_out_init(&out, HTTP_ANSWER_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "Error", text ? text : "out of memory");
	json_out_end(&out);
	http_reply_json(ev, status, &out);
}

void http_reply_close(struct evhttp_request *ev, int status, const char *text)
{
	evhttp_add_header(evhttp_request_get_output_headers(ev), "Connection", "close");
	http_reply_error(ev, status, "%s", text);
}

/* ---- routing ---- */

#define ANY	NULL	/* any one segment */

static const struct route {
	const char *seg[3];
	unsigned int n_seg;
	enum evhttp_cmd_type method;
	void (*handle)(struct http_request *request);
} routes[] = {
	{ { "drivers" }, 1, EVHTTP_REQ_GET, drivers_get },
	{ { "drivers", "load" }, 2, EVHTTP_REQ_PUT, drivers_put_all },
	{ { "drivers", "unload" }, 2, EVHTTP_REQ_PUT, drivers_put_all },
	{ { "drivers", ANY, "load" }, 3, EVHTTP_REQ_PUT, drivers_put_one },
	{ { "drivers", ANY, "unload" }, 3, EVHTTP_REQ_PUT, drivers_put_one },
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

static void dispatch(struct http_request *request)
{
	const char *uri = evhttp_request_get_uri(request->ev);
	bool known = false;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(routes) && request->n_seg; i++) {
		if (!route_matches(&routes[i], request))
			continue;
		known = true;
		if (routes[i].method == request->method) {
			routes[i].handle(request);
			return;
		}
	}
	if (known)
		http_reply_error(request->ev, 400, "wrong method for %s", uri);
	else
		http_reply_error(request->ev, 400, "unknown endpoint: %s", uri);
}

const char *http_query(const struct http_request *request, const char *name)
{
	return query_get(&request->query, name);
}

static struct http_conn *conn_of(struct http *http, struct evhttp_request *ev)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	int fd = bufferevent_getfd(bev);

	if (fd < 0 || (size_t)fd >= http->conn_size || !http->conn[fd] ||
	    http->conn[fd]->bev != bev)
		return NULL;
	return http->conn[fd];
}

/* The kernel answers for the process that connected. Unknown if it can't. */
static int ask_who(struct http_conn *conn)
{
	struct http *http = conn->listener->http;
	struct pvk_err err;
	int ret;

	ret = http->kernel.whois(http->kernel.arg, conn->fd, conn->listener->fd, &conn->peer,
				 &err);
	if (!ret)
		return 0;
	log_msg(LOG_WARNING, "whois: %s", err.text);
	memset(&conn->peer, 0, sizeof(conn->peer));
	return ret;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
	struct http_listener *listener = arg;
	struct http_conn *conn = conn_of(listener->http, ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	pvk_auto_free char *copy = strdup(path ? path : "");
	const char *fault;
	struct http_request request = {
		.http = listener->http,
		.ev = ev,
		.method = evhttp_request_get_command(ev),
	};

	fault = http_framing_fault(ev);
	if (fault) {
		http_reply_close(ev, 400, fault);
		return;
	}
	/* Each time: a connection may outlive the container, or its role. */
	if (!conn || ask_who(conn) || conn->peer.kind == PV_DRIVER_PEER_UNKNOWN) {
		http_reply_error(ev, 403, "the caller is in no known container");
		return;
	}
	request.peer = &conn->peer;
	request.caller.host = conn->peer.kind == PV_DRIVER_PEER_HOST;
	request.caller.mgmt = conn->peer.roles & PV_DRIVER_ROLE_MGMT;
	request.caller.name = request.caller.host ? NULL : conn->peer.container;
	if (!copy || split_path(copy, &request))
		request.n_seg = 0;
	if (query_parse(&request.query, query))
		http_reply_error(ev, 500, "out of memory");
	else
		dispatch(&request);
	query_free(&request.query);
}

/* ---- connections ---- */

static void set_paused(struct http *http, bool paused)
{
	unsigned int i;

	if (paused == http->paused || http->closing)
		return;
	http->paused = paused;
	for (i = 0; i < http->n_listeners; i++) {
		if (paused)
			evconnlistener_disable(http->listener[i].lev);
		else
			evconnlistener_enable(http->listener[i].lev);
	}
}

static void conn_free(struct http_conn *conn)
{
	struct http *http = conn->listener->http;

	if (conn->fd >= 0 && http->conn[conn->fd] == conn)
		http->conn[conn->fd] = NULL;
	if (conn->accepted)
		event_free(conn->accepted);
	free(conn);
	http->n_conn--;
	set_paused(http, http->n_conn >= http->max_conn);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_conn *conn = arg;

	calls_forget(conn->listener->http->calls, evcon);
	conn_free(conn);
}

static bool same_peer(const struct pvk_peer *a, const struct pvk_peer *b)
{
	return a->kind == b->kind && a->id == b->id;
}

/* Nobody may take all connections; the host's root could do worse things. */
static bool peer_has_too_many(const struct http *http, const struct pvk_peer *peer)
{
	unsigned int n = 0;
	size_t i;

	if (peer->kind == PV_DRIVER_PEER_HOST)
		return false;
	for (i = 0; i < http->conn_size; i++)
		if (http->conn[i] && same_peer(&http->conn[i]->peer, peer))
			n++;
	return n >= HTTP_PER_PEER_MAX;
}

/*
 * Runs right after evhttp has taken the accepted socket and before it reads
 * from it.
 */
static void on_accepted(evutil_socket_t unused, short what, void *arg)
{
	struct http_conn *conn = arg;
	struct http *http = conn->listener->http;
	struct evhttp_connection *evcon;
	void *cb_arg;

	(void)unused;
	(void)what;
	/* evhttp has no call-back for this; the connection is its argument here. */
	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &cb_arg);
	evcon = cb_arg;
	conn->fd = bufferevent_getfd(conn->bev);
	if (ask_who(conn) || (size_t)conn->fd >= http->conn_size ||
	    peer_has_too_many(http, &conn->peer)) {
		conn->fd = -1;
		conn_free(conn);
		evhttp_connection_free(evcon);
		return;
	}
	conn->evcon = evcon;
	http->conn[conn->fd] = conn;
	evhttp_connection_set_closecb(evcon, on_close, conn);
}

/* The only hook that evhttp has for a new connection. */
static struct bufferevent *new_bufferevent(struct event_base *base, void *arg)
{
	struct http_listener *listener = arg;
	struct http_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->listener = listener;
	conn->fd = -1;
	conn->accepted = event_new(base, -1, 0, on_accepted, conn);
	conn->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!conn->accepted || !conn->bev) {
		if (conn->accepted)
			event_free(conn->accepted);
		if (conn->bev)
			bufferevent_free(conn->bev);
		free(conn);
		return NULL;
	}
	event_active(conn->accepted, EV_TIMEOUT, 0);
	listener->http->n_conn++;
	set_paused(listener->http, listener->http->n_conn >= listener->http->max_conn);
	return conn->bev;
}

/*
 * A listener that can't accept for want of file descriptors would spin: there
 * are fewer connections than descriptors, those of our own apart.
 */
static unsigned int connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return HTTP_CONNECTIONS_MAX / 4;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_cur > 2 * HTTP_CONNECTIONS_MAX)
		limit.rlim_cur = 2 * HTTP_CONNECTIONS_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * OWN_FDS_MAX)
		return OWN_FDS_MAX;
	if (limit.rlim_cur - OWN_FDS_MAX < HTTP_CONNECTIONS_MAX)
		return (unsigned int)limit.rlim_cur - OWN_FDS_MAX;
	return HTTP_CONNECTIONS_MAX;
}

/* ---- the server ---- */

struct http *http_new(struct event_base *base, const struct http_kernel *kernel,
		      struct pvk_meta *user_meta, struct pvk_meta *device_meta)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->base = base;
	http->kernel = *kernel;
	http->user_meta = user_meta;
	http->device_meta = device_meta;
	http->max_conn = connections_max();
	http->conn_size = 2 * HTTP_CONNECTIONS_MAX;
	http->conn = calloc(http->conn_size, sizeof(struct http_conn *));
	http->calls = calls_new(base, &http->kernel);
	if (!http->conn || !http->calls) {
		http_free(http);
		return NULL;
	}
	return http;
}

int http_watch_devices(struct http *http, const struct device_fds *fds)
{
	return calls_watch_devices(http->calls, fds);
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
	evhttp_set_bevcb(listener->evhttp, new_bufferevent, listener);
	evhttp_set_gencb(listener->evhttp, on_request, listener);
	/* All of them, known to evhttp or not: the answer to a wrong one is ours. */
	evhttp_set_allowed_methods(listener->evhttp, 0xffff);
	evhttp_set_max_headers_size(listener->evhttp, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(listener->evhttp, HTTP_BODY_MAX);
	evhttp_set_timeout(listener->evhttp, HTTP_TIMEOUT_S);
	return 0;
}

void http_outcome(struct http *http, const struct pvk_outcome *outcome)
{
	calls_outcome(http->calls, outcome);
}

void http_free(struct http *http)
{
	unsigned int i;

	http->closing = true;
	for (i = 0; i < http->n_listeners; i++)
		evhttp_free(http->listener[i].evhttp);
	if (http->calls)
		calls_free(http->calls);
	free(http->conn);
	free(http);
}
