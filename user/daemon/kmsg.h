/* SPDX-License-Identifier: MIT */
/*
 * kmsg - why the kernel refused a module, in its own words
 *
 * An errno says little: EINVAL is a bad parameter, a symbol of another version
 * and more. The kernel's log has a line "MODULE: ...", and only such lines are
 * looked at, and of these only those that are known here; two more kinds do not
 * name the module. Nobody but the kernel and root writes there.
 */
#ifndef PVKITD_KMSG_H
#define PVKITD_KMSG_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

/* To read from without ever waiting. -EPERM without CAP_SYSLOG, mostly. */
int kmsg_open(void);
/* What is there now is of no interest. */
void kmsg_mark(int fd);
/*
 * Reads what came since. true if text got the reason that module (no path, no
 * ".ko") was refused with error, a positive errno; 0 for a module that is in.
 * Parameters that the kernel did not know and left out are warnings.
 */
bool kmsg_reason(int fd, const char *module, int error, char *text, size_t size,
		 struct pvk_list *warnings);

#endif /* PVKITD_KMSG_H */
