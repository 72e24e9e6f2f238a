/* SPDX-License-Identifier: MIT */
/*
 * control_led - an LED that blinks, for somebody who looks for the right box
 *
 * By the trigger `heartbeat` of the kernel's LED class, else `timer`, else by hand: the first
 * that is not what it does anyhow. What the LED did before it does again afterwards; what
 * that was is written down first, so that it is known also after this process was killed. A
 * trigger that somebody else has set meanwhile stays.
 */
#ifndef PVKITD_CONTROL_LED_H
#define PVKITD_CONTROL_LED_H

#include <event2/event.h>

#include "control.h"

#define LEDS_DIR	"/sys/class/leds"
#define LEDS_MAX	8	/* that blink at once */

struct leds;

/*
 * state: a directory for what is to be restored; what is there already is restored now.
 * preferred: the LED that is meant when none is named; "": the first by name that is
 * none of a keyboard's. All stay the caller's.
 */
int leds_new(struct leds **out, struct event_base *base, const char *dir, const char *state,
	     const char *preferred);
/* Restores all. NULL is none. */
void leds_free(struct leds *leds);
/*
 * Two for the same LED: it ends when the later of them does. Says which it is, of
 * CONTROL_LED_SIZE bytes, and for how long it blinks now.
 */
int leds_blink(struct leds *leds, const char *name, unsigned int seconds, char *which,
	       uint32_t *left, struct pvk_err *err);
/* Ends it at once, of all if none is named; what does not blink is left alone. */
void leds_stop(struct leds *leds, const char *name);

#endif /* PVKITD_CONTROL_LED_H */
