// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/pv_bootflag.h>
#include <string.h>

#include "ubootfield.h"

bool ubootfield_number(ubootfield_get get, void *arg, const char *name, unsigned long *number)
{
	pvk_auto_free char *value = get(arg, name);
	char *end;

	if (!value || *value < '0' || *value > '9')
		return false;
	errno = 0;
	*number = strtoul(value, &end, 10);
	return !errno && !*end;
}

static int read_field(ubootfield_get get, void *arg, unsigned int field, const char *name,
		      struct pvb_flags *flags, struct pvk_err *err)
{
	pvk_auto_free char *value = NULL;
	unsigned long count, limit;

	if (field == PVB_TRIES && !strcmp(name, UBOOT_BOOTCOUNT)) {
		if (!ubootfield_number(get, arg, UBOOT_BOOTLIMIT, &limit) || !limit)
			return 0;
		if (!ubootfield_number(get, arg, UBOOT_BOOTCOUNT, &count))
			count = 0;
		count = count < limit ? limit - count : 0;
		return pvk_flags_set_number(flags, field, count, err);
	}
	value = get(arg, name);
	if (!value || !*value)
		return 0;
	if (field == PVB_SUCCESSFUL && !strcmp(name, UBOOT_UPGRADE))
		return pvk_flags_set_number(flags, field, !strcmp(value, "0"), err);
	return pvk_flags_set(flags, field, value, err);
}

void ubootfield_read(ubootfield_get get, void *arg, const char *const variable[PVB_FIELDS],
		     struct pvb_flags *flags, struct pvk_list *warnings)
{
	struct pvk_err why = { .text = "" };
	unsigned int field;

	for (field = 1; field < PVB_FIELDS; field++) {
		const char *name = variable[field];

		if (name && *name && read_field(get, arg, field, name, flags, &why))
			pvk_list_warn(warnings, "%s of the U-Boot environment: %s", name,
				      why.text);
	}
}

uint32_t ubootfield_state(int ret)
{
	switch (ret) {
	case 0:
		return PV_BOOTFLAG_STATE_READY;
	case -ENOENT:
	case -ENODEV:
		return PV_BOOTFLAG_STATE_ABSENT;
	case -ENODATA:
		return PV_BOOTFLAG_STATE_EMPTY;
	case -EBADMSG:
		return PV_BOOTFLAG_STATE_BROKEN;
	default:
		return PV_BOOTFLAG_STATE_FAILED;
	}
}
