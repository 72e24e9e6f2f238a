/* SPDX-License-Identifier: MIT */
/*
 * owner - the process that owns the session: from the old root to the reboot
 */
#ifndef UPDATE_OWNER_H
#define UPDATE_OWNER_H

#include "plan.h"
#include "undo.h"

/*
 * ram: where the small root is mounted; "": it is the root already. Returns only when it
 * failed, and what was changed is in undo, for the parent to put back. With undo->armed
 * there is nothing to put back.
 */
void owner_run(const struct plan *plan, const char *ram, struct undo *undo);

#endif /* UPDATE_OWNER_H */
