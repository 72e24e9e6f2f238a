/* SPDX-License-Identifier: MIT */
/*
 * gate - a process waits for another one at a file that this one has locked
 *
 * For process 1, whose inittab can only name programs: one that waits here keeps it from
 * going on. Who shut the gate opens it by its end, whatever that is, so nobody waits for
 * somebody who is gone.
 */
#ifndef PVK_GATE_H
#define PVK_GATE_H

#include <stdbool.h>

/* Makes the file, and leaves the gate open; a descriptor, or a negative errno. */
int pvk_gate_make(const char *path);
/* Until pvk_gate_open(), or until that descriptor, and each copy of it, is closed. */
int pvk_gate_shut(int fd);
void pvk_gate_open(int fd);

/* One that isn't there is open. */
bool pvk_gate_is_shut(const char *path);
/*
 * Until it is open. Who waits at one that is shut reads its file first, and nobody else ever
 * does: with inotify (IN_ACCESS) who shut it knows that somebody is there.
 */
void pvk_gate_wait(const char *path);

#endif /* PVK_GATE_H */
