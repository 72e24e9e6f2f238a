/* SPDX-License-Identifier: MIT */
/*
 * post - a command after the last image: words with blanks between, and no shell
 *
 * What wants one is a script of its own. The program is looked for where PATH says.
 */
#ifndef UPDATE_POST_H
#define UPDATE_POST_H

#include "util.h"

/* Is there such a program? -ENOENT, with its name. */
int post_check(const char *command, struct pvk_err *err);
/*
 * Runs it, with PVKIT_UPDATE_ID in its environment, and waits for it, so many seconds at
 * most. -ETIMEDOUT: it was killed then; -ECHILD: it failed, with how.
 */
int post_run(const char *command, const char *id, unsigned int seconds, struct pvk_err *err);

#endif /* UPDATE_POST_H */
