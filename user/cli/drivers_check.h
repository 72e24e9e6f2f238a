/* SPDX-License-Identifier: MIT */
/*
 * drivers check - what would go wrong, said before it does
 *
 * One struct check is one run: the files that were read, the module tree, and
 * what was found. A case is what a build system calls a test case: an alias of
 * a file, or the file itself. Findings belong to cases.
 *
 *	drivers_check.c		the verb: options, what is read, exit status
 *	drivers_check_files.c	drivers.json, run.json, src.json, metadata
 *	drivers_check_tree.c	a module tree: modules.dep, modinfo
 *	drivers_check_conf.c	its modprobe.d
 *	drivers_check_alias.c	an alias held against the tree
 *	drivers_check_out.c	text, JSON, JUnit
 */
#ifndef PVKIT_DRIVERS_CHECK_H
#define PVKIT_DRIVERS_CHECK_H

#include <limits.h>

#include "board.h"
#include "cli.h"
#include "json.h"
#include "modparam.h"

#define CHECK_NAMES_MAX		32	/* --dtb */
#define CHECK_FINDINGS_MAX	65536
#define CHECK_CASES_MAX		65536
#define CHECK_CONTAINERS_MAX	4096

enum check_severity { CHECK_NOTE, CHECK_WARNING, CHECK_ERROR, CHECK_SEVERITIES };

/* --- words: a growing list of texts --------------------------------------- */

struct words {
	char **item;
	size_t count;
};

int words_add(struct words *words, const char *text, size_t len);
bool words_have(const struct words *words, const char *text);
/* "a, b and 3 more" */
void words_print(const struct words *words, size_t max, struct pvk_buf *buf);
void words_free(struct words *words);
/* Letters to add, drop or replace to come from one name to the other. */
unsigned int words_distance(const char *a, const char *b);
/* How far two names may be apart and still be taken for each other. */
unsigned int words_tolerance(const char *name);

/* --- the module tree ------------------------------------------------------ */

struct kmod_ctx;
struct kmodlib;

/* What modinfo says. */
struct tree_info {
	int err;		/* it could not be read */
	struct words param;
	struct words firmware;
	struct words softdep;	/* "pre: a b post: c" */
	char *vermagic;
	bool is_signed;
};

struct tree_module {
	char *name;		/* with '_' for each '-' */
	char *path;		/* below the tree; NULL: built in */
	char *deps;		/* paths with blanks between, as modules.dep has them */
	struct tree_info *info;
	struct words users;	/* aliases that name it */
	unsigned int run;	/* last walk that came here */
	bool open;		/* the walk is below it now */
};

struct tree {
	char dir[PATH_MAX];	/* where modules.dep is */
	char sysroot[PATH_MAX];	/* what lies before [/usr]/lib/modules; "" is / */
	bool has_sysroot;
	char release[NAME_MAX + 1];	/* the kernel's, "" if not known */
	const struct kmodlib *kmod;
	struct kmod_ctx *ctx;
	struct tree_module *module;	/* sorted by name */
	size_t count;
	struct words lost;	/* files that modules.dep does not have */
	char newer[PATH_MAX];	/* a file that is newer than modules.dep, or "" */
};

#define TREE_NAME_ROOM	(PVK_MODULE_NAME_MAX + 1)

/*
 * dir: a directory with modules.dep, or one above lib/modules/RELEASE; NULL:
 * the running kernel's. release NULL: the directory's name, or the only one.
 */
int tree_open(struct tree *tree, const char *dir, const char *release, struct pvk_err *err);
void tree_close(struct tree *tree);
struct tree_module *tree_find(const struct tree *tree, const char *name);
/* The module that a path of modules.dep means. */
struct tree_module *tree_find_path(const struct tree *tree, const char *path, size_t len);
/* Never NULL but when memory is short. */
const struct tree_info *tree_info(struct tree *tree, struct tree_module *module);
/* Up to three names that one may have meant: those that are nearest, no others. */
void tree_nearest(const struct tree *tree, const char *name, struct words *names);

/* --- modprobe.d ----------------------------------------------------------- */

enum conf_kind { CONF_BLACKLIST, CONF_INSTALL, CONF_OPTIONS, CONF_SOFTDEP };

struct conf_line {
	enum conf_kind kind;
	char *module;
	char *rest;
	const char *file;
	unsigned int line;
};

struct conf {
	struct conf_line *line;
	size_t count;
	struct words files;
};

/* The directories where modprobe looks, below sysroot. */
int conf_read(struct conf *conf, const char *sysroot);
void conf_free(struct conf *conf);
/* The next one of the kind for the module after `after` (NULL: the first). */
const struct conf_line *conf_find(const struct conf *conf, enum conf_kind kind,
				  const char *module, const struct conf_line *after);

/* --- the run -------------------------------------------------------------- */

struct finding {
	unsigned int line, column;	/* 0: no place */
	enum check_severity severity;
	const char *id;		/* "unknown-module" */
	char *module;		/* or NULL */
	char *text;
	struct words items;	/* all of them, where the text names only the first */
};

struct check_case {
	char *file;
	size_t file_no;		/* files in the order in which they were read */
	size_t no;
	char *alias;		/* NULL: the file itself */
	const char *section;	/* of drivers.json, else NULL */
	unsigned int line;
	bool examined;		/* against the tree; else only its faults are known */
	struct words order;	/* modules in the order of loading */
	struct finding *finding;
	size_t n_findings;
};

/* An alias of drivers.json that applies. */
struct check_alias {
	struct check_case *in;
	const char *name;
	int rank;
	const struct json *key;
	const struct json *lines;
	bool named;		/* by a container */
};

struct check_container {
	char *name;
	char *file;
	struct json_doc *doc;
	struct pvk_names names;
};

struct check_meta {
	bool given;
	struct pvk_meta *store;
	struct json_doc *doc;
};

struct check {
	struct cli *cli;

	/* options */
	const char *root;	/* NULL: only `file` is read */
	const char *file;
	const char *modules;
	const char *kernel;
	const char *firmware;
	const char *junit;
	const char *meta_path[PVK_NS_COUNT];	/* modparam.json too */
	const char *dtb[CHECK_NAMES_MAX];
	struct pvk_selection selection;
	bool all_sections;
	bool werror;
	bool require_signature;
	char **only;		/* aliases that are asked for, up to NULL */

	/* what was read */
	struct json_doc *doc;
	struct pvk_board board;	/* selection may point into it */
	struct check_alias *alias;
	size_t n_aliases;
	struct check_container *container;
	size_t n_containers;
	struct check_meta meta[PVK_NS_COUNT];
	struct pvk_modparam *modparam;
	struct tree tree;
	struct conf conf;
	char firmware_dir[PATH_MAX];
	bool has_firmware;
	unsigned int run;	/* walks over the tree */

	/* what was found */
	struct check_case **cases;
	size_t n_cases;
	size_t n_files;
	size_t n_findings;
	size_t totals[CHECK_SEVERITIES];
	bool failed;		/* memory */
};

/* Found or made; NULL when memory is short. */
struct check_case *check_case(struct check *check, const char *file, const char *alias,
			      const char *section, unsigned int line);
/* module may be NULL; id stays the caller's. NULL for what is not shown. */
struct finding *check_add(struct check *check, struct check_case *in,
			  enum check_severity severity, const char *id, const char *module,
			  unsigned int line, unsigned int column, const char *fmt, ...)
	PVK_PRINTF(8, 9);
/* For a text "LINE:COLUMN: ...", as libpvkit's parsers give them. */
void check_add_placed(struct check *check, struct check_case *in,
		      enum check_severity severity, const char *id, const char *text);
const char *check_severity_name(enum check_severity severity);
/* --werror counts. */
bool check_is_failure(const struct check *check, const struct finding *finding);

void check_drivers_json(struct check *check);
void check_containers(struct check *check);
/* Opens what the options name, else what lies under the root. */
int check_open_meta(struct check *check, struct pvk_err *err);
void check_close_meta(struct check *check);
/* A pvk_lookup_fn over it; arg is the struct check. */
int check_lookup(void *arg, enum pvk_ns ns, const char *key, const struct pvk_caller *caller,
		 struct pvk_buf *value);
void check_aliases(struct check *check);

void check_print(const struct check *check);
int check_print_json(const struct check *check);
/* 0, or a negative errno. */
int check_write_junit(const struct check *check);

#endif /* PVKIT_DRIVERS_CHECK_H */
