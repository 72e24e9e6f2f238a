/* SPDX-License-Identifier: MIT */
/*
 * http_int - what http.c and the endpoints share
 */
#ifndef PVKITD_HTTP_INT_H
#define PVKITD_HTTP_INT_H

#include <event2/http.h>

#include "conn.h"
#include "http.h"
#include "query.h"
#include "waiting.h"

struct http_calls;
struct http_controls;
struct http_flags;
struct http_metas;
struct http_metrics;
struct http_streams;
struct http_views;

struct http {
	struct event_base *base;
	struct http_kernel kernel;
	struct http_times times;
	struct pvk_meta *user_meta;
	struct pvk_meta *device_meta;
	struct http_calls *calls;
	struct http_controls *controls;
	struct http_flags *flags;
	struct http_metas *metas;	/* NULL: there is no store */
	struct http_metrics *metrics;
	struct http_views *views;
	struct http_streams *streams;
	struct http_listener listener[CONFIG_SOCKETS_MAX];
	unsigned int n_listeners;
	struct http_conns conns;
	uint64_t who;			/* counts changes of who is who, from 1 */
	bool closing;
};

/* One request, as a handler sees it; gone when the handler returns. */
struct http_request {
	struct http *http;
	struct http_conn *conn;
	struct evhttp_request *ev;
	const struct pvk_peer *peer;
	enum evhttp_cmd_type method;
	char *seg[3];		/* of the path, decoded */
	unsigned int n_seg;
	struct query query;
	struct pvk_caller caller;	/* for metadata */
};

const struct http_kernel *http_kernel(struct http *http);
struct http_calls *http_calls(struct http *http);
struct pvk_meta *http_meta(struct http *http, bool device);

/* Reads the kernel's events; what is kept after that is true. */
void http_refresh(struct http *http);

/* reply.c: answers; each is the last thing done with the request. */
void http_reply_empty(struct evhttp_request *ev, int status);
void http_reply_json(struct evhttp_request *ev, int status, struct json_out *out);
void http_reply_error(struct evhttp_request *ev, int status, const char *fmt, ...)
	PVK_PRINTF(3, 4);
/* The same, and nothing more is read from the connection. */
void http_reply_close(struct evhttp_request *ev, int status, const char *text);
/* JSON that release(text, len, arg) ends the use of. */
void http_reply_shared(struct evhttp_request *ev, int status, const char *text, size_t len,
		       void (*release)(const void *text, size_t len, void *arg), void *arg);
const char *http_phrase(int status);
/* {"Error":"text"} */
void http_put_error(struct json_out *out, const char *text);

/* For the host and the role mgmt: false, and answered, for anybody else. */
bool http_may_manage(struct http_request *request);

/* The first value of a query parameter, or NULL. */
const char *http_query(const struct http_request *request, const char *name);

/* drivers_ep.c */
void drivers_get(struct http_request *request);
void drivers_put_all(struct http_request *request);
void drivers_put_one(struct http_request *request);
const char *driver_upper_type(int type);
const char *driver_upper_state(uint32_t state);
/* Answers what went wrong before there was anything to load or list. */
void driver_lookup_error(struct http_request *request, int ret, const struct pvk_err *err);

/* driver_ep.c */
void driver_get(struct http_request *request);
/* Asks for a driver as the caller sees it; false: it can't, and that was answered. */
bool driver_look_up(struct http_request *request, const char *alias, struct pvk_driver *driver);

/* meta_ep.c */
void meta_get(struct http_request *request);
void meta_put(struct http_request *request);
void meta_delete(struct http_request *request);

#define METAS_MAX		64	/* that wait for the disk; what is above: 503 */
#define METAS_PER_PEER_MAX	16	/* of one container */
#define METAS_HOST_RESERVE	8	/* the host's */

struct http_metas *metas_new(struct event_base *base, const struct http_kernel *kernel);
/* Waits for what is being read or written; the rest is dropped without an answer. */
void metas_free(struct http_metas *metas);
/* The connection is going away; what it asked for is done, but not answered any more. */
void metas_forget(struct http_metas *metas, struct evhttp_connection *evcon);
/* What is not answered yet. */
unsigned int metas_count(const struct http_metas *metas);

/* bootflags_ep.c: /bootflags, and the sets under way until their outcomes have come */
#define FLAG_SETS_MAX		64	/* what is above is refused with 503 */
#define FLAG_SETS_PER_PEER_MAX	4	/* of one container */
#define FLAG_SETS_HOST_RESERVE	8	/* the host's */

void bootflags_get(struct http_request *request);
void bootflag_get(struct http_request *request);
void bootflag_put(struct http_request *request);
void bootflag_delete(struct http_request *request);
struct http_flags *flags_new(struct http *http);
void flags_free(struct http_flags *flags);
bool flags_idle(const struct http_flags *flags);
/* The HTTP status for a positive errno of pv_bootflag's. */
int flags_status(int error);
/*
 * Sets a mode in each store that lists it, else in the first that takes any. Returns in
 * how many: controls_mode_set() hears of each later, with `reboot`. A negative errno:
 * not all of them could be asked.
 */
int flags_set_mode(struct http_request *request, const char *mode, uint32_t reboot,
		   struct pvk_err *err);
void flags_outcome(struct http_flags *flags, const struct pvk_bf_outcome *outcome);
/* There is no outcome to come any more. */
void flags_gone(struct http_flags *flags);
/* The connection is going away; its request must not be answered any more. */
void flags_forget(struct http_flags *flags, struct evhttp_connection *evcon);

/* control_ep.c: /control, and the verbs under way until they are answered for */
#define CONTROLS_MAX		16	/* what is above is refused with 503 */
#define CONTROLS_PER_PEER_MAX	2	/* of one container */
#define CONTROLS_HOST_RESERVE	4	/* the host's */

void control_reboot_put(struct http_request *request);
void control_blink_put(struct http_request *request);
void control_ping_get(struct http_request *request);
struct http_controls *controls_new(struct http *http);
void controls_free(struct http_controls *controls);
bool controls_idle(const struct http_controls *controls);
void controls_answer(struct http_controls *controls, const struct control_answer *answer);
/* What became of one of the sets of flags_set_mode(); error: a positive errno, or 0. */
void controls_mode_set(struct http_controls *controls, uint32_t reboot, const char *store,
		       int error, const char *text);
/* The connection is going away; its request must not be answered any more. */
void controls_forget(struct http_controls *controls, struct evhttp_connection *evcon);

/* metrics_ep.c: GET /metrics, and what is counted for it */
#define HTTP_ROUTES_MAX		32
#define HTTP_ROUTE_NONE		HTTP_ROUTES_MAX	/* what no endpoint answered */

void metrics_get(struct http_request *request);
struct http_metrics *metrics_new(void);
void metrics_free(struct http_metrics *metrics);
/* A request has been answered. */
void metrics_count(struct http_metrics *metrics, unsigned int route, int status);
/* "GET" (of 8 bytes) and "/drivers/{name}"; false if there is no such route. */
bool http_route_text(unsigned int route, char *method, char *path, size_t size);

/* union_ep.c: GET /union, GET /union/events */
void union_get(struct http_request *request);
void union_events_get(struct http_request *request);

/* events_ep.c: GET /drivers/events */
void events_get(struct http_request *request);
/* Something happened to a driver. */
void streams_event(struct http *http, const struct pvk_event *event);
/* It is not known what. */
void streams_overrun(struct http *http);

/* stream.c: what streams of events have in common; stream.h has the rest */
struct http_streams *streams_new(void);
void streams_free(struct http_streams *streams);
unsigned int streams_count(const struct http_streams *streams);
/* Who is who has changed: ends what must not go on. */
void streams_identify(struct http *http);
/* The connection is going away. */
void stream_forget(struct http_conn *conn);
/* Something may be due; the time at which something is. */
int64_t stream_tick(struct http_conn *conn, int64_t now);

/*
 * view.c: GET /drivers as it was rendered last for each container, by id (0:
 * all drivers, for the host); the least recently asked for go first.
 */
struct http_view;

struct http_views *views_new(size_t max_bytes);
void views_free(struct http_views *views);
/* Forgets all. */
void views_flush(struct http_views *views);
/* NULL if there is none. */
struct http_view *view_find(struct http_views *views, uint64_t id);
/* Keeps what was written to out, which is empty afterwards; NULL, and out as it was: it can't. */
struct http_view *view_add(struct http_views *views, uint64_t id, struct json_out *out);
void view_reply(struct http_view *view, struct evhttp_request *ev);

/*
 * call.c: loads and unloads under way, each one HTTP request's, until their
 * outcomes have come, and the devices that were waited for.
 */
#define CALLS_MAX		512	/* what is above is refused with 503 */
#define CALLS_PER_PEER_MAX	16	/* of one container */
#define TIMEOUT_DEFAULT_MS	60000	/* of a kernel that did not say */

struct http_calls *calls_new(struct event_base *base, const struct http_kernel *kernel);
void calls_free(struct http_calls *calls);
int calls_watch_devices(struct http_calls *calls, const struct device_fds *fds);

struct call_order {
	uint32_t op;			/* enum pv_driver_op */
	uint64_t container_id;		/* on whose behalf; 0: the host */
	uint32_t timeout_ms;		/* of all together; 0: the kernel's default for each */
	bool async;			/* answer 202 as soon as the kernel has taken the first */
	enum device_kind wait;		/* after a load, for a device of each driver */
	char (*alias)[PVK_ALIAS_SIZE];	/* one after the other; malloc'ed, taken over */
	size_t count;
};

/* Carries it out and answers ev, now or later. */
void call_start(struct http_calls *calls, struct evhttp_request *ev,
		const struct call_order *order);
void calls_outcome(struct http_calls *calls, const struct pvk_outcome *outcome);
/* The connection is going away; its request must not be answered any more. */
void calls_forget(struct http_calls *calls, struct evhttp_connection *evcon);

struct calls_count {
	unsigned int queued, in_flight, watching;
};

void calls_count(const struct http_calls *calls, struct calls_count *count);

/* What the kernel's refusal, or an outcome's errno, is on the wire. */
int http_status_of_refusal(int error);
int http_status_of_outcome(int error);

#endif /* PVKITD_HTTP_INT_H */
