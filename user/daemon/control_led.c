// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "control_led.h"
#include "genl.h"
#include "log.h"

#define TRIGGER_SIZE	64
/* The list of all there are; each CPU has one. */
#define TRIGGERS_MAX	(64 * 1024)
#define TICK_MS		500
#define STATE_PREFIX	"blink."

struct led {
	bool used;
	bool by_hand;
	bool lit;
	char name[CONTROL_LED_SIZE];
	char before[TRIGGER_SIZE];
	char ours[TRIGGER_SIZE];
	unsigned int brightness;	/* before; the kernel turns it off with a trigger */
	int64_t end_ms;
};

struct leds {
	const char *dir;
	const char *state;
	const char *preferred;
	struct event *tick;
	struct led led[LEDS_MAX];
};

/* ---- files ---- */

static void path_of(char path[PATH_MAX], const struct leds *leds, const char *name,
		    const char *file)
{
	snprintf(path, PATH_MAX, "%s/%s/%s", leds->dir, name, file);
}

static void state_of(char path[PATH_MAX], const struct leds *leds, const char *name)
{
	snprintf(path, PATH_MAX, "%s/" STATE_PREFIX "%s", leds->state, name);
}

static int write_attr(const struct leds *leds, const char *name, const char *file,
		      const char *text)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];
	size_t len = strlen(text);

	path_of(path, leds, name, file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -errno;
}

/* NULL and errno, or what is to be freed. */
static char *read_file(const char *path)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;
	int ret;

	if (fd < 0)
		return NULL;
	ret = pvk_read_fd(fd, TRIGGERS_MAX, &text, &len);
	if (ret)
		errno = -ret;
	return text;
}

/* The word in brackets; "none" if the list names none. */
static int read_trigger(const struct leds *leds, const char *name, char trigger[TRIGGER_SIZE])
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX], *from, *to;

	path_of(path, leds, name, "trigger");
	text = read_file(path);
	if (!text)
		return -errno;
	strcpy(trigger, "none");
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to && to - from - 1 >= TRIGGER_SIZE)
		return -ENAMETOOLONG;
	if (to && to > from + 1) {
		memcpy(trigger, from + 1, (size_t)(to - from - 1));
		trigger[to - from - 1] = '\0';
	}
	return 0;
}

static unsigned int read_brightness(const struct leds *leds, const char *name)
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX];

	path_of(path, leds, name, "brightness");
	text = read_file(path);
	return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

/* ---- remembering and restoring ---- */

static int remember(const struct leds *leds, const struct led *led)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];

	state_of(path, leds, led->name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	return dprintf(fd, "%s %u %s\n", led->before, led->brightness, led->ours) < 0 ? -errno : 0;
}

static void forget(const struct leds *leds, struct led *led)
{
	char path[PATH_MAX];

	state_of(path, leds, led->name);
	unlink(path);
	led->used = false;
}

/* False: somebody else has set another trigger, or it was unplugged, and may be back. */
static bool still_ours(const struct leds *leds, const struct led *led)
{
	char now[TRIGGER_SIZE];

	return !read_trigger(leds, led->name, now) && !strcmp(now, led->ours);
}

/* Of an LED that was unplugged there is nothing to restore. */
static void restore(struct leds *leds, struct led *led)
{
	char now[TRIGGER_SIZE], number[16];
	int ret = read_trigger(leds, led->name, now);

	/* Killed between the note and the deed, it still is as it was. */
	if (!ret && !strcmp(now, led->ours)) {
		ret = write_attr(leds, led->name, "trigger", led->before);
		snprintf(number, sizeof(number), "%u", led->brightness);
		if (!ret && !strcmp(led->before, "none"))
			ret = write_attr(leds, led->name, "brightness", number);
	}
	if (ret && ret != -ENOENT)
		log_msg(LOG_WARNING, "%s: its trigger %s can't be restored: %s", led->name,
			led->before, strerror(-ret));
	forget(leds, led);
}

/* What a process before this one has left. */
static void restore_old(struct leds *leds, const char *name)
{
	pvk_auto_free char *text = NULL;
	struct led led = { .used = true };
	char path[PATH_MAX];

	state_of(path, leds, name);
	text = control_led_ok(name) ? read_file(path) : NULL;
	if (!text)
		return;
	strcpy(led.name, name);
	if (sscanf(text, "%63s %u %63s", led.before, &led.brightness, led.ours) == 3)
		restore(leds, &led);
	unlink(path);
}

static void restore_all_old(struct leds *leds)
{
	DIR *dir = opendir(leds->state);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, STATE_PREFIX, strlen(STATE_PREFIX)))
			restore_old(leds, entry->d_name + strlen(STATE_PREFIX));
	if (dir)
		closedir(dir);
}

/* ---- which ---- */

static bool of_a_keyboard(const char *name)
{
	return !strncmp(name, "input", 5) && strstr(name, "::");
}

static int find_default(const struct leds *leds, char *which, struct pvk_err *err)
{
	struct dirent *entry;
	DIR *dir;

	*which = '\0';
	if (*leds->preferred) {
		snprintf(which, CONTROL_LED_SIZE, "%s", leds->preferred);
		return 0;
	}
	dir = opendir(leds->dir);
	while (dir && (entry = readdir(dir)))
		if (control_led_ok(entry->d_name) && !of_a_keyboard(entry->d_name) &&
		    (!*which || strcmp(entry->d_name, which) < 0))
			strcpy(which, entry->d_name);
	if (dir)
		closedir(dir);
	return *which ? 0 : pvk_err_set(err, -ENOENT, "this machine has no LED but a keyboard's");
}

static struct led *find(struct leds *leds, const char *name)
{
	size_t i;

	for (i = 0; i < LEDS_MAX; i++)
		if (leds->led[i].used && !strcmp(leds->led[i].name, name))
			return &leds->led[i];
	return NULL;
}

/* ---- blinking ---- */

static int begin(struct leds *leds, struct led *led, struct pvk_err *err)
{
	static const char *const triggers[] = { "heartbeat", "timer", "none" };
	size_t i;
	int ret;

	ret = read_trigger(leds, led->name, led->before);
	if (ret == -ENOENT)
		return pvk_err_set(err, ret, "there is no LED '%s'", led->name);
	led->brightness = read_brightness(leds, led->name);
	for (i = 0; !ret && i < PVK_ARRAY_SIZE(triggers); i++) {
		/* On many a board one beats all the time: as that it is not to be found. */
		if (strcmp(triggers[i], "none") && !strcmp(triggers[i], led->before))
			continue;
		strcpy(led->ours, triggers[i]);
		ret = remember(leds, led);
		if (ret)
			break;
		ret = write_attr(leds, led->name, "trigger", led->ours);
		if (!ret) {
			led->by_hand = !strcmp(led->ours, "none");
			led->used = true;
			return 0;
		}
		/* That trigger's module is not there, or not for this LED. */
		if (ret == -EINVAL)
			ret = 0;
	}
	restore(leds, led);
	return pvk_err_set(err, ret ? ret : -EINVAL, "%s: %s", led->name,
			   strerror(ret ? -ret : EINVAL));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = pvk_now_ms();
	struct leds *leds = arg;
	bool any = false;
	struct led *led;

	(void)fd;
	(void)what;
	for (led = leds->led; led < leds->led + LEDS_MAX; led++) {
		if (led->used && led->end_ms <= now)
			restore(leds, led);
		if (!led->used)
			continue;
		any = true;
		led->lit = !led->lit;
		if (led->by_hand)
			write_attr(leds, led->name, "brightness", led->lit ? "255" : "0");
	}
	if (!any)
		event_del(leds->tick);
}

static struct led *add(struct leds *leds, const char *name, struct pvk_err *err)
{
	const struct timeval often = { .tv_usec = TICK_MS * 1000 };
	struct led *led;
	int ret;

	for (led = leds->led; led < leds->led + LEDS_MAX; led++)
		if (!led->used)
			break;
	if (led == leds->led + LEDS_MAX) {
		pvk_err_set(err, -EBUSY, "%d LEDs blink already", LEDS_MAX);
		errno = EBUSY;
		return NULL;
	}
	*led = (struct led){ .used = false };
	strcpy(led->name, name);
	ret = begin(leds, led, err);
	if (ret) {
		errno = -ret;
		return NULL;
	}
	event_add(leds->tick, &often);
	return led;
}

int leds_blink(struct leds *leds, const char *name, unsigned int seconds, char *which,
	       uint32_t *left, struct pvk_err *err)
{
	int64_t now = pvk_now_ms();
	int64_t end = now + seconds * INT64_C(1000);
	struct led *led;
	int ret = 0;

	if (*name)
		snprintf(which, CONTROL_LED_SIZE, "%s", name);
	else
		ret = find_default(leds, which, err);
	if (ret)
		return ret;
	led = find(leds, which);
	if (led && !still_ours(leds, led)) {
		forget(leds, led);
		led = NULL;
	}
	if (!led)
		led = add(leds, which, err);
	if (!led)
		return -errno;
	if (end > led->end_ms)
		led->end_ms = end;
	*left = (uint32_t)((led->end_ms - now) / 1000);
	return 0;
}

void leds_stop(struct leds *leds, const char *name)
{
	struct led *led;

	for (led = leds->led; led < leds->led + LEDS_MAX; led++)
		if (led->used && (!*name || !strcmp(led->name, name)))
			restore(leds, led);
}

int leds_new(struct leds **out, struct event_base *base, const char *dir, const char *state,
	     const char *preferred)
{
	struct leds *leds = calloc(1, sizeof(*leds));

	if (!leds)
		return -ENOMEM;
	*leds = (struct leds){ .dir = dir, .state = state, .preferred = preferred };
	leds->tick = event_new(base, -1, EV_PERSIST, on_tick, leds);
	if (!leds->tick) {
		free(leds);
		return -ENOMEM;
	}
	restore_all_old(leds);
	*out = leds;
	return 0;
}

void leds_free(struct leds *leds)
{
	if (!leds)
		return;
	leds_stop(leds, "");
	event_free(leds->tick);
	free(leds);
}
