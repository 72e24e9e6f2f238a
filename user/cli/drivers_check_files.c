// SPDX-License-Identifier: MIT
/*
 * What the files say by themselves. libpvkit's parsers stop at the first fault,
 * as a device must; whoever mends a file wants them all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers_check.h"

#define MODPARAM_BYTES_MAX	JSON_MAX_BYTES

/* --- drivers.json ---------------------------------------------------------- */

static struct check_case *file_case(struct check *check)
{
	return check_case(check, check->file, NULL, NULL, 0);
}

static void file_fault(struct check *check, const struct json *at, const char *id,
		       const char *text)
{
	check_add(check, file_case(check), CHECK_ERROR, id, NULL, json_line(at),
		  json_column(at), "%s", text);
}

static void check_spec(struct check *check, const struct json *root)
{
	const struct json *spec = json_get(root, "#spec");
	const char *text = json_cstr(spec);

	if (!spec)
		file_fault(check, root, "spec", "no \"#spec\", expected \"driver-aliases@1\"");
	else if (!text || strcmp(text, "driver-aliases@1") != 0)
		file_fault(check, spec, "spec", "unknown \"#spec\", expected \"driver-aliases@1\"");
}

/* Whether the alias can be held against the tree, whatever its lines are. */
static bool check_alias_form(struct check *check, const struct check_alias *alias)
{
	const struct json *lines = alias->lines;
	struct pvk_err err;

	if (!alias->name || !pvk_alias_ok(alias->name)) {
		pvk_err_set(&err, 0, "\"%.80s\" can't be an alias", json_string(alias->key, NULL));
		file_fault(check, alias->key, "alias-name", err.text);
		return false;
	}
	if (json_typeof(lines) == JSON_ARRAY && json_count(lines) <= PVK_BSP_LINES_MAX)
		return true;
	if (json_typeof(lines) == JSON_ARRAY)
		pvk_err_set(&err, 0, "has more than %d modules", PVK_BSP_LINES_MAX);
	else
		pvk_err_set(&err, 0, "is %s, expected an array",
			    json_typename(json_typeof(lines)));
	check_add(check, alias->in, CHECK_ERROR, "alias-type", NULL, json_line(lines),
		  json_column(lines), "%s", err.text);
	return false;
}

static void check_lines_form(struct check *check, const struct check_alias *alias)
{
	const struct json *item;
	struct pvk_err err;

	json_for_each(item, alias->lines) {
		const char *line = json_cstr(item);

		if (!line)
			pvk_err_set(&err, 0, "a module line is %s", json_not_text(item));
		else if (!pvk_modline_check(line, NULL, &err))
			continue;
		check_add(check, alias->in, CHECK_ERROR, "module-line", NULL, json_line(item),
			  json_column(item), "%s", err.text);
	}
}

/* The most specific section has the alias as a whole, in the place of the first. */
static void keep_alias(struct check *check, const struct check_alias *alias)
{
	struct check_alias *other;
	size_t i;

	for (i = 0; i < check->n_aliases && !check->all_sections; i++) {
		other = &check->alias[i];
		if (strcmp(other->name, alias->name) != 0)
			continue;
		if (alias->rank > other->rank)
			*other = *alias;
		return;
	}
	if (pvk_grow((void **)&check->alias, check->n_aliases, sizeof(*alias), CHECK_CASES_MAX))
		check->failed = true;
	else
		check->alias[check->n_aliases++] = *alias;
}

static void check_section(struct check *check, const struct json *key,
			  const struct json *section, int rank)
{
	struct check_alias alias = { .rank = rank };
	struct pvk_err err;

	if (json_typeof(section) != JSON_OBJECT || json_count(section) > PVK_BSP_ALIASES_MAX) {
		pvk_err_set(&err, 0, json_typeof(section) == JSON_OBJECT ?
			    "section \"%s\" has too many aliases" :
			    "section \"%s\" is no object", json_cstr(key));
		file_fault(check, section, "section", err.text);
		return;
	}
	json_for_each_member(alias.key, alias.lines, section) {
		alias.name = json_cstr(alias.key);
		alias.in = alias.name && pvk_alias_ok(alias.name) ?
			   check_case(check, check->file, alias.name, json_cstr(key),
				      json_line(alias.key)) : NULL;
		if (!check_alias_form(check, &alias))
			continue;
		check_lines_form(check, &alias);
		if (rank >= PVK_SECTION_ALL)
			keep_alias(check, &alias);
	}
}

static int rank_of(const struct check *check, const char *section)
{
	int rank = pvk_section_rank(section, &check->selection);

	return check->all_sections && rank == PVK_SECTION_OTHER ? PVK_SECTION_ALL : rank;
}

static void check_sections(struct check *check, const struct json *root)
{
	const struct json *key, *section;
	const char *name;
	int rank;

	json_for_each_member(key, section, root) {
		name = json_string(key, NULL);
		if (name[0] == '#')
			continue;
		rank = rank_of(check, json_cstr(key));
		if (rank == PVK_SECTION_UNKNOWN) {
			check_add(check, file_case(check), CHECK_WARNING, "unknown-section", NULL,
				  json_line(key), json_column(key),
				  "unknown section \"%.80s\" is ignored", name);
			continue;
		}
		if (rank == PVK_SECTION_OTHER && json_count(section))
			check_add(check, file_case(check), CHECK_NOTE, "other-board", NULL,
				  json_line(key), json_column(key),
				  "section \"%.80s\" is of another board: only its form was checked",
				  name);
		check_section(check, key, section, rank);
	}
}

/* What the device says must not differ from what was said here. */
static void ask_the_device(struct check *check, const char *text, size_t len)
{
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	struct pvk_err err;

	if (check->totals[CHECK_ERROR])
		return;
	if (pvk_bsp_parse(text, len, &check->selection, &bsp, NULL, &err))
		check_add_placed(check, file_case(check), CHECK_ERROR, "refused", err.text);
}

void check_drivers_json(struct check *check)
{
	const struct json_limits limits = { .max_bytes = PVK_BSP_BYTES_MAX };
	pvk_auto_free char *text = NULL;
	struct check_case *in = file_case(check);
	struct pvk_err err;
	size_t len;
	int ret;

	ret = pvk_read_file(AT_FDCWD, check->file, PVK_BSP_BYTES_MAX, &text, &len);
	if (ret) {
		check_add(check, in, CHECK_ERROR, "file", NULL, 0, 0, "%s", strerror(-ret));
		return;
	}
	if (json_parse_object(text, len, &limits, &check->doc, &err)) {
		check_add_placed(check, in, CHECK_ERROR, "syntax", err.text);
		return;
	}
	check_spec(check, json_root(check->doc));
	check_sections(check, json_root(check->doc));
	ask_the_device(check, text, len);
}

/* --- what containers name -------------------------------------------------- */

static const struct json *find_text(const struct json *list, const char *text)
{
	const struct json *item;

	if (json_typeof(list) == JSON_STRING)
		return list;
	json_for_each(item, list)
		if (json_cstr(item) && !strcmp(json_cstr(item), text))
			return item;
	return NULL;
}

/* Where the file names the alias; a container names few. */
static const struct json *find_named(const struct json_doc *doc, const char *alias)
{
	static const char *const objects[] = { "drivers", "args" };
	const struct json *key, *list, *at;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(objects); i++)
		json_for_each_member(key, list, json_get(json_root(doc), objects[i])) {
			if (i && strncmp(json_string(key, NULL), "PV_DRIVERS_", 11) != 0)
				continue;
			at = find_text(list, alias);
			if (at)
				return at;
		}
	return NULL;
}

static void check_named(struct check *check, const struct check_container *container,
			const struct pvk_named *named)
{
	const struct json *at = find_named(container->doc, named->alias);
	struct check_case *in = check_case(check, container->file, named->alias, NULL,
					   json_line(at));
	bool found = false;
	size_t i;

	for (i = 0; i < check->n_aliases; i++)
		if (!strcmp(check->alias[i].name, named->alias)) {
			check->alias[i].named = true;
			found = true;
		}
	if (in)
		in->examined = true;
	if (!found)
		check_add(check, in,
			  named->want == PVK_REQUIRED ? CHECK_ERROR : CHECK_WARNING,
			  "missing-alias", NULL, json_line(at), json_column(at),
			  "%s by container %s, and drivers.json has no such alias",
			  pvk_type_name(named->want), container->name);
}

static int parse_container(struct check *check, struct check_container *container,
			   const char *text, size_t len, bool is_run)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct check_case *in = check_case(check, container->file, NULL, NULL, 0);
	struct pvk_err err;
	size_t i;
	int ret;

	ret = (is_run ? pvk_names_from_run_json : pvk_names_from_src_json)
	      (text, len, &container->names, &warnings, &err);
	for (i = 0; i < warnings.count; i++)
		check_add_placed(check, in, CHECK_WARNING, "container", warnings.item[i]);
	if (ret)
		check_add_placed(check, in, CHECK_ERROR, "container", err.text);
	else
		ret = json_parse(text, len, NULL, &container->doc, NULL);
	return ret;
}

/* -ENOENT if there is no such file. */
static int read_container(struct check *check, const char *dir, const char *name, bool is_run)
{
	pvk_auto_free char *text = NULL, *path = NULL;
	struct check_container *container;
	size_t len, i;
	int ret;

	if (asprintf(&path, "%s/%s/%s.json", dir, name, is_run ? "run" : "src") < 0)
		return -ENOMEM;
	ret = pvk_read_file(AT_FDCWD, path, PVK_BSP_BYTES_MAX, &text, &len);
	if (ret == -ENOENT || ret == -ENOTDIR)
		return ret;
	if (pvk_grow((void **)&check->container, check->n_containers, sizeof(*container),
		     CHECK_CONTAINERS_MAX))
		return -ENOMEM;
	container = &check->container[check->n_containers++];
	*container = (struct check_container){ .name = strdup(name), .file = pvk_steal(path) };
	if (!container->name)
		return -ENOMEM;
	if (ret) {
		check_add(check, check_case(check, container->file, NULL, NULL, 0), CHECK_ERROR,
			  "file", NULL, 0, 0, "%s", strerror(-ret));
		return 0;
	}
	if (parse_container(check, container, text, len, is_run))
		return 0;
	for (i = 0; i < container->names.count; i++)
		check_named(check, container, &container->names.named[i]);
	return 0;
}

static void note_unused(struct check *check)
{
	const struct check_alias *alias;

	for (alias = check->alias; alias < check->alias + check->n_aliases; alias++)
		if (!alias->named)
			check_add(check, alias->in, CHECK_NOTE, "unused-alias", NULL,
				  json_line(alias->key), json_column(alias->key),
				  "no container names it");
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void check_containers(struct check *check)
{
	pvk_auto_free char *dir = NULL;
	struct dirent **entry = NULL;
	int n = -1, i, ret;

	if (check->root && asprintf(&dir, "%s/containers", check->root) >= 0)
		n = scandir(dir, &entry, is_visible, alphasort);
	for (i = 0; i < n; i++) {
		/* run.json is what runs; src.json is what it is made from. */
		ret = read_container(check, dir, entry[i]->d_name, true);
		if (ret == -ENOENT || ret == -ENOTDIR)
			ret = read_container(check, dir, entry[i]->d_name, false);
		check->failed |= ret == -ENOMEM;
		free(entry[i]);
	}
	free(entry);
	if (check->n_containers)
		note_unused(check);
}

/* --- metadata -------------------------------------------------------------- */

static int open_meta_file(struct check_meta *meta, const char *path, struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	struct pvk_err why;
	size_t len;
	int ret;

	ret = pvk_read_file(AT_FDCWD, path, JSON_MAX_BYTES, &text, &len);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	ret = json_parse_object(text, len, NULL, &meta->doc, &why);
	return ret ? pvk_err_set(err, ret, "%s:%s", path, why.text) : 0;
}

static int open_meta(struct check *check, enum pvk_ns ns, struct pvk_err *err)
{
	struct check_meta *meta = &check->meta[ns];
	pvk_auto_free char *below = NULL;
	const char *path = check->meta_path[ns];
	struct stat st;
	int ret;

	if (!path && check->root &&
	    asprintf(&below, "%s/%s", check->root, pvk_ns_name(ns)) >= 0 && !access(below, F_OK))
		path = below;
	if (!path)
		return 0;
	if (stat(path, &st))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	meta->given = true;
	if (!S_ISDIR(st.st_mode))
		return open_meta_file(meta, path, err);
	ret = pvk_meta_open(&meta->store, AT_FDCWD, path, PVK_META_READONLY);
	return ret ? pvk_err_set(err, ret, "%s: %s", path, strerror(-ret)) : 0;
}

static int open_modparam(struct check *check, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_free char *text = NULL, *below = NULL;
	const char *path = check->meta_path[PVK_NS_MODPARAM];
	struct check_case *in;
	struct pvk_err why;
	size_t len, i;
	int ret;

	if (!path && check->root && asprintf(&below, "%s/bsp/modparam.json", check->root) >= 0 &&
	    !access(below, F_OK))
		path = below;
	if (!path)
		return 0;
	ret = pvk_read_file(AT_FDCWD, path, MODPARAM_BYTES_MAX, &text, &len);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	check->meta[PVK_NS_MODPARAM].given = true;
	in = check_case(check, path, NULL, NULL, 0);
	ret = pvk_modparam_parse(text, len, &check->modparam, &warnings, &why);
	for (i = 0; i < warnings.count; i++)
		check_add_placed(check, in, CHECK_WARNING, "modparam", warnings.item[i]);
	if (ret)
		check_add_placed(check, in, CHECK_ERROR, "modparam", why.text);
	return 0;
}

int check_open_meta(struct check *check, struct pvk_err *err)
{
	int ret = open_meta(check, PVK_NS_USER_META, err);

	if (!ret)
		ret = open_meta(check, PVK_NS_DEVICE_META, err);
	return ret ? ret : open_modparam(check, err);
}

void check_close_meta(struct check *check)
{
	int ns;

	for (ns = 0; ns < PVK_NS_COUNT; ns++) {
		pvk_meta_close(check->meta[ns].store);
		json_free(check->meta[ns].doc);
	}
	pvk_modparam_free(check->modparam);
}

int check_lookup(void *arg, enum pvk_ns ns, const char *key, const struct pvk_caller *caller,
		 struct pvk_buf *value)
{
	const struct check *check = arg;
	const struct check_meta *meta = &check->meta[ns];
	const struct json *at;

	(void)caller;
	if (ns == PVK_NS_MODPARAM)
		return check->modparam ? pvk_modparam_get(check->modparam, key, value) : -ENOENT;
	if (meta->store)
		return pvk_meta_get(meta->store, key, value);
	at = json_get(json_root(meta->doc), key);
	if (!json_cstr(at))
		return -ENOENT;
	return pvk_buf_puts(value, json_cstr(at));
}
