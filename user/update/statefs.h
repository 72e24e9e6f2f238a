/* SPDX-License-Identifier: MIT */
/*
 * statefs - the file system on which an update outlives a power cut
 *
 * It is what update.conf (updateconf.h) and a plan (plan.h) call state: a device as root=
 * of pvkit-init takes it, a type, several with commas between, or auto, and a directory on
 * it, below which the plan, images that lie nowhere else, the log and the result are.
 */
#ifndef UPDATE_STATEFS_H
#define UPDATE_STATEFS_H

#include <limits.h>
#include <stdbool.h>

#include "util.h"

#define UPDATE_STATE_WAIT	30	/* seconds for its device to appear */

/* Below DIR. */
#define UPDATE_STATE_PLAN	"plan"
#define UPDATE_STATE_LOG	"log"
#define UPDATE_STATE_RESULT	"result"

struct update_state {
	char device[256];
	char fstype[64];		/* "": any */
	char dir[256];			/* with a '/' before it, and none at its end */
	char source[288];		/* of mount(2), once it was found */
	char where[64];			/* "": not mounted */
};

/* -EINVAL: a word that it can't have. */
int update_state_init(struct update_state *state, const char *device, const char *fstype,
		      const char *dir, struct pvk_err *err);

/* Waits for the device for so many seconds, and mounts it, writable, where there is RAM. */
int update_state_mount(struct update_state *state, const char *where, unsigned int seconds,
		       struct pvk_err *err);
/* One that somebody else has mounted there. */
void update_state_mounted(struct update_state *state, const char *where);
int update_state_unmount(struct update_state *state, struct pvk_err *err);

/* "/state/update/plan" of "plan", in path[PATH_MAX]. */
const char *update_state_path(const struct update_state *state, const char *name, char *path);
/* Its directory, which has to be root's alone (owned.h), as all on the way there: an fd. */
int update_state_open(const struct update_state *state, struct pvk_err *err);
/* The file has that text from now on, whole and synced, or what it had. */
int update_state_put(const struct update_state *state, const char *name, const char *text,
		     struct pvk_err *err);
/* One more line in the log; it is none the worse without. */
void update_state_log(const struct update_state *state, const char *fmt, ...) PVK_PRINTF(2, 3);

#endif /* UPDATE_STATEFS_H */
