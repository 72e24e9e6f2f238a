/* SPDX-License-Identifier: MIT */
/* stage_int - what the files of stage.h share */
#ifndef PVK_STAGE_INT_H
#define PVK_STAGE_INT_H

#include <sys/stat.h>

#include "needs.h"
#include "stage.h"

enum stage_kind {
	STAGE_DIR,
	STAGE_SYMLINK,
	STAGE_FILE,
};

struct stage_item {
	enum stage_kind kind;
	char *path;			/* no part of it is a symlink */
	char *target;			/* of a symlink */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size;
	dev_t dev;
	ino_t ino;
	const struct stage_item *same;	/* the first one with the same inode; NULL: it is that */
};

struct stage_program {
	char *path;			/* by which it is called */
	char *word;
};

struct pvk_stage {
	int root;
	struct pvk_needs needs;
	struct stage_item **item;	/* a directory before what is in it */
	size_t count;
	void *by_path;			/* trees of tsearch() */
	void *by_inode;
	struct stage_program *program;
	size_t programs;
	char **cached;			/* libraries that ld.so.cache was needed for */
	size_t n_cached;
	struct pvk_buf cache;		/* an extract of it, or empty */
};

#endif /* PVK_STAGE_INT_H */
