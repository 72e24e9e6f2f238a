/* SPDX-License-Identifier: MIT */
/*
 * slot_check - the command of `pvkit slot mark-good --if`
 *
 * It runs in a process group of its own, so that what it has started can be ended
 * with it. Whoever starts one has SIGCHLD blocked and not ignored.
 */
#ifndef PVKIT_CLI_SLOT_CHECK_H
#define PVKIT_CLI_SLOT_CHECK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct check {
	pid_t pid;
	bool ended;
	int error;	/* why it is not known how it ended, positive errno */
	int status;	/* as waitpid() says it, without an error */
};

/* With these signals blocked. quiet: what it prints goes to stderr. 0 or a negative errno. */
int check_start(struct check *check, const char *command, const sigset_t *blocked, bool quiet);
/* Does not wait. */
bool check_ended(struct check *check);
/* Is anything left of the command and of what it has started? */
bool check_left(struct check *check);
void check_signal(const struct check *check, int sig);
/* Of one that has ended: was that status 0? Else why not. */
bool check_good(const struct check *check, char *why, size_t size);

#endif /* PVKIT_CLI_SLOT_CHECK_H */
