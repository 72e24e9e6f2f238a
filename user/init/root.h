/* SPDX-License-Identifier: MIT */
/*
 * root - find the root file system and mount it
 *
 * Each kind of root has a file of its own, root_KIND.c, and a line in the table in
 * root.c.
 */
#ifndef INIT_ROOT_H
#define INIT_ROOT_H

#include <stdbool.h>

#include "conf.h"

#define ROOT_SOURCE_SIZE	288
#define ROOT_TYPE_SIZE		64

struct root {
	const struct boot_conf *boot;	/* what was asked for */
	const struct pvk_cmdline *cmdline;
	char source[ROOT_SOURCE_SIZE];	/* for mount(2): "/dev/vda2" */
	char fstype[ROOT_TYPE_SIZE];	/* "" until it is known */
	bool read_only;
	int64_t deadline_ms;		/* monotonic: then root-wait is over */
};

struct root_kind {
	const char *name;
	/* Is `root=` of that kind? */
	bool (*takes)(const char *root);
	/*
	 * Looks for it once: 0 with source and perhaps fstype set; -ENOENT, -ENODEV:
	 * not there yet, worth another try; anything else ends it.
	 */
	int (*find)(struct root *root, struct pvk_err *err);
	/* NULL: by mount(2) alone. */
	int (*mount)(struct root *root, const char *where, struct pvk_err *err);
};

extern const struct root_kind root_block;
extern const struct root_kind root_mtd;
extern const struct root_kind root_nbd;
extern const struct root_kind root_nfs;
extern const struct root_kind root_ubi;

/* Finds it within conf->root_wait, without mounting it. */
int root_find(struct root *root, const struct conf *conf, const struct boot_conf *boot,
	      const struct pvk_cmdline *cmdline, struct pvk_err *err);
int root_mount(struct root *root, const char *where, struct pvk_err *err);
/* What root_mount() does for a kind without a way of its own: by mount(2), as what it is. */
int root_mount_device(struct root *root, const char *where, struct pvk_err *err);
/* root_block.c, for others whose source is a block device: is it there, and what is on it? */
int root_look_at_device(struct root *root, struct pvk_err *err);

/* root_ubi.c: what ubi.mtd= names. -ENODEV: one of them is not there yet. */
int root_ubi_attach(const struct pvk_cmdline *cmdline, struct pvk_err *err);

/* For what takes its time: what is left of root-wait, 0 or more. */
long root_left_ms(const struct root *root);

#endif /* INIT_ROOT_H */
