/* SPDX-License-Identifier: MIT */
/*
 * log - one line a message, to standard error or syslog
 */
#ifndef PVKITD_LOG_H
#define PVKITD_LOG_H

#include <stdbool.h>
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

#endif /* PVKITD_LOG_H */
