// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "sysattr.h"
#include "update_dog.h"

#define INTERVAL_MAX	10	/* seconds between two keepalives */

/*
 * One that does not count is left alone: to open it would start it. A kernel that has no such
 * file does not say.
 */
static bool counts(const struct update_dog *dog)
{
	char state[16];

	return pvk_sysattr(state, sizeof(state), "/sys/class/watchdog/%s/state",
			   dog->watchdog->name) && strcmp(state, "inactive") != 0;
}

/* Not without end: what hangs then is found by it. */
static void make_longer(const struct update_dog *dog)
{
	static const int longer[] = { 600, 300, 120, 60, 30 };
	int had = (int)dog->watchdog->timeout, seconds;
	size_t i;

	for (i = 0; had > 0 && i < PVK_ARRAY_SIZE(longer) && longer[i] > had; i++) {
		seconds = longer[i];
		if (!ioctl(dog->fd, WDIOC_SETTIMEOUT, &seconds))
			return;
	}
}

static unsigned int interval(const struct update_dog *dog)
{
	unsigned int third = dog->watchdog->timeout / 3;

	return third < 1 ? 1 : third > INTERVAL_MAX ? INTERVAL_MAX : third;
}

int update_dog_look(struct update_dog *dog, struct pvk_pivot *pivot, int session,
		    unsigned int seconds, struct pvk_err *err)
{
	char path[64];
	int ret = 0;

	if (dog->fd >= 0) {
		ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
		return 0;
	}
	if (!dog->watchdog->name[0] || !counts(dog))
		return 0;
	/* -EBUSY as long as it has a feeder. */
	snprintf(path, sizeof(path), "/dev/%s", dog->watchdog->name);
	dog->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (dog->fd < 0)
		return 0;
	ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
	make_longer(dog);
	if (session >= 0)
		ret = pvk_pivot_watchdog(pivot, session, dog->fd, interval(dog), seconds, err);
	return ret ? ret : 1;
}

void update_dog_leave(struct update_dog *dog)
{
	int seconds = (int)dog->watchdog->timeout;

	if (dog->fd < 0)
		return;
	if (seconds > 0)
		ioctl(dog->fd, WDIOC_SETTIMEOUT, &seconds);
	ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
	close(dog->fd);
	dog->fd = -1;
}
