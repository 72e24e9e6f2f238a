// SPDX-License-Identifier: MIT
/*
 * json_parse(): no input may crash it, and what it takes must be readable to
 * the last node and, written out again, be taken again with as many values.
 * First byte: bit 0 asks for JSON_VENDOR.
 */
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "json_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t copy_value(struct json_out *out, const struct json *v)
{
	const struct json *item, *key, *value;
	size_t count = 1, len;
	const char *text;
	bool b = false;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		json_out_object(out);
		json_for_each_member(key, value, v) {
			text = json_string(key, &len);
			json_out_keyn(out, text, len);
			count += copy_value(out, value);
		}
		json_out_end(out);
		break;
	case JSON_ARRAY:
		json_out_array(out);
		json_for_each(item, v)
			count += copy_value(out, item);
		json_out_end(out);
		break;
	case JSON_STRING:
		text = json_string(v, &len);
		json_out_strn(out, text, len);
		break;
	case JSON_NUMBER:
		json_out_str(out, json_number(v));
		break;
	case JSON_BOOL:
		json_bool(v, &b);
		json_out_bool(out, b);
		break;
	case JSON_NULL:
		json_out_null(out);
		break;
	default:
		__builtin_trap();
	}
	return count;
}

static size_t count_values(const struct json *v)
{
	const struct json *item, *key, *value;
	size_t count = 1;

	if (json_typeof(v) == JSON_OBJECT) {
		json_for_each_member(key, value, v) {
			if (json_cstr(key) && json_get(v, json_cstr(key)) != value)
				__builtin_trap();
			count += count_values(value);
		}
	} else {
		json_for_each(item, v)
			count += count_values(item);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The writer's depth, so that all that is taken can be written. */
	struct json_limits limits = { .max_depth = JSON_OUT_DEPTH };
	json_auto struct json_doc *doc = NULL, *again = NULL;
	json_auto_out struct json_out out = JSON_OUT_INIT(16 * 1024 * 1024);
	pvk_auto_free char *text = NULL;
	struct json_error error;
	size_t count, len = 0;

	if (!size)
		return 0;
	limits.flags = data[0] & 1 ? JSON_VENDOR : 0;
	error.text[0] = '\0';
	if (json_parse((const char *)data + 1, size - 1, &limits, &doc, &error)) {
		if (!error.text[0])
			__builtin_trap();
		return 0;
	}

	count = copy_value(&out, json_root(doc));
	if (json_out_take(&out, &text, &len))
		__builtin_trap();
	limits = (struct json_limits){ .max_bytes = len };
	if (json_parse(text, len, &limits, &again, NULL))
		__builtin_trap();
	if (count_values(json_root(again)) != count || count_values(json_root(doc)) != count)
		__builtin_trap();
	return 0;
}
