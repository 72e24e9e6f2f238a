/* SPDX-License-Identifier: MIT */
/*
 * keep - what was written over a read-only root and is to outlive a boot
 *
 * A directory on a file system that can be written has an archive for each path that is
 * kept, with all below that path as it was in the union's upper layer, whiteouts included.
 * pvkit-init puts them back into that layer before it mounts the union.
 *
 * An archive is written beside, synced and renamed: a power cut leaves the old one or the
 * new one. A checksum is over all of it: what is damaged is left out as a whole. It asks
 * nothing of the file system that it lies on, which may have neither owners nor nodes.
 * Each has a number, greater than all before it. What is kept later replaces what was kept
 * of the same path, or below it: such archives are removed afterwards, and until then
 * they count as old.
 *
 * The file: a head, the path, records; numbers as the machine has them, which reads no
 * other's. A record: its head, the path (from the root on, without a "/" in front), the
 * extended attributes, the data: of a file its content, of a link where it leads.
 */
#ifndef PVK_KEEP_H
#define PVK_KEEP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "util.h"

#define PVK_KEEP_MAGIC		0x706b7670u	/* "pvkp", and another one the other way round */
#define PVK_KEEP_SUFFIX		".keep"
#define PVK_KEEP_TEMP		".new"
#define PVK_KEEP_MAX		256		/* archives */
#define PVK_KEEP_ATTRS_MAX	8192		/* bytes of one file's extended attributes */
#define PVK_KEEP_PAGE		4096		/* what a file takes of RAM is a multiple */

struct pvk_keep_head {
	uint32_t magic;
	uint32_t crc;		/* of what follows here, and the path */
	uint64_t number;
	uint64_t body;		/* bytes of records */
	uint64_t ram;		/* bytes that it takes once it is put back */
	uint32_t records;
	uint32_t body_crc;
	uint32_t path_len;
	uint32_t zero;
};

#define PVK_KEEP_OPAQUE		1u	/* hides what the root has there */
#define PVK_KEEP_ON_THE_WAY	2u	/* a directory above the path */
#define PVK_KEEP_LINK		4u	/* another name of a file that came before */

struct pvk_keep_record_head {
	uint32_t mode, uid, gid, major, minor, flags;
	int64_t sec;
	uint32_t nsec;
	uint32_t path_len;
	uint32_t attrs_len;
	uint32_t zero;
	uint64_t size;
};

/* Before each of the extended attributes: name (with its NUL) and value follow. */
struct pvk_keep_attr {
	uint16_t name_len, value_len;
};

/* One archive. */
struct pvk_keep {
	char file[64];		/* in the directory */
	char *path;		/* "etc/ssh"; NULL: it can't be read */
	uint64_t number;
	uint64_t ram;
	uint32_t records;
	int error;		/* negative: it is damaged, or can't be read */
	bool old;		/* a later one has all of it */
};

struct pvk_keeps {
	struct pvk_keep *item;	/* in the order in which they were written */
	size_t count;
};

struct pvk_keep_record {
	struct pvk_keep_record_head head;
	char path[PATH_MAX];
	char attrs[PVK_KEEP_ATTRS_MAX];
	int fd;			/* the data, from `at` on */
	uint64_t at;
};

/* Only the heads are read. That the directory is not there is -ENOENT. */
int pvk_keeps_read(int dirfd, struct pvk_keeps *list);
void pvk_keeps_free(struct pvk_keeps *list);
/* Is there one, not the one with this number but a later one, that has this path? */
bool pvk_keeps_later(const struct pvk_keeps *list, const char *path, uint64_t number);

/*
 * Is root alone able to write it? Whoever writes an archive writes the root of the next
 * boot. file: "." for the directory.
 */
bool pvk_keep_is_roots(int dirfd, const char *file);
/* Reads all of it, for the checksum: -EBADMSG. */
int pvk_keep_check(int dirfd, const struct pvk_keep *keep);
/* Tells of each record, until the function returns other than 0, which is then returned. */
int pvk_keep_each(int dirfd, const struct pvk_keep *keep,
		  int (*fn)(void *arg, const struct pvk_keep_record *record), void *arg);

/*
 * keep_restore.c: puts it into a layer that nobody uses yet. lower: what directories on
 * the way are like, where it has them. Check it before.
 */
int pvk_keep_restore(int dirfd, const struct pvk_keep *keep, int upper, int lower);

/*
 * keep_make.c: path as pvk_tree_clean_path() makes it. limit: bytes of RAM, and of
 * inodes, that all that is kept may take when it is put back. -ENOENT: nothing was
 * written there.
 */
struct pvk_keep_limit {
	uint64_t ram, records;
};

int pvk_keep_make(int dirfd, int upper, const char *path, const struct pvk_keep_limit *limit,
		  struct pvk_err *err);
/* A path that is kept, or the name of a file. */
int pvk_keep_forget(int dirfd, const char *path, struct pvk_err *err);

/*
 * keep_index.c: what is kept as it is now, to be asked for a file. At eight bytes for
 * each, whatever there is.
 */
struct pvk_keep_index;

/*
 * gone is told of what is kept and was removed since. What is damaged, or old, does not
 * count.
 */
int pvk_keep_index_new(struct pvk_keep_index **index, int dirfd, const struct pvk_keeps *list,
		       int upper, int (*gone)(void *arg, const char *path), void *arg);
void pvk_keep_index_free(struct pvk_keep_index *index);
bool pvk_keep_index_has(const struct pvk_keep_index *index, const char *path,
			const struct stat *st, bool opaque);

#endif /* PVK_KEEP_H */
