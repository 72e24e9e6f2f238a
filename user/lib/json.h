/* SPDX-License-Identifier: MIT */
/*
 * json - reading JSON (RFC 8259) from sources that are not trusted
 *
 * json_parse() decides on its own whether a text is JSON: grammar, UTF-8,
 * surrogate pairs, depth, duplicate keys (compared after decoding, so "a" and
 * "\u0061" are the same), nothing after the value, size. jsmn only sees what
 * has passed. The result is a read-only tree in one block of memory.
 *
 * Every reader below accepts NULL and a value of another type and then answers
 * "nothing" (NULL, 0 items, -EINVAL), so a chain of look-ups needs one check.
 */
#ifndef PVK_JSON_H
#define PVK_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define JSON_MAX_BYTES	(1024 * 1024)	/* default of json_limits.max_bytes */
#define JSON_MAX_DEPTH	64		/* default and upper bound of .max_depth */
#define JSON_MAX_NODES	65536		/* default of .max_nodes */

/*
 * For files of vendors, never for what comes from a container: a comma before
 * ] or } and a key given twice are warnings, and the last of the keys wins.
 */
#define JSON_VENDOR	(1u << 0)

/* Zero means the default; a NULL pointer means all defaults. */
struct json_limits {
	size_t max_bytes;	/* of text */
	unsigned int max_depth;	/* arrays and objects inside each other */
	size_t max_nodes;	/* values and keys; about 64 bytes of memory each */
	unsigned int flags;	/* JSON_* */
	struct pvk_list *warnings;	/* with JSON_VENDOR; may be NULL */
};

struct json_error {
	unsigned int line;	/* from 1; 0 if the error has no place (size, memory) */
	unsigned int column;	/* from 1, in characters */
	char text[192];		/* "LINE:COLUMN: what was expected" */
};

enum json_type {
	JSON_NONE,		/* of a NULL pointer */
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_BOOL,
	JSON_NULL,
};

struct json;
struct json_doc;

/*
 * text need not be NUL-terminated and may go away afterwards; limits and error
 * may be NULL. Returns 0 and a document for json_free(), or
 *   -EBADMSG  not JSON                 -EILSEQ  not UTF-8, or half a surrogate pair
 *   -EEXIST   a key given twice        -E2BIG   larger or deeper than the limits
 *   -ENOMEM
 */
int json_parse(const char *text, size_t len, const struct json_limits *limits,
	       struct json_doc **out, struct json_error *error);
/*
 * The same for a text that has to be an object: -EINVAL for another value. The
 * text goes to err (may be NULL).
 */
int json_parse_object(const char *text, size_t len, const struct json_limits *limits,
		      struct json_doc **out, struct pvk_err *err);
void json_free(struct json_doc *doc);

static inline void json_cleanup(struct json_doc **doc)
{
	json_free(*doc);
}

#define json_auto	__attribute__((cleanup(json_cleanup)))

const struct json *json_root(const struct json_doc *doc);

enum json_type json_typeof(const struct json *v);
/* "an object", "a string", ...: for messages. */
const char *json_typename(enum json_type type);
/* Where the value (or key) begins, as in struct json_error. */
unsigned int json_line(const struct json *v);
unsigned int json_column(const struct json *v);

/* The member's value. Linear in the number of members. */
const struct json *json_get(const struct json *object, const char *key);
/* Members of an object, items of an array. */
size_t json_count(const struct json *v);

/* First and following item of an array, or *key* of an object; NULL at the end. */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *container, const struct json *at);
/* The value that belongs to a key. */
const struct json *json_value(const struct json *key);

#define json_for_each(item, array) \
	for ((item) = json_first(array); (item); (item) = json_next(array, item))

#define json_for_each_member(key, value, object) \
	for ((key) = json_first(object); (key) && ((value) = json_value(key)); \
	     (key) = json_next(object, key))

/*
 * The decoded text of a string or key; lives as long as the document. It can
 * hold \u0000: json_cstr() answers NULL for such a one, so that no C string
 * ends early by surprise; json_string() gives it with its length (len may be
 * NULL).
 */
const char *json_cstr(const struct json *v);
const char *json_string(const struct json *v, size_t *len);
/* What stands where json_cstr() would have to answer: for messages. */
const char *json_not_text(const struct json *v);

/* The number as it was written. */
const char *json_number(const struct json *v);
/* -EINVAL: no number, or one with fraction or exponent. -ERANGE: does not fit. */
int json_int64(const struct json *v, int64_t *out);
int json_uint64(const struct json *v, uint64_t *out);
int json_bool(const struct json *v, bool *out);

#endif /* PVK_JSON_H */
