// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <time.h>

#include "cli.h"

#define NS_PER_S	1000000000LL

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* What is said to be later than now was just now. */
static int64_t ns_ago(uint64_t boottime_ns)
{
	int64_t now = now_ns(CLOCK_BOOTTIME);

	return boottime_ns < (uint64_t)now ? now - (int64_t)boottime_ns : 0;
}

int64_t cli_when(uint64_t boottime_ns)
{
	return (now_ns(CLOCK_REALTIME) - ns_ago(boottime_ns)) / NS_PER_S;
}

const char *cli_ago(uint64_t boottime_ns, char *text, size_t size)
{
	long long s = ns_ago(boottime_ns) / NS_PER_S;

	if (s < 60)
		snprintf(text, size, "%lld s ago", s);
	else if (s < 3600)
		snprintf(text, size, "%lld min ago", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, size, "%lld h %lld min ago", s / 3600, s / 60 % 60);
	else
		snprintf(text, size, "%lld days ago", s / (24 * 3600));
	return text;
}
