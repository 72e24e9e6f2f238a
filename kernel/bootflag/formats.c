// SPDX-License-Identifier: GPL-2.0-only
/*
 * The formats: freestanding code that bootloaders and programs compile as well.
 */

#include <linux/kernel.h>
#include <linux/string.h>

#include "formats.h"

#include <pvkit/bcb.h>
#include <pvkit/bootcount.h>
#include <pvkit/log_write.h>
#include <pvkit/magic.h>

static const struct pvb_format *const pvf_formats[] = {
	&pvb_magic_format,
	&pvb_bootcount_format,
	&pvb_bcb_format,
	&pvb_log_format,
};

const struct pvb_format *pvf_format_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pvf_formats); i++)
		if (!strcmp(pvf_formats[i]->name, name))
			return pvf_formats[i];
	return NULL;
}

bool pvf_format_appends(const struct pvb_format *format)
{
	return format == &pvb_log_format;
}
