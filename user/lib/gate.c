// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "gate.h"
#include "util.h"

int pvk_gate_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), ret;

	if (fd < 0)
		return -errno;
	/* To be read. */
	if (write(fd, "\n", 1) == 1)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int pvk_gate_shut(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

void pvk_gate_open(int fd)
{
	if (fd >= 0)
		flock(fd, LOCK_UN);
}

/* Not by a file system that is read-only by then, either. */
static int open_gate(const char *path)
{
	return open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

bool pvk_gate_is_shut(const char *path)
{
	pvk_auto_close int fd = open_gate(path);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

void pvk_gate_wait(const char *path)
{
	pvk_auto_close int fd = open_gate(path);
	char byte;

	if (fd < 0 || !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		return;
	if (read(fd, &byte, 1) < 0)
		return;
	while (flock(fd, LOCK_SH) && errno == EINTR)
		;
}
