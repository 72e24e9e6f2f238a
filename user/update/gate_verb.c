// SPDX-License-Identifier: MIT
/*
 * What busybox's init runs for an update under `shutdown`: see user/lib/handover.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "verbs.h"

/* By the convention of systemd: who ends the others leaves this one alone. */
static void be_spared(char *name)
{
	if (*name)
		*name = '@';
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

int verb_gate(int argc, char **argv)
{
	const char *gate = argc > 1 ? argv[1] : NULL;

	if (!gate)
		return UPDATE_EXIT_USAGE;
	if (argc == 2) {
		/* The name of the program, before that of the verb. */
		be_spared(argv[-1]);
		pvk_gate_wait(gate);
		return UPDATE_EXIT_OK;
	}
	if (pvk_gate_is_shut(gate))
		return UPDATE_EXIT_OK;
	execvp(argv[2], argv + 2);
	fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
	return UPDATE_EXIT_FAILED;
}
