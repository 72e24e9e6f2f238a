/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_bootflag.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_PV_BOOTFLAG_GEN_H
#define _LINUX_PV_BOOTFLAG_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/pv_bootflag.h>

/* Common nested types */
extern const struct nla_policy pv_bootflag_value_nl_policy[PV_BOOTFLAG_A_VALUE_PAD + 1];

extern const struct nla_policy pv_bootflag_store_add_nl_policy[PV_BOOTFLAG_A_SPEC + 1];

extern const struct nla_policy pv_bootflag_store_del_nl_policy[PV_BOOTFLAG_A_NAME + 1];

extern const struct nla_policy pv_bootflag_store_get_nl_policy[PV_BOOTFLAG_A_NAME + 1];

extern const struct nla_policy pv_bootflag_set_nl_policy[PV_BOOTFLAG_A_FORCE + 1];

extern const struct nla_policy pv_bootflag_subscribe_nl_policy[PV_BOOTFLAG_A_NAME + 1];

extern const struct nla_policy pv_bootflag_writer_nl_policy[PV_BOOTFLAG_A_TEXT + 1];

/* Ops table for pv_bootflag */
extern const struct genl_ops pv_bootflag_nl_ops[6];

int pv_bootflag_nl_store_add_doit(struct sk_buff *skb, struct genl_info *info);
int pv_bootflag_nl_store_del_doit(struct sk_buff *skb, struct genl_info *info);
int pv_bootflag_nl_store_get_doit(struct sk_buff *skb, struct genl_info *info);
int pv_bootflag_nl_store_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int pv_bootflag_nl_set_doit(struct sk_buff *skb, struct genl_info *info);
int pv_bootflag_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info);
int pv_bootflag_nl_writer_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _LINUX_PV_BOOTFLAG_GEN_H */
