// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_driver.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/pv_driver.h>

/* Common nested types */
const struct nla_policy pv_driver_entry_nl_policy[PV_DRIVER_A_ENTRY_USED + 1] = {
	[PV_DRIVER_A_ENTRY_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_ENTRY_TYPE] = NLA_POLICY_MAX(NLA_U32, 2),
	[PV_DRIVER_A_ENTRY_STATE] = NLA_POLICY_MAX(NLA_U32, 5),
	[PV_DRIVER_A_ENTRY_USED] = { .type = NLA_FLAG, },
};

/* PV_DRIVER_CMD_DRIVER_NEW - do */
const struct nla_policy pv_driver_driver_new_nl_policy[PV_DRIVER_A_LINE + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_LINE] = { .type = NLA_STRING, .len = PV_DRIVER_MAX_LINE, },
};

/* PV_DRIVER_CMD_DRIVER_DEL - do */
const struct nla_policy pv_driver_driver_del_nl_policy[PV_DRIVER_A_ALIAS + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
};

/* PV_DRIVER_CMD_DRIVER_GET - do */
const struct nla_policy pv_driver_driver_get_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CONTAINER_ID] = { .type = NLA_U64, },
};

/* PV_DRIVER_CMD_LOAD - do */
const struct nla_policy pv_driver_load_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_TIMEOUT] = NLA_POLICY_MIN(NLA_U32, 1),
	[PV_DRIVER_A_CONTAINER] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CONTAINER_ID] = { .type = NLA_U64, },
};

/* PV_DRIVER_CMD_UNLOAD - do */
const struct nla_policy pv_driver_unload_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_TIMEOUT] = NLA_POLICY_MIN(NLA_U32, 1),
	[PV_DRIVER_A_CONTAINER] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CONTAINER_ID] = { .type = NLA_U64, },
};

/* PV_DRIVER_CMD_CONTAINER_NEW - do */
const struct nla_policy pv_driver_container_new_nl_policy[PV_DRIVER_A_ENTRY + 1] = {
	[PV_DRIVER_A_CONTAINER] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CGROUP_FD] = { .type = NLA_U32, },
	[PV_DRIVER_A_PID] = { .type = NLA_U32, },
	[PV_DRIVER_A_ROLES] = NLA_POLICY_MASK(NLA_U32, 0x1),
	[PV_DRIVER_A_ENTRY] = NLA_POLICY_NESTED(pv_driver_entry_nl_policy),
};

/* PV_DRIVER_CMD_CONTAINER_DEL - do */
const struct nla_policy pv_driver_container_del_nl_policy[PV_DRIVER_A_ENDED + 1] = {
	[PV_DRIVER_A_CONTAINER] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_TIMEOUT] = NLA_POLICY_MIN(NLA_U32, 1),
	[PV_DRIVER_A_ENDED] = { .type = NLA_FLAG, },
};

/* PV_DRIVER_CMD_CONTAINER_GET - do */
const struct nla_policy pv_driver_container_get_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1] = {
	[PV_DRIVER_A_CONTAINER] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CONTAINER_ID] = { .type = NLA_U64, },
};

/* PV_DRIVER_CMD_AGENT - do */
const struct nla_policy pv_driver_agent_nl_policy[PV_DRIVER_A_TEXT + 1] = {
	[PV_DRIVER_A_TEXT] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_TEXT, },
};

/* PV_DRIVER_CMD_FRONT - do */
const struct nla_policy pv_driver_front_nl_policy[PV_DRIVER_A_TEXT + 1] = {
	[PV_DRIVER_A_TEXT] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_TEXT, },
};

/* PV_DRIVER_CMD_EXEC_ACK - do */
const struct nla_policy pv_driver_exec_ack_nl_policy[PV_DRIVER_A_EXEC_ID + 1] = {
	[PV_DRIVER_A_EXEC_ID] = { .type = NLA_U64, },
	[PV_DRIVER_A_PID] = { .type = NLA_U32, },
};

/* PV_DRIVER_CMD_RESULT - do */
const struct nla_policy pv_driver_result_nl_policy[PV_DRIVER_A_BUILTIN + 1] = {
	[PV_DRIVER_A_EXEC_ID] = { .type = NLA_U64, },
	[PV_DRIVER_A_ERRNO] = { .type = NLA_U32, },
	[PV_DRIVER_A_TEXT] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_TEXT, },
	[PV_DRIVER_A_WARNING] = { .type = NLA_STRING, .len = PV_DRIVER_MAX_TEXT, },
	[PV_DRIVER_A_PARAMS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_LINE, },
	[PV_DRIVER_A_BUILTIN] = { .type = NLA_FLAG, },
};

/* PV_DRIVER_CMD_WHOIS - do */
const struct nla_policy pv_driver_whois_nl_policy[PV_DRIVER_A_LISTENER_FD + 1] = {
	[PV_DRIVER_A_FD] = { .type = NLA_U32, },
	[PV_DRIVER_A_LISTENER_FD] = { .type = NLA_U32, },
};

/* PV_DRIVER_CMD_SUBSCRIBE - do */
const struct nla_policy pv_driver_subscribe_nl_policy[PV_DRIVER_A_CONTAINERS + 1] = {
	[PV_DRIVER_A_ALIAS] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_ALIAS, },
	[PV_DRIVER_A_CONTAINERS] = { .type = NLA_FLAG, },
};

/* PV_DRIVER_CMD_STATUS_GET - do */
const struct nla_policy pv_driver_status_get_nl_policy[PV_DRIVER_A_PAD + 1] = {
};

/* PV_DRIVER_CMD_MODULE_GET - do */
const struct nla_policy pv_driver_module_get_nl_policy[PV_DRIVER_A_NAME + 1] = {
	[PV_DRIVER_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_DRIVER_MAX_MODULE, },
};

/* Ops table for pv_driver */
const struct genl_ops pv_driver_nl_ops[16] = {
	{
		.cmd		= PV_DRIVER_CMD_DRIVER_NEW,
		.doit		= pv_driver_nl_driver_new_doit,
		.policy		= pv_driver_driver_new_nl_policy,
		.maxattr	= PV_DRIVER_A_LINE,
	},
	{
		.cmd		= PV_DRIVER_CMD_DRIVER_DEL,
		.doit		= pv_driver_nl_driver_del_doit,
		.policy		= pv_driver_driver_del_nl_policy,
		.maxattr	= PV_DRIVER_A_ALIAS,
	},
	{
		.cmd		= PV_DRIVER_CMD_DRIVER_GET,
		.doit		= pv_driver_nl_driver_get_doit,
		.dumpit		= pv_driver_nl_driver_get_dumpit,
		.policy		= pv_driver_driver_get_nl_policy,
		.maxattr	= PV_DRIVER_A_CONTAINER_ID,
	},
	{
		.cmd		= PV_DRIVER_CMD_LOAD,
		.doit		= pv_driver_nl_load_doit,
		.policy		= pv_driver_load_nl_policy,
		.maxattr	= PV_DRIVER_A_CONTAINER_ID,
	},
	{
		.cmd		= PV_DRIVER_CMD_UNLOAD,
		.doit		= pv_driver_nl_unload_doit,
		.policy		= pv_driver_unload_nl_policy,
		.maxattr	= PV_DRIVER_A_CONTAINER_ID,
	},
	{
		.cmd		= PV_DRIVER_CMD_CONTAINER_NEW,
		.doit		= pv_driver_nl_container_new_doit,
		.policy		= pv_driver_container_new_nl_policy,
		.maxattr	= PV_DRIVER_A_ENTRY,
	},
	{
		.cmd		= PV_DRIVER_CMD_CONTAINER_DEL,
		.doit		= pv_driver_nl_container_del_doit,
		.policy		= pv_driver_container_del_nl_policy,
		.maxattr	= PV_DRIVER_A_ENDED,
	},
	{
		.cmd		= PV_DRIVER_CMD_CONTAINER_GET,
		.doit		= pv_driver_nl_container_get_doit,
		.dumpit		= pv_driver_nl_container_get_dumpit,
		.policy		= pv_driver_container_get_nl_policy,
		.maxattr	= PV_DRIVER_A_CONTAINER_ID,
	},
	{
		.cmd		= PV_DRIVER_CMD_AGENT,
		.doit		= pv_driver_nl_agent_doit,
		.policy		= pv_driver_agent_nl_policy,
		.maxattr	= PV_DRIVER_A_TEXT,
	},
	{
		.cmd		= PV_DRIVER_CMD_FRONT,
		.doit		= pv_driver_nl_front_doit,
		.policy		= pv_driver_front_nl_policy,
		.maxattr	= PV_DRIVER_A_TEXT,
	},
	{
		.cmd		= PV_DRIVER_CMD_EXEC_ACK,
		.doit		= pv_driver_nl_exec_ack_doit,
		.policy		= pv_driver_exec_ack_nl_policy,
		.maxattr	= PV_DRIVER_A_EXEC_ID,
	},
	{
		.cmd		= PV_DRIVER_CMD_RESULT,
		.doit		= pv_driver_nl_result_doit,
		.policy		= pv_driver_result_nl_policy,
		.maxattr	= PV_DRIVER_A_BUILTIN,
	},
	{
		.cmd		= PV_DRIVER_CMD_WHOIS,
		.doit		= pv_driver_nl_whois_doit,
		.policy		= pv_driver_whois_nl_policy,
		.maxattr	= PV_DRIVER_A_LISTENER_FD,
	},
	{
		.cmd		= PV_DRIVER_CMD_SUBSCRIBE,
		.doit		= pv_driver_nl_subscribe_doit,
		.policy		= pv_driver_subscribe_nl_policy,
		.maxattr	= PV_DRIVER_A_CONTAINERS,
	},
	{
		.cmd		= PV_DRIVER_CMD_STATUS_GET,
		.doit		= pv_driver_nl_status_get_doit,
		.policy		= pv_driver_status_get_nl_policy,
		.maxattr	= PV_DRIVER_A_PAD,
	},
	{
		.cmd		= PV_DRIVER_CMD_MODULE_GET,
		.doit		= pv_driver_nl_module_get_doit,
		.dumpit		= pv_driver_nl_module_get_dumpit,
		.policy		= pv_driver_module_get_nl_policy,
		.maxattr	= PV_DRIVER_A_NAME,
	},
};
