// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdio.h>
#include <string.h>

#include "http_int.h"

const char *http_phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 417: return "Expectation Failed";
	case 429: return "Too Many Requests";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 507: return "Insufficient Storage";
	default: return "Internal Server Error";
	}
}

/*
 * evhttp would take the end of what the client sends for its departure. Who
 * says no more after a request, as `nc -N` does, wants its answer all the
 * same; who is really gone is noticed by writing.
 */
static void send_reply(struct evhttp_request *ev, int status)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	struct evbuffer *body = evhttp_request_get_output_buffer(ev);
	char length[24];

	if (!evhttp_find_header(evhttp_request_get_output_headers(ev), "Content-Type"))
		evhttp_add_header(evhttp_request_get_output_headers(ev), "Content-Type",
				  "application/json");
	/* evhttp would send it, and the client take it for the next answer's begin. */
	if (evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD) {
		snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
		evhttp_add_header(evhttp_request_get_output_headers(ev), "Content-Length",
				  length);
		evbuffer_drain(body, evbuffer_get_length(body));
	}
	evhttp_send_reply(ev, status, http_phrase(status), NULL);
	if (evcon)
		bufferevent_disable(evhttp_connection_get_bufferevent(evcon), EV_READ);
}

/* With a type too, or evhttp would call nothing at all text/html. */
void http_reply_empty(struct evhttp_request *ev, int status)
{
	send_reply(ev, status);
}

void http_reply_shared(struct evhttp_request *ev, int status, const char *text, size_t len,
		       void (*release)(const void *text, size_t len, void *arg), void *arg)
{
	struct evbuffer *body = evhttp_request_get_output_buffer(ev);

	if (evbuffer_add_reference(body, text, len, release, arg)) {
		if (release)
			release(text, len, arg);
		status = 500;
	}
	send_reply(ev, status);
}

static void free_text(const void *text, size_t len, void *arg)
{
	(void)len;
	(void)arg;
	free((void *)text);
}

void http_reply_json(struct evhttp_request *ev, int status, struct json_out *out)
{
	static const char oom[] = "{\"Error\":\"out of memory\"}";
	static const char large[] = "{\"Error\":\"the answer is too large\"}";
	char *text;
	size_t len;
	int ret;

	ret = json_out_take(out, &text, &len);
	if (!ret)
		http_reply_shared(ev, status, text, len, free_text, NULL);
	else if (ret == -ENOSPC)
		http_reply_shared(ev, 500, large, sizeof(large) - 1, NULL, NULL);
	else
		http_reply_shared(ev, 500, oom, sizeof(oom) - 1, NULL, NULL);
}

void http_put_error(struct json_out *out, const char *text)
{
	json_out_object(out);
	json_out_pair_str(out, "Error", text);
	json_out_end(out);
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
	http_put_error(&out, text ? text : "out of memory");
	http_reply_json(ev, status, &out);
}

void http_reply_close(struct evhttp_request *ev, int status, const char *text)
{
	/* The connection of a CONNECT evhttp does not close, nor tell its answer's length. */
	if (ev->type == EVHTTP_REQ_CONNECT)
		ev->type = EVHTTP_REQ_GET;
	/* It answers in the version that was asked in. */
	if (ev->major != 1 || ev->minor > 1) {
		ev->major = 1;
		ev->minor = 1;
	}
	evhttp_add_header(evhttp_request_get_output_headers(ev), "Connection", "close");
	http_reply_error(ev, status, "%s", text);
}
