/* SPDX-License-Identifier: MIT */
/*
 * modparam - a vendor's modparam.json as a source of module parameters
 *
 *	{ "SECTION": { "PARAM": 1024, "FLAG": true, "LEN": "0x0", "LIST": [1, 2] }, ... }
 *
 * ${modparam:SECTION} in a module line becomes "PARAM=1024 FLAG=1 LEN=0x0
 * LIST=1,2". Vendor files carry trailing commas and sections given twice:
 * both are warnings, and the last section wins.
 */
#ifndef PVK_MODPARAM_H
#define PVK_MODPARAM_H

#include <stddef.h>

#include "util.h"

struct pvk_modparam;

/*
 * As json_parse(); -EBADMSG also for a text that is no object of objects.
 * warnings may be NULL.
 */
int pvk_modparam_parse(const char *text, size_t len, struct pvk_modparam **out,
		       struct pvk_list *warnings, struct pvk_err *err);
void pvk_modparam_free(struct pvk_modparam *modparam);

/*
 * Adds the section's parameters to buf, in the file's order, for a module line
 * to take apart again: names are checked there. A value that a line can't hold
 * (nested, null, a string with '"' or a control character) is left out. -ENOENT:
 * no such section.
 */
int pvk_modparam_get(const struct pvk_modparam *modparam, const char *section,
		     struct pvk_buf *buf);

#endif /* PVK_MODPARAM_H */
