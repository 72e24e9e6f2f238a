// SPDX-License-Identifier: MIT
/*
 * What pvkit-init reads of a disk that may be anybody's: a superblock and a partition
 * table. Whatever is there, names end.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../user/lib/partition.h"
#include "../../user/init/superblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK_TEXT(text) \
	do { \
		if (strnlen(text, sizeof(text)) == sizeof(text)) \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct partition partition;
	struct superblock sb;
	unsigned int n;

	if (fd >= 0 && write(fd, data, size) == (ssize_t)size) {
		if (!superblock_read(fd, &sb)) {
			if (!sb.type || (sb.uuid[0] && strlen(sb.uuid) != 36))
				__builtin_trap();
			CHECK_TEXT(sb.label);
		}
		for (n = 0; n < 5; n++)
			if (!partition_read(fd, 512, n, &partition)) {
				CHECK_TEXT(partition.uuid);
				CHECK_TEXT(partition.label);
			}
	}
	if (fd >= 0)
		close(fd);
	return 0;
}
