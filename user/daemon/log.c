// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static const char *log_who = "pvkitd";
static bool log_syslog;
static int log_limit = LOG_INFO;

void log_init(const char *who, bool to_syslog)
{
	log_who = who;
	log_syslog = to_syslog;
	if (to_syslog)
		openlog(who, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_verbose(void)
{
	log_limit = LOG_DEBUG;
}

void log_msg(int priority, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	size_t i;

	if (priority > log_limit)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (i = 0; line[i]; i++)
		if (pvk_iscntrl((unsigned char)line[i]))
			line[i] = '?';

	if (log_syslog)
		syslog(priority, "%s", line);
	else
		dprintf(STDERR_FILENO, "%s: %s\n", log_who, line);
}
