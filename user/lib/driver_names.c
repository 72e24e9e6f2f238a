// SPDX-License-Identifier: MIT
/* Names of the numbers of pv_driver. */
#include "driver.h"

const char *pvk_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PV_DRIVER_STATE_UNLOADED] = "unloaded",
		[PV_DRIVER_STATE_LOADING] = "loading",
		[PV_DRIVER_STATE_LOADED] = "loaded",
		[PV_DRIVER_STATE_UNLOADING] = "unloading",
		[PV_DRIVER_STATE_FAILED] = "failed",
		[PV_DRIVER_STATE_UNKNOWN] = "unknown",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), state);
}

const char *pvk_type_name(uint32_t type)
{
	static const char *const names[] = {
		[PV_DRIVER_TYPE_REQUIRED] = "required",
		[PV_DRIVER_TYPE_OPTIONAL] = "optional",
		[PV_DRIVER_TYPE_MANUAL] = "manual",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), type);
}

const char *pvk_op_name(uint32_t op)
{
	static const char *const names[] = {
		[PV_DRIVER_OP_LOAD] = "load",
		[PV_DRIVER_OP_UNLOAD] = "unload",
		[PV_DRIVER_OP_RESOLVE] = "resolve",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), op);
}

const char *pvk_event_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[PV_DRIVER_EVENT_KIND_STATE] = "state",
		[PV_DRIVER_EVENT_KIND_NEW] = "new",
		[PV_DRIVER_EVENT_KIND_DEL] = "del",
		[PV_DRIVER_EVENT_KIND_OVERRUN] = "overrun",
		[PV_DRIVER_EVENT_KIND_CONTAINER_NEW] = "container-new",
		[PV_DRIVER_EVENT_KIND_CONTAINER_DEL] = "container-del",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), kind);
}

const char *pvk_peer_name(uint32_t kind)
{
	static const char *const names[] = {
		[PV_DRIVER_PEER_UNKNOWN] = "unknown",
		[PV_DRIVER_PEER_HOST] = "host",
		[PV_DRIVER_PEER_CONTAINER] = "container",
	};

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), kind);
}

const char *pvk_module_flag_name(unsigned int bit)
{
	static const char *const names[] = { "live", "ours", "builtin", "permanent", "pinned" };

	return bit < PVK_ARRAY_SIZE(names) ? names[bit] : NULL;
}
