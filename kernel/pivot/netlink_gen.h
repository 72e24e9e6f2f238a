/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_pivot.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_PV_PIVOT_GEN_H
#define _LINUX_PV_PIVOT_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/pv_pivot.h>

extern const struct nla_policy pv_pivot_status_nl_policy[PV_PIVOT_A_PAD + 1];

extern const struct nla_policy pv_pivot_open_nl_policy[PV_PIVOT_A_LIMIT + 1];

extern const struct nla_policy pv_pivot_step_nl_policy[PV_PIVOT_A_MTD + 1];

extern const struct nla_policy pv_pivot_abort_nl_policy[PV_PIVOT_A_SESSION_FD + 1];

extern const struct nla_policy pv_pivot_watchdog_nl_policy[PV_PIVOT_A_WATCHDOG + 1];

extern const struct nla_policy pv_pivot_subscribe_nl_policy[PV_PIVOT_A_PAD + 1];

extern const struct nla_policy pv_pivot_start_nl_policy[PV_PIVOT_A_WORD + 1];

/* Ops table for pv_pivot */
extern const struct genl_ops pv_pivot_nl_ops[7];

int pv_pivot_nl_status_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_open_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_step_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_abort_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_watchdog_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info);
int pv_pivot_nl_start_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _LINUX_PV_PIVOT_GEN_H */
