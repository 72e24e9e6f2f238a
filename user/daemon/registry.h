/* SPDX-License-Identifier: MIT */
/*
 * registry - bsp/drivers.json into the kernel
 */
#ifndef PVKITD_REGISTRY_H
#define PVKITD_REGISTRY_H

#include "board.h"
#include "config.h"
#include "driver.h"

#define REGISTRY_DIR	"bsp"	/* below the root directory; holds drivers.json */

/* Which sections count on this machine, with a line of the log that says why. */
void registry_look_at_board(struct pvk_board *board, const struct config *config);

/*
 * Registers every alias of ROOT/bsp/drivers.json that applies to the board, and
 * removes those that an earlier call registered and the file no longer has.
 * What is in use stays as it is: *pending counts those, for a later call. A
 * missing file is one without aliases; a bad one changes nothing.
 * What was registered is kept in ROOT/drivers.registered, so that aliases
 * which somebody else made are never taken for ours; how it went is in
 * STATE/drivers-read.json (see state.h).
 */
int registry_sync(struct pvk_drv *drv, const struct config *config, const struct pvk_board *board,
		  unsigned int *pending, struct pvk_err *err);

#endif /* PVKITD_REGISTRY_H */
