// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "http_int.h"
#include "log.h"

/* Sockets, metadata, epoll: of a process that serves nobody yet. */
#define OWN_FDS_MAX	64
/* What a client sends while nobody reads it: a body and the next request. */
#define UNREAD_MAX	(HTTP_BODY_MAX + 2 * HTTP_HEADERS_MAX)
/* Lines a minute about callers that can't be found out. */
#define LOG_WHOIS_MAX	10

int64_t http_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- who it is ---- */

struct http_conn *conn_of(struct http *http, struct evhttp_request *ev)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	int fd = bufferevent_getfd(bev);

	if (fd < 0 || (size_t)fd >= http->conns.size || !http->conns.by_fd[fd] ||
	    http->conns.by_fd[fd]->bev != bev)
		return NULL;
	return http->conns.by_fd[fd];
}

/*
 * The kernel answers for the process that connected. That may have another
 * answer at each request, since a connection may outlive the container, or its
 * role; if the kernel says when containers change, the answer holds until then.
 */
int conn_identify(struct http_conn *conn)
{
	struct http *http = conn->http;
	struct pvk_err err;
	int ret;

	if (conn->who == http->who && http->kernel.tells_containers)
		return 0;
	conn->who = http->who;
	ret = http->kernel.whois(http->kernel.arg, conn->fd, conn->listener_fd, &conn->peer,
				 &err);
	if (!ret)
		return 0;
	log_limited(LOG_WHOIS_MAX, LOG_WARNING, "whois: %s", err.text);
	memset(&conn->peer, 0, sizeof(conn->peer));
	conn->who = 0;
	return ret;
}

/* ---- how many there may be ---- */

static void set_paused(struct http *http)
{
	bool paused = http->conns.count >= http->conns.max;
	unsigned int i;

	if (paused == http->conns.paused || http->closing)
		return;
	http->conns.paused = paused;
	for (i = 0; i < http->n_listeners; i++) {
		if (paused)
			evconnlistener_disable(http->listener[i].lev);
		else
			evconnlistener_enable(http->listener[i].lev);
	}
}

/*
 * Nobody may take all connections, nor all others together what the host's
 * root needs to see what they do. It could itself do worse things.
 */
static bool has_too_many(const struct http_conns *conns, const struct pvk_peer *peer)
{
	unsigned int same = 0, guests = 0;
	const struct http_conn *conn;

	if (peer->kind == PV_DRIVER_PEER_HOST)
		return false;
	LIST_FOREACH(conn, &conns->list, link) {
		if (!conn->evcon || conn->state == CONN_STREAM ||
		    conn->peer.kind == PV_DRIVER_PEER_HOST)
			continue;
		guests++;
		same += conn->peer.kind == peer->kind && conn->peer.id == peer->id;
	}
	return same >= HTTP_PER_PEER_MAX || guests >= conns->max - conns->reserve;
}

/*
 * A listener that can't accept for want of file descriptors would spin: there
 * are fewer connections than descriptors, those of our own apart.
 */
static void set_limits(struct http_conns *conns)
{
	const rlim_t all = HTTP_CONNECTIONS_MAX + HTTP_STREAMS_MAX;
	struct rlimit limit;
	rlim_t room = all;

	if (getrlimit(RLIMIT_NOFILE, &limit)) {
		room = all / 4;
	} else {
		limit.rlim_cur = limit.rlim_max;
		if (limit.rlim_cur > conns->size)
			limit.rlim_cur = conns->size;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur < 2 * OWN_FDS_MAX)
			room = OWN_FDS_MAX;
		else if (limit.rlim_cur - OWN_FDS_MAX < all)
			room = limit.rlim_cur - OWN_FDS_MAX;
	}
	conns->max_streams = (unsigned int)(HTTP_STREAMS_MAX * room / all);
	conns->max = (unsigned int)room - conns->max_streams;
	conns->reserve = HTTP_HOST_RESERVE * conns->max / HTTP_CONNECTIONS_MAX;
}

void conn_set_stream(struct http_conn *conn, struct http_stream *stream)
{
	conn->stream = stream;
	conn->since = http_now();
	conn->state = stream ? CONN_STREAM : CONN_WRITING;
	if (stream)
		conn->http->conns.count--;
	else
		conn->http->conns.count++;
	set_paused(conn->http);
	conns_due(conn->http, conn->since + conn->http->times.request_ms);
}

/* ---- how long each may take ---- */

void conns_due(struct http *http, int64_t at)
{
	struct http_conns *conns = &http->conns;
	int64_t wait, now;
	struct timeval tv;

	if (conns->timer_at && conns->timer_at <= at)
		return;
	now = http_now();
	/* One look at all of them serves several. */
	wait = at - now;
	if (wait < http->times.ping_ms / 15)
		wait = http->times.ping_ms / 15;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = wait % 1000 * 1000;
	if (!event_add(conns->timer, &tv))
		conns->timer_at = now + wait;
}

static void on_timer(evutil_socket_t unused, short what, void *arg)
{
	struct http *http = arg;
	int64_t now = http_now(), next = INT64_MAX, due;
	size_t fd;

	(void)unused;
	(void)what;
	http->conns.timer_at = 0;
	http_refresh(http);
	for (fd = 0; fd < http->conns.size; fd++) {
		struct http_conn *conn = http->conns.by_fd[fd];

		if (!conn || conn->state == CONN_HANDLED)
			continue;
		if (conn->state == CONN_STREAM) {
			due = stream_tick(conn, now);
		} else {
			due = conn->since + http->times.request_ms;
			if (due <= now) {
				conn_drop(conn);
				continue;
			}
		}
		if (due < next)
			next = due;
	}
	if (next != INT64_MAX)
		conns_due(http, next);
}

/* ---- their life ---- */

static void conn_free(struct http_conn *conn)
{
	struct http *http = conn->http;

	if (conn->fd >= 0 && http->conns.by_fd[conn->fd] == conn)
		http->conns.by_fd[conn->fd] = NULL;
	LIST_REMOVE(conn, link);
	event_free(conn->soon);
	if (conn->state != CONN_STREAM)
		http->conns.count--;
	free(conn);
	set_paused(http);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_conn *conn = arg;

	calls_forget(conn->http->calls, evcon);
	if (conn->http->metas)
		metas_forget(conn->http->metas, evcon);
	flags_forget(conn->http->flags, evcon);
	if (conn->stream)
		stream_forget(conn);
	conn_free(conn);
}

void conn_drop(struct http_conn *conn)
{
	evhttp_connection_free(conn->evcon);
}

const char *conn_fault(const struct http_conn *conn, unsigned int n)
{
	return conn->framing.requests <= n ? conn->framing.fault : NULL;
}

/* The last bytes of a buffer, before anybody else sees them. */
static void feed_framing(struct framing *framing, struct evbuffer *in, size_t len)
{
	struct evbuffer_iovec vec[4];
	struct evbuffer_ptr at;
	int i, n;

	while (len && !evbuffer_ptr_set(in, &at, evbuffer_get_length(in) - len,
					EVBUFFER_PTR_SET)) {
		n = evbuffer_peek(in, -1, &at, vec, PVK_ARRAY_SIZE(vec));
		for (i = 0; i < n && i < (int)PVK_ARRAY_SIZE(vec); i++) {
			framing_feed(framing, vec[i].iov_base, vec[i].iov_len);
			len -= vec[i].iov_len;
		}
		if (n <= 0)
			return;
	}
}

/* And what the request began with, for answers to what evhttp could make nothing of. */
static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *conn = arg;
	ev_ssize_t n;

	feed_framing(&conn->framing, in, info->n_added);
	if (conn->n_head || !info->n_added || conn->state != CONN_READING)
		return;
	n = evbuffer_copyout(in, conn->head, sizeof(conn->head) - 1);
	conn->n_head = n > 0 ? (size_t)n : 0;
	conn->head[conn->n_head] = '\0';
}

/* An answer to a request that never got to its handler is one of evhttp's own. */
static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *conn = arg;

	if (conn->state == CONN_STREAM) {
		if (info->n_deleted)
			conn->since = http_now();
		return;
	}
	/* evhttp closes it too, unless the request was a CONNECT. */
	if (conn->refused && info->n_deleted && !evbuffer_get_length(out))
		event_active(conn->soon, EV_TIMEOUT, 0);
	if (!info->n_added || conn->state == CONN_WRITING)
		return;
	if (conn->state == CONN_READING) {
		event_active(conn->soon, EV_TIMEOUT, 0);
	} else {
		conn->since = http_now();
		conns_due(conn->http, conn->since + conn->http->times.request_ms);
	}
	conn->state = CONN_WRITING;
}

static void accepted(struct http_conn *conn)
{
	struct http *http = conn->http;
	struct evhttp_connection *evcon;
	void *cb_arg;

	/* evhttp has no call-back for this; the connection is its argument here. */
	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &cb_arg);
	evcon = cb_arg;
	conn->fd = bufferevent_getfd(conn->bev);
	if (conn_identify(conn) || (size_t)conn->fd >= http->conns.size ||
	    has_too_many(&http->conns, &conn->peer)) {
		conn->fd = -1;
		conn_free(conn);
		evhttp_connection_free(evcon);
		return;
	}
	conn->evcon = evcon;
	http->conns.by_fd[conn->fd] = conn;
	evhttp_connection_set_closecb(evcon, on_close, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, UNREAD_MAX);
	conns_due(http, conn->since + http->times.request_ms);
}

/*
 * Runs right after evhttp has taken the accepted socket and before it reads
 * from it; right after it has put an answer of its own into the output, before
 * it is written; and when what took its place is written.
 */
static void on_soon(evutil_socket_t unused, short what, void *arg)
{
	struct http_conn *conn = arg;

	(void)unused;
	(void)what;
	if (conn->refused)
		conn_drop(conn);
	else if (conn->evcon)
		conn_refuse(conn);
	else
		accepted(conn);
}

/* The only hook that evhttp has for a new connection. */
struct bufferevent *conn_new(struct event_base *base, void *arg)
{
	struct http_listener *listener = arg;
	struct http *http = listener->http;
	struct http_conn *conn = calloc(1, sizeof(*conn));
	struct bufferevent *bev;

	if (!conn)
		return NULL;
	bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	conn->soon = event_new(base, -1, 0, on_soon, conn);
	if (!bev || !conn->soon ||
	    !evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn) ||
	    !evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn)) {
		if (bev)
			bufferevent_free(bev);
		if (conn->soon)
			event_free(conn->soon);
		free(conn);
		return NULL;
	}
	conn->http = http;
	conn->bev = bev;
	conn->fd = -1;
	conn->listener_fd = listener->fd;
	conn->since = http_now();
	LIST_INSERT_HEAD(&http->conns.list, conn, link);
	http->conns.count++;
	event_active(conn->soon, EV_TIMEOUT, 0);
	set_paused(http);
	return bev;
}

int conns_init(struct http *http)
{
	struct http_conns *conns = &http->conns;

	LIST_INIT(&conns->list);
	conns->size = 2 * HTTP_CONNECTIONS_MAX;
	set_limits(conns);
	conns->by_fd = calloc(conns->size, sizeof(struct http_conn *));
	conns->timer = evtimer_new(http->base, on_timer, http);
	return conns->by_fd && conns->timer ? 0 : -ENOMEM;
}

/* evhttp has closed them; what is left was accepted in this very moment. */
void conns_free(struct http *http)
{
	while (!LIST_EMPTY(&http->conns.list))
		conn_free(LIST_FIRST(&http->conns.list));
	if (http->conns.timer)
		event_free(http->conns.timer);
	free(http->conns.by_fd);
}
