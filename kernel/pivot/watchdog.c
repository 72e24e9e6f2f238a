// SPDX-License-Identifier: GPL-2.0-only
/*
 * Custody of a watchdog: whoever fed it is among the processes that are ended, and one
 * that bites in the middle of an erase leaves half a flash. The module has its file
 * and keeps it alive, up to a deadline: an update that hangs for longer than that is
 * what a watchdog is for, and then it bites. So it does when the machine goes down and
 * a driver hangs on the way: nobody else would feed it there.
 *
 * Locking: see pv_pivot.h. The driver is called without a lock.
 */

#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/watchdog.h>

#include "pv_pivot.h"

static struct file *pvp_dog;		/* locked; NULL: none is in custody */
static const struct pvp_session *pvp_dog_of;	/* locked; compared only */
static time64_t pvp_dog_until;		/* locked; CLOCK_BOOTTIME seconds */
static u32 pvp_dog_interval;		/* locked; seconds */

static void pvp_dog_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvp_dog_work, pvp_dog_work_fn);

static int pvp_dog_feed(struct file *file)
{
	return vfs_ioctl(file, WDIOC_KEEPALIVE, 0);
}

static void pvp_dog_work_fn(struct work_struct *work)
{
	struct file *file = NULL;

	mutex_lock(&pvp_lock);
	if (pvp_dog_left()) {
		file = get_file(pvp_dog);
		queue_delayed_work(pvp_wq, &pvp_dog_work, pvp_dog_interval * HZ);
	}
	mutex_unlock(&pvp_lock);
	if (!file)
		return;
	pvp_dog_feed(file);
	fput(file);
}

/**
 * pvp_dog_take - take a watchdog into custody, in place of one that is
 * @session: the session, whose file is held
 * @file: the watchdog's, which the caller has
 * @interval: seconds between two keepalives
 * @seconds: how long it is kept alive
 * @why: set to a constant text when that can't be
 *
 * Return: 0; -EINVAL: no watchdog; -ESTALE: the session has ended; or the driver's error.
 */
int pvp_dog_take(const struct pvp_session *session, struct file *file, u32 interval,
		 u32 seconds, const char **why)
{
	struct file *old = NULL;
	int err;

	*why = "not a watchdog that can be kept alive";
	if (!S_ISCHR(file_inode(file)->i_mode))
		return -EINVAL;
	err = pvp_dog_feed(file);
	if (err)
		return err == -ENOTTY ? -EINVAL : err;
	*why = "the session has ended";
	mutex_lock(&pvp_lock);
	if (pvp_live(session)) {
		old = pvp_dog;
		pvp_dog = get_file(file);
		pvp_dog_of = session;
		pvp_dog_until = ktime_get_boottime_seconds() + seconds;
		pvp_dog_interval = interval;
		mod_delayed_work(pvp_wq, &pvp_dog_work, interval * HZ);
	} else {
		err = -ESTALE;
	}
	mutex_unlock(&pvp_lock);
	if (old)
		fput(old);
	return err;
}

/**
 * pvp_dog_left - how long it is kept alive yet
 *
 * Locked.
 *
 * Return: seconds; 0: it is not, or no more.
 */
u32 pvp_dog_left(void)
{
	if (!pvp_dog || system_state > SYSTEM_RUNNING)
		return 0;
	return max_t(time64_t, pvp_dog_until - ktime_get_boottime_seconds(), 0);
}

/**
 * pvp_dog_drop - let go of it: the session has ended
 * @session: whose it may be; there may be another session by now
 *
 * Whoever has the file too goes on; otherwise the driver does what it does when its
 * file is closed without a word, which is to go on counting.
 */
void pvp_dog_drop(const struct pvp_session *session)
{
	struct file *file = NULL;

	mutex_lock(&pvp_lock);
	if (pvp_dog_of == session)
		swap(file, pvp_dog);
	mutex_unlock(&pvp_lock);
	/* The work item finds that there is none, or another. */
	if (file)
		fput(file);
}

/**
 * pvp_dog_exit - when the module goes
 */
void pvp_dog_exit(void)
{
	cancel_delayed_work_sync(&pvp_dog_work);
}
