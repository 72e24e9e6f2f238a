// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/reboot.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "control_reboot.h"
#include "genl.h"
#include "log.h"

#define DELAY_MS	300
#define SYNC_MS		10000
#define LOOK_MS		50

/* systemd's "start reboot.target", for the C library that both are built with. */
#define SYSTEMD_REBOOT	(SIGRTMIN + 5)

static int ask_init(int sig)
{
	return kill(1, sig) ? -errno : 0;
}

static int reboot_now(const char *mode)
{
	/* Not extended by its sign: the system call filter sees all 64 bits. */
	unsigned long cmd = *mode ? LINUX_REBOOT_CMD_RESTART2 : LINUX_REBOOT_CMD_RESTART;

	return syscall(SYS_reboot, (unsigned long)LINUX_REBOOT_MAGIC1,
		       (unsigned long)LINUX_REBOOT_MAGIC2, cmd, mode) ? -errno : 0;
}

const struct reboot_ops reboot_ops = {
	.root = "", .ask = ask_init, .sync = sync, .reboot = reboot_now,
	.delay_ms = DELAY_MS, .sync_ms = SYNC_MS,
};

/* ---- what there is to ask ---- */

void reboot_learn_init(struct reboot_ops *ops)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/proc/1/comm", ops->root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, ops->comm, sizeof(ops->comm) - 1);
	ops->comm[n > 0 ? n : 0] = '\0';
	ops->comm[strcspn(ops->comm, "\n")] = '\0';
}

/*
 * Whom SIGTERM makes reboot: busybox, by whatever name, and procd. Others have that for a
 * halt, or for nothing; what Ctrl-Alt-Del sends is a reboot for all of them.
 */
static bool takes_term(const char *comm)
{
	static const char *const names[] = { "", "init", "linuxrc", "busybox", "procd" };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(names); i++)
		if (!strcmp(comm, names[i]))
			return true;
	return false;
}

static bool there(const struct reboot_ops *ops, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", ops->root, name);
	return !access(path, F_OK);
}

const char *reboot_init(const struct reboot_ops *ops, int *sig)
{
	if (there(ops, "/run/systemd/system")) {
		*sig = SYSTEMD_REBOOT;
		return "systemd";
	}
	/* It is called init too. */
	if (there(ops, "/run/initctl") || there(ops, "/dev/initctl")) {
		*sig = SIGINT;
		return "sysvinit";
	}
	*sig = takes_term(ops->comm) ? SIGTERM : SIGINT;
	return "init";
}

/* What `systemctl reboot --reboot-argument=` leaves for the last process of systemd. */
static int leave_mode(const struct reboot_ops *ops, const char *mode, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];
	size_t len = strlen(mode);

	snprintf(path, sizeof(path), "%s/run/systemd/reboot-param", ops->root);
	/* That of a reboot which was not carried out is not meant. */
	if (unlink(path) && errno != ENOENT && !len)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!len)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, mode, len) != (ssize_t)len)
		return pvk_err_set(err, errno ? -errno : -EIO, "%s: %s", path, strerror(errno));
	return 0;
}

int reboot_prepare(const struct reboot_ops *ops, const struct control_task *task,
		   const char **way, struct pvk_err *err)
{
	int sig;

	if (task->force) {
		*way = "kernel";
		return 0;
	}
	*way = reboot_init(ops, &sig);
	return strcmp(*way, "systemd") ? 0 : leave_mode(ops, task->mode, err);
}

/* ---- doing it ---- */

/* Signals don't end it early. */
static void pause_ms(int64_t ms)
{
	int64_t end = pvk_now_ms() + ms, left;

	while ((left = end - pvk_now_ms()) > 0)
		poll(NULL, 0, (int)(left < INT_MAX ? left : INT_MAX));
}

/* A file system that is gone keeps sync() for ever: it has a process of its own. */
static void sync_within(const struct reboot_ops *ops)
{
	int64_t end = pvk_now_ms() + ops->sync_ms;
	pid_t pid = fork();

	if (!pid) {
		ops->sync();
		_exit(0);
	}
	/* Without a process for it the risk of hanging is worse than that of losing. */
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) != pid) {
		if (pvk_now_ms() >= end) {
			log_msg(LOG_ERR, "reboot: sync does not come to its end");
			return;
		}
		poll(NULL, 0, LOOK_MS);
	}
}

int reboot_carry_out(const struct reboot_ops *ops, const struct control_task *task)
{
	const char *init;
	int ret, sig;

	pause_ms(ops->delay_ms);
	if (!task->force) {
		init = reboot_init(ops, &sig);
		ret = ops->ask(sig);
		if (!ret)
			pause_ms(task->seconds * INT64_C(1000));
		if (ret)
			log_msg(LOG_ERR, "reboot: forced, since %s can't be asked: %s", init,
				strerror(-ret));
		else
			log_msg(LOG_ERR, "reboot: not clean within %u s: forced", task->seconds);
	}
	sync_within(ops);
	ret = ops->reboot(task->mode);
	log_msg(LOG_CRIT, "reboot: %s", strerror(-ret));
	return ret;
}

static void *lock_memory(void *arg)
{
	if (mlockall(MCL_CURRENT))
		log_msg(LOG_INFO, "reboot: not kept in memory: %s", strerror(errno));
	return arg;
}

/*
 * The root may go while we wait for init. If it is gone already, what is missing of us is
 * waited for without an end: by a thread of its own, which nobody waits for.
 */
static void stay_in_memory(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, lock_memory, NULL))
		pthread_detach(thread);
}

/*
 * To be there as long as anything is. systemd's last step spares processes of root's
 * whose name begins with an @, as those that a root file system needs.
 */
static void outlive(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++)
		(void)signal(sigs[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_NAME, "pvkitd-reboot");
	program_invocation_name[0] = '@';
	setsid();
}

pid_t reboot_start(const struct reboot_ops *ops, const struct control_task *task)
{
	struct control_task own = *task;
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	outlive();
	/* The supervisor and the front are not to take it for control. */
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (!own.force)
		stay_in_memory();
	_exit(reboot_carry_out(ops, &own) ? 1 : 0);
}
