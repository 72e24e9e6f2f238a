/* SPDX-License-Identifier: MIT */
/*
 * A loop device for a test on the host, which goes when its descriptor does.
 */
#ifndef PVKIT_TESTS_UNIT_LOOPDEV_H
#define PVKIT_TESTS_UNIT_LOOPDEV_H

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"

static char loop_path[32];

/* fd of one over the file; -1: there is none to be had here. */
static inline int given_loop(const char *file_path)
{
	pvk_auto_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	pvk_auto_close int file = open(file_path, O_RDWR | O_CLOEXEC);
	const struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int tries, number, fd;

	for (tries = 0; control >= 0 && tries < 20; tries++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(loop_path, sizeof(loop_path), "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(loop_path, O_RDWR | O_CLOEXEC);
		/* Somebody else may have been quicker. */
		if (fd >= 0 && !ioctl(fd, LOOP_SET_FD, file)) {
			ioctl(fd, LOOP_SET_STATUS64, &info);
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

#endif
