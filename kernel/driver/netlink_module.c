// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: modules, and what brought them in. See netlink.c.
 *
 * Locking: see pv_driver.h.
 */

#include "netlink.h"
#include "netlink_gen.h"
#include "pv_driver.h"

static int pvd_put_cause(struct sk_buff *msg, const struct pvd_cause *cause)
{
	if (!cause)
		return 0;
	return pvd_put_str(msg, PV_DRIVER_A_MODULE_CAUSE_ALIAS, cause->alias) ?:
	       pvd_put_str(msg, PV_DRIVER_A_MODULE_CAUSE_CONTAINER, cause->container);
}

/**
 * pvd_put_module - one module, for the host
 * @msg: where to
 * @m: the module
 * @params: as given to the kernel; or NULL
 *
 * Locked.
 *
 * Return: 0 or -EMSGSIZE.
 */
int pvd_put_module(struct sk_buff *msg, const struct pvd_module *m, const char *params)
{
	struct nlattr *nest = nla_nest_start(msg, PV_DRIVER_A_MODULE);
	u32 flags = 0;

	if (m->live)
		flags |= PV_DRIVER_MODULE_FLAG_LIVE;
	if (m->ours)
		flags |= PV_DRIVER_MODULE_FLAG_OURS;
	if (m->builtin)
		flags |= PV_DRIVER_MODULE_FLAG_BUILTIN;
	if (m->permanent)
		flags |= PV_DRIVER_MODULE_FLAG_PERMANENT;
	if (m->mod)
		flags |= PV_DRIVER_MODULE_FLAG_PINNED;

	if (!nest ||
	    pvd_put_str(msg, PV_DRIVER_A_MODULE_NAME, m->name) ||
	    pvd_put_u32(msg, PV_DRIVER_A_MODULE_FLAGS, flags) ||
	    (params && pvd_put_str(msg, PV_DRIVER_A_MODULE_PARAMS, params)) ||
	    (m->since && nla_put_u64_64bit(msg, PV_DRIVER_A_MODULE_SINCE, m->since,
					   PV_DRIVER_A_MODULE_PAD)) ||
	    pvd_put_cause(msg, m->cause))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

int pv_driver_nl_module_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_DRIVER_A_NAME);
	const struct pvd_module *m;
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (!name)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	m = pvd_module_find(name);
	if (!m) {
		err = pvk_nl_error(info, -ENOENT, "no driver names or brought in this module");
		goto out;
	}
	msg = pvk_nl_reply(&pvd_family, info, PVD_NL_MODULE_SIZE, &hdr);
	if (msg)
		err = pvk_nl_finish(info, msg, hdr, pvd_put_module(msg, m, NULL));
	else
		err = -ENOMEM;
out:
	mutex_unlock(&pvd_lock);
	return err;
}

static int pvd_dump_module(struct sk_buff *skb, struct netlink_callback *cb,
			   const struct pvd_module *m)
{
	void *hdr = pvk_nl_dump(&pvd_family, skb, cb);

	if (!hdr)
		return -EMSGSIZE;
	if (pvd_put_module(skb, m, NULL)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int pv_driver_nl_module_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct pvd_module *m;
	long at = 0;
	int err;

	mutex_lock(&pvd_lock);
	cb->seq = pvd_generation;
	err = pvd_nl_host_only(cb->skb, cb->extack);
	if (err)
		goto out;
	list_for_each_entry(m, &pvd_modules, node) {
		if (at++ < cb->args[0])
			continue;
		if (pvd_dump_module(skb, cb, m))
			break;
		cb->args[0] = at;
	}
	err = skb->len;
out:
	mutex_unlock(&pvd_lock);
	return err;
}
