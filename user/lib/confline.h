/* SPDX-License-Identifier: MIT */
/*
 * confline - a line of flags.conf, init.conf and whatever else is written that way
 *
 * `NAME VALUE`, `NAME=VALUE` or `NAME = VALUE`; # begins a comment. A value may have
 * blanks and "=" in it.
 */
#ifndef PVK_CONFLINE_H
#define PVK_CONFLINE_H

#include <stdbool.h>

#include "util.h"

/* Cuts it in place; value is "" where there is none. false: there is nothing on it. */
bool pvk_conf_line(char *line, char **name, char **value);

/* Line n, from 1 on, which may be changed and stays until the last one was told. */
typedef int (*pvk_conf_fn)(void *arg, char *line, unsigned int n, struct pvk_err *err);

/*
 * Tells of each line of a file until one is refused, whose text then begins with
 * "PATH:LINE: ". UTF-8's byte order mark is none of it. A file that is not there has no
 * lines. One with a NUL, as a power cut leaves it, is refused as a whole.
 */
int pvk_conf_read(const char *path, pvk_conf_fn fn, void *arg, struct pvk_err *err);

#endif /* PVK_CONFLINE_H */
