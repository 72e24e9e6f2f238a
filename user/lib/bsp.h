/* SPDX-License-Identifier: MIT */
/*
 * bsp - what drivers a board offers (drivers.json) and what a container names
 * of them (run.json, src.json, OCI annotations)
 *
 * Errors are -EINVAL for a text that is JSON but not what it should be, or
 * json_parse()'s; err then says "LINE:COLUMN: ..." and names the alias. What
 * can be read past is a warning. Unknown keys are left alone, since other
 * programs read these files too.
 */
#ifndef PVK_BSP_H
#define PVK_BSP_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"
#include "modline.h"
#include "util.h"

#define PVK_BSP_BYTES_MAX	JSON_MAX_BYTES	/* of each of these files */
#define PVK_BSP_ALIASES_MAX	1024	/* aliases in force, and in one section */
#define PVK_BSP_LINES_MAX	64	/* module lines of an alias */
#define PVK_BSP_NAMES_MAX	256	/* drivers that one container names */

/* ---- drivers.json ---- */

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

/* ---- what a container names ---- */

/* Values as in enum pv_driver_type of the uapi. */
enum pvk_want {
	PVK_REQUIRED,
	PVK_OPTIONAL,
	PVK_MANUAL,
};

struct pvk_named {
	char alias[PVK_NAME_MAX + 1];
	enum pvk_want want;
};

/*
 * Drivers in the order in which the file names them. One that is named twice
 * stands where it was first and is what asks most (required, optional, manual),
 * with a warning.
 */
struct pvk_names {
	struct pvk_named *named;
	size_t count;
	bool mgmt;		/* has the management role */
};

void pvk_names_free(struct pvk_names *names);

#define pvk_auto_names	__attribute__((cleanup(pvk_names_free)))

/*
 *	"drivers": { "required": [..], "optional": [..], "manual": [..] }
 *	"roles": ["mgmt"]
 * No "roles" means mgmt, an empty array means none; other roles are ignored.
 * No "drivers" means none.
 */
int pvk_names_from_run_json(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err);

/*
 *	"args": { "PV_DRIVERS_REQUIRED": [..], "PV_DRIVERS_OPTIONAL": ..,
 *		  "PV_DRIVERS_MANUAL": .. }
 * each an array or one string with names between commas or spaces. src.json
 * says nothing of roles, so mgmt is set as for a run.json without them.
 */
int pvk_names_from_src_json(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err);

/*
 * An OCI annotations object: org.pvkit.drivers.required, .optional and
 * .manual, names between commas. Annotations give no role: some runtimes copy
 * those of the image. object may be NULL: nothing.
 */
int pvk_names_from_annotations(const struct json *object, struct pvk_names *names,
			       struct pvk_list *warnings, struct pvk_err *err);

/*
 * The container's name: annotation org.pvkit.name, else the first PVK_NAME_MAX
 * characters of the id (many are 64 hex digits), which cut gives room for. NULL
 * if that is no legal name (pvk_name_ok()).
 */
const char *pvk_oci_name(const struct json *annotations, const char *id,
			 char cut[static PVK_NAME_MAX + 1]);

#endif /* PVK_BSP_H */
