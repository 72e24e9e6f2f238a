/* SPDX-License-Identifier: MIT */
/*
 * control_reboot - a reboot: clean within a limit, then forced
 *
 * Init is asked first, in the way that it understands. What is left of the machine when
 * the limit is over gets a sync, which may hang as well and so has a limit too, and then
 * reboot(2).
 */
#ifndef PVKITD_CONTROL_REBOOT_H
#define PVKITD_CONTROL_REBOOT_H

#include "control.h"

/* How things are done; tests do them otherwise. */
struct reboot_ops {
	const char *root;		/* in front of paths: "" */
	char comm[16];			/* of process 1; "": not known */
	int (*ask)(int sig);		/* a signal to init */
	void (*sync)(void);		/* in a process of its own */
	int (*reboot)(const char *mode);	/* "": none; comes back only with an errno */
	int delay_ms;			/* for the answer to get out */
	int sync_ms;
};

extern const struct reboot_ops reboot_ops;

/* What process 1 is called; while /proc can be read. */
void reboot_learn_init(struct reboot_ops *ops);
/*
 * What init there is, and the signal that makes it reboot: "systemd", "sysvinit", or
 * "init", which is any other.
 */
const char *reboot_init(const struct reboot_ops *ops, int *sig);
/*
 * Makes ready for it. systemd hands on a mode to the kernel; for any other init the flag
 * that the front has set has to do. *way: who will be asked.
 */
int reboot_prepare(const struct reboot_ops *ops, const struct control_task *task,
		   const char **way, struct pvk_err *err);
/* Does it. Comes back if all failed, with why. */
int reboot_carry_out(const struct reboot_ops *ops, const struct control_task *task);
/* The same in a process of its own, which signals to end leave alone. Its pid. */
pid_t reboot_start(const struct reboot_ops *ops, const struct control_task *task);

#endif /* PVKITD_CONTROL_REBOOT_H */
