/* SPDX-License-Identifier: MIT */
/*
 * target - what an image can be written to, as the kernel describes it in /sys
 *
 *	NAME, mtd:NAME		a flash partition by its name
 *	ubi:NAME, ubiN:NAME	a UBI volume by its name, on any device or on ubiN
 *	/dev/...		a block device, or the node of one of the above
 */
#ifndef PVK_TARGET_H
#define PVK_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

#define PVK_TARGET_NAME	128

enum pvk_target_kind {
	PVK_TARGET_MTD,
	PVK_TARGET_UBI,
	PVK_TARGET_BLOCK,
};

struct pvk_target {
	enum pvk_target_kind kind;
	char device[64];	/* its name in /sys/class: "mtd3", "ubi0_1", "mmcblk0p2" */
	char name[PVK_TARGET_NAME];	/* of an MTD or a volume; "" */
	dev_t dev;		/* of its node */
	int mtd;		/* which MTD it is or, of a volume, is on; else -1 */
	uint64_t size;		/* bytes that can be written */
	uint32_t block;		/* bytes that are erased at once; 0 for a block device */
	uint32_t bad;		/* blocks that can't be used, and are not counted in size */
	bool read_only;
};

/* sys: "/sys". -ENODEV: there is no such target; -ENOTUNIQ: several of that name. */
int pvk_target_find(const char *sys, const char *text, struct pvk_target *target,
		    struct pvk_err *err);
const char *pvk_target_kind_name(enum pvk_target_kind kind);

/* A block device by its name in /sys. */
int pvk_target_block(const char *sys, const char *device, struct pvk_target *target);

#define PVK_TARGET_IDENTITY	256
#define PVK_TARGET_PARTUUID	40

/*
 * What stays the same when a later boot numbers its devices otherwise: the name of flash or of
 * a volume, a disk's own number (wwid, cid, serial) and where on it that begins. "" where there
 * is nothing of that.
 */
void pvk_target_identity(const char *sys, const struct pvk_target *target,
			 char text[PVK_TARGET_IDENTITY]);
/* And of a partition what its table says it is, as PARTUUID= of root= has it; "". dev: "/dev". */
void pvk_target_partuuid(const char *sys, const char *dev, const struct pvk_target *target,
			 char text[PVK_TARGET_PARTUUID]);

/* Of an earlier boot. */
struct pvk_identity {
	const char *text;	/* NULL: there was none */
	const char *partuuid;	/* likewise */
	uint64_t size;		/* of a block device; 0: any */
	const char *like;	/* none of these: by the size and place of that one alone */
};

bool pvk_target_is(const char *sys, const char *dev, const struct pvk_target *target,
		   const struct pvk_identity *identity);
/*
 * The one block device that it is. -ENODEV: none is; -ENOTUNIQ: two may be, and the text says
 * which.
 */
int pvk_target_by_identity(const char *sys, const char *dev, const struct pvk_identity *identity,
			   struct pvk_target *target, struct pvk_err *err);

/* Does an image of that many bytes fit? -EFBIG, -ENODATA (an empty one), -EROFS. */
int pvk_target_fits(const struct pvk_target *target, uint64_t size, struct pvk_err *err);

/*
 * Would writing there change what the running root lies on? 1: yes, and the text says how
 * that is: it is the same, it holds it or it overlaps with it. proc: "/proc".
 */
int pvk_target_is_root(const struct pvk_target *target, const char *sys, const char *proc,
		       struct pvk_err *text);

/* The same of any path, and which file system it is that the target has below it. */
struct pvk_below {
	dev_t dev;		/* the superblock's */
	char medium[64];	/* its medium's name in /sys/class: "vda2", "mtd3", "ubi0_1" */
	/*
	 * "", or a layer of an overlay on the way whose path leads nowhere by now: what it lies
	 * on can't be told, and 0 is then as far as can be seen.
	 */
	char lost[256];
};

int pvk_target_is_below(const struct pvk_target *target, const char *file, const char *sys,
			const char *proc, struct pvk_below *below, struct pvk_err *text);

/* What uses it from here: a mount of this namespace, wherever it is, or swap. */
enum pvk_use_kind {
	PVK_USE_MOUNT,
	PVK_USE_SWAP,
};

/* Texts are valid during the call that gets it. */
struct pvk_use {
	enum pvk_use_kind kind;
	const char *what;	/* the mount point, the path of the swap */
	dev_t dev;		/* of a mount: the superblock's */
};

/* Not 0 ends it, and is what pvk_target_uses() returns. */
typedef int (*pvk_use_fn)(void *arg, const struct pvk_use *use);

/* However it is stacked: by a partition, dm, md, a loop device, an overlay. */
int pvk_target_uses(const struct pvk_target *target, const char *sys, const char *proc,
		    pvk_use_fn fn, void *arg, struct pvk_err *err);

/*
 * What is built on it, or on a part of it: a device of the device mapper that does no more
 * than pass on what is read and written is fine, as long as nobody has that one. -EBUSY: md,
 * or one that writes by itself, and the text says which.
 */
int pvk_target_carries(const struct pvk_target *target, const char *sys, const char *dev,
		       struct pvk_err *err);

/* Would writing to one change the other: the same, a part of it, flash that it shares? */
bool pvk_target_overlap(const struct pvk_target *one, const struct pvk_target *other,
			const char *sys);

/*
 * Has UBI that flash, or a part of it? It moves and erases blocks whenever it likes to, whatever
 * somebody writes there: only its volumes can be written. Its number, or -ENOENT.
 */
int pvk_target_ubi_on(const struct pvk_target *target, const char *sys);

struct pvk_watchdog {
	char name[32];		/* "watchdog0" */
	char identity[64];
	bool active;
	unsigned int timeout;	/* seconds, 0: not said */
};

/* The first one, or one that is active already. -ENODEV: there is none. */
int pvk_watchdog_find(const char *sys, struct pvk_watchdog *watchdog, struct pvk_err *err);

#endif /* PVK_TARGET_H */
