/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the netlink door share.
 */
#ifndef PVF_NETLINK_H
#define PVF_NETLINK_H

#include "../msg.h"
#include "pv_bootflag.h"

int pvf_put_store(struct sk_buff *msg, const struct pvf_store *store, bool all);

#define PVF_NL_STORE_SIZE	8192	/* room for everything that it may put */

#endif /* PVF_NETLINK_H */
