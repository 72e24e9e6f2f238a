/* SPDX-License-Identifier: MIT */
/*
 * flagconf - /etc/pvkit/flags.conf: where boot flags are, beside the kernel's stores
 *
 * Lines `NAME VALUE` or `NAME = VALUE`, # begins a comment. Documentation/bootflag.md
 * says what each is for:
 *
 *	order = gpio cmdline kernel uboot-env
 *	uboot-env = /etc/fw_env.config		(or no)
 *	uboot-env.FIELD = VARIABLE		(empty: that field is not kept there)
 *	cmdline = yes				(or no)
 *	cmdline.FIELD = KEY [KEY...]		(the first that is there counts)
 *	gpio.NAME = CHIP LINE [active-low] FIELD=VALUE...
 *				(LINE is its number, or its name with any as CHIP)
 *	store.NAME = WORDS
 *				(as for `pvkit flag add`: for the boot stage, which
 *				adds it, or reads it where pv_bootflag is not there)
 */
#ifndef PVK_FLAGCONF_H
#define PVK_FLAGCONF_H

#include <limits.h>

#include "flags.h"

#define PVK_FLAGCONF_FILE	"/etc/pvkit/flags.conf"
#define PVK_FLAGCONF_ORDER_MAX	32
#define PVK_FLAGCONF_GPIOS_MAX	8
#define PVK_FLAGCONF_STORES_MAX	8
#define PVK_FLAGCONF_KEYS_SIZE	128

/* Names of the sources that are no store of the kernel; gpio:NAME besides. */
#define PVK_SOURCE_NAME_UBOOT_ENV	"uboot-env"
#define PVK_SOURCE_NAME_CMDLINE		"cmdline"
/* Words of the order that stand for several: the kernel's stores, the lines. */
#define PVK_SOURCE_NAME_KERNEL		"kernel"
#define PVK_SOURCE_NAME_GPIO		"gpio"

struct pvk_flagconf_gpio {
	char name[24];
	char chip[64];			/* gpiochip0, a label, a path; "": any */
	char line_name[32];		/* "": by number */
	uint32_t line;
	bool active_low;
	struct pvb_flags flags;		/* what an active line says */
};

struct pvk_flagconf_store {
	char name[32];
	char words[512];
};

struct pvk_flagconf {
	char order[PVK_FLAGCONF_ORDER_MAX][32];
	unsigned int n_order;
	char uboot_env[PATH_MAX];	/* "": not looked at */
	bool uboot_env_given;		/* by the file: if it is not there, say so */
	char variable[PVB_FIELDS][PVK_FLAGCONF_KEYS_SIZE];	/* "": not kept there */
	bool cmdline;
	char cmdline_file[PATH_MAX];
	char key[PVB_FIELDS][PVK_FLAGCONF_KEYS_SIZE];	/* words; "": not looked for */
	struct pvk_flagconf_gpio gpio[PVK_FLAGCONF_GPIOS_MAX];
	unsigned int n_gpios;
	struct pvk_flagconf_store store[PVK_FLAGCONF_STORES_MAX];
	unsigned int n_stores;
	char dev[PATH_MAX];		/* where the devices are */
	char keep[PATH_MAX];		/* for a broken environment that force overwrites */
	char state[PATH_MAX];		/* a directory that is empty after a boot */
};

void pvk_flagconf_init(struct pvk_flagconf *conf);
/* One line, which is changed. */
int pvk_flagconf_line(struct pvk_flagconf *conf, char *line, struct pvk_err *err);
/* The defaults and then the file; without it the defaults. */
int pvk_flagconf_read(struct pvk_flagconf *conf, const char *path, struct pvk_err *err);

#endif /* PVK_FLAGCONF_H */
