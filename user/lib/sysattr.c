// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sysattr.h"

#define ATTR_MAX	4096

static bool read_attr(char *text, size_t size, const char *fmt, va_list ap)
{
	pvk_auto_free char *data = NULL;
	char path[PATH_MAX];
	size_t len;

	if (vsnprintf(path, sizeof(path), fmt, ap) >= (int)sizeof(path) ||
	    pvk_read_file(AT_FDCWD, path, ATTR_MAX, &data, &len))
		return false;
	data[strcspn(data, "\n")] = '\0';
	return snprintf(text, size, "%s", data) < (int)size;
}

bool pvk_sysattr(char *text, size_t size, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = read_attr(text, size, fmt, ap);
	va_end(ap);
	return ok;
}

bool pvk_sysattr_uint(uint64_t *number, const char *fmt, ...)
{
	char text[32], *end;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = read_attr(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ok || !text[0])
		return false;
	errno = 0;
	*number = strtoull(text, &end, 0);
	return !errno && !*end;
}
