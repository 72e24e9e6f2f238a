/* SPDX-License-Identifier: MIT */
/*
 * conn - pv-ctrl connections: who is at their other end, how many there may
 * be, and how long each may take
 */
#ifndef PVKITD_CONN_H
#define PVKITD_CONN_H

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/queue.h>

#include "config.h"
#include "framing.h"
#include "http.h"

enum conn_state {
	CONN_READING,		/* waits for a request, or for the rest of it */
	CONN_HANDLED,		/* evhttp has a request whole; its answer is ours to make */
	CONN_WRITING,		/* the answer is on its way */
	CONN_STREAM,		/* GET /drivers/events: it has no end of its own */
};

struct http_stream;

/* A connection; found by its file descriptor. */
struct http_conn {
	LIST_ENTRY(http_conn) link;
	struct http *http;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;	/* NULL: not known yet */
	struct event *soon;	/* once accepted; and when evhttp answers by itself */
	struct http_stream *stream;
	struct pvk_peer peer;
	uint64_t who;		/* the peer is as it was found at this count of changes */
	int64_t since;		/* ms: of the state, or of a stream's last progress */
	enum conn_state state;
	unsigned int route;	/* of the request that is handled */
	int fd;
	int listener_fd;
	bool refused;		/* with an answer in evhttp's place, after which it ends */
	struct framing framing;	/* of all that has come so far */
	unsigned int handled;	/* requests that evhttp has handed out */
	char head[24];		/* what the present request began with */
	size_t n_head;
};

struct http_listener {
	struct http *http;
	struct evhttp *evhttp;
	struct evconnlistener *lev;
	int fd;
};

/* All connections of a server. */
struct http_conns {
	LIST_HEAD(conn_list, http_conn) list;
	struct http_conn **by_fd;
	size_t size;
	unsigned int count;		/* streams, which are bounded apart, left out */
	unsigned int max;
	unsigned int max_streams;
	unsigned int reserve;		/* of max: for the host alone */
	bool paused;			/* as many as there may be */
	struct event *timer;		/* for the connection that is due first */
	int64_t timer_at;		/* ms; 0: not set */
};

int conns_init(struct http *http);
void conns_free(struct http *http);

/* For evhttp: makes the connection that it is about to accept; arg: the listener. */
struct bufferevent *conn_new(struct event_base *base, void *arg);
struct http_conn *conn_of(struct http *http, struct evhttp_request *ev);
/* What is wrong with the frame of the first n requests, or NULL. */
const char *conn_fault(const struct http_conn *conn, unsigned int n);
/* Finds out who the peer is, unless it is known still. Unknown if it can't. */
int conn_identify(struct http_conn *conn);
/* Turns the request's connection into one that is not counted as others are, or back. */
void conn_set_stream(struct http_conn *conn, struct http_stream *stream);
/* Closes it, now. */
void conn_drop(struct http_conn *conn);
/* Something is due at that time (ms) at the latest. */
void conns_due(struct http *http, int64_t at);

/* refuse.c: evhttp has put an answer of its own into conn's output; takes its place. */
void conn_refuse(struct http_conn *conn);

/* Milliseconds of a coarse clock that nobody sets. */
int64_t http_now(void);

#endif /* PVKITD_CONN_H */
