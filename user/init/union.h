/* SPDX-License-Identifier: MIT */
/*
 * union - a read-only root that can be written, into RAM
 *
 * An overlay of the root and a tmpfs with a size limit. What is written is gone after the
 * boot. An overlay can't be the upper layer of another one, which is what container
 * runtimes make of their store: such directories are named (union-plain) and lie on the
 * tmpfs alone.
 *
 * In the running system UNION_LOWER is the root as it is and UNION_RAM the tmpfs, with
 * what was written in upper/. Neither is a way around what was changed in the union: no
 * set-user-ID and no device there, and the tmpfs is root's alone. In UNION_STATE is what
 * other programs are told of it.
 */
#ifndef INIT_UNION_H
#define INIT_UNION_H

#include "conf.h"
#include "unionlevel.h"

#define UNION_DIR	PVK_UNION_DIR
#define UNION_LOWER	UNION_DIR "/lower"
#define UNION_RAM	UNION_DIR "/ram"
#define UNION_STATE	UNION_DIR "/" PVK_UNION_STATE

/* What is mounted at UNION_LOWER, united with RAM, at where. */
int union_mount(const char *where, const struct conf *conf, const struct boot_conf *boot,
		const struct pvk_cmdline *cmdline, struct pvk_err *err);
/* By who ran before us, over the root that we are on. */
bool union_is_there(void);
/*
 * Starts the process that watches how full it is, and that outlives us. It is no reason
 * not to boot.
 */
void union_watch(void);

#endif /* INIT_UNION_H */
