// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <poll.h>
#include <string.h>

#include "stream.h"

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

bool stream_is_host(const struct http_stream *stream)
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
	stream->kind->free(stream->own);
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

void stream_end(struct http_stream *stream)
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

void stream_frame(struct pvk_buf *buf, const char *kind, uint32_t generation,
		  struct json_out *out)
{
	pvk_auto_free char *text = NULL;

	if (json_out_take(out, &text, NULL))
		return;
	pvk_buf_printf(buf, "event: %s\nid: %u\ndata: %s\n\n", kind, generation, text);
}

void stream_overrun_frame(struct pvk_buf *buf, uint32_t generation)
{
	json_auto_out struct json_out out;

	json_out_init(&out, STREAM_FRAME_MAX);
	json_out_object(&out);
	json_out_pair_uint(&out, "generation", generation);
	json_out_end(&out);
	stream_frame(buf, "overrun", generation, &out);
}

static size_t queued(const struct http_stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(stream->conn->bev));
}

static void on_drained(struct evhttp_connection *evcon, void *arg);

/*
 * Behind what waits already, in the room that its last piece has left: evhttp would
 * take a KiB for each chunk, and for what waits several times its length.
 */
static int append_text(struct http_stream *stream, const struct pvk_buf *buf)
{
	struct evbuffer *out = bufferevent_get_output(stream->conn->bev);

	if ((stream->ev->chunked && evbuffer_add_printf(out, "%zx\r\n", buf->len) < 0) ||
	    evbuffer_add(out, buf->data, buf->len) ||
	    (stream->ev->chunked && evbuffer_add(out, "\r\n", 2)))
		return -ENOMEM;
	return 0;
}

static int send_text(struct http_stream *stream, const struct pvk_buf *buf)
{
	struct http_conn *conn = stream->conn;
	struct evbuffer *text;

	if (buf->err)
		return buf->err;
	if (!buf->len)
		return 0;
	if (stream->begun && queued(stream))
		return append_text(stream, buf);
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
	stream->begun = true;
	/* See send_reply(): who says no more has not gone. */
	bufferevent_disable(conn->bev, EV_READ);
	evbuffer_free(text);
	return 0;
}

int stream_send_all(struct http_stream *stream, const struct pvk_buf *buf)
{
	int ret = send_text(stream, buf);

	stream->room = queued(stream) + HTTP_STREAM_QUEUE;
	return ret;
}

static void tell_anew(struct http_stream *stream)
{
	stream->behind = false;
	if (stream->kind->tell_all(stream, true))
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

void stream_tell(struct http_stream *stream, const struct pvk_buf *buf)
{
	if (stream->behind || queued(stream) + buf->len > stream->room)
		stream->behind = true;
	else if (send_text(stream, buf))
		stream_end(stream);
}

void streams_each(struct http *http, const struct stream_kind *kind,
		  void (*fn)(struct http_stream *stream, void *arg), void *arg)
{
	struct http_stream *stream, *next;

	for (stream = TAILQ_FIRST(&http->streams->list); stream; stream = next) {
		next = TAILQ_NEXT(stream, link);
		if (stream->kind == kind)
			fn(stream, arg);
	}
}

static void anew(struct http_stream *stream, void *arg)
{
	(void)arg;
	/* What it has not taken yet comes first. */
	if (queued(stream))
		stream->behind = true;
	else
		tell_anew(stream);
}

void streams_anew(struct http *http, const struct stream_kind *kind)
{
	streams_each(http, kind, anew, NULL);
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
		same += !stream_is_host(stream) && stream->peer.id == request->peer->id;
	return http->streams->count < most - most * HTTP_STREAMS_RESERVE / HTTP_STREAMS_MAX &&
	       same < HTTP_STREAMS_PEER_MAX;
}

bool stream_has_room(struct http_request *request)
{
	if (has_room(request))
		return true;
	http_reply_error(request->ev, 503, "too many streams of events");
	return false;
}

static struct http_stream *stream_new(struct http_request *request,
				      const struct stream_kind *kind, void *own)
{
	struct http_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->kind = kind;
	stream->own = own;
	stream->conn = request->conn;
	stream->ev = request->ev;
	stream->peer = *request->peer;
	stream->next_ping = http_now() + request->http->times.ping_ms;
	stream->hangup = event_new(request->http->base, request->conn->fd,
				   EV_READ | EV_PERSIST, on_hangup, stream);
	if (!stream->hangup || event_add(stream->hangup, NULL)) {
		if (stream->hangup)
			event_free(stream->hangup);
		free(stream);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&request->http->streams->list, stream, link);
	request->http->streams->count++;
	return stream;
}

struct http_stream *stream_start(struct http_request *request, const struct stream_kind *kind,
				 void *own)
{
	struct http_stream *stream = stream_new(request, kind, own);
	struct evkeyvalq *headers;

	if (!stream) {
		kind->free(own);
		http_reply_error(request->ev, 500, "out of memory");
		return NULL;
	}
	headers = evhttp_request_get_output_headers(stream->ev);
	evhttp_add_header(headers, "Content-Type", "text/event-stream");
	evhttp_add_header(headers, "Cache-Control", "no-cache");
	/* With the stream the connection ends; in HTTP/1.0 nothing else says so. */
	evhttp_remove_header(evhttp_request_get_input_headers(stream->ev), "Connection");
	evhttp_add_header(headers, "Connection", "close");
	conn_set_stream(stream->conn, stream);
	conns_due(stream->conn->http, stream->next_ping);
	evhttp_send_reply_start(stream->ev, 200, http_phrase(200));
	bufferevent_disable(stream->conn->bev, EV_READ);
	return stream;
}
