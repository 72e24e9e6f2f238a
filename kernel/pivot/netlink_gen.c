// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_pivot.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/pv_pivot.h>

/* PV_PIVOT_CMD_STATUS - do */
const struct nla_policy pv_pivot_status_nl_policy[PV_PIVOT_A_PAD + 1] = {
};

/* PV_PIVOT_CMD_OPEN - do */
const struct nla_policy pv_pivot_open_nl_policy[PV_PIVOT_A_LIMIT + 1] = {
	[PV_PIVOT_A_FD] = { .type = NLA_U32, },
	[PV_PIVOT_A_LIMIT] = { .type = NLA_U32, },
};

/* PV_PIVOT_CMD_STEP - do */
const struct nla_policy pv_pivot_step_nl_policy[PV_PIVOT_A_MTD + 1] = {
	[PV_PIVOT_A_SESSION_FD] = { .type = NLA_U32, },
	[PV_PIVOT_A_STATE] = NLA_POLICY_MAX(NLA_U32, 8),
	[PV_PIVOT_A_LIMIT] = { .type = NLA_U32, },
	[PV_PIVOT_A_REBOOT_ARG] = { .type = NLA_NUL_STRING, .len = PV_PIVOT_MAX_REBOOT_ARG, },
	[PV_PIVOT_A_MTD] = { .type = NLA_U32, },
};

/* PV_PIVOT_CMD_ABORT - do */
const struct nla_policy pv_pivot_abort_nl_policy[PV_PIVOT_A_SESSION_FD + 1] = {
	[PV_PIVOT_A_SESSION_FD] = { .type = NLA_U32, },
};

/* PV_PIVOT_CMD_WATCHDOG - do */
const struct nla_policy pv_pivot_watchdog_nl_policy[PV_PIVOT_A_WATCHDOG + 1] = {
	[PV_PIVOT_A_SESSION_FD] = { .type = NLA_U32, },
	[PV_PIVOT_A_FD] = { .type = NLA_U32, },
	[PV_PIVOT_A_INTERVAL] = { .type = NLA_U32, },
	[PV_PIVOT_A_WATCHDOG] = { .type = NLA_U32, },
};

/* PV_PIVOT_CMD_SUBSCRIBE - do */
const struct nla_policy pv_pivot_subscribe_nl_policy[PV_PIVOT_A_PAD + 1] = {
};

/* PV_PIVOT_CMD_START - do */
const struct nla_policy pv_pivot_start_nl_policy[PV_PIVOT_A_WORD + 1] = {
	[PV_PIVOT_A_WORD] = { .type = NLA_NUL_STRING, .len = PV_PIVOT_MAX_WORD, },
};

/* Ops table for pv_pivot */
const struct genl_ops pv_pivot_nl_ops[7] = {
	{
		.cmd		= PV_PIVOT_CMD_STATUS,
		.doit		= pv_pivot_nl_status_doit,
		.policy		= pv_pivot_status_nl_policy,
		.maxattr	= PV_PIVOT_A_PAD,
	},
	{
		.cmd		= PV_PIVOT_CMD_OPEN,
		.doit		= pv_pivot_nl_open_doit,
		.policy		= pv_pivot_open_nl_policy,
		.maxattr	= PV_PIVOT_A_LIMIT,
	},
	{
		.cmd		= PV_PIVOT_CMD_STEP,
		.doit		= pv_pivot_nl_step_doit,
		.policy		= pv_pivot_step_nl_policy,
		.maxattr	= PV_PIVOT_A_MTD,
	},
	{
		.cmd		= PV_PIVOT_CMD_ABORT,
		.doit		= pv_pivot_nl_abort_doit,
		.policy		= pv_pivot_abort_nl_policy,
		.maxattr	= PV_PIVOT_A_SESSION_FD,
	},
	{
		.cmd		= PV_PIVOT_CMD_WATCHDOG,
		.doit		= pv_pivot_nl_watchdog_doit,
		.policy		= pv_pivot_watchdog_nl_policy,
		.maxattr	= PV_PIVOT_A_WATCHDOG,
	},
	{
		.cmd		= PV_PIVOT_CMD_SUBSCRIBE,
		.doit		= pv_pivot_nl_subscribe_doit,
		.policy		= pv_pivot_subscribe_nl_policy,
		.maxattr	= PV_PIVOT_A_PAD,
	},
	{
		.cmd		= PV_PIVOT_CMD_START,
		.doit		= pv_pivot_nl_start_doit,
		.policy		= pv_pivot_start_nl_policy,
		.maxattr	= PV_PIVOT_A_WORD,
	},
};
