// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that "%XX" at text stands for, or -1; 0 would end the text. */
static int escaped(const char *text)
{
	int high = hex(text[1]);
	int low = high < 0 ? -1 : hex(text[2]);

	return low < 0 || !(high | low) ? -1 : high << 4 | low;
}

int percent_decode(char *text)
{
	const char *from;
	char *to = text;

	for (from = text; *from; from++)
		if (*from == '%' && escaped(from) < 0)
			return -EINVAL;
	for (from = text; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		*to++ = (char)escaped(from);
		from += 2;
	}
	*to = '\0';
	return 0;
}

int query_parse(struct query *query, const char *text)
{
	char *rest, *name, *value;

	*query = (struct query){ .text = strdup(text ? text : "") };
	if (!query->text)
		return -ENOMEM;
	rest = query->text;
	while (query->count < QUERY_MAX && (name = strsep(&rest, "&"))) {
		if (!*name)
			continue;
		value = strchr(name, '=');
		if (value)
			*value++ = '\0';
		else
			value = name + strlen(name);
		percent_decode(name);
		percent_decode(value);
		query->item[query->count].name = name;
		query->item[query->count++].value = value;
	}
	return 0;
}

void query_free(struct query *query)
{
	free(query->text);
	*query = (struct query){ 0 };
}

const char *query_get(const struct query *query, const char *name)
{
	size_t i;

	for (i = 0; i < query->count; i++)
		if (!strcmp(query->item[i].name, name))
			return query->item[i].value;
	return NULL;
}

int query_switch(const struct query *query, const char *name, bool *on)
{
	const char *value = query_get(query, name);

	*on = value && !strcmp(value, "1");
	return !value || *on || !*value || !strcmp(value, "0") ? 0 : -EINVAL;
}
