// SPDX-License-Identifier: MIT
/*
 * Process 1 of an update that runs in RAM: it starts the owner and reaps whoever has lost
 * his parent. Should the owner fail before the point of no return it puts everything back
 * and execs the old init.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounded.h"
#include "child.h"
#include "clock.h"
#include "console.h"
#include "owner.h"
#include "phase.h"
#include "ramroot.h"
#include "session.h"
#include "switch.h"
#include "tell.h"
#include "verbs.h"

#define INITTAB		"/etc/inittab"
#define PROGRAM		"/sbin/pvkit-update"
#define SYSRQ		"/proc/sysrq-trigger"
#define SYNC_MS		30000	/* for a medium that may be gone */
#define FLAG_MS		10000	/* likewise */
#define GOING_DOWN_MS	90000	/* after which the kernel module has reset the machine */
#define REBOOT_MS	120000	/* with the time that it holds one for */
#define UNDO_SECONDS	120	/* for each: a file system may have a journal to go through */

/* What the init before us has left. */
static void start_afresh(void)
{
	sigset_t none;
	int sig;

	sigemptyset(&none);
	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	chdir("/");
	/* Three keys are no reason to stop in the middle of flash. */
	reboot(RB_DISABLE_CAD);
	umask(022);
}

/*
 * It was what systemd came here for. Should the old system go on, its next shutdown, which
 * may be asked for by somebody who knows of no update, is not to come here again.
 */
static void hide_shutdown(const char *ram)
{
	char shown[PATH_MAX + 16], hidden[PATH_MAX + 16];

	snprintf(shown, sizeof(shown), "%s/shutdown", ram);
	snprintf(hidden, sizeof(hidden), "%s/.shutdown", ram);
	if (rename(shown, hidden) && errno != ENOENT)
		tell("%s: %s", shown, strerror(errno));
}

static bool cut_end(char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	if (len < tail || strcmp(text + len - tail, end))
		return false;
	text[len - tail] = '\0';
	return true;
}

/*
 * Scripts that busybox runs for a shutdown often end in "umount -a -r". What was busy then is
 * read-only, the rest is gone: neither we nor an old system that goes on could do without.
 */
static void mount_again(void)
{
	static const struct {
		const char *fs, *dir, *has;
	} usual[] = {
		{ "proc", "/proc", "/proc/self" },
		{ "sysfs", "/sys", "/sys/class" },
		{ "devtmpfs", "/dev", "/dev/null" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(usual); i++)
		if (access(usual[i].has, F_OK) &&
		    mount(usual[i].fs, usual[i].dir, usual[i].fs, MS_NOSUID, NULL))
			tell("%s: %s", usual[i].dir, strerror(errno));
}

static void make_writable(const char *dir)
{
	const unsigned long kept = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME;
	struct statvfs st;

	/* Those have the same value in both. */
	if (!statvfs(dir, &st) && (st.f_flag & ST_RDONLY) &&
	    mount(NULL, dir, NULL, MS_REMOUNT | (st.f_flag & kept), NULL))
		tell("%s: %s", dir, strerror(errno));
}

/* It had busybox come here, and is none to come back to. */
static void uncover_inittab(void)
{
	if (umount2(INITTAB, UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
		tell("%s: %s", INITTAB, strerror(errno));
}

/*
 * Where our root is mounted on the old one; "": it is the root already. The plan says it,
 * whose place is known; where that is named from the new root, the place of this program.
 */
static int find_ram(char *ram, size_t size, const char *plan, struct pvk_err *err)
{
	ssize_t len;

	snprintf(ram, size, "%s", plan);
	if (cut_end(ram, PLAN_FILE) && (ram[0] || !access(PLAN_FILE, F_OK)))
		return 0;
	len = readlink("/proc/self/exe", ram, size - 1);
	if (len < 0)
		return pvk_err_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
	ram[len] = '\0';
	if (!cut_end(ram, PROGRAM))
		return pvk_err_set(err, -EINVAL, "%s is not " PROGRAM " of a root in RAM", ram);
	return 0;
}

static int read_plan(struct plan *plan, const char *ram, const char *name, struct pvk_err *err)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", ram, name);
	return plan_read(plan, access(path, F_OK) ? name : path, err);
}

/* After busybox had been told: it comes here all the same. */
static bool was_aborted(const char *ram)
{
	char path[PATH_MAX + sizeof(PLAN_ABORTED)];

	snprintf(path, sizeof(path), "%s" PLAN_ABORTED, ram);
	return !access(path, F_OK);
}

/* ---- the owner ---- */

static void never_end(void)
{
	static const char text[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		tell("memory: this process may be ended for want of it");
	close(fd);
}

struct move {
	struct plan plan;
	char ram[PATH_MAX];
	struct undo *undo;
};

static void own(void *arg)
{
	const struct move *move = arg;

	never_end();
	owner_run(&move->plan, move->ram, move->undo);
}

/* ---- the end ---- */

static void sync_all(void *arg)
{
	(void)arg;
	sync();
}

/* For who asks after the boot. */
static void keep_reason(void *arg)
{
	static struct update_phase phase;

	if (!update_phase_open(&phase, PVK_FLAGCONF_FILE, "/sys", NULL, NULL))
		update_phase_stopped(&phase, arg);
}

static void reboot_now(void *arg)
{
	(void)arg;
	reboot(RB_AUTOBOOT);
}

/* A namespace of processes is no machine, and this would be the whole of it. */
static bool is_first_of_all(void)
{
	static const char first[] = "pid:[4026531836]";
	char ns[sizeof(first)];

	return readlink("/proc/self/ns/pid", ns, sizeof(ns)) == (ssize_t)strlen(first) &&
	       !memcmp(ns, first, strlen(first));
}

/* Without asking any driver, one of which may be what hangs. */
static void reset(void)
{
	pvk_auto_close int fd = is_first_of_all() ? open(SYSRQ, O_WRONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, "b", 1) != 1)
		tell(SYSRQ ": %s", strerror(errno));
}

static _Noreturn void restart(const char *id, const char *why)
{
	char reason[256];

	tell("%s: reboot", why);
	snprintf(reason, sizeof(reason), "update%s%s: %s", *id ? " " : "", id, why);
	child_do(keep_reason, reason, FLAG_MS);
	child_do(sync_all, NULL, SYNC_MS);
	child_do(reboot_now, NULL, REBOOT_MS);
	reset();
	/* Not even that: process 1 must not end. */
	for (;;)
		pause();
}

/* Its end has the kernel reboot; should it not, we do. */
static _Noreturn void wait_for_reboot(const struct move *move)
{
	tell("there is no way back: the next boot goes on");
	clock_sleep_ms(GOING_DOWN_MS);
	restart(move->plan.id, "the kernel did not go down by itself");
}

/*
 * As after systemd's pivot, when nothing was noted that could be undone. If that can't be seen
 * it is taken for it: /proc went back and the root did not, and its init would be ourselves.
 */
static bool is_our_root(void)
{
	struct stat ours, root;

	return stat("/proc/self/exe", &ours) || stat("/", &root) || ours.st_dev == root.st_dev;
}

static _Noreturn void old_init(const char *id, const char *why)
{
	struct pvk_err err = { .text = "" };
	const char *init = is_our_root() ? NULL : switch_find_init("/", "", &err);
	char *argv[] = { (char *)init, NULL };
	char text[256];

	if (init) {
		tell("the old system goes on with %s", init);
		execv(init, argv);
		pvk_err_set(&err, -errno, "%s: %s", init, strerror(errno));
	}
	snprintf(text, sizeof(text), "%.120s; %.120s", why,
		 *err.text ? err.text : "the root is still the one in RAM");
	tell("the old system is as it was");
	restart(id, text);
}

/* ---- back ---- */

static void make_root_writable(void *arg)
{
	(void)arg;
	make_writable("/");
}

static _Noreturn void go_back(struct move *move)
{
	const char *id = move->plan.id;

	tell("nothing was written: back to the old system");
	if (undo_all_within(move->undo, UNDO_SECONDS))
		restart(id, "the way back hangs in the kernel, the old system is as it was");
	/* Scripts that ran under `shutdown` have it read-only, and init expects it as it was. */
	if (move->plan.root_writable &&
	    child_do(make_root_writable, NULL, UNDO_SECONDS * 1000L))
		restart(id, "the old root hangs in the kernel");
	ramroot_leave(*move->ram ? move->ram : RAMROOT_USUAL);
	old_init(id, "it went back");
}

/* By a process that can't be ended nothing can be put back: it holds what that takes. */
static _Noreturn void restart_from(const struct move *move, const char *waits)
{
	char why[192];

	snprintf(why, sizeof(why), "could not %s: it %s", move->undo->doing,
		 *waits ? waits : "does not end");
	restart(move->plan.id, why);
}

static void have_it_done(struct move *move)
{
	char waits[96] = "";
	int ret;

	bounded_allow(&move->undo->until, UNDO_SECONDS);
	move->undo->doing = "begin";
	ret = bounded_run(own, move, &move->undo->until, waits, sizeof(waits));
	if (ret == -EBUSY)
		restart_from(move, waits);
	if (ret == -ETIMEDOUT) {
		tell("could not %s: it took too long, and was ended", move->undo->doing);
		/* A process that it started may still have it. */
		session_abort();
	} else if (ret) {
		tell("a process to do it: %s", strerror(-ret));
	}
}

int verb_move(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : PLAN_FILE;
	struct pvk_err err = { .text = "out of memory" };
	static struct move move;

	if (getpid() != 1) {
		fprintf(stderr, "pvkit-update: move is for process 1\n");
		return UPDATE_EXIT_USAGE;
	}
	start_afresh();
	mount_again();
	tell_open("/dev/null");
	console_name("pvkit-update");
	move.undo = undo_new();
	if (!move.undo || find_ram(move.ram, sizeof(move.ram), name, &err) ||
	    read_plan(&move.plan, move.ram, name, &err)) {
		tell("%s", err.text);
		uncover_inittab();
		old_init("", err.text);
	}
	make_writable("/run");
	make_writable(move.ram[0] ? move.ram : "/");
	hide_shutdown(move.ram);
	tell("update %s", move.plan.id);
	if (move.plan.init == PLAN_INIT_BUSYBOX)
		uncover_inittab();
	if (was_aborted(move.ram))
		go_back(&move);
	have_it_done(&move);
	if (atomic_load(&move.undo->armed))
		wait_for_reboot(&move);
	go_back(&move);
}
