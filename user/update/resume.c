// SPDX-License-Identifier: MIT
/*
 * pvkit-update resume: an update that was cut, or one that is to be written by the boot
 * stage from the beginning, is brought to its end
 *
 * pvkit-init execs it as process 1 of an initramfs while the flag `phase` is set. Read
 * resume() for the story. It ends in a reboot, or in a shell on the console.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/reboot.h>
#include <mtd/ubi-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>

#include "carry.h"
#include "child.h"
#include "clock.h"
#include "conf.h"
#include "console.h"
#include "failures.h"
#include "guard_watchdog.h"
#include "mtd.h"
#include "owned.h"
#include "progress.h"
#include "root.h"
#include "statefs.h"
#include "stores.h"
#include "updateconf.h"
#include "verbs.h"
#include "write_medium.h"

#define STATE_DIR	"/state"
#define LOOK_EVERY_MS	100
#define SYNC_MS		10000	/* for a medium that may be gone */
#define FEED_MS		1000

struct resume {
	struct pvk_cmdline cmdline;
	struct conf conf;
	struct pvk_updateconf update;
	struct update_phase phase;
	struct failures failures;
	struct update_state state;
	struct plan plan;
	struct progress progress;
	char id[PLAN_ID_LEN + 1];	/* "": it is not known which */
	uint64_t cursor;		/* where it goes on */
	bool counted;			/* this boot, as a failure, until it comes on */
	bool hopeless;			/* the next boot would find it just so */
};

/* ---- what it has to go by ---- */

static void read_conf(struct resume *r)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_err err = { .text = "" };
	size_t i;

	conf_init(&r->conf);
	conf_read(&r->conf, CONF_FILE, &warnings);
	if (pvk_cmdline_read(&r->cmdline, PVK_CMDLINE_FILE, &err))
		pvk_list_warn(&warnings, "%s", err.text);
	conf_cmdline(&r->conf, &r->cmdline, "", &warnings);
	console_debug(r->conf.debug);
	/* It would be resumed from there as well. */
	if (r->conf.failures_then == THEN_SLOT)
		r->conf.failures_then = THEN_NOTHING;
	/* pvkit-init has said what is wrong with these. */
	for (i = 0; i < warnings.count; i++)
		say_debug("%s", warnings.item[i]);
}

static int read_phase(struct resume *r, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	size_t i;
	int ret;

	ret = update_phase_open(&r->phase, PVK_FLAGCONF_FILE, STORES_SYS, &warnings, err);
	for (i = 0; i < warnings.count; i++)
		say_debug("%s", warnings.item[i]);
	if (ret)
		return ret;
	failures_find(&r->failures, &r->phase.sources, &r->conf);
	ret = update_phase_cut(&r->phase, r->id, &r->cursor, err);
	/* A store may be late; what it says will not become another thing. */
	r->hopeless = ret == -EINVAL || ret == -EROFS;
	return ret;
}

/* ---- attempts in a row ---- */

/*
 * This one counts as failed from its beginning on, since it may not get to say so, until it
 * has written something: a boot that is cut again and again and comes on is none of these.
 */
static void count_attempt(struct resume *r)
{
	struct pvk_change change = { .force = true };

	if (!r->failures.source || r->failures.count == UINT8_MAX)
		return;
	pvk_flags_set_number(&change.set, PVB_FAILURES, ++r->failures.count, NULL);
	r->counted = !stores_set(&r->failures.source->store, &r->phase.conf, STORES_SYS, &change,
				 NULL);
}

static void came_on(struct resume *r)
{
	if (!r->counted || r->phase.cursor <= r->cursor)
		return;
	r->counted = false;
	failures_clear(&r->failures, &r->conf, &r->phase.conf, false);
	r->failures.count = 0;
}

/* ---- the plan ---- */

/* Whoever can write there says what root does, and to which disk. */
static int read_plan(struct resume *r, struct pvk_err *err)
{
	pvk_auto_close int dir = update_state_open(&r->state, err);
	pvk_auto_close int fd = -1;
	struct pvk_err why = { .text = "" };
	char path[PATH_MAX];
	int ret;

	if (dir < 0)
		return dir;
	update_state_path(&r->state, UPDATE_STATE_PLAN, path);
	fd = pvk_owned_open(dir, UPDATE_STATE_PLAN, O_RDONLY | O_NONBLOCK, &why);
	if (fd < 0)
		return pvk_err_set(err, fd, "state: %s", why.text);
	ret = plan_read_fd(&r->plan, fd, path, err);
	if (ret)
		return ret;
	if (strcmp(r->plan.id, r->id) != 0)
		return pvk_err_set(err, -ESTALE, "%s is of update %s, and %s was cut", path,
				   r->plan.id, r->id);
	return 0;
}

static int find_plan(struct resume *r, struct pvk_err *err)
{
	int ret;

	r->hopeless = true;
	ret = pvk_updateconf_read(&r->update, PVK_UPDATE_CONF, err);
	if (ret)
		return ret;
	if (!r->update.state_device[0])
		return pvk_err_set(err, -ENOENT,
				   PVK_UPDATE_CONF " has no state: there is no plan to go by");
	ret = update_state_init(&r->state, r->update.state_device, r->update.state_fs,
				r->update.state_dir, err);
	if (ret)
		return ret;
	r->hopeless = false;
	ret = update_state_mount(&r->state, STATE_DIR, r->conf.root_wait, err);
	if (ret)
		return ret;
	r->hopeless = true;
	return read_plan(r, err);
}

/* What lay in RAM alone went with it. */
static int check_images(const struct resume *r, struct pvk_err *err)
{
	uint64_t offset;
	size_t i;

	if (plan_place(&r->plan, r->cursor, &i, &offset))
		return pvk_err_set(err, -ERANGE, "cursor %llu: more than the plan has",
				   (unsigned long long)r->cursor);
	for (; i < r->plan.images; i++)
		if (strncmp(r->plan.image[i].path, PLAN_STATE_PREFIX, strlen(PLAN_STATE_PREFIX)))
			return pvk_err_set(err, -ENOENT,
					   "the image for %s was in RAM alone, and is gone",
					   r->plan.image[i].target);
	return 0;
}

/*
 * UBI has flash that is written as such: the command line named it for the system that was. Here
 * nothing is mounted from it but perhaps the state, and then it does not go.
 */
static int detach(const struct medium *medium, int ubi, struct pvk_err *err)
{
	pvk_auto_close int fd = open("/dev/ubi_ctrl", O_RDONLY | O_CLOEXEC);
	int32_t number = ubi;

	if (fd < 0 || ioctl(fd, UBI_IOCDET, &number))
		return pvk_err_set(err, -EBUSY, "%s: ubi%d lies there, and can't be detached: %s",
				   medium->target.device, ubi, strerror(errno));
	say("%s: ubi%d is detached", medium->target.device, ubi);
	return 0;
}

static int find_target(struct medium *medium, const struct plan_image *image,
		       const struct write_env *env, struct pvk_err *err)
{
	int ret, ubi;

	for (;;) {
		ret = medium_find(medium, image, env, err);
		if (ret != -EBUSY)
			return ret;
		ubi = pvk_target_ubi_on(&medium->target, env->sys);
		ret = ubi < 0 ? ret : detach(medium, ubi, err);
		if (ret)
			return ret;
	}
}

static bool wants_volume(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->images; i++)
		if (plan->image[i].kind == PVK_TARGET_UBI)
			return true;
	return false;
}

/* Buses are still looked through; flash has its partitions and volumes made here. */
static int wait_for_targets(const struct resume *r, struct pvk_err *err)
{
	int64_t end = clock_ms() + r->conf.root_wait * INT64_C(1000);
	const struct write_env env = { .sys = "/sys", .dev = "/dev", .other_boot = true };
	struct medium medium;
	size_t i;
	int ret;

	for (;;) {
		mtd_make_partitions(&r->cmdline, "/sys", "/dev");
		ret = wants_volume(&r->plan) ? root_ubi_attach(&r->cmdline, err) : 0;
		for (i = 0; !ret && i < r->plan.images; i++)
			ret = find_target(&medium, &r->plan.image[i], &env, err);
		/* Another one may have its name until it comes. */
		if ((ret != -ENODEV && ret != -ENXIO && ret != -ENOENT) || clock_ms() >= end)
			return ret;
		clock_sleep_ms(LOOK_EVERY_MS);
	}
}

/* ---- carrying it out ---- */

static int show(void *arg, const struct write_progress *now)
{
	struct resume *r = arg;

	came_on(r);
	progress_show(&r->progress, &r->plan, now);
	return 0;
}

/* A line of the log is none of the bar. */
static void end_bar(struct resume *r)
{
	if (r->progress.open && write(r->progress.fd, "\n", 1) == 1)
		r->progress.open = false;
}

static void say_line(void *arg, const char *line)
{
	struct resume *r = arg;

	end_bar(r);
	say("%s", line);
	update_state_log(&r->state, "%s", line);
}

static _Noreturn void feed(const struct resume *r, const char *path)
{
	int64_t end = clock_ms() + r->plan.watchdog_seconds * INT64_C(1000);
	int fd = watchdog_open(path, 0);

	while (fd >= 0 && clock_ms() < end) {
		watchdog_feed(fd);
		clock_sleep_ms(FEED_MS);
	}
	/* Not released: whatever takes longer hangs, and so may the reboot. */
	for (;;)
		pause();
}

/* By a child, which goes on whatever the writing waits for. The bootloader may have begun. */
static void feed_watchdog(const struct resume *r)
{
	char path[sizeof(r->plan.watchdog) + 8];

	if (!r->plan.watchdog[0])
		return;
	snprintf(path, sizeof(path), "/dev/%s", r->plan.watchdog);
	if (!access(path, W_OK) && !fork())
		feed(r, path);
}

static int resume(struct resume *r, struct pvk_err *err)
{
	struct write_env env = {
		.exclusive = true, .other_boot = true, .owned = true,
		.progress = show, .say = say_line, .arg = r,
	};
	char path[PATH_MAX];
	int ret;

	ret = read_phase(r, err);
	if (ret)
		return ret;
	say("update %s goes on at unit %llu", r->id, (unsigned long long)r->cursor);
	count_attempt(r);
	ret = find_plan(r, err);
	if (!ret)
		ret = check_images(r, err);
	if (ret)
		return ret;
	feed_watchdog(r);
	r->hopeless = false;
	ret = wait_for_targets(r, err);
	if (ret)
		return ret;
	env.state = update_state_path(&r->state, "", path);
	env.state_top = r->state.where;
	ret = carry_check(&r->plan, &r->phase, r->cursor, &env, err);
	/* An image that is not there, or another one, stays so. */
	r->hopeless = ret == -ENOENT || ret == -EBADMSG || ret == -EINVAL ||
		      ret == -EPERM || ret == -ELOOP;
	if (!ret)
		ret = carry_out(&r->plan, &r->phase, r->cursor, &env, err);
	/*
	 * Nor does what reads back wrong come right when it has been written again and again;
	 * and since each boot goes a part of the way before, they would never be too many.
	 */
	r->hopeless |= ret == -EBADMSG;
	return ret;
}

/* ---- the end ---- */

static void sync_all(void *arg)
{
	(void)arg;
	sync();
}

static _Noreturn void restart(const char *argument)
{
	child_do(sync_all, NULL, SYNC_MS);
	if (argument)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, argument);
	reboot(RB_AUTOBOOT);
	/* Not even that: process 1 must not end. */
	for (;;)
		pause();
}

static void keep_result(struct resume *r, const char *result, const char *why)
{
	char text[700];

	if (!r->state.where[0])
		return;
	snprintf(text, sizeof(text), "%s %s%s%s\n", result, r->id, *why ? " " : "", why);
	update_state_log(&r->state, "%.*s", (int)strlen(text) - 1, text);
	update_state_put(&r->state, UPDATE_STATE_RESULT, text, NULL);
	update_state_unmount(&r->state, NULL);
}

static _Noreturn void done(struct resume *r)
{
	if (r->counted)
		failures_clear(&r->failures, &r->conf, &r->phase.conf, false);
	say("update %s is done", r->id);
	keep_result(r, "done", "");
	restart(r->plan.reboot);
}

static bool has_recovery(const struct resume *r)
{
	const struct boot_conf *recovery = &r->conf.way[BOOT_RECOVERY];

	return r->failures.source && r->conf.failures_then == THEN_RECOVERY &&
	       (recovery->root[0] || recovery->program[0]);
}

/* Counted once: at its beginning, or now if it had come on meanwhile. */
static void count_failure(struct resume *r, const char *why)
{
	if (!r->failures.source)
		return;
	if (r->counted)
		r->failures.count--;
	if (r->hopeless && r->failures.count < r->conf.failures_limit)
		r->failures.count = r->conf.failures_limit - 1;
	failures_add(&r->failures, &r->conf, &r->phase.conf, why);
}

/*
 * What may come right by itself is tried again by the next boot. Else, and when that has
 * been too often, it is recovery's turn or, where there is none, that of whoever sits at
 * the console.
 */
static _Noreturn void give_up(struct resume *r, const struct pvk_err *err)
{
	char reason[PVK_FLAG_TEXT_SIZE];
	bool enough;

	end_bar(r);
	say("update%s%s does not go on: %s", r->id[0] ? " " : "", r->id, err->text);
	snprintf(reason, sizeof(reason), "update %s: %.*s", r->id,
		 (int)(sizeof(reason) - PLAN_ID_LEN - 16), err->text);
	count_failure(r, reason);
	enough = r->hopeless || !r->failures.source || failures_reached(&r->failures, &r->conf);
	keep_result(r, "failed", err->text);
	if (enough && has_recovery(r)) {
		say("recovery is next");
	} else if (enough && r->conf.shell) {
		say("a shell, whose end reboots");
		if (console_shell())
			console_offer_shell(r->conf.shell_wait);
	} else if (r->conf.shell) {
		console_offer_shell(r->conf.shell_wait);
	} else {
		sleep(r->conf.shell_wait);
	}
	restart(NULL);
}

int verb_resume(int argc, char **argv)
{
	struct pvk_err err = { .text = "" };
	static struct resume r;

	(void)argv;
	if (argc > 1)
		return UPDATE_EXIT_USAGE;
	if (getpid() != 1) {
		fputs("pvkit-update: resume is for process 1 of an initramfs\n", stderr);
		return UPDATE_EXIT_FAILED;
	}
	console_name("pvkit-update");
	console_open();
	read_conf(&r);
	progress_console(&r.progress);
	if (!resume(&r, &err))
		done(&r);
	give_up(&r, &err);
}
