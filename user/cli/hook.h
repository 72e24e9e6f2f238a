/* SPDX-License-Identifier: MIT */
/*
 * hook - what the hooks of all container runtimes have in common
 *
 * Each finds out in its own way which container it is called for and what that
 * names; from there on a start and an end are the same for all.
 */
#ifndef PVKIT_HOOK_H
#define PVKIT_HOOK_H

#include <stdint.h>
#include <sys/types.h>

#include "cli.h"

#define HOOK_ROOT	"/var/lib/pvkit"

/*
 * DIR/run.json, or else DIR/src.json; -ENOENT if there is neither, or no dir.
 * below: containers/NAME below the directory.
 */
int hook_files(struct uses *uses, const char *dir, bool below, struct pvk_err *err);

/*
 * Registers the container whose first process is pid, and loads what it names.
 * An exit status; nothing is left behind if it is not 0.
 */
int hook_create(struct cli *cli, const struct uses *uses, pid_t pid, uint32_t timeout_ms);

/*
 * Removes the container. An exit status; *gone if there was none any more: then
 * hook_settle() is all that is left to do.
 */
int hook_stop(struct cli *cli, const char *name, uint32_t timeout_ms, bool *gone);

/*
 * The kernel saw the container's end before we did: nothing is left to ask it
 * for, but whoever waits for us may count on the drivers being gone.
 */
void hook_settle(struct cli *cli, const struct uses *uses, uint32_t timeout_ms);

#endif /* PVKIT_HOOK_H */
