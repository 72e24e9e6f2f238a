/* SPDX-License-Identifier: MIT */
/*
 * priv - giving up what a process does not need
 */
#ifndef PVKITD_PRIV_H
#define PVKITD_PRIV_H

#include <linux/capability.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

#define PRIV_BIT(cap)	(UINT64_C(1) << (cap))

/*
 * The loader: modules; metadata that belongs to the front's user and nobody else
 * may read; what the kernel says of a module that it refuses.
 */
#define PRIV_LOADER	(PRIV_BIT(CAP_SYS_MODULE) | PRIV_BIT(CAP_DAC_READ_SEARCH) | \
			 PRIV_BIT(CAP_SYSLOG))
/* Control: reboot(2), and a word with init, which may be another user's. */
#define PRIV_CONTROL	(PRIV_BIT(CAP_SYS_BOOT) | PRIV_BIT(CAP_KILL))
/*
 * The supervisor: that for its children, the front's change of user, and what
 * goes with it, ownership of the stores and signals to it; and to begin with the
 * right to set boot flags, which the kernel ties to a socket of the front.
 */
#define PRIV_SUPERVISOR	(PRIV_LOADER | PRIV_BIT(CAP_SETUID) | PRIV_BIT(CAP_SETGID) | \
			 PRIV_BIT(CAP_SETPCAP) | PRIV_BIT(CAP_CHOWN) | PRIV_BIT(CAP_KILL) | \
			 PRIV_BIT(CAP_SYS_BOOT))

/*
 * Keeps the capabilities of the mask that the process has, in the permitted and
 * effective sets, for good: the bounding set is emptied of the rest too, the
 * others are cleared, and no execve() gains anything any more.
 */
int priv_keep(uint64_t mask, struct pvk_err *err);

/*
 * Becomes this user, without supplementary groups and without any capability.
 * A process that may not change its user stays who it is.
 */
int priv_drop_all(uid_t uid, gid_t gid, struct pvk_err *err);

/*
 * Asks for a signal when the parent dies; `parent` is who forked us. -ESRCH
 * when it is gone already. To be called after priv_drop_all(), which forgets it.
 */
int priv_die_with(pid_t parent, int sig);

#endif /* PVKITD_PRIV_H */
