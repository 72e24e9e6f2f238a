/* SPDX-License-Identifier: MIT */
/*
 * modules - load what the initramfs has for the root
 *
 * scripts/mkinitramfs lists them in an order in which each can be loaded: lines
 * `PATH [PARAM=VALUE...]`, `?` before one that may fail. What the command line says for a
 * module, NAME.PARAM=VALUE, comes after these.
 */
#ifndef INIT_MODULES_H
#define INIT_MODULES_H

#include "cmdline.h"

#define MODULES_FILE	"/lib/pvkit/modules"

/* One that can't be loaded is said, and the next one tried: the root may do without. */
void modules_load(const char *list, const struct pvk_cmdline *cmdline);
/* The parameters that the command line has for the module at path, added to params. */
void modules_params(const char *path, const struct pvk_cmdline *cmdline, struct pvk_buf *params);

#endif /* INIT_MODULES_H */
