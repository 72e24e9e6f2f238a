// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers_check.h"

#define ROOT		"/var/lib/pvkit"

/* --- findings -------------------------------------------------------------- */

const char *check_severity_name(enum check_severity severity)
{
	static const char *const names[] = {
		[CHECK_NOTE] = "note", [CHECK_WARNING] = "warning", [CHECK_ERROR] = "error",
	};

	return names[severity];
}

bool check_is_failure(const struct check *check, const struct finding *finding)
{
	return finding->severity == CHECK_ERROR ||
	       (check->werror && finding->severity == CHECK_WARNING);
}

/* NULL and NULL are the same. */
static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

struct check_case *check_case(struct check *check, const char *file, const char *alias,
			      const char *section, unsigned int line)
{
	struct check_case *in = NULL;
	size_t i, file_no = check->n_files;

	for (i = 0; i < check->n_cases; i++) {
		in = check->cases[i];
		if (strcmp(in->file, file) != 0)
			continue;
		file_no = in->file_no;
		if (same(in->alias, alias) && same(in->section, section))
			return in;
	}
	in = calloc(1, sizeof(*in));
	if (!in || pvk_grow((void **)&check->cases, check->n_cases, sizeof(in), CHECK_CASES_MAX)) {
		free(in);
		check->failed = true;
		return NULL;
	}
	*in = (struct check_case){
		.file = strdup(file), .file_no = file_no, .no = check->n_cases,
		.alias = alias ? strdup(alias) : NULL, .section = section, .line = line,
	};
	check->failed |= !in->file || (alias && !in->alias);
	check->cases[check->n_cases++] = in;
	check->n_files += file_no == check->n_files;
	return in;
}

static bool is_wanted(const struct check *check, const char *alias)
{
	char **only;

	if (!alias || !check->only[0])
		return true;
	for (only = check->only; *only; only++)
		if (!strcmp(*only, alias))
			return true;
	return false;
}

struct finding *check_add(struct check *check, struct check_case *in,
			  enum check_severity severity, const char *id, const char *module,
			  unsigned int line, unsigned int column, const char *fmt, ...)
{
	struct finding *finding;
	va_list ap;
	char *text;
	int ret;

	if (!in || !is_wanted(check, in->alias))
		return NULL;
	va_start(ap, fmt);
	ret = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (ret < 0 || pvk_grow((void **)&in->finding, in->n_findings, sizeof(*finding),
				CHECK_FINDINGS_MAX)) {
		if (ret >= 0)
			free(text);
		check->failed = true;
		return NULL;
	}
	finding = &in->finding[in->n_findings++];
	*finding = (struct finding){
		.line = line, .column = column, .severity = severity, .id = id,
		.module = module ? strdup(module) : NULL, .text = text,
	};
	check->totals[severity]++;
	return finding;
}

void check_add_placed(struct check *check, struct check_case *in,
		      enum check_severity severity, const char *id, const char *text)
{
	unsigned int line = 0, column = 0;
	int len = 0;

	if (sscanf(text, "%u:%u: %n", &line, &column, &len) < 2 || !len)
		line = 0;
	check_add(check, in, severity, id, NULL, line, column, "%s", line ? text + len : text);
}

/* By file, and in the order in which they were met. */
static int by_file(const void *a, const void *b)
{
	const struct check_case *x = *(struct check_case *const *)a;
	const struct check_case *y = *(struct check_case *const *)b;

	if (x->file_no != y->file_no)
		return x->file_no < y->file_no ? -1 : 1;
	/* What is about the file as a whole comes first. */
	if (!x->alias != !y->alias)
		return x->alias ? 1 : -1;
	return x->no < y->no ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	/* The graver one first. */
	return (int)y->severity - (int)x->severity;
}

static void sort(struct check *check)
{
	struct check_case *in;
	size_t i;

	if (check->n_cases)
		qsort(check->cases, check->n_cases, sizeof(*check->cases), by_file);
	for (i = 0; i < check->n_cases; i++) {
		in = check->cases[i];
		if (in->n_findings)
			qsort(in->finding, in->n_findings, sizeof(*in->finding), by_place);
	}
}

/* --- the tree -------------------------------------------------------------- */

static bool tree_has(const struct tree *tree, const char *file, struct stat *st)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", tree->dir, file);
	return !stat(path, st);
}

/* What pvkitd finds modules by: the text is for people and for busybox. */
static void check_indexes(struct check *check)
{
	const struct tree *tree = &check->tree;
	char path[PATH_MAX + 32];
	struct check_case *in;
	struct stat text, binary;

	snprintf(path, sizeof(path), "%s/modules.dep", tree->dir);
	in = check_case(check, path, NULL, NULL, 0);
	if (!tree_has(tree, "modules.dep", &text)) {
		check_add(check, in, CHECK_ERROR, "modules-dep", NULL, 0, 0,
			  "is not there: no module can be found (run depmod)");
		return;
	}
	if (!tree_has(tree, "modules.dep.bin", &binary))
		check_add(check, in, CHECK_ERROR, "modules-dep", NULL, 0, 0,
			  "there is no modules.dep.bin beside it, which pvkitd and modprobe read "
			  "(run depmod)");
	else if (binary.st_mtime < text.st_mtime)
		check_add(check, in, CHECK_WARNING, "modules-dep", NULL, 0, 0,
			  "modules.dep.bin is older than it (run depmod)");
	if (tree->newer[0])
		check_add(check, in, CHECK_WARNING, "modules-dep", NULL, 0, 0,
			  "is older than %s (run depmod)", tree->newer);
	else if (tree->lost.count)
		check_add(check, in, CHECK_WARNING, "modules-dep", NULL, 0, 0,
			  "does not have %s%s (run depmod)", tree->lost.item[0],
			  tree->lost.count > 1 ? " and others that are there" : "");
}

/* -ENOTDIR, with a text, for a --firmware that is none: all would be missing. */
static int find_firmware(struct check *check, struct pvk_err *err)
{
	static const char *const below[] = { "lib/firmware", "usr/lib/firmware" };
	const struct tree *tree = &check->tree;
	struct stat st;
	size_t i;

	if (check->firmware) {
		if (stat(check->firmware, &st) || !S_ISDIR(st.st_mode))
			return pvk_err_set(err, -ENOTDIR, "%s: no such directory",
					   check->firmware);
		snprintf(check->firmware_dir, sizeof(check->firmware_dir), "%s", check->firmware);
		check->has_firmware = true;
	}
	for (i = 0; i < PVK_ARRAY_SIZE(below) && tree->has_sysroot && !check->has_firmware; i++)
		check->has_firmware = snprintf(check->firmware_dir, sizeof(check->firmware_dir),
					       "%s/%s", tree->sysroot, below[i]) <
				      (int)sizeof(check->firmware_dir) &&
				      !access(check->firmware_dir, F_OK);
	if (!check->has_firmware)
		check_add(check, check_case(check, check->file, NULL, NULL, 0), CHECK_NOTE,
			  "no-firmware", NULL, 0, 0,
			  "firmware was not checked: there is none beside the modules (--firmware)");
	return 0;
}

/* --- what was asked for ---------------------------------------------------- */

/* On the device itself its board is what counts, unless one is named. */
static void read_board(struct check *check)
{
	const struct pvk_board_from from = {
		.cmdline = "/proc/cmdline", .device_tree = "/proc/device-tree",
	};
	pvk_auto_list struct pvk_list warnings = { 0 };
	size_t i;

	if (check->selection.dtb_any || check->modules || check->kernel)
		return;
	pvk_board_read(&check->board, &from, &warnings);
	for (i = 0; i < warnings.count; i++)
		cli_complain(NULL, "warning: %s", warnings.item[i]);
	check->selection = check->board.selection;
}

/* Where the value of a plain option goes; NULL: it is another. */
static const char **text_option(struct check *check, int opt)
{
	switch (opt) {
	case OPT_ROOT:
		return &check->root;
	case OPT_MODULES:
		return &check->modules;
	case OPT_KERNEL:
		return &check->kernel;
	case OPT_FIRMWARE:
		return &check->firmware;
	case OPT_USER_META:
		return &check->meta_path[PVK_NS_USER_META];
	case OPT_DEVICE_META:
		return &check->meta_path[PVK_NS_DEVICE_META];
	case OPT_MODPARAM:
		return &check->meta_path[PVK_NS_MODPARAM];
	case OPT_JUNIT:
		return &check->junit;
	case OPT_FITCONFIG:
		return &check->selection.fitconfig;
	default:
		return NULL;
	}
}

static bool *flag_option(struct check *check, int opt)
{
	switch (opt) {
	case OPT_ALL_SECTIONS:
		return &check->all_sections;
	case OPT_WERROR:
		return &check->werror;
	case OPT_REQUIRE_SIGNATURE:
		return &check->require_signature;
	default:
		return NULL;
	}
}

static int take_option(struct cli *cli, struct check *check, int opt)
{
	const char **text = text_option(check, opt);
	bool *flag = flag_option(check, opt);

	if (text) {
		*text = optarg;
	} else if (flag) {
		*flag = true;
	} else {
		if (check->selection.n_dtb == CHECK_NAMES_MAX)
			return cli_usage(cli, "more than %d --dtb", CHECK_NAMES_MAX);
		check->dtb[check->selection.n_dtb++] = optarg;
	}
	if (opt == OPT_DTB || opt == OPT_FITCONFIG)
		check->selection.dtb_any = true;
	return CLI_OK;
}

/* No alias has a slash, and none should be called so. */
static bool is_path(const char *word)
{
	size_t len = strlen(word);

	return strchr(word, '/') || (len > 5 && !strcmp(word + len - 5, ".json"));
}

/* The words: perhaps a path, then aliases. */
static int take_words(struct cli *cli, struct check *check, char **made)
{
	check->only = &cli->argv[optind];
	if (check->only[0] && is_path(check->only[0]))
		check->file = *check->only++;
	if (!check->file && !check->root)
		check->root = ROOT;
	if (check->file)
		return CLI_OK;
	if (asprintf(made, "%s/bsp/drivers.json", check->root) < 0) {
		*made = NULL;
		return cli_fail(NULL, -ENOMEM, &(struct pvk_err){ 0 });
	}
	check->file = *made;
	return CLI_OK;
}

static void check_wanted(struct check *check)
{
	char **only;
	size_t i;

	for (only = check->only; *only; only++) {
		for (i = 0; i < check->n_aliases; i++)
			if (!strcmp(check->alias[i].name, *only))
				break;
		if (i == check->n_aliases)
			check_add(check, check_case(check, check->file, NULL, NULL, 0), CHECK_ERROR,
				  "no-such-alias", NULL, 0, 0, "no alias %s", *only);
	}
}

/* 0, or an errno for what could not even be looked at. */
static int examine(struct check *check, struct pvk_err *err)
{
	int ret = tree_open(&check->tree, check->modules, check->kernel, err);

	if (!ret)
		ret = check_open_meta(check, err);
	if (!ret && check->tree.has_sysroot)
		ret = conf_read(&check->conf, check->tree.sysroot);
	if (ret)
		return ret;
	check_indexes(check);
	ret = find_firmware(check, err);
	if (ret)
		return ret;
	check_drivers_json(check);
	check_wanted(check);
	check_containers(check);
	check_aliases(check);
	sort(check);
	return check->failed ? pvk_err_set(err, -ENOMEM, "out of memory, or too many findings") : 0;
}

static void free_check(struct check *check)
{
	struct check_case *in;
	size_t i, k;

	for (i = 0; i < check->n_cases; i++) {
		in = check->cases[i];
		for (k = 0; k < in->n_findings; k++) {
			free(in->finding[k].module);
			free(in->finding[k].text);
			words_free(&in->finding[k].items);
		}
		free(in->finding);
		words_free(&in->order);
		free(in->file);
		free(in->alias);
		free(in);
	}
	free(check->cases);
	for (i = 0; i < check->n_containers; i++) {
		free(check->container[i].name);
		free(check->container[i].file);
		json_free(check->container[i].doc);
		pvk_names_free(&check->container[i].names);
	}
	free(check->container);
	free(check->alias);
	check_close_meta(check);
	json_free(check->doc);
	conf_free(&check->conf);
	tree_close(&check->tree);
	pvk_board_free(&check->board);
}

/* Two kinds of text in one stream are none that a program reads. */
static bool junit_on_stdout(const struct check *check)
{
	return check->junit && !strcmp(check->junit, "-");
}

static int report(struct check *check)
{
	int ret = check->junit ? check_write_junit(check) : 0;
	bool bad = check->totals[CHECK_ERROR] || (check->werror && check->totals[CHECK_WARNING]);

	if (ret)
		cli_complain(check->junit, "%s", strerror(-ret));
	if (check->cli->json)
		ret |= check_print_json(check);
	else if (!junit_on_stdout(check))
		check_print(check);
	return bad || ret ? CLI_FAILED : CLI_OK;
}

int verb_drivers_check(struct cli *cli)
{
	struct check check = { .cli = cli };
	pvk_auto_free char *made = NULL;
	struct pvk_err err = { 0 };
	int opt, status, ret;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt != CLI_EXIT)
			status = take_option(cli, &check, opt);
		if (opt == CLI_EXIT || status)
			return status;
	}
	if (cli->json && junit_on_stdout(&check))
		return cli_usage(cli, "--json and --junit -: there is one stdout");
	status = take_words(cli, &check, &made);
	if (status)
		return status;
	check.selection.dtb = check.dtb;
	read_board(&check);
	ret = examine(&check, &err);
	if (ret) {
		cli_fail(NULL, ret, &err);
		status = ret == -ENOMEM || ret == -ENOPKG ? CLI_FAILED : CLI_USAGE;
	} else {
		status = report(&check);
	}
	free_check(&check);
	return status;
}
