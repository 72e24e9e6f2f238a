// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "tell.h"

#define LINE_BYTES	900	/* the kernel's log takes no longer ones */
#define PREFIX		"pvkit-update: "
#define LEVEL		"<5>"

static int console = STDERR_FILENO;
static int kmsg = -1;
static int log_fd = -1;
static bool stalled;

static void reopen(int *fd, const char *path, int flags)
{
	int opened = open(path, flags | O_CLOEXEC | O_NOCTTY, 0600);

	if (opened < 0)
		return;
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = opened;
}

static void take_standard(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC), i;

	/* Many a product has none. */
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	for (i = 0; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
}

void tell_open(const char *log)
{
	take_standard();
	reopen(&console, "/dev/console", O_WRONLY | O_NONBLOCK);
	reopen(&kmsg, "/dev/kmsg", O_WRONLY);
	reopen(&log_fd, log, O_WRONLY | O_APPEND | O_CREAT);
}

void tell(const char *fmt, ...)
{
	char line[LINE_BYTES] = LEVEL PREFIX;
	size_t head = sizeof(LEVEL) - 1, len = strlen(line);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	/* What of these takes nothing takes nothing from the others. */
	if (kmsg >= 0 && write(kmsg, line, len) < 0)
		stalled = stalled || errno == EAGAIN;
	if (log_fd >= 0 && write(log_fd, line + head, len - head) < 0)
		reopen(&log_fd, "/dev/null", O_WRONLY);
	console_put(console, &stalled, line + head, len - head);
}
