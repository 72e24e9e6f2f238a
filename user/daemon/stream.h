/* SPDX-License-Identifier: MIT */
/*
 * stream - answers without an end: text/event-stream
 *
 * A stream begins with how all is, so a client that comes again needs to tell nothing of
 * what it has heard. One that reads too slowly loses events, is told so, and hears again
 * how all is: it never holds more memory than a reader that is asleep may.
 *
 * What it is about is its kind's, a file for each: events_ep.c has drivers, union_ep.c
 * the RAM over the root.
 */
#ifndef PVKITD_STREAM_H
#define PVKITD_STREAM_H

#include "http_int.h"

#define STREAM_FRAME_MAX	1024

struct stream_kind {
	/* Sends how all is now; lost: and before it, that events were left out. */
	int (*tell_all)(struct http_stream *stream, bool lost);
	/* Of what is the kind's own. */
	void (*free)(void *own);
};

struct http_stream {
	TAILQ_ENTRY(http_stream) link;
	const struct stream_kind *kind;
	void *own;			/* the kind's */
	struct http_conn *conn;
	struct evhttp_request *ev;
	struct event *hangup;
	struct pvk_peer peer;		/* who asked for it; nobody else gets it */
	uint32_t generation;		/* all up to this one was told, if it is known */
	bool has_generation;
	bool begun;			/* evhttp knows what to call when all is sent */
	bool behind;			/* events were left out: the client does not read */
	size_t room;			/* bytes that may wait for it */
	int64_t next_ping;
};

bool stream_is_host(const struct http_stream *stream);
/* Answers 503 where there are too many already. */
bool stream_has_room(struct http_request *request);
/*
 * Answers with the head of a stream, or an error. Takes own over. NULL: there is none. The
 * caller goes on with how all is.
 */
struct http_stream *stream_start(struct http_request *request, const struct stream_kind *kind,
				 void *own);
/* From our side. The connection may be gone afterwards. */
void stream_end(struct http_stream *stream);

/* "event: KIND", "id: GENERATION", "data: {...}"; out is empty afterwards. */
void stream_frame(struct pvk_buf *buf, const char *kind, uint32_t generation,
		  struct json_out *out);
void stream_overrun_frame(struct pvk_buf *buf, uint32_t generation);
/* How all is, which may be longer than what may wait otherwise. */
int stream_send_all(struct http_stream *stream, const struct pvk_buf *buf);
/* One event: told now, or counted as left out. The stream may be gone afterwards. */
void stream_tell(struct http_stream *stream, const struct pvk_buf *buf);
/* Calls it for each of that kind, which may end it. */
void streams_each(struct http *http, const struct stream_kind *kind,
		  void (*fn)(struct http_stream *stream, void *arg), void *arg);
/* Events of that kind were lost: tells each how all is. */
void streams_anew(struct http *http, const struct stream_kind *kind);

#endif /* PVKITD_STREAM_H */
