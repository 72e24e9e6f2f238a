/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_driver.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_PV_DRIVER_H
#define _UAPI_LINUX_PV_DRIVER_H

#define PV_DRIVER_GENL_NAME	"pv_driver"
#define PV_DRIVER_GENL_VERSION	1

#define PV_DRIVER_MAX_ALIAS	63
#define PV_DRIVER_MAX_MODULE	55
#define PV_DRIVER_MAX_LINE	1024
#define PV_DRIVER_MAX_LINES	64
#define PV_DRIVER_MAX_ENTRIES	256
#define PV_DRIVER_MAX_TEXT	511

/**
 * enum pv_driver_state - State of a driver. It follows the kernel: a driver
 *   that nobody uses is "loaded" when each of its modules is live or built in,
 *   whoever loaded them.
 * @PV_DRIVER_STATE_UNLOADED: No use, and at least one module is not in the
 *   kernel.
 * @PV_DRIVER_STATE_LOADING: A load is under way.
 * @PV_DRIVER_STATE_LOADED: Every module is live or built in.
 * @PV_DRIVER_STATE_UNLOADING: Modules are being removed.
 * @PV_DRIVER_STATE_FAILED: The last load or unload failed, or a module in use
 *   was removed.
 * @PV_DRIVER_STATE_UNKNOWN: A container names an alias that is not registered.
 */
enum pv_driver_state {
	PV_DRIVER_STATE_UNLOADED,
	PV_DRIVER_STATE_LOADING,
	PV_DRIVER_STATE_LOADED,
	PV_DRIVER_STATE_UNLOADING,
	PV_DRIVER_STATE_FAILED,
	PV_DRIVER_STATE_UNKNOWN,
};

/**
 * enum pv_driver_type - How a container names a driver.
 */
enum pv_driver_type {
	PV_DRIVER_TYPE_REQUIRED,
	PV_DRIVER_TYPE_OPTIONAL,
	PV_DRIVER_TYPE_MANUAL,
};

/**
 * enum pv_driver_op - What the agent is asked to do.
 * @PV_DRIVER_OP_LOAD: Resolve the line and load its module and what that
 *   depends on.
 * @PV_DRIVER_OP_UNLOAD: Remove the one module that the line names, and nothing
 *   else.
 * @PV_DRIVER_OP_RESOLVE: Resolve the line and answer its parameters; load
 *   nothing.
 */
enum pv_driver_op {
	PV_DRIVER_OP_LOAD,
	PV_DRIVER_OP_UNLOAD,
	PV_DRIVER_OP_RESOLVE,
};

/**
 * enum pv_driver_role - Roles of a container. The kernel stores them for the
 *   front.
 * @PV_DRIVER_ROLE_MGMT: May use the management calls of pv-ctrl.
 */
enum pv_driver_role {
	PV_DRIVER_ROLE_MGMT = 1,
};

/**
 * enum pv_driver_module_flag - What is known of one module of a driver.
 * @PV_DRIVER_MODULE_FLAG_LIVE: Resident and initialised.
 * @PV_DRIVER_MODULE_FLAG_OURS: Came in through a load of this module's;
 *   removed with its last use.
 * @PV_DRIVER_MODULE_FLAG_BUILTIN: Part of the kernel image.
 * @PV_DRIVER_MODULE_FLAG_PERMANENT: Has no exit function; stays until reboot.
 * @PV_DRIVER_MODULE_FLAG_PINNED: A reference is held; rmmod fails.
 */
enum pv_driver_module_flag {
	PV_DRIVER_MODULE_FLAG_LIVE = 1,
	PV_DRIVER_MODULE_FLAG_OURS = 2,
	PV_DRIVER_MODULE_FLAG_BUILTIN = 4,
	PV_DRIVER_MODULE_FLAG_PERMANENT = 8,
	PV_DRIVER_MODULE_FLAG_PINNED = 16,
};

/**
 * enum pv_driver_peer - Who is at the other end of a socket.
 * @PV_DRIVER_PEER_UNKNOWN: In no registered container and without
 *   CAP_SYS_MODULE.
 * @PV_DRIVER_PEER_HOST: CAP_SYS_MODULE in the initial user namespace, in no
 *   container.
 * @PV_DRIVER_PEER_CONTAINER: In the registered container whose name and id are
 *   given.
 */
enum pv_driver_peer {
	PV_DRIVER_PEER_UNKNOWN,
	PV_DRIVER_PEER_HOST,
	PV_DRIVER_PEER_CONTAINER,
};

/**
 * enum pv_driver_event_kind - What an event message tells.
 * @PV_DRIVER_EVENT_KIND_STATE: The driver's state changed.
 * @PV_DRIVER_EVENT_KIND_NEW: The driver was registered.
 * @PV_DRIVER_EVENT_KIND_DEL: The driver was removed.
 * @PV_DRIVER_EVENT_KIND_OVERRUN: Events were lost; read everything anew.
 * @PV_DRIVER_EVENT_KIND_CONTAINER_NEW: A container was registered.
 * @PV_DRIVER_EVENT_KIND_CONTAINER_DEL: A container was removed, or has ended.
 */
enum pv_driver_event_kind {
	PV_DRIVER_EVENT_KIND_STATE,
	PV_DRIVER_EVENT_KIND_NEW,
	PV_DRIVER_EVENT_KIND_DEL,
	PV_DRIVER_EVENT_KIND_OVERRUN,
	PV_DRIVER_EVENT_KIND_CONTAINER_NEW,
	PV_DRIVER_EVENT_KIND_CONTAINER_DEL,
};

enum pv_driver_attr {
	PV_DRIVER_A_ALIAS = 1,
	PV_DRIVER_A_LINE,
	PV_DRIVER_A_STATE,
	PV_DRIVER_A_GENERATION,
	PV_DRIVER_A_TYPE,
	PV_DRIVER_A_USER,
	PV_DRIVER_A_ERRNO,
	PV_DRIVER_A_TEXT,
	PV_DRIVER_A_WARNING,
	PV_DRIVER_A_MODULE,
	PV_DRIVER_A_TIMEOUT,
	PV_DRIVER_A_CONTAINER,
	PV_DRIVER_A_CONTAINER_ID,
	PV_DRIVER_A_CGROUP_FD,
	PV_DRIVER_A_PID,
	PV_DRIVER_A_ROLES,
	PV_DRIVER_A_ENTRY,
	PV_DRIVER_A_EXEC_ID,
	PV_DRIVER_A_OP,
	PV_DRIVER_A_PARAMS,
	PV_DRIVER_A_BUILTIN,
	PV_DRIVER_A_FD,
	PV_DRIVER_A_LISTENER_FD,
	PV_DRIVER_A_PEER,
	PV_DRIVER_A_CGROUP,
	PV_DRIVER_A_EVENT_KIND,
	PV_DRIVER_A_STATS,
	PV_DRIVER_A_AGENT_PORTID,
	PV_DRIVER_A_COUNT_DRIVERS,
	PV_DRIVER_A_COUNT_CONTAINERS,
	PV_DRIVER_A_COUNT_REQUESTS,
	PV_DRIVER_A_ENDED,
	PV_DRIVER_A_PAD,
	PV_DRIVER_A_SINCE,
	PV_DRIVER_A_ERROR_SINCE,
	PV_DRIVER_A_CONTAINERS,
	PV_DRIVER_A_NAME,

	__PV_DRIVER_A_MAX
};
#define PV_DRIVER_A_MAX (__PV_DRIVER_A_MAX - 1)

enum pv_driver_module_attr {
	PV_DRIVER_A_MODULE_NAME = 1,
	PV_DRIVER_A_MODULE_FLAGS,
	PV_DRIVER_A_MODULE_PARAMS,
	PV_DRIVER_A_MODULE_SINCE,
	PV_DRIVER_A_MODULE_CAUSE_ALIAS,
	PV_DRIVER_A_MODULE_CAUSE_CONTAINER,
	PV_DRIVER_A_MODULE_PAD,

	__PV_DRIVER_A_MODULE_MAX
};
#define PV_DRIVER_A_MODULE_MAX (__PV_DRIVER_A_MODULE_MAX - 1)

enum pv_driver_entry_attr {
	PV_DRIVER_A_ENTRY_ALIAS = 1,
	PV_DRIVER_A_ENTRY_TYPE,
	PV_DRIVER_A_ENTRY_STATE,
	PV_DRIVER_A_ENTRY_USED,

	__PV_DRIVER_A_ENTRY_MAX
};
#define PV_DRIVER_A_ENTRY_MAX (__PV_DRIVER_A_ENTRY_MAX - 1)

enum pv_driver_stats_attr {
	PV_DRIVER_A_STATS_LOADS = 1,
	PV_DRIVER_A_STATS_UNLOADS,
	PV_DRIVER_A_STATS_FAILURES,
	PV_DRIVER_A_STATS_LOAD_US,
	PV_DRIVER_A_STATS_UNLOAD_US,

	__PV_DRIVER_A_STATS_MAX
};
#define PV_DRIVER_A_STATS_MAX (__PV_DRIVER_A_STATS_MAX - 1)

enum pv_driver_cmd {
	PV_DRIVER_CMD_DRIVER_NEW = 1,
	PV_DRIVER_CMD_DRIVER_DEL,
	PV_DRIVER_CMD_DRIVER_GET,
	PV_DRIVER_CMD_LOAD,
	PV_DRIVER_CMD_UNLOAD,
	PV_DRIVER_CMD_OUTCOME,
	PV_DRIVER_CMD_CONTAINER_NEW,
	PV_DRIVER_CMD_CONTAINER_DEL,
	PV_DRIVER_CMD_CONTAINER_GET,
	PV_DRIVER_CMD_AGENT,
	PV_DRIVER_CMD_FRONT,
	PV_DRIVER_CMD_EXEC,
	PV_DRIVER_CMD_EXEC_ACK,
	PV_DRIVER_CMD_RESULT,
	PV_DRIVER_CMD_WHOIS,
	PV_DRIVER_CMD_SUBSCRIBE,
	PV_DRIVER_CMD_EVENT,
	PV_DRIVER_CMD_STATUS_GET,
	PV_DRIVER_CMD_MODULE_GET,

	__PV_DRIVER_CMD_MAX
};
#define PV_DRIVER_CMD_MAX (__PV_DRIVER_CMD_MAX - 1)

#endif /* _UAPI_LINUX_PV_DRIVER_H */
