// SPDX-License-Identifier: MIT
/*
 * refuse - answers to what evhttp can make nothing of
 *
 * It refuses what is no HTTP, what is too large, and expectations that it does
 * not know, with pages of its own that clients of pv-ctrl can't read, and has
 * no hook for it. But it writes them as all answers: into the connection's
 * output, of which we hear. Before it gets to the socket, ours takes its place.
 */
#include <event2/buffer.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "http_int.h"

/* Long enough for "HTTP/1.1 413 ". */
#define STATUS_LINE	13

struct refusal {
	int status;
	char text[96];
};

static bool for_metadata(const struct http_conn *conn)
{
	return !strncmp(conn->head, "PUT /user-meta/", 15) ||
	       !strncmp(conn->head, "PUT /device-meta/", 17);
}

static void too_large(const struct http_conn *conn, struct refusal *refusal)
{
	const struct pvk_caller caller = {
		.host = conn->peer.kind == PV_DRIVER_PEER_HOST,
		.mgmt = conn->peer.roles & PV_DRIVER_ROLE_MGMT,
		.name = conn->peer.container,
	};

	if (!for_metadata(conn)) {
		refusal->status = 413;
		snprintf(refusal->text, sizeof(refusal->text),
			 "the body is larger than %d bytes", HTTP_BODY_MAX);
	} else if (!pvk_meta_may_write(&caller)) {
		refusal->status = 403;
		strcpy(refusal->text, "this needs the role mgmt");
	} else {
		refusal->status = 507;
		snprintf(refusal->text, sizeof(refusal->text),
			 "the body is larger than %d bytes", PVK_META_VALUE_MAX);
	}
}

/* In the order in which a handler would have said it. */
static void choose(struct http_conn *conn, int status, struct refusal *refusal)
{
	const char *fault = conn_fault(conn, conn->handled + 1);

	refusal->status = status;
	if (conn_identify(conn) || conn->peer.kind == PV_DRIVER_PEER_UNKNOWN) {
		refusal->status = 403;
		strcpy(refusal->text, "the caller is in no known container");
	} else if (fault) {
		refusal->status = 400;
		snprintf(refusal->text, sizeof(refusal->text), "%s", fault);
	} else if (status == 413) {
		too_large(conn, refusal);
	} else if (status == 417) {
		strcpy(refusal->text, "nothing but 100-continue can be expected");
	} else {
		refusal->status = 400;
		snprintf(refusal->text, sizeof(refusal->text),
			 "no HTTP request, or its head is larger than %d bytes",
			 HTTP_HEADERS_MAX);
	}
}

static void put_answer(struct evbuffer *out, const struct refusal *refusal)
{
	json_auto_out struct json_out json;
	pvk_auto_free char *body = NULL;
	char date[64];
	size_t len;

	json_out_init(&json, sizeof(refusal->text) * 2);
	http_put_error(&json, refusal->text);
	if (json_out_take(&json, &body, &len))
		len = 0;
	evutil_date_rfc1123(date, sizeof(date), NULL);
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nDate: %s\r\n"
			    "Content-Length: %zu\r\nConnection: close\r\n\r\n", refusal->status,
			    http_phrase(refusal->status), date, len);
	evbuffer_add(out, body, len);
}

/* Which status evhttp has chosen. */
static int read_status(struct evbuffer *out)
{
	char line[STATUS_LINE + 1] = "";
	int status;

	/* From the first write on a bufferevent keeps others from looking, too. */
	evbuffer_unfreeze(out, 1);
	if (evbuffer_copyout(out, line, STATUS_LINE) < STATUS_LINE ||
	    sscanf(line, "HTTP/%*d.%*d %d", &status) != 1)
		status = 400;
	evbuffer_freeze(out, 1);
	return status;
}

void conn_refuse(struct http_conn *conn)
{
	struct evbuffer *out = bufferevent_get_output(conn->bev);
	int status = read_status(out);
	struct refusal refusal;

	/* Not an answer yet: it tells the client to go on. */
	if (status == 100) {
		conn->state = CONN_READING;
		return;
	}
	http_refresh(conn->http);
	choose(conn, status, &refusal);
	/* A bufferevent keeps others from taking what it is about to write. */
	evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, evbuffer_get_length(out));
	evbuffer_freeze(out, 1);
	put_answer(out, &refusal);
	conn->refused = true;
	metrics_count(conn->http->metrics, HTTP_ROUTE_NONE, refusal.status);
	/* The rest of what was refused is not read, nor is it awaited. */
	bufferevent_disable(conn->bev, EV_READ);
	conn->since = http_now();
	conns_due(conn->http, conn->since + conn->http->times.request_ms);
}
