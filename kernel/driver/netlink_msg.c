// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: what messages are made of. See netlink.c.
 *
 * None of this needs a lock.
 */

#include "netlink.h"
#include "pv_driver.h"

/*
 * nla_put_*() for seventy calls: inline, each of them has a buffer of its own,
 * with the checks that go with it.
 */

int pvd_put_u32(struct sk_buff *msg, int attr, u32 value)
{
	return nla_put_u32(msg, attr, value);
}

/* of attribute set main */
int pvd_put_u64(struct sk_buff *msg, int attr, u64 value)
{
	return nla_put_u64_64bit(msg, attr, value, PV_DRIVER_A_PAD);
}

int pvd_put_str(struct sk_buff *msg, int attr, const char *text)
{
	return nla_put_string(msg, attr, text);
}
