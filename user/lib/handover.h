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
 * What busybox gets as its inittab: all of the old one, so that nothing ends and nothing is
 * lost while there is a way back, between
 *
 *	::shutdown:PROGRAM gate GATE
 *
 * and
 *
 *	::shutdown:PROGRAM gate OTHER_GATE
 *	::restart:PROGRAM move PLAN
 *
 * At these two it waits for us (gate.h). What it had under `restart` is left out, and entries
 * under `shutdown` that unmount or end swapping do so for any shutdown but ours. old is cut up.
 */
enum pvk_handover_turn {
	PVK_TURN_FIRST,		/* before what is under `shutdown` */
	PVK_TURN_LAST,		/* after it */
	PVK_TURNS
};

struct pvk_handover_words {
	const char *program;	/* pvkit-update, in RAM */
	const char *gate[PVK_TURNS];
	const char *plan;
};

int pvk_handover_inittab(char *old, const struct pvk_handover_words *words,
			 struct pvk_buf *text);

struct pvk_handover {
	enum pvk_update_init init;
	const char *inittab;	/* busybox: ours, a file in RAM */
	const char *gate[PVK_TURNS];	/* and these, which are made */
	unsigned int term;	/* seconds that processes have to end */
	/* Of what goes on; may be NULL. */
	void (*say)(void *arg, const char *text);
	/* While the others end, several times a second; may be NULL. */
	void (*look)(void *arg);
	void *arg;
	/* Of its own, see PVK_HANDOVER_NONE. */
	int watch, proc;
	int shut[PVK_TURNS], gate_watch[PVK_TURNS];
	bool is_turn[PVK_TURNS], was_read;
};

#define PVK_HANDOVER_NONE	.watch = -1, .proc = -1, .shut = { -1, -1 }

/*
 * systemd goes to RAM at whatever shutdown, be it weeks after pvkit was killed, as long as
 * there is a `shutdown` in it. So it is shown last of all, and hidden before RAM is given
 * back, which may be refused. It need not be there to be hidden.
 */
int pvk_handover_show(const char *ram, bool show, struct pvk_err *err);

/*
 * busybox: puts our inittab over its own (a bind mount) and tells it, which takes effect with
 * pvk_handover_go() only. It takes a second, as it sleeps after each signal, so it is told
 * early. Nothing to do for systemd.
 */
int pvk_handover_prepare(struct pvk_handover *handover, struct pvk_err *err);
/* And back: as it was. Not behind pvk_handover_go() of busybox, which can't be taken back. */
int pvk_handover_undo(struct pvk_handover *handover, struct pvk_err *err);
/*
 * Has it read that? Waits for it, so many milliseconds. As long as it waits for one of its
 * own it does not, nor would it hear of pvk_handover_go().
 */
bool pvk_handover_was_read(struct pvk_handover *handover, int ms);

/*
 * Before that: what is written to the terminal there is not waited for any more, since process
 * 1 would wait, too. One that was stopped (Ctrl-S) takes nothing, perhaps for ever. A pipe
 * likewise; a file stays as it is.
 */
void pvk_handover_leave_terminal(int fd);
/*
 * From then on process 1 is at work on it: busybox runs what is under `shutdown`, and starts
 * nothing else any more.
 */
int pvk_handover_go(struct pvk_handover *handover, struct pvk_err *err);
/* busybox: does it wait for us there? Likewise. */
bool pvk_handover_is_turn(struct pvk_handover *handover, enum pvk_handover_turn turn, int ms);
/* It goes on. After the last one it takes a second until it kills all, the caller included. */
void pvk_handover_let_go(struct pvk_handover *handover, enum pvk_handover_turn turn);
/*
 * All other processes are asked to end (busybox: systemd does that itself), and waited for.
 * How many are left is returned.
 */
unsigned int pvk_handover_end_others(const struct pvk_handover *handover);
/* busybox: those are killed. It does so itself, but not who it waits for. */
void pvk_handover_kill_others(const struct pvk_handover *handover);

#endif /* PVK_HANDOVER_H */
