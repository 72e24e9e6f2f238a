/* SPDX-License-Identifier: MIT */
/*
 * tell - what the update says, once no terminal and no syslog is left
 *
 * A line goes to the console, to /update/log in RAM, and into the kernel's log.
 */
#ifndef UPDATE_TELL_H
#define UPDATE_TELL_H

#include "util.h"

#define TELL_LOG	"/update/log"

/*
 * /dev/console becomes 0, 1 and 2; log is made if it isn't there. Whoever was told before
 * is told anew: again after the root has changed.
 */
void tell_open(const char *log);
/* "pvkit-update: TEXT". Never waits for long. */
void tell(const char *fmt, ...) PVK_PRINTF(1, 2);

#endif /* UPDATE_TELL_H */
