// SPDX-License-Identifier: MIT
/*
 * Names of the numbers of pv_bootflag. Apart from its messages, so that a program
 * without netlink, the boot stage, can tell them too.
 */
#include <string.h>

#include "bootflag.h"

const char *pvk_store_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PV_BOOTFLAG_STATE_ABSENT] = "absent",
		[PV_BOOTFLAG_STATE_EMPTY] = "empty",
		[PV_BOOTFLAG_STATE_READY] = "ready",
		[PV_BOOTFLAG_STATE_FOREIGN] = "foreign",
		[PV_BOOTFLAG_STATE_BROKEN] = "broken",
		[PV_BOOTFLAG_STATE_FAILED] = "failed",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), state);
}

const char *pvk_bf_event_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[PV_BOOTFLAG_EVENT_KIND_NEW] = "new",
		[PV_BOOTFLAG_EVENT_KIND_DEL] = "del",
		[PV_BOOTFLAG_EVENT_KIND_CHANGED] = "changed",
		[PV_BOOTFLAG_EVENT_KIND_OVERRUN] = "overrun",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), kind);
}

const char *pvk_guarantee_name(unsigned int bit)
{
	static const char *const names[] = {
		"warm", "power", "atomic", "redundant", "wear", "panic",
	};

	return bit < PVK_ARRAY_SIZE(names) ? names[bit] : NULL;
}

bool pvk_store_name_ok(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789._-");

	return len && len <= PV_BOOTFLAG_MAX_NAME && !name[len] && name[0] != '.';
}
