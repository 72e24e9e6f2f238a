/* SPDX-License-Identifier: MIT */
/*
 * supervisor - starts the loader, the front and control, and starts them again
 *
 * Each child says now and then that its event loop turns; one that does not is
 * killed. The service manager's watchdog is fed as long as none hangs, so that
 * it ends all of us only when this process does not turn itself.
 *
 * It keeps the listening sockets, so that what connects while the front is
 * down waits instead of failing, and does nothing else that could make it die.
 */
#ifndef PVKITD_SUPERVISOR_H
#define PVKITD_SUPERVISOR_H

#include "role.h"

/*
 * Runs the roles of env->config until SIGTERM or SIGINT, and returns the exit
 * status. One byte goes to detach_fd (-1: none) when all are ready.
 */
int supervisor_run(const struct role_env *env, int detach_fd);

#endif /* PVKITD_SUPERVISOR_H */
