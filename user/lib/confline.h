/* SPDX-License-Identifier: MIT */
/*
 * confline - a line of flags.conf, init.conf and whatever else is written that way
 *
 * `NAME VALUE`, `NAME=VALUE` or `NAME = VALUE`; # begins a comment.
 */
#ifndef PVK_CONFLINE_H
#define PVK_CONFLINE_H

#include <stdbool.h>

/* Cuts it in place; value is "" where there is none. false: there is nothing on it. */
bool pvk_conf_line(char *line, char **name, char **value);

#endif /* PVK_CONFLINE_H */
