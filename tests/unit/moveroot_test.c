// SPDX-License-Identifier: MIT
/*
 * The old root goes and comes back, on the real kernel: an ext4 in namespaces of its own is
 * made the root, left for one in RAM, and everything is unmounted. Each test has it anew, is
 * process 1 there, and ends with the first thing that is not as it should be.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "evict.h"
#include "ktap.h"
#include "mountinfo.h"
#include "ramroot.h"
#include "sysattr.h"
#include "unmount.h"

#define RAM	"/run/initramfs"
#define SLOW_MS	15000	/* for what has to come, on a machine that is busy */

static char dir[] = "/tmp/pvkit-moveroot.XXXXXX";

/* --- what is not as it should be ------------------------------------------------- */

static void must_be(bool ok, int line, const char *what)
{
	if (ok)
		return;
	printf("# line %d: %s, errno %s\n", line, what, strerrorname_np(errno));
	fflush(stdout);
	_exit(1);
}
#define must(what)	must_be(what, __LINE__, #what)

static struct pvk_err err;

static void must_work(int ret, int line, const char *what)
{
	if (ret)
		printf("# %d, %s\n", ret, err.text);
	must_be(!ret, line, what);
}
#define works(what)	must_work(what, __LINE__, #what)

static int run(char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}
#define RUN(...)	run((char *[]){ __VA_ARGS__, NULL })

/* --- the bed ---------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	must(fd >= 0);
	must(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static bool has(const char *path)
{
	return !access(path, F_OK);
}

static void make_dirs(void)
{
	static const char *const dirs[] = {
		"proc", "sys", "dev", "run", "mnt", "tmp", "sub", "sub/dir", "apps", "bound", "bin",
		"lower", "upper", "work", "over",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(dirs); i++)
		mkdir(dirs[i], 0755);
}

static bool image(const char *name, const char *size)
{
	return !RUN("truncate", "-s", (char *)size, (char *)name) &&
	       !RUN("mke2fs", "-q", "-F", "-t", "ext4", (char *)name);
}

/* Made once for all. */
static bool make_image(void)
{
	if (chdir(dir) || !image("root.img", "16M") || !image("apps.img", "1M"))
		return false;
	mkdir("root", 0755);
	if (RUN("mount", "-o", "loop", "root.img", "root"))
		return false;
	if (chdir("root"))
		return false;
	make_dirs();
	RUN("cp", "../apps.img", "apps.img");
	RUN("cp", "/bin/busybox", "bin/");
	return !chdir("..") && !RUN("umount", "root");
}

/* In namespaces of its own: the ext4 is /, and process 1 is who reads this. */
static void enter_bed(void)
{
	must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(!chdir(dir));
	must(!RUN("mount", "-o", "loop", "root.img", "root"));
	must(!chdir("root"));
	must(!mount("proc", "proc", "proc", 0, NULL));
	must(!mount("/sys", "sys", NULL, MS_BIND | MS_REC, NULL));
	must(!mount("/dev", "dev", NULL, MS_BIND | MS_REC, NULL));
	must(!mount("tmpfs", "run", "tmpfs", 0, NULL));
	must(!mkdir("run/initramfs", 0755));
	must(!mount("tmpfs", "run/initramfs", "tmpfs", 0, NULL));
	must(!mkdir("run/initramfs/update", 0755));
	must(!syscall(SYS_pivot_root, ".", "mnt"));
	must(!chdir("/"));
	must(!umount2("/mnt", MNT_DETACH));
}

static dev_t root_dev(void)
{
	struct stat st;

	must(!stat("/sub", &st));
	return st.st_dev;
}

/* The loop devices of the machine are all tests', whatever namespace they were set up in. */
static void clear_loops(void)
{
	char path[64], file[256];
	unsigned int n;
	int fd;

	for (n = 0; n < 64; n++) {
		if (!pvk_sysattr(file, sizeof(file), "/sys/block/loop%u/loop/backing_file", n) ||
		    strncmp(file, dir, strlen(dir)))
			continue;
		snprintf(path, sizeof(path), "/dev/loop%u", n);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ioctl(fd, LOOP_CLR_FD, 0);
		close(fd);
	}
}

static void test_in_bed(void (*test)(void), const char *name)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | CLONE_NEWPID))
			_exit(1);
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			enter_bed();
			test();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	waitpid(pid, &status, 0);
	clear_loops();
	ktap_check(WIFEXITED(status) && !WEXITSTATUS(status), "%s", name);
}

/* --- holders ----------------------------------------------------------------------- */

static const struct evict_limits limits = { .term_ms = 1500, .kill_ms = SLOW_MS };
/* For those who go when they are asked, however late they get a processor. */
static const struct evict_limits patient = { .term_ms = 4 * SLOW_MS, .kill_ms = SLOW_MS };

static void hold_fd(void)
{
	must(open("/sub/held", O_WRONLY | O_CREAT, 0644) >= 0);
}

static void hold_cwd(void)
{
	must(!chdir("/sub/dir"));
}

static void hold_root(void)
{
	must(!chroot("/sub"));
}

static void hold_mapping(void)
{
	int fd = open("/sub/mapped", O_RDWR | O_CREAT, 0644);

	must(!ftruncate(fd, 4096));
	must(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	close(fd);
}

static void hold_mount(void)
{
	must(!unshare(CLONE_NEWNS));
	must(!chdir("/proc"));
}

static void hold_text(void)
{
	execl("/bin/busybox", "busybox", "sleep", "1000", NULL);
	must(!"exec of busybox");
}

static void hold_stopped(void)
{
	hold_cwd();
	raise(SIGSTOP);
}

static void end_well(int sig)
{
	(void)sig;
	_exit(7);
}

static void hold_politely(void)
{
	hold_fd();
	signal(SIGTERM, end_well);
}

static void hold_stubbornly(void)
{
	hold_cwd();
	signal(SIGTERM, SIG_IGN);
}

/* In the bed all have their root there; so that each is there for one thing: */
static void leave_root(void)
{
	must(!chdir("/run"));
	must(!chroot("/run"));
}

/* Holds it so, and waits. */
static pid_t start(void (*hold)(void))
{
	int ready[2];
	pid_t pid;
	char c;

	must(!pipe2(ready, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		hold();
		must(write(ready[1], "y", 1) == 1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (hold == hold_stopped)
		must(waitpid(pid, NULL, WUNTRACED) == pid);
	else
		must(read(ready[0], &c, 1) >= 0);
	close(ready[0]);
	return pid;
}

static int ended_by(pid_t pid)
{
	int status = 0;

	must(waitpid(pid, &status, WNOHANG) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 100 + WEXITSTATUS(status);
}

static void test_each_kind(void)
{
	void (*const kinds[])(void) = {
		hold_fd, hold_cwd, hold_root, hold_mapping, hold_mount, hold_text,
	};
	pid_t pid[PVK_ARRAY_SIZE(kinds)];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(kinds); i++)
		pid[i] = start(kinds[i]);
	works(evict("/sub", 0, &patient, &err));
	for (i = 0; i < PVK_ARRAY_SIZE(kinds); i++)
		must(ended_by(pid[i]) == SIGTERM);
}

static void test_asked_first(void)
{
	pid_t polite = start(hold_politely), stopped = start(hold_stopped);

	works(evict("/sub", 0, &patient, &err));
	must(ended_by(polite) == 107);
	must(ended_by(stopped) == SIGTERM);
}

static void test_killed_then(void)
{
	pid_t stubborn = start(hold_stubbornly);
	int64_t began = clock_ms();

	works(evict("/sub", 0, &limits, &err));
	must(clock_ms() - began >= limits.term_ms);
	must(ended_by(stubborn) == SIGKILL);
}

static void test_others_live(void)
{
	pid_t other = start(leave_root), holder = start(hold_cwd);

	works(evict("/sub", 0, &patient, &err));
	must(ended_by(holder) == SIGTERM);
	must(!kill(other, 0));
	must(!waitpid(other, NULL, WNOHANG));
}

static int write_to;

static void write_there(int sig)
{
	(void)sig;
	must(write(write_to, "x", 1) == 1);
}

static void hold_writing(void)
{
	write_to = open("/sub/written", O_WRONLY | O_CREAT, 0644);
	must(write_to >= 0);
	signal(SIGUSR1, write_there);
}

static bool waits_for_no_signal(pid_t pid)
{
	char path[32], *text = NULL, *at;
	bool waits;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	must(!pvk_read_file(AT_FDCWD, path, 4096, &text, NULL));
	at = strrchr(text, ')');
	waits = at && at[2] == 'D';
	free(text);
	return waits;
}

/* Who writes to a frozen file system waits until it thaws, whoever kills him. */
static void test_who_waits_in_the_kernel(void)
{
	const struct evict_limits short_ones = { .term_ms = 100, .kill_ms = 300 };
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;
	pid_t pid = start(hold_writing);
	int64_t until = clock_ms() + SLOW_MS;
	bool waits = false, frozen;

	frozen = !ioctl(root, FIFREEZE, 0);
	kill(pid, SIGUSR1);
	while (frozen && !waits && clock_ms() < until)
		waits = waits_for_no_signal(pid);
	ret = evict("/sub", 0, &short_ones, &err);
	/* Whatever is not as it should be: it must not stay so. */
	ioctl(root, FITHAW, 0);
	must(frozen && waits);
	printf("# %d, %s\n", ret, err.text);
	must(ret == -EBUSY);
	must(strstr(err.text, "1 process can't be ended: ") && strstr(err.text, "moveroot_test"));
	must(strstr(err.text, "it waits in the kernel"));
	must(waitpid(pid, NULL, 0) == pid);
}

static unsigned int ticks;

static void tick(void *arg)
{
	(void)arg;
	ticks++;
}

static void test_watchdog_is_looked_after(void)
{
	const struct evict_limits with_tick = {
		.term_ms = 2000, .kill_ms = SLOW_MS, .tick = tick,
	};

	start(hold_stubbornly);
	works(evict("/sub", 0, &with_tick, &err));
	must(ticks >= 2);
}

/* --- away and back ------------------------------------------------------------------ */

static struct undo *undo;
static struct unmount unmount;

static void move_to_ram(void)
{
	undo = undo_new();
	unmount = (struct unmount){
		.dev = root_dev(), .below = OLD_ROOT, .aside = "/update/aside", .limits = &limits,
		.undo = undo,
	};
	works(ramroot_enter(RAM, undo, &err));
	must(has("/oldroot/sub/dir") && has("/proc/self") && has("/dev/null") && !has("/sub"));
}

static bool is_mounted(dev_t dev)
{
	char path[PATH_MAX];

	return !unmount_find(dev, OLD_ROOT, path, sizeof(path), NULL);
}

static void leave_for_good(void)
{
	move_to_ram();
	works(unmount_others(&unmount, &err));
	works(unmount_read_only(&unmount, &err));
	works(unmount_last(&unmount, &err));
	must(!is_mounted(unmount.dev));
	must(!has("/oldroot/sub"));
}

static void come_back(void)
{
	works(undo_all(undo));
	must(has("/sub/dir") && has("/proc/self") && has("/dev/null"));
	must(has("/run/initramfs/update"));
	put("/sub/new", "writable");
}

static void test_there_and_back(void)
{
	leave_for_good();
	come_back();
}

static void test_from_each_step(void)
{
	move_to_ram();
	come_back();
	move_to_ram();
	works(unmount_others(&unmount, &err));
	come_back();
	move_to_ram();
	works(unmount_others(&unmount, &err));
	works(unmount_read_only(&unmount, &err));
	must(open("/oldroot/sub/no", O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
	come_back();
}

static void test_what_is_on_it(void)
{
	char seen[64];
	struct stat st;
	pid_t in_tmp;

	must(!mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
	put("/tmp/kept", "x");
	put("/run/file", "of RAM");
	put("/file", "");
	must(!mount("/run/file", "/file", NULL, MS_BIND, NULL));
	must(!mount("/sub", "/bound", NULL, MS_BIND, NULL));
	in_tmp = fork();
	if (!in_tmp) {
		must(!chdir("/tmp") && !chroot("/tmp"));
		for (;;)
			pause();
	}
	snprintf(seen, sizeof(seen), "/proc/%d/root/kept", (int)in_tmp);
	while (!has(seen))
		clock_sleep_ms(10);
	leave_for_good();
	must(!kill(in_tmp, 0));
	must(!waitpid(in_tmp, NULL, WNOHANG));
	come_back();
	must(has("/tmp/kept") && has("/bound/dir"));
	must(!stat("/file", &st) && st.st_size == 6);
	must(!umount("/file"));
}

/* A loop device as the tools of the machine that is left set it up. */
static int set_loop(const char *file, char *node, size_t size)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n = ioctl(control, LOOP_CTL_GET_FREE), fd, backing = open(file, O_RDWR | O_CLOEXEC);

	snprintf(node, size, "/dev/loop%d", n);
	fd = open(node, O_RDWR | O_CLOEXEC);
	must(control >= 0 && n >= 0 && fd >= 0 && backing >= 0);
	must(!ioctl(fd, LOOP_SET_FD, backing));
	close(backing);
	close(control);
	close(fd);
	return n;
}

static bool is_set(const char *node)
{
	int fd = open(node, O_RDONLY | O_CLOEXEC);
	struct loop_info64 info;
	bool set = !ioctl(fd, LOOP_GET_STATUS64, &info);

	close(fd);
	return set;
}

static void test_loop_devices(void)
{
	char mounted[32], idle[32];

	set_loop("/apps.img", mounted, sizeof(mounted));
	must(!mount(mounted, "/apps", "ext4", 0, NULL));
	must(has("/apps/lost+found"));
	put("/idle.img", "");
	must(!truncate("/idle.img", 65536));
	set_loop("/idle.img", idle, sizeof(idle));
	leave_for_good();
	must(!is_set(mounted) && !is_set(idle));
	come_back();
	must(has("/apps/lost+found") && is_set(idle));
	leave_for_good();
}

/* "rw,nosuid rw,errors=remount-ro" of what is mounted there: the mount's, and the file system's. */
static void how_is(const char *point, char *how, size_t size)
{
	struct pvk_mount mount = { .point = NULL };
	char *text = NULL, *at;

	must(!pvk_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL));
	at = text;
	while (!pvk_mountinfo_next(&at, &mount))
		if (!strcmp(mount.point, point))
			snprintf(how, size, "%s %s", mount.how, mount.options);
	free(text);
}

static void must_be_as(const char *before, const char *point)
{
	char now[256] = "";

	how_is(point, now, sizeof(now));
	if (strcmp(before, now) != 0)
		printf("# %s: was %s, is %s\n", point, before, now);
	must(!strcmp(before, now));
}

static void test_as_before(void)
{
	char root[256] = "", apps[256] = "", bound[256] = "", node[32];

	set_loop("/apps.img", node, sizeof(node));
	must(!mount(node, "/apps", "ext4",
		    MS_NOSUID | MS_STRICTATIME | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME,
		    "errors=remount-ro"));
	must(!mount("/sub", "/bound", NULL, MS_BIND, NULL));
	must(!mount(NULL, "/bound", NULL,
		    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC | MS_NOATIME, NULL));
	must(!mount(NULL, "/", NULL, MS_REMOUNT | MS_NODEV | MS_NOATIME | MS_LAZYTIME,
		    "errors=remount-ro"));
	how_is("/", root, sizeof(root));
	how_is("/apps", apps, sizeof(apps));
	how_is("/bound", bound, sizeof(bound));
	must(strstr(apps, "sync,dirsync,lazytime") && strstr(bound, "ro,noexec,noatime"));
	move_to_ram();
	works(unmount_others(&unmount, &err));
	works(unmount_read_only(&unmount, &err));
	come_back();
	must_be_as(root, "/");
	must_be_as(apps, "/apps");
	must_be_as(bound, "/bound");
	leave_for_good();
	come_back();
	must_be_as(root, "/");
	must_be_as(apps, "/apps");
	must_be_as(bound, "/bound");
	leave_for_good();
}

/* As of a kernel that shows more than it takes. */
static void test_options_that_are_not_taken(void)
{
	char node[32];
	unsigned int i;

	set_loop("/apps.img", node, sizeof(node));
	must(!mount(node, "/apps", "ext4", 0, "errors=remount-ro"));
	leave_for_good();
	for (i = 0; i < atomic_load(&undo->n); i++)
		if (!strcmp(undo->entry[i].data, "errors=remount-ro"))
			strcpy(undo->entry[i].data, "shown=only,errors=remount-ro");
	come_back();
	must(has("/apps/lost+found"));
	leave_for_good();
}

static void test_overlay(void)
{
	put("/lower/file", "x");
	if (mount("overlay", "/over", "overlay", 0,
		  "lowerdir=/lower,upperdir=/upper,workdir=/work")) {
		must(errno == ENODEV);
		return;
	}
	put("/over/other", "x");
	leave_for_good();
	come_back();
	must(has("/over/file") && has("/over/other"));
	must(!umount("/over"));
}

static void test_held_while_unmounted(void)
{
	pid_t pid;

	must(!mount("/sub", "/bound", NULL, MS_BIND, NULL));
	move_to_ram();
	pid = fork();
	if (!pid) {
		must(!chdir("/oldroot/bound/dir"));
		signal(SIGTERM, SIG_IGN);
		put("/run/ready", "");
		for (;;)
			pause();
	}
	while (!has("/run/ready"))
		clock_sleep_ms(10);
	works(unmount_others(&unmount, &err));
	must(ended_by(pid) == SIGKILL);
	works(unmount_read_only(&unmount, &err));
	works(unmount_last(&unmount, &err));
	come_back();
}

int main(void)
{
	if (geteuid() || !mkdtemp(dir))
		ktap_skip_all("takes root: mount namespaces, loop devices");
	if (!make_image()) {
		RUN("rm", "-rf", dir);
		ktap_skip_all("no loop device, or no mke2fs");
	}
	ktap_plan(0);
	test_in_bed(test_each_kind, "who holds it in any way is asked to end");
	test_in_bed(test_asked_first, "asked first, also who is stopped");
	test_in_bed(test_killed_then, "killed when the time is over");
	test_in_bed(test_who_waits_in_the_kernel, "who can't be ended is named");
	test_in_bed(test_others_live, "who holds nothing of it is left alone");
	test_in_bed(test_watchdog_is_looked_after, "the watchdog is looked after meanwhile");
	test_in_bed(test_there_and_back, "the root is left, unmounted, and comes back writable");
	test_in_bed(test_from_each_step, "the way back from each step");
	test_in_bed(test_what_is_on_it, "a bind mount goes; a tmpfs and who works in it only move");
	test_in_bed(test_loop_devices, "loop devices, mounted or not, go and are set up again");
	test_in_bed(test_as_before, "flags and options come back as they were");
	test_in_bed(test_options_that_are_not_taken, "options that are not taken are left out");
	test_in_bed(test_overlay, "an overlay on it comes back with both its layers");
	test_in_bed(test_held_while_unmounted, "who holds a mount below it is ended");
	if (chdir("/") || RUN("rm", "-rf", dir))
		return 1;
	return ktap_finish();
}
