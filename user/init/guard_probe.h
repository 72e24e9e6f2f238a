/* SPDX-License-Identifier: MIT */
/*
 * guard_probe - ask a root for something that no cache can answer
 *
 * On NFS and its like, and on FUSE, statfs is a call to the server. Of a block device,
 * NBD included, a block is read past the page cache, another one each time. Flash is
 * part of the board, and a root in RAM is RAM: nothing is asked there.
 */
#ifndef INIT_GUARD_PROBE_H
#define INIT_GUARD_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE_BLOCK_SIZE	4096	/* of the largest sectors that there are */

enum probe_kind { PROBE_NONE, PROBE_BLOCK, PROBE_STATFS };

struct probe {
	enum probe_kind kind;
	bool network;		/* it is on another machine, or behind a process */
	dev_t device;		/* PROBE_BLOCK */
	uint64_t turn;
};

/* fd: of a directory on the root. source: what was mounted, for one that st_dev hides. */
void probe_choose(struct probe *probe, int fd, const char *source);
/* fd: the device, opened with O_DIRECT, or any of that file system. May not return. */
int probe_run(struct probe *probe, int fd);
/* Where to read in that turn, of a device with so many bytes. */
uint64_t probe_offset(uint64_t turn, uint64_t bytes);

#endif /* INIT_GUARD_PROBE_H */
