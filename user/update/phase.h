/* SPDX-License-Identifier: MIT */
/*
 * phase - the boot flags of an update: that it has begun, how far it is, that it is done
 *
 * While `phase` is "write-ID" the next boot resumes the update of that ID at `cursor`, as
 * its plan counts (plan.h). Both are in one store: the one that has a phase already, else
 * the first in the order of flags.conf that holds both and can be written here, which is a
 * store of pv_bootflag or one that flags.conf describes (the U-Boot environment is only
 * read). Where there is none, an update goes on without, and each of these calls does what
 * it can.
 *
 * Sets go past a store's rate limit: this limits itself.
 */
#ifndef UPDATE_PHASE_H
#define UPDATE_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "flagsource.h"
#include "plan.h"

#define UPDATE_CURSOR_MS	1000	/* no more sets of the cursor than that */

struct update_phase {
	struct pvk_flagconf conf;
	struct pvk_flagsources sources;
	const struct pvk_flagsource *source;	/* NULL: none holds phase and cursor */
	const char *sys;
	char id[PLAN_ID_LEN + 1];		/* of the phase, set by us or found; "" */
	uint64_t cursor;			/* as it is in the store */
	int64_t cursor_ms;			/* when it was set */
};

/*
 * conf: flags.conf, without which there are the stores that pv_bootflag has; sys: "/sys".
 * What of flags.conf or a store can't be read goes to warnings.
 */
int update_phase_open(struct update_phase *phase, const char *conf, const char *sys,
		      struct pvk_list *warnings, struct pvk_err *err);
void update_phase_close(struct update_phase *phase);

/*
 * The update that was cut. -ENOENT: there is none; -EINVAL: a phase that is not ours;
 * -EROFS: it is said where it can't be taken back, as on the command line.
 */
int update_phase_cut(const struct update_phase *phase, char id[PLAN_ID_LEN + 1],
		     uint64_t *cursor, struct pvk_err *err);

/* Is it that update that the flags are about, or nothing, where there is no store? */
bool update_phase_is(const struct update_phase *phase, const char *id);
/* Before the first byte is written. Nothing without a store. */
int update_phase_begin(struct update_phase *phase, const char *id, struct pvk_err *err);
/*
 * Up to here all is written and synced. Only each UPDATE_CURSOR_MS, unless it has to be
 * now; one that could not be set costs writing anew, and is no error.
 */
void update_phase_cursor(struct update_phase *phase, uint64_t cursor, bool now);

/* Could update_phase_end() set all of that? Ask before the point of no return. */
int update_phase_can_end(const struct update_phase *phase, const struct pvk_change *flags,
			 struct pvk_err *err);
/*
 * After the last image: no phase and no cursor, and the flags that the update was asked to
 * set, in one transaction as far as one store holds them; what it doesn't goes before.
 */
int update_phase_end(struct update_phase *phase, const struct pvk_change *flags,
		     const char *reason, struct pvk_err *err);
/* It stopped, and why, for who looks after the boot; the phase stays. */
void update_phase_stopped(struct update_phase *phase, const char *reason);

#endif /* UPDATE_PHASE_H */
