// SPDX-License-Identifier: MIT
/*
 * Module lines with a hostile value: the input is a line, a NUL, and what
 * user-meta:v holds. Whatever comes out must name the module that the line
 * names with any other value too, hold known parameters only, and be read by
 * the kernel just as we meant it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../unit/kernel_args.h"
#include "modline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const modline_params[] = { "power_save", "swcrypto", "a", "b", NULL };

struct modline_value {
	const uint8_t *data;
	size_t len;
};

static int modline_lookup(void *arg, enum pvk_ns ns, const char *key,
			  const struct pvk_caller *caller, struct pvk_buf *out)
{
	const struct modline_value *value = arg;

	(void)ns;
	(void)caller;
	if (!strcmp(key, "x"))
		return -EACCES;
	if (strcmp(key, "v") || !value->data)
		return -ENOENT;
	return pvk_buf_add(out, value->data, value->len);
}

static void check_line(const struct pvk_modline *line)
{
	pvk_auto_free char *copy = strdup(line->args);
	char *rest = copy, *name, *value;
	size_t i;

	if (strlen(line->name) + 1 + strlen(line->args) > PVK_MODLINE_MAX)
		__builtin_trap();
	for (i = 0; i < line->count; i++) {
		const struct pvk_param *p = &line->param[i];

		if (p->origin == PVK_FROM_VALUE &&
		    !pvk_known_in_array((void *)modline_params, line->name, p->name))
			__builtin_trap();
		rest = kernel_next_arg(rest, &name, &value);
		if (!rest || strcmp(name, p->name) || !value != !p->value ||
		    (value && strcmp(value, p->value)))
			__builtin_trap();
	}
	if (kernel_next_arg(rest, &name, &value))
		__builtin_trap();
}

/* Parameters that are not of a value: no value may change their number. */
static size_t count_own(const struct pvk_modline *line)
{
	size_t i, count = 0;

	for (i = 0; i < line->count; i++)
		count += line->param[i].origin != PVK_FROM_VALUE;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pvk_policy policy = {
		.known = pvk_known_in_array,
		.arg = (void *)modline_params,
		.unknown_in_line = PVK_UNKNOWN_KEEP,
	};
	const struct pvk_caller caller = { .host = true };
	pvk_auto_modline struct pvk_modline line = { 0 }, bare = { 0 };
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct modline_value none = { NULL, 0 }, value = { NULL, 0 };
	pvk_auto_free char *text = NULL;
	struct pvk_err err = { "" };
	int ret, ret_bare;

	text = malloc(size + 1);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (strlen(text) < size) {
		value.data = data + strlen(text) + 1;
		value.len = size - strlen(text) - 1;
	}

	ret = pvk_modline_resolve(text, modline_lookup, &value, &caller, &policy, &line, &warnings,
				  &err);
	ret_bare = pvk_modline_resolve(text, modline_lookup, &none, &caller, &policy, &bare, NULL,
				       NULL);
	if (ret) {
		/* A value can make a line too long, or replace a bad default; no more. */
		if (!err.text[0] || (!ret_bare && ret != -E2BIG && ret != -ENOSPC))
			__builtin_trap();
		return 0;
	}
	check_line(&line);
	if (!ret_bare && (strcmp(line.name, bare.name) ||
			  (!strstr(text, ":-") && count_own(&line) != count_own(&bare))))
		__builtin_trap();
	return 0;
}
