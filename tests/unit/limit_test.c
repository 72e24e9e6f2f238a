// SPDX-License-Identifier: MIT
/*
 * How often something of one name is logged.
 */
#include "ktap.h"
#include "limit.h"

#define MINUTE	60000

static struct limit limit = { .most = 3 };
static unsigned int left_out;

static int allowed_of(int tries, const char *name, int64_t now)
{
	int i, n = 0;

	for (i = 0; i < tries; i++)
		n += limit_allows(&limit, name, now, &left_out);
	return n;
}

int main(void)
{
	char name[16];
	int i, n = 0;

	ktap_plan(0);
	ktap_eq(allowed_of(10, "wifi", 0), 3, "three of ten in the first minute");
	ktap_eq(allowed_of(1, "bt", 1), 1, "another name has its own");
	ktap_eq(allowed_of(1, "wifi", MINUTE - 1), 0, "until the minute is over");
	ktap_eq(allowed_of(1, "wifi", MINUTE), 1, "then again");
	ktap_eq(left_out, 8, "with the number of those that were left out");
	ktap_eq(allowed_of(1, "wifi", MINUTE), 1, "once more");
	ktap_eq(left_out, 0, "and nothing was left out");
	/* given more names than are remembered */
	for (i = 0; i < 2 * LIMIT_NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		n += allowed_of(1, name, 2 * MINUTE + i);
	}
	ktap_eq(n, 2 * LIMIT_NAMES, "new names push out the oldest");
	snprintf(name, sizeof(name), "n%d", 2 * LIMIT_NAMES - 1);
	ktap_eq(allowed_of(5, name, 2 * MINUTE + i), 2, "and the newest are still known");
	return ktap_finish();
}
