/* SPDX-License-Identifier: MIT */
/*
 * log - one line a message, to standard error or syslog
 */
#ifndef PVKITD_LOG_H
#define PVKITD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "util.h"

/* `who` names the process in each line and must stay valid. */
void log_init(const char *who, bool to_syslog);
/* LOG_DEBUG messages are dropped unless this was called. */
void log_verbose(void);

/*
 * priority is LOG_ERR, LOG_WARNING, LOG_INFO or LOG_DEBUG. Control characters
 * become '?': much of what is logged was written by somebody else.
 */
void log_msg(int priority, const char *fmt, ...) PVK_PRINTF(2, 3);

/* One place in the code that logs what others can cause as often as they like. */
struct log_site {
	int64_t since;		/* ms, when its present minute began */
	unsigned int said;	/* in this minute */
	unsigned int dropped;
};

/*
 * Whether a line may be written at `now` (ms). *more: so many were left out in
 * the minute that has ended. Part of log_limited(); by itself for tests.
 */
bool log_site_may(struct log_site *site, unsigned int per_minute, int64_t now,
		  unsigned int *more);
void log_msg_limited(struct log_site *site, unsigned int per_minute, int priority,
		     const char *fmt, ...) PVK_PRINTF(4, 5);

/*
 * As log_msg(), at most per_minute lines a minute from this place. "N more like
 * it" comes with the first line after that minute.
 */
#define log_limited(per_minute, priority, ...)						\
	do {										\
		static struct log_site log_site_;					\
											\
		log_msg_limited(&log_site_, per_minute, priority, __VA_ARGS__);		\
	} while (0)

#endif /* PVKITD_LOG_H */
