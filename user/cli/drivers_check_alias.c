// SPDX-License-Identifier: MIT
/*
 * An alias held against the module tree: each of its lines, and all that would
 * be loaded for them.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "drivers_check.h"

#define DEPTH_MAX	128	/* of dependencies; real trees have 10 */
#define SHOWN_MAX	3	/* of a list of names in a text */

struct line {
	const struct json *item;
	const char *text;
	struct tree_module *module;
	bool has_params;
};

/* One alias under examination. */
struct exam {
	struct check *check;
	struct check_case *in;
	struct line line[PVK_BSP_LINES_MAX];
	size_t count;
	const struct line *at;		/* that the findings are about */
	struct tree_module *path[DEPTH_MAX];	/* down to where the walk is */
	bool soft[DEPTH_MAX];		/* came here by a soft dependency */
	size_t depth;
};

/* What is about a dependency begins with its name. */
static PVK_PRINTF(5, 6)
struct finding *say(struct exam *exam, enum check_severity severity, const char *id,
		    const struct tree_module *module, const char *fmt, ...)
{
	const struct line *at = exam->at;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return check_add(exam->check, exam->in, severity, id, module ? module->name : NULL,
			 json_line(at->item), json_column(at->item), "%s%s%s%s",
			 module && module != at->module && at->module ? "needs " : "",
			 module ? module->name : "", module ? ": " : "", text);
}

/* --- parameters ------------------------------------------------------------ */

static bool known_param(void *arg, const char *module, const char *param)
{
	const struct tree_info *info = arg;

	(void)module;
	return words_have(&info->param, param);
}

/* An unset key expands to nothing, quietly: check_references() has spoken of it. */
static int lookup_quietly(void *arg, enum pvk_ns ns, const char *key,
			  const struct pvk_caller *caller, struct pvk_buf *value)
{
	int ret = check_lookup(arg, ns, key, caller, value);

	return ret == -ENOENT ? 0 : ret;
}

static const char *nearest_param(const struct tree_info *info, const char *name)
{
	unsigned int best = words_tolerance(name) + 1, d;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < info->param.count; i++) {
		d = words_distance(name, info->param.item[i]);
		if (d < best) {
			best = d;
			found = info->param.item[i];
		}
	}
	return found;
}

static bool has_param(const struct tree_info *info, const char *name)
{
	return words_have(&info->param, name) || pvk_dash_equal(name, "dyndbg") ||
	       pvk_dash_equal(name, "async_probe");
}

/*
 * where: the line of modprobe.d that gives it; NULL: the alias's own. The kernel
 * passes over it; an options line may be for other versions of the module too.
 */
static void say_no_param(struct exam *exam, const struct tree_module *module,
			 const struct tree_info *info, const char *name,
			 const struct conf_line *where)
{
	const char *near = nearest_param(info, name);
	char place[PATH_MAX + 64] = "";

	if (where)
		snprintf(place, sizeof(place), "its options line (%s:%u): ", where->file,
			 where->line);
	say(exam, where ? CHECK_WARNING : CHECK_ERROR, "unknown-parameter", module,
	    "%shas no parameter \"%s\"%s%s", place, name, near ? "; did you mean " : "",
	    near ? near : "");
}

static void check_params(struct exam *exam, const struct tree_info *info)
{
	struct tree_module *module = exam->at->module;
	const struct pvk_policy policy = {
		.known = known_param, .arg = (void *)info, .unknown_in_line = PVK_UNKNOWN_KEEP,
	};
	const struct pvk_caller host = { .host = true };
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_modline struct pvk_modline line = { 0 };
	struct pvk_err err;
	size_t i;

	if (pvk_modline_resolve(exam->at->text, lookup_quietly, exam->check, &host, &policy,
				&line, &warnings, &err)) {
		say(exam, CHECK_ERROR, "module-line", module, "%s", err.text);
		return;
	}
	for (i = 0; i < warnings.count; i++)
		say(exam, CHECK_WARNING, "metadata-value", module, "%s", warnings.item[i]);
	for (i = 0; i < line.count; i++) {
		if (line.param[i].origin != PVK_FROM_VALUE &&
		    !has_param(info, line.param[i].name))
			say_no_param(exam, module, info, line.param[i].name, NULL);
	}
}

/* --- ${...} ---------------------------------------------------------------- */

static bool is_set(struct exam *exam, const struct pvk_piece *piece)
{
	pvk_auto_buf struct pvk_buf value = PVK_BUF_INIT(PVK_TEMPLATE_OUT_MAX);

	return !check_lookup(exam->check, piece->ns, piece->key, NULL, &value) && value.len;
}

/* Containers that name the alias and would not get the value. */
static void check_may_read(struct exam *exam, const struct pvk_piece *piece)
{
	const struct check *check = exam->check;
	const struct check_container *container;
	struct pvk_caller caller = { 0 };
	size_t i, k;

	for (i = 0; i < check->n_containers; i++) {
		container = &check->container[i];
		caller.name = container->name;
		caller.mgmt = container->names.mgmt;
		if (pvk_meta_may_read(&caller, piece->key))
			continue;
		for (k = 0; k < container->names.count; k++)
			if (!strcmp(container->names.named[k].alias, exam->in->alias))
				say(exam, CHECK_WARNING, "forbidden-key", NULL,
				    "container %s may not read %s:%s (it has no role mgmt, and the "
				    "key does not begin with \"drivers.\" or \"%s.\")",
				    container->name, pvk_ns_name(piece->ns), piece->key,
				    container->name);
	}
}

static void check_references(struct exam *exam)
{
	pvk_auto_template struct pvk_template tmpl = { 0 };
	const struct pvk_piece *piece;
	bool given;

	if (pvk_template_parse(exam->at->text, &tmpl, NULL))
		return;
	for (piece = tmpl.piece; piece < tmpl.piece + tmpl.count; piece++) {
		if (!piece->key)
			continue;
		if (piece->ns != PVK_NS_MODPARAM)
			check_may_read(exam, piece);
		if (piece->fallback || is_set(exam, piece))
			continue;
		given = exam->check->meta[piece->ns].given;
		say(exam, given ? CHECK_WARNING : CHECK_NOTE, "unset-key", NULL,
		    "%s:%s %s and has no default: it becomes nothing",
		    pvk_ns_name(piece->ns), piece->key, given ? "is not set" : "is not known here");
	}
}

/* --- one module, named or needed ------------------------------------------- */

static bool firmware_in(const struct check *check, const char *sub, const char *release,
			const char *name)
{
	static const char *const packed[] = { "", ".xz", ".zst" };
	char path[2 * PATH_MAX];
	glob_t found;
	size_t i;
	bool is;

	for (i = 0; i < PVK_ARRAY_SIZE(packed); i++) {
		snprintf(path, sizeof(path), "%s/%s%s%s%s%s", check->firmware_dir, sub, release,
			 release[0] ? "/" : "", name, packed[i]);
		/* modinfo may have a pattern where the name depends on the board. */
		is = !glob(path, GLOB_NOSORT, NULL, &found) && found.gl_pathc;
		globfree(&found);
		if (is)
			return true;
	}
	return false;
}

/* The kernel's own order does not matter here, its places do. */
static bool has_firmware(const struct check *check, const char *name)
{
	const char *release = check->tree.release;

	return firmware_in(check, "", "", name) || firmware_in(check, "updates/", "", name) ||
	       (release[0] && (firmware_in(check, "", release, name) ||
			       firmware_in(check, "updates/", release, name)));
}

static void check_firmware(struct exam *exam, const struct tree_module *module,
			   const struct tree_info *info)
{
	pvk_auto_buf struct pvk_buf list = PVK_BUF_INIT(4096);
	struct words missing = { 0 };
	struct finding *finding = NULL;
	size_t i;

	for (i = 0; i < info->firmware.count && exam->check->has_firmware; i++)
		if (!has_firmware(exam->check, info->firmware.item[i]))
			words_add(&missing, info->firmware.item[i], strlen(info->firmware.item[i]));
	words_print(&missing, SHOWN_MAX, &list);
	if (missing.count)
		finding = say(exam, CHECK_WARNING, "missing-firmware", module,
			      "%zu of its %zu firmware files are missing: %s", missing.count,
			      info->firmware.count, pvk_buf_str(&list));
	if (finding)
		finding->items = missing;
	else
		words_free(&missing);
}

static void check_vermagic(struct exam *exam, const struct tree_module *module,
			   const char *vermagic)
{
	const char *release = exam->check->tree.release;
	size_t len = strcspn(vermagic, " ");

	if (!release[0] || (len == strlen(release) && !memcmp(vermagic, release, len)))
		return;
	/* A kernel that compares the symbols' versions passes over the release. */
	say(exam, strstr(vermagic, " modversions") ? CHECK_WARNING : CHECK_ERROR, "vermagic",
	    module, "is for kernel %.*s, not %s", (int)len, vermagic, release);
}

static void check_conf(struct exam *exam, const struct tree_module *module)
{
	const struct conf *conf = &exam->check->conf;
	const struct conf_line *line;

	line = conf_find(conf, CONF_INSTALL, module->name, NULL);
	if (line)
		say(exam, CHECK_WARNING, "install-line", module,
		    "its install line (%s:%u) is not run", line->file, line->line);
	if (module != exam->at->module)
		return;
	line = conf_find(conf, CONF_BLACKLIST, module->name, NULL);
	if (line)
		say(exam, CHECK_WARNING, "blacklisted", module,
		    "is blacklisted (%s:%u), and pvkit loads it by its name all the same",
		    line->file, line->line);
}

/* Past a word; blanks between double quotes are part of it, as for the kernel. */
static const char *word_end(const char *at)
{
	bool quoted = false;

	for (; *at && (quoted || !strchr(" \t\r", *at)); at++)
		if (*at == '"')
			quoted = !quoted;
	return at;
}

static void check_options(struct exam *exam, const struct tree_module *module,
			  const struct tree_info *info)
{
	const struct conf_line *line = NULL;
	char name[PVK_PARAM_NAME_MAX + 1];
	const char *at;

	while ((line = conf_find(&exam->check->conf, CONF_OPTIONS, module->name, line))) {
		for (at = line->rest; *(at += strspn(at, " \t\r")); at = word_end(at)) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "= \t\r"), at);
			if (!has_param(info, name))
				say_no_param(exam, module, info, name, line);
		}
	}
}

static void check_module(struct exam *exam, struct tree_module *module)
{
	const struct tree_info *info = tree_info(&exam->check->tree, module);

	words_add(&exam->in->order, module->name, strlen(module->name));
	if (!module->path || !info)
		return;
	check_conf(exam, module);
	if (info->err) {
		say(exam, CHECK_WARNING, "modinfo", module, "cannot read %s: %s", module->path,
		    strerror(-info->err));
		return;
	}
	check_options(exam, module, info);
	check_firmware(exam, module, info);
	if (info->vermagic)
		check_vermagic(exam, module, info->vermagic);
	if (exam->check->require_signature && !info->is_signed)
		say(exam, CHECK_ERROR, "unsigned", module, "is not signed");
}

/* --- what is loaded for a line, in its order ------------------------------- */

/* The walk has come to a module that it is below of. */
static void say_cycle(struct exam *exam, const struct tree_module *module, bool soft)
{
	pvk_auto_buf struct pvk_buf way = PVK_BUF_INIT(1024);
	size_t i = exam->depth;

	while (i && exam->path[i - 1] != module)
		i--;
	for (; i && i <= exam->depth; i++) {
		pvk_buf_printf(&way, "%s -> ", exam->path[i - 1]->name);
		soft |= i < exam->depth && exam->soft[i];
	}
	say(exam, soft ? CHECK_WARNING : CHECK_ERROR, "cycle", NULL,
	    "%s go in a circle: %s%s", soft ? "soft dependencies" : "dependencies",
	    pvk_buf_str(&way), module->name);
}

static void walk(struct exam *exam, struct tree_module *module, bool soft);

/* The names between "pre:" or "post:" and the next such word. */
static void walk_soft(struct exam *exam, const char *text, const char *which)
{
	pvk_auto_free char *copy = strdup(text);
	struct tree_module *module;
	char *save = NULL, *word;
	bool in = false;

	if (!copy)
		return;
	for (word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (!strcmp(word, "pre:") || !strcmp(word, "post:")) {
			in = !strcmp(word, which);
			continue;
		}
		/* Of soft ones a missing one is no fault, and may be another name for one. */
		module = in ? tree_find(&exam->check->tree, word) : NULL;
		if (module)
			walk(exam, module, true);
	}
}

static void walk_all_soft(struct exam *exam, const struct tree_module *module,
			  const char *which)
{
	struct tree_info *info = module->info;
	const struct conf_line *line = NULL;
	size_t i;

	for (i = 0; info && i < info->softdep.count; i++)
		walk_soft(exam, info->softdep.item[i], which);
	while ((line = conf_find(&exam->check->conf, CONF_SOFTDEP, module->name, line)))
		walk_soft(exam, line->rest, which);
}

/* modules.dep names the one to load first last. */
static void walk_deps(struct exam *exam, const struct tree_module *module)
{
	const char *end = module->deps + strlen(module->deps), *at;
	struct tree_module *dep;

	while (end > module->deps) {
		at = memrchr(module->deps, ' ', (size_t)(end - module->deps));
		at = at ? at + 1 : module->deps;
		dep = tree_find_path(&exam->check->tree, at, (size_t)(end - at));
		if (dep)
			walk(exam, dep, false);
		else if (end > at)
			say(exam, CHECK_ERROR, "modules-dep", module,
			    "modules.dep has it depend on %.*s, which is not there",
			    (int)(end - at), at);
		end = at > module->deps ? at - 1 : at;
	}
}

static void walk(struct exam *exam, struct tree_module *module, bool soft)
{
	if (module->open) {
		say_cycle(exam, module, soft);
		return;
	}
	if (module->run == exam->check->run || exam->depth == DEPTH_MAX)
		return;
	module->run = exam->check->run;
	module->open = true;
	exam->soft[exam->depth] = soft;
	exam->path[exam->depth++] = module;
	tree_info(&exam->check->tree, module);
	walk_all_soft(exam, module, "pre:");
	if (module->deps)
		walk_deps(exam, module);
	check_module(exam, module);
	exam->depth--;
	module->open = false;
	/* These may well need the module itself. */
	walk_all_soft(exam, module, "post:");
}

/* --- the lines of an alias among themselves -------------------------------- */

static bool depends(const struct tree *tree, const struct tree_module *module,
		    const struct tree_module *on)
{
	const char *at = module->deps;
	size_t len;

	while (at && *at) {
		at += strspn(at, " ");
		len = strcspn(at, " ");
		if (len && tree_find_path(tree, at, len) == on)
			return true;
		at += len;
	}
	return false;
}

/* line[i] and line[k], i before k. */
static void check_pair(struct exam *exam, const struct line *first, const struct line *second)
{
	const struct tree *tree = &exam->check->tree;
	const struct tree_module *a = first->module, *b = second->module;

	exam->at = second;
	if (a == b) {
		say(exam, CHECK_WARNING, "named-twice", b, "is named twice%s",
		    second->has_params ? ": these parameters come too late" : "");
	} else if (depends(tree, a, b)) {
		say(exam, second->has_params ? CHECK_WARNING : CHECK_NOTE, "listed-dependency", b,
		    "%s, which stands before it, needs it and loads it first%s", a->name,
		    second->has_params ? ": these parameters come too late" : "");
	} else if (depends(tree, b, a) && !first->has_params) {
		exam->at = first;
		say(exam, CHECK_NOTE, "listed-dependency", a,
		    "%s needs it and would load it anyway", b->name);
	}
}

static void check_pairs(struct exam *exam)
{
	size_t i, k;

	for (i = 0; i < exam->count; i++)
		for (k = i + 1; k < exam->count; k++)
			if (exam->line[i].module && exam->line[k].module)
				check_pair(exam, &exam->line[i], &exam->line[k]);
}

static void print_unload_order(const struct words *order, struct pvk_buf *buf)
{
	size_t i;

	for (i = order->count; i; i--)
		pvk_buf_printf(buf, "%s%s", i == order->count ? "" : ", ", order->item[i - 1]);
}

static void check_shared(struct exam *exam)
{
	pvk_auto_buf struct pvk_buf order = PVK_BUF_INIT(512);
	const struct tree_module *module = exam->at->module;
	struct words others = { 0 };
	pvk_auto_buf struct pvk_buf list = PVK_BUF_INIT(1024);
	size_t i;

	for (i = 0; i < module->users.count; i++)
		if (strcmp(module->users.item[i], exam->in->alias) != 0)
			words_add(&others, module->users.item[i], strlen(module->users.item[i]));
	if (others.count) {
		words_print(&others, SHOWN_MAX, &list);
		print_unload_order(&exam->in->order, &order);
		say(exam, CHECK_NOTE, "shared-module", module,
		    "%s %s it too: it goes with the last of them (order of unloading: %s)",
		    pvk_buf_str(&list), others.count > 1 ? "have" : "has", pvk_buf_str(&order));
	}
	words_free(&others);
}

/* --- one line, one alias --------------------------------------------------- */

static void say_unknown(struct exam *exam, const char *name)
{
	const struct tree *tree = &exam->check->tree;
	pvk_auto_buf struct pvk_buf list = PVK_BUF_INIT(512);
	struct words near = { 0 };

	if (words_have(&tree->lost, name)) {
		say(exam, CHECK_ERROR, "unknown-module", NULL,
		    "module %s has a file, but modules.dep does not have it: run depmod", name);
		return;
	}
	tree_nearest(tree, name, &near);
	words_print(&near, SHOWN_MAX, &list);
	say(exam, CHECK_ERROR, "unknown-module", NULL, "there is no module %s%s%s", name,
	    near.count ? "; did you mean " : "", pvk_buf_str(&list));
	words_free(&near);
}

static void check_line(struct exam *exam, const struct line *line)
{
	const struct tree_info *info;

	exam->at = line;
	check_references(exam);
	if (!line->module)
		return;
	walk(exam, line->module, false);
	info = tree_info(&exam->check->tree, line->module);
	if (!line->module->path && line->has_params)
		say(exam, CHECK_WARNING, "built-in-parameters", line->module,
		    "is built in: parameters are for the kernel's command line");
	if (info && !info->err)
		check_params(exam, info);
}

static bool has_params(const char *line)
{
	line += strspn(line, " ");
	line += strcspn(line, " ");
	return line[strspn(line, " ")];
}

/* The lines that can be read; of the others their faults were said. */
static void take_lines(struct exam *exam, const struct check_alias *alias)
{
	char name[PVK_MODULE_NAME_MAX + 1];
	const struct json *item;
	struct line *line;

	json_for_each(item, alias->lines) {
		const char *text = json_cstr(item);

		if (!text || pvk_modline_check(text, name, NULL))
			continue;
		line = &exam->line[exam->count++];
		*line = (struct line){
			.item = item,
			.text = text,
			.module = tree_find(&exam->check->tree, name),
			.has_params = has_params(text),
		};
		exam->at = line;
		if (!line->module)
			say_unknown(exam, name);
	}
}

static void check_alias(struct check *check, const struct check_alias *alias)
{
	struct exam exam = { .check = check, .in = alias->in };
	size_t i;

	take_lines(&exam, alias);
	check->run++;
	for (i = 0; i < exam.count; i++)
		check_line(&exam, &exam.line[i]);
	check_pairs(&exam);
	for (i = 0; i < exam.count; i++) {
		exam.at = &exam.line[i];
		if (exam.at->module)
			check_shared(&exam);
	}
	alias->in->examined = true;
}

static void add_user(struct tree_module *module, const char *alias)
{
	size_t i;

	for (i = 0; i < module->users.count; i++)
		if (!strcmp(module->users.item[i], alias))
			return;
	words_add(&module->users, alias, strlen(alias));
}

/* Beforehand, so that the first alias knows of the last one. */
static void note_users(struct check *check, const struct check_alias *alias)
{
	char name[PVK_MODULE_NAME_MAX + 1];
	struct tree_module *module;
	const struct json *item;

	json_for_each(item, alias->lines) {
		if (!json_cstr(item) || pvk_modline_check(json_cstr(item), name, NULL))
			continue;
		module = tree_find(&check->tree, name);
		if (module)
			add_user(module, alias->name);
	}
}

void check_aliases(struct check *check)
{
	size_t i;

	for (i = 0; i < check->n_aliases; i++)
		note_users(check, &check->alias[i]);
	for (i = 0; i < check->n_aliases; i++)
		check_alias(check, &check->alias[i]);
}
