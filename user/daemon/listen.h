/* SPDX-License-Identifier: MIT */
/*
 * listen - the sockets of pv-ctrl
 */
#ifndef PVKITD_LISTEN_H
#define PVKITD_LISTEN_H

#include "util.h"

/*
 * A listening socket at path that every container can reach, its directory
 * (not that one's parents) made if missing. What a dead pvkitd left behind is
 * replaced; -EADDRINUSE when somebody answers there. Non-blocking,
 * close-on-exec.
 */
int listen_at(const char *path, struct pvk_err *err);

/*
 * The sockets that a service manager has opened for us (LISTEN_FDS): how many there
 * are, 0 for none. All must be listening stream sockets of the Unix kind, and no
 * more than max. LISTEN_* is gone afterwards.
 */
int listen_inherited(int *fd, unsigned int max, struct pvk_err *err);

#endif /* PVKITD_LISTEN_H */
