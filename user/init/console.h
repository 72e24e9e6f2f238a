/* SPDX-License-Identifier: MIT */
/*
 * console - what pvkit-init says, and where it asks for help
 *
 * Each line goes into the kernel's log, where the running system still finds it, and
 * so appears on the console; where the kernel is told to be quiet, there by itself.
 */
#ifndef INIT_CONSOLE_H
#define INIT_CONSOLE_H

#include <stdbool.h>

#include "util.h"

/* Once /proc and /dev are there. */
void console_open(void);
/* Of that: the device becomes 0, 1 and 2, or nothing does, and is where lines go. */
void console_take(const char *device);
/* Before /proc goes: the log's limits are again as they were. */
void console_close(void);
/* For a process that stays when the console is the real init's: the log alone. */
void console_detach(void);
void console_debug(bool on);
/* What each line begins with, "pvkit-init" if nothing is said. */
void console_name(const char *name);

/*
 * To a terminal that was opened not to wait. A serial one that heard an XOFF takes nothing
 * until an XON comes, which may be never: it is waited for once, and *stuck says so.
 */
void console_put(int fd, bool *stuck, const char *text, size_t len);

/* "pvkit-init: TEXT" */
void say(const char *fmt, ...) PVK_PRINTF(1, 2);
/* Only with pvkit.debug. */
void say_debug(const char *fmt, ...) PVK_PRINTF(1, 2);

/*
 * Asks for ENTER for so many seconds; a shell on the console if that comes. Returns
 * when the shell has ended, or nobody wanted one.
 */
void console_offer_shell(unsigned int seconds);
/* A shell without being asked. -ENOENT: the initramfs has none. */
int console_shell(void);

#endif /* INIT_CONSOLE_H */
