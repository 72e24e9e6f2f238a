/* SPDX-License-Identifier: MIT */
/*
 * bsp - what drivers a board offers: drivers.json
 *
 * Errors are -EINVAL for a text that is JSON but not what it should be, or
 * json_parse()'s; err then says "LINE:COLUMN: ..." and names the alias. What
 * can be read past is a warning.
 */
#ifndef PVK_BSP_H
#define PVK_BSP_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"
#include "modline.h"
#include "util.h"

#define PVK_BSP_BYTES_MAX	JSON_MAX_BYTES	/* of drivers.json, run.json, src.json */
#define PVK_BSP_ALIASES_MAX	1024	/* aliases in force, and in one section */
#define PVK_BSP_LINES_MAX	64	/* module lines of an alias */

/*
 * Which sections apply: "all" always, the others as said here. A name is
 * compared without ".dtb" at its end.
 */
struct pvk_selection {
	/*
	 * Names of the device tree: those of the root's `compatible` in their
	 * order, preceded by the dtb's own if known. n_dtb 0: no "dtb:NAME".
	 */
	const char *const *dtb;
	size_t n_dtb;
	bool dtb_any;		/* booted with a device tree: "dtb:all" */
	const char *fitconfig;	/* FIT configuration, or NULL */
};

/* How specific a section is; the larger wins. */
enum {
	PVK_SECTION_UNKNOWN = -2,	/* no section that this version knows */
	PVK_SECTION_OTHER = -1,		/* of another board */
	PVK_SECTION_ALL = 0,		/* and from there on: it applies */
};

int pvk_section_rank(const char *section, const struct pvk_selection *sel);

struct pvk_alias {
	char *name;
	char **line;		/* module lines, references not yet replaced */
	size_t count;		/* 0: a driver that is built in */
	char *section;		/* that it comes from */
};

/*
 * Aliases in the order in which the file first names them. One that several
 * sections define is the most specific one's, as a whole: all, then dtb:all,
 * then dtb:NAME (the later in pvk_selection.dtb, the less specific), then
 * fitconfig:NAME; where the sections stand in the file does not matter.
 */
struct pvk_bsp {
	struct pvk_alias *alias;
	size_t count;
};

/*
 * Every section is checked, whether it applies or not: a file with a fault is
 * refused on all boards alike. Refused: a "#spec" other than driver-aliases@1
 * or none, a section that is no object, an alias that is no array of strings or
 * whose name pvk_alias_ok() refuses, a line that pvk_modline_check() refuses,
 * more than the limits above. An unknown section is a warning.
 */
int pvk_bsp_parse(const char *text, size_t len, const struct pvk_selection *selection,
		  struct pvk_bsp *bsp, struct pvk_list *warnings, struct pvk_err *err);
void pvk_bsp_free(struct pvk_bsp *bsp);
const struct pvk_alias *pvk_bsp_find(const struct pvk_bsp *bsp, const char *name);

#define pvk_auto_bsp	__attribute__((cleanup(pvk_bsp_free)))

#endif /* PVK_BSP_H */
