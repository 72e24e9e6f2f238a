// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounded.h"
#include "clock.h"
#include "tell.h"
#include "undo.h"

#define BUSY_MS		10000
#define BUSY_AGAIN_MS	20

struct undo *undo_new(void)
{
	struct undo *undo = mmap(NULL, sizeof(*undo), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return undo == MAP_FAILED ? NULL : undo;
}

void undo_free(struct undo *undo)
{
	if (undo)
		munmap(undo, sizeof(*undo));
}

int undo_prepare(struct undo *undo, enum undo_kind kind, const char *from, const char *to,
		 struct undo_entry **entry, struct pvk_err *err)
{
	unsigned int n = atomic_load(&undo->n);
	struct undo_entry *e = &undo->entry[n];

	if (n == UNDO_MAX)
		return pvk_err_set(err, -ENOSPC, "too much to put back: more than %u things",
				   UNDO_MAX);
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	if (snprintf(e->from, sizeof(e->from), "%s", from) >= (int)sizeof(e->from) ||
	    snprintf(e->to, sizeof(e->to), "%s", to) >= (int)sizeof(e->to))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: too long a path to put it back", to);
	*entry = e;
	return 0;
}

void undo_commit(struct undo *undo)
{
	atomic_fetch_add(&undo->n, 1);
}

/* --- one at a time ----------------------------------------------------------- */

/* A session that ends lets go of its device a moment later. */
static int mount_patiently(const struct undo_entry *e, const char *data)
{
	int64_t until = clock_ms() + BUSY_MS;

	while (mount(e->from, e->to, e->type, e->flags, data)) {
		if (errno != EBUSY || clock_ms() >= until)
			return -errno;
		clock_sleep_ms(BUSY_AGAIN_MS);
	}
	return 0;
}

/* Kernels show options that they don't take, and not all of those are known (mountas.h). */
static int mount_again(const struct undo_entry *e)
{
	int ret = mount_patiently(e, e->data);

	if (ret != -EINVAL || !e->data[0] || mount_patiently(e, ""))
		return ret;
	tell("%s comes back without its options: %s", e->to, e->data);
	return 0;
}

static int set_how(const struct undo_entry *e)
{
	return e->how && mount(NULL, e->to, NULL, MS_REMOUNT | MS_BIND | e->how, NULL) ? -errno : 0;
}

/* An overlay's layers are named as the old root had them, if not as this one has. */
static int mount_as_before(const struct undo_entry *e, const char *root)
{
	const char *to = e->to + strlen(root);
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (chroot(root) || chdir("/"))
			_exit(errno);
		_exit(mount(e->from, *to ? to : "/", e->type, e->flags, e->data) ? errno : 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int undo_umount(const struct undo *undo, const struct undo_entry *e)
{
	const char *root = undo->entry[0].kind == UNDO_PIVOT ? undo->entry[0].to : "";
	int ret = mount_again(e);

	if (ret && *root && !strcmp(e->type, "overlay") &&
	    !strncmp(e->to, root, strlen(root)) && e->to[strlen(root)] == '/')
		ret = mount_as_before(e, root);
	return ret ? ret : set_how(e);
}

static int undo_remount(const struct undo_entry *e)
{
	return mount(NULL, e->to, NULL, MS_REMOUNT | e->flags, NULL) ? -errno : set_how(e);
}

static int undo_loop(const struct undo_entry *e)
{
	int how = e->loop.lo_flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR;
	pvk_auto_close int file = open(e->from, how | O_CLOEXEC);
	pvk_auto_close int fd = open(e->to, O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)file, .info = e->loop };

	if (file < 0 || fd < 0)
		return -ENOENT;
	return ioctl(fd, LOOP_CONFIGURE, &config) ? -errno : 0;
}

static int undo_pivot(const struct undo_entry *e)
{
	char put[2 * UNDO_PATH];

	snprintf(put, sizeof(put), "%s%s", e->to, e->from);
	return syscall(SYS_pivot_root, e->to, put) || chdir("/") ? -errno : 0;
}

static int undo_one(const struct undo *undo, const struct undo_entry *e)
{
	switch (e->kind) {
	case UNDO_PIVOT:
		return undo_pivot(e);
	case UNDO_MOVE:
		return mount(e->to, e->from, NULL, MS_MOVE, NULL) ? -errno : 0;
	case UNDO_REMOUNT:
		return undo_remount(e);
	case UNDO_UMOUNT:
		return undo_umount(undo, e);
	case UNDO_LOOP:
		return undo_loop(e);
	case UNDO_SWAP:
		return swapon(e->from, (int)e->flags) ? -errno : 0;
	}
	return -EINVAL;
}

static const char *name_of(const struct undo_entry *e)
{
	return *e->to ? e->to : e->from;
}

static const struct undo_entry *last_of(const struct undo *undo)
{
	unsigned int n = atomic_load(&undo->n);

	return n ? &undo->entry[n - 1] : NULL;
}

/* seconds 0: however long each may take. */
static int undo_each(struct undo *undo, unsigned int seconds)
{
	const struct undo_entry *e;
	int first = 0, ret;

	while ((e = last_of(undo))) {
		if (seconds)
			bounded_allow(&undo->until, seconds);
		ret = undo_one(undo, e);
		if (ret)
			tell("%s does not go back to where it was: %s", name_of(e),
			     strerror(-ret));
		first = first ? first : ret;
		atomic_fetch_sub(&undo->n, 1);
	}
	return first;
}

int undo_all(struct undo *undo)
{
	return undo_each(undo, 0);
}

struct undoing {
	struct undo *undo;
	unsigned int seconds;
};

static void undo_work(void *arg)
{
	const struct undoing *undoing = arg;

	undo_each(undoing->undo, undoing->seconds);
}

/* What it was at when it ended stays away; what is below that may still come back. */
static int give_up_one(struct undo *undo, int why, const char *waits)
{
	const char *text = why == -ETIMEDOUT ? "that took too long" :
			   why == -EBUSY ? "that does not end" : "the process for it has ended";

	tell("%s does not go back to where it was: %s%s%s", name_of(last_of(undo)), text,
	     *waits ? ", it " : "", waits);
	atomic_fetch_sub(&undo->n, 1);
	return why == -EBUSY ? why : 0;
}

int undo_all_within(struct undo *undo, unsigned int seconds)
{
	struct undoing undoing = { .undo = undo, .seconds = seconds };
	char waits[96] = "";
	int ret = 0;

	while (!ret && last_of(undo)) {
		bounded_allow(&undo->until, seconds);
		ret = bounded_run(undo_work, &undoing, &undo->until, waits, sizeof(waits));
		if (ret && ret != -ETIMEDOUT && ret != -EBUSY)
			return undo_all(undo);
		if (!last_of(undo))
			return 0;
		ret = give_up_one(undo, ret, waits);
	}
	return ret;
}
