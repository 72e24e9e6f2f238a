/* SPDX-License-Identifier: MIT */
/*
 * stores - the boot flags' stores, with pv_bootflag or without
 *
 * Where pv_bootflag is in the kernel, it reads and writes them, and this only asks:
 * what flags.conf describes is added to what it has. Where it is not, the same
 * descriptions are read here, by the same code (include/pvkit); of their words those
 * that say what pv_bootflag is to do, keep and count and so on, mean nothing then, and
 * nothing is used up.
 */
#ifndef INIT_STORES_H
#define INIT_STORES_H

#include "flagsource.h"

#define STORES_SYS	"/sys"

/* A store that can't be read is in the list with a state that says so. */
int stores_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf, const char *sys,
		struct pvk_err *err);
/* Several fields at once, or none of them. */
int stores_set(const struct pvk_store *store, const struct pvk_flagconf *conf, const char *sys,
	       const struct pvk_change *change, struct pvk_err *err);

/* store_kernel.c: pv_bootflag's, over sysfs. -ENOENT: it is not there. */
int store_kernel_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		      const char *sys, struct pvk_err *err);
int store_kernel_set(const struct pvk_store *store, const char *sys,
		     const struct pvk_change *change, struct pvk_err *err);

/* store_direct.c: one that flags.conf describes; store has its name and spec. */
void store_direct_read(struct pvk_store *store, const char *sys, const char *dev);
int store_direct_set(const struct pvk_store *store, const char *sys, const char *dev,
		     const struct pvk_change *change, struct pvk_err *err);

/*
 * source_env.c: the U-Boot environment, read only and without libubootenv. None where
 * flags.conf has no word of it and there is no config.
 */
int source_env_read(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		    struct pvk_err *err);

#endif /* INIT_STORES_H */
