// SPDX-License-Identifier: MIT
/*
 * blkpg DEVICE NUMBER START LENGTH: make a partition of a disk or of flash, in bytes.
 */
#include <fcntl.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct blkpg_partition part = { .devname = "pvt", .volname = "pvt" };
	struct blkpg_ioctl_arg arg = {
		.op = BLKPG_ADD_PARTITION, .datalen = sizeof(part), .data = &part,
	};
	int fd;

	if (argc != 5)
		return 2;
	part.pno = atoi(argv[2]);
	part.start = atoll(argv[3]);
	part.length = atoll(argv[4]);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKPG, &arg)) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	return 0;
}
