/* SPDX-License-Identifier: MIT */
/*
 * holders_int - what the parts of `holders` share
 *
 * holders.c is the caller's side: it starts the child that looks, and watches it. The child
 * is holders_scan.c (processes), holders_mounts.c (mounts, overlays), holders_ns.c (those of
 * namespaces without a process), holders_stack.c (what else the kernel builds on it),
 * holders_sockets.c, holders_medium.c (device numbers of the medium).
 */
#ifndef PVK_HOLDERS_INT_H
#define PVK_HOLDERS_INT_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "holders.h"
#include "mountinfo.h"

#define HOLD_FS_MAX	64	/* file systems: the one, and what stands on it */
#define HOLD_OVERLAYS_MAX 16	/* that are remembered */
#define HOLD_ALIASES_MAX 64
#define HOLD_NODES_MAX	128
#define HOLD_LEARNED_MAX 1024
#define HOLD_PIECES_MAX	1024
#define HOLD_SKIP_MAX	16	/* places that hung; then the scan ends */
#define HOLD_MOUNTS_MAX	1024	/* distinct ones that are counted */
#define HOLD_ROWS_MAX	262144
#define HOLD_TEXT_MAX	(32u << 20)	/* of all mountinfo together */
#define HOLD_OUT_SIZE	(128u << 10)
#define HOLD_WHAT_MAX	(PATH_MAX + 64)
#define HOLD_VIA_SIZE	64

/* Where the child is: what may take for good, and what it is called then. */
enum hold_stage {
	HOLD_AT_NOTHING,
	HOLD_AT_PROCESS,	/* a pid */
	HOLD_AT_LOOP,		/* its number */
	HOLD_AT_SWAP,		/* the line */
	HOLD_AT_LAYER,		/* the overlay's mount */
};

struct hold_learned {
	uint64_t mnt;
	dev_t dev;
};

struct hold_node {
	mode_t type;		/* S_IFBLK or S_IFCHR */
	dev_t dev;
};

/*
 * What both processes see. The child writes; the parent reads while the child waits for its
 * leave or is dead.
 */
struct hold_shared {
	atomic_uint tick;	/* goes on while the child does */
	atomic_uint stage, number;	/* where it is: HOLD_AT_*, which one */
	dev_t dev;		/* of the superblock, once it is known */
	dev_t stat_dev;		/* what stat() says of files there, likewise */
	uint64_t mnt;		/* a mount of it, 0: not known */
	bool told;		/* what the kernel holds has been reported */
	bool done;		/* the child came to its end: error is its result */
	int error;
	uint32_t resume;	/* processes up to this one have been looked at */
	bool btrfs;
	uint64_t fsid;		/* of a btrfs: the same for all subvolumes */
	char type[32];
	char medium[64];
	uint32_t n_nodes, n_learned, n_skip, n_mounts, n_overlays;
	dev_t overlay[HOLD_OVERLAYS_MAX];	/* that stood on it at some time */
	uint32_t n_aliases;
	dev_t alias[HOLD_ALIASES_MAX];	/* other numbers that stat() says of its files */
	struct hold_node node[HOLD_NODES_MAX];
	struct hold_learned learned[HOLD_LEARNED_MAX];
	uint64_t skip[HOLD_SKIP_MAX];
	uint64_t mount[HOLD_MOUNTS_MAX];	/* those counted in sum.mounts */
	struct pvk_holders_sum sum;
	size_t out_len;		/* whole records only */
	char out[HOLD_OUT_SIZE];
};

/* A record in shared.out, with three texts behind it, each with its NUL. */
struct hold_record {
	uint32_t size;		/* of all of it */
	struct pvk_holder holder;
	bool has_via;
};

struct pvk_holders {
	struct pvk_holders_from from;
	struct hold_shared *shared;
	char *texts[3];		/* from.proc, .sys, .devices */
};

/* One of the file systems that are looked for. */
struct hold_fs {
	dev_t dev;
	char via[HOLD_VIA_SIZE];
};

struct hold_row {
	struct pvk_mount mount;
	uint32_t ns;		/* index in scan.ns */
	uint32_t order;
};

/* Where a mountinfo was read: a namespace, as seen from one root. */
struct hold_ns {
	uint64_t ino;
	uint64_t root_mnt, root_ino;
	uint32_t pid;
};

/* What the kernel holds, before it is reported. */
struct hold_piece {
	enum pvk_holder_kind kind;
	uint32_t fs;		/* index of what it holds */
	bool guess;
	char what[HOLD_VIA_SIZE];
	char *path;		/* or NULL */
};

/* A number that stat() gave, and no mount has: what is it? */
struct hold_stranger {
	dev_t dev;
	const struct hold_fs *fs;
	bool guess;
};

#define HOLD_STRANGERS	64

struct hold_scan {
	const struct pvk_holders_from *from;
	struct hold_shared *shared;
	int wire;		/* to the parent */
	int proc, sys, devices;	/* directories */
	pid_t self;
	uint32_t *pid;
	size_t n_pids;
	struct hold_fs fs[HOLD_FS_MAX];
	uint32_t n_fs;
	struct hold_row *row;	/* by mount id */
	size_t n_rows;
	struct hold_ns *ns;
	size_t n_ns;
	size_t text_len;	/* of all that the rows point into */
	dev_t nsfs;		/* what descriptors of namespaces are on */
	struct hold_piece *piece;
	size_t n_pieces;
	struct hold_stranger stranger[HOLD_STRANGERS];
	unsigned int n_strangers, next_stranger;
	bool strange;		/* st_dev need not be the superblock's here */
	struct hold_overlay *overlay;
	size_t n_overlays;
	bool listed;		/* the overlays have been */
	bool denied;		/* to look at some of the process */
	struct hold_loop *loop;
	size_t n_loops;
	struct hold_socket *socket;
	size_t n_sockets;
};

#define HOLD_LAYERS_MAX	512

/* One overlay, mounted however often. */
struct hold_overlay {
	dev_t dev;
	const struct hold_row *row;
	dev_t *layer;
	size_t n_layers;
	bool unknown;		/* of one at least it can't be told where it lies */
	bool added;
};

/* One that is bound to a path. */
struct hold_socket {
	uint64_t ino;
	char *path;
};

struct hold_loop {
	uint32_t number;
	dev_t dev[2];		/* of its file, by what the kernel says and by its path */
	char *path;
	bool added;
};

struct hold_inode {
	dev_t dev, rdev;
	mode_t mode;		/* its type */
	uint32_t nlink;
	uint64_t ino;
	uint64_t mnt;		/* 0: not known */
	uint64_t size;
	int64_t mtime;
};

/* A process, or one of its threads. */
struct hold_process {
	struct hold_scan *scan;
	uint32_t pid, tid;
	int dir;		/* O_PATH: a later process of that number is not this one */
	int files;		/* its fd directory */
	const struct hold_process *first;	/* of a thread: what its process has */
	bool known;		/* the following has been read */
	bool kernel;
	uint64_t start;
	char comm[64];
};

static inline uint64_t hold_key(enum hold_stage stage, uint32_t number)
{
	return (uint64_t)stage << 32 | number;
}

/* --- holders_scan.c: the child ---------------------------------------------- */

/* 0, or a negative errno for the exit status. */
int hold_child(const struct pvk_holders *holders, int wire);
/* Says where it goes on; false: it hung there before. */
bool hold_enter(struct hold_scan *scan, enum hold_stage stage, uint32_t number);
static inline void hold_tick(struct hold_scan *scan)
{
	atomic_fetch_add_explicit(&scan->shared->tick, 1, memory_order_relaxed);
}

/* The texts and process of holder are filled in; fs gives the rest. */
int hold_tell(struct hold_scan *scan, struct pvk_holder *holder, const struct hold_fs *fs);
/* What the kernel has of it in memory; 0 or a negative errno. path may be "": at itself. */
int hold_stat(int at, const char *path, struct hold_inode *inode);
int hold_know(struct hold_process *process);
/* A whole file of /proc or /sys, which says it has no size. */
int hold_read(int at, const char *path, size_t max, char **text, size_t *len);

/* --- holders_mounts.c ------------------------------------------------------- */

int hold_read_mounts(struct hold_scan *scan);
/* What the target is, with the mounts known. */
void hold_settle_target(struct hold_scan *scan);
const struct hold_row *hold_row_of(const struct hold_scan *scan, uint64_t mnt);
const struct hold_fs *hold_fs_of_dev(const struct hold_scan *scan, dev_t dev);
/* That stat() says so of a file of fs[0]: the number of a btrfs subvolume, say. */
void hold_add_alias(struct hold_scan *scan, dev_t dev);
/* Which of the file systems has it; at and path are what was asked. NULL: none. */
const struct hold_fs *hold_fs_of(struct hold_scan *scan, const struct hold_inode *stx, int at,
				 const char *path, bool *guess);
/* Counts a mount of the file system itself, if it is not known yet. */
void hold_count_mount(struct hold_scan *scan, const struct hold_fs *fs, uint64_t mnt);
void hold_add_overlays(struct hold_scan *scan, uint32_t fs);
int hold_tell_mounts(struct hold_scan *scan);
/* Opens a path with O_PATH as a process sees it; 0 is ourselves. */
int hold_open_in(struct hold_scan *scan, uint32_t pid, const char *path);
/* If it is a btrfs, what its subvolumes have in common. fd may be one of O_PATH. */
bool hold_btrfs_id(int fd, uint64_t *fsid);

/* The namespace's process stands for it. */
int hold_tell_mount(struct hold_scan *scan, const struct hold_ns *ns,
		    const struct pvk_mount *mount, const struct hold_fs *fs);

/* --- holders_ns.c ----------------------------------------------------------- */

/* Tells what is mounted in a namespace without a process: by a descriptor of it, by a mount. */
int hold_visit_fd(struct hold_process *process, const char *name);
int hold_visit_mount(struct hold_scan *scan, const struct hold_row *row);

/* --- holders_stack.c -------------------------------------------------------- */

/* Finds all that stands on the target, and on that. */
int hold_stack(struct hold_scan *scan);
int hold_tell_pieces(struct hold_scan *scan);
void hold_add_piece(struct hold_scan *scan, enum pvk_holder_kind kind, uint32_t fs,
		    const char *what, const char *path, bool guess);
/* One more to look for. */
void hold_add_fs(struct hold_scan *scan, dev_t dev, const char *via, uint32_t on);

/* --- holders_sockets.c ------------------------------------------------------ */

int hold_find_sockets(struct hold_scan *scan);
/* NULL: it is no socket, or bound to nothing on them. The path is as the process sees it. */
const struct hold_fs *hold_fs_of_socket(struct hold_scan *scan, uint32_t pid,
					const struct hold_inode *stx, const char **path);

/* --- holders_medium.c ------------------------------------------------------- */

/* Numbers of the nodes by which the target's medium can be opened. */
void hold_find_nodes(struct hold_scan *scan);
/* What UBI has attached of it. */
void hold_add_ubi(struct hold_scan *scan, uint32_t fs);
bool hold_is_node(const struct hold_scan *scan, const struct hold_inode *stx);
void hold_add_node(struct hold_scan *scan, mode_t type, dev_t dev);
/* A short file of /sys, without its newline; false: not there. */
bool hold_attr(int at, const char *path, char *text, size_t size);
bool hold_attr_dev(int at, const char *path, dev_t *dev);

#endif /* PVK_HOLDERS_INT_H */
