/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The formats, which are compiled into the kernel here alone.
 */
#ifndef PVF_FORMATS_H
#define PVF_FORMATS_H

#include <pvkit/format.h>

/**
 * pvf_format_find - look up a format
 * @name: the word after format=
 *
 * Return: the format or NULL.
 */
const struct pvb_format *pvf_format_find(const char *name);
/* Does it write on without an erase, as long as there is room in the block? */
bool pvf_format_appends(const struct pvb_format *format);

#endif /* PVF_FORMATS_H */
