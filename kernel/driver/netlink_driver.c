// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: drivers, requests and their outcome. See netlink.c.
 *
 * Locking: see pv_driver.h.
 */

#include <linux/slab.h>

#include "../compat.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "pv_driver.h"

/*
 * driver-new, driver-del
 */

static void pvd_texts_free(char **texts, unsigned int n)
{
	while (n)
		kfree(texts[--n]);
	kfree(texts);
}

static int pvd_nl_lines(struct genl_info *info, char ***texts, unsigned int *n)
{
	struct nlattr *attr;
	char **t;
	int rem;

	*n = 0;
	t = kcalloc(PV_DRIVER_MAX_LINES, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != PV_DRIVER_A_LINE)
			continue;
		if (*n == PV_DRIVER_MAX_LINES) {
			pvd_texts_free(t, *n);
			return pvk_nl_refuse(info->extack, attr, -EINVAL, "too many module lines");
		}
		t[*n] = nla_strdup(attr, GFP_KERNEL);
		if (!t[(*n)++]) {
			pvd_texts_free(t, *n);
			return -ENOMEM;
		}
		if (strlen(t[*n - 1]) + 1 < nla_len(attr)) {
			pvd_texts_free(t, *n);
			return pvk_nl_refuse(info->extack, attr, -EINVAL, "NUL in a module line");
		}
	}
	*texts = t;
	return 0;
}

int pv_driver_nl_driver_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *alias = pvk_nl_text(info, PV_DRIVER_A_ALIAS);
	const char *why = NULL;
	unsigned int n;
	char **texts;
	int err;

	if (!alias)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	mutex_unlock(&pvd_lock);
	if (err)
		return err;
	err = pvd_nl_lines(info, &texts, &n);
	if (err)
		return err;
	err = pvd_driver_new(alias, texts, n, &why);
	pvd_texts_free(texts, n);
	return pvk_nl_error(info, err, why);
}

int pv_driver_nl_driver_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *alias = pvk_nl_text(info, PV_DRIVER_A_ALIAS);
	const char *why = NULL;
	int err;

	if (!alias)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	mutex_unlock(&pvd_lock);
	if (err)
		return err;
	err = pvd_driver_del(alias, &why);
	return pvk_nl_error(info, err, why);
}

/*
 * driver-get
 */

static int pvd_put_stats(struct sk_buff *msg, const struct pvd_driver *drv)
{
	struct nlattr *nest = nla_nest_start(msg, PV_DRIVER_A_STATS);

	if (!nest ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATS_LOADS, drv->stats.loads) ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATS_UNLOADS, drv->stats.unloads) ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATS_FAILURES, drv->stats.failures) ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATS_LOAD_US, drv->stats.load_us) ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATS_UNLOAD_US, drv->stats.unload_us))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvd_put_warnings(struct sk_buff *msg, const struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_warnings; i++)
		if (pvd_put_str(msg, PV_DRIVER_A_WARNING, drv->warnings[i]))
			return -EMSGSIZE;
	return 0;
}

/* What the host alone sees. */
static int pvd_put_details(struct sk_buff *msg, const struct pvd_driver *drv)
{
	struct pvd_use *use;
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (pvd_put_str(msg, PV_DRIVER_A_LINE, drv->lines[i].text) ||
		    pvd_put_module(msg, drv->lines[i].module, drv->lines[i].applied))
			return -EMSGSIZE;
	list_for_each_entry(use, &drv->uses, by_driver)
		if (pvd_put_str(msg, PV_DRIVER_A_USER,
				use->container ? use->container->name : ""))
			return -EMSGSIZE;
	if (drv->error &&
	    (pvd_put_u32(msg, PV_DRIVER_A_ERRNO, -drv->error) ||
	     pvd_put_u64(msg, PV_DRIVER_A_ERROR_SINCE, drv->error_since)))
		return -EMSGSIZE;
	if (drv->text && pvd_put_str(msg, PV_DRIVER_A_TEXT, drv->text))
		return -EMSGSIZE;
	if (pvd_put_warnings(msg, drv))
		return -EMSGSIZE;
	return pvd_put_stats(msg, drv);
}

/* Room for everything that pvd_put_driver() may put. */
static size_t pvd_driver_size(struct pvd_driver *drv)
{
	size_t size = 1024 + PVD_MAX_WARNINGS * nla_total_size(PV_DRIVER_MAX_TEXT + 1);
	struct pvd_use *use;
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		size += 2 * nla_total_size(PV_DRIVER_MAX_LINE + 1) + PVD_NL_MODULE_SIZE;
	list_for_each_entry(use, &drv->uses, by_driver)
		size += nla_total_size(PV_DRIVER_MAX_ALIAS + 1);
	return size;
}

/*
 * One driver as @who sees it. @drv is NULL for an alias that a container names
 * and nobody registered; @brief leaves out what might not fit.
 */
static int pvd_put_driver(struct sk_buff *msg, const struct pvd_caller *who, const char *alias,
			  struct pvd_driver *drv, bool brief)
{
	const struct pvd_entry *entry;

	if (pvd_put_str(msg, PV_DRIVER_A_ALIAS, alias) ||
	    pvd_put_u32(msg, PV_DRIVER_A_STATE, drv ? drv->state : PV_DRIVER_STATE_UNKNOWN) ||
	    pvd_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation) ||
	    (drv && pvd_put_u64(msg, PV_DRIVER_A_SINCE, drv->since)))
		return -EMSGSIZE;
	if (who->kind == PV_DRIVER_PEER_CONTAINER) {
		entry = pvd_container_entry(who->container, alias);
		return pvd_put_u32(msg, PV_DRIVER_A_TYPE, entry->type);
	}
	if (brief)
		return pvd_put_str(msg, PV_DRIVER_A_WARNING, PVD_NL_TOO_LONG);
	return pvd_put_details(msg, drv);
}

static int pvd_driver_visible(const struct pvd_caller *who, const char *alias,
			      struct pvd_driver **drv, const char **why)
{
	*drv = pvd_driver_find(alias);
	if (who->kind == PV_DRIVER_PEER_CONTAINER) {
		if (pvd_container_entry(who->container, alias))
			return 0;
		*why = "the container does not name this driver";
		return -EPERM;
	}
	if (*drv)
		return 0;
	*why = "no such driver";
	return -ENOENT;
}

int pv_driver_nl_driver_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *alias = pvk_nl_text(info, PV_DRIVER_A_ALIAS);
	const char *why = NULL;
	struct pvd_caller who;
	struct pvd_driver *drv;
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (!alias)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_on_behalf(skb, info->attrs, info->extack, &who);
	if (err)
		goto out;
	err = pvd_driver_visible(&who, alias, &drv, &why);
	if (err) {
		pvk_nl_error(info, err, why);
		goto out;
	}
	msg = pvk_nl_reply(&pvd_family, info, drv ? pvd_driver_size(drv) : 1024, &hdr);
	if (msg)
		err = pvk_nl_finish(info, msg, hdr, pvd_put_driver(msg, &who, alias, drv, false));
	else
		err = -ENOMEM;
out:
	mutex_unlock(&pvd_lock);
	return err;
}

static int pvd_dump_driver(struct sk_buff *skb, struct netlink_callback *cb,
			   const struct pvd_caller *who, const char *alias, struct pvd_driver *drv)
{
	bool brief = false;
	void *hdr;

	for (;;) {
		hdr = pvk_nl_dump(&pvd_family, skb, cb);
		if (!hdr)
			return -EMSGSIZE;
		if (!pvd_put_driver(skb, who, alias, drv, brief)) {
			genlmsg_end(skb, hdr);
			return 0;
		}
		genlmsg_cancel(skb, hdr);
		/* Not even alone in a message: then without the details. */
		if (skb->len || brief)
			return -EMSGSIZE;
		brief = true;
	}
}

static int pvd_dump_all(struct sk_buff *skb, struct netlink_callback *cb,
			const struct pvd_caller *who)
{
	struct pvd_driver *drv;
	long at = 0;

	list_for_each_entry(drv, &pvd_drivers, node) {
		if (at++ < cb->args[0])
			continue;
		if (pvd_dump_driver(skb, cb, who, drv->alias, drv))
			break;
		cb->args[0] = at;
	}
	return skb->len;
}

static int pvd_dump_entries(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct pvd_caller *who)
{
	const struct pvd_container *c = who->container;
	long i;

	for (i = cb->args[0]; i < c->n_entries; i++) {
		const char *alias = c->entries[i].alias;

		if (pvd_dump_driver(skb, cb, who, alias, pvd_driver_find(alias)))
			break;
		cb->args[0] = i + 1;
	}
	return skb->len;
}

int pv_driver_nl_driver_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pvd_caller who;
	int ret;

	mutex_lock(&pvd_lock);
	cb->seq = pvd_generation;
	ret = pvd_nl_on_behalf(cb->skb, pvk_dump_attrs(cb), cb->extack, &who);
	if (!ret && who.kind == PV_DRIVER_PEER_CONTAINER)
		ret = pvd_dump_entries(skb, cb, &who);
	else if (!ret)
		ret = pvd_dump_all(skb, cb, &who);
	mutex_unlock(&pvd_lock);
	return ret;
}

/*
 * load, unload and their outcome
 */

static int pvd_nl_request(struct sk_buff *skb, struct genl_info *info, enum pv_driver_op op)
{
	const char *alias = pvk_nl_text(info, PV_DRIVER_A_ALIAS);
	const char *why = NULL;
	struct pvd_caller who;
	struct pvd_call *call;
	int err;

	if (!alias)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_on_behalf(skb, info->attrs, info->extack, &who);
	if (err)
		goto out;
	call = pvd_nl_call(skb, info, &who, alias);
	if (IS_ERR(call)) {
		err = PTR_ERR(call);
		goto out;
	}
	call->terse = pvd_container_of_current();
	err = pvd_ask(&who, op, alias, call, &why);
	if (err) {
		pvk_nl_error(info, err, why);
		pvd_call_free(call);
	}
out:
	mutex_unlock(&pvd_lock);
	return err;
}

int pv_driver_nl_load_doit(struct sk_buff *skb, struct genl_info *info)
{
	return pvd_nl_request(skb, info, PV_DRIVER_OP_LOAD);
}

int pv_driver_nl_unload_doit(struct sk_buff *skb, struct genl_info *info)
{
	return pvd_nl_request(skb, info, PV_DRIVER_OP_UNLOAD);
}

static int pvd_put_outcome(struct sk_buff *msg, const struct pvd_call *call,
			   const struct pvd_driver *drv)
{
	u32 op = call->cmd == PV_DRIVER_CMD_LOAD ? PV_DRIVER_OP_LOAD : PV_DRIVER_OP_UNLOAD;

	if (pvd_put_u32(msg, PV_DRIVER_A_OP, op) ||
	    (call->alias[0] && pvd_put_str(msg, PV_DRIVER_A_ALIAS, call->alias)) ||
	    (call->container[0] &&
	     pvd_put_str(msg, PV_DRIVER_A_CONTAINER, call->container)) ||
	    (call->error && pvd_put_u32(msg, PV_DRIVER_A_ERRNO, -call->error)) ||
	    (call->text && pvd_put_str(msg, PV_DRIVER_A_TEXT, call->text)))
		return -EMSGSIZE;
	if (!drv || !call->alias[0])
		return 0;
	if (pvd_put_u32(msg, PV_DRIVER_A_STATE, drv->state))
		return -EMSGSIZE;
	/* Warnings name other containers and what they may not see. */
	return call->terse ? 0 : pvd_put_warnings(msg, drv);
}

/**
 * pvd_nl_send_outcome - tell a caller what became of its request
 * @call: the call, finished
 * @drv: the driver that it was about, NULL when it does not matter any more
 *
 * A full socket loses the message, as any; so does want of memory. Either way
 * the socket tells its reader with ENOBUFS. Locked.
 */
void pvd_nl_send_outcome(const struct pvd_call *call, const struct pvd_driver *drv)
{
	size_t size = 512 + (PVD_MAX_WARNINGS + 1) * nla_total_size(PV_DRIVER_MAX_TEXT + 1);
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(call->sk))
		return;
	msg = pvk_nl_msg(&pvd_family, call->portid, call->seq, PV_DRIVER_CMD_OUTCOME, size, &hdr);
	if (!msg) {
		pvk_nl_lost(call->sk);
		return;
	}
	if (pvd_put_outcome(msg, call, drv)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_unicast(sock_net(call->sk), msg, call->portid);
}
