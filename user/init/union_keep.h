/* SPDX-License-Identifier: MIT */
/*
 * union_keep - what `pvkit union keep` has put aside, back into the RAM over the root
 *
 * union-keep = DEVICE:/DIR. The file system is mounted for as long as that takes and is
 * nobody's afterwards: the running system may mount it as it likes. Nothing here is a
 * reason not to boot: what is damaged, or does not come, is said.
 */
#ifndef INIT_UNION_KEEP_H
#define INIT_UNION_KEEP_H

#include "conf.h"

/*
 * ram: of the tmpfs; upper: the layer in it, which nobody uses yet; lower: the root. Of
 * the RAM one half is left in any case.
 */
void union_keep_restore(const struct conf *conf, const struct boot_conf *boot,
			const struct pvk_cmdline *cmdline, const char *ram, const char *upper,
			const char *lower);

/* "LABEL=data:/keep" -> "LABEL=data", "/keep"; false: it is none. */
bool union_keep_split(const char *text, char *device, size_t size, const char **dir);

#endif /* INIT_UNION_KEEP_H */
