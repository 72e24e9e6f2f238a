/* SPDX-License-Identifier: MIT */
/*
 * family - notices that a generic netlink family comes or goes
 *
 * A socket that was registered as agent or front is of no use once pv_driver
 * was removed, and does not say so by itself.
 */
#ifndef PVKITD_FAMILY_H
#define PVKITD_FAMILY_H

#include <stddef.h>

#define FAMILY_NEW	(1u << 0)
#define FAMILY_DEL	(1u << 1)
#define FAMILY_LOST	(1u << 2)	/* messages were dropped: either may be true */

/* A non-blocking socket, or a negative errno. */
int family_watch_open(void);
/* Reads what is there; FAMILY_* of the named family since the last call. */
unsigned int family_watch_read(int fd, const char *name);
/* The same of several at once: what[i] is of names[i]. */
void family_watch_read_all(int fd, const char *const *names, unsigned int *what, size_t count);

#endif /* PVKITD_FAMILY_H */
