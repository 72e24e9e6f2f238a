/* SPDX-License-Identifier: MIT */
/*
 * listen - the sockets of pv-ctrl
 */
#ifndef PVKITD_LISTEN_H
#define PVKITD_LISTEN_H

#include "util.h"

/*
 * Between the look whether somebody listens and one's own listen() nobody else may do
 * the same: this lock is held around listen_at(). Returns its fd, close-on-exec, whose
 * closing gives it back; the kernel does so for one that was killed. -EWOULDBLOCK when
 * somebody keeps it for longer than a start takes.
 *
 * It is a file in `dir` that is never removed, for a lock on a file that somebody has
 * removed keeps nobody out. Not in the directory of a socket: containers see that, and
 * who can open a file for reading can lock it.
 */
int listen_lock(const char *dir, struct pvk_err *err);

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
