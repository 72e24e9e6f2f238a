// SPDX-License-Identifier: MIT
/*
 * Process 1 of an update that runs in RAM: it starts the owner and reaps whoever has lost
 * his parent. Should the owner fail before the point of no return it puts everything back
 * and execs the old init.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "console.h"
#include "owner.h"
#include "switch.h"
#include "tell.h"
#include "verbs.h"

#define INITTAB		"/etc/inittab"
#define PROGRAM		"/sbin/pvkit-update"
#define SYNC_MS		30000	/* for a medium that may be gone */
#define GOING_DOWN_MS	90000	/* after which the kernel module has reset the machine */

/* What the init before us has left. */
static void start_afresh(void)
{
	sigset_t none;
	int sig;

	sigemptyset(&none);
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
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

static void wait_for(pid_t pid)
{
	pid_t ended;

	do
		ended = waitpid(-1, NULL, 0);
	while (ended != pid && (ended > 0 || errno == EINTR));
}

static void have_it_done(const struct plan *plan, const char *ram, struct undo *undo)
{
	pid_t pid = fork();

	if (!pid) {
		setsid();
		never_end();
		owner_run(plan, ram, undo);
		_exit(1);
	}
	if (pid > 0)
		wait_for(pid);
	else
		tell("a process to do it: %s", strerror(errno));
}

/* ---- afterwards ---- */

static void sync_all(void *arg)
{
	(void)arg;
	sync();
}

static _Noreturn void restart(void)
{
	child_do(sync_all, NULL, SYNC_MS);
	reboot(RB_AUTOBOOT);
	/* Not even that: process 1 must not end. */
	for (;;)
		pause();
}

/* Its end has the kernel reboot; should it not, we do. */
static _Noreturn void wait_for_reboot(void)
{
	tell("there is no way back: the next boot goes on");
	clock_sleep_ms(GOING_DOWN_MS);
	restart();
}

static _Noreturn void old_init(void)
{
	struct pvk_err err = { .text = "" };
	const char *init = switch_find_init("/", "", &err);
	char *argv[] = { (char *)init, NULL };

	if (init) {
		tell("the old system goes on with %s", init);
		execv(init, argv);
		pvk_err_set(&err, -errno, "%s: %s", init, strerror(errno));
	}
	tell("%s: reboot, the old system is as it was", err.text);
	restart();
}

static _Noreturn void go_back(const struct plan *plan, struct undo *undo)
{
	tell("nothing was written: back to the old system");
	undo_all(undo);
	/* Scripts that ran under `shutdown` have it read-only, and init expects it as it was. */
	if (plan->root_writable)
		make_writable("/");
	old_init();
}

int verb_move(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : PLAN_FILE;
	struct pvk_err err = { .text = "" };
	static struct plan plan;
	char ram[PATH_MAX];
	struct undo *undo;

	if (getpid() != 1) {
		fprintf(stderr, "pvkit-update: move is for process 1\n");
		return UPDATE_EXIT_USAGE;
	}
	start_afresh();
	mount_again();
	tell_open("/dev/null");
	console_name("pvkit-update");
	undo = undo_new();
	if (!undo)
		pvk_err_set(&err, -ENOMEM, "out of memory");
	if (!undo || find_ram(ram, sizeof(ram), name, &err) || read_plan(&plan, ram, name, &err)) {
		tell("%s", err.text);
		uncover_inittab();
		old_init();
	}
	make_writable("/run");
	make_writable(ram[0] ? ram : "/");
	hide_shutdown(ram);
	tell("update %s", plan.id);
	if (plan.init == PLAN_INIT_BUSYBOX)
		uncover_inittab();
	if (was_aborted(ram))
		go_back(&plan, undo);
	have_it_done(&plan, ram, undo);
	if (atomic_load(&undo->armed))
		wait_for_reboot();
	go_back(&plan, undo);
}
