/* SPDX-License-Identifier: MIT */
/*
 * registry - bsp/drivers.json into the kernel
 */
#ifndef PVKITD_REGISTRY_H
#define PVKITD_REGISTRY_H

#include "driver.h"

/*
 * Registers every alias of ROOT/bsp/drivers.json that applies to this machine,
 * and removes those that an earlier call registered and the file no longer has.
 * What is in use stays as it is: *pending counts those, for a later call. A
 * missing file is one without aliases; a bad one changes nothing.
 * What was registered is kept in ROOT/drivers.registered, so that aliases
 * which somebody else made are never taken for ours.
 */
int registry_sync(struct pvk_drv *drv, const char *root, unsigned int *pending,
		  struct pvk_err *err);

#endif /* PVKITD_REGISTRY_H */
