/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the netlink door share.
 */
#ifndef PVD_NETLINK_H
#define PVD_NETLINK_H

#include "../msg.h"
#include "pv_driver.h"

/* The warning of an entry of a dump that has been put without its details. */
#define PVD_NL_TOO_LONG	"too long for a list: ask for this one alone"

bool pvd_nl_is_front(const struct sk_buff *skb);
void pvd_nl_caller(const struct sk_buff *skb, struct pvd_caller *who);
int pvd_nl_host_only(const struct sk_buff *skb, struct netlink_ext_ack *extack);
int pvd_nl_on_behalf(const struct sk_buff *skb, struct nlattr **attrs,
		     struct netlink_ext_ack *extack, struct pvd_caller *who);
struct pvd_call *pvd_nl_call(const struct sk_buff *skb, struct genl_info *info,
			     const struct pvd_caller *who, const char *alias);

/* netlink_msg.c */
int pvd_put_u32(struct sk_buff *msg, int attr, u32 value);
int pvd_put_u64(struct sk_buff *msg, int attr, u64 value);
int pvd_put_str(struct sk_buff *msg, int attr, const char *text);

/* netlink_module.c */
#define PVD_NL_MODULE_SIZE	256	/* enough for one, without its parameters */
int pvd_put_module(struct sk_buff *msg, const struct pvd_module *m, const char *params);

#endif /* PVD_NETLINK_H */
