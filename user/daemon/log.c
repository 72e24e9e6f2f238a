// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"

#define MINUTE_MS	60000

static const char *log_who = "pvkitd";
static bool log_syslog;
static int log_limit = LOG_INFO;

void log_init(const char *who, bool to_syslog)
{
	log_who = who;
	log_syslog = to_syslog;
	if (!to_syslog)
		return;
	/* syslog() writes local times, and cannot look them up once in a sandbox. */
	tzset();
	openlog(who, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_verbose(void)
{
	log_limit = LOG_DEBUG;
}

PVK_PRINTF(2, 0)
static void log_args(int priority, const char *fmt, va_list ap)
{
	char line[1024];
	size_t i;

	if (priority > log_limit)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	for (i = 0; line[i]; i++)
		if (pvk_iscntrl((unsigned char)line[i]))
			line[i] = '?';

	if (log_syslog)
		syslog(priority, "%s", line);
	else
		dprintf(STDERR_FILENO, "%s: %s\n", log_who, line);
}

void log_msg(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_args(priority, fmt, ap);
	va_end(ap);
}

bool log_site_may(struct log_site *site, unsigned int per_minute, int64_t now,
		  unsigned int *more)
{
	*more = 0;
	if (!site->since || now - site->since >= MINUTE_MS) {
		*more = site->dropped;
		*site = (struct log_site){ .since = now ? now : 1 };
	}
	if (site->said < per_minute) {
		site->said++;
		return true;
	}
	site->dropped++;
	return false;
}

void log_msg_limited(struct log_site *site, unsigned int per_minute, int priority,
		     const char *fmt, ...)
{
	struct timespec ts;
	unsigned int more;
	va_list ap;
	bool may;

	if (priority > log_limit)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	may = log_site_may(site, per_minute, ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000,
			   &more);
	if (more)
		log_msg(priority, "%u more like it in the minute before", more);
	if (!may)
		return;
	va_start(ap, fmt);
	log_args(priority, fmt, ap);
	va_end(ap);
}
