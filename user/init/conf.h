/* SPDX-License-Identifier: MIT */
/*
 * conf - what is to be booted: init.conf, and the command line over it
 *
 * init.conf has lines as flags.conf has them and sections, [normal] and so on. What
 * stands before the first section is about all of them or is [normal]'s. On the command
 * line the same is pvkit.NAME=VALUE and pvkit.SECTION.NAME=VALUE, and the kernel's own
 * words, root= and the like, are [normal]'s.
 */
#ifndef INIT_CONF_H
#define INIT_CONF_H

#include <stdbool.h>

#include "cmdline.h"
#include "util.h"

#define CONF_FILE	"/etc/pvkit/init.conf"
#define CONF_WAITS_MAX	3600	/* seconds */

enum boot_way {
	BOOT_NORMAL,
	BOOT_OTA,
	BOOT_RECOVERY,
	BOOT_RESUME,
	BOOT_RESCUE,
	BOOT_WAYS
};

/* What a way has of its own; "" and CONF_UNSAID: as [normal]. */
enum conf_access { CONF_UNSAID, CONF_RO, CONF_RW };
enum conf_union { UNION_UNSAID, UNION_NO, UNION_YES };
/* Unsaid everywhere: a root that is on another machine. */
enum conf_guard { GUARD_UNSAID, GUARD_NO, GUARD_YES, GUARD_DRY_RUN };

struct boot_conf {
	char root[256];
	char fstype[64];
	char flags[512];
	char nbdroot[512];		/* nbd_words.h has what it may say */
	char nfsroot[512];
	char ip[256];			/* the network that the root needs; "": by DHCP */
	enum conf_access access;
	char init[256];
	char program[256];		/* of the initramfs, in place of a root; never [normal]'s */
	enum conf_union in_ram;		/* what is written goes into RAM */
	char union_size[16];		/* as tmpfs has it; "": 50% */
	char union_plain[256];		/* directories that are RAM alone, blanks between */
	char union_keep[256];		/* DEVICE:/DIR of what outlives the boot; "no" */
	enum conf_guard guard;		/* reboot when the root is gone */
};

/* What follows when so many boots in a row have come to nothing. */
enum conf_then { THEN_RECOVERY, THEN_SLOT, THEN_NOTHING };

struct conf {
	struct boot_conf way[BOOT_WAYS];
	char kernels_root[256];		/* root=, whatever else is said; "": there is none */
	unsigned int root_wait;		/* seconds until a missing root is an error */
	unsigned int root_delay;	/* seconds before it is looked for at all */
	unsigned int shell_wait;	/* seconds that ENTER is waited for */
	unsigned int failures_limit;	/* 0: they are not counted */
	enum conf_then failures_then;
	char failures_store[32];	/* "": the first that can hold them */
	unsigned int guard_every;	/* seconds; guard_state.h has what they are */
	unsigned int guard_limit;
	unsigned int guard_grace;
	char guard_store[32];		/* for the reason; "": it is not kept */
	char guard_watchdog[64];	/* a device that watches the guard; "": none does */
	bool guard_restart;		/* a guard that died; else reboot */
	bool shell;
	bool debug;
};

void conf_init(struct conf *conf);
/* A file that is not there is no error; each line that can't be is a warning. */
void conf_read(struct conf *conf, const char *path, struct pvk_list *warnings);
/* argv0: the name that the kernel has started us by, which is no init to go on with. */
void conf_cmdline(struct conf *conf, const struct pvk_cmdline *cmdline, const char *argv0,
		  struct pvk_list *warnings);
/* section NULL: before the first one. */
int conf_set(struct conf *conf, const char *section, const char *name, const char *value,
	     struct pvk_err *err);

/* Is this root the one that a kernel has mounted which went by its own words? */
bool conf_is_kernels_root(const struct conf *conf, const char *root);

/* "normal" */
const char *boot_way_name(enum boot_way way);
/* -ENOENT: no such way. */
int boot_way_find(const char *name);
/* The way's own and, where that says nothing, [normal]'s; but no root for a rescue. */
void conf_boot(const struct conf *conf, enum boot_way way, struct boot_conf *boot);

#endif /* INIT_CONF_H */
