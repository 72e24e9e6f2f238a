/* SPDX-License-Identifier: MIT */
/*
 * query - the parameters behind the question mark of a request
 *
 * Every text is a query: what nobody asks for is ignored, a name without a value has
 * the empty one, and what is no percent escape (or one of a NUL) stays as it was sent.
 * So whoever asks for a parameter finds it, and can refuse what it says.
 */
#ifndef PVKITD_QUERY_H
#define PVKITD_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#define QUERY_MAX	32	/* parameters; what comes after them is ignored */

struct query {
	char *text;		/* what the others point into */
	size_t count;
	struct {
		const char *name;
		const char *value;
	} item[QUERY_MAX];
};

/* In place. -EINVAL, and nothing is changed, for a % that begins nothing, and for %00. */
int percent_decode(char *text);

/* NULL is the empty query. -ENOMEM; to be freed in any case. */
int query_parse(struct query *query, const char *text);
void query_free(struct query *query);
/* The first value of that name, or NULL. */
const char *query_get(const struct query *query, const char *name);
/*
 * A switch: "1" is on, "0" or nothing is off, as is its absence. -EINVAL for all else.
 */
int query_switch(const struct query *query, const char *name, bool *on);

#endif /* PVKITD_QUERY_H */
