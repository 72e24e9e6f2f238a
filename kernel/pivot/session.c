// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session: a file, its states, and a time limit on each of them.
 *
 *   open -> evicting -> sealed -> released -> armed -> closed
 *
 * The owner enters all but released, which comes by itself once the superblock is
 * gone and its medium proven unused. What ends a session without its owner having
 * said so (its death, the limit, somebody else) is an abort, which puts everything
 * back as it was; once it is armed there is nothing to be put back, and the
 * machine reboots.
 *
 * Locking: see pv_pivot.h. There is one session at a time; the last one stays to be
 * read until there is another. It lets go of what it holds in a work item of its
 * own, since that sleeps.
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "pv_pivot.h"

#define PVP_PROVE_AGAIN		(HZ / 10)
#define PVP_PROVE_UBI_AGAIN	HZ	/* each refusal is a line in the kernel's log */

DEFINE_MUTEX(pvp_lock);	/* see pv_pivot.h */
struct pvp_session *pvp_session;

static void pvp_prove_work_fn(struct work_struct *work);
static void pvp_limit_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvp_prove_work, pvp_prove_work_fn);
static DECLARE_DELAYED_WORK(pvp_limit_work, pvp_limit_work_fn);

static void pvp_session_release(struct kref *ref)
{
	struct pvp_session *session = container_of(ref, struct pvp_session, ref);

	put_pid(session->owner);
	kfree(session);
}

static void pvp_session_put(struct pvp_session *session)
{
	kref_put(&session->ref, pvp_session_release);
}

/**
 * pvp_live - has a session not ended
 * @session: the session; or NULL
 *
 * Locked.
 *
 * Return: whether it lives.
 */
bool pvp_live(const struct pvp_session *session)
{
	return session && session->state != PV_PIVOT_STATE_CLOSED &&
	       session->state != PV_PIVOT_STATE_ABORTED;
}

/**
 * pvp_default_limit - how long a state may last when nothing is said
 * @state: the state
 *
 * Return: seconds.
 */
u32 pvp_default_limit(enum pv_pivot_state state)
{
	switch (state) {
	case PV_PIVOT_STATE_SEALED:
		return 300;
	case PV_PIVOT_STATE_RELEASED:
	case PV_PIVOT_STATE_ARMED:
		return 3600;
	default:
		return 600;
	}
}

/*
 * States
 */

/* locked */
static void pvp_enter(struct pvp_session *session, enum pv_pivot_state state, u32 limit)
{
	session->state = state;
	pvp_reboot_armed(state == PV_PIVOT_STATE_ARMED ? session->owner : NULL);
	if (pvp_live(session)) {
		session->until = ktime_get_boottime_seconds() + limit;
		mod_delayed_work(pvp_wq, &pvp_limit_work, limit * HZ);
	} else {
		/* At once, since the next one may follow the same; the rest takes its time. */
		pvp_super_let_go(session->super);
		if (session->gate)
			pvp_gate_open(session->gate);
		queue_work(pvp_wq, &session->end_work);
	}
	pvp_event(PV_PIVOT_EVENT_KIND_STATE);
}

/* locked */
static void pvp_end(struct pvp_session *session, enum pv_pivot_state state, int error,
		    const char *why)
{
	session->error = error;
	session->why = why;
	pvp_enter(session, state, 0);
}

/* locked; without its owner having said so */
static void pvp_lose(struct pvp_session *session, int error, const char *why)
{
	if (session->state == PV_PIVOT_STATE_REBOOTING)
		return;
	if (session->state != PV_PIVOT_STATE_ARMED) {
		pvp_end(session, PV_PIVOT_STATE_ABORTED, error, why);
		return;
	}
	session->error = error;
	session->why = why;
	pvp_enter(session, PV_PIVOT_STATE_REBOOTING, PV_PIVOT_MAX_LIMIT);
	pvp_restart(session->reboot_arg, why);
}

static void pvp_gate_forget(struct pvp_session *session)
{
	struct pvp_gate *gate;

	/* Who reads the status looks at it. */
	mutex_lock(&pvp_lock);
	gate = session->gate;
	session->gate = NULL;
	mutex_unlock(&pvp_lock);
	pvp_gate_free(gate);
}

static void pvp_end_work_fn(struct work_struct *work)
{
	struct pvp_session *session = container_of(work, struct pvp_session, end_work);

	pvp_dog_drop(session);
	/* A proof under way is over then, and begins no more. */
	flush_delayed_work(&pvp_prove_work);
	mutex_lock(&session->io);
	pvp_super_put(session->super);
	pvp_gate_forget(session);
	pvp_medium_release(&session->medium);
	mutex_unlock(&session->io);
	pvp_session_put(session);
	module_put(THIS_MODULE);
}

static void pvp_limit_work_fn(struct work_struct *work)
{
	time64_t now = ktime_get_boottime_seconds();

	mutex_lock(&pvp_lock);
	/* It may have gone on to another state just now, which set its own. */
	if (pvp_live(pvp_session) && now >= pvp_session->until)
		pvp_lose(pvp_session, -ETIMEDOUT, "the state took longer than its limit");
	mutex_unlock(&pvp_lock);
}

/*
 * The proof
 */

/* locked; one whose release is still to be proven */
static bool pvp_unproven(const struct pvp_session *session)
{
	return session && session->state == PV_PIVOT_STATE_SEALED &&
	       READ_ONCE(session->super->gone);
}

/* locked */
static void pvp_released(struct pvp_session *session)
{
	pvp_gate_released(session->gate);
	pvp_enter(session, PV_PIVOT_STATE_RELEASED, pvp_default_limit(PV_PIVOT_STATE_RELEASED));
}

static int pvp_prove(struct pvp_session *session, u32 *proof, const char **why)
{
	if (!pvp_super_absent(session->super, &session->medium)) {
		*why = "the medium has been mounted again";
		return -EBUSY;
	}
	*proof = PV_PIVOT_PROOF_ABSENT;
	return pvp_medium_prove(&session->medium, session->gate, proof, why);
}

static void pvp_prove_work_fn(struct work_struct *work)
{
	struct pvp_session *session = NULL;
	const char *why = NULL;
	u32 proof = 0;
	int err;

	mutex_lock(&pvp_lock);
	if (pvp_unproven(pvp_session)) {
		session = pvp_session;
		kref_get(&session->ref);
	}
	mutex_unlock(&pvp_lock);
	if (!session)
		return;

	err = pvp_prove(session, &proof, &why);
	mutex_lock(&pvp_lock);
	if (pvp_unproven(session)) {
		session->proof = proof;
		session->error = err;
		session->why = why;
		if (err)
			mod_delayed_work(pvp_wq, &pvp_prove_work,
					 session->medium.kind == PV_PIVOT_MEDIUM_UBI ?
					 PVP_PROVE_UBI_AGAIN : PVP_PROVE_AGAIN);
		else
			pvp_released(session);
	}
	mutex_unlock(&pvp_lock);
	pvp_session_put(session);
}

/**
 * pvp_session_prove - a superblock is on its way out: see whether it was the one
 *
 * May be called from anywhere that may take a spinlock.
 */
void pvp_session_prove(void)
{
	mod_delayed_work(pvp_wq, &pvp_prove_work, 0);
}

/*
 * The file
 */

static int pvp_file_release(struct inode *inode, struct file *file)
{
	struct pvp_session *session = file->private_data;

	mutex_lock(&pvp_lock);
	if (pvp_live(session))
		pvp_lose(session, -EOWNERDEAD, "its owner died or closed it");
	mutex_unlock(&pvp_lock);
	pvp_session_put(session);
	return 0;
}

static const struct file_operations pvp_file_ops = {
	.owner = THIS_MODULE,
	.release = pvp_file_release,
};

/**
 * pvp_session_of - the session that a file is
 * @file: any file
 *
 * Return: the session, as long as the file is held; NULL: it is none.
 */
struct pvp_session *pvp_session_of(const struct file *file)
{
	return file->f_op == &pvp_file_ops ? file->private_data : NULL;
}

static struct pvp_session *pvp_session_new(struct super_block *sb, const char **why)
{
	struct pvp_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	int err;

	*why = "out of memory";
	if (!session)
		return ERR_PTR(-ENOMEM);
	kref_init(&session->ref);
	mutex_init(&session->io);
	session->owner = get_pid(task_tgid(current));
	INIT_WORK(&session->end_work, pvp_end_work_fn);
	strscpy(session->fs, sb->s_type->name, sizeof(session->fs));
	strscpy(session->device, sb->s_id, sizeof(session->device));
	session->super = pvp_super_follow(sb, session->owner, why);
	if (IS_ERR(session->super)) {
		err = PTR_ERR(session->super);
		pvp_session_put(session);
		return ERR_PTR(err);
	}
	pvp_medium_find(&session->medium, sb);
	pvp_medium_name(&session->medium, session->device, sizeof(session->device));
	return session;
}

/* Of one that nobody has seen. */
static void pvp_session_drop(struct pvp_session *session)
{
	pvp_super_let_go(session->super);
	pvp_super_put(session->super);
	pvp_medium_release(&session->medium);
	pvp_session_put(session);
}

/* locked; it becomes the one there is. References: the file's, and the work item's. */
static void pvp_session_begin(struct pvp_session *session, u32 limit)
{
	if (pvp_session)
		pvp_session_put(pvp_session);
	kref_get(&session->ref);
	kref_get(&session->ref);
	__module_get(THIS_MODULE);
	pvp_session = session;
	pvp_enter(session, PV_PIVOT_STATE_OPEN, limit);
}

/**
 * pvp_session_open - begin a session
 * @on: a file on the file system to follow
 * @limit: seconds that it may be open before its next state
 * @why: set to a constant text when it can't be
 *
 * Locked. The calling process becomes its owner.
 *
 * Return: its file; ERR_PTR: -EBUSY, -EOPNOTSUPP, -ENOMEM or another.
 */
struct file *pvp_session_open(struct file *on, u32 limit, const char **why)
{
	struct pvp_session *session;
	struct file *file;

	*why = "there is a session";
	if (pvp_live(pvp_session))
		return ERR_PTR(-EBUSY);
	session = pvp_session_new(file_inode(on)->i_sb, why);
	if (IS_ERR(session))
		return ERR_CAST(session);
	file = anon_inode_getfile("[pv_pivot]", &pvp_file_ops, session, O_RDWR);
	if (IS_ERR(file)) {
		*why = "no file";
		pvp_session_drop(session);
		return file;
	}
	pvp_session_begin(session, limit);
	return file;
}

/*
 * What the owner, and others, ask for
 */

/* locked; takes the gate over */
static int pvp_seal(struct pvp_session *session, struct pvp_gate **gate, const char **why)
{
	int err;

	*why = "the file system is not read-only";
	if (pvp_super_writable(session->super))
		return -EBUSY;
	err = pvp_gate_shut(*gate, why);
	if (err)
		return err;
	session->gate = *gate;
	*gate = NULL;
	WRITE_ONCE(session->super->mark.shut, true);
	/* It may be gone already. */
	pvp_session_prove();
	return 0;
}

/* locked */
static bool pvp_may_enter(enum pv_pivot_state from, enum pv_pivot_state to)
{
	switch (to) {
	case PV_PIVOT_STATE_EVICTING:
		return from == PV_PIVOT_STATE_OPEN;
	case PV_PIVOT_STATE_SEALED:
		return from == PV_PIVOT_STATE_OPEN || from == PV_PIVOT_STATE_EVICTING;
	case PV_PIVOT_STATE_ARMED:
		return from == PV_PIVOT_STATE_RELEASED;
	case PV_PIVOT_STATE_CLOSED:
		return from == PV_PIVOT_STATE_RELEASED || from == PV_PIVOT_STATE_ARMED;
	default:
		return false;
	}
}

/* locked; @gate is for sealed, which takes it over */
static int pvp_enter_next(struct pvp_session *session, const struct pvp_step *step,
			  struct pvp_gate **gate, const char **why)
{
	enum pv_pivot_state state = step->state;
	int err;

	if (session->state == state)
		return 0;
	*why = "not a state that comes after the one it is in";
	if (!pvp_may_enter(session->state, state))
		return -EINVAL;
	err = state == PV_PIVOT_STATE_SEALED ? pvp_seal(session, gate, why) : 0;
	if (err)
		return err;
	if (state == PV_PIVOT_STATE_ARMED)
		strscpy(session->reboot_arg, step->arg, sizeof(session->reboot_arg));
	if (state == PV_PIVOT_STATE_CLOSED)
		pvp_end(session, state, 0, NULL);
	else
		pvp_enter(session, state, step->limit);
	return 0;
}

/* io; NULL when it would not be sealed anyway */
static struct pvp_gate *pvp_gate_for(struct pvp_session *session, int mtd, const char **why)
{
	bool may;

	mutex_lock(&pvp_lock);
	may = pvp_may_enter(session->state, PV_PIVOT_STATE_SEALED);
	mutex_unlock(&pvp_lock);
	return may ? pvp_gate_new(session, mtd, why) : NULL;
}

/**
 * pvp_session_step - enter a state
 * @session: the session, whose file is held
 * @step: which, and what goes with it
 * @why: set to a constant text when it is refused
 *
 * Return: 0; -EINVAL: not from the state it is in; -EBUSY: it can't be sealed.
 */
int pvp_session_step(struct pvp_session *session, const struct pvp_step *step,
		     const char **why)
{
	struct pvp_gate *gate = NULL;
	int err;

	mutex_lock(&session->io);
	if (step->state == PV_PIVOT_STATE_SEALED)
		gate = pvp_gate_for(session, step->mtd, why);
	err = PTR_ERR_OR_ZERO(gate);
	if (!err) {
		mutex_lock(&pvp_lock);
		err = pvp_enter_next(session, step, &gate, why);
		mutex_unlock(&pvp_lock);
		pvp_gate_free(gate);
	}
	/* Now the owner is to have it, see there. */
	if (!err && step->state == PV_PIVOT_STATE_ARMED)
		pvp_ubi_unclaim(&session->medium);
	mutex_unlock(&session->io);
	return err;
}

/**
 * pvp_session_abort - end a session as if it had not been
 * @session: the session; or NULL
 * @error: negative errno that is its reason
 * @why: the same in words, a constant; set to another when it is refused
 *
 * Locked.
 *
 * Return: 0; -ENOENT: it does not live; -EBUSY: it is armed.
 */
int pvp_session_abort(struct pvp_session *session, int error, const char **why)
{
	if (!pvp_live(session)) {
		*why = "there is no session";
		return -ENOENT;
	}
	if (session->state == PV_PIVOT_STATE_ARMED ||
	    session->state == PV_PIVOT_STATE_REBOOTING) {
		*why = "past the point of no return";
		return -EBUSY;
	}
	pvp_end(session, PV_PIVOT_STATE_ABORTED, error, *why);
	return 0;
}

int pvp_session_init(void)
{
	return pvp_mark_init();
}

/**
 * pvp_session_exit - when the module goes, which a session that lives prevents
 */
void pvp_session_exit(void)
{
	pvp_dog_exit();
	cancel_delayed_work_sync(&pvp_limit_work);
	cancel_delayed_work_sync(&pvp_prove_work);
	pvp_mark_exit();
	if (pvp_session)
		pvp_session_put(pvp_session);
}
