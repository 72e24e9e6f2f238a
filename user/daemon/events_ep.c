// SPDX-License-Identifier: MIT
/*
 * GET /drivers/events: what the caller's drivers are, then what becomes of them,
 * as text/event-stream.
 *
 * A stream begins with the present states, so a client that comes again needs to
 * tell nothing of what it has heard. One that reads too slowly loses events, is
 * told so, and gets the present states again: it never holds more memory than a
 * reader that is asleep may.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <string.h>

#include "http_int.h"

#define FRAME_MAX	1024
/* All of them at once, of a board with as many drivers as there may be. */
#define STATES_MAX	HTTP_ANSWER_MAX

struct stream_name {
	char alias[PVK_ALIAS_SIZE];
	int type;
};

struct http_stream {
	TAILQ_ENTRY(http_stream) link;
	struct http_conn *conn;
	struct evhttp_request *ev;
	struct event *hangup;
	struct pvk_peer peer;		/* who asked for it; nobody else gets it */
	char only[PVK_ALIAS_SIZE];	/* "": all */
	struct stream_name *name;	/* what a container names, sorted */
	size_t n_names;
	uint32_t generation;		/* all up to this one was told, if it is known */
	bool has_generation;
	bool behind;			/* events were left out: the client does not read */
	size_t room;			/* bytes that may wait for it */
	int64_t next_ping;
};

struct http_streams {
	TAILQ_HEAD(stream_list, http_stream) list;
	unsigned int count;
};

struct http_streams *streams_new(void)
{
	struct http_streams *streams = calloc(1, sizeof(*streams));

	if (streams)
		TAILQ_INIT(&streams->list);
	return streams;
}

/* Their connections went before. */
void streams_free(struct http_streams *streams)
{
	free(streams);
}

unsigned int streams_count(const struct http_streams *streams)
{
	return streams->count;
}

static bool is_host(const struct http_stream *stream)
{
	return stream->peer.kind == PV_DRIVER_PEER_HOST;
}

/* ---- its end ---- */

static void stream_free(struct http_stream *stream)
{
	struct http_streams *streams = stream->conn->http->streams;

	TAILQ_REMOVE(&streams->list, stream, link);
	streams->count--;
	if (stream->hangup)
		event_free(stream->hangup);
	free(stream->name);
	free(stream);
}

void stream_forget(struct http_conn *conn)
{
	struct evhttp_request *ev = conn->stream->ev;

	stream_free(conn->stream);
	conn->stream = NULL;
	/* evhttp leaves it to us if it was the client that went. */
	if (!evhttp_request_get_connection(ev))
		evhttp_request_free(ev);
}

/* From our side. The connection may be gone afterwards. */
static void stream_end(struct http_stream *stream)
{
	struct evhttp_request *ev = stream->ev;
	struct http_conn *conn = stream->conn;

	stream_free(stream);
	conn_set_stream(conn, NULL);
	evhttp_send_reply_end(ev);
}

/*
 * There is something to read: the end, of both directions or of one. A client
 * that will say no more may still listen, as may one that says more than it was
 * asked for: that they are gone is noticed when they get a sign of life. (Not
 * EV_CLOSED, which libevent does not tell of a socket that has an error too.)
 */
static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct http_stream *stream = arg;
	struct pollfd pfd = { .fd = fd };

	(void)what;
	if (poll(&pfd, 1, 0) == 1 && pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
		conn_drop(stream->conn);
	else
		event_del(stream->hangup);
}

/* ---- what is told ---- */

static int compare_names(const void *a, const void *b)
{
	const struct stream_name *left = a, *right = b;

	return strcmp(left->alias, right->alias);
}

static const struct stream_name *find_name(const struct http_stream *stream, const char *alias)
{
	struct stream_name key;

	if (!stream->n_names || strlen(alias) >= sizeof(key.alias))
		return NULL;
	strcpy(key.alias, alias);
	return bsearch(&key, stream->name, stream->n_names, sizeof(key), compare_names);
}

static int keep_names(struct http_stream *stream, const struct pvk_drivers *list)
{
	size_t i;

	if (is_host(stream) || !list->count)
		return 0;
	stream->name = calloc(list->count, sizeof(*stream->name));
	if (!stream->name)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		strcpy(stream->name[i].alias, list->item[i].alias);
		stream->name[i].type = list->item[i].type;
	}
	stream->n_names = list->count;
	qsort(stream->name, stream->n_names, sizeof(*stream->name), compare_names);
	return 0;
}

static void put_frame(struct pvk_buf *buf, const char *kind, uint32_t generation,
		      struct json_out *out)
{
	pvk_auto_free char *text = NULL;

	if (json_out_take(out, &text, NULL))
		return;
	pvk_buf_printf(buf, "event: %s\nid: %u\ndata: %s\n\n", kind, generation, text);
}

static void put_driver(struct pvk_buf *buf, const char *kind, const char *alias, int type,
		       uint32_t state, uint32_t generation)
{
	json_auto_out struct json_out out;

	json_out_init(&out, FRAME_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "name", alias);
	json_out_pair_str(&out, "type", driver_upper_type(type));
	json_out_pair_str(&out, "status", driver_upper_state(state));
	json_out_pair_str(&out, "state", pvk_state_name(state));
	json_out_pair_uint(&out, "generation", generation);
	json_out_end(&out);
	put_frame(buf, kind, generation, &out);
}

static void put_overrun(struct pvk_buf *buf, uint32_t generation)
{
	json_auto_out struct json_out out;

	json_out_init(&out, FRAME_MAX);
	json_out_object(&out);
	json_out_pair_uint(&out, "generation", generation);
	json_out_end(&out);
	put_frame(buf, "overrun", generation, &out);
}

static size_t queued(const struct http_stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(stream->conn->bev));
}

static void on_drained(struct evhttp_connection *evcon, void *arg);

static int send_text(struct http_stream *stream, const struct pvk_buf *buf)
{
	struct http_conn *conn = stream->conn;
	struct evbuffer *text;

	if (buf->err)
		return buf->err;
	if (!buf->len)
		return 0;
	text = evbuffer_new();
	if (!text || evbuffer_add(text, buf->data, buf->len)) {
		if (text)
			evbuffer_free(text);
		return -ENOMEM;
	}
	if (!queued(stream)) {
		conn->since = http_now();
		conns_due(conn->http, conn->since + conn->http->times.request_ms);
	}
	evhttp_send_reply_chunk_with_cb(stream->ev, text, on_drained, stream);
	/* See send_reply(): who says no more has not gone. */
	bufferevent_disable(conn->bev, EV_READ);
	evbuffer_free(text);
	return 0;
}

/* What is so now; after a loss, which is said first. */
static int send_states(struct http_stream *stream, const struct pvk_drivers *list, bool lost)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(STATES_MAX);
	size_t i;
	int ret;

	/* The first part's: of what changed while it was read, better twice than never. */
	stream->has_generation = list->count > 0;
	if (list->count)
		stream->generation = list->item[0].generation;
	if (lost)
		put_overrun(&buf, stream->generation);
	for (i = 0; i < list->count; i++) {
		const struct pvk_driver *driver = &list->item[i];

		if (!stream->only[0] || !strcmp(stream->only, driver->alias))
			put_driver(&buf, "state", driver->alias, driver->type, driver->state,
				   driver->generation);
	}
	ret = send_text(stream, &buf);
	stream->room = queued(stream) + HTTP_STREAM_QUEUE;
	return ret;
}

static void tell_anew(struct http_stream *stream)
{
	const struct http_kernel *kernel = http_kernel(stream->conn->http);
	struct pvk_drivers list = { 0 };
	struct pvk_err err;
	int ret;

	stream->behind = false;
	ret = kernel->drivers(kernel->arg, stream->peer.id, &list, &err);
	if (!ret)
		ret = send_states(stream, &list, true);
	pvk_drivers_free(&list);
	if (ret)
		stream_end(stream);
}

static void on_drained(struct evhttp_connection *evcon, void *arg)
{
	struct http_stream *stream = arg;

	(void)evcon;
	stream->room = HTTP_STREAM_QUEUE;
	if (stream->behind)
		tell_anew(stream);
}

static bool wants(const struct http_stream *stream, const struct pvk_event *event)
{
	if (stream->only[0] && strcmp(stream->only, event->alias))
		return false;
	if (stream->has_generation && (int32_t)(event->generation - stream->generation) <= 0)
		return false;
	return is_host(stream) || find_name(stream, event->alias);
}

static void tell(struct http_stream *stream, const struct pvk_event *event)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(FRAME_MAX);
	const struct stream_name *name = find_name(stream, event->alias);
	uint32_t state = event->state;

	if (!wants(stream, event))
		return;
	if (event->kind == PV_DRIVER_EVENT_KIND_DEL)
		state = PV_DRIVER_STATE_UNKNOWN;
	put_driver(&buf, pvk_event_kind_name(event->kind), event->alias, name ? name->type : -1,
		   state, event->generation);
	if (stream->behind || queued(stream) + buf.len > stream->room)
		stream->behind = true;
	else if (send_text(stream, &buf))
		stream_end(stream);
}

void streams_event(struct http *http, const struct pvk_event *event)
{
	struct http_stream *stream, *next;

	for (stream = TAILQ_FIRST(&http->streams->list); stream; stream = next) {
		next = TAILQ_NEXT(stream, link);
		tell(stream, event);
	}
}

void streams_overrun(struct http *http)
{
	struct http_stream *stream, *next;

	for (stream = TAILQ_FIRST(&http->streams->list); stream; stream = next) {
		next = TAILQ_NEXT(stream, link);
		/* What it has not taken yet comes first. */
		if (queued(stream))
			stream->behind = true;
		else
			tell_anew(stream);
	}
}

/* ---- whether it goes on ---- */

static bool is_same(struct http_stream *stream)
{
	const struct pvk_peer *peer = &stream->conn->peer;

	return !conn_identify(stream->conn) && peer->kind == stream->peer.kind &&
	       peer->id == stream->peer.id;
}

void streams_identify(struct http *http)
{
	struct http_stream *stream, *next;

	for (stream = TAILQ_FIRST(&http->streams->list); stream; stream = next) {
		next = TAILQ_NEXT(stream, link);
		if (!is_same(stream))
			stream_end(stream);
	}
}

/* The connection may be gone afterwards. */
int64_t stream_tick(struct http_conn *conn, int64_t now)
{
	const struct http_times times = conn->http->times;
	struct http_stream *stream = conn->stream;
	struct pvk_buf ping = { .data = ": ping\n\n", .len = 8 };
	int64_t stuck = conn->since + times.request_ms;

	if (queued(stream) && stuck <= now) {
		conn_drop(conn);
		return INT64_MAX;
	}
	if (stream->next_ping > now)
		return queued(stream) && stuck < stream->next_ping ? stuck : stream->next_ping;
	stream->next_ping = now + times.ping_ms;
	if (!is_same(stream) || (!queued(stream) && send_text(stream, &ping)))
		stream_end(stream);
	return now + times.ping_ms;
}

/* ---- its begin ---- */

static bool has_room(const struct http_request *request)
{
	const struct http *http = request->http;
	unsigned int most = http->conns.max_streams, same = 0;
	const struct http_stream *stream;

	if (request->caller.host)
		return http->streams->count < most;
	TAILQ_FOREACH(stream, &http->streams->list, link)
		same += !is_host(stream) && stream->peer.id == request->peer->id;
	return http->streams->count < most - most * HTTP_STREAMS_RESERVE / HTTP_STREAMS_MAX &&
	       same < HTTP_STREAMS_PEER_MAX;
}

static struct http_stream *stream_new(struct http_request *request, const char *only,
				      const struct pvk_drivers *list)
{
	struct http_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->conn = request->conn;
	stream->ev = request->ev;
	stream->peer = *request->peer;
	stream->next_ping = http_now() + request->http->times.ping_ms;
	if (only)
		strcpy(stream->only, only);
	stream->hangup = event_new(request->http->base, request->conn->fd,
				   EV_READ | EV_PERSIST, on_hangup, stream);
	if (!stream->hangup || event_add(stream->hangup, NULL) || keep_names(stream, list)) {
		if (stream->hangup)
			event_free(stream->hangup);
		free(stream);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&request->http->streams->list, stream, link);
	request->http->streams->count++;
	return stream;
}

static void stream_start(struct http_stream *stream, const struct pvk_drivers *list)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(stream->ev);

	evhttp_add_header(headers, "Content-Type", "text/event-stream");
	evhttp_add_header(headers, "Cache-Control", "no-cache");
	/* With the stream the connection ends; in HTTP/1.0 nothing else says so. */
	evhttp_remove_header(evhttp_request_get_input_headers(stream->ev), "Connection");
	evhttp_add_header(headers, "Connection", "close");
	conn_set_stream(stream->conn, stream);
	conns_due(stream->conn->http, stream->next_ping);
	evhttp_send_reply_start(stream->ev, 200, http_phrase(200));
	bufferevent_disable(stream->conn->bev, EV_READ);
	if (send_states(stream, list, false))
		stream_end(stream);
}

void events_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	const char *only = http_query(request, "driver");
	struct pvk_drivers list = { 0 };
	struct http_stream *stream;
	struct pvk_driver driver;
	struct pvk_err err = { .text = "" };
	int ret;

	if (only) {
		if (!driver_look_up(request, only, &driver))
			return;
		pvk_driver_free(&driver);
	}
	if (!has_room(request)) {
		http_reply_error(request->ev, 503, "too many streams of events");
		return;
	}
	ret = kernel->drivers(kernel->arg, request->peer->id, &list, &err);
	if (ret) {
		driver_lookup_error(request, ret, &err);
		return;
	}
	stream = stream_new(request, only, &list);
	if (stream)
		stream_start(stream, &list);
	else
		http_reply_error(request->ev, 500, "out of memory");
	pvk_drivers_free(&list);
}
