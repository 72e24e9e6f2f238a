// SPDX-License-Identifier: MIT
/*
 * The story is in steps[] below: what is before the arming can be taken back, and is by
 * process 1 when a step fails. Afterwards only forward: what fails then is taken up again
 * by the next boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounded.h"
#include "carry.h"
#include "child.h"
#include "clock.h"
#include "console.h"
#include "dog.h"
#include "owner.h"
#include "progress.h"
#include "ramroot.h"
#include "session.h"
#include "statefs.h"
#include "targets.h"
#include "tell.h"
#include "unmount.h"

#define STATUS		"/update/status"
#define ASIDE		"/update/aside"
#define STATE_DIR	"/update/state"
#define ROOT_DIR	"/update/root"
#define SESSION_MS	10000	/* for the one of who handed over to end */
#define AGAIN_MS	50
#define EVICT_SECONDS	600	/* the kernel's own limit, unless more is asked for */
#define SEAL_SECONDS	300	/* likewise */
#define SLACK_SECONDS	30	/* the kernel's comes first, and says more */
#define FIRST_SECONDS	60	/* for a step without one */
#define PROOF_SECONDS	30
#define STALL_SECONDS	600	/* without progress; a command of --post has half of it */
#define DOWN_SECONDS	120	/* drivers may take their time */
#define ARMED_SECONDS	3600	/* and what the slowest of flashes takes */
#define SLOWEST		50000	/* bytes a second */
#define SHELL_SECONDS	30
#define SYNC_MS		30000	/* what was written is on its medium already */

struct owner {
	const struct plan *plan;
	const char *ram;
	struct undo *undo;
	int64_t began;
	struct session session;
	struct dog dog;
	struct evict_limits limits;
	struct unmount unmount;
	struct targets targets;
	struct update_phase phase;
	struct update_state state;
	char state_dir[PATH_MAX];
	struct write_env env;
	struct progress progress;
};

/* ---- to the old root's end ---- */

/* After that process 1 takes it that we hang. */
static void allow(struct owner *o, unsigned int seconds)
{
	bounded_allow(&o->undo->until, seconds + SLACK_SECONDS);
}

static void look_after_dog(void *arg)
{
	struct owner *o = arg;

	dog_take(&o->dog);
	dog_give(&o->dog, &o->session, o->plan->watchdog_seconds);
}

static int enter(struct owner *o, struct pvk_err *err)
{
	int ret = *o->ram ? ramroot_enter(o->ram, o->undo, err) :
			    ramroot_entered(RAMROOT_USUAL, o->undo, err);

	if (!ret)
		tell_open(TELL_LOG);
	return ret;
}

/* What is followed, if the plan doesn't say: what the old root lies on. */
static int find_root(struct owner *o, char *path, size_t size, struct pvk_err *err)
{
	struct stat st;

	o->unmount = (struct unmount){
		.dev = o->plan->root, .below = OLD_ROOT, .aside = ASIDE, .limits = &o->limits,
		.undo = o->undo,
	};
	if (!o->unmount.dev) {
		if (stat(OLD_ROOT, &st))
			return pvk_err_set(err, -errno, OLD_ROOT ": %s", strerror(errno));
		o->unmount.dev = st.st_dev;
	}
	return unmount_find(o->unmount.dev, OLD_ROOT, path, size, err);
}

/* pvkit had a session too, so that there was no second update, and may just be gone. */
static int begin(struct owner *o, struct pvk_err *err)
{
	int64_t until = clock_ms() + SESSION_MS;
	pvk_auto_close int fd = -1;
	char path[UNDO_PATH];
	int ret;

	ret = find_root(o, path, sizeof(path), err);
	if (ret == -ENOENT) {
		ret = unmount_find_again(o->unmount.dev, ROOT_DIR, err);
		ret = ret ? ret : find_root(o, path, sizeof(path), err);
	}
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while ((ret = session_begin(&o->session, fd, 0, err)) == -EBUSY && clock_ms() < until) {
		session_drop(&o->session);
		clock_sleep_ms(AGAIN_MS);
	}
	return ret;
}

static int end_holders(struct owner *o, struct pvk_err *err)
{
	uint32_t limit = 4 * (o->plan->term_seconds + o->plan->kill_seconds);
	char path[UNDO_PATH];
	int ret;

	allow(o, limit > EVICT_SECONDS ? limit : EVICT_SECONDS);
	ret = session_step(&o->session, PV_PIVOT_STATE_EVICTING,
			   limit > EVICT_SECONDS ? limit : 0, err);
	if (ret)
		return ret;
	look_after_dog(o);
	ret = find_root(o, path, sizeof(path), err);
	return ret ? ret : evict(path, 0, &o->limits, err);
}

static int unmount_all(struct owner *o, struct pvk_err *err)
{
	int ret = unmount_others(&o->unmount, err);

	look_after_dog(o);
	return ret;
}

static int seal(struct owner *o, struct pvk_err *err)
{
	int ret = unmount_read_only(&o->unmount, err);

	return ret ? ret : session_step(&o->session, PV_PIVOT_STATE_SEALED, 0, err);
}

static int release(struct owner *o, struct pvk_err *err)
{
	uint32_t active;
	int ret;

	ret = unmount_last(&o->unmount, err);
	if (ret)
		return ret;
	ret = session_wait_released(PROOF_SECONDS * 1000, err);
	if (!ret) {
		tell("the old root is released, after %u ms",
		     (unsigned int)(clock_ms() - o->began));
		return 0;
	}
	active = session_active(&o->session);
	tell("the old root is not released, the kernel counts %u uses of it", active);
	evict_tell(NULL, o->unmount.dev);
	return ret;
}

/* The session is proof of the medium that it follows, and of no other. */
static int free_targets(struct owner *o, struct pvk_err *err)
{
	uint32_t each = 2 * (o->plan->term_seconds + o->plan->kill_seconds);

	allow(o, STALL_SECONDS + (uint32_t)o->plan->images * each);
	targets_init(&o->targets, o->plan, o->unmount.dev);
	return targets_free(&o->targets, &o->unmount, err);
}

/* ---- the last look ---- */

static bool wants_state(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->images; i++)
		if (!strncmp(plan->image[i].path, PLAN_STATE_PREFIX, strlen(PLAN_STATE_PREFIX)))
			return true;
	return false;
}

static int mount_state(struct owner *o, struct pvk_err *err)
{
	const struct plan *plan = o->plan;
	int ret;

	if (!plan->state_device || !wants_state(plan))
		return 0;
	ret = update_state_init(&o->state, plan->state_device, plan->state_type, plan->state_dir,
				err);
	if (ret)
		return ret;
	mkdir(STATE_DIR, 0700);
	ret = update_state_mount(&o->state, STATE_DIR, UPDATE_STATE_WAIT, err);
	o->env.owned = true;
	o->env.state_top = ret ? NULL : STATE_DIR;
	o->env.state = ret ? NULL : update_state_path(&o->state, "", o->state_dir);
	return ret;
}

/* Whoever comes to change what was written may have it. */
static void written(void *arg)
{
	struct owner *o = arg;

	targets_let_go(&o->targets);
}

static void tell_line(void *arg, const char *line)
{
	allow(arg, STALL_SECONDS);
	tell("%s", line);
}

static int open_phase(struct owner *o, struct pvk_err *err)
{
	struct pvk_list warnings = { 0 };
	size_t i;
	int ret;

	ret = update_phase_open(&o->phase, PVK_FLAGCONF_FILE, "/sys", &warnings, err);
	for (i = 0; i < warnings.count; i++)
		tell("%s", warnings.item[i]);
	pvk_list_free(&warnings);
	return ret;
}

/* For who looks by a shell or a serial line later on: no more than a line, always whole. */
static void put_status(const char *text)
{
	char line[PROGRESS_TEXT + 2];
	int fd = open(STATUS ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int len = snprintf(line, sizeof(line), "%s\n", text);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)len) == len)
		rename(STATUS ".new", STATUS);
	close(fd);
}

static int show(void *arg, const struct write_progress *now)
{
	struct owner *o = arg;
	char text[PROGRESS_TEXT];

	allow(o, STALL_SECONDS);
	progress_show(&o->progress, o->plan, now);
	put_status(progress_text(o->plan, now, text));
	return 0;
}

/* All is there, and the medium is as the plan has it: nothing was written yet. */
static int look_again(struct owner *o, struct pvk_err *err)
{
	int ret = mount_state(o, err);

	progress_console(&o->progress);
	o->env.progress = show;
	o->env.say = tell_line;
	o->env.written = written;
	o->env.arg = o;
	if (!ret)
		ret = open_phase(o, err);
	if (!ret)
		ret = targets_claim(&o->targets, err);
	return ret ? ret : carry_check(o->plan, &o->phase, 0, &o->env, err);
}

static uint32_t armed_seconds(const struct plan *plan)
{
	uint64_t seconds = ARMED_SECONDS;
	size_t i;

	for (i = 0; i < plan->images; i++)
		seconds += plan->image[i].size / SLOWEST;
	return seconds < PV_PIVOT_MAX_LIMIT ? (uint32_t)seconds : PV_PIVOT_MAX_LIMIT;
}

static int arm(struct owner *o, struct pvk_err *err)
{
	int ret = session_arm(&o->session, armed_seconds(o->plan),
			      o->plan->reboot ? o->plan->reboot : "", err);

	if (!ret)
		atomic_store(&o->undo->armed, true);
	return ret;
}

static const struct {
	const char *what;
	int (*run)(struct owner *o, struct pvk_err *err);
	unsigned int seconds;	/* 0: what is left of those before */
} steps[] = {
	{ "move to RAM", enter, FIRST_SECONDS },
	{ "begin the session", begin, FIRST_SECONDS },
	{ "end who holds the old root", end_holders, FIRST_SECONDS },
	{ "unmount what is on it", unmount_all, 0 },
	{ "seal it", seal, 0 },
	{ "unmount it", release, SEAL_SECONDS },
	{ "free the targets", free_targets, 0 },
	{ "look at images and targets", look_again, STALL_SECONDS },
	{ "arm", arm, FIRST_SECONDS },
};

/* ---- there is no way back ---- */

static void sync_all(void *arg)
{
	(void)arg;
	sync();
}

static _Noreturn void go_down(struct owner *o)
{
	allow(o, DOWN_SECONDS);
	o->undo->doing = "reboot";
	child_do(sync_all, NULL, SYNC_MS);
	if (o->plan->reboot)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, o->plan->reboot);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART,
		NULL);
	_exit(1);
}

/* Who looks takes his time; the session's limit still holds. */
static void offer_shell(struct owner *o)
{
	atomic_store(&o->undo->until.at, 0);
	console_offer_shell(SHELL_SECONDS);
}

static _Noreturn void write_it(struct owner *o)
{
	struct pvk_err err = { .text = "" };
	bool done;

	allow(o, STALL_SECONDS);
	o->undo->doing = "write";
	look_after_dog(o);
	done = !carry_out(o->plan, &o->phase, 0, &o->env, &err);
	if (done)
		tell("update %s is done; reboot", o->plan->id);
	else
		tell("update %s stopped: %s", o->plan->id, err.text);
	if (*o->state.where)
		update_state_unmount(&o->state, NULL);
	if (done)
		session_step(&o->session, PV_PIVOT_STATE_CLOSED, 0, NULL);
	else if (!access("/bin/sh", X_OK))
		offer_shell(o);
	go_down(o);
}

/* What is the owner's own, and process 1 knows nothing of. */
static void give_back(struct owner *o)
{
	if (*o->state.where)
		update_state_unmount(&o->state, NULL);
	targets_let_go(&o->targets);
	session_drop(&o->session);
	dog_release(&o->dog);
}

void owner_run(const struct plan *plan, const char *ram, struct undo *undo)
{
	struct owner o = {
		.plan = plan, .ram = ram, .undo = undo, .began = clock_ms(),
		.session = SESSION_INIT,
		.limits = {
			.term_ms = plan->term_seconds * 1000, .kill_ms = plan->kill_seconds * 1000,
			.tick = look_after_dog,
		},
	};
	struct pvk_err err = { .text = "" };
	size_t i;

	o.limits.arg = &o;
	dog_init(&o.dog, plan->watchdog, plan->watchdog_timeout);
	for (i = 0; i < PVK_ARRAY_SIZE(steps); i++) {
		put_status(steps[i].what);
		undo->doing = steps[i].what;
		if (steps[i].seconds)
			allow(&o, steps[i].seconds);
		if (steps[i].run(&o, &err)) {
			tell("could not %s: %s", steps[i].what, err.text);
			give_back(&o);
			return;
		}
	}
	write_it(&o);
}
