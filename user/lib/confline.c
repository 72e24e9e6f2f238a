// SPDX-License-Identifier: MIT
#include <string.h>

#include "confline.h"

#define BLANKS	" \t\r"

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
