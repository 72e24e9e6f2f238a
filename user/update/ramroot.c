// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ramroot.h"
#include "tell.h"

#define LOG_MAX		(1u << 20)

/* Those that the old root has, and each process needs or the gate asks for. */
static const char *const taken[] = { "/proc", "/sys", "/dev", "/run" };

static bool is_mount_point(const char *path)
{
	struct stat here, above;
	char parent[64];

	snprintf(parent, sizeof(parent), "%s/..", path);
	return !stat(path, &here) && !stat(parent, &above) && here.st_dev != above.st_dev;
}

static int take_along(const char *where, struct undo *undo, struct pvk_err *err)
{
	char from[64];
	struct undo_entry *entry;
	int ret;

	snprintf(from, sizeof(from), OLD_ROOT "%s", where);
	if (!is_mount_point(from))
		return 0;
	ret = undo_prepare(undo, UNDO_MOVE, from, where, &entry, err);
	if (ret)
		return ret;
	mkdir(where, 0755);
	if (mount(from, where, NULL, MS_MOVE, NULL))
		return pvk_err_set(err, -errno, "%s: %s", from, strerror(errno));
	undo_commit(undo);
	return 0;
}

static int pivot(const char *ram, struct undo *undo, struct pvk_err *err)
{
	char put[UNDO_PATH];
	struct undo_entry *entry;
	int ret;

	ret = undo_prepare(undo, UNDO_PIVOT, ram, OLD_ROOT, &entry, err);
	if (ret)
		return ret;
	snprintf(put, sizeof(put), "%s" OLD_ROOT, ram);
	mkdir(put, 0755);
	if (syscall(SYS_pivot_root, ram, put))
		return pvk_err_set(err, -errno, "%s can't become the root: %s", ram,
				   strerror(errno));
	undo_commit(undo);
	return chdir("/") ? pvk_err_set(err, -errno, "/: %s", strerror(errno)) : 0;
}

int ramroot_enter(const char *ram, struct undo *undo, struct pvk_err *err)
{
	size_t i;
	int ret;

	/* A shared mount can neither be moved nor pivoted to. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return pvk_err_set(err, -errno, "/: %s", strerror(errno));
	ret = pivot(ram, undo, err);
	for (i = 0; i < PVK_ARRAY_SIZE(taken) && !ret; i++)
		ret = take_along(taken[i], undo, err);
	return ret;
}

int ramroot_entered(const char *ram, struct undo *undo, struct pvk_err *err)
{
	struct undo_entry *entry;
	char from[64];
	size_t i;
	int ret;

	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	ret = undo_prepare(undo, UNDO_PIVOT, ram, OLD_ROOT, &entry, err);
	if (ret)
		return ret;
	undo_commit(undo);
	for (i = 0; i < PVK_ARRAY_SIZE(taken); i++) {
		snprintf(from, sizeof(from), OLD_ROOT "%s", taken[i]);
		/* Bound here and still there: that one is unmounted, and mounted again, as any. */
		if (!is_mount_point(taken[i]) || is_mount_point(from))
			continue;
		ret = undo_prepare(undo, UNDO_MOVE, from, taken[i], &entry, err);
		if (ret)
			return ret;
		undo_commit(undo);
	}
	return 0;
}

static int keep_log(const char *log)
{
	pvk_auto_close int from = open(log, O_RDONLY | O_CLOEXEC);
	pvk_auto_close int to = open(RAMROOT_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
				     O_CLOEXEC, 0600);

	return from < 0 || to < 0 || sendfile(to, from, NULL, LOG_MAX) < 0 ? -errno : 0;
}

void ramroot_leave(const char *ram)
{
	char log[PATH_MAX + sizeof(TELL_LOG)];
	int ret;

	snprintf(log, sizeof(log), "%s" TELL_LOG, ram);
	ret = keep_log(log);
	if (ret)
		tell("%s: not kept: %s", log, strerror(-ret));
	/* Nothing is written to it any more, and we are run from it. */
	if (umount2(ram, MNT_DETACH | UMOUNT_NOFOLLOW))
		tell("%s: %s", ram, strerror(errno));
}
