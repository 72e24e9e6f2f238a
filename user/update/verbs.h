/* SPDX-License-Identifier: MIT */
/*
 * verbs - what pvkit-update can be told to do
 *
 * Each gets the words from its own name on, and returns an exit status.
 */
#ifndef UPDATE_VERBS_H
#define UPDATE_VERBS_H

enum {
	UPDATE_EXIT_OK = 0,
	UPDATE_EXIT_FAILED = 1,		/* nothing was changed */
	UPDATE_EXIT_USAGE = 2,
	UPDATE_EXIT_HALF = 3,		/* something was, and is not as it should be */
	UPDATE_EXIT_STOPPED = 4,	/* likewise, by a signal */
};

/* Process 1 until the reboot; returns where it isn't that. */
int verb_move(int argc, char **argv);
/* Process 1 of an initramfs; likewise. */
int verb_resume(int argc, char **argv);
int verb_write(int argc, char **argv);
/* One of the inittab's, under `shutdown`. */
int verb_gate(int argc, char **argv);

#endif /* UPDATE_VERBS_H */
