/* SPDX-License-Identifier: MIT */
/*
 * session - pv_pivot's messages, for a program without libmnl
 *
 * What user/lib/pivot.h says of a session holds here; this has as much of it as the owner
 * of one needs. Waiting goes by sysfs, which tells of each change.
 */
#ifndef UPDATE_SESSION_H
#define UPDATE_SESSION_H

#include <linux/pv_pivot.h>
#include <stdint.h>

#include "util.h"

struct session {
	int socket;
	int fd;			/* -1: none */
	uint16_t family;
	uint32_t seq;
};

#define SESSION_INIT	{ .socket = -1, .fd = -1 }

/* Follows the file system that on is of. -ENOENT: pv_pivot is not in the kernel. */
int session_begin(struct session *session, int on, uint32_t limit, struct pvk_err *err);
/* limit 0: the usual one. */
int session_step(struct session *session, uint32_t state, uint32_t limit, struct pvk_err *err);
/* reboot_arg: of the reboot if it ends without having been closed; "" for none. */
int session_arm(struct session *session, uint32_t limit, const char *reboot_arg,
		struct pvk_err *err);
int session_watchdog(struct session *session, int fd, uint32_t interval, uint32_t seconds,
		     struct pvk_err *err);
/* -ETIMEDOUT: not by then, with what is missing; -ECANCELED: it has ended, with why. */
int session_wait_released(int ms, struct pvk_err *err);
/* References to the superblock that are left; 0: none, or not known. */
uint32_t session_active(struct session *session);
/* Not having been closed it is aborted, or, armed, reboots. */
void session_drop(struct session *session);
/* Whoever has it. Nothing if there is none, or it is armed. */
void session_abort(void);

#endif /* UPDATE_SESSION_H */
