// SPDX-License-Identifier: MIT
/*
 * Where a request ends. evhttp takes the first of two lengths, passes over a
 * Transfer-Encoding that it does not know, reads a number as strtoll() does, and
 * leaves the body of a GET where the next request should be. Whoever stands before
 * pvkitd and reads it in another way would let a client's body become a request of
 * somebody else's: what can be read in two ways is refused here, as RFC 9112, 6.3
 * has it, and its connection is closed.
 */
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "http_int.h"

/* The length of what fits into 64 bits for certain. */
#define LENGTH_DIGITS_MAX	18

/* RFC 9110's token, of which a space before the colon is none. */
static bool is_token(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (!pvk_isalnum((unsigned char)name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i]))
			return false;
	return i > 0;
}

static bool is_length(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= LENGTH_DIGITS_MAX && !text[digits];
}

static const char *version_fault(struct evhttp_request *ev)
{
	if (ev->major == 1 && (ev->minor == 0 || ev->minor == 1))
		return NULL;
	/* The answer's version is the request's. */
	ev->major = 1;
	ev->minor = 1;
	return "this is HTTP/1.0 and HTTP/1.1";
}

/* Those whose body evhttp reads. */
static bool has_body(const struct evhttp_request *ev)
{
	return ev->type == EVHTTP_REQ_PUT || ev->type == EVHTTP_REQ_POST ||
		ev->type == EVHTTP_REQ_PATCH;
}

const char *http_framing_fault(struct evhttp_request *ev)
{
	const char *fault = version_fault(ev), *length = NULL, *coding = NULL;
	const struct evkeyval *header;

	if (fault)
		return fault;
	if (ev->type == EVHTTP_REQ_CONNECT) {
		/* Of these evhttp never closes the connection, nor says the answer's length. */
		ev->type = EVHTTP_REQ_GET;
		return "this is no proxy";
	}
	TAILQ_FOREACH(header, evhttp_request_get_input_headers(ev), next) {
		if (!is_token(header->key))
			return "a header without a proper name";
		if (!strcasecmp(header->key, "Content-Length")) {
			if (length || !is_length(header->value))
				return "Content-Length is one decimal number";
			length = header->value;
		} else if (!strcasecmp(header->key, "Transfer-Encoding")) {
			if (coding || strcasecmp(header->value, "chunked"))
				return "Transfer-Encoding is chunked, once";
			coding = header->value;
		}
	}
	if (coding && length)
		return "both Transfer-Encoding and Content-Length";
	if (coding && ev->minor == 0)
		return "HTTP/1.0 has no Transfer-Encoding";
	if (!has_body(ev) && (coding || (length && strspn(length, "0") != strlen(length))))
		return "this method has no body";
	return NULL;
}
