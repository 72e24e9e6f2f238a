/* SPDX-License-Identifier: MIT */
/*
 * util - the few helpers that every file of libpvkit needs
 *
 * Return values are 0 or a negative errno unless said otherwise. Nothing here
 * allocates without a bound that the caller gave.
 */
#ifndef PVK_UTIL_H
#define PVK_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define PVK_PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))
#define PVK_ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static inline void pvk_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void pvk_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Freed, or closed if >= 0, when the variable goes out of scope. */
#define pvk_auto_free	__attribute__((cleanup(pvk_cleanup_free)))
#define pvk_auto_close	__attribute__((cleanup(pvk_cleanup_close)))

/* Hands a pvk_auto_free pointer on to somebody else. */
#define pvk_steal(ptr) \
	({ __typeof__(ptr) stolen_ = (ptr); (ptr) = NULL; stolen_; })

/*
 * A text for people beside an errno. A function that takes a
 * `struct pvk_err *` accepts NULL; on success it leaves the text alone.
 */
struct pvk_err {
	char text[512];
};

/* The name of a number in a table; "?" for one that this build does not know. */
const char *pvk_name_of(const char *const *names, size_t count, uint32_t value);

/* "ENOENT"; NULL for a number that is none. Not every C library has it. */
const char *pvk_errno_name(int error);

/* Writes the text (cut to fit) if err is not NULL; returns code. */
int pvk_err_set(struct pvk_err *err, int code, const char *fmt, ...) PVK_PRINTF(3, 4);

/*
 * A growing buffer with an upper bound, always NUL-terminated once it holds
 * anything. The first failure (-ENOSPC at the bound, -ENOMEM) stays in err and
 * makes every later call a no-op, so one check at the end is enough.
 */
struct pvk_buf {
	char *data;
	size_t len;	/* bytes, without the NUL */
	size_t cap;
	size_t max;	/* largest len allowed */
	int err;
};

#define PVK_BUF_INIT(limit)	{ .max = (limit) }

void pvk_buf_init(struct pvk_buf *buf, size_t max);
void pvk_buf_free(struct pvk_buf *buf);
/* Empties it and forgets an error; keeps the memory. */
void pvk_buf_reset(struct pvk_buf *buf);
int pvk_buf_add(struct pvk_buf *buf, const void *data, size_t len);
int pvk_buf_puts(struct pvk_buf *buf, const char *text);
int pvk_buf_putc(struct pvk_buf *buf, char c);
int pvk_buf_printf(struct pvk_buf *buf, const char *fmt, ...) PVK_PRINTF(2, 3);
/* "" instead of NULL while nothing was added. */
const char *pvk_buf_str(const struct pvk_buf *buf);
/*
 * Gives the text (malloc'ed, "" if empty) and its length (len may be NULL) to
 * the caller and leaves the buffer empty; on error nothing is given.
 */
int pvk_buf_take(struct pvk_buf *buf, char **text, size_t *len);

#define pvk_auto_buf	__attribute__((cleanup(pvk_buf_free)))

/*
 * A bounded list of texts: warnings, names. Functions that collect warnings
 * accept NULL for the list. What does not fit (PVK_LIST_MAX) is counted only.
 */
#define PVK_LIST_MAX	64

struct pvk_list {
	char **item;
	size_t count;
	size_t dropped;
};

void pvk_list_free(struct pvk_list *list);
/* A warning that can't be stored is counted: a warning never fails its cause. */
void pvk_list_warn(struct pvk_list *list, const char *fmt, ...) PVK_PRINTF(2, 3);

#define pvk_auto_list	__attribute__((cleanup(pvk_list_free)))

/*
 * Makes room for one more element of size bytes in *array, which has count of
 * them and grows by doubling. -EBADMSG if it has max already.
 */
int pvk_grow(void **array, size_t count, size_t size, size_t max);

/*
 * Reads a regular file of at most max bytes, symlinks followed, into a fresh,
 * NUL-terminated buffer. -EFBIG if it is larger, -EINVAL if it is no regular
 * file. dirfd as in openat().
 */
int pvk_read_file(int dirfd, const char *path, size_t max, char **data, size_t *len);

/* As above for an open fd, which may also be a pipe or socket; read to its end. */
int pvk_read_fd(int fd, size_t max, char **data, size_t *len);

/*
 * Gives a file of the directory new content so that a reader, and the next boot,
 * find the old one or the new one, never a part: `temp` is written, synced and
 * renamed over `name`, and the directory synced. Whatever lies at temp goes
 * first; two writers must not use the same one at once. On an error the old
 * content stays and temp is gone; only that of the last step, the sync of the
 * directory, leaves the new content, which may not survive a power cut.
 */
int pvk_replace_file(int dirfd, const char *name, const char *temp, const void *data, size_t len,
		     mode_t mode);

/*
 * Alias and container names: [A-Za-z0-9._+@:-]{1,63} without a leading dot.
 * Aliases must also not be one of the words that the REST paths and sysfs take.
 */
#define PVK_NAME_MAX	63

bool pvk_name_ok(const char *name);
bool pvk_alias_ok(const char *name);

/* Locale-free ctype for bytes: what the wire and the kernel mean by ASCII. */
static inline bool pvk_isalnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool pvk_iscntrl(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/*
 * Takes the decimal number that *text begins with. false: there is none, or it is too
 * large. Not scanf(), with which a small program gets all of floating point.
 */
bool pvk_take_uint(const char **text, unsigned int *number);

/*
 * Length in bytes of the well-formed UTF-8 sequence at s (of at most len
 * bytes), 0 if there is none: overlong forms, surrogates and code points
 * above U+10FFFF are not well formed.
 */
size_t pvk_utf8_len(const char *s, size_t len);
/* The same of one that a terminal shows: 0 for control characters, U+0080 to U+009F too. */
size_t pvk_utf8_print(const char *s, size_t len);

#endif /* PVK_UTIL_H */
