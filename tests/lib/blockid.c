// SPDX-License-Identifier: MIT
/*
 * blockid: what pvkit-init reads from a disk, for tests that compare it with what
 * others do.
 *
 *   blockid FILE           TYPE UUID LABEL of a file system, - for what it has not
 *   blockid FILE NUMBER    PARTUUID PARTLABEL of a partition
 *
 * Exit status: 0; 1: there is none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "partition.h"
#include "superblock.h"

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct partition partition;
	struct superblock sb;

	if (fd < 0)
		return 2;
	if (argc > 2) {
		if (partition_read(fd, 512, (unsigned int)atoi(argv[2]), &partition))
			goto none;
		printf("%s %s\n", partition.uuid, or_dash(partition.label));
		return 0;
	}
	if (superblock_read(fd, &sb))
		goto none;
	printf("%s %s %s\n", sb.type, or_dash(sb.uuid), or_dash(sb.label));
	return 0;
none:
	fprintf(stderr, "%s: nothing known\n", argv[1]);
	return 1;
}
