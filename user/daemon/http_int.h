/* SPDX-License-Identifier: MIT */
/*
 * http_int - what http.c and the endpoints share
 */
#ifndef PVKITD_HTTP_INT_H
#define PVKITD_HTTP_INT_H

#include <event2/http.h>

#include "http.h"
#include "query.h"

struct http_calls;

/* One request, as a handler sees it; gone when the handler returns. */
struct http_request {
	struct http *http;
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

/* Answers; each is the last thing done with the request. */
void http_reply_empty(struct evhttp_request *ev, int status);
void http_reply_json(struct evhttp_request *ev, int status, struct json_out *out);
void http_reply_error(struct evhttp_request *ev, int status, const char *fmt, ...)
	PVK_PRINTF(3, 4);
/* The same, and nothing more is read from the connection. */
void http_reply_close(struct evhttp_request *ev, int status, const char *text);

/*
 * framing.c: what is wrong with the request's version, header names and the headers
 * that say where its body ends, or NULL. After such a request nobody knows where the
 * next one begins.
 */
const char *http_framing_fault(struct evhttp_request *ev);

/* The first value of a query parameter, or NULL. */
const char *http_query(const struct http_request *request, const char *name);

/* drivers_ep.c */
void drivers_get(struct http_request *request);
void drivers_put_all(struct http_request *request);
void drivers_put_one(struct http_request *request);

/* meta_ep.c */
void meta_get(struct http_request *request);
void meta_put(struct http_request *request);
void meta_delete(struct http_request *request);

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

/* What the kernel's refusal, or an outcome's errno, is on the wire. */
int http_status_of_refusal(int error);
int http_status_of_outcome(int error);

#endif /* PVKITD_HTTP_INT_H */
