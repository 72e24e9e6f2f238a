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

#endif /* PVKITD_LISTEN_H */
