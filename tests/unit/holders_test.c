// SPDX-License-Identifier: MIT
/*
 * Who holds a file system. Real processes that hold a tmpfs in each way, in a mount namespace
 * of our own, before and after a lazy unmount; and a made-up /proc and /sys for names, lines
 * and media that this machine does not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/btrfs.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holders.h"
#include "json_out.h"
#include "ktap.h"
#include "pivot.h"

#define FOUND_MAX	4096
#define PROGRAM		"/bin/sleep"

static char dir[] = "/tmp/pvkit-holders.XXXXXX";

/* ---- what a scan found ---- */

struct record {
	struct pvk_holder holder;
	char comm[64], what[256], via[64];
};

static struct record found[FOUND_MAX];
static unsigned int n_found;
static struct pvk_holders_sum sum;

static int keep(void *arg, const struct pvk_holder *holder)
{
	struct record *record = &found[n_found];

	(void)arg;
	if (n_found == FOUND_MAX)
		return -ENOSPC;
	n_found++;
	record->holder = *holder;
	snprintf(record->comm, sizeof(record->comm), "%s", holder->comm);
	snprintf(record->what, sizeof(record->what), "%s", holder->what);
	snprintf(record->via, sizeof(record->via), "%s", holder->via ? holder->via : "");
	return 0;
}

/* when that file system is asked about */
static int scan(struct pvk_holders *holders)
{
	struct pvk_err err = { .text = "" };
	int ret;

	n_found = 0;
	ret = pvk_holders_scan(holders, keep, NULL, &sum, &err);
	if (ret)
		printf("# %s\n", err.text);
	return ret;
}

/* The first of that kind, of that process if it is not 0, that has the text in it. */
static const struct record *of(enum pvk_holder_kind kind, pid_t pid, const char *what)
{
	unsigned int i;

	for (i = 0; i < n_found; i++)
		if (found[i].holder.kind == kind &&
		    (!pid || (pid_t)found[i].holder.pid == pid) && strstr(found[i].what, what))
			return &found[i];
	return NULL;
}

static unsigned int count_of(pid_t pid)
{
	unsigned int i, n = 0;

	for (i = 0; i < n_found; i++)
		n += (pid_t)found[i].holder.pid == pid;
	return n;
}

static void print_found(void)
{
	unsigned int i;

	for (i = 0; i < n_found; i++)
		printf("# found: %s pid %u (%s) fd %d %s by %s\n",
		       pvk_holder_kind_name(found[i].holder.kind), found[i].holder.pid,
		       found[i].comm, found[i].holder.fd, found[i].what, found[i].via);
}

/* The same, and what there is when it is not there. */
static bool check_found(enum pvk_holder_kind kind, pid_t pid, const char *what, const char *name)
{
	bool ok = ktap_check(of(kind, pid, what), "%s", name);

	if (!ok)
		print_found();
	return ok;
}

/* ---- files and processes ---- */

static const char *at(const char *name)
{
	static char path[8][512];
	static unsigned int n;

	n = (n + 1) % 8;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void make_dirs(const char *name)
{
	char path[512], *slash;

	snprintf(path, sizeof(path), "%s", at(name));
	for (slash = path + sizeof(dir); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	mkdir(path, 0755);
}

static void make_dirs_above(const char *name)
{
	const char *slash = strrchr(name, '/');
	char path[512];

	if (!slash)
		return;
	snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
	make_dirs(path);
}

static void make_text(const char *name, const char *text, size_t len)
{
	int fd;

	make_dirs_above(name);
	fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		ktap_fail("%s: %s", name, strerror(errno));
	close(fd);
}

static void make_file(const char *name, const char *text)
{
	make_text(name, text, strlen(text));
}

static void make_link(const char *name, const char *to)
{
	make_dirs_above(name);
	if (symlink(to, at(name)))
		ktap_fail("%s: %s", name, strerror(errno));
}

static void copy_program(const char *name)
{
	pvk_auto_free char *data = NULL;
	size_t len;

	if (pvk_read_file(AT_FDCWD, PROGRAM, 16 << 20, &data, &len))
		ktap_fail(PROGRAM " can't be read");
	else
		make_text(name, data, len);
}

static pid_t children[16];
static unsigned int n_children;

/* given a process that does so, and then waits; 0: it could not. Its word is one byte. */
static pid_t given(bool (*hold)(int word))
{
	int word[2];
	char got = 0;
	pid_t pid;

	if (pipe2(word, O_CLOEXEC))
		return 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (hold(word[1]) && write(word[1], "y", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(word[1]);
	if (read(word[0], &got, 1) != 1)
		got = 0;
	close(word[0]);
	children[n_children++] = pid;
	if (!got)
		ktap_fail("a process that holds it");
	return pid;
}

static void end(pid_t pid)
{
	unsigned int i;

	for (i = 0; i < n_children; i++)
		if (children[i] == pid)
			children[i] = children[--n_children];
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void end_children(void)
{
	while (n_children)
		end(children[0]);
}

static bool hold_file(int word)
{
	(void)word;
	return open(at("fs/file"), O_RDONLY) >= 0;
}

static bool hold_two(int word)
{
	return hold_file(word) && open(at("fs"), O_PATH) >= 0;
}

static bool hold_mapping(int word)
{
	int fd = open(at("fs/file"), O_RDONLY);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	(void)word;
	close(fd);
	return map != MAP_FAILED && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) != map;
}

static bool hold_cwd(int word)
{
	(void)word;
	return !chdir(at("fs/sub"));
}

static bool hold_root(int word)
{
	(void)word;
	return !chroot(at("fs/sub"));
}

static bool hold_text(int word)
{
	/* The word goes with the exec, which closes the pipe: so it is said before. */
	if (write(word, "y", 1) != 1)
		return false;
	execl(at("fs/program (x) R"), "sleep", "1000", NULL);
	return false;
}

static bool hold_socket(int word)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)word;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", at("fs/a socket"));
	return fd >= 0 && !bind(fd, (struct sockaddr *)&to, sizeof(to)) && !listen(fd, 1);
}

static bool hold_mount(int word)
{
	(void)word;
	return !unshare(CLONE_NEWNS) && !umount2(at("fs2"), MNT_DETACH);
}

/* The namespace of a process that has ended, which has fs mounted. */
static bool hold_namespace(int word)
{
	char path[64];
	int to[2];
	pid_t pid;
	char got;

	(void)word;
	if (pipe2(to, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		if (!unshare(CLONE_NEWNS) && write(to[1], "y", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (read(to[0], &got, 1) != 1 || open(path, O_RDONLY) < 0)
		return false;
	kill(pid, SIGKILL);
	return waitpid(pid, NULL, 0) == pid;
}

static bool deleted_file(int word)
{
	(void)word;
	return open(at("fs/deleted"), O_RDWR | O_CREAT, 0600) >= 0 && !unlink(at("fs/deleted"));
}

/* ---- threads ---- */

static int thread_word;

static void *own_files(void *arg)
{
	int *done = arg;

	if (!unshare(CLONE_FILES | CLONE_FS) && hold_file(0) && !chdir(at("fs/sub")))
		*done = 1;
	if (write(thread_word, "y", 1) == 1)
		for (;;)
			pause();
	return NULL;
}

static bool hold_in_thread(int word)
{
	static int done;
	pthread_t thread;

	thread_word = word;
	if (pthread_create(&thread, NULL, own_files, &done))
		return false;
	for (;;)
		pause();
}

static void *common_files(void *arg)
{
	(void)arg;
	if (write(thread_word, "y", 1) == 1)
		for (;;)
			pause();
	return NULL;
}

static bool hold_with_threads(int word)
{
	pthread_t thread;

	thread_word = word;
	return hold_file(word) && !pthread_create(&thread, NULL, common_files, NULL) &&
	       !pthread_create(&thread, NULL, common_files, NULL);
}

/* The first thread ends, and the file is the other's from then on. */
static bool hold_as_orphan(int word)
{
	pthread_t thread;

	thread_word = word;
	if (!hold_file(word) || pthread_create(&thread, NULL, common_files, NULL))
		return false;
	pthread_exit(NULL);
}

/* ---- real processes ---- */

static bool private_mounts(void)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static struct pvk_holders *open_path(const char *path)
{
	struct pvk_holders_from from = { .path = path };
	struct pvk_holders *holders = NULL;
	struct pvk_err err = { .text = "" };

	if (pvk_holders_open(&holders, &from, &err))
		ktap_fail("%s", err.text);
	return holders;
}

static struct pvk_holders *open_dev(dev_t dev)
{
	struct pvk_holders_from from = { .dev = dev };
	struct pvk_holders *holders = NULL;

	if (pvk_holders_open(&holders, &from, NULL))
		ktap_fail("a device number");
	return holders;
}

static dev_t given_fs(const char *name)
{
	struct stat st = { 0 };

	make_dirs(name);
	if (mount("test", at(name), "tmpfs", 0, "size=16m") || stat(at(name), &st))
		ktap_fail("a tmpfs: %s", strerror(errno));
	return st.st_dev;
}

static void check_start(pid_t pid)
{
	const struct record *record = of(PVK_HOLD_FD, pid, "");
	char path[64], *close_at;
	pvk_auto_free char *text = NULL;
	unsigned int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!record || pvk_read_file(AT_FDCWD, path, 4096, &text, NULL)) {
		ktap_fail("the process's start");
		return;
	}
	close_at = strrchr(text, ')');
	for (i = 0; i < 20 && close_at; i++)
		close_at = strchr(close_at + 1, ' ');
	ktap_eq((long long)record->holder.start, close_at ? atoll(close_at) : -1,
		"the process's start tells it from a later one of that number");
}

static uint64_t namespace_of(pid_t pid)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (readlink(path, text, sizeof(text) - 1) < 5)
		return 0;
	return strtoull(text + 5, NULL, 10);
}

static void test_kinds(struct pvk_holders *holders)
{
	pid_t fd = given(hold_two), mapping = given(hold_mapping), cwd = given(hold_cwd);
	pid_t root = given(hold_root), text = given(hold_text), deleted = given(deleted_file);
	pid_t space = given(hold_mount), socket = given(hold_socket);
	const struct record *record;
	unsigned int tries;

	for (tries = 0; tries < 200; tries++) {
		if (scan(holders) || of(PVK_HOLD_TEXT, text, ""))
			break;
		usleep(10000);
	}
	if (check_found(PVK_HOLD_FD, fd, "/fs/file", "an open file"))
		ktap_check(of(PVK_HOLD_FD, fd, "/fs/file")->holder.fd > 2, "its descriptor");
	ktap_check(of(PVK_HOLD_FD, fd, "/fs") && count_of(fd) == 2,
		   "and a descriptor that opens nothing; nothing else of that process");
	check_start(fd);
	check_found(PVK_HOLD_MAPPING, mapping, "/fs/file", "a mapping whose file is closed");
	ktap_eq(count_of(mapping), 1, "is one holder");
	check_found(PVK_HOLD_CWD, cwd, "/fs/sub", "a working directory below");
	check_found(PVK_HOLD_ROOT, root, "/fs/sub", "a root directory");
	check_found(PVK_HOLD_FD, deleted, "/fs/deleted (deleted)", "a file without a name");
	if (check_found(PVK_HOLD_TEXT, text, "/fs/program (x) R", "a program that runs"))
		ktap_str(of(PVK_HOLD_TEXT, text, "")->comm, "program (x) R",
			 "its name, with a parenthesis in it");
	ktap_check(!of(PVK_HOLD_MAPPING, text, "/fs/program"),
		   "which is not told as a mapping once more");
	check_found(PVK_HOLD_FD, socket, "/fs/a socket", "a socket that is bound to a path");
	record = of(PVK_HOLD_MOUNT, space, "/fs");
	ktap_check(record && record->holder.ns == namespace_of(space) &&
		   record->holder.ns != namespace_of(getpid()),
		   "a mount in a namespace, by its number and a process in it");
	record = of(PVK_HOLD_MOUNT, 0, "/fs");
	ktap_check(record && (pid_t)record->holder.pid != space, "and the one in ours");
	ktap_eq(sum.mounts, 2, "the two are counted, and no other");
	ktap_check(!pvk_holders_unexplained(&sum, 2) && pvk_holders_unexplained(&sum, 3),
		   "what the kernel counts beyond that is unexplained");
	ktap_check(sum.processes > 7 && sum.holders == n_found && !sum.cut && !sum.stuck,
		   "sums");
	ktap_eq(count_of(getpid()), 1,
		"but for the mount in ours the process that asks holds nothing by that");
	ktap_str(pvk_holders_type(holders), "tmpfs", "its type");
	end_children();
}

static void test_namespace(struct pvk_holders *holders)
{
	pid_t pid = given(hold_namespace);
	const struct record *record;

	scan(holders);
	record = of(PVK_HOLD_MOUNT, pid, "/fs");
	ktap_check(record && record->holder.ns != namespace_of(pid),
		   "a mount in a namespace that only a descriptor keeps, by whose it is");
	ktap_eq(sum.mounts, 2, "is counted");
	end_children();
}

static void test_threads(struct pvk_holders *holders)
{
	pid_t own = given(hold_in_thread), common = given(hold_with_threads);
	pid_t orphan = given(hold_as_orphan);
	const struct record *record;

	usleep(100000);
	ktap_eq(scan(holders), 0, "processes with threads are looked at");
	record = of(PVK_HOLD_FD, own, "/fs/file");
	ktap_check(record && record->holder.tid != record->holder.pid,
		   "a file that only one thread has, and which");
	check_found(PVK_HOLD_CWD, own, "/fs/sub", "its working directory");
	record = of(PVK_HOLD_FD, common, "/fs/file");
	ktap_check(record && record->holder.tid == record->holder.pid && count_of(common) == 1,
		   "what threads share is told once, as the process's");
	check_found(PVK_HOLD_FD, orphan, "/fs/file", "a process whose first thread has ended");
	end_children();
}

static bool make_zombie(int word)
{
	pid_t pid = fork();

	(void)word;
	if (!pid)
		_exit(0);
	usleep(50000);
	return pid > 0;
}

/* given processes that come and go */
static bool churn(int word)
{
	signal(SIGCHLD, SIG_IGN);
	if (write(word, "y", 1) != 1)
		return false;
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			hold_file(0);
			_exit(0);
		}
		if (pid < 0)
			usleep(1000);
	}
}

static void test_vanishing(struct pvk_holders *holders)
{
	unsigned int i;
	int ret = 0;

	given(make_zombie);
	given(churn);
	for (i = 0; i < 30 && !ret; i++)
		ret = scan(holders);
	ktap_eq(ret, 0, "processes that end while they are looked at, and one that has");
	ktap_check(!pvk_holders_partial(&sum) || sum.denied, "are nothing that is missed");
	end_children();
}

/* ---- what stands on it ---- */

static bool hold_overlay(int word)
{
	(void)word;
	return open(at("over/file"), O_RDONLY) >= 0;
}

static bool given_overlay(void)
{
	char options[1024];

	make_dirs("over");
	make_dirs("ram/upper");
	make_dirs("ram/work");
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", at("fs"),
		 at("ram/upper"), at("ram/work"));
	return !mount("o", at("over"), "overlay", 0, options);
}

static void test_overlay(struct pvk_holders *holders)
{
	const struct record *record;
	pid_t pid;

	given_fs("ram");
	if (!given_overlay()) {
		ktap_skip("this kernel has no overlay", "an overlay");
		return;
	}
	pid = given(hold_overlay);
	scan(holders);
	check_found(PVK_HOLD_OVERLAY, 0, "/over", "an overlay with a layer there");
	record = of(PVK_HOLD_FD, pid, "/over/file");
	ktap_check(record && !strcmp(record->via, "overlay") && !record->holder.guess,
		   "who has a file of the overlay open, by that");
	ktap_eq(sum.layers, 1, "its layer is a mount to the kernel");
	ktap_eq(sum.mounts, 1, "but none of a namespace");
	/* A file of the lower layer has a device number that no mount has. */
	umount2(at("over"), MNT_DETACH);
	scan(holders);
	record = of(PVK_HOLD_FD, pid, "/file");
	ktap_check(record && !record->holder.guess,
		   "a lazy unmount of the overlay does not hide it from who asked before");
	end_children();
	umount2(at("ram"), MNT_DETACH);
}

static bool make_btrfs(const char *path)
{
	pid_t pid = fork();
	int status = 1;

	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execlp("mkfs.btrfs", "mkfs.btrfs", "-q", path, NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static int given_loop(const char *name, off_t size, bool btrfs)
{
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), file, fd = -1, number, tries;
	char path[32];

	make_file(name, "");
	file = open(at(name), O_RDWR | O_CLOEXEC);
	if (file < 0 || ftruncate(file, size) || (btrfs && !make_btrfs(at(name))))
		tries = 20;
	else
		tries = 0;
	for (; tries < 20 && control >= 0 && file >= 0; tries++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		/* Somebody else may have been quicker. */
		if (fd >= 0 && !ioctl(fd, LOOP_SET_FD, file)) {
			ioctl(fd, LOOP_SET_STATUS64, &info);
			break;
		}
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (control >= 0)
		close(control);
	if (file >= 0)
		close(file);
	return fd;
}

static void test_loop(struct pvk_holders *holders)
{
	int fd = given_loop("fs/disk", 1 << 20, false);
	const struct record *record;

	if (fd < 0) {
		ktap_skip("no loop device is to be had", "a loop device");
		return;
	}
	scan(holders);
	check_found(PVK_HOLD_LOOP, 0, "/fs/disk", "a loop device whose file lies there");
	record = of(PVK_HOLD_DEVICE, getpid(), "/dev/loop");
	ktap_check(record && record->holder.fd == fd, "and who has its node open");
	unlink(at("fs/disk"));
	scan(holders);
	check_found(PVK_HOLD_LOOP, 0, "/fs/disk", "also when the file has no name any more");
	ktap_eq(sum.inner, 1, "it may hold a mount that is detached");
	close(fd);
}

/* ---- a btrfs, whose subvolumes have numbers of their own ---- */

static bool hold_volume(int word)
{
	(void)word;
	return open(at("btrfs/volume/file"), O_RDONLY) >= 0 && !chdir(at("btrfs/volume"));
}

static bool hold_volume_mapping(int word)
{
	int fd = open(at("btrfs/volume/file"), O_RDONLY);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	(void)word;
	close(fd);
	return map != MAP_FAILED;
}

static bool given_btrfs(int fd)
{
	struct btrfs_ioctl_vol_args args = { .name = "volume" };
	char path[32];
	struct stat st;
	int top;
	bool ok;

	make_dirs("btrfs");
	if (fstat(fd, &st))
		return false;
	snprintf(path, sizeof(path), "/dev/loop%u", minor(st.st_rdev));
	if (mount(path, at("btrfs"), "btrfs", 0, NULL))
		return false;
	top = open(at("btrfs"), O_RDONLY | O_CLOEXEC);
	ok = top >= 0 && !ioctl(top, BTRFS_IOC_SUBVOL_CREATE, &args);
	close(top);
	make_file("btrfs/volume/file", "x");
	return ok;
}

static void check_volume(pid_t files, pid_t mapping, const char *when)
{
	ktap_check(of(PVK_HOLD_FD, files, "/file"), "%s: a file of a subvolume", when);
	ktap_check(of(PVK_HOLD_CWD, files, ""), "%s: its directory", when);
	if (!ktap_check(of(PVK_HOLD_MAPPING, mapping, "/file"), "%s: a mapping", when))
		print_found();
}

static void test_btrfs(void)
{
	int fd = given_loop("disk", 128 << 20, true);
	struct pvk_holders *holders, *late;
	pid_t files, mapping;

	if (fd < 0 || !given_btrfs(fd)) {
		ktap_skip("no btrfs, or no loop device", "a btrfs");
		close(fd);
		return;
	}
	files = given(hold_volume);
	mapping = given(hold_volume_mapping);
	holders = open_path(at("btrfs/volume"));
	scan(holders);
	check_volume(files, mapping, "btrfs");
	umount2(at("btrfs"), MNT_DETACH);
	scan(holders);
	check_volume(files, mapping, "after a lazy unmount");
	end(mapping);
	late = open_dev(pvk_holders_dev(holders));
	scan(late);
	if (!ktap_check(of(PVK_HOLD_FD, files, "/file") &&
			of(PVK_HOLD_FD, files, "/file")->holder.guess,
			"who asks only now is told that it may be"))
		print_found();
	pvk_holders_close(late);
	pvk_holders_close(holders);
	end_children();
	close(fd);
}

/* ---- a lazy unmount ---- */

/* Where programs without PIE are: such an address is written with leading zeroes. */
static bool hold_low(int word)
{
	int fd = open(at("fs/file"), O_RDONLY);
	void *map = mmap((void *)0x1000000, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
			 fd, 0);

	(void)word;
	close(fd);
	return map != MAP_FAILED;
}

static void check_low(struct pvk_holders *holders, pid_t low)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/map_files/1000000-1001000", low);
	scan(holders);
	check_found(PVK_HOLD_MAPPING, low, "/file", "a mapping alone, at a low address");
	if (!stat(path, &st))
		ktap_eq(sum.mounts, 1, "whose mount is counted");
	else
		ktap_skip("no right to ask about a mapping", "its mount");
}

static void test_detached(struct pvk_holders *holders, dev_t dev)
{
	pid_t fd = given(hold_file), cwd = given(hold_cwd), mapping = given(hold_mapping);
	struct pvk_holders *late;
	pid_t low = given(hold_low);

	ktap_eq(umount2(at("fs2"), MNT_DETACH) | umount2(at("fs"), MNT_DETACH), 0,
		"given a lazy unmount");
	ktap_eq(scan(holders), 0, "then it is asked about as before");
	check_found(PVK_HOLD_FD, fd, "/file", "an open file");
	check_found(PVK_HOLD_CWD, cwd, "", "a working directory");
	check_found(PVK_HOLD_MAPPING, mapping, "/file", "a mapping");
	ktap_check(!of(PVK_HOLD_MOUNT, 0, ""), "there is no mount");
	if (sum.mounts)
		ktap_eq(sum.mounts, 1, "but what is held is one to the kernel");
	else
		ktap_skip("statx() has no mount ids here", "what is held is one");
	late = open_dev(dev);
	scan(late);
	ktap_check(of(PVK_HOLD_FD, fd, "") && of(PVK_HOLD_CWD, cwd, ""),
		   "who asks only now does it by the device's number");
	pvk_holders_close(late);
	end(fd);
	end(cwd);
	end(mapping);
	check_low(holders, low);
	end_children();
	scan(holders);
	ktap_eq(n_found, 0, "when they have ended nobody is left");
	ktap_check(pvk_holders_unexplained(&sum, 1), "and a reference would be unexplained");
}

static void test_real(void)
{
	struct pvk_holders *holders;
	dev_t dev = given_fs("fs");

	/* Gone in the namespace of hold_mount() alone. */
	make_dirs("fs2");
	mount("none", at("fs2"), "tmpfs", 0, NULL);
	make_dirs("fs/sub");
	make_file("fs/file", "x");
	copy_program("fs/program (x) R");
	holders = open_path(at("fs/sub"));
	ktap_eq(scan(holders), 0, "a file system is asked about by a path on it");
	ktap_check(pvk_holders_dev(holders) == dev, "its number");
	ktap_check(n_found == 1 && of(PVK_HOLD_MOUNT, 0, "/fs"), "nobody but its mount is there");
	test_kinds(holders);
	test_namespace(holders);
	test_threads(holders);
	test_vanishing(holders);
	test_overlay(holders);
	test_loop(holders);
	test_btrfs();
	test_detached(holders, dev);
	pvk_holders_close(holders);
}

/* ---- a made-up /proc ---- */

static struct pvk_holders *open_fake(struct pvk_holders_from from)
{
	static char proc[512], sys[512];
	struct pvk_holders *holders = NULL;
	struct pvk_err err = { .text = "" };

	snprintf(proc, sizeof(proc), "%s", at("proc"));
	snprintf(sys, sizeof(sys), "%s", at("sys"));
	from.proc = proc;
	from.sys = sys;
	from.devices = "/nonexistent";
	if (pvk_holders_open(&holders, &from, &err))
		ktap_fail("%s", err.text);
	return holders;
}

/* given process 100 in namespace 1, with an odd name */
static void given_fake(const char *stat, const char *mounts)
{
	make_dirs("proc/100/task/100");
	make_dirs("proc/100/fd");
	make_file("proc/100/stat", stat);
	make_file("proc/100/mountinfo", mounts);
	make_link("proc/100/ns/mnt", "mnt:[1]");
	make_file("plain", "");
}

#define STAT(name) "100 (" name ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n"

static void test_fake_names(void)
{
	struct pvk_holders *holders;
	char line[512], mounts[512];
	struct stat st;

	stat(dir, &st);
	snprintf(mounts, sizeof(mounts), "20 1 %u:%u / /a\\040b\\012c rw - ext4 /dev/x rw\n"
		 "nonsense\n"
		 "21 1 %u:%u / /again rw - ext4 /dev/x rw\n"
		 "22 1 0:4095 / /other rw - tmpfs none rw\n", major(st.st_dev), minor(st.st_dev),
		 major(st.st_dev), minor(st.st_dev));
	given_fake(STAT("a) R (\nb"), mounts);
	make_link("proc/100/fd/7", at("plain"));
	make_link("proc/100/fd/8", "/proc/version");
	make_link("proc/100/cwd", "/proc");
	make_link("proc/100/root", "/proc");
	make_link("proc/100/exe", "/proc/version");
	snprintf(line, sizeof(line), "7f0000000000-7f0000001000 r--p 00000000 %02x:%02x 99"
		 "                 /lib/a\\012b (deleted)\n7f0000001000-7f0000002000 r--p 00001000 "
		 "%02x:%02x 99 /lib/a\\012b (deleted)\n7f0000003000-7f0000004000 rw-p 0 00:00 0\n"
		 "broken line\n7f0000005000-7f0000006000 r--p 00000000 %02x:%02x 98 /lib/last",
		 major(st.st_dev), minor(st.st_dev), major(st.st_dev), minor(st.st_dev),
		 major(st.st_dev), minor(st.st_dev));
	strcat(line, "\n");
	make_file("proc/100/maps", line);
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev });
	ktap_eq(scan(holders), 0, "given a made-up /proc: it is read");
	check_found(PVK_HOLD_FD, 100, "/plain", "a descriptor by where its link leads");
	ktap_check(!of(PVK_HOLD_FD, 100, "/proc/version") && !of(PVK_HOLD_CWD, 100, ""),
		   "and none that leads elsewhere");
	if (of(PVK_HOLD_FD, 100, "")) {
		ktap_str(of(PVK_HOLD_FD, 100, "")->comm, "a) R (\nb",
			 "a name with parentheses and a newline");
		ktap_eq(of(PVK_HOLD_FD, 100, "")->holder.start, 4711, "what stands behind it");
	}
	check_found(PVK_HOLD_MOUNT, 100, "/a b\nc", "a mount point with a blank and a newline");
	check_found(PVK_HOLD_MOUNT, 100, "/again", "the mount behind a line that is none");
	ktap_check(!of(PVK_HOLD_MOUNT, 100, "/other"), "not that of another file system");
	check_found(PVK_HOLD_MAPPING, 100, "(deleted)", "a mapping");
	check_found(PVK_HOLD_MAPPING, 100, "/lib/last", "the one behind a broken line");
	ktap_eq(count_of(100), 5, "a file that is mapped twice is told once");
	pvk_holders_close(holders);
}

/* 100 ends between the look at its namespace and that at its mounts; 101 is in the same. */
static void test_fake_vanished(void)
{
	struct pvk_holders *holders;

	given_fake(STAT("ends"), "");
	unlink(at("proc/100/mountinfo"));
	make_dirs("proc/101/fd");
	make_file("proc/101/stat", STAT("stays"));
	make_link("proc/101/ns/mnt", "mnt:[1]");
	make_file("proc/101/mountinfo", "20 1 0:99 / /there rw - tmpfs none rw\n");
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(0, 99) });
	scan(holders);
	check_found(PVK_HOLD_MOUNT, 101, "/there",
		    "the first of a namespace ends meanwhile: the next one says what it has");
	pvk_holders_close(holders);
}

/* As after pivot_root: the layer was the root then, and by that path is the overlay now. */
static void test_fake_moved_layer(void)
{
	struct pvk_holders *holders;
	struct stat st;
	char mounts[512];

	stat(dir, &st);
	snprintf(mounts, sizeof(mounts), "20 1 %u:%u / / rw - overlay o rw,lowerdir=/,upperdir=/\n"
		 "21 20 31:1 / /rom ro - squashfs /dev/root ro\n", major(st.st_dev),
		 minor(st.st_dev));
	given_fake(STAT("moved"), mounts);
	make_link("proc/100/root", dir);
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(31, 1) });
	scan(holders);
	check_found(PVK_HOLD_OVERLAY, 0, "overlay /",
		    "an overlay that would lie on itself may lie here");
	ktap_check(of(PVK_HOLD_OVERLAY, 0, "") && of(PVK_HOLD_OVERLAY, 0, "")->holder.guess,
		   "perhaps");
	pvk_holders_close(holders);
}

/* The same, and what runs is below the old root as well, which so is known for it. */
static void test_fake_moved_root(void)
{
	char mounts[512], program[600], rom[600];
	struct pvk_holders *holders;
	struct stat st;

	stat(dir, &st);
	snprintf(mounts, sizeof(mounts), "900020 1 %u:%u / / rw - overlay o rw,lowerdir=/\n"
		 "900021 900020 31:1 / /rom ro - squashfs /dev/root ro\n"
		 "900022 900020 31:2 / /other ro - squashfs /dev/mtdblock2 ro\n", major(st.st_dev),
		 minor(st.st_dev));
	given_fake(STAT("moved"), mounts);
	make_link("proc/100/root", dir);
	make_link("proc/100/exe", at("plain"));
	snprintf(program, sizeof(program), "rom%s", at("plain"));
	snprintf(rom, sizeof(rom), "%.*s", (int)(strrchr(program, '/') - program), program);
	make_dirs(rom);
	link(at("plain"), at(program));
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(31, 1) });
	scan(holders);
	check_found(PVK_HOLD_OVERLAY, 0, "overlay /", "an overlay on what was the root");
	ktap_check(of(PVK_HOLD_OVERLAY, 0, "") && !of(PVK_HOLD_OVERLAY, 0, "")->holder.guess,
		   "for sure");
	pvk_holders_close(holders);
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(31, 2) });
	scan(holders);
	ktap_check(!of(PVK_HOLD_OVERLAY, 0, ""), "and so not on another one");
	pvk_holders_close(holders);
}

/* Partitions 1 and 2 overlap, 3 does not; UBI 0 is on 2, and a volume of it is mounted. */
static void given_flash(void)
{
	static const char *const offsets[] = { "0", "65536", "131072", "327680" };
	char name[64], to[64];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "sys/devices/chip/mtd/mtd%u/size", i);
		make_file(name, i == 2 ? "131072\n" : "65536\n");
		snprintf(name, sizeof(name), "sys/devices/chip/mtd/mtd%u/offset", i);
		make_file(name, i == 1 ? "131072\n" : offsets[i]);
		snprintf(name, sizeof(name), "sys/class/mtd/mtd%u", i);
		snprintf(to, sizeof(to), "../../devices/chip/mtd/mtd%u", i);
		make_link(name, to);
	}
	make_file("sys/class/ubi/ubi0/mtd_num", "2\n");
	make_file("sys/class/ubi/ubi0_1/dev", "250:2\n");
	make_file("sys/class/ubi/ubi0_1/name", "rootfs\n");
	make_file("sys/class/ubi/ubi0_2/dev", "250:3\n");
	make_file("sys/class/ubi/ubi0_2/name", "squash\n");
	make_file("sys/devices/virtual/block/ubiblock0_2/dev", "251:0\n");
	make_link("sys/block/ubiblock0_2", "../devices/virtual/block/ubiblock0_2");
	make_link("sys/class/block/ubiblock0_2", "../../devices/virtual/block/ubiblock0_2");
	make_link("sys/dev/block/251:0", "../../devices/virtual/block/ubiblock0_2");
	make_link("sys/dev/char/250:3", "../../devices/virtual/ubi/ubi0/ubi0_2");
	make_link("sys/devices/virtual/ubi/ubi0/ubi0_2/subsystem", "../../../../../class/ubi");
}

static bool given_node(const char *name, const char *link, mode_t type, dev_t dev)
{
	if (mknod(at(name), type | 0600, dev))
		return false;
	make_link(link, at(name));
	return true;
}

static void test_fake_flash(void)
{
	struct pvk_holders *holders;
	unsigned int i, n = 0;

	given_flash();
	given_fake(STAT("flash"), "30 1 0:77 / / rw - ubifs ubi0:rootfs rw\n"
		   "31 1 31:3 / /data rw - jffs2 /dev/mtdblock3 rw\n"
		   "32 1 251:0 / /squash ro - squashfs /dev/ubiblock0_2 ro\n"
		   "33 1 0:78 / /second rw - ubifs ubi1 rw\n");
	if (!given_node("volume", "proc/100/fd/9", S_IFCHR, makedev(250, 2)) ||
	    !given_node("mtd2ro", "proc/100/fd/10", S_IFCHR, makedev(90, 5)) ||
	    !given_node("mtdblock1", "proc/100/fd/11", S_IFBLK, makedev(31, 1)) ||
	    !given_node("mtd3", "proc/100/fd/12", S_IFCHR, makedev(90, 6)) ||
	    !given_node("volume2", "proc/100/fd/14", S_IFCHR, makedev(250, 3)) ||
	    !given_node("mtd2same", "proc/100/fd/13", S_IFBLK, makedev(90, 5))) {
		ktap_skip("no right to make device nodes", "flash");
		return;
	}
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(0, 77) });
	scan(holders);
	check_found(PVK_HOLD_DEVICE, 100, "/volume", "a ubifs: its volume, by name");
	check_found(PVK_HOLD_DEVICE, 100, "/mtd2ro", "the flash below UBI, read-only too");
	check_found(PVK_HOLD_DEVICE, 100, "/mtdblock1", "and a partition that overlaps");
	ktap_check(!of(PVK_HOLD_DEVICE, 100, "/mtd3"), "not its neighbour");
	ktap_check(!of(PVK_HOLD_DEVICE, 100, "/mtd2same"),
		   "nor a block device that has a character device's number");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .dev = makedev(0, 78) });
	scan(holders);
	check_found(PVK_HOLD_DEVICE, 100, "/volume", "\"ubi1\" is volume 1 of the first device");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .path = at("volume2") });
	scan(holders);
	check_found(PVK_HOLD_MOUNT, 100, "/squash", "by a volume's node: what is on its ubiblock");
	check_found(PVK_HOLD_DEVICE, 100, "/volume2", "and who has the node open");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .dev = makedev(31, 2) });
	scan(holders);
	check_found(PVK_HOLD_DEVICE, 0, "ubi0", "a partition: UBI is attached to it");
	for (i = 0; i < n_found; i++)
		n += found[i].holder.kind == PVK_HOLD_MOUNT && !strcmp(found[i].via, "ubi0");
	ktap_eq(n, 3, "and what is mounted of it stands on that, also by a ubiblock");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .path = at("mtd3") });
	scan(holders);
	check_found(PVK_HOLD_MOUNT, 100, "/data", "by its character node: a jffs2");
	check_found(PVK_HOLD_DEVICE, 100, "/mtd3", "and who has that open");
	ktap_check(pvk_holders_followed(holders, &(struct pvk_pivot_status){
			.has_left = true, .fs = "jffs2", .device = "mtd3" }) &&
		   !pvk_holders_followed(holders, &(struct pvk_pivot_status){
			.has_left = true, .fs = "jffs2", .device = "mtd1" }),
		   "the session that follows it is known by the flash's name");
	pvk_holders_close(holders);
}

/* vda1 is mounted; the disk has swap in vda2, device mapper on vda3 and that is mounted. */
static void test_fake_disk(void)
{
	struct pvk_holders *holders;

	given_fake(STAT("disk"), "40 1 252:1 / / rw - ext4 /dev/root rw\n"
		   "41 1 253:0 / /crypt rw - ext4 /dev/mapper/c rw\n");
	make_file("sys/devices/vda/dev", "252:0\n");
	make_file("sys/devices/vda/vda1/dev", "252:1\n");
	make_file("sys/devices/vda/vda1/partition", "1\n");
	make_file("sys/devices/vda/vda2/dev", "252:2\n");
	make_file("sys/devices/vda/vda2/partition", "2\n");
	make_file("sys/devices/vda/vda3/dev", "252:3\n");
	make_file("sys/devices/vda/vda3/partition", "3\n");
	make_file("sys/devices/dm-0/dev", "253:0\n");
	make_link("sys/devices/vda/vda3/holders/dm-0", "../../../dm-0");
	make_link("sys/devices/dm-0/slaves/vda3", "../../vda/vda3");
	make_link("sys/dev/block/252:0", "../../devices/vda");
	make_link("sys/dev/block/252:1", "../../devices/vda/vda1");
	make_link("sys/dev/block/252:2", "../../devices/vda/vda2");
	make_link("sys/dev/block/252:3", "../../devices/vda/vda3");
	make_link("sys/dev/block/253:0", "../../devices/dm-0");
	if (!given_node("vda", "proc/100/fd/20", S_IFBLK, makedev(252, 0)) ||
	    !given_node("vda2", "proc/100/fd/21", S_IFBLK, makedev(252, 2)) ||
	    !given_node("vda3", "proc/100/fd/22", S_IFBLK, makedev(252, 3))) {
		ktap_skip("no right to make device nodes", "a disk");
		return;
	}
	holders = open_fake((struct pvk_holders_from){ .dev = makedev(252, 1) });
	scan(holders);
	ktap_str(pvk_holders_medium(holders), "vda1", "a partition, by its name");
	ktap_check(pvk_holders_followed(holders, &(struct pvk_pivot_status){
			.has_left = true, .fs = "ext4", .device = "vda1" }) &&
		   !pvk_holders_followed(holders, &(struct pvk_pivot_status){
			.fs = "ext4", .device = "vda1" }),
		   "which a session has that lives");
	check_found(PVK_HOLD_DEVICE, 100, "/vda", "the disk it is of, which somebody has open");
	ktap_check(!of(PVK_HOLD_DEVICE, 100, "/vda2"), "not another partition");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .path = at("vda") });
	scan(holders);
	check_found(PVK_HOLD_DEVICE, 0, "dm-0", "a disk: what is built on a partition of it");
	check_found(PVK_HOLD_MOUNT, 100, "/crypt", "and mounted of that");
	ktap_str(of(PVK_HOLD_MOUNT, 100, "/crypt") ? of(PVK_HOLD_MOUNT, 100, "/crypt")->via : "",
		 "dm-0 on vda3", "by what");
	pvk_holders_close(holders);

	holders = open_fake((struct pvk_holders_from){ .dev = makedev(253, 0) });
	scan(holders);
	check_found(PVK_HOLD_DEVICE, 100, "/vda3", "a mapped device: the one below it");
	pvk_holders_close(holders);
}

/* As on a kernel that can't say what threads share. */
static void test_fake_threads(void)
{
	struct pvk_holders *holders;
	const struct record *record;
	struct stat st;

	stat(dir, &st);
	given_fake(STAT("threads"), "");
	make_file("other", "");
	make_file("proc/100/task/101/stat", STAT("threads"));
	make_file("proc/100/task/102/stat", STAT("own"));
	make_link("proc/100/fd/3", at("plain"));
	make_link("proc/100/task/101/fd/3", at("plain"));
	make_link("proc/100/task/102/fd/3", at("other"));
	make_link("proc/100/cwd", dir);
	make_link("proc/100/task/101/cwd", dir);
	make_link("proc/100/task/102/cwd", dir);
	make_link("proc/100/exe", "/proc/version");
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev });
	scan(holders);
	record = of(PVK_HOLD_FD, 100, "/plain");
	ktap_check(record && record->holder.tid == 100, "a thread's file that its process has");
	record = of(PVK_HOLD_FD, 100, "/other");
	ktap_check(record && record->holder.tid == 102, "and one that only the thread has");
	if (!ktap_eq(n_found, 3, "with the directory, each once"))
		print_found();
	pvk_holders_close(holders);
}

static void test_fake_swap(void)
{
	struct pvk_holders *holders;
	char text[1024];
	struct stat st;

	stat(dir, &st);
	given_fake(STAT("swap"), "");
	make_file("swap file", "");
	snprintf(text, sizeof(text), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		 "%s/swap\\040file                             file\t\t1024\t\t0\t\t-2\n", dir);
	make_file("proc/swaps", text);
	make_link("proc/self/root", "/");
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev });
	scan(holders);
	check_found(PVK_HOLD_SWAP, 0, "/swap file", "a swap file, with a blank in its name");
	pvk_holders_close(holders);
}

static void test_json(void)
{
	struct json_out out = JSON_OUT_INIT(4096);
	struct pvk_holder holder = {
		.kind = PVK_HOLD_FD, .pid = 12, .tid = 13, .start = 99, .comm = "a\"\n", .fd = 0,
		.what = "/x\xff", .via = "loop0", .guess = true,
	};
	pvk_auto_free char *text = NULL;

	json_out_object(&out);
	pvk_holder_json(&out, &holder);
	json_out_end(&out);
	json_out_take(&out, &text, NULL);
	ktap_str(text, "{\"kind\":\"fd\",\"pid\":12,\"tid\":13,\"start\":99,"
		 "\"name\":\"a\\\"\\n\",\"fd\":0,\"what\":\"/x\xef\xbf\xbd\",\"via\":\"loop0\","
		 "\"guess\":true}", "as JSON, whatever is in its names");
}

static int stop_at_once(void *arg, const struct pvk_holder *holder)
{
	unsigned int *calls = arg;

	(void)holder;
	++*calls;
	return 42;
}

static void test_stop(void)
{
	struct pvk_holders *holders = open_path("/");
	struct pvk_holders_from none = { .path = "/nonexistent" };
	unsigned int calls = 0;
	struct pvk_err err = { .text = "" };

	ktap_eq(pvk_holders_scan(holders, stop_at_once, &calls, NULL, NULL), 42,
		"a caller ends the scan with a number of its own");
	ktap_eq(calls, 1, "and is called no more");
	pvk_holders_close(holders);
	ktap_eq(pvk_holders_open(&holders, &none, &err), -ENOENT, "a path that is none");
	ktap_check(strstr(err.text, "/nonexistent"), "is named");
	ktap_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left behind");
}

/* ---- a server that does not answer ---- */

/* It says what it is, and then nothing but that error, 0: nothing at all. */
static void serve(int fd, int error)
{
	struct fuse_out_header failure = { .len = sizeof(failure), .error = -error };
	static char request[1 << 17];
	struct fuse_in_header *in = (struct fuse_in_header *)request;
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} answer = {
		.head = { .len = sizeof(answer) },
		.init = { .major = 7, .minor = 31, .max_write = 4096 },
	};

	while (read(fd, request, sizeof(request)) > 0) {
		failure.unique = in->unique;
		if (in->opcode != FUSE_INIT) {
			if (error && write(fd, &failure, sizeof(failure)) < 0)
				return;
			continue;
		}
		answer.head.unique = in->unique;
		if (write(fd, &answer, sizeof(answer)) < 0)
			return;
	}
}

/* Its files are the user's alone. */
static pid_t given_server(const char *name, unsigned int user, int error)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];
	pid_t pid;

	make_dirs(name);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
		 user, user);
	if (fd < 0 || mount("dead", at(name), "fuse", 0, options)) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, error);
		_exit(0);
	}
	close(fd);
	return pid;
}

static void test_dead_server(void)
{
	struct pvk_holders *holders;
	struct timespec from, to;
	pid_t server = given_server("dead", 0, 0);
	struct stat st;

	if (!server) {
		ktap_skip("this kernel has no FUSE", "a server that does not answer");
		return;
	}
	stat(dir, &st);
	given_fake(STAT("waits"), "");
	make_file("proc/100/comm", "waits\n");
	make_link("proc/100/fd/30", at("dead/file"));
	make_dirs("proc/200/fd");
	make_dirs("proc/200/task/200");
	make_file("proc/200/stat", STAT("behind"));
	make_link("proc/200/fd/3", at("plain"));
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev, .stall_ms = 300 });
	clock_gettime(CLOCK_MONOTONIC, &from);
	ktap_eq(scan(holders), 0, "a file on a server that does not answer is no end of it");
	clock_gettime(CLOCK_MONOTONIC, &to);
	ktap_check(to.tv_sec - from.tv_sec < 10, "and waited for no longer than is said");
	check_found(PVK_HOLD_STUCK, 100, "100", "whose process could not be looked at is told");
	check_found(PVK_HOLD_FD, 200, "/plain", "the next process is looked at");
	ktap_check(sum.stuck == 1 && pvk_holders_partial(&sum), "it says that this is not all");
	pvk_holders_close(holders);

	/* Where namespaces are told apart, before anything is told. */
	unlink(at("proc/100/fd/30"));
	make_link("proc/100/root", at("dead/file"));
	make_link("proc/100/fd/31", at("plain"));
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev, .stall_ms = 300 });
	scan(holders);
	check_found(PVK_HOLD_STUCK, 100, "100", "likewise a root directory there");
	check_found(PVK_HOLD_FD, 200, "/plain", "and the next process");
	ktap_eq(sum.stuck, 1, "it is tried once");
	pvk_holders_close(holders);
	end(server);
	umount2(at("dead"), MNT_DETACH);
}

/* What can't be asked about one thing of a process says nothing of its others. */
static void test_errors(void)
{
	struct pvk_holders *holders;
	pid_t own = given_server("private", 65534, 0), bad = given_server("bad", 0, EIO);
	struct stat st;

	if (!own || !bad) {
		ktap_skip("this kernel has no FUSE", "files that can't be asked about");
		return;
	}
	stat(dir, &st);
	given_fake(STAT("private"), "");
	make_link("proc/100/cwd", at("private"));
	make_link("proc/100/fd/30", at("plain"));
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev });
	scan(holders);
	check_found(PVK_HOLD_FD, 100, "/plain", "a directory on another user's FUSE hides nothing");
	ktap_eq(sum.denied, 0, "and is no lack of rights");
	pvk_holders_close(holders);

	unlink(at("proc/100/cwd"));
	make_link("proc/100/cwd", at("bad/file"));
	make_link("proc/100/fd/29", at("bad/file"));
	make_dirs("proc/200/fd");
	make_file("proc/200/stat", STAT("behind"));
	make_link("proc/200/fd/3", at("plain"));
	holders = open_fake((struct pvk_holders_from){ .dev = st.st_dev });
	ktap_eq(scan(holders), 0, "one on a file system with errors is no end of it");
	check_found(PVK_HOLD_STUCK, 100, "cwd: Input/output error", "it is told with the error");
	check_found(PVK_HOLD_STUCK, 100, "fd/29: Input/output error", "so is a descriptor");
	check_found(PVK_HOLD_FD, 100, "/plain", "its other files are looked at");
	check_found(PVK_HOLD_FD, 200, "/plain", "and the next process");
	ktap_check(pvk_holders_partial(&sum), "it says that this is not all");
	pvk_holders_close(holders);
	end(own);
	end(bad);
	umount2(at("private"), MNT_DETACH);
	umount2(at("bad"), MNT_DETACH);
}

/* ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* given nothing of what another test has made up */
static void clear(void)
{
	nftw(at("proc"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
	nftw(at("sys"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	bool root;

	ktap_plan(0);
	if (!mkdtemp(dir))
		ktap_fail("a temporary directory");
	test_json();
	test_stop();
	root = private_mounts();
	if (root)
		test_real();
	else
		ktap_skip("no right to mount", "real processes");
	test_fake_names();
	clear();
	test_fake_flash();
	clear();
	test_fake_disk();
	clear();
	test_fake_swap();
	clear();
	test_fake_vanished();
	clear();
	test_fake_moved_layer();
	clear();
	test_fake_moved_root();
	clear();
	test_fake_threads();
	clear();
	if (root) {
		test_dead_server();
		clear();
		test_errors();
	} else {
		ktap_skip("no right to mount", "a server that does not answer");
	}
	umount2(at("fs2"), MNT_DETACH);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return ktap_finish();
}
