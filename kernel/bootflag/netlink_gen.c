// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_bootflag.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/pv_bootflag.h>

/* Common nested types */
const struct nla_policy pv_bootflag_value_nl_policy[PV_BOOTFLAG_A_VALUE_PAD + 1] = {
	[PV_BOOTFLAG_A_VALUE_FIELD] = NLA_POLICY_RANGE(NLA_U32, 1, 9),
	[PV_BOOTFLAG_A_VALUE_NUMBER] = { .type = NLA_U64, },
	[PV_BOOTFLAG_A_VALUE_TEXT] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_TEXT, },
};

/* PV_BOOTFLAG_CMD_STORE_ADD - do */
const struct nla_policy pv_bootflag_store_add_nl_policy[PV_BOOTFLAG_A_SPEC + 1] = {
	[PV_BOOTFLAG_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_NAME, },
	[PV_BOOTFLAG_A_SPEC] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_SPEC, },
};

/* PV_BOOTFLAG_CMD_STORE_DEL - do */
const struct nla_policy pv_bootflag_store_del_nl_policy[PV_BOOTFLAG_A_NAME + 1] = {
	[PV_BOOTFLAG_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_NAME, },
};

/* PV_BOOTFLAG_CMD_STORE_GET - do */
const struct nla_policy pv_bootflag_store_get_nl_policy[PV_BOOTFLAG_A_NAME + 1] = {
	[PV_BOOTFLAG_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_NAME, },
};

/* PV_BOOTFLAG_CMD_SET - do */
const struct nla_policy pv_bootflag_set_nl_policy[PV_BOOTFLAG_A_FORCE + 1] = {
	[PV_BOOTFLAG_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_NAME, },
	[PV_BOOTFLAG_A_VALUE] = NLA_POLICY_NESTED(pv_bootflag_value_nl_policy),
	[PV_BOOTFLAG_A_CLEAR] = NLA_POLICY_RANGE(NLA_U32, 1, 9),
	[PV_BOOTFLAG_A_GENERATION] = { .type = NLA_U32, },
	[PV_BOOTFLAG_A_FORCE] = { .type = NLA_FLAG, },
};

/* PV_BOOTFLAG_CMD_SUBSCRIBE - do */
const struct nla_policy pv_bootflag_subscribe_nl_policy[PV_BOOTFLAG_A_NAME + 1] = {
	[PV_BOOTFLAG_A_NAME] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_NAME, },
};

/* PV_BOOTFLAG_CMD_WRITER - do */
const struct nla_policy pv_bootflag_writer_nl_policy[PV_BOOTFLAG_A_TEXT + 1] = {
	[PV_BOOTFLAG_A_TEXT] = { .type = NLA_NUL_STRING, .len = PV_BOOTFLAG_MAX_TEXT, },
};

/* Ops table for pv_bootflag */
const struct genl_ops pv_bootflag_nl_ops[6] = {
	{
		.cmd		= PV_BOOTFLAG_CMD_STORE_ADD,
		.doit		= pv_bootflag_nl_store_add_doit,
		.policy		= pv_bootflag_store_add_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_SPEC,
	},
	{
		.cmd		= PV_BOOTFLAG_CMD_STORE_DEL,
		.doit		= pv_bootflag_nl_store_del_doit,
		.policy		= pv_bootflag_store_del_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_NAME,
	},
	{
		.cmd		= PV_BOOTFLAG_CMD_STORE_GET,
		.doit		= pv_bootflag_nl_store_get_doit,
		.dumpit		= pv_bootflag_nl_store_get_dumpit,
		.policy		= pv_bootflag_store_get_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_NAME,
	},
	{
		.cmd		= PV_BOOTFLAG_CMD_SET,
		.doit		= pv_bootflag_nl_set_doit,
		.policy		= pv_bootflag_set_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_FORCE,
	},
	{
		.cmd		= PV_BOOTFLAG_CMD_SUBSCRIBE,
		.doit		= pv_bootflag_nl_subscribe_doit,
		.policy		= pv_bootflag_subscribe_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_NAME,
	},
	{
		.cmd		= PV_BOOTFLAG_CMD_WRITER,
		.doit		= pv_bootflag_nl_writer_doit,
		.policy		= pv_bootflag_writer_nl_policy,
		.maxattr	= PV_BOOTFLAG_A_TEXT,
	},
};
