// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "confline.h"

#define FILE_MAX	(64 * 1024)
#define BLANKS		" \t\r"
#define BOM		"\xef\xbb\xbf"

static void trim_end(char *text)
{
	size_t len = strlen(text);

	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
}

bool pvk_conf_line(char *line, char **name, char **value)
{
	bool equals;
	char *end;

	line[strcspn(line, "#")] = '\0';
	trim_end(line);
	*name = line + strspn(line, BLANKS);
	end = *name + strcspn(*name, BLANKS "=");
	*value = end;
	if (!**name)
		return false;
	if (!*end)
		return true;
	/* A value may have a "=" of its own. */
	equals = *end == '=';
	*end++ = '\0';
	end += strspn(end, BLANKS);
	if (!equals && *end == '=')
		end++;
	*value = end + strspn(end, BLANKS);
	return true;
}

static unsigned int lines_in(const char *text)
{
	unsigned int n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

int pvk_conf_read(const char *path, pvk_conf_fn fn, void *arg, struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	struct pvk_err why = { .text = "" };
	unsigned int n = 0;
	char *line, *rest;
	size_t len;
	int ret;

	ret = pvk_read_file(AT_FDCWD, path, FILE_MAX, &text, &len);
	if (ret == -ENOENT)
		return 0;
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	if (strlen(text) != len)
		return pvk_err_set(err, -EINVAL, "%s:%u: a NUL byte: it is no text, or was cut off",
				   path, lines_in(text));
	/* Editors of another system begin with it; nobody sees it. */
	rest = text + (strncmp(text, BOM, strlen(BOM)) ? 0 : strlen(BOM));
	while ((line = strsep(&rest, "\n"))) {
		n++;
		ret = fn(arg, line, n, &why);
		if (ret)
			return pvk_err_set(err, ret, "%s:%u: %s", path, n, why.text);
	}
	return 0;
}
