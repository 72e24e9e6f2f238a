// SPDX-License-Identifier: MIT
/*
 * Targets that are not the session's, on real loop devices: what is mounted from one goes, and
 * comes back; who has it open ends; somebody who has it for himself is in the way; and while
 * the update has it, nobody mounts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "loopdev.h"
#include "targets.h"

#define DISK	(1u << 20)
#define LONG_S	120

static char dir[] = "/tmp/pvkit-targets.XXXXXX", point[64];
static struct pvk_err err;
static struct plan plan;
static struct targets targets;
static struct undo *undo;
static const struct evict_limits limits = { .term_ms = 60000, .kill_ms = 60000 };

static bool given_disk(int *loop)
{
	struct plan_image one = {
		.path = "/none", .size = 4096, .kind = PVK_TARGET_BLOCK, .target = loop_path,
	};
	char path[64], command[256];

	snprintf(path, sizeof(path), "%s/disk", dir);
	snprintf(point, sizeof(point), "%s/mnt", dir);
	snprintf(command, sizeof(command), "mkdir %s && truncate -s %u %s && mke2fs -q -F %s",
		 point, DISK, path, path);
	*loop = system(command) ? -1 : given_loop(path);
	plan_init(&plan);
	plan_add_image(&plan, &one, NULL);
	undo = undo_new();
	return *loop >= 0 && undo;
}

static bool is_mounted(void)
{
	struct stat here, above;

	return !stat(point, &here) && !stat(dir, &above) && here.st_dev != above.st_dev;
}

static int free_them(void)
{
	struct unmount unmount = {
		.below = "/none", .aside = dir, .limits = &limits, .undo = undo,
	};

	err.text[0] = '\0';
	targets_init(&targets, &plan, 0);
	return targets_free(&targets, &unmount, &err);
}

static void test_mounted(void)
{
	ktap_eq(mount(loop_path, point, "ext2", 0, NULL), 0, "given: it is mounted somewhere");
	targets_init(&targets, &plan, 0);
	ktap_eq(targets_claim(&targets, &err), -EBUSY, "it can't be had then");
	ktap_check(strstr(err.text, "is in use") && strstr(err.text, point), "where is told: %s",
		   err.text);
	ktap_eq(free_them(), 0, "it is freed");
	ktap_check(!is_mounted(), "by unmounting it");
	ktap_eq(targets_claim(&targets, &err), 0, "and can be had");
	ktap_check(mount(loop_path, point, "ext2", 0, NULL) && errno == EBUSY,
		   "nobody mounts it meanwhile");
	targets_let_go(&targets);
	ktap_eq(undo_all(undo), 0, "all is undone");
	ktap_check(is_mounted(), "and it is mounted again");
	umount(point);
}

/* An overlay has its layers mounted for itself, wherever else they are mounted from. */
static void test_layer(void)
{
	char over[64], options[128];

	snprintf(over, sizeof(over), "%s/over", dir);
	snprintf(options, sizeof(options), "lowerdir=%s:%s", point, dir);
	mkdir(over, 0700);
	ktap_eq(mount(loop_path, point, "ext2", MS_RDONLY, NULL), 0, "given: it is mounted");
	if (mount("over", over, "overlay", 0, options)) {
		ktap_skip("no overlay in this kernel", "a layer of an overlay is freed");
		umount(point);
		rmdir(over);
		return;
	}
	ktap_eq(free_them(), 0, "a layer of an overlay is freed");
	ktap_eq(targets_claim(&targets, &err), 0, "and can be had: %s", err.text);
	targets_let_go(&targets);
	ktap_eq(undo_all(undo), 0, "all is undone");
	ktap_check(is_mounted(), "and it is mounted again");
	ktap_eq(umount(over), 0, "with the overlay");
	umount(point);
	rmdir(over);
}

/* What is mounted here stays so there, whatever becomes of it here. */
static pid_t given_container(void)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		byte = unshare(CLONE_NEWNS) || dup2(ends[1], STDIN_FILENO) ? 'n' : 'y';
		/* Of a disk it has none open. */
		syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
		alarm(LONG_S);
		_exit(write(STDIN_FILENO, &byte, 1) == 1 && pause() && false);
	}
	close(ends[1]);
	ktap_check(read(ends[0], &byte, 1) == 1 && byte == 'y',
		   "given: a process in a mount namespace of its own");
	close(ends[0]);
	return pid;
}

/* As one that leaves out a header has it: a loop device of the disk itself, and no file. */
static void test_loop_of_it(void)
{
	char disk[sizeof(loop_path)];
	int upper, status = 0;
	pid_t pid;

	strcpy(disk, loop_path);
	upper = given_loop(disk);
	ktap_check(upper >= 0 && !mount(loop_path, point, "ext2", 0, NULL),
		   "given: a loop device of it is mounted");
	strcpy(loop_path, disk);
	pid = given_container();
	ktap_eq(free_them(), 0, "it is freed");
	ktap_check(!is_mounted(), "by unmounting that");
	ktap_check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		   WTERMSIG(status) == SIGTERM,
		   "and who has it in a mount namespace of his own is ended");
	ktap_eq(targets_claim(&targets, &err), 0, "and can be had: %s", err.text);
	targets_let_go(&targets);
	ktap_eq(undo_all(undo), 0, "all is undone");
	ktap_check(is_mounted(), "and it is mounted again");
	umount(point);
	ioctl(upper, LOOP_CLR_FD, 0);
	close(upper);
}

/* Of the program that it is: it has the disk open, until it is told to end. */
static pid_t given_process(int flags)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		byte = open(loop_path, O_RDWR | O_CLOEXEC | flags) < 0 ? 'n' : 'y';
		_exit(write(ends[1], &byte, 1) == 1 && pause());
	}
	close(ends[1]);
	ktap_check(read(ends[0], &byte, 1) == 1 && byte == 'y', "given: a process has it open");
	close(ends[0]);
	return pid;
}

static void test_open(void)
{
	pid_t pid = given_process(0);
	int status = 0;

	ktap_eq(free_them(), 0, "it is freed");
	ktap_check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		   WTERMSIG(status) == SIGTERM, "the process was told to end");
}

static void test_exclusive(void)
{
	pvk_auto_close int holder = open(loop_path, O_RDONLY | O_EXCL | O_CLOEXEC);

	ktap_check(holder >= 0, "given: somebody who is spared has it for himself");
	targets_init(&targets, &plan, 0);
	ktap_eq(targets_claim(&targets, &err), -EBUSY, "it can't be had");
	ktap_check(strstr(err.text, "somebody has it for himself"), "why is told: %s", err.text);
}

/* The module has that one. */
static void test_session(void)
{
	pvk_auto_close int holder = open(loop_path, O_RDONLY | O_EXCL | O_CLOEXEC);
	struct stat st;

	ktap_check(holder >= 0 && !stat(loop_path, &st), "given: the module has it");
	targets_init(&targets, &plan, st.st_rdev);
	ktap_eq(targets_claim(&targets, &err), 0, "the session's own medium is not asked for");
	ktap_eq(targets.n, 0, "nor opened");
}

/* Of the disk, as /proc/swaps has it; "": none. */
static const char *swap_priority(void)
{
	pvk_auto_free char *text = NULL;
	static char priority[16];
	char *line;

	priority[0] = '\0';
	if (pvk_read_file(AT_FDCWD, "/proc/swaps", 65536, &text, NULL))
		return "not known";
	line = strstr(text, loop_path);
	if (line)
		sscanf(line, "%*s %*s %*s %*s %15s", priority);
	return priority;
}

static void test_swap(void)
{
	char command[128];

	snprintf(command, sizeof(command), "mkswap %s >/dev/null", loop_path);
	if (system(command) || swapon(loop_path, SWAP_FLAG_PREFER | 5)) {
		ktap_skip("no swap here", "swap to it goes, and comes back");
		return;
	}
	ktap_str(swap_priority(), "5", "given: swap to it, of some priority");
	targets_init(&targets, &plan, 0);
	ktap_eq(targets_claim(&targets, &err), -EBUSY, "it can't be had then");
	ktap_eq(free_them(), 0, "it is freed");
	ktap_str(swap_priority(), "", "and not swapped to");
	ktap_eq(undo_all(undo), 0, "all is undone");
	ktap_str(swap_priority(), "5", "and it is swapped to as it was");
	swapoff(loop_path);
}

/*
 * Whoever has such a disk open is ended here, in earnest: so that nobody is but the test's own,
 * it is all that there is.
 */
static void enter_bed(void)
{
	int status = 0;
	pid_t pid;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		ktap_skip_all("no namespaces of its own");
	pid = fork();
	if (pid) {
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount("proc", "/proc", "proc", 0, NULL))
		ktap_skip_all("no /proc of its own");
	/* Process 1 is spared, and so are we as the child of that. */
	pid = fork();
	if (pid) {
		while (waitpid(-1, &status, 0) != pid)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
}

int main(void)
{
	char command[128];
	int loop;

	enter_bed();
	if (!mkdtemp(dir))
		ktap_skip_all("no temporary directory");
	if (!given_disk(&loop))
		ktap_skip_all("no loop device here");
	ktap_plan(0);
	test_mounted();
	test_layer();
	test_loop_of_it();
	test_open();
	test_swap();
	test_exclusive();
	test_session();
	/* Not by its last close: what was mounted from it has it stay until it comes back. */
	ioctl(loop, LOOP_CLR_FD, 0);
	close(loop);
	plan_free(&plan);
	undo_free(undo);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		ktap_fail("a temporary directory removed");
	return ktap_finish();
}
