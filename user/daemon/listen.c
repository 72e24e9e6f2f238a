// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "listen.h"

/*
 * A pvkitd that is just being killed takes a moment to let go of its socket: its
 * front may finish metadata for 3 s.
 */
#define IN_USE_TRIES	80
#define IN_USE_WAIT_MS	50
/* Of two that start at once the second waits until the first has its socket. */
#define LOCK_TRIES	(2 * IN_USE_TRIES)
#define LOCK_NAME	"starting.lock"

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

int listen_lock(const char *dir, struct pvk_err *err)
{
	const struct timespec wait = { .tv_nsec = IN_USE_WAIT_MS * 1000000L };
	char path[PATH_MAX];
	int fd, i, err_no;

	if (snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir) >= (int)sizeof(path))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: too long", dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	for (i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		err_no = errno;
		if (err_no != EINTR && (err_no != EWOULDBLOCK || i >= LOCK_TRIES)) {
			close(fd);
			return pvk_err_set(err, -err_no, "%s: %s", path, err_no == EWOULDBLOCK ?
					   "another pvkitd is just starting" :
					   strerror(err_no));
		}
		nanosleep(&wait, NULL);
	}
	return fd;
}

/*
 * Mode 0666: who may do what is asked of the kernel for each caller. By the mask,
 * since what the path leads to later may be somebody else's file.
 */
static int bind_and_listen(const struct sockaddr_un *addr, struct pvk_err *err)
{
	int fd, ret = 0;
	mode_t mask;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return pvk_err_set(err, -errno, "socket: %s", strerror(errno));
	mask = umask(0111);
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) || listen(fd, SOMAXCONN))
		ret = pvk_err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	umask(mask);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int listen_at(const char *path, struct pvk_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[sizeof(addr.sun_path)];
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	strcpy(addr.sun_path, path);
	strcpy(dir, path);
	if (mkdir(dirname(dir), 0755) && errno != EEXIST)
		return pvk_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	ret = clear_path(&addr, err);
	return ret ? ret : bind_and_listen(&addr, err);
}

/* Where the protocol has the first of them. */
#define INHERITED_FIRST	3

static int take_over(int fd, struct pvk_err *err)
{
	int domain = 0, type = 0, listening = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len))
		return pvk_err_set(err, -errno, "LISTEN_FDS: fd %d: %s", fd, strerror(errno));
	if (domain != AF_UNIX || type != SOCK_STREAM || !listening)
		return pvk_err_set(err, -EINVAL, "LISTEN_FDS: fd %d is not listening on a path",
				   fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK))
		return pvk_err_set(err, -errno, "LISTEN_FDS: fd %d: %s", fd, strerror(errno));
	return 0;
}

int listen_inherited(int *fd, unsigned int max, struct pvk_err *err)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	unsigned long n = 0, i;
	int ret = 0;

	if (pid && count && strtoul(pid, NULL, 10) == (unsigned long)getpid())
		n = strtoul(count, NULL, 10);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n > max)
		return pvk_err_set(err, -E2BIG, "LISTEN_FDS: more than %u sockets", max);
	for (i = 0; i < n && !ret; i++) {
		fd[i] = INHERITED_FIRST + (int)i;
		ret = take_over(fd[i], err);
	}
	return ret ? ret : (int)n;
}
