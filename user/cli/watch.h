/* SPDX-License-Identifier: MIT */
/*
 * watch - what `drivers watch`, `flag watch` and `union watch` have in common
 *
 * A line for each event as it comes, until so many have or the time is over. When
 * some were lost, that is said, and how everything is now follows, as a whole.
 */
#ifndef PVKIT_CLI_WATCH_H
#define PVKIT_CLI_WATCH_H

#include "cli.h"

struct watch;

struct watch_ops {
	/* Hands events on, after waiting up to timeout_ms for a first one; -ETIMEDOUT. */
	int (*dispatch)(struct watch *watch, int timeout_ms, struct pvk_err *err);
	/* Prints how all are now. */
	int (*print_all)(struct watch *watch, struct pvk_err *err);
	const char *thing;	/* "store" */
};

struct watch {
	struct cli *cli;
	const struct watch_ops *ops;
	const char *name;	/* of one; NULL: all */
	const char *dir;	/* of --union; NULL: not given */
	uint32_t generation;	/* all up to this one is known */
	uint32_t timeout_ms;	/* 0: none */
	uint64_t left;		/* events to go; counts only if limited */
	unsigned int arrived;
	bool limited;
	bool reread;
	bool failed;
};

/* The options and the word: CLI_END, or an exit status. */
int watch_options(struct watch *watch);
/* Once the events are subscribed: an exit status. */
int watch_run(struct watch *watch);
/* An event has come, or lost ones: is it to be printed? */
bool watch_arrived(struct watch *watch, bool lost);
/* That was one. */
void watch_counted(struct watch *watch);
/* Is it the one that was asked for? */
bool watch_meant(const struct watch *watch, const char *name);
/* "12:34:56.789 KIND NAME STATE REST"; state may be NULL and rest "". */
void watch_line(const char *kind, const char *name, const char *state, const char *rest);
void watch_json(struct watch *watch, struct json_out *out);

#endif /* PVKIT_CLI_WATCH_H */
