/* SPDX-License-Identifier: MIT */
/*
 * updateconf - /etc/pvkit/update.conf: how a running system is updated in place
 *
 * Lines `NAME VALUE` or `NAME = VALUE`, # begins a comment:
 *
 *	state = DEVICE FSTYPE [DIR]	what outlives a power cut: no target; DEVICE as in
 *					root=, DIR on that file system
 *	ram = DIR			where the small root is mounted
 *	program = PROGRAM		what writes: pvkit-update, by name or path
 *	init = auto|systemd|busybox	how process 1 is handed over
 *	stop = COMMAND...		run, in their order, before processes are ended
 *	term-seconds = N		that processes have after SIGTERM
 *	kill-seconds = N		and after SIGKILL
 *	watchdog-seconds = N		that a watchdog is kept alive, at most
 *	copy-bin, copy-data		see stage.h
 *
 * pvkit reads it, and pvkit-update in RAM and in an initramfs: nothing here wants more
 * than the C library.
 */
#ifndef PVK_UPDATECONF_H
#define PVK_UPDATECONF_H

#include <stdbool.h>

#include "util.h"

#define PVK_UPDATE_CONF		"/etc/pvkit/update.conf"
#define PVK_UPDATECONF_STOPS_MAX	16
#define PVK_UPDATECONF_SECONDS_MAX	86400

enum pvk_update_init {
	PVK_INIT_AUTO,		/* by what process 1 is */
	PVK_INIT_SYSTEMD,
	PVK_INIT_BUSYBOX,
};

struct pvk_updateconf {
	char state_device[256];	/* "": there is none */
	char state_fs[64];
	char state_dir[256];	/* begins with a / */
	char ram[256];
	char program[256];
	enum pvk_update_init init;
	char stop[PVK_UPDATECONF_STOPS_MAX][256];
	unsigned int stops;
	unsigned int term, kill, watchdog;	/* seconds */
};

void pvk_updateconf_init(struct pvk_updateconf *conf);
/* One setting; value is cut up. -EINVAL, with a text. copy-bin and copy-data pass by. */
int pvk_updateconf_set(struct pvk_updateconf *conf, const char *name, char *value,
		       struct pvk_err *err);
/* The defaults and then the file; without it the defaults. */
int pvk_updateconf_read(struct pvk_updateconf *conf, const char *path, struct pvk_err *err);

#endif /* PVK_UPDATECONF_H */
