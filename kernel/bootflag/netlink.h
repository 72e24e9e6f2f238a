/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the netlink door share.
 */
#ifndef PVF_NETLINK_H
#define PVF_NETLINK_H

#include "pv_bootflag.h"

int pvf_nl_refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		  const char *why);
const char *pvf_nl_text(struct genl_info *info, int attr);
struct sk_buff *pvf_nl_msg(u32 portid, u32 seq, u8 cmd, size_t size, void **hdr);
int pvf_nl_finish(struct genl_info *info, struct sk_buff *msg, void *hdr, int err);
void *pvf_nl_dump(struct sk_buff *skb, struct netlink_callback *cb);
void pvf_nl_lost(struct sock *sk);
int pvf_put_store(struct sk_buff *msg, const struct pvf_store *store, bool all);

#define PVF_NL_STORE_SIZE	8192	/* room for everything that it may put */

static inline int pvf_nl_error(struct genl_info *info, int err, const char *why)
{
	return pvf_nl_refuse(info->extack, NULL, err, why);
}

#endif /* PVF_NETLINK_H */
