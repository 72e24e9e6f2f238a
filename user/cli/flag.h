/* SPDX-License-Identifier: MIT */
/*
 * flag - what the verbs about boot flags have in common
 */
#ifndef PVKIT_CLI_FLAG_H
#define PVKIT_CLI_FLAG_H

#include "cli.h"
#include "flagsource.h"

/* The sources of one call of a verb. */
struct flag {
	struct cli *cli;
	const char *config;		/* --config */
	const char *store;		/* --store; NULL: not given */
	uint32_t timeout_ms;		/* --timeout, or the usual one */
	struct pvk_flagconf conf;
	struct pvk_flagsources list;
	bool no_kernel;			/* pv_bootflag is not there */
};

#define FLAG_INIT(verb_cli)	{ .cli = (verb_cli), .config = PVK_FLAGCONF_FILE, \
				  .timeout_ms = PVK_SET_TIMEOUT_MS }

/* One of --config, --store and --timeout: 0, or an exit status. */
int flag_option(struct flag *flag, int opt);
/* For a verb about the kernel's stores alone, which wants no configuration. */
int flag_open_kernel(struct cli *cli, const struct pvk_bf_ops *ops, void *arg);
/* Says that this source is not one of them; the exit status of that. */
int flag_not_kernel(const char *name);
/* Reads the configuration and all sources: 0 or an exit status. */
int flag_load(struct flag *flag);
/* The same for a verb that looks at --store alone: no more is read than it takes. */
int flag_load_picked(struct flag *flag);
void flag_free(struct flag *flag);

#define flag_auto	__attribute__((cleanup(flag_free)))

/* Says on stderr what of the list is missing. */
void flag_warn(const struct flag *flag);
/* --store, or the first that holds all fields; NULL, the complaint made. */
struct pvk_flagsource *flag_pick(struct flag *flag, uint32_t fields, int *status);
/* As cli_fail(); what only force or another store would change is a refusal. */
int flag_fail(const char *what, int code, const struct pvk_err *err);
/* The same with an object {"store","errno","errname","error"} if --json was given. */
int flag_fail_json(const struct flag *flag, const char *what, int code,
		   const struct pvk_err *err);
/* "b"; "-" if it is not set. */
const char *flag_cell(const struct pvb_flags *flags, unsigned int field, char *text);
/* "fields": {...} */
void flag_json_fields(struct json_out *out, const char *key, const struct pvb_flags *flags);
/* "offers": ["mode", ...] */
void flag_json_names(struct json_out *out, const char *key, uint32_t fields);

#endif /* PVKIT_CLI_FLAG_H */
