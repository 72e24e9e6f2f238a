/* SPDX-License-Identifier: MIT */
/*
 * config - command line and CONFIG/pvkitd.conf
 */
#ifndef PVKITD_CONFIG_H
#define PVKITD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ctrlwords.h"
#include "state.h"

#define CONFIG_SOCKETS_MAX	8
#define CONFIG_MODULES_MAX	PVK_STATE_MODULES

#define CONFIG_AGENT		(1u << 0)
#define CONFIG_FRONT		(1u << 1)
#define CONFIG_CONTROL		(1u << 2)	/* goes with the front */

struct config {
	char socket[CONFIG_SOCKETS_MAX][108];	/* as large as sun_path */
	unsigned int n_sockets;
	char root[PATH_MAX];
	char dir[PATH_MAX];
	char state[PATH_MAX];
	/* In the order of search; none: /lib/modules/RELEASE. */
	char modules[CONFIG_MODULES_MAX][PATH_MAX];
	unsigned int n_modules;
	char device_tree[PATH_MAX];
	char dtb[256];		/* "": as the machine says */
	char fitconfig[256];
	uid_t uid;		/* the front's */
	gid_t gid;
	unsigned int roles;	/* CONFIG_AGENT, CONFIG_FRONT and CONFIG_CONTROL */
	char led[CONTROL_LED_SIZE];	/* "": the first that is none of a keyboard's */
	char pidfile[PATH_MAX];	/* "": none */
	bool foreground;
	bool sandbox;
	int watchdog_s;		/* 0: off */
	bool verbose;
};

/* What --help prints; the man pages are made of it. */
extern const char config_usage[];

/* What config_parse() may find besides an error. */
#define CONFIG_DONE	1	/* --help or --version was answered */

/*
 * Fills in the defaults, the file and the command line, in this order; a
 * --socket replaces the sockets of the step before, --modules its directories. 0, CONFIG_DONE, or a
 * negative errno with a text.
 */
int config_parse(struct config *config, int argc, char **argv, struct pvk_err *err);
/* One "name value" line of the file, without its newline; for tests too. */
int config_line(struct config *config, char *line, struct pvk_err *err);

#endif /* PVKITD_CONFIG_H */
