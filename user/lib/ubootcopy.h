/* SPDX-License-Identifier: MIT */
/*
 * ubootcopy - the copies of a U-Boot environment as they lie on their media
 *
 * Read without libubootenv, which says neither which copy it took nor what became of
 * the other one: a file or block device, NOR, NAND around its bad blocks, a UBI volume.
 * Whoever writes through the library looks here before whether that goes well, and
 * afterwards whether it has.
 */
#ifndef PVK_UBOOTCOPY_H
#define PVK_UBOOTCOPY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define UBOOTCOPIES_MAX		2

enum ubootcopy_kind {
	UBOOTCOPY_OTHER,		/* a name that only the library understands */
	UBOOTCOPY_FILE,			/* a block device too */
	UBOOTCOPY_NOR,
	UBOOTCOPY_NAND,
	UBOOTCOPY_UBI,
};

struct ubootcopy {
	char path[PATH_MAX];		/* as in the config */
	char device[PATH_MAX];		/* what is opened */
	enum ubootcopy_kind kind;
	long long offset;		/* from the beginning */
	size_t size;
	size_t sector;			/* bytes that are erased at once; 0: none are */
	size_t sectors;			/* its share of the flash, bad blocks included */
	uint8_t *data;			/* NULL: could not be read */
	int error;			/* why, negative */
	bool whole;			/* the checksum is right */
};

struct ubootcopies {
	struct ubootcopy copy[UBOOTCOPIES_MAX];
	unsigned int count;
};

/* -ENOENT: no config; -ENODEV: a device that is missing; -EINVAL: it can't be so. */
int ubootcopies_config(struct ubootcopies *copies, const char *config, struct pvk_err *err);
/* Again, and from the medium. What can't be read has no data. */
void ubootcopies_read(struct ubootcopies *copies);
void ubootcopies_free(struct ubootcopies *copies);

/* Which one libubootenv takes; -1: none is whole. */
int ubootcopies_current(const struct ubootcopies *copies);
/* Are both whole and different, and not all readers take the same one? */
bool ubootcopies_ambiguous(const struct ubootcopies *copies);
/* Is there one that the next write makes whole again? NULL: there is none. */
const struct ubootcopy *ubootcopies_damaged(const struct ubootcopies *copies);

bool ubootcopy_blank(const struct ubootcopy *copy);
/* Why it could not be read. */
const char *ubootcopy_why(const struct ubootcopy *copy);
/* Its data behind the checksum (and the flag). */
size_t ubootcopies_head(const struct ubootcopies *copies);
/* The value of a variable, or NULL. */
const char *ubootcopies_value(const struct ubootcopies *copies, const struct ubootcopy *copy,
			      const char *name);
/* The next "NAME=VALUE" after this one, from NULL on; NULL: that was the last. */
const char *ubootcopies_next(const struct ubootcopies *copies, const struct ubootcopy *copy,
			     const char *entry);

/*
 * May the library write it? It erases whole blocks, whatever else they hold, and goes
 * on behind the copy's share where blocks are bad. Negative with a text.
 */
int ubootcopy_check(const struct ubootcopy *copy, struct pvk_err *err);
/* Makes one readable that is not: afterwards it is blank. */
int ubootcopy_erase(const struct ubootcopy *copy, struct pvk_err *err);
/* The next good block from *at on. Of all but NAND each block is good. -ENOSPC */
int ubootcopy_good_block(const struct ubootcopy *copy, int fd, long long *at);

/*
 * Sets variables, "NAME=VALUE" or, to unset one, "NAME=", in the copy that is not current
 * if there are two, and reads it back: the other one is whole all the time. Nothing is
 * written that is there already. For where there is no libubootenv (ubootwrite.c); whoever
 * else may write, and would want the lock files, is gone. -EBADMSG: no copy is whole, and
 * what U-Boot has built in would be lost; -ENOSPC: too much.
 */
int ubootcopies_set(struct ubootcopies *copies, const char *const *words, size_t count,
		    struct pvk_err *err);

#endif /* PVK_UBOOTCOPY_H */
