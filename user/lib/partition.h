/* SPDX-License-Identifier: MIT */
/*
 * partition - what a disk's partition table says of a partition
 *
 * GPT, of which the second copy counts where the first is damaged, if the MBR says that
 * there is one, as the kernel has it, and the table of an MBR. From the published layouts.
 * The kernel has read the same table, but tells less.
 */
#ifndef PVK_PARTITION_H
#define PVK_PARTITION_H

#include <stdint.h>

#define PARTITION_UUID_SIZE	37
#define PARTITION_LABEL_SIZE	37

struct partition {
	/* As PARTUUID= has it, lower case: of an MBR "1234abcd-02". */
	char uuid[PARTITION_UUID_SIZE];
	char label[PARTITION_LABEL_SIZE];	/* "": has none */
};

/* number: the kernel's, from 1. sector: bytes. -ENODATA: no such partition, or no table. */
int partition_read(int fd, uint32_t sector, unsigned int number, struct partition *partition);

#endif /* PVK_PARTITION_H */
