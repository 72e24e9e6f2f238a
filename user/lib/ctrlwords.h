/* SPDX-License-Identifier: MIT */
/*
 * ctrlwords - what the verbs of /control can be told
 */
#ifndef PVK_CTRLWORDS_H
#define PVK_CTRLWORDS_H

#include <stdbool.h>

#define CONTROL_MODE_SIZE	32	/* of what the kernel's reboot notifiers get */
#define CONTROL_LED_SIZE	64

#define CONTROL_LIMIT_S		60	/* for the clean way, unless another is asked for */
#define CONTROL_LIMIT_MAX_S	600
#define CONTROL_BLINK_S		60
#define CONTROL_BLINK_MAX_S	3600

/* [A-Za-z0-9._-], and no dot to begin with: part of no path, no line and no option. */
bool control_mode_ok(const char *mode);
/* A file name in /sys/class/leds: no slash, no control character, no dot to begin with. */
bool control_led_ok(const char *led);

#endif /* PVK_CTRLWORDS_H */
