// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attr.h"

int attr_read(char *line, size_t size, const char *path_format, ...)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];
	va_list ap;
	ssize_t n;

	line[0] = '\0';
	va_start(ap, path_format);
	vsnprintf(path, sizeof(path), path_format, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, line, size - 1);
	if (n < 0)
		return -errno;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return n ? 0 : -ENODATA;
}
