/* SPDX-License-Identifier: MIT */
/*
 * json_out - writing JSON, compact, into a bounded buffer
 *
 * The writer puts the commas and quotes, and is well-formed by construction:
 * a call that does not fit (a value in an object without its key, an end too
 * many, a second top-level value) sets -EINVAL, as a full buffer sets -ENOSPC;
 * the first error stays and comes out of json_out_take(). So a sequence of
 * calls needs no check in between.
 *
 * Strings are taken as UTF-8; each byte that is not becomes U+FFFD, since
 * names and error texts come from anywhere and the output must stay valid.
 */
#ifndef PVK_JSON_OUT_H
#define PVK_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define JSON_OUT_DEPTH	32

struct json_out {
	struct pvk_buf buf;
	int err;
	unsigned int depth;
	uint32_t objects;	/* bit n: level n is an object */
	bool comma;		/* something stands before on this level */
	bool key;		/* a key waits for its value */
};

/* limit, max: bytes of output. */
#define JSON_OUT_INIT(limit)	{ .buf = PVK_BUF_INIT(limit) }

void json_out_init(struct json_out *out, size_t max);
void json_out_free(struct json_out *out);

#define json_auto_out	__attribute__((cleanup(json_out_free)))

void json_out_object(struct json_out *out);
void json_out_array(struct json_out *out);
/* Ends the innermost object or array. */
void json_out_end(struct json_out *out);

void json_out_key(struct json_out *out, const char *key);
void json_out_keyn(struct json_out *out, const char *key, size_t len);
/* NULL becomes null. */
void json_out_str(struct json_out *out, const char *text);
void json_out_strn(struct json_out *out, const char *text, size_t len);
void json_out_int(struct json_out *out, int64_t n);
void json_out_uint(struct json_out *out, uint64_t n);
/* A number with three decimals: 1234 is 1.234. */
void json_out_milli(struct json_out *out, uint64_t n);
void json_out_bool(struct json_out *out, bool v);
void json_out_null(struct json_out *out);

/* Key and value at once. */
void json_out_pair_str(struct json_out *out, const char *key, const char *text);
void json_out_pair_int(struct json_out *out, const char *key, int64_t n);
void json_out_pair_uint(struct json_out *out, const char *key, uint64_t n);
void json_out_pair_bool(struct json_out *out, const char *key, bool v);

/*
 * The whole text, malloc'ed, and its length (len may be NULL). -EINVAL if
 * something is still open or nothing was written, else the first error. The
 * writer is empty afterwards, ready for the next text.
 */
int json_out_take(struct json_out *out, char **text, size_t *len);

#endif /* PVK_JSON_OUT_H */
