/* SPDX-License-Identifier: MIT */
/*
 * verbs - what pvkit can do, as a table
 *
 * A new verb: an entry in cli_verbs[], its options in an array beside it, its
 * function in a file of its own. --help, `pvkit help`, the man page and the
 * completion follow from that.
 */
#ifndef PVKIT_VERBS_H
#define PVKIT_VERBS_H

#include <stddef.h>

#define PVKIT_VERSION	"0.1"
#define PVKIT_DATE	"November 22, 2026"	/* of the man pages */

/* Exit statuses; --help lists them. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3,
	CLI_REFUSED = 4,
	CLI_TIMEOUT = 5,
	CLI_NO_KERNEL = 6,
	CLI_NO_DAEMON = 6,	/* of verbs that ask pvkitd, not the kernel */
	CLI_ABORTED = 7,	/* of `pvkit update`: taken back when it was asked to */
};

/* What cli_option() returns for an option. */
enum {
	OPT_HELP = 'h',		/* these two are answered in cli_option() */
	OPT_JSON = 'j',
	OPT_AFTER = 256,
	OPT_ALL,
	OPT_ALL_SECTIONS,
	OPT_BOOT,
	OPT_CGROUP,
	OPT_CONFIG,
	OPT_CONTAINER,
	OPT_COUNT,
	OPT_DEVICE_META,
	OPT_DRY_RUN,
	OPT_DTB,
	OPT_ENV,
	OPT_FIRMWARE,
	OPT_FITCONFIG,
	OPT_FLAG,
	OPT_FORCE,
	OPT_IF,
	OPT_JUNIT,
	OPT_KEEP_OWNER,
	OPT_KEPT,
	OPT_KERNEL,
	OPT_LED,
	OPT_LEVEL,
	OPT_LIMIT,
	OPT_MANUAL,
	OPT_MODE,
	OPT_MODPARAM,
	OPT_MODULES,
	OPT_NO_ANNOTATIONS,
	OPT_OPTIONAL,
	OPT_OUTPUT,
	OPT_PID,
	OPT_POST,
	OPT_RECOVERY,
	OPT_REQUIRED,
	OPT_REQUIRE_SIGNATURE,
	OPT_ROLE,
	OPT_ROOT,
	OPT_RUN_JSON,
	OPT_SHA256,
	OPT_SOCKET,
	OPT_SRC_JSON,
	OPT_STATE,
	OPT_STORE,
	OPT_TIMEOUT,
	OPT_UNION,
	OPT_USER_META,
	OPT_VERIFY_KEY,
	OPT_WAIT,
	OPT_WERROR,
};

/*
 * An array of these ends with a zeroed one. Every verb has --help besides.
 *
 * `words` (here and of a verb): what to offer when the user asks to complete a
 * word: the words themselves with blanks between, or one of @alias, @aliases
 * (commas between), @container, @store, @file, @dir; also several. NULL: nothing.
 */
struct cli_opt {
	const char *name;	/* without "--" */
	const char *arg;	/* what its value is called; NULL: it has none */
	int val;		/* OPT_* */
	const char *help;	/* lines with a newline between */
	const char *words;
};

/* An array of these ends with a text of NULL. */
struct cli_exit {
	int status;
	const char *text;
};

struct cli;

struct cli_verb {
	const char *name;	/* "drivers list" */
	const char *args;	/* for the usage line */
	const char *brief;	/* a sentence */
	const char *text;	/* the rest of its --help, but for the options; or NULL */
	const struct cli_opt *options;
	const struct cli_exit *exits;	/* NULL: cli_exits[] */
	const char *words;	/* for what is no option */
	int (*fn)(struct cli *cli);
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verbs_count;

/* What `pvkit --help` says beside the verbs. */
extern const char cli_intro[];
extern const char cli_errors[];
extern const struct cli_exit cli_exits[];

#endif /* PVKIT_VERBS_H */
