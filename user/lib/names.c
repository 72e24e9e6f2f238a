// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

static const char *const want_names[] = {
	[PVK_REQUIRED] = "required",
	[PVK_OPTIONAL] = "optional",
	[PVK_MANUAL] = "manual",
};

static const char *const arg_names[] = {
	[PVK_REQUIRED] = "PV_DRIVERS_REQUIRED",
	[PVK_OPTIONAL] = "PV_DRIVERS_OPTIONAL",
	[PVK_MANUAL] = "PV_DRIVERS_MANUAL",
};

static const char *const annotation_names[] = {
	[PVK_REQUIRED] = "org.pvkit.drivers.required",
	[PVK_OPTIONAL] = "org.pvkit.drivers.optional",
	[PVK_MANUAL] = "org.pvkit.drivers.manual",
};

/* What all readers below write to, and what they say of it. */
struct naming {
	struct pvk_names *names;
	struct pvk_list *warnings;
	struct pvk_err *err;
	const struct json *at;	/* for messages */
};

void pvk_names_free(struct pvk_names *names)
{
	free(names->named);
	*names = (struct pvk_names){ 0 };
}

static struct pvk_named *find_named(struct pvk_names *names, const char *alias)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		if (!strcmp(names->named[i].alias, alias))
			return &names->named[i];
	return NULL;
}

static int add_name(struct naming *to, const char *alias, enum pvk_want want)
{
	struct pvk_names *names = to->names;
	struct pvk_named *named;

	if (!alias || !pvk_alias_ok(alias))
		return pvk_err_set(to->err, -EINVAL, "%u:%u: \"%.80s\" can't be a driver's name",
				   json_line(to->at), json_column(to->at), alias ? alias : "");
	named = find_named(names, alias);
	if (named) {
		pvk_list_warn(to->warnings, "%u:%u: \"%s\" is named twice",
			      json_line(to->at), json_column(to->at), alias);
		if (want < named->want)
			named->want = want;
		return 0;
	}
	if (names->count == PVK_BSP_NAMES_MAX)
		return pvk_err_set(to->err, -EINVAL, "%u:%u: more than %d drivers are named",
				   json_line(to->at), json_column(to->at), PVK_BSP_NAMES_MAX);
	if (!names->named)
		names->named = calloc(PVK_BSP_NAMES_MAX, sizeof(*names->named));
	if (!names->named)
		return pvk_err_set(to->err, -ENOMEM, "out of memory");
	named = &names->named[names->count++];
	strcpy(named->alias, alias);
	named->want = want;
	return 0;
}

static int add_array(struct naming *to, const struct json *array, enum pvk_want want)
{
	const struct json *item;
	int ret;

	json_for_each(item, array) {
		to->at = item;
		if (!json_cstr(item))
			return pvk_err_set(to->err, -EINVAL, "%u:%u: a driver's name is %s",
					   json_line(item), json_column(item), json_not_text(item));
		ret = add_name(to, json_cstr(item), want);
		if (ret)
			return ret;
	}
	return 0;
}

/* Names between commas or spaces; nothing between two commas is fine. */
static int add_list(struct naming *to, const struct json *string, enum pvk_want want)
{
	pvk_auto_free char *copy = NULL;
	char *save = NULL, *name;
	int ret;

	to->at = string;
	if (!json_cstr(string))
		return pvk_err_set(to->err, -EINVAL, "%u:%u: a list of names is %s",
				   json_line(string), json_column(string), json_not_text(string));
	copy = strdup(json_cstr(string));
	if (!copy)
		return pvk_err_set(to->err, -ENOMEM, "out of memory");
	for (name = strtok_r(copy, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
		ret = add_name(to, name, want);
		if (ret)
			return ret;
	}
	return 0;
}

/* Which of names the key is, or -1. */
static int find_want(const struct json *key, const char *const names[3])
{
	const char *text = json_cstr(key);
	int i;

	for (i = PVK_REQUIRED; i <= PVK_MANUAL; i++)
		if (text && !strcmp(text, names[i]))
			return i;
	return -1;
}

static int expect(const struct json *v, enum json_type type, const char *what, struct pvk_err *err)
{
	if (json_typeof(v) == type)
		return 0;
	return pvk_err_set(err, -EINVAL, "%u:%u: \"%s\" is %s, expected %s", json_line(v),
			   json_column(v), what, json_typename(json_typeof(v)),
			   json_typename(type));
}

static int read_drivers(struct naming *to, const struct json *drivers)
{
	const struct json *key, *list;
	int want, ret;

	if (!drivers)
		return 0;
	ret = expect(drivers, JSON_OBJECT, "drivers", to->err);
	if (ret)
		return ret;
	json_for_each_member(key, list, drivers) {
		want = find_want(key, want_names);
		if (want < 0) {
			pvk_list_warn(to->warnings, "%u:%u: unknown key \"%.80s\" in \"drivers\"",
				      json_line(key), json_column(key), json_string(key, NULL));
			continue;
		}
		ret = expect(list, JSON_ARRAY, want_names[want], to->err);
		if (!ret)
			ret = add_array(to, list, (enum pvk_want)want);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_roles(struct naming *to, const struct json *roles)
{
	const struct json *item;
	int ret;

	to->names->mgmt = !roles;
	if (!roles)
		return 0;
	ret = expect(roles, JSON_ARRAY, "roles", to->err);
	if (ret)
		return ret;
	json_for_each(item, roles) {
		const char *role = json_cstr(item);

		ret = expect(item, JSON_STRING, "roles", to->err);
		if (ret)
			return ret;
		if (role && !strcmp(role, "mgmt"))
			to->names->mgmt = true;
	}
	return 0;
}

static int read_args(struct naming *to, const struct json *args)
{
	const struct json *key, *list;
	int want, ret;

	if (!args)
		return 0;
	ret = expect(args, JSON_OBJECT, "args", to->err);
	if (ret)
		return ret;
	json_for_each_member(key, list, args) {
		want = find_want(key, arg_names);
		if (want < 0)
			continue;
		if (json_typeof(list) == JSON_STRING) {
			ret = add_list(to, list, (enum pvk_want)want);
		} else {
			ret = expect(list, JSON_ARRAY, arg_names[want], to->err);
			if (!ret)
				ret = add_array(to, list, (enum pvk_want)want);
		}
		if (ret)
			return ret;
	}
	return 0;
}

typedef int (*read_fn)(struct naming *to, const struct json *root);

static int read_run_json(struct naming *to, const struct json *root)
{
	int ret = read_roles(to, json_get(root, "roles"));

	return ret ? ret : read_drivers(to, json_get(root, "drivers"));
}

static int read_src_json(struct naming *to, const struct json *root)
{
	to->names->mgmt = true;
	return read_args(to, json_get(root, "args"));
}

static int read_names(const char *text, size_t len, read_fn fn, struct naming *to)
{
	const struct json_limits limits = { .max_bytes = PVK_BSP_BYTES_MAX };
	json_auto struct json_doc *doc = NULL;
	int ret;

	*to->names = (struct pvk_names){ 0 };
	ret = json_parse_object(text, len, &limits, &doc, to->err);
	if (!ret)
		ret = fn(to, json_root(doc));
	if (ret)
		pvk_names_free(to->names);
	return ret;
}

int pvk_names_from_run_json(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err)
{
	struct naming to = { .names = names, .warnings = warnings, .err = err };

	return read_names(text, len, read_run_json, &to);
}

int pvk_names_from_src_json(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err)
{
	struct naming to = { .names = names, .warnings = warnings, .err = err };

	return read_names(text, len, read_src_json, &to);
}

static int read_annotations(struct naming *to, const struct json *object)
{
	const struct json *key, *list;
	int want, ret;

	json_for_each_member(key, list, object) {
		want = find_want(key, annotation_names);
		ret = want < 0 ? 0 : add_list(to, list, (enum pvk_want)want);
		if (ret)
			return ret;
	}
	return 0;
}

int pvk_names_from_annotations(const struct json *object, struct pvk_names *names,
			       struct pvk_list *warnings, struct pvk_err *err)
{
	struct naming to = { .names = names, .warnings = warnings, .err = err };
	int ret;

	*names = (struct pvk_names){ 0 };
	if (!object)
		return 0;
	ret = expect(object, JSON_OBJECT, "annotations", err);
	if (!ret)
		ret = read_annotations(&to, object);
	if (ret)
		pvk_names_free(names);
	return ret;
}

const char *pvk_oci_name(const struct json *annotations, const char *id,
			 char cut[static PVK_NAME_MAX + 1])
{
	const struct json *given = json_get(annotations, "org.pvkit.name");
	const char *name = given ? json_cstr(given) : cut;

	if (!given)
		snprintf(cut, PVK_NAME_MAX + 1, "%s", id);
	return name && pvk_name_ok(name) ? name : NULL;
}
