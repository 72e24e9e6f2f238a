// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "json.h"
#include "modparam.h"

struct pvk_modparam {
	struct json_doc *doc;
};

/* One name or string that a module line can carry between quotes. */
static bool fits(const char *text)
{
	size_t i;

	if (!text)
		return false;
	for (i = 0; text[i]; i++)
		if (pvk_iscntrl((unsigned char)text[i]) || text[i] == '"')
			return false;
	return true;
}

static bool scalar_fits(const struct json *v)
{
	switch (json_typeof(v)) {
	case JSON_NUMBER:
	case JSON_BOOL:
		return true;
	case JSON_STRING:
		return fits(json_cstr(v));
	default:
		return false;
	}
}

static bool value_fits(const struct json *v)
{
	const struct json *item;

	if (json_typeof(v) != JSON_ARRAY)
		return scalar_fits(v);
	/* The kernel has no array of length 0. */
	if (!json_count(v))
		return false;
	json_for_each(item, v)
		if (!scalar_fits(item))
			return false;
	return true;
}

static bool name_fits(const char *name)
{
	return fits(name) && name[0] && !strpbrk(name, " =");
}

static const char *scalar_text(const struct json *v)
{
	bool yes = false;

	if (json_typeof(v) == JSON_NUMBER)
		return json_number(v);
	if (json_typeof(v) == JSON_STRING)
		return json_cstr(v);
	json_bool(v, &yes);
	return yes ? "1" : "0";
}

static void add_value(struct pvk_buf *buf, const struct json *v)
{
	const struct json *item;

	if (json_typeof(v) != JSON_ARRAY) {
		pvk_buf_puts(buf, scalar_text(v));
		return;
	}
	json_for_each(item, v) {
		if (item != json_first(v))
			pvk_buf_putc(buf, ',');
		pvk_buf_puts(buf, scalar_text(item));
	}
}

int pvk_modparam_get(const struct pvk_modparam *modparam, const char *section,
		     struct pvk_buf *buf)
{
	const struct json *object = json_get(json_root(modparam->doc), section);
	const struct json *key, *value;
	const char *name, *space = "";

	if (!object)
		return -ENOENT;
	json_for_each_member(key, value, object) {
		name = json_cstr(key);
		if (!name_fits(name) || !value_fits(value))
			continue;
		pvk_buf_printf(buf, "%s%s=\"", space, name);
		add_value(buf, value);
		pvk_buf_putc(buf, '"');
		space = " ";
	}
	return buf->err;
}

static int check_sections(const struct json *root, struct pvk_list *warnings, struct pvk_err *err)
{
	const struct json *section, *object, *key, *value;

	if (json_typeof(root) != JSON_OBJECT)
		return pvk_err_set(err, -EBADMSG, "1:1: expected an object");
	json_for_each_member(section, object, root) {
		if (json_typeof(object) != JSON_OBJECT)
			return pvk_err_set(err, -EBADMSG, "%u:%u: section \"%s\" is no object",
					   json_line(object), json_column(object),
					   json_string(section, NULL));
		json_for_each_member(key, value, object)
			if (!name_fits(json_cstr(key)) || !value_fits(value))
				pvk_list_warn(warnings, "%u:%u: \"%s\" of \"%s\" is left out",
					      json_line(value), json_column(value),
					      json_string(key, NULL), json_string(section, NULL));
	}
	return 0;
}

int pvk_modparam_parse(const char *text, size_t len, struct pvk_modparam **out,
		       struct pvk_list *warnings, struct pvk_err *err)
{
	const struct json_limits limits = { .flags = JSON_VENDOR, .warnings = warnings };
	struct pvk_modparam *modparam = calloc(1, sizeof(*modparam));
	struct json_error error;
	int ret;

	if (!modparam)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = json_parse(text, len, &limits, &modparam->doc, &error);
	if (ret)
		pvk_err_set(err, ret, "%s", error.text);
	else
		ret = check_sections(json_root(modparam->doc), warnings, err);
	if (ret) {
		pvk_modparam_free(modparam);
		return ret;
	}
	*out = modparam;
	return 0;
}

void pvk_modparam_free(struct pvk_modparam *modparam)
{
	if (!modparam)
		return;
	json_free(modparam->doc);
	free(modparam);
}
