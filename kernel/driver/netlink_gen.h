/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/pv_driver.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_PV_DRIVER_GEN_H
#define _LINUX_PV_DRIVER_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/pv_driver.h>

/* Common nested types */
extern const struct nla_policy pv_driver_entry_nl_policy[PV_DRIVER_A_ENTRY_USED + 1];

extern const struct nla_policy pv_driver_driver_new_nl_policy[PV_DRIVER_A_LINE + 1];

extern const struct nla_policy pv_driver_driver_del_nl_policy[PV_DRIVER_A_ALIAS + 1];

extern const struct nla_policy pv_driver_driver_get_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1];

extern const struct nla_policy pv_driver_load_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1];

extern const struct nla_policy pv_driver_unload_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1];

extern const struct nla_policy pv_driver_container_new_nl_policy[PV_DRIVER_A_ENTRY + 1];

extern const struct nla_policy pv_driver_container_del_nl_policy[PV_DRIVER_A_ENDED + 1];

extern const struct nla_policy pv_driver_container_get_nl_policy[PV_DRIVER_A_CONTAINER_ID + 1];

extern const struct nla_policy pv_driver_agent_nl_policy[PV_DRIVER_A_TEXT + 1];

extern const struct nla_policy pv_driver_front_nl_policy[PV_DRIVER_A_TEXT + 1];

extern const struct nla_policy pv_driver_exec_ack_nl_policy[PV_DRIVER_A_EXEC_ID + 1];

extern const struct nla_policy pv_driver_result_nl_policy[PV_DRIVER_A_BUILTIN + 1];

extern const struct nla_policy pv_driver_whois_nl_policy[PV_DRIVER_A_LISTENER_FD + 1];

extern const struct nla_policy pv_driver_subscribe_nl_policy[PV_DRIVER_A_CONTAINERS + 1];

extern const struct nla_policy pv_driver_status_get_nl_policy[PV_DRIVER_A_PAD + 1];

extern const struct nla_policy pv_driver_module_get_nl_policy[PV_DRIVER_A_NAME + 1];

/* Ops table for pv_driver */
extern const struct genl_ops pv_driver_nl_ops[16];

int pv_driver_nl_driver_new_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_driver_del_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_driver_get_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_driver_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int pv_driver_nl_load_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_unload_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_container_new_doit(struct sk_buff *skb,
				    struct genl_info *info);
int pv_driver_nl_container_del_doit(struct sk_buff *skb,
				    struct genl_info *info);
int pv_driver_nl_container_get_doit(struct sk_buff *skb,
				    struct genl_info *info);
int pv_driver_nl_container_get_dumpit(struct sk_buff *skb,
				      struct netlink_callback *cb);
int pv_driver_nl_agent_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_front_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_exec_ack_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_result_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_whois_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_module_get_doit(struct sk_buff *skb, struct genl_info *info);
int pv_driver_nl_module_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);

#endif /* _LINUX_PV_DRIVER_GEN_H */
