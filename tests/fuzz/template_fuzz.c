// SPDX-License-Identifier: MIT
/*
 * Templates: the input is a template, a NUL, and what user-meta:v holds. What is
 * taken must give the author's text back untouched, and of a value only what
 * may stand on one line.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct template_value {
	const uint8_t *data;
	size_t len;
};

static int template_lookup(void *arg, enum pvk_ns ns, const char *key,
			   const struct pvk_caller *caller, struct pvk_buf *out)
{
	const struct template_value *value = arg;

	(void)caller;
	if (!pvk_meta_key_ok(key) || ns >= PVK_NS_COUNT)
		__builtin_trap();
	if (!strcmp(key, "x"))
		return -EACCES;
	if (strcmp(key, "v") || !value->data)
		return -ENOENT;
	return pvk_buf_add(out, value->data, value->len);
}

static void check_pieces(const struct pvk_template *tmpl, const char *text)
{
	size_t i, j, len = 0;

	for (i = 0; i < tmpl->count; i++) {
		const struct pvk_piece *p = &tmpl->piece[i];

		len += p->len;
		if (p->origin == PVK_FROM_LINE && !strstr(text, p->text))
			__builtin_trap();
		for (j = 0; p->origin == PVK_FROM_VALUE && j < p->len; j++)
			if (pvk_iscntrl((unsigned char)p->text[j]))
				__builtin_trap();
	}
	if (len > PVK_TEMPLATE_OUT_MAX)
		__builtin_trap();
}

static void expand(struct pvk_template *tmpl, const char *text, struct template_value *value)
{
	const struct pvk_caller caller = { .host = true };
	pvk_auto_buf struct pvk_buf whole = PVK_BUF_INIT(PVK_TEMPLATE_OUT_MAX);
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_err err = { "" };
	int ret;

	ret = pvk_template_expand(tmpl, template_lookup, value, &caller, &warnings, &err);
	if (ret) {
		if (!err.text[0] || (ret != -E2BIG && ret != -ENOSPC))
			__builtin_trap();
		return;
	}
	check_pieces(tmpl, text);
	if (pvk_template_join(tmpl, &whole))
		__builtin_trap();
	/* What holds no reference is what it was. */
	if (!strstr(text, "${") && strcmp(pvk_buf_str(&whole), text))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	struct template_value value = { NULL, 0 };
	pvk_auto_free char *text = malloc(size + 1);
	struct pvk_err err = { "" };

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (strlen(text) < size) {
		value.data = data + strlen(text) + 1;
		value.len = size - strlen(text) - 1;
	}
	if (pvk_template_parse(text, &tmpl, &err)) {
		if (!err.text[0])
			__builtin_trap();
		return 0;
	}
	expand(&tmpl, text, &value);
	return 0;
}
