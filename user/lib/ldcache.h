/* SPDX-License-Identifier: MIT */
/*
 * ldcache - /etc/ld.so.cache, in which glibc's dynamic linker looks for libraries
 *
 * The format that ldconfig has written since glibc 2.2, alone or behind the older one. The
 * entries for processors of a certain kind are passed over: the general one is always
 * there too, and runs.
 */
#ifndef PVK_LDCACHE_H
#define PVK_LDCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define PVK_LDCACHE_NAME	"ld.so.cache"
#define PVK_LDCACHE_PATH	"/etc/" PVK_LDCACHE_NAME

struct pvk_ldcache {
	char *data;
	const char *base;	/* its header; places of texts count from here */
	size_t len;		/* from base on */
	uint32_t count;
};

/* -ENOENT: there is none; -EBADMSG: in none of these formats. Free it if 0. */
int pvk_ldcache_read(struct pvk_ldcache *cache, int root);
/* The same of data, malloc'ed, which it takes in any case. */
int pvk_ldcache_parse(struct pvk_ldcache *cache, char *data, size_t len);
void pvk_ldcache_free(struct pvk_ldcache *cache);
/* The next entry of that name from *at (0 at first) on, in the linker's order; or NULL. */
const char *pvk_ldcache_next(const struct pvk_ldcache *cache, const char *name, uint32_t *at);
/* A cache of those entries alone whose paths the function wants. */
int pvk_ldcache_filter(const struct pvk_ldcache *cache,
		       bool (*wanted)(void *arg, const char *path), void *arg,
		       struct pvk_buf *out);

#endif /* PVK_LDCACHE_H */
