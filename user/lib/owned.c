// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owned.h"

/* path: of the first len characters, "" for the top. Whoever runs this may do as it likes. */
static int check(int fd, const char *path, size_t len, struct pvk_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return pvk_err_set(err, -errno, "%.*s: %s", (int)len, path, strerror(errno));
	if (!len)
		path = "/", len = 1;
	if (st.st_uid && st.st_uid != geteuid())
		return pvk_err_set(err, -EPERM, "%.*s is user %u's, and has to be root's: chown "
				   "root", (int)len, path, st.st_uid);
	if (st.st_mode & 0022)
		return pvk_err_set(err, -EPERM, "%.*s can be written by others than root: chmod "
				   "go-w", (int)len, path);
	return 0;
}

/* One step, whose name ends where path[len] is. */
static int step(int at, const char *name, int flags, bool make, const char *path, size_t len,
		struct pvk_err *err)
{
	int fd;

	if (!strcmp(name, ".."))
		return pvk_err_set(err, -EINVAL, "%s: with ..", path);
	if (make && mkdirat(at, name, 0700) && errno != EEXIST)
		return pvk_err_set(err, -errno, "%.*s: %s", (int)len, path, strerror(errno));
	fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	/* With O_DIRECTORY a symlink is no directory. */
	return pvk_err_set(err, -errno, "%.*s: %s", (int)len, path, errno == ENOTDIR ?
			   "no directory, or a symlink" : errno == ELOOP ? "a symlink" :
			   strerror(errno));
}

static int walk(int at, const char *path, int flags, bool make, struct pvk_err *err)
{
	const int dir = O_RDONLY | O_DIRECTORY;
	int fd = openat(at, ".", dir | O_CLOEXEC), next, ret;
	char name[NAME_MAX + 1];
	const char *part = path;
	size_t len;

	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	ret = check(fd, path, 0, err);
	while (!ret && *(part += strspn(part, "/"))) {
		len = strcspn(part, "/");
		if (snprintf(name, sizeof(name), "%.*s", (int)len, part) >= (int)sizeof(name)) {
			ret = pvk_err_set(err, -ENAMETOOLONG, "%s: too long", path);
			break;
		}
		part += len;
		len = (size_t)(part - path);
		next = step(fd, name, part[strspn(part, "/")] ? dir : flags, make, path, len, err);
		close(fd);
		fd = next;
		ret = fd < 0 ? fd : check(fd, path, len, err);
	}
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

int pvk_owned_open(int at, const char *path, int flags, struct pvk_err *err)
{
	return walk(at, path, flags, false, err);
}

int pvk_owned_make_dir(int at, const char *path, struct pvk_err *err)
{
	return walk(at, path, O_RDONLY | O_DIRECTORY, true, err);
}
