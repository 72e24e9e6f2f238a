/* SPDX-License-Identifier: MIT */
/*
 * superblock - what a file system's own first block says of it
 *
 * From the published layouts: enough to know the type, and the name and number that
 * root=LABEL= and root=UUID= mean.
 */
#ifndef INIT_SUPERBLOCK_H
#define INIT_SUPERBLOCK_H

#define SUPERBLOCK_UUID_SIZE	37
#define SUPERBLOCK_LABEL_SIZE	65

struct superblock {
	const char *type;			/* for mount(2) */
	char uuid[SUPERBLOCK_UUID_SIZE];	/* lower case; "": has none */
	char label[SUPERBLOCK_LABEL_SIZE];
};

/* -ENODATA: none that is known. */
int superblock_read(int fd, struct superblock *sb);

#endif /* INIT_SUPERBLOCK_H */
