/* SPDX-License-Identifier: MIT */
/*
 * How the kernel reads a module's parameter string, written down once more and
 * apart from the library, so that tests and the fuzzer can ask: does the
 * kernel find just the parameters that we meant?
 *
 *	- spaces separate; isspace() there is Latin-1's, so byte 0xa0 is one
 *	- '"' switches quoting on and off, wherever it stands
 *	- the first '=' that is not the first byte ends the name
 *	- one quote in front of the word or of the value goes, and one at the end
 *	- a word "--" ends the list
 */
#ifndef PVKIT_TESTS_KERNEL_ARGS_H
#define PVKIT_TESTS_KERNEL_ARGS_H

#include <stdbool.h>
#include <string.h>

static inline bool kernel_isspace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\xa0';
}

/*
 * Takes one parameter off args, which it cuts up; returns what is left, NULL
 * at the end.
 */
static inline char *kernel_next_arg(char *args, char **name, char **value)
{
	bool in_quote = false, quoted;
	char *p, *equals = NULL;

	while (kernel_isspace(*args))
		args++;
	if (!*args)
		return NULL;
	quoted = *args == '"';
	if (quoted) {
		args++;
		in_quote = true;
	}
	for (p = args; *p && (in_quote || !kernel_isspace(*p)); p++) {
		if (*p == '=' && !equals && p > args)
			equals = p;
		if (*p == '"')
			in_quote = !in_quote;
	}

	*name = args;
	*value = NULL;
	args = *p ? p + 1 : p;
	*p = '\0';
	if (equals) {
		*equals = '\0';
		*value = equals + 1;
		if (**value == '"') {
			(*value)++;
			quoted = true;
		}
	}
	if (quoted && p > *name && p[-1] == '"')
		p[-1] = '\0';
	if (!*value && !strcmp(*name, "--"))
		return NULL;
	return args;
}

#endif
