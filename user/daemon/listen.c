// SPDX-License-Identifier: MIT
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "listen.h"

/* A pvkitd that is just being killed takes a moment to let go of its socket. */
#define IN_USE_TRIES	20
#define IN_USE_WAIT_MS	50

/* 0: nobody is there. 1: somebody is. */
static int somebody_there(const struct sockaddr_un *addr)
{
	pvk_auto_close int fd = -1;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN)
		return 1;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int clear_path(const struct sockaddr_un *addr, struct pvk_err *err)
{
	const struct timespec wait = { .tv_nsec = IN_USE_WAIT_MS * 1000000L };
	const char *path = addr->sun_path;
	struct stat st;
	int ret, i;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : pvk_err_set(err, -errno, "%s: %s", path,
							 strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return pvk_err_set(err, -EEXIST, "%s is there and no socket", path);
	for (i = 0; i < IN_USE_TRIES; i++) {
		ret = somebody_there(addr);
		if (ret < 0)
			return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
		if (!ret)
			break;
		nanosleep(&wait, NULL);
	}
	if (ret)
		return pvk_err_set(err, -EADDRINUSE, "%s: another pvkitd listens there", path);
	if (unlink(path) && errno != ENOENT)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int listen_at(const char *path, struct pvk_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[sizeof(addr.sun_path)];
	int fd, ret = 0;
	mode_t mask;

	if (strlen(path) >= sizeof(addr.sun_path))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	strcpy(addr.sun_path, path);
	strcpy(dir, path);
	if (mkdir(dirname(dir), 0755) && errno != EEXIST)
		return pvk_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	ret = clear_path(&addr, err);
	if (ret)
		return ret;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return pvk_err_set(err, -errno, "socket: %s", strerror(errno));
	/*
	 * Mode 0666: who may do what is asked of the kernel for each caller. By
	 * the mask, since what the path leads to later may be somebody else's file.
	 */
	mask = umask(0111);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, SOMAXCONN))
		ret = pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	umask(mask);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}
