/* SPDX-License-Identifier: MIT */
/*
 * handover - process 1 goes on as a program in RAM, and all others end
 *
 * What holds the root longest is process 1. Two kinds of it can be asked to become another
 * program: systemd, whose last step goes to /run/initramfs and runs `shutdown` there, and
 * busybox, which executes what its inittab has under `restart` when it gets SIGQUIT. Both
 * stop what they have started first. Any other is not handed over.
 */
#ifndef PVK_HANDOVER_H
#define PVK_HANDOVER_H

#include "updateconf.h"
#include "util.h"

#define PVK_HANDOVER_INITTAB	"/etc/inittab"
#define PVK_HANDOVER_SYSTEMD	"/run/initramfs"	/* the only place that it goes to */

/*
 * Which one it is; root is "" but in tests. wanted: update.conf's, which counts more than
 * what is found. -EOPNOTSUPP: one that can't be handed over; the text says which it is.
 */
int pvk_handover_find(const char *root, enum pvk_update_init wanted, enum pvk_update_init *init,
		      struct pvk_err *err);
const char *pvk_handover_name(enum pvk_update_init init);

/*
 * The inittab that busybox gets: what the old one has under `shutdown`, but for what
 * unmounts or ends swapping, and the command as what it restarts. old is cut up.
 */
int pvk_handover_inittab(char *old, const char *command, struct pvk_buf *text);

struct pvk_handover {
	enum pvk_update_init init;
	const char *inittab;	/* busybox: ours, a file in RAM */
	unsigned int term;	/* seconds that processes have to end */
	/* Of what goes on; may be NULL. */
	void (*say)(void *arg, const char *text);
	/* While the others end, several times a second; may be NULL. */
	void (*look)(void *arg);
	void *arg;
};

/*
 * systemd goes to RAM at whatever shutdown, be it weeks after pvkit was killed, as long as
 * there is a `shutdown` in it. So it is shown last of all, and hidden before RAM is given
 * back, which may be refused. It need not be there to be hidden.
 */
int pvk_handover_show(const char *ram, bool show, struct pvk_err *err);

/*
 * busybox: puts our inittab over its own (a bind mount), which it reads then, so nothing is
 * started anew from now on. Nothing to do for systemd.
 */
int pvk_handover_prepare(const struct pvk_handover *handover, struct pvk_err *err);
/* And back: as it was. */
int pvk_handover_undo(const struct pvk_handover *handover, struct pvk_err *err);
/*
 * All other processes are asked to end (busybox: systemd does that itself), and waited for.
 * How many are left is returned; they are killed later.
 */
unsigned int pvk_handover_end_others(const struct pvk_handover *handover);
/* The last thing: from then on process 1 is at work on it. */
int pvk_handover_go(const struct pvk_handover *handover, struct pvk_err *err);

#endif /* PVK_HANDOVER_H */
