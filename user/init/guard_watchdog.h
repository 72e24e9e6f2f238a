/* SPDX-License-Identifier: MIT */
/*
 * guard_watchdog - a hardware watchdog that watches the guard
 *
 * Two processes that watch each other can both be killed; what then resets the machine is
 * a timer that they no longer set back. Its driver has it, not they: it runs on until the
 * last of them has closed it, after the magic letter that says that this is meant.
 */
#ifndef INIT_GUARD_WATCHDOG_H
#define INIT_GUARD_WATCHDOG_H

/* The fd, -1 if it can't be had, which is said. It runs from here on. */
int watchdog_open(const char *path, int seconds);
/* Neither does anything with -1. */
void watchdog_feed(int fd);
/* Now a close stops it, by whoever is the last. */
void watchdog_release(int fd);

#endif /* INIT_GUARD_WATCHDOG_H */
