/* SPDX-License-Identifier: MIT */
/*
 * limit - how often something may be logged
 *
 * A container that asks again and again for a driver that fails must not fill
 * the log: each name has a number of lines a minute, and what was left out is
 * counted and said with the next one that is not.
 */
#ifndef PVKITD_LIMIT_H
#define PVKITD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define LIMIT_NAMES	32	/* that are remembered; the one begun longest ago gives way */

struct limit {
	unsigned int most;	/* a minute and name */
	struct limit_entry {
		char name[PVK_NAME_MAX + 1];
		int64_t since_ms;
		unsigned int count;
	} entry[LIMIT_NAMES];
};

/*
 * Whether one more may be said of name, now_ms on any clock that goes on.
 * *left_out gets the number of those that were not since the last that was.
 */
bool limit_allows(struct limit *limit, const char *name, int64_t now_ms, unsigned int *left_out);

#endif /* PVKITD_LIMIT_H */
