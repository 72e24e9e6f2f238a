/* SPDX-License-Identifier: MIT */
/*
 * guard - a process in RAM that outlives the root, and reboots when that is gone
 *
 * guard.c starts it before the switch, in a mount namespace of its own whose root is a
 * tmpfs with nothing but kernel file systems; of the root it holds one file descriptor.
 * The program is a copy in that tmpfs, exec'ed anew, locked in memory and spared by the
 * OOM killer. guard_watch.c is what runs there: two processes, each of which notices the
 * other's death, and helpers that ask and that may get stuck.
 *
 * SIGTERM to any of the two ends both, as every init sends at a shutdown. systemd spares
 * processes whose name begins with '@'; there they end when process 1 has become
 * systemd-shutdown, so that the root can be unmounted for good.
 */
#ifndef INIT_GUARD_H
#define INIT_GUARD_H

#include "conf.h"
#include "flagsource.h"
#include "guard_probe.h"
#include "guard_state.h"

#define GUARD_NAME	"@pvkit-init: root guard"

/* What it takes along. */
struct guard_plan {
	struct guard_times times;
	struct probe probe;
	int fd;				/* to ask with */
	bool dry_run;
	bool restart;			/* one of the two that died; else reboot */
	char watchdog[64];		/* a device; "": none */
	bool has_store;			/* where the reason goes */
	struct pvk_store store;
	struct pvk_flagconf flagconf;
	char what[320];			/* the root, for people */
};

/*
 * where: a directory on what is to be guarded; root: where the new root is mounted, the
 * same unless a union lies over it; source: what was mounted. It is no
 * reason not to boot: what is missing is said.
 */
void guard_start(const struct conf *conf, const struct boot_conf *boot, const char *where,
		 const char *root, const char *source, const struct pvk_flagsources *sources,
		 const struct pvk_flagconf *flagconf);
/* Is this the program that guard_start() has exec'ed? */
bool guard_is(const char *argv0);
/* Then this is all that it does. */
_Noreturn void guard_main(void);

/* guard_watch.c */
/* All but these two and 0 to 2. */
void guard_close_others(int mine, int theirs);
_Noreturn void guard_watch(struct guard_plan *plan);

#endif /* INIT_GUARD_H */
