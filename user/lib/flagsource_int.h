/* SPDX-License-Identifier: MIT */
/*
 * flagsource_int - the sources of flagsource.c that are no store of the kernel
 */
#ifndef PVK_FLAGSOURCE_INT_H
#define PVK_FLAGSOURCE_INT_H

#include "flagsource.h"

/* A fresh one at the end of the list, or NULL and a text. */
struct pvk_flagsource *flagsource_add(struct pvk_flagsources *list, enum pvk_source_kind kind,
				      struct pvk_err *err);
/* Into the order of the config; those of one rank stay as they came. */
void flagsource_sort(struct pvk_flagsources *list, const struct pvk_flagconf *conf);

/* The command line and the GPIO lines. */
int flagsource_add_others(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
			  struct pvk_err *err);

/* The U-Boot environment. */
int flagsource_add_env(struct pvk_flagsources *list, const struct pvk_flagconf *conf,
		       struct pvk_err *err);
int flagsource_set_env(const struct pvk_flagsource *source, const struct pvk_flagconf *conf,
		       const struct pvk_change *change, struct pvk_list *warnings,
		       struct pvk_err *err);

#endif /* PVK_FLAGSOURCE_INT_H */
