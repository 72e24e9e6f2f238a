/* SPDX-License-Identifier: MIT */
/*
 * attr - files of one line, as sysfs has them
 */
#ifndef INIT_ATTR_H
#define INIT_ATTR_H

#include <stddef.h>

#include "util.h"

/* The first line, without its newline; "" and a negative errno if there is none. */
int attr_read(char *line, size_t size, const char *path_format, ...) PVK_PRINTF(3, 4);

#endif /* INIT_ATTR_H */
