/* SPDX-License-Identifier: MIT */
/*
 * carry - a plan carried out, from its first image to its last flag
 *
 * The same in RAM, when the old root is released and the session armed, and at the next
 * boot, from the cursor on. Images are written and verified, then the variables of the
 * U-Boot environment are set, commands run, and at last phase and cursor go and the plan's
 * flags come. Each of these may be done twice when the machine is cut in between.
 */
#ifndef UPDATE_CARRY_H
#define UPDATE_CARRY_H

#include "phase.h"
#include "write.h"

#define CARRY_POST_SECONDS	300	/* for one command */

/*
 * Before the point of no return, nothing is changed: images, targets, flags, environment
 * and commands, is it all there? env as for write_check(), but for `cursor`, which is ours.
 */
int carry_check(const struct plan *plan, const struct update_phase *phase, uint64_t cursor,
		const struct write_env *env, struct pvk_err *err);
/*
 * cursor 0: from the beginning. On an error the phase stays, for the next boot to go on,
 * and its reason is why.
 */
int carry_out(const struct plan *plan, struct update_phase *phase, uint64_t cursor,
	      const struct write_env *env, struct pvk_err *err);

#endif /* UPDATE_CARRY_H */
