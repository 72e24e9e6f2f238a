// SPDX-License-Identifier: MIT
/*
 * The images are copied where they outlive the old root: to RAM, or to the state, which
 * outlives a power cut too.
 *
 * The state is found and mounted by pvkit-update, as at the next boot: what it finds now it
 * finds then. That is done by a process of its own, in a mount namespace that goes with it,
 * so nothing has to be taken back whatever happens; and it can be killed while it copies.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "mountinfo.h"
#include "owned.h"
#include "tree.h"
#include "update.h"

#define BLOCK_BYTES	(256 * 1024)
#define LOOK_MS		100
#define MOUNTINFO_MAX	(4u << 20)

/* What the process has found out: smaller than what a pipe takes at once. */
struct answer {
	int ret;
	struct pvk_err err;
	struct update_copies copies;
	uint64_t room;
	uint64_t wanted;	/* of it, by what is copied there */
	unsigned int lying;	/* images that are not */
	int target;		/* the image whose target the state is on; -1 */
};

struct task {
	const struct update *update;
	int (*run)(const struct task *task, struct answer *answer);
	char where[sizeof(UPDATE_WHERE)];	/* the state is mounted there; "" */
	const char *dir;		/* without a state */
	const struct plan *plan;
};

/* ---- a process of its own ---- */

static int run_program(char *const argv[], struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	int status = 0, ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 2);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	if (pvk_read_fd(ends[0], sizeof(err->text) - 1, &text, NULL))
		text = NULL;
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return pvk_err_set(err, -EAGAIN, "%s could not be run", argv[0]);
	if (!status)
		return 0;
	return pvk_err_set(err, -ENODEV, "%.*s", text ? (int)strcspn(text, "\n") : 0,
			   text ? text : "");
}

static int mount_state(const struct task *task, struct pvk_err *err)
{
	const struct pvk_updateconf *conf = &task->update->conf;
	char *const argv[] = {
		(char *)task->update->program, "state", (char *)conf->state_device,
		(char *)conf->state_fs, (char *)conf->state_dir, (char *)task->where, NULL,
	};

	if (!task->update->program[0])
		return pvk_err_set(err, -ENOENT, "without %s it is not found", conf->program);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return pvk_err_set(err, -errno, "no mount namespace of its own: %s",
				   strerror(errno));
	return run_program(argv, err);
}

static void be_task(const struct task *task, int to)
{
	static struct answer answer = { .target = -1 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (task->where[0])
		answer.ret = mount_state(task, &answer.err);
	if (!answer.ret)
		answer.ret = task->run(task, &answer);
	_exit(write(to, &answer, sizeof(answer)) != sizeof(answer));
}

static int start_task(struct task *task, struct update_task *running, struct pvk_err *err)
{
	int ends[2];

	*running = (struct update_task){ .pid = -1, .from = -1 };
	if (!task->dir && !mkdtemp(strcpy(task->where, UPDATE_WHERE)))
		return pvk_err_set(err, -errno, UPDATE_WHERE ": %s", strerror(errno));
	strcpy(running->where, task->where);
	if (pipe2(ends, O_CLOEXEC))
		return pvk_err_set(err, -errno, "%s", strerror(errno));
	fflush(NULL);
	running->pid = fork();
	if (!running->pid)
		be_task(task, ends[1]);
	close(ends[1]);
	running->from = ends[0];
	return running->pid < 0 ? pvk_err_set(err, -EAGAIN, "no process for it") : 0;
}

static int await_answer(const struct update_task *running, bool (*go_on)(void *arg), void *arg,
			struct answer *answer)
{
	struct pollfd fd = { .fd = running->from, .events = POLLIN };
	bool stopped = false;
	size_t len = 0;
	ssize_t n;

	while (!stopped && poll(&fd, 1, LOOK_MS) <= 0)
		stopped = go_on && !go_on(arg);
	if (stopped)
		kill(running->pid, SIGKILL);
	for (; !stopped && len < sizeof(*answer); len += (size_t)n) {
		n = read(running->from, (char *)answer + len, sizeof(*answer) - len);
		if (n <= 0)
			break;
	}
	waitpid(running->pid, NULL, 0);
	if (stopped)
		return pvk_err_set(&answer->err, -ECANCELED, "stopped");
	return len == sizeof(*answer) ? answer->ret :
	       pvk_err_set(&answer->err, -EIO, "the process that should do it has died");
}

static void forget_task(struct update_task *running)
{
	if (running->from >= 0)
		close(running->from);
	if (running->where[0])
		rmdir(running->where);
	*running = (struct update_task){ .pid = -1, .from = -1 };
}

static int run_task(struct task *task, struct answer *answer)
{
	struct update_task running;
	int ret;

	*answer = (struct answer){ .target = -1 };
	ret = start_task(task, &running, &answer->err);
	if (!ret)
		ret = await_answer(&running, NULL, NULL, answer);
	forget_task(&running);
	return ret;
}

/* ---- its directory ---- */

/*
 * Makes what is missing of it; a descriptor. What lies there tells root what to write, so it has
 * to be root's alone.
 */
static int open_dir(const struct task *task, struct pvk_err *err)
{
	const char *path = task->dir ? task->dir : task->where;
	pvk_auto_close int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (top < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return pvk_owned_make_dir(top, task->dir ? "" : task->update->conf.state_dir, err);
}

/* ---- copying ---- */

static int write_all(int to, const char *block, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(to, block, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
		block += n;
		len -= (size_t)n;
	}
	return 0;
}

/* to < 0: it is only read. */
static int copy_data(int from, int to, uint64_t size, unsigned char *digest)
{
	static char block[BLOCK_BYTES];
	struct pvk_sha256 sha;
	uint64_t len = 0;
	ssize_t n;
	int ret;

	pvk_sha256_init(&sha);
	while ((n = read(from, block, sizeof(block)))) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (uint64_t)n;
		ret = len > size ? -EBUSY : to < 0 ? 0 : write_all(to, block, (size_t)n);
		if (ret)
			return ret;
		pvk_sha256_add(&sha, block, (size_t)n);
	}
	pvk_sha256_end(&sha, digest);
	return len == size ? 0 : -EBUSY;
}

/* ---- what lies there already ---- */

/* Its path from the top of the state's file system, wherever that is mounted; false: not there. */
static bool path_on(dev_t dev, const char *real, char *path, size_t size)
{
	pvk_auto_free char *text = NULL;
	size_t best = 0, len;
	struct pvk_mount mount;
	bool found = false;
	char *at;
	int ret;

	if (pvk_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL))
		return false;
	/* Of the longest ones above it the last is what it is on. */
	for (at = text; (ret = pvk_mountinfo_next(&at, &mount)) != -ENOENT;) {
		len = ret ? 0 : strlen(mount.point);
		if (ret || !pvk_tree_is_below(real, mount.point) || len < best)
			continue;
		best = len;
		found = mount.dev == dev &&
			snprintf(path, size, "%s%s", strcmp(mount.root, "/") ? mount.root : "",
				 real + (len > 1 ? len : 0)) < (int)size;
	}
	return found;
}

/* One of ours is written anew for another image. */
static bool is_copy_of_other(const struct task *task, size_t n, const char *path)
{
	const char *dir = task->update->conf.state_dir;
	char copies[UPDATE_LIES + 16], own[UPDATE_LIES + 48];

	while (*dir == '/')
		dir++;
	snprintf(copies, sizeof(copies), "/%s%simage-", dir,
		 *dir && dir[strlen(dir) - 1] != '/' ? "/" : "");
	snprintf(own, sizeof(own), "%s%zu", copies, n);
	return !strncmp(path, copies, strlen(copies)) && strcmp(path, own) != 0;
}

/*
 * An image that lies on the state, and that nobody else can change there, is not copied. A
 * descriptor of it, and from where it is found there; or less than 0.
 */
static int open_lying(const struct task *task, size_t n, char path[UPDATE_LIES])
{
	pvk_auto_close int top = open(task->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_free char *real = realpath(task->update->image[n].path, NULL);
	struct stat here, there, state;
	int fd = -1;

	if (!task->dir && top >= 0 && real && !fstat(top, &state) && !stat(real, &here) &&
	    here.st_dev == state.st_dev && path_on(state.st_dev, real, path, UPDATE_LIES) &&
	    !is_copy_of_other(task, n, path))
		fd = pvk_owned_open(top, path, O_RDONLY | O_NONBLOCK, NULL);
	if (fd >= 0 && !fstat(fd, &there) && there.st_ino == here.st_ino && S_ISREG(there.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	path[0] = '\0';
	return -ENOENT;
}

static void check_copy(const struct task *task, size_t n, int fd, struct answer *answer)
{
	struct update_copies *copies = &answer->copies;
	struct pvk_err err = { .text = "" };
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copies->signature[n] = signature_check(task->update->image[n].path, path,
					       task->update->key, copies->said[n], &err);
	if (copies->signature[n])
		snprintf(copies->said[n], sizeof(copies->said[n]), "%.*s",
			 (int)sizeof(copies->said[n]) - 1, err.text);
}

static int make_copy(int dir, size_t n)
{
	char name[32];

	snprintf(name, sizeof(name), "image-%zu", n);
	unlinkat(dir, name, 0);
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int copy_image(const struct task *task, int dir, size_t n, int from,
		      struct answer *answer)
{
	const struct update_image *image = &task->update->image[n];
	pvk_auto_close int lying = open_lying(task, n, answer->copies.lies[n]);
	pvk_auto_close int to = -1;
	int ret, it = lying;

	if (lying < 0) {
		to = make_copy(dir, n);
		it = to;
	}
	if (it < 0)
		return pvk_err_set(&answer->err, -errno, "%s: %s", image->path, strerror(errno));
	ret = copy_data(lying < 0 ? from : lying, to, image->size, answer->copies.sha256[n]);
	if (!ret && fsync(it))
		ret = -errno;
	if (!ret && task->update->key)
		check_copy(task, n, it, answer);
	return ret ? pvk_err_set(&answer->err, ret, "%s: %s", image->path, ret == -EBUSY ?
				 "has changed since it was checked" : strerror(-ret)) : 0;
}

/* Their descriptors, which the end of this process closes. */
static int open_images(const struct update *update, int *from, struct pvk_err *err)
{
	size_t i;

	for (i = 0; i < update->images; i++) {
		from[i] = open(update->image[i].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (from[i] < 0)
			return pvk_err_set(err, -errno, "%s: %s", update->image[i].path,
					   strerror(errno));
	}
	return 0;
}

static int copy_all(const struct task *task, struct answer *answer)
{
	pvk_auto_close int dir = open_dir(task, &answer->err);
	int from[UPDATE_IMAGES_MAX] = { 0 };
	int ret = dir < 0 ? dir : 0;
	size_t i;

	/* All of them first: one may have the name that another's copy gets. */
	if (!ret)
		ret = open_images(task->update, from, &answer->err);
	/* An older plan is not to find newer images. */
	if (!ret)
		unlinkat(dir, "plan", 0);
	for (i = 0; !ret && i < task->update->images; i++)
		ret = copy_image(task, dir, i, from[i], answer);
	if (!ret && fsync(dir))
		ret = pvk_err_set(&answer->err, -errno, "%s", strerror(errno));
	return ret;
}

int update_copy_begin(const struct update *update, const char *dir, struct update_task *copying,
		      struct pvk_err *err)
{
	struct task task = {
		.update = update, .run = copy_all, .dir = update_has_state(update) ? NULL : dir,
	};
	int ret = start_task(&task, copying, err);

	if (ret)
		forget_task(copying);
	return ret;
}

int update_copy_end(struct update_task *copying, bool (*go_on)(void *arg), void *arg,
		    struct update_copies *copies, struct pvk_err *err)
{
	static struct answer answer;
	int ret;

	answer = (struct answer){ .target = -1 };
	ret = await_answer(copying, go_on, arg, &answer);
	forget_task(copying);
	*copies = answer.copies;
	return ret ? pvk_err_set(err, ret, "%s", answer.err.text) : 0;
}

static int leave_plan(const struct task *task, struct answer *answer)
{
	pvk_auto_close int dir = open_dir(task, &answer->err);

	return dir < 0 ? dir : plan_write(task->plan, dir, "plan", &answer->err);
}

int update_leave_plan(const struct update *update, const struct plan *plan, struct pvk_err *err)
{
	struct task task = { .update = update, .run = leave_plan, .plan = plan };
	struct answer answer;
	int ret = run_task(&task, &answer);

	return ret ? pvk_err_set(err, ret, "%s", answer.err.text) : 0;
}

/* ---- the check ---- */

/* That of an older update is replaced. */
static uint64_t size_of_old(const struct task *task, size_t n)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s/image-%zu", task->where,
		 task->update->conf.state_dir, n);
	return stat(path, &st) ? 0 : (uint64_t)st.st_size;
}

/* As the next boot will see to it, where it is there already. */
static int check_owner(const struct task *task, struct pvk_err *err)
{
	pvk_auto_close int top = open(task->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_close int dir = -1;

	if (top < 0)
		return pvk_err_set(err, -errno, "%s", strerror(errno));
	dir = pvk_owned_open(top, task->update->conf.state_dir, O_RDONLY | O_DIRECTORY, err);
	return dir < 0 && dir != -ENOENT ? dir : 0;
}

static bool lies_there(const struct task *task, size_t n)
{
	char path[UPDATE_LIES];
	pvk_auto_close int fd = open_lying(task, n, path);

	return fd >= 0;
}

static int look_at_state(const struct task *task, struct answer *answer)
{
	const struct update *update = task->update;
	struct pvk_below below;
	struct statvfs vfs;
	size_t i;
	int ret;

	ret = check_owner(task, &answer->err);
	if (ret)
		return ret;
	if (statvfs(task->where, &vfs))
		return pvk_err_set(&answer->err, -errno, "%s", strerror(errno));
	if (vfs.f_flag & ST_RDONLY)
		return pvk_err_set(&answer->err, -EROFS, "it is read-only");
	answer->room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	answer->wanted = UPDATE_RESERVE;
	for (i = 0; i < update->images; i++) {
		if (lies_there(task, i)) {
			answer->lying++;
		} else {
			answer->room += size_of_old(task, i);
			answer->wanted += update->image[i].size;
		}
		if (update->image[i].has_target &&
		    pvk_target_is_below(&update->image[i].target, task->where, "/sys", "/proc",
					&below, NULL) > 0)
			answer->target = (int)i;
	}
	return 0;
}

static void check_room(struct update *update, const struct answer *answer)
{
	char needed[32], room[32], lying[48] = "";

	update_size(answer->wanted, needed);
	update_size(answer->room, room);
	if (answer->lying)
		snprintf(lying, sizeof(lying), "; %u %s there already", answer->lying,
			 answer->lying > 1 ? "images lie" : "image lies");
	if (answer->wanted > answer->room)
		update_note(update, "state", update->conf.state_device, UPDATE_FAILED,
			    "%s are wanted, %s are free%s", needed, room, lying);
	else
		update_note(update, "state", update->conf.state_device, UPDATE_OK,
			    "%s of %s that are free%s", needed, room, lying);
}

void update_check_state(struct update *update)
{
	struct task task = { .update = update, .run = look_at_state };
	struct answer answer;

	if (!update_has_state(update))
		update_note(update, "state", "", update->recovery ? UPDATE_FAILED : UPDATE_NOTE,
			    "update.conf has none%s", update->recovery ?
			    ", from which the next boot could write" :
			    ": after a power cut while it writes there is a rescue shell, and no more");
	else if (run_task(&task, &answer))
		update_note(update, "state", update->conf.state_device, UPDATE_FAILED, "%s",
			    answer.err.text);
	else if (answer.target >= 0)
		update_note(update, "state", update->conf.state_device, UPDATE_FAILED,
			    "is on the target %s", update->image[answer.target].target_text);
	else
		check_room(update, &answer);
}
