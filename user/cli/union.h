/* SPDX-License-Identifier: MIT */
/*
 * union - what the verbs `union status`, `union keep` and `union forget` have in common
 */
#ifndef PVKIT_CLI_UNION_H
#define PVKIT_CLI_UNION_H

#include <stdbool.h>

#include "util.h"

/* As --union and --kept say. */
struct union_dirs {
	const char *dir;	/* of the union */
	const char *kept;	/* of archives; NULL: that of union-keep */
};

/*
 * The directory of what is kept, mounted for this process alone if need be: an fd.
 * -ENOENT: no place for it was configured, or, but to write, nothing is kept.
 */
int union_kept_open(const struct union_dirs *dirs, bool write, struct pvk_err *err);

#endif /* PVKIT_CLI_UNION_H */
