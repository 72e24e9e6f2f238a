// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bsp.h"

#define SPEC	"driver-aliases@1"

static int out_of_memory(struct pvk_err *err)
{
	return pvk_err_set(err, -ENOMEM, "out of memory");
}

/* Above PVK_SECTION_ALL; between the last two, the first name the highest. */
enum {
	RANK_DTB_ALL = PVK_SECTION_ALL + 1,
	RANK_DTB,
	RANK_FITCONFIG = INT_MAX,
};

static bool same_dtb(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 4 && !strcmp(a + n - 4, ".dtb") ? 4 : 0;
	m -= m > 4 && !strcmp(b + m - 4, ".dtb") ? 4 : 0;
	return n == m && !memcmp(a, b, n);
}

int pvk_section_rank(const char *section, const struct pvk_selection *sel)
{
	size_t i;

	if (!section)
		return PVK_SECTION_UNKNOWN;
	if (!strcmp(section, "all"))
		return PVK_SECTION_ALL;
	if (!strcmp(section, "dtb:all"))
		return sel->dtb_any || sel->n_dtb ? RANK_DTB_ALL : PVK_SECTION_OTHER;
	if (!strncmp(section, "dtb:", 4) && section[4]) {
		for (i = 0; i < sel->n_dtb; i++)
			if (same_dtb(section + 4, sel->dtb[i]))
				return RANK_FITCONFIG - 1 - (int)i;
		return PVK_SECTION_OTHER;
	}
	if (!strncmp(section, "fitconfig:", 10) && section[10])
		return sel->fitconfig && !strcmp(section + 10, sel->fitconfig) ?
		       RANK_FITCONFIG : PVK_SECTION_OTHER;
	return PVK_SECTION_UNKNOWN;
}

static int check_line(const struct json *item, const char *alias, struct pvk_err *err)
{
	struct pvk_err why;
	const char *line = json_cstr(item);
	int ret;

	if (!line)
		return pvk_err_set(err, -EINVAL, "%u:%u: alias \"%s\": a module line is %s",
				   json_line(item), json_column(item), alias, json_not_text(item));
	ret = pvk_modline_check(line, NULL, &why);
	if (ret)
		return pvk_err_set(err, ret == -ENOMEM ? ret : -EINVAL, "%u:%u: alias \"%s\": %s",
				   json_line(item), json_column(item), alias, why.text);
	return 0;
}

static int check_alias(const struct json *key, const struct json *lines, struct pvk_err *err)
{
	const char *name = json_cstr(key);
	const struct json *item;
	int ret;

	if (!name || !pvk_alias_ok(name))
		return pvk_err_set(err, -EINVAL, "%u:%u: \"%.80s\" can't be an alias",
				   json_line(key), json_column(key), json_string(key, NULL));
	if (json_typeof(lines) != JSON_ARRAY)
		return pvk_err_set(err, -EINVAL, "%u:%u: alias \"%s\" is %s, expected an array",
				   json_line(lines), json_column(lines), name,
				   json_typename(json_typeof(lines)));
	if (json_count(lines) > PVK_BSP_LINES_MAX)
		return pvk_err_set(err, -EINVAL, "%u:%u: alias \"%s\" has more than %d modules",
				   json_line(lines), json_column(lines), name, PVK_BSP_LINES_MAX);
	json_for_each(item, lines) {
		ret = check_line(item, name, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_section(const struct json *key, const struct json *section, struct pvk_err *err)
{
	const struct json *alias, *lines;
	int ret;

	if (json_typeof(section) != JSON_OBJECT)
		return pvk_err_set(err, -EINVAL, "%u:%u: section \"%s\" is %s, expected an object",
				   json_line(section), json_column(section), json_cstr(key),
				   json_typename(json_typeof(section)));
	if (json_count(section) > PVK_BSP_ALIASES_MAX)
		return pvk_err_set(err, -EINVAL, "%u:%u: section \"%s\" has more than %d aliases",
				   json_line(section), json_column(section), json_cstr(key),
				   PVK_BSP_ALIASES_MAX);
	json_for_each_member(alias, lines, section) {
		ret = check_alias(alias, lines, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_spec(const struct json *root, struct pvk_err *err)
{
	const struct json *spec = json_get(root, "#spec");
	const char *text = json_cstr(spec);

	if (text && !strcmp(text, SPEC))
		return 0;
	if (!spec)
		return pvk_err_set(err, -EINVAL, "1:1: no \"#spec\", expected \"" SPEC "\"");
	return pvk_err_set(err, -EINVAL, "%u:%u: unknown \"#spec\" (%.80s), expected \"" SPEC "\"",
			   json_line(spec), json_column(spec),
			   text ? text : json_typename(json_typeof(spec)));
}

static int check_file(const struct json *root, const struct pvk_selection *sel,
		      struct pvk_list *warnings, struct pvk_err *err)
{
	const struct json *key, *section;
	const char *name;
	int ret;

	ret = check_spec(root, err);
	if (ret)
		return ret;
	json_for_each_member(key, section, root) {
		name = json_string(key, NULL);
		if (name[0] == '#')
			continue;
		if (pvk_section_rank(json_cstr(key), sel) == PVK_SECTION_UNKNOWN) {
			pvk_list_warn(warnings, "%u:%u: unknown section \"%.80s\" is ignored",
				      json_line(key), json_column(key), name);
			continue;
		}
		ret = check_section(key, section, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* An alias while sections are being merged: bsp->alias[i] is entry[i]'s. */
struct entry {
	const char *name;
	const struct json *lines;
	const char *section;
	int rank;
	size_t order;		/* in the file */
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int ret = strcmp(x->name, y->name);

	if (!ret)
		ret = (x->order > y->order) - (x->order < y->order);
	return ret;
}

static int by_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

/* Every alias of every section that applies, as the file has them. */
static size_t collect(const struct json *root, const struct pvk_selection *sel,
		      struct entry *entry)
{
	const struct json *key, *section, *alias, *lines;
	size_t count = 0;
	int rank;

	json_for_each_member(key, section, root) {
		rank = pvk_section_rank(json_cstr(key), sel);
		if (rank < PVK_SECTION_ALL)
			continue;
		json_for_each_member(alias, lines, section) {
			if (entry)
				entry[count] = (struct entry){
					.name = json_cstr(alias),
					.lines = lines,
					.section = json_cstr(key),
					.rank = rank,
					.order = count,
				};
			count++;
		}
	}
	return count;
}

/*
 * Leaves one entry a name: the first one's place, the most specific one's
 * lines. Sorting keeps this below quadratic in what the file chooses to hold.
 */
static size_t merge(struct entry *entry, size_t count)
{
	size_t i, n = 0, order;

	qsort(entry, count, sizeof(*entry), by_name);
	for (i = 0; i < count; i++) {
		if (!n || strcmp(entry[n - 1].name, entry[i].name)) {
			entry[n++] = entry[i];
		} else if (entry[i].rank > entry[n - 1].rank) {
			order = entry[n - 1].order;
			entry[n - 1] = entry[i];
			entry[n - 1].order = order;
		}
	}
	qsort(entry, n, sizeof(*entry), by_order);
	return n;
}

static int add_alias(struct pvk_bsp *bsp, const struct entry *entry)
{
	struct pvk_alias *alias = &bsp->alias[bsp->count++];
	const struct json *item;

	alias->name = strdup(entry->name);
	alias->section = strdup(entry->section);
	alias->line = calloc(json_count(entry->lines) + 1, sizeof(*alias->line));
	if (!alias->name || !alias->section || !alias->line)
		return -ENOMEM;
	json_for_each(item, entry->lines) {
		alias->line[alias->count] = strdup(json_cstr(item));
		if (!alias->line[alias->count])
			return -ENOMEM;
		alias->count++;
	}
	return 0;
}

static int take_aliases(const struct json *root, const struct pvk_selection *sel,
			struct pvk_bsp *bsp, struct pvk_err *err)
{
	size_t count = collect(root, sel, NULL), i;
	pvk_auto_free struct entry *entry = NULL;

	if (!count)
		return 0;
	entry = calloc(count, sizeof(*entry));
	if (!entry)
		return out_of_memory(err);
	collect(root, sel, entry);
	count = merge(entry, count);
	if (count > PVK_BSP_ALIASES_MAX)
		return pvk_err_set(err, -EINVAL, "more than %d aliases for this board",
				   PVK_BSP_ALIASES_MAX);

	bsp->alias = calloc(count, sizeof(*bsp->alias));
	if (!bsp->alias)
		return out_of_memory(err);
	for (i = 0; i < count; i++)
		if (add_alias(bsp, &entry[i]))
			return out_of_memory(err);
	return 0;
}

int pvk_bsp_parse(const char *text, size_t len, const struct pvk_selection *selection,
		  struct pvk_bsp *bsp, struct pvk_list *warnings, struct pvk_err *err)
{
	const struct json_limits limits = { .max_bytes = PVK_BSP_BYTES_MAX };
	json_auto struct json_doc *doc = NULL;
	int ret;

	*bsp = (struct pvk_bsp){ 0 };
	ret = json_parse_object(text, len, &limits, &doc, err);
	if (!ret)
		ret = check_file(json_root(doc), selection, warnings, err);
	if (!ret)
		ret = take_aliases(json_root(doc), selection, bsp, err);
	if (ret)
		pvk_bsp_free(bsp);
	return ret;
}

void pvk_bsp_free(struct pvk_bsp *bsp)
{
	size_t i, j;

	for (i = 0; i < bsp->count; i++) {
		for (j = 0; j < bsp->alias[i].count; j++)
			free(bsp->alias[i].line[j]);
		free(bsp->alias[i].line);
		free(bsp->alias[i].name);
		free(bsp->alias[i].section);
	}
	free(bsp->alias);
	*bsp = (struct pvk_bsp){ 0 };
}

const struct pvk_alias *pvk_bsp_find(const struct pvk_bsp *bsp, const char *name)
{
	size_t i;

	for (i = 0; i < bsp->count; i++)
		if (!strcmp(bsp->alias[i].name, name))
			return &bsp->alias[i];
	return NULL;
}
