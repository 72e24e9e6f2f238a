/* SPDX-License-Identifier: MIT */
/*
 * meta - user-meta and device-meta on disk, and who may see what of them
 *
 * A store is a directory, a key is a file in it. A value is replaced by
 * writing ".new", syncing it, renaming it over the key and syncing the
 * directory: a reader, and the next boot, find the old value or the new one,
 * never a part. Writers lock the directory (flock), so there is one ".new" at
 * most, and one that nobody holds the lock for is a crashed writer's: it is
 * never read, and goes when the store is opened for writing or written next.
 * A value that is set already is not written again.
 */
#ifndef PVK_META_H
#define PVK_META_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

#define PVK_META_KEY_MAX	255	/* bytes of a key */
#define PVK_META_VALUE_MAX	4096	/* bytes of a value */
#define PVK_META_KEYS_MAX	1024	/* keys in a store */
/* Bytes of all values in it: with each of them escaped in JSON it is still one answer. */
#define PVK_META_STORE_MAX	(1024 * 1024)

/*
 * Keys: [A-Za-z0-9._+@:-]{1,255}, no leading dot, and not ":-" inside, which
 * begins a default in ${...}.
 */
bool pvk_meta_key_ok(const char *key);

/* Zeroed: somebody unknown, who sees nothing. */
struct pvk_caller {
	bool host;		/* the host's root, sees all */
	bool mgmt;		/* container with the management role, sees all */
	const char *name;	/* of the container; NULL if it is none */
};

/*
 * A container without mgmt sees the keys that begin with "NAME." or
 * "drivers.". Dots are legal in names: "a" also sees what is meant for "a.b".
 */
bool pvk_meta_may_read(const struct pvk_caller *caller, const char *key);
/* Only the host and containers with mgmt write. */
bool pvk_meta_may_write(const struct pvk_caller *caller);

struct pvk_meta;

/*
 * A missing directory is an empty store, and stays one until opened anew: a
 * reader beside a writer opens the store for each use.
 */
#define PVK_META_READONLY	(1u << 0)

/*
 * path as in openat(). Without PVK_META_READONLY the directory (not its
 * parents) is made if missing, mode 0700. -ENOTDIR, -EACCES, ...
 */
int pvk_meta_open(struct pvk_meta **out, int dirfd, const char *path, unsigned int flags);
void pvk_meta_close(struct pvk_meta *meta);

static inline void pvk_meta_cleanup(struct pvk_meta **meta)
{
	pvk_meta_close(*meta);
}

#define pvk_auto_meta	__attribute__((cleanup(pvk_meta_cleanup)))

/*
 * All: -EINVAL for a bad key. None asks for permission: that is the caller's
 * business, with the two predicates above (pvk_sources_lookup() does it for
 * templates).
 */

/* Adds the value to buf. -ENOENT; -EFBIG for a file that somebody made too large. */
int pvk_meta_get(struct pvk_meta *meta, const char *key, struct pvk_buf *buf);
/*
 * -EINVAL for an empty value, -EFBIG over PVK_META_VALUE_MAX, -ENOSPC when the
 * store or the disk is full, -EROFS for a read-only store; the old value then
 * stays. Another error of the last step (syncing the directory) leaves the new
 * value, which may not survive a power cut.
 */
int pvk_meta_set(struct pvk_meta *meta, const char *key, const void *value, size_t len);
/* -ENOENT, -EROFS. */
int pvk_meta_delete(struct pvk_meta *meta, const char *key);

struct pvk_keys {
	char **key;
	size_t count;
};

/* The keys, sorted by bytes. -E2BIG: more than PVK_META_KEYS_MAX. */
int pvk_meta_list(struct pvk_meta *meta, struct pvk_keys *keys);
void pvk_keys_free(struct pvk_keys *keys);

#define pvk_auto_keys	__attribute__((cleanup(pvk_keys_free)))

#endif /* PVK_META_H */
