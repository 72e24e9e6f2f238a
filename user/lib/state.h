/* SPDX-License-Identifier: MIT */
/*
 * state - how pvkitd's last reading of drivers.json went, for whoever asks
 *
 * A small file in a directory that is empty after a start of the machine and
 * that no container sees. pvkitd replaces it at each reading; `pvkit status`
 * shows it, with pvkitd running or not.
 */
#ifndef PVK_STATE_H
#define PVK_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

#define PVK_STATE_DIR	"/run/pvkitd"
#define PVK_STATE_FILE	"drivers-read.json"
#define PVK_STATE_MODULES	4

struct pvk_state {
	bool ok;
	int64_t when;		/* seconds since 1970, as the clock was then */
	char file[256];		/* what was read */
	char text[512];		/* if not ok: "LINE:COLUMN: ..." and what holds meanwhile */
	char sections[512];	/* that apply to this machine, and why */
	uint64_t aliases;	/* of the file */
	uint64_t pending;	/* aliases that change when nobody uses them any more */
	uint64_t warnings;	/* in the log */
	/* Where modules are looked for, in this order; none: /lib/modules/RELEASE. */
	char modules[PVK_STATE_MODULES][PATH_MAX];
	unsigned int n_modules;
};

int pvk_state_write(const char *dir, const struct pvk_state *state);
/* -ENOENT: nothing was read since the start of the machine. */
int pvk_state_read(const char *dir, struct pvk_state *state);

#endif /* PVK_STATE_H */
