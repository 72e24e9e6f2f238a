// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "limit.h"

#define MINUTE_MS	60000

/* The name's entry, or one for it in the place of the oldest. */
static struct limit_entry *find(struct limit *limit, const char *name, int64_t now_ms)
{
	struct limit_entry *entry, *oldest = &limit->entry[0];

	for (entry = limit->entry; entry < limit->entry + LIMIT_NAMES; entry++) {
		if (!strcmp(entry->name, name))
			return entry;
		if (!entry->name[0] || (oldest->name[0] && entry->since_ms < oldest->since_ms))
			oldest = entry;
	}
	*oldest = (struct limit_entry){ .since_ms = now_ms };
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

bool limit_allows(struct limit *limit, const char *name, int64_t now_ms, unsigned int *left_out)
{
	struct limit_entry *entry = find(limit, name, now_ms);

	*left_out = 0;
	if (now_ms - entry->since_ms >= MINUTE_MS) {
		if (entry->count > limit->most)
			*left_out = entry->count - limit->most;
		entry->since_ms = now_ms;
		entry->count = 0;
	}
	return ++entry->count <= limit->most;
}
