/* SPDX-License-Identifier: MIT */
/*
 * ubootfield - what variables of a U-Boot environment say of a boot flag
 *
 * A variable holds its field as text (a slot as its letter), but for U-Boot's own:
 * "bootcount" for tries is the count up to "bootlimit", and "upgrade_available" for
 * successful is 0 when it is 1.
 */
#ifndef PVK_UBOOTFIELD_H
#define PVK_UBOOTFIELD_H

#include "flags.h"

#define UBOOT_BOOTCOUNT		"bootcount"
#define UBOOT_BOOTLIMIT		"bootlimit"
#define UBOOT_UPGRADE		"upgrade_available"

/* Its value, to be freed, or NULL. */
typedef char *(*ubootfield_get)(void *arg, const char *name);

bool ubootfield_number(ubootfield_get get, void *arg, const char *name, unsigned long *number);
/*
 * Sets the fields that are kept in a variable, NULL or "" if they are not. A value that
 * its field can't have is a warning (warnings may be NULL).
 */
void ubootfield_read(ubootfield_get get, void *arg, const char *const variable[PVB_FIELDS],
		     struct pvb_flags *flags, struct pvk_list *warnings);

/* PV_BOOTFLAG_STATE_* of what came of reading it, 0 or a negative errno. */
uint32_t ubootfield_state(int ret);

#endif /* PVK_UBOOTFIELD_H */
