// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

#include "console.h"
#include "guard_watchdog.h"

#define FEED	"\0"
#define MAGIC	"V"	/* the kernel's word for a close that is meant */

/* One that does not hear resets, which is all that it is for. */
static void put(int fd, const char *byte)
{
	if (fd >= 0 && write(fd, byte, 1) != 1)
		return;
}

int watchdog_open(const char *path, int seconds)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), has = seconds;

	if (fd < 0) {
		say("root guard: guard-watchdog %s: %s", path, strerror(errno));
		return -1;
	}
	/* The driver may know but one time, or only shorter ones. */
	if (ioctl(fd, WDIOC_SETTIMEOUT, &has) && ioctl(fd, WDIOC_GETTIMEOUT, &has))
		has = 0;
	if (has)
		say("root guard: %s resets %d s after the guard's death", path, has);
	else
		say("root guard: %s resets after the guard's death, nobody knows when", path);
	return fd;
}

void watchdog_feed(int fd)
{
	put(fd, FEED);
}

void watchdog_release(int fd)
{
	put(fd, MAGIC);
}
