/* SPDX-License-Identifier: MIT */
/*
 * control - what the front can't do itself: reboot the machine, let an LED blink
 *
 * A process of its own, with CAP_SYS_BOOT and CAP_KILL and nothing else, for a front
 * that has no rights and is to have none. It takes two verbs over a socket that the
 * supervisor has made, checks what it is sent as if the front were hostile, and answers
 * each: a front that was taken over can do what the role mgmt may, and no more.
 *
 * A reboot is done by a process of its own, which nothing that goes down with the
 * machine takes with it. LEDs get their triggers back when this process ends, or is
 * started again.
 */
#ifndef PVKITD_CONTROL_H
#define PVKITD_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "ctrlwords.h"
#include "util.h"

#define CONTROL_WAY_SIZE	16
#define CONTROL_TEXT_SIZE	256

/* Who asked is told so long after that there is no answer: then nothing is to happen either. */
#define CONTROL_ANSWER_MS	5000

enum control_verb {
	CONTROL_REBOOT = 1,
	CONTROL_BLINK,
};

/* What the front sends; both ends are the same binary. */
struct control_task {
	uint32_t seq;
	uint32_t verb;
	int64_t sent_ms;		/* control_send() notes it, by pvk_now_ms() */
	/* 0 or 1; no bool, which can't be looked at if it is something else. */
	uint8_t force;			/* CONTROL_REBOOT: don't ask init */
	uint8_t on;			/* CONTROL_BLINK */
	uint32_t seconds;		/* the limit of the one, the duration of the other */
	char mode[CONTROL_MODE_SIZE];	/* "": none */
	char led[CONTROL_LED_SIZE];	/* "": as configured, or the first; to end: all */
};

struct control_answer {
	uint32_t seq;
	int32_t error;			/* positive errno, 0: it is on its way */
	uint32_t seconds;		/* left to blink, or until it is forced */
	char way[CONTROL_WAY_SIZE];	/* who is asked to reboot */
	char led[CONTROL_LED_SIZE];	/* that blinks */
	char text[CONTROL_TEXT_SIZE];
};

/* Is all in it that there has to be, and nothing that there can't? */
bool control_task_ok(const struct control_task *task);
/* Has it waited for so long, behind a control that hung or died, that nobody waits for it? */
bool control_task_late(const struct control_task *task);

/* A datagram each. -EAGAIN: later; else a negative errno. */
int control_send(int fd, struct control_task *task);
int control_receive(int fd, struct control_answer *answer);

#endif /* PVKITD_CONTROL_H */
