/* SPDX-License-Identifier: MIT */
/*
 * framing - where each of a connection's requests ends
 *
 * evhttp takes the first of two lengths, passes over a Transfer-Encoding that it
 * does not know, reads numbers as strtoll() does, ends lines and headers at a NUL
 * or a bare LF, does not look at what ends a chunk, and leaves the body of a GET
 * where the next request should be. Whoever stands before pvkitd and reads such
 * bytes in another way would let one client's body become another's request. So
 * each byte is looked at before evhttp gets it, with the grammar of RFC 9112 and no
 * leave taken from it: what can be read in two ways is a fault.
 *
 * That which is well-formed has the same end here and in evhttp, which is what
 * tests/fuzz/http_fuzz.c looks for the contrary of.
 */
#ifndef PVKITD_FRAMING_H
#define PVKITD_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing_state {
	FRAMING_LINE,		/* the request line */
	FRAMING_HEADER,
	FRAMING_BODY,
	FRAMING_SIZE,		/* of a chunk */
	FRAMING_CHUNK,
	FRAMING_CHUNK_END,
	FRAMING_TRAILER,
};

/* Zeroed: nothing was read yet. */
struct framing {
	enum framing_state state;
	unsigned int requests;	/* begun, with the present one */
	const char *fault;	/* of that one, after which nothing is read; or NULL */
	uint64_t left;		/* of the body, or of the chunk */
	char line[48];		/* what the line begins with, without its end */
	size_t len;		/* of all the line so far */
	uint64_t tail;		/* its last eight bytes */
	bool cr;		/* the last byte was one */
	bool name;		/* the header's colon is still to come */
	unsigned int spaces;	/* in the request line */
	bool has_body;		/* the method may have one */
	bool old;		/* HTTP/1.0 */
	bool length, chunked;	/* the headers seen */
};

/* The next bytes of the connection. */
void framing_feed(struct framing *f, const void *bytes, size_t len);

#endif /* PVKITD_FRAMING_H */
