/* SPDX-License-Identifier: MIT */
/*
 * sandbox - what a process can still ask of the kernel once it is set up
 *
 * Two walls that do not depend on each other. Landlock says which files there
 * are for a process, seccomp which system calls. Both stay for good and are
 * inherited by workers; neither needs a right to put up.
 *
 * seccomp: what a role does is allowed. What none of it would ever do, and an
 * intruder would (execve, ptrace, mount, ...), kills the process: it ends
 * loudly, and the supervisor starts a clean one. Anything else gets ENOSYS and,
 * where audit is on, a line in the kernel's log: a C library that tries a call
 * newer than this list falls back to the old one and goes on.
 *
 * Landlock is as strict as the kernel can be (5.13 and later; each ABI version
 * adds something). A kernel without it has the first wall only.
 */
#ifndef PVKITD_SANDBOX_H
#define PVKITD_SANDBOX_H

#include <linux/filter.h>

#include "config.h"
#include "util.h"

enum sandbox_role {
	SANDBOX_FRONT,
	SANDBOX_LOADER,
	SANDBOX_WORKER,		/* inside a loader's: it says only what is less */
	SANDBOX_CONTROL,	/* its calls are a list of its own */
};

struct sandbox {
	const struct sock_fprog *base;	/* NULL: entered before, by who forked us */
	int ruleset;			/* Landlock's; -1: there is none */
	struct sock_fprog program;	/* seccomp's own; .len 0: there is none */
};

/*
 * Says what is missing on this system, once, before anything is started, and
 * makes what all that is started shares. `wanted`: the user did not turn it off.
 */
void sandbox_report(bool wanted);

/*
 * Makes it, to be entered later or by a child, for the directories that the
 * configuration names. While the process can still open what the role is to
 * reach; never half done.
 */
int sandbox_prepare(struct sandbox *sandbox, enum sandbox_role role,
		    const struct config *config, struct pvk_err *err);
/*
 * From here on there is no way back. Wants no_new_privs. What it was prepared with
 * stays, for the next child; sandbox_free() also works inside. System calls are
 * limited in every thread of the process, files in the one that calls.
 */
int sandbox_enter(const struct sandbox *sandbox, struct pvk_err *err);
/* For a thread of a process that enters later: its part of the limits on files. */
int sandbox_enter_files(const struct sandbox *sandbox, struct pvk_err *err);
void sandbox_free(struct sandbox *sandbox);

/*
 * Whether the loader, inside, is kept from what it may read: a directory that was
 * made, or a link that leads elsewhere, since it went in. A new one will see it.
 */
bool sandbox_is_stale(const struct config *config);

/* ---- its halves ---- */

/*
 * What front and loader may do between them, and what of that a role may not, on top
 * of it. .len 0 if the kernel or the build has none, or there is nothing to say.
 */
int sandbox_calls_base(struct sock_fprog *program, struct pvk_err *err);
int sandbox_calls(struct sock_fprog *program, enum sandbox_role role, struct pvk_err *err);
/* Why there is none, NULL if there is one. */
const char *sandbox_calls_missing(void);

#endif /* PVKITD_SANDBOX_H */
