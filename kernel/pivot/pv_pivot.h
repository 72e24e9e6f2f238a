/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv_pivot: guard of the move to a ramfs. What the files of the module share.
 *
 * Locks:
 *
 *   pvp_lock   the session, its state and the subscribers. Held for short work
 *              only: no superblock is looked for and no medium opened under it.
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

struct mtd_info;

/**
 * struct pvp_super - a superblock that is followed
 * @mark: on it; freed with the last reference to it, which the session holds
 * @sb: the superblock; not to be looked into but under RCU and before @gone
 * @type: of the file system, whose module is held
 * @gone: it is being shut down, or was: its root is no more
 * @letting_go: the mark is taken off while it lives
 * @sealed: opens are refused to all but the owner
 * @owner: process, compared only
 */
struct pvp_super {
	struct fsnotify_mark mark;
	struct super_block *sb;
	struct file_system_type *type;
	bool gone;
	bool letting_go;
	bool sealed;
	const struct pid *owner;
};

/**
 * struct pvp_medium - what a file system lies on
 * @kind: which
 * @dev: the block device; 0: none
 * @claim: holds @dev exclusively; NULL: not yet
 * @mtd: referenced; NULL: none
 */
struct pvp_medium {
	enum pv_pivot_medium kind;
	dev_t dev;
	void *claim;
	struct mtd_info *mtd;
};

/**
 * struct pvp_session - one session, live or the last one
 * @ref: of its file, of pvp_session, and of a proof under way
 * @owner: process that opened it, referenced
 * @super: what it follows
 * @medium: of @super
 * @fs: name of the type
 * @device: its s_id
 * @state: locked
 * @until: locked. CLOCK_BOOTTIME in seconds, the limit of @state
 * @proof: locked. PV_PIVOT_PROOF_*
 * @error: locked. Negative errno of what ended it or hinders the proof, 0: nothing
 * @why: locked. The same in words, a constant; or NULL
 * @end_work: lets go of all of the above once it has ended
 */
struct pvp_session {
	struct kref ref;
	struct pid *owner;
	struct pvp_super *super;
	struct pvp_medium medium;
	char fs[32];
	char device[32];

	enum pv_pivot_state state;
	time64_t until;
	u32 proof;
	int error;
	const char *why;
	struct work_struct end_work;
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
int pvp_session_step(struct pvp_session *session, enum pv_pivot_state state, u32 limit,
		     const char **why);
int pvp_session_abort(struct pvp_session *session, int error, const char *why);
void pvp_session_prove(void);
int pvp_session_init(void);
void pvp_session_exit(void);

/* superblock.c */
struct pvp_super *pvp_super_follow(struct super_block *sb, const struct pid *owner,
				   const char **why);
void pvp_super_let_go(struct pvp_super *super);
void pvp_super_put(struct pvp_super *super);
u32 pvp_super_active(const struct pvp_super *super);
bool pvp_super_writable(const struct pvp_super *super);
bool pvp_super_absent(const struct pvp_super *super, const struct pvp_medium *medium);
int pvp_super_init(void);
void pvp_super_exit(void);

/* medium.c */
void pvp_medium_find(struct pvp_medium *medium, struct super_block *sb);
bool pvp_medium_has(const struct pvp_medium *medium, const struct super_block *sb);
int pvp_medium_prove(struct pvp_medium *medium, u32 *proof, const char **why);
void pvp_medium_release(struct pvp_medium *medium);

/* block.c */
#if IS_ENABLED(CONFIG_BLOCK)
dev_t pvp_block_of(const struct super_block *sb);
int pvp_block_claim(struct pvp_medium *medium, const char **why);
void pvp_block_unclaim(struct pvp_medium *medium);
#else
static inline dev_t pvp_block_of(const struct super_block *sb)
{
	return 0;
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
bool pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb);
int pvp_mtd_unused(const struct pvp_medium *medium, const char **why);
void pvp_mtd_release(struct pvp_medium *medium);
#else
static inline bool pvp_mtd_find(struct pvp_medium *medium, const struct super_block *sb)
{
	return false;
}

static inline int pvp_mtd_unused(const struct pvp_medium *medium, const char **why)
{
	return 0;
}

static inline void pvp_mtd_release(struct pvp_medium *medium)
{
}
#endif

/* event.c: clients and what they are told */
struct pvp_client *pvp_client_get(struct sock *sk, u32 portid, bool trusted);
void pvp_event(void);
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
		[PV_PIVOT_STATE_CLOSED] = "closed",
		[PV_PIVOT_STATE_ABORTED] = "aborted",
	};

	return names[state];
}

#endif /* PV_PIVOT_H */
