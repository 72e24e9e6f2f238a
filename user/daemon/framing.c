// SPDX-License-Identifier: MIT
#include <string.h>
#include <strings.h>

#include "framing.h"
#include "util.h"

/* What fits into 64 bits for certain. */
#define LENGTH_DIGITS_MAX	18
#define SIZE_DIGITS_MAX		15

static void fault(struct framing *f, const char *text)
{
	f->fault = text;
}

static void begin(struct framing *f, enum framing_state state)
{
	f->state = state;
	f->len = 0;
	f->tail = 0;
	f->name = true;
}

static void end_of_request(struct framing *f)
{
	begin(f, FRAMING_LINE);
	f->spaces = 0;
	f->length = false;
	f->chunked = false;
	f->left = 0;
}

/* ---- lines ---- */

static uint64_t eight(const char *text)
{
	uint64_t n = 0;

	while (*text)
		n = n << 8 | (unsigned char)*text++;
	return n;
}

/* Those whose body evhttp reads. */
static bool may_have_body(const char *line)
{
	return !strncmp(line, "PUT ", 4) || !strncmp(line, "POST ", 5) ||
		!strncmp(line, "PATCH ", 6);
}

static void end_of_request_line(struct framing *f)
{
	f->has_body = may_have_body(f->line);
	f->old = f->tail == eight("HTTP/1.0");
	if (f->spaces != 2 || (!f->old && f->tail != eight("HTTP/1.1")))
		fault(f, "a request begins with METHOD PATH HTTP/1.1");
	/* It would make of the connection a tunnel. */
	else if (!strncmp(f->line, "CONNECT ", 8))
		fault(f, "this is no proxy");
	begin(f, FRAMING_HEADER);
}

static uint64_t number(const char *text, size_t len, unsigned int base)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len; i++)
		n = n * base + (uint64_t)(text[i] <= '9' ? text[i] - '0' :
					  (text[i] | 0x20) - 'a' + 10);
	return n;
}

static void read_length(struct framing *f, const char *value, size_t len)
{
	if (f->length || !len || len > LENGTH_DIGITS_MAX || strspn(value, "0123456789") != len) {
		fault(f, "Content-Length is one decimal number");
		return;
	}
	f->length = true;
	f->left = number(value, len, 10);
}

/* The header in f->line, cut where it ends. */
static void end_of_header(struct framing *f)
{
	size_t name = strcspn(f->line, ":"), len;
	bool whole = f->len < sizeof(f->line);
	char *value = f->line + name + 1;

	if (f->name) {
		fault(f, "a header is NAME: VALUE");
		return;
	}
	if (f->line[name] != ':')
		return;
	value += strspn(value, " \t");
	for (len = strlen(value); len && strchr(" \t", value[len - 1]); len--)
		value[len - 1] = '\0';
	if (name == 14 && !strncasecmp(f->line, "Content-Length", name)) {
		read_length(f, value, whole ? len : 0);
	} else if (name == 17 && !strncasecmp(f->line, "Transfer-Encoding", name)) {
		if (f->chunked || !whole || strcasecmp(value, "chunked"))
			fault(f, "Transfer-Encoding is chunked, once");
		f->chunked = true;
	}
}

static void end_of_head(struct framing *f)
{
	if (f->chunked && f->length)
		fault(f, "both Transfer-Encoding and Content-Length");
	else if (f->chunked && f->old)
		fault(f, "HTTP/1.0 has no Transfer-Encoding");
	else if (!f->has_body && (f->chunked || f->left))
		fault(f, "this method has no body");
	else if (f->chunked)
		begin(f, FRAMING_SIZE);
	else if (f->left)
		begin(f, FRAMING_BODY);
	else
		end_of_request(f);
}

static void end_of_size(struct framing *f)
{
	if (!f->len) {
		fault(f, "a chunk's size is one hexadecimal number");
		return;
	}
	f->left = number(f->line, f->len, 16);
	begin(f, f->left ? FRAMING_CHUNK : FRAMING_TRAILER);
}

/* Of a trailer nothing is wanted, least of all another length. */
static void end_of_trailer(struct framing *f)
{
	f->length = false;
	f->chunked = false;
	end_of_header(f);
	if (!f->fault && (f->length || f->chunked))
		fault(f, "a length behind the body");
	begin(f, FRAMING_TRAILER);
}

static void end_of_line(struct framing *f)
{
	f->line[f->len < sizeof(f->line) ? f->len : sizeof(f->line) - 1] = '\0';
	switch (f->state) {
	case FRAMING_LINE:
		end_of_request_line(f);
		break;
	case FRAMING_HEADER:
		if (!f->len) {
			end_of_head(f);
			break;
		}
		end_of_header(f);
		begin(f, FRAMING_HEADER);
		break;
	case FRAMING_SIZE:
		end_of_size(f);
		break;
	case FRAMING_CHUNK_END:
		if (f->len)
			fault(f, "a chunk is longer than its size");
		begin(f, FRAMING_SIZE);
		break;
	default:
		if (f->len)
			end_of_trailer(f);
		else
			end_of_request(f);
	}
}

/* ---- bytes ---- */

/* RFC 9110's token. */
static bool is_token(unsigned char c)
{
	return pvk_isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void check_byte(struct framing *f, unsigned char c)
{
	switch (f->state) {
	case FRAMING_SIZE:
		if (f->len == SIZE_DIGITS_MAX || !is_hex(c))
			fault(f, "a chunk's size is one hexadecimal number");
		break;
	case FRAMING_LINE:
		if (c == ' ')
			f->spaces++;
		if (pvk_iscntrl(c) || (c == ' ' && (!f->len || (f->tail & 0xff) == ' ')) ||
		    (!f->spaces && !is_token(c)))
			fault(f, "a request begins with METHOD PATH HTTP/1.1");
		break;
	case FRAMING_HEADER:
	case FRAMING_TRAILER:
		if (f->name && c == ':' && f->len)
			f->name = false;
		else if (f->name ? !is_token(c) : pvk_iscntrl(c) && c != '\t')
			fault(f, "a header is NAME: VALUE");
		break;
	case FRAMING_CHUNK_END:
		fault(f, "a chunk is longer than its size");
		break;
	default:
		break;
	}
}

static void feed_line(struct framing *f, unsigned char c)
{
	if (f->state == FRAMING_LINE && !f->len && !f->cr)
		f->requests++;
	if (f->cr != (c == '\n')) {
		fault(f, "a line ends in CR and LF");
		return;
	}
	f->cr = c == '\r';
	if (f->cr)
		return;
	if (c == '\n') {
		end_of_line(f);
		return;
	}
	check_byte(f, c);
	if (f->len < sizeof(f->line) - 1)
		f->line[f->len] = (char)c;
	f->len++;
	f->tail = f->tail << 8 | c;
}

/* Bytes that only are counted; how many of them there are. */
static size_t feed_data(struct framing *f, size_t len)
{
	if (len > f->left)
		len = (size_t)f->left;
	f->left -= len;
	if (f->left)
		return len;
	if (f->state == FRAMING_CHUNK)
		begin(f, FRAMING_CHUNK_END);
	else
		end_of_request(f);
	return len;
}

void framing_feed(struct framing *f, const void *bytes, size_t len)
{
	const unsigned char *at = bytes, *end = at + len;

	while (at < end && !f->fault) {
		if (f->state == FRAMING_BODY || f->state == FRAMING_CHUNK)
			at += feed_data(f, (size_t)(end - at));
		else
			feed_line(f, *at++);
	}
}
