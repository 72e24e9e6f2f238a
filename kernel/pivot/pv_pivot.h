/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv_pivot: guard of the move to a ramfs. What the files of the module share.
 *
 * Locks, outermost first:
 *
 *   pvp_session.io  the medium is not let go of while what lies on it is looked for.
 *   pvp_lock        the session, its state and the subscribers. Held for short work
 *                   only: no superblock is looked for and no medium opened under it.
 *
 * Opens of files are judged without a lock, see superblock.c. The proof of a
 * release is made in a work item, without pvp_lock: it sleeps in the locks of
 * superblocks and of block devices.
 *
 * A function whose comment says "locked" is called with pvp_lock held.
 */
#ifndef PV_PIVOT_H
#define PV_PIVOT_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include <uapi/linux/pv_pivot.h>

#include "../subscriber.h"

#define PVP_MAX_CLIENTS		256	/* subscribers without a right to open */

extern struct mutex pvp_lock;
extern struct workqueue_struct *pvp_wq;
extern struct genl_family pvp_family;
extern u32 pvp_generation;		/* locked */

#define PVP_MAX_PARTS		64	/* partitions of a disk that are guarded */
#define PVP_MAX_MTD		64	/* MTDs that are looked at */

struct mtd_info;
struct ubi_volume_desc;

struct pvp_mark;

/**
 * struct pvp_mark_ops - what a mark is for
 * @guards: is that inode to be opened by the owner alone; any context
 * @gone: its superblock is being shut down; NULL: that never happens
 */
struct pvp_mark_ops {
	bool (*guards)(const struct pvp_mark *mark, const struct inode *inode);
	void (*gone)(struct pvp_mark *mark);
};

/**
 * struct pvp_mark - a mark on a superblock; the first in what it is part of
 * @mark: freed with the last reference to it
 * @ops: what it is for
 * @owner: process to which opens are not refused, compared only
 * @shut: opens are refused
 * @taken_off: by us
 */
struct pvp_mark {
	struct fsnotify_mark mark;
	const struct pvp_mark_ops *ops;
	const struct pid *owner;
	bool shut;
	bool taken_off;
};

/**
 * struct pvp_super - a superblock that is followed
 * @mark: on it
 * @sb: the superblock; not to be looked into but under RCU and before @gone
 * @type: of the file system, whose module is held
 * @gone: it is being shut down, or was: its root is no more
 */
struct pvp_super {
	struct pvp_mark mark;
	struct super_block *sb;
	struct file_system_type *type;
	bool gone;
};

/**
 * struct pvp_medium - what a file system lies on
 * @kind: which
 * @dev: the block device; 0: none
 * @claim: holds @dev exclusively; NULL: not yet
 * @mtd: referenced; NULL: none. Also that of an mtdblock, and from sealed on that below UBI
 * @ubi_num: of UBI's device, if that is the kind
 * @ubi_volume: of the volume
 * @volume: had exclusively; NULL: not yet, or no more
 * @block: the block device and those that overlap with it
 * @n_block: how many
 */
struct pvp_medium {
	enum pv_pivot_medium kind;
	dev_t dev;
	void *claim;
	struct mtd_info *mtd;
	int ubi_num;
	int ubi_volume;
	struct ubi_volume_desc *volume;
	dev_t block[PVP_MAX_PARTS + 1];
	unsigned int n_block;
};

/**
 * struct pvp_gate_mtd - an MTD that can't be written while the gate is shut
 * @mtd: referenced
 * @was_writeable: and will be again
 */
struct pvp_gate_mtd {
	struct mtd_info *mtd;
	bool was_writeable;
};

struct pvp_nodes;

/**
 * struct pvp_gate - what is shut to others beside the files
 * @what: PV_PIVOT_GATE_* once it is shut
 * @nodes: device nodes of the medium; NULL: there is no devtmpfs on /dev
 * @mtd: the medium, and those that overlap with it
 * @n_mtd: how many
 * @ubi: has these, so they are not to be turned read-only
 */
struct pvp_gate {
	u32 what;
	struct pvp_nodes *nodes;
	struct pvp_gate_mtd mtd[PVP_MAX_MTD];
	unsigned int n_mtd;
	bool ubi;
};

/**
 * struct pvp_session - one session, live or the last one
 * @ref: of its file, of pvp_session, and of a proof under way
 * @owner: process that opened it, referenced
 * @super: what it follows
 * @io: see above
 * @medium: of @super; is let go of with @io held
 * @gate: locked. Shut; NULL: not sealed yet, or no more
 * @fs: name of the type
 * @device: its s_id
 * @state: locked
 * @until: locked. CLOCK_BOOTTIME in seconds, the limit of @state
 * @proof: locked. PV_PIVOT_PROOF_*
 * @error: locked. Negative errno of what ended it or hinders the proof, 0: nothing
 * @why: locked. The same in words, a constant; or NULL
 * @reboot_arg: locked. For pvp_restart()
 * @end_work: lets go of all of the above once it has ended
 */
struct pvp_session {
	struct kref ref;
	struct pid *owner;
	struct pvp_super *super;
	struct mutex io;	/* see above */
	struct pvp_medium medium;
	struct pvp_gate *gate;
	char fs[32];
	char device[32];

	enum pv_pivot_state state;
	time64_t until;
	u32 proof;
	int error;
	const char *why;
	char reboot_arg[PV_PIVOT_MAX_REBOOT_ARG + 1];
	struct work_struct end_work;
};

/**
 * struct pvp_step - what the owner asks for
 * @state: to enter
 * @limit: seconds that it may last
 * @arg: with armed, the argument of the reboot that its end otherwise is; or ""
 * @mtd: with sealed, number of the flash below UBI; negative: not said
 */
struct pvp_step {
	enum pv_pivot_state state;
	u32 limit;
	const char *arg;
	int mtd;
};

/**
 * struct pvp_client - a socket that subscribed
 * @sub: the socket; in pvp_clients
 * @trusted: had the right to open a session when it first came; others are bounded
 */
struct pvp_client {
	struct pvk_subscriber sub;
	bool trusted;
};

/* session.c */
extern struct pvp_session *pvp_session;		/* locked */
bool pvp_live(const struct pvp_session *session);
u32 pvp_default_limit(enum pv_pivot_state state);
struct file *pvp_session_open(struct file *on, u32 limit, const char **why);
struct pvp_session *pvp_session_of(const struct file *file);
int pvp_session_step(struct pvp_session *session, const struct pvp_step *step,
		     const char **why);
int pvp_session_abort(struct pvp_session *session, int error, const char **why);
void pvp_session_prove(void);
int pvp_session_init(void);
void pvp_session_exit(void);

/* helper.c */
int pvp_helper_start(const char *word, const char **why);
bool pvp_helper_state(u32 *pid, int *status);

/* reboot.c */
void pvp_restart(const char *arg, const char *why);
void pvp_reboot_armed(const struct pid *owner);
int pvp_reboot_init(void);
void pvp_reboot_exit(void);

/* watchdog.c */
int pvp_dog_take(const struct pvp_session *session, struct file *file, u32 interval,
		 u32 seconds, const char **why);
u32 pvp_dog_left(void);
void pvp_dog_drop(const struct pvp_session *session);
void pvp_dog_exit(void);

/* mark.c */
int pvp_mark_put_on(struct pvp_mark *mark, struct super_block *sb);
void pvp_mark_take_off(struct pvp_mark *mark);
void pvp_mark_put(struct pvp_mark *mark);
int pvp_mark_init(void);
void pvp_mark_exit(void);

/* gate.c */
struct pvp_gate *pvp_gate_new(struct pvp_session *session, int mtd, const char **why);
int pvp_gate_shut(struct pvp_gate *gate, const char **why);
void pvp_gate_released(struct pvp_gate *gate);
void pvp_gate_open(struct pvp_gate *gate);
void pvp_gate_free(struct pvp_gate *gate);
int pvp_nodes_add(struct pvp_nodes *nodes, umode_t type, dev_t dev);

/* superblock.c */
struct pvp_super *pvp_super_follow(struct super_block *sb, const struct pid *owner,
				   const char **why);
void pvp_super_let_go(struct pvp_super *super);
void pvp_super_put(struct pvp_super *super);
u32 pvp_super_active(const struct pvp_super *super);
bool pvp_super_writable(const struct pvp_super *super);
bool pvp_super_absent(const struct pvp_super *super, const struct pvp_medium *medium);

/* medium.c */
void pvp_medium_find(struct pvp_medium *medium, struct super_block *sb);
bool pvp_medium_has(const struct pvp_medium *medium, const struct super_block *sb);
void pvp_medium_name(const struct pvp_medium *medium, char *name, size_t size);
int pvp_medium_prove(struct pvp_medium *medium, const struct pvp_gate *gate, u32 *proof,
		     const char **why);
void pvp_medium_release(struct pvp_medium *medium);

/* block.c */
#if IS_ENABLED(CONFIG_BLOCK)
dev_t pvp_block_of(const struct super_block *sb);
const char *pvp_block_disk(const struct super_block *sb);
dev_t pvp_block_node(const char *path);
void pvp_block_find(struct pvp_medium *medium, const struct super_block *sb);
int pvp_block_claim(struct pvp_medium *medium, const char **why);
void pvp_block_unclaim(struct pvp_medium *medium);
#else
static inline dev_t pvp_block_of(const struct super_block *sb)
{
	return 0;
}

static inline const char *pvp_block_disk(const struct super_block *sb)
{
	return NULL;
}

static inline dev_t pvp_block_node(const char *path)
{
	return 0;
}

static inline void pvp_block_find(struct pvp_medium *medium, const struct super_block *sb)
{
}

static inline int pvp_block_claim(struct pvp_medium *medium, const char **why)
{
	return 0;
}

static inline void pvp_block_unclaim(struct pvp_medium *medium)
{
}
#endif

/* mtd.c */
#if IS_ENABLED(CONFIG_MTD)
void pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb);
void pvp_mtd_name(const struct pvp_medium *medium, char *name, size_t size);
void pvp_mtd_gate(struct pvp_gate *gate, struct mtd_info *mtd);
int pvp_mtd_nodes(const struct pvp_gate *gate, struct pvp_nodes *nodes);
int pvp_mtd_shut(struct pvp_gate *gate, const char **why);
void pvp_mtd_open(struct pvp_gate_mtd *one);
void pvp_mtd_put(struct pvp_gate_mtd *one);
bool pvp_mtd_counted(const struct pvp_medium *medium);
int pvp_mtd_unused(const struct pvp_medium *medium, const struct pvp_gate *gate,
		   const char **why);
void pvp_mtd_release(struct pvp_medium *medium);
#else
static inline void pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb)
{
}

static inline void pvp_mtd_name(const struct pvp_medium *medium, char *name, size_t size)
{
}

static inline void pvp_mtd_gate(struct pvp_gate *gate, struct mtd_info *mtd)
{
}

static inline int pvp_mtd_nodes(const struct pvp_gate *gate, struct pvp_nodes *nodes)
{
	return 0;
}

static inline int pvp_mtd_shut(struct pvp_gate *gate, const char **why)
{
	return 0;
}

static inline void pvp_mtd_open(struct pvp_gate_mtd *one)
{
}

static inline void pvp_mtd_put(struct pvp_gate_mtd *one)
{
}

static inline bool pvp_mtd_counted(const struct pvp_medium *medium)
{
	return false;
}

static inline int pvp_mtd_unused(const struct pvp_medium *medium, const struct pvp_gate *gate,
				 const char **why)
{
	return 0;
}

static inline void pvp_mtd_release(struct pvp_medium *medium)
{
}
#endif

/* ubi.c */
#if IS_ENABLED(CONFIG_MTD_UBI)
void pvp_ubi_find(struct pvp_medium *medium, const struct super_block *sb);
void pvp_ubi_name(const struct pvp_medium *medium, char *name, size_t size);
bool pvp_ubi_has(const struct pvp_medium *medium, const struct super_block *sb);
int pvp_ubi_claim(struct pvp_medium *medium, const char **why);
void pvp_ubi_unclaim(struct pvp_medium *medium);
int pvp_ubi_nodes(const struct pvp_medium *medium, struct pvp_nodes *nodes);
int pvp_ubi_mtd(struct pvp_medium *medium, int number, const char **why);
#else
static inline void pvp_ubi_find(struct pvp_medium *medium, const struct super_block *sb)
{
}

static inline void pvp_ubi_name(const struct pvp_medium *medium, char *name, size_t size)
{
}

static inline bool pvp_ubi_has(const struct pvp_medium *medium, const struct super_block *sb)
{
	return false;
}

static inline int pvp_ubi_claim(struct pvp_medium *medium, const char **why)
{
	return 0;
}

static inline void pvp_ubi_unclaim(struct pvp_medium *medium)
{
}

static inline int pvp_ubi_nodes(const struct pvp_medium *medium, struct pvp_nodes *nodes)
{
	return 0;
}

static inline int pvp_ubi_mtd(struct pvp_medium *medium, int number, const char **why)
{
	return 0;
}
#endif

/* event.c: clients and what they are told */
struct pvp_client *pvp_client_get(struct sock *sk, u32 portid, bool trusted);
void pvp_event(enum pv_pivot_event_kind kind);
int pvp_event_init(void);
void pvp_event_exit(void);

/* netlink.c */
int pvp_nl_send_event(struct pvp_client *client, enum pv_pivot_event_kind kind);

/* sysfs.c */
void pvp_sysfs_changed(enum pv_pivot_state state);
int pvp_sysfs_init(void);
void pvp_sysfs_exit(void);

/* locked */
static inline enum pv_pivot_state pvp_state(void)
{
	return pvp_session ? pvp_session->state : PV_PIVOT_STATE_IDLE;
}

static inline const char *pvp_state_name(enum pv_pivot_state state)
{
	static const char * const names[] = {
		[PV_PIVOT_STATE_IDLE] = "idle",
		[PV_PIVOT_STATE_OPEN] = "open",
		[PV_PIVOT_STATE_EVICTING] = "evicting",
		[PV_PIVOT_STATE_SEALED] = "sealed",
		[PV_PIVOT_STATE_RELEASED] = "released",
		[PV_PIVOT_STATE_ARMED] = "armed",
		[PV_PIVOT_STATE_REBOOTING] = "rebooting",
		[PV_PIVOT_STATE_CLOSED] = "closed",
		[PV_PIVOT_STATE_ABORTED] = "aborted",
	};

	return names[state];
}

#endif /* PV_PIVOT_H */
