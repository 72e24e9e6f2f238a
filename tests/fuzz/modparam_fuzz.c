// SPDX-License-Identifier: MIT
/*
 * A vendor's modparam.json: what comes out of each of its sections is words that
 * a module line can carry, every one a NAME="VALUE".
 */
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "modparam.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const char *text, size_t len)
{
	const char *end = text + len, *at = text;

	if (strlen(text) != len)
		__builtin_trap();
	while (at < end) {
		const char *open = strstr(at, "=\""), *close;

		if (!open || open == at || strcspn(at, " ") < (size_t)(open - at))
			__builtin_trap();
		close = strchr(open + 2, '"');
		if (!close || (close[1] && close[1] != ' '))
			__builtin_trap();
		at = close[1] ? close + 2 : close + 1;
	}
	for (at = text; at < end; at++)
		if (pvk_iscntrl((unsigned char)*at))
			__builtin_trap();
}

static void check_section(const struct pvk_modparam *modparam, const char *section)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(64 * 1024);

	if (section && !pvk_modparam_get(modparam, section, &buf))
		check_words(pvk_buf_str(&buf), buf.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_limits limits = { .flags = JSON_VENDOR };
	pvk_auto_list struct pvk_list warnings = { 0 };
	json_auto struct json_doc *doc = NULL;
	struct pvk_modparam *modparam = NULL;
	const struct json *key, *value;
	struct pvk_err err = { "" };

	if (pvk_modparam_parse((const char *)data, size, &modparam, &warnings, &err)) {
		if (!err.text[0] || modparam)
			__builtin_trap();
		return 0;
	}
	if (json_parse((const char *)data, size, &limits, &doc, NULL))
		__builtin_trap();
	json_for_each_member(key, value, json_root(doc))
		check_section(modparam, json_cstr(key));
	check_section(modparam, "nosuch");
	pvk_modparam_free(modparam);
	return 0;
}
