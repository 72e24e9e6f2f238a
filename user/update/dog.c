// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dog.h"
#include "sysattr.h"
#include "tell.h"

#define MAGIC		"V"	/* the kernel's word for a close that is meant */
#define INTERVAL_MAX	30	/* for one that does not tell its time */

void dog_init(struct dog *dog, const char *name, unsigned int timeout)
{
	*dog = (struct dog){ .name = name, .timeout = timeout, .fd = -1 };
}

/* A kernel without that file of it leaves it open: it is then taken for one that counts. */
static bool counts(const char *name)
{
	char state[16];

	return !pvk_sysattr(state, sizeof(state), "/sys/class/watchdog/%s/state", name) ||
	       strcmp(state, "inactive") != 0;
}

static void feed(const struct dog *dog)
{
	ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
}

/* pvkit has made it longer, for the time between its end and now. */
static int take_seconds(const struct dog *dog)
{
	int seconds = (int)dog->timeout;

	if (seconds > 0 && !ioctl(dog->fd, WDIOC_SETTIMEOUT, &seconds) && seconds > 0)
		return seconds;
	seconds = 0;
	return ioctl(dog->fd, WDIOC_GETTIMEOUT, &seconds) || seconds <= 0 ? INTERVAL_MAX : seconds;
}

void dog_take(struct dog *dog)
{
	bool counted = dog->name[0] && counts(dog->name);
	char path[64];
	int seconds;

	if (dog->fd >= 0) {
		if (!dog->given)
			feed(dog);
		return;
	}
	if (!dog->name[0])
		return;
	snprintf(path, sizeof(path), "/dev/%s", dog->name);
	dog->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (dog->fd < 0) {
		if (errno == EBUSY)
			return;
		tell("%s: %s", path, strerror(errno));
		dog->name = "";
		return;
	}
	dog->counted = counted;
	seconds = take_seconds(dog);
	dog->interval = seconds >= 3 ? (unsigned int)seconds / 3 : 1;
	feed(dog);
	tell("%s is ours, %d s", dog->name, seconds);
}

void dog_give(struct dog *dog, struct session *session, uint32_t seconds)
{
	struct pvk_err err = { .text = "" };

	if (dog->fd < 0 || dog->given)
		return;
	/* Without it the owner feeds it as long as nothing takes longer than a look. */
	if (session_watchdog(session, dog->fd, dog->interval, seconds, &err)) {
		tell("%s: %s", dog->name, err.text);
		return;
	}
	dog->given = true;
}

void dog_release(struct dog *dog)
{
	if (dog->fd < 0)
		return;
	feed(dog);
	if (!dog->counted && write(dog->fd, MAGIC, 1) != 1)
		tell("%s can't be stopped", dog->name);
	close(dog->fd);
	dog->fd = -1;
}
