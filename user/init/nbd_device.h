/* SPDX-License-Identifier: MIT */
/*
 * nbd_device - give a connected socket to the kernel, as /dev/nbdN
 *
 * By generic netlink: unlike with ioctl() no process has to stay for it.
 */
#ifndef INIT_NBD_DEVICE_H
#define INIT_NBD_DEVICE_H

#include "nbd_handshake.h"

struct nbd_device {
	int number;
	int socket;			/* the kernel has it then, whoever closes this one */
	unsigned int block_size;	/* bytes, a power of two */
	/*
	 * Seconds that a request may take; then the connection counts as gone. 0: as long as
	 * it does, so that a server that is paused, moved or short of memory is no error to
	 * any program. How long is too long is then the guard's to decide, once for all.
	 */
	unsigned int timeout;
	const struct nbd_export *export;
};

/* -EBUSY: something else is connected there. -EOPNOTSUPP: the kernel has no NBD. */
int nbd_device_connect(const struct nbd_device *device, struct pvk_err *err);
/* Of one that is connected. */
int nbd_device_set_timeout(int number, unsigned int seconds, struct pvk_err *err);

#endif /* INIT_NBD_DEVICE_H */
