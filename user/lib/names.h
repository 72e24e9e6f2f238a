/* SPDX-License-Identifier: MIT */
/*
 * names - what drivers a container names: run.json, src.json, OCI annotations
 *
 * Errors as in bsp.h. Unknown keys are left alone, since other programs read
 * these files too.
 */
#ifndef PVK_NAMES_H
#define PVK_NAMES_H

#include "bsp.h"

#define PVK_BSP_NAMES_MAX	256	/* drivers that one container names */

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

#endif /* PVK_NAMES_H */
