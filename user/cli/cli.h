/* SPDX-License-Identifier: MIT */
/*
 * cli - what the verbs of pvkit have in common
 *
 * A verb gets its words, talks to the kernel through libpvkit, prints to
 * stdout what was asked for and to stderr one line for each thing that went
 * wrong, and returns an exit status.
 */
#ifndef PVKIT_CLI_H
#define PVKIT_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bootflag.h"
#include "driver.h"
#include "json_out.h"
#include "names.h"
#include "util.h"
#include "verbs.h"

/* One call of one verb. */
struct cli {
	const struct cli_verb *verb;
	int argc;		/* argv[0] is the verb */
	char **argv;
	bool json;
	struct pvk_drv *drv;	/* after cli_open() */
	struct pvk_bf *bf;	/* after flag_load(); NULL: not in the kernel */
};

/* Largest JSON text that is written. */
#define CLI_JSON_MAX	(64 * 1024 * 1024)
#define CLI_TIMEOUT_MAX	3600
/* Options that a verb can have. */
#define CLI_OPTIONS_MAX	32

#define CLI_END		(-1)
#define CLI_EXIT	(-2)

/*
 * The next of the verb's options (OPT_*), CLI_END after the last (the words are
 * then at argv[optind]), or CLI_EXIT when --help was answered or an option is
 * wrong: return *status then.
 */
int cli_option(struct cli *cli, int *status);
/* What --help prints. */
void cli_help(const struct cli_verb *verb);
/* Complains on stderr and returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) PVK_PRINTF(2, 3);
/* 0, or -EINVAL for what is no number from min to max. */
int cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* --timeout: seconds to milliseconds. */
int cli_timeout(const struct cli *cli, const char *text, uint32_t *ms);

/* Connects to the kernel: 0 or an exit status, the complaint made. */
int cli_open(struct cli *cli, const struct pvk_drv_ops *ops, void *arg);

/* One line on stderr, safe for a terminal: "pvkit: WHAT: TEXT". */
void cli_complain(const char *what, const char *fmt, ...) PVK_PRINTF(2, 3);
/* From now on they go to the system log too, for callers that nobody watches. */
void cli_use_syslog(void);
/* As above for a negative errno and its text; returns the exit status for it. */
int cli_fail(const char *what, int code, const struct pvk_err *err);
int cli_status(int code);
/* The same of a request: an errno in its outcome is a module's, and a failure. */
int cli_outcome_status(int code, const struct pvk_outcome *outcome);

/* Adds text to buf with control characters and broken UTF-8 made visible. */
void cli_clean(struct pvk_buf *buf, const char *text);
/* Prints the JSON text and a newline; an exit status. */
int cli_print_json(struct json_out *out);
/* True if the list is to be JSON, whose items then follow; else it is a table. */
bool cli_begin_list(const struct cli *cli, bool torn, struct json_out *out);
int cli_end_list(struct json_out *out);

/* Of a time of the kernel's (CLOCK_BOOTTIME, ns): seconds since 1970. */
int64_t cli_when(uint64_t boottime_ns);
/* "12 min ago"; text has room for 32 bytes. */
const char *cli_ago(uint64_t boottime_ns, char *text, size_t size);

/* Pairs for the object that is open. */
void cli_json_texts(struct json_out *out, const char *key, const struct pvk_texts *texts);
/* "users" and, for the one without a name, "host". */
void cli_json_users(struct json_out *out, const struct pvk_texts *users);
void cli_json_flags(struct json_out *out, uint32_t flags);
/* Words between blanks as an array. */
void cli_json_words(struct json_out *out, const char *key, const char *words);
/* Seconds since 1970; null for 0. */
void cli_json_when(struct json_out *out, const char *key, uint64_t boottime_ns);

/*
 * A table: columns as wide as their widest cell, two blanks between. A row
 * begins with table_row(); missing cells are empty. A note is a line of its
 * own below the row.
 */
#define TABLE_COLUMNS	8
#define TABLE_ROWS_MAX	65536

struct table_row {
	char *cell[TABLE_COLUMNS];
	char *note;
};

struct table {
	size_t columns;
	struct table_row *row;
	size_t n_rows;
	size_t used;		/* cells of the last row */
	int err;
};

void table_head(struct table *table, const char *const *names, size_t count);
void table_row(struct table *table);
/* "-" for an empty text. */
void table_cell(struct table *table, const char *text);
void table_skip(struct table *table, size_t cells);
void table_note(struct table *table, const char *fmt, ...) PVK_PRINTF(2, 3);
/* Prints and frees it; an exit status. */
int table_print(struct table *table);

/* --- containers and uses -------------------------------------------------- */

/*
 * What a container names, gathered from options, run.json or annotations into
 * a fixed room: nothing to free.
 */
struct uses {
	struct pvk_container container;
	struct pvk_entry entry[PV_DRIVER_MAX_ENTRIES];
};

int uses_name(struct uses *uses, const char *name, struct pvk_err *err);
/* "a,b,c", all of one type. */
int uses_add(struct uses *uses, uint32_t type, const char *words, struct pvk_err *err);
int uses_role(struct uses *uses, const char *role, struct pvk_err *err);
/* All that a run.json or annotations said. */
int uses_names(struct uses *uses, const struct pvk_names *names, struct pvk_err *err);
/* -ENOENT if there is no such file. */
int uses_run_json(struct uses *uses, const char *path, struct pvk_err *err);
int uses_src_json(struct uses *uses, const char *path, struct pvk_err *err);

/*
 * Loads what the container requires, then what it would like, on its behalf. A
 * required driver that fails ends it with an exit status; the others are
 * complained of only. Results go to out if it is not NULL.
 */
int uses_load(struct cli *cli, const struct pvk_container *container, uint32_t timeout_ms,
	      struct json_out *out);

/* One result of a load, unload or stop. */
void cli_json_outcome(struct json_out *out, const char *what, int code,
		      const struct pvk_outcome *outcome, const struct pvk_err *err);
void cli_warnings(const char *what, const struct pvk_texts *warnings);

/* --- modules -------------------------------------------------------------- */

/* What the system says of a module beside pv_driver. */
struct sysmod {
	char state[16];			/* live, coming, going; "": not loaded */
	bool builtin;
	int refs;			/* -1: not known */
	struct pvk_buf holders;		/* modules that use it, blanks between */
	struct pvk_buf dependents;	/* those that could, loaded or not */
};

struct pvk_state;

/*
 * name: as the kernel spells it. state: pvkitd's, for where it looks for modules.
 * Free it in any case.
 */
void sysmod_read(struct sysmod *mod, const char *name, const struct pvk_state *state);
/* Does the other module depend on this one? */
bool sysmod_needed_by(const struct sysmod *mod, const char *other);
void sysmod_free(struct sysmod *mod);

/* --- verbs ---------------------------------------------------------------- */

int verb_addon_pack(struct cli *cli);
int verb_drivers_list(struct cli *cli);
int verb_drivers_load(struct cli *cli);
int verb_drivers_unload(struct cli *cli);
int verb_drivers_watch(struct cli *cli);
int verb_drivers_why(struct cli *cli);
int verb_drivers_add(struct cli *cli);
int verb_drivers_del(struct cli *cli);
int verb_drivers_check(struct cli *cli);
int verb_container_add(struct cli *cli);
int verb_container_start(struct cli *cli);
int verb_container_stop(struct cli *cli);
int verb_container_list(struct cli *cli);
int verb_hook_oci(struct cli *cli);
int verb_hook_lxc(struct cli *cli);
int verb_flag_list(struct cli *cli);
int verb_flag_get(struct cli *cli);
int verb_flag_set(struct cli *cli);
int verb_flag_clear(struct cli *cli);
int verb_flag_watch(struct cli *cli);
int verb_flag_explain(struct cli *cli);
int verb_flag_add(struct cli *cli);
int verb_flag_del(struct cli *cli);
int verb_slot_list(struct cli *cli);
int verb_slot_mark_good(struct cli *cli);
int verb_pivot_status(struct cli *cli);
int verb_pivot_abort(struct cli *cli);
int verb_pivot_start(struct cli *cli);
int verb_pivot_holders(struct cli *cli);
int verb_update(struct cli *cli);
int verb_union_status(struct cli *cli);
int verb_union_keep(struct cli *cli);
int verb_union_forget(struct cli *cli);
int verb_union_watch(struct cli *cli);
int verb_reboot(struct cli *cli);
int verb_blink(struct cli *cli);
int verb_ping(struct cli *cli);
int verb_status(struct cli *cli);

#endif /* PVKIT_CLI_H */
