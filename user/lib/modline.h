/* SPDX-License-Identifier: MIT */
/*
 * modline - "NAME [PARAM=VALUE ...]" as the kernel would read it
 *
 * Words are separated by spaces. Quotes are the kernel's: a VALUE, or a whole
 * word, may stand between double quotes and then hold spaces; there is no
 * escape, so a value with a quote inside can't be said and is refused. Control
 * characters are refused, tabs and newlines included.
 *
 * What a reference (${...}, see template.h) can do is decided by where it
 * stands in the line, before its value is looked at:
 *
 *	iwlwifi ${user-meta:opts}	a word of its own: the value is words
 *					PARAM[=VALUE] for this module, or none
 *	iwlwifi power_save=${user-meta:ps}
 *					in a VALUE: the value stays inside of it,
 *					spaces and all
 *	anywhere else			(in NAME, in PARAM, beside other text) it
 *					is an error
 *
 * So no value can name a module, end its word, open a quote that the line's
 * author did not close, or pass anything but parameters of that module.
 *
 * A parameter is known if the caller's policy says so. Words that come from a
 * value never get further than that; a bad or unknown one is left out with a
 * warning. Words that the line's author wrote (defaults count as such) are
 * errors when bad; what becomes of unknown ones is the policy's to say, and
 * "dyndbg" and "async_probe" are known, since the kernel takes them for every
 * module.
 */
#ifndef PVK_MODLINE_H
#define PVK_MODLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "template.h"
#include "util.h"

#define PVK_MODLINE_MAX		1024	/* bytes of NAME and parameters, written out */
#define PVK_MODULE_NAME_MAX	55
#define PVK_PARAM_NAME_MAX	127

/* [A-Za-z0-9_-]{1,55} */
bool pvk_module_name_ok(const char *name);
/* Equal, with '-' and '_' being the same: for modules and for parameters. */
bool pvk_dash_equal(const char *a, const char *b);

enum pvk_unknown {
	PVK_UNKNOWN_ERROR,	/* -ENOENT, naming it */
	PVK_UNKNOWN_DROP,	/* leave it out, with a warning */
	PVK_UNKNOWN_KEEP,	/* pass it on; the kernel warns */
};

struct pvk_policy {
	/*
	 * Whether modinfo of the module names the parameter (parm= or
	 * parmtype=). NULL: nothing is known, so no word of a value gets through.
	 */
	bool (*known)(void *arg, const char *module, const char *param);
	void *arg;
	enum pvk_unknown unknown_in_line;	/* of the author's words only */
};

/* A ready-made pvk_policy.known: arg is a NULL-terminated array of names. */
bool pvk_known_in_array(void *arg, const char *module, const char *param);

struct pvk_param {
	char *name;
	char *value;		/* NULL: a word without '=' */
	enum pvk_origin origin;	/* of the name */
};

struct pvk_modline {
	char name[PVK_MODULE_NAME_MAX + 1];
	struct pvk_param *param;	/* in the order of the line; the kernel's last one wins */
	size_t count;
	char *args;		/* for finit_module(); never NULL after a parse */
};

/*
 * tmpl is expanded. Returns 0 or, with a text,
 *   -EINVAL  not a module line, or a reference in the wrong place
 *   -ENOENT  unknown parameter    -E2BIG  longer than PVK_MODLINE_MAX    -ENOMEM
 */
int pvk_modline_parse(const struct pvk_template *tmpl, const struct pvk_policy *policy,
		      struct pvk_modline *line, struct pvk_list *warnings, struct pvk_err *err);
void pvk_modline_free(struct pvk_modline *line);

#define pvk_auto_modline	__attribute__((cleanup(pvk_modline_free)))

/*
 * All of it for the loader: parse the template, expand it, parse the line.
 * What a caller is to see of the line's faults is in err.
 */
int pvk_modline_resolve(const char *text, pvk_lookup_fn lookup, void *arg,
			const struct pvk_caller *caller, const struct pvk_policy *policy,
			struct pvk_modline *line, struct pvk_list *warnings, struct pvk_err *err);

/*
 * What can be said of a line from a file before any value is known: errors as
 * above but for unknown parameters. name (may be NULL) gets the module's name.
 */
int pvk_modline_check(const char *text, char name[PVK_MODULE_NAME_MAX + 1], struct pvk_err *err);

#endif /* PVK_MODLINE_H */
