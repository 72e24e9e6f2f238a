// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "child.h"
#include "console.h"
#include "guard.h"
#include "switch.h"

#define ROOM		"/run"	/* there on any root; in our namespace ours */
#define PROGRAM		"/guard"
#define PLAN		"/plan"
#define DEVICE		"/device"
#define START_MS	5000
#define END_MS		1000

/* ---- process 1: is there something to guard, and how ---- */

static void take_store(struct guard_plan *plan, const char *name,
		       const struct pvk_flagsources *sources)
{
	const struct pvk_store *store;
	size_t i;

	for (i = 0; *name && i < sources->count; i++) {
		store = &sources->item[i].store;
		if (sources->item[i].kind == PVK_SOURCE_KERNEL && !strcmp(store->name, name) &&
		    (store->offers & PVB_HAS(PVB_REASON))) {
			plan->store = *store;
			plan->has_store = true;
			return;
		}
	}
	if (*name)
		say("guard-store %s: there is none, or it holds no reason", name);
}

/* Where nothing was said, a root that is elsewhere is guarded and no other. */
static bool wanted(const struct guard_plan *plan, enum conf_guard guard)
{
	if (guard == GUARD_NO || (guard == GUARD_UNSAID && !plan->probe.network))
		return false;
	if (plan->probe.kind == PROBE_NONE)
		say("no root guard: of %s nothing can be asked", plan->what);
	return plan->probe.kind != PROBE_NONE;
}

/* ---- the new process: a room of its own ---- */

static int write_file(const char *path, const void *data, size_t size, mode_t mode)
{
	pvk_auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data, size);
	return n == (ssize_t)size ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int copy_program(const char *to)
{
	pvk_auto_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *text;
	int ret;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	ret = write_file(to, text, (size_t)st.st_size, 0700);
	munmap(text, (size_t)st.st_size);
	return ret;
}

static int make_room(void)
{
	static const struct { const char *type, *where; } own[] = {
		{ "devtmpfs", ROOM "/dev" }, { "proc", ROOM "/proc" }, { "sysfs", ROOM "/sys" },
	};
	size_t i;

	umount2(ROOM, MNT_DETACH);
	if (mount("pvkit-guard", ROOM, "tmpfs", MS_NOSUID, "mode=0700,size=1M"))
		return -errno;
	for (i = 0; i < PVK_ARRAY_SIZE(own); i++)
		if (mkdir(own[i].where, 0755) ||
		    mount(own[i].type, own[i].where, own[i].type, MS_NOSUID, NULL))
			return -errno;
	return copy_program(ROOM PROGRAM);
}

/* A file system that is mounted is in use, but its device can be opened for reading. */
static int open_device(struct guard_plan *plan)
{
	int fd;

	if (mknod(ROOM DEVICE, S_IFBLK | 0600, plan->probe.device))
		return -errno;
	fd = open(ROOM DEVICE, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(ROOM DEVICE);
	close(plan->fd);
	plan->fd = fd;
	return 0;
}

/* The room is the root, and nothing else is mounted in this namespace. */
static int enter_room(const char *where)
{
	static const char *const others[] = { "/dev", "/proc", "/sys" };
	size_t i;

	if (!switch_in_initramfs())
		return chdir(ROOM) || syscall(SYS_pivot_root, ".", ".") ||
		       umount2(".", MNT_DETACH) || chdir("/") ? -errno : 0;
	for (i = 0; i < PVK_ARRAY_SIZE(others); i++)
		umount2(others[i], MNT_DETACH);
	umount2(where, MNT_DETACH);
	/* An initramfs can't be unmounted; it is empty soon. */
	return chdir(ROOM) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") ||
	       chdir("/") ? -errno : 0;
}

struct first_question {
	struct guard_plan *plan;
	int answer;
};

static void ask(void *arg)
{
	struct first_question *first = arg;

	/* Process 1 waits for an end of its pipe to close. */
	guard_close_others(first->plan->fd, first->plan->fd);
	first->answer = probe_run(&first->plan->probe, first->plan->fd);
}

/*
 * What can't be asked is not guarded: it would be taken for lost. A root that is silent
 * just now is guarded all the more; the child that waits for it then stays behind.
 */
static int ask_first(struct guard_plan *plan)
{
	struct first_question *first = mmap(NULL, sizeof(*first), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (first == MAP_FAILED)
		return -errno;
	*first = (struct first_question){ .plan = plan, .answer = -ECHILD };
	ret = child_do(ask, first, (long)plan->times.limit);
	if (ret != -ETIMEDOUT)
		return ret ? ret : first->answer;
	say("root guard: %s: no answer yet", plan->what);
	return 0;
}

/* Returns only when it failed; what worked is an exec. */
static int move_out(struct guard_plan *plan, const char *where, const char *root)
{
	char *argv[] = { (char *)GUARD_NAME, NULL }, *envp[] = { NULL };
	int ret;

	setsid();
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	/* Only now: of the mount in this namespace, so that the other one can go. */
	plan->fd = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (plan->fd < 0)
		return -errno;
	ret = make_room();
	if (!ret && plan->probe.kind == PROBE_BLOCK)
		ret = open_device(plan);
	if (!ret)
		ret = ask_first(plan);
	if (!ret)
		ret = write_file(ROOM PLAN, plan, sizeof(*plan), 0600);
	if (!ret)
		ret = enter_room(root);
	if (ret)
		return ret;
	fcntl(plan->fd, F_SETFD, 0);
	execve(PROGRAM, argv, envp);
	return -errno;
}

/* The pipe is closed by the exec, or says why there was none. */
static int wait_for_exec(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int ret = 0;

	if (poll(&ready, 1, ms) != 1)
		return -ETIMEDOUT;
	return read(fd, &ret, sizeof(ret)) < 0 ? -errno : ret;
}

static int start(struct guard_plan *plan, const char *where, const char *root)
{
	int ends[2], ret;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		close(ends[0]);
		ret = move_out(plan, where, root);
		_exit(write(ends[1], &ret, sizeof(ret)) != sizeof(ret));
	}
	ret = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!ret)
		/* It asks once, and waits for the answer that long. */
		ret = wait_for_exec(ends[0], START_MS + (int)plan->times.limit);
	/* The real init would not hear of its death. One that is stuck is left alone. */
	if (ret && pid > 0) {
		kill(pid, SIGKILL);
		child_wait(pid, END_MS);
	}
	close(ends[0]);
	return ret;
}

void guard_start(const struct conf *conf, const struct boot_conf *boot, const char *where,
		 const char *root, const char *source, const struct pvk_flagsources *sources,
		 const struct pvk_flagconf *flagconf)
{
	static struct guard_plan plan;
	pvk_auto_close int fd = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret;

	plan = (struct guard_plan){
		.times = {
			.every = conf->guard_every * INT64_C(1000),
			.limit = conf->guard_limit * INT64_C(1000),
			.grace = conf->guard_grace * INT64_C(1000),
		},
		.dry_run = boot->guard == GUARD_DRY_RUN,
		.restart = conf->guard_restart,
		.flagconf = *flagconf,
	};
	strcpy(plan.watchdog, conf->guard_watchdog);
	/* As it is: mounted by whoever started us. */
	if (!*source)
		source = *boot->root ? boot->root : "/";
	snprintf(plan.what, sizeof(plan.what), "%s", source);
	if (fd >= 0)
		probe_choose(&plan.probe, fd, source);
	if (!wanted(&plan, boot->guard))
		return;
	take_store(&plan, conf->guard_store, sources);
	ret = start(&plan, where, root);
	if (ret)
		say("no root guard: %s", strerror(-ret));
}

/* ---- the program in the room ---- */

bool guard_is(const char *argv0)
{
	return argv0 && !strcmp(argv0, GUARD_NAME);
}

static int read_plan(struct guard_plan *plan)
{
	pvk_auto_close int fd = open(PLAN, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, plan, sizeof(*plan)) != sizeof(*plan))
		return -1;
	unlink(PLAN);
	unlink(PROGRAM);
	return 0;
}

static void spare_us(void)
{
	pvk_auto_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		say("root guard: the OOM killer does not spare it");
	/*
	 * A line for the log takes memory, and where that is short the kernel would wait
	 * until the root has taken what is to be written to it.
	 */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		say("root guard: it may have to wait for memory: %s", strerror(errno));
}

_Noreturn void guard_main(void)
{
	static struct guard_plan plan;

	if (read_plan(&plan)) {
		console_detach();
		say("no root guard: what it was to do is lost");
		_exit(1);
	}
	guard_close_others(plan.fd, plan.fd);
	fcntl(plan.fd, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "pvkit-guard");
	console_detach();
	spare_us();
	guard_watch(&plan);
}
