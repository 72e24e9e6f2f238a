/* SPDX-License-Identifier: MIT */
/*
 * sysattr - one line of a file in /sys
 */
#ifndef PVK_SYSATTR_H
#define PVK_SYSATTR_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

/* Without its newline; false: not there, or longer. */
bool pvk_sysattr(char *text, size_t size, const char *fmt, ...) PVK_PRINTF(3, 4);
bool pvk_sysattr_uint(uint64_t *number, const char *fmt, ...) PVK_PRINTF(2, 3);

#endif /* PVK_SYSATTR_H */
