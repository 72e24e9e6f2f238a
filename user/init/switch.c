// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "console.h"
#include "switch.h"

#define DEPTH_MAX	32

/* Their numbers, which a C library need not have. */
#define MAGIC_RAMFS	0x858458f6u
#define MAGIC_TMPFS	0x01021994u

/* The kernel's, but for /bin/sh: a root without an init is a failure, and no open door. */
static const char *const inits[] = { "/sbin/init", "/etc/init", "/bin/init" };

/* ---- the new init ---- */

/* Would exec us again, and we it. */
static bool is_ourselves(const struct stat *st)
{
	struct stat exe;

	return !stat("/proc/self/exe", &exe) && exe.st_dev == st->st_dev &&
	       exe.st_ino == st->st_ino;
}

int switch_open(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)(flags | O_PATH | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int can_exec(int root, const char *path)
{
	pvk_auto_close int fd = switch_open(root, path, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return -ENOENT;
	return is_ourselves(&st) ? -ELOOP : 0;
}

const char *switch_find_init(const char *root, const char *init, struct pvk_err *err)
{
	pvk_auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const *candidates = *init ? &init : inits;
	size_t n = *init ? 1 : PVK_ARRAY_SIZE(inits), i;
	const char *ours = NULL;
	int ret;

	for (i = 0; i < n; i++) {
		ret = can_exec(fd, candidates[i]);
		if (!ret)
			return candidates[i];
		if (ret == -ELOOP && !ours)
			ours = candidates[i];
	}
	if (ours)
		pvk_err_set(err, -ELOOP, "%s is pvkit-init itself: init= must name another", ours);
	else
		pvk_err_set(err, -ENOENT, "the root has no program %s", candidates[0]);
	return NULL;
}

/* ---- the old root ---- */

static bool in_ram(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && ((uint32_t)fs.f_type == MAGIC_RAMFS ||
				     (uint32_t)fs.f_type == MAGIC_TMPFS);
}

bool switch_in_initramfs(void)
{
	pvk_auto_close int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && in_ram(fd);
}

const char *switch_place(void)
{
	/* What a read-only root may have without needing it now. */
	static const char *const places[] = { "/mnt", "/media", "/srv", "/opt", "/tmp" };
	struct stat st;
	size_t i;

	if (switch_in_initramfs())
		return mkdir("/newroot", 0755) && errno != EEXIST ? NULL : "/newroot";
	for (i = 0; i < PVK_ARRAY_SIZE(places); i++)
		if (!lstat(places[i], &st) && S_ISDIR(st.st_mode))
			return places[i];
	return NULL;
}

/* What lies on this device below fd, which is closed; other mounts are passed by. */
static void empty(int fd, dev_t dev, unsigned int depth)
{
	struct dirent *entry;
	struct stat st;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					 O_CLOEXEC);

			if (sub >= 0)
				empty(sub, dev, depth + 1);
		}
		unlinkat(fd, entry->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(dir);
}

/* Its memory is of no more use, if memory is what it lies in. */
static void empty_initramfs(int old)
{
	struct stat st;

	if (in_ram(old) && !fstat(old, &st))
		empty(old, st.st_dev, 0);
	else
		close(old);
}

/* ---- moving ---- */

static void move_mount_points(const char *root)
{
	static const char *const points[] = { "/dev", "/proc", "/sys", "/run" };
	char to[PATH_MAX];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(points); i++) {
		snprintf(to, sizeof(to), "%s%s", root, points[i]);
		mkdir(to, 0755);
		if (mount(points[i], to, NULL, MS_MOVE, NULL)) {
			say("%s stays behind: %s", points[i], strerror(errno));
			umount2(points[i], MNT_DETACH);
		}
	}
}

/* An initramfs can't be pivoted away from: there the mount is moved over it. */
static int change_root(bool from_initramfs)
{
	if (from_initramfs)
		return mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/");
	return syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/");
}

static int move_root(const char *root, struct pvk_err *err)
{
	pvk_auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", root, strerror(errno));
	/* Of a shared mount nothing can be moved; an initramfs may have made it one. */
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	move_mount_points(root);
	if (fchdir(fd) || change_root(in_ram(old))) {
		pvk_err_set(err, -errno, "the root could not be moved to /: %s",
			    strerror(errno));
		close(old);
		return -EIO;
	}
	empty_initramfs(old);
	return 0;
}

int switch_to(const char *root, const char *init, char **argv, struct pvk_err *err)
{
	int ret = 0;

	console_close();
	if (strcmp(root, "/"))
		ret = move_root(root, err);
	if (ret)
		return ret;
	argv[0] = (char *)init;
	execv(init, argv);
	return pvk_err_set(err, -errno, "%s: %s", init, strerror(errno));
}
