// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: parse, check who asks, call one function, format the
 * answer. The ABI is Documentation/netlink/specs/pv_driver.yaml.
 *
 * Locking: see pv_driver.h. No handler waits: genl_rcv() holds a lock around
 * each that the registration of any family needs, and so would a module that
 * is being loaded.
 */

#include <linux/net.h>
#include <linux/slab.h>
#include <linux/un.h>
#include <net/af_unix.h>

#include "../compat.h"
#include "netlink_gen.h"
#include "pv_driver.h"

static struct sock *pvd_sender(const struct sk_buff *skb)
{
	return NETLINK_CB(skb).sk;
}

static bool pvd_is_front(const struct sk_buff *skb)
{
	const struct pvd_client *client = pvd_client_find(pvd_sender(skb));

	return client && client->front;
}

/* locked */
static void pvd_nl_caller(const struct sk_buff *skb, struct pvd_caller *who)
{
	who->container = pvd_container_of_current();
	if (who->container)
		who->kind = PV_DRIVER_PEER_CONTAINER;
	else if (netlink_capable(skb, CAP_SYS_MODULE))
		who->kind = PV_DRIVER_PEER_HOST;
	else
		who->kind = PV_DRIVER_PEER_UNKNOWN;
}

/* locked */
static int pvd_nl_host_only(const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	struct pvd_caller who;

	pvd_nl_caller(skb, &who);
	if (who.kind == PV_DRIVER_PEER_HOST)
		return 0;
	NL_SET_ERR_MSG(extack, "for the host only: CAP_SYS_MODULE, outside of every container");
	return -EPERM;
}

/*
 * Locked. Who the message is about: the caller, or the one that a front or the
 * host speaks for. A container speaks for itself alone.
 */
static int pvd_nl_on_behalf(const struct sk_buff *skb, struct nlattr **attrs,
			    struct netlink_ext_ack *extack, struct pvd_caller *who)
{
	struct nlattr *id = attrs[PV_DRIVER_A_CONTAINER_ID];
	struct nlattr *name = attrs[PV_DRIVER_A_CONTAINER];
	bool front;

	pvd_nl_caller(skb, who);
	front = who->kind == PV_DRIVER_PEER_UNKNOWN && pvd_is_front(skb);
	if (who->kind == PV_DRIVER_PEER_UNKNOWN && !front) {
		NL_SET_ERR_MSG(extack, "neither the host nor in a registered container");
		return -EPERM;
	}
	if (!id && !name) {
		if (!front)
			return 0;
		NL_SET_ERR_MSG(extack, "a front has to say on whose behalf");
		return -EPERM;
	}
	if (who->kind == PV_DRIVER_PEER_CONTAINER) {
		NL_SET_ERR_MSG(extack, "a container acts for itself alone");
		return -EPERM;
	}

	who->kind = PV_DRIVER_PEER_HOST;
	who->container = NULL;
	if (id && !nla_get_u64(id))
		return 0;
	who->kind = PV_DRIVER_PEER_CONTAINER;
	who->container = id ? pvd_container_by_id(nla_get_u64(id))
			    : pvd_container_find(nla_data(name));
	if (who->container)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, id ?: name, "no such container");
	return -ESRCH;
}

/* The texts that the functions behind the door give are constants. */
static int pvd_nl_error(struct genl_info *info, int err, const char *why)
{
	if (err && info->extack)
		info->extack->_msg = why;
	return err;
}

/* NULL, with the text set, when it is absent. */
static const char *pvd_nl_text(struct genl_info *info, int attr)
{
	if (info->attrs[attr])
		return nla_data(info->attrs[attr]);
	GENL_SET_ERR_MSG(info, "an attribute that this command needs is missing");
	return NULL;
}

static struct sk_buff *pvd_nl_reply(struct genl_info *info, u8 cmd, size_t size, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);

	if (!msg)
		return ERR_PTR(-ENOMEM);
	*hdr = genlmsg_put_reply(msg, info, &pvd_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return ERR_PTR(-EMSGSIZE);
}

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
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "too many module lines");
			pvd_texts_free(t, *n);
			return -EINVAL;
		}
		t[*n] = nla_strdup(attr, GFP_KERNEL);
		if (!t[(*n)++]) {
			pvd_texts_free(t, *n);
			return -ENOMEM;
		}
	}
	*texts = t;
	return 0;
}

int pv_driver_nl_driver_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *alias = pvd_nl_text(info, PV_DRIVER_A_ALIAS);
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
	return pvd_nl_error(info, err, why);
}

int pv_driver_nl_driver_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *alias = pvd_nl_text(info, PV_DRIVER_A_ALIAS);
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
	return pvd_nl_error(info, err, why);
}

/*
 * driver-get
 */

static int pvd_put_module(struct sk_buff *msg, const struct pvd_line *line)
{
	const struct pvd_module *m = line->module;
	u32 flags = 0;
	struct nlattr *nest;

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

	nest = nla_nest_start(msg, PV_DRIVER_A_MODULE);
	if (!nest)
		return -EMSGSIZE;
	if (nla_put_string(msg, PV_DRIVER_A_MODULE_NAME, m->name) ||
	    nla_put_u32(msg, PV_DRIVER_A_MODULE_FLAGS, flags) ||
	    (line->applied &&
	     nla_put_string(msg, PV_DRIVER_A_MODULE_PARAMS, line->applied)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvd_put_stats(struct sk_buff *msg, const struct pvd_driver *drv)
{
	struct nlattr *nest = nla_nest_start(msg, PV_DRIVER_A_STATS);

	if (!nest ||
	    nla_put_u32(msg, PV_DRIVER_A_STATS_LOADS, drv->stats.loads) ||
	    nla_put_u32(msg, PV_DRIVER_A_STATS_UNLOADS, drv->stats.unloads) ||
	    nla_put_u32(msg, PV_DRIVER_A_STATS_FAILURES, drv->stats.failures) ||
	    nla_put_u32(msg, PV_DRIVER_A_STATS_LOAD_US, drv->stats.load_us) ||
	    nla_put_u32(msg, PV_DRIVER_A_STATS_UNLOAD_US, drv->stats.unload_us))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvd_put_warnings(struct sk_buff *msg, const struct pvd_driver *drv)
{
	unsigned int i;

	for (i = 0; i < drv->n_warnings; i++)
		if (nla_put_string(msg, PV_DRIVER_A_WARNING, drv->warnings[i]))
			return -EMSGSIZE;
	return 0;
}

/* What the host alone sees. */
static int pvd_put_details(struct sk_buff *msg, const struct pvd_driver *drv)
{
	struct pvd_use *use;
	unsigned int i;

	for (i = 0; i < drv->n_lines; i++)
		if (nla_put_string(msg, PV_DRIVER_A_LINE, drv->lines[i].text) ||
		    pvd_put_module(msg, &drv->lines[i]))
			return -EMSGSIZE;
	list_for_each_entry(use, &drv->uses, by_driver)
		if (nla_put_string(msg, PV_DRIVER_A_USER,
				   use->container ? use->container->name : ""))
			return -EMSGSIZE;
	if (drv->error && nla_put_u32(msg, PV_DRIVER_A_ERRNO, -drv->error))
		return -EMSGSIZE;
	if (drv->text && nla_put_string(msg, PV_DRIVER_A_TEXT, drv->text))
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
		size += 2 * nla_total_size(PV_DRIVER_MAX_LINE + 1) + 128;
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

	if (nla_put_string(msg, PV_DRIVER_A_ALIAS, alias) ||
	    nla_put_u32(msg, PV_DRIVER_A_STATE, drv ? drv->state : PV_DRIVER_STATE_UNKNOWN) ||
	    nla_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation))
		return -EMSGSIZE;
	if (who->kind == PV_DRIVER_PEER_CONTAINER) {
		entry = pvd_container_entry(who->container, alias);
		return nla_put_u32(msg, PV_DRIVER_A_TYPE, entry->type);
	}
	if (brief)
		return nla_put_string(msg, PV_DRIVER_A_WARNING,
				      "too long for a list: ask for this driver alone");
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
	const char *alias = pvd_nl_text(info, PV_DRIVER_A_ALIAS);
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
		pvd_nl_error(info, err, why);
		goto out;
	}
	msg = pvd_nl_reply(info, PV_DRIVER_CMD_DRIVER_GET, drv ? pvd_driver_size(drv) : 1024, &hdr);
	if (IS_ERR(msg)) {
		err = PTR_ERR(msg);
		goto out;
	}
	err = pvd_put_driver(msg, &who, alias, drv, false);
	if (err) {
		nlmsg_free(msg);
		goto out;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
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
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &pvd_family,
				  NLM_F_MULTI, PV_DRIVER_CMD_DRIVER_GET);
		if (!hdr)
			return -EMSGSIZE;
		genl_dump_check_consistent(cb, hdr);
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

/* locked */
static struct pvd_call *pvd_nl_call(const struct sk_buff *skb, struct genl_info *info,
				    const char *alias)
{
	struct nlattr *timeout = info->attrs[PV_DRIVER_A_TIMEOUT];
	struct sock *sk = pvd_sender(skb);
	struct pvd_call *call;

	if (pvd_calls_of(sk) >= PVD_MAX_CALLS_SOCK) {
		GENL_SET_ERR_MSG(info, "too many requests under way on this socket");
		return ERR_PTR(-EMFILE);
	}
	call = pvd_call_new(info->genlhdr->cmd, alias, timeout ? nla_get_u32(timeout) : 0);
	if (IS_ERR(call))
		return call;
	sock_hold(sk);
	call->sk = sk;
	call->portid = info->snd_portid;
	call->seq = info->snd_seq;
	return call;
}

static int pvd_nl_request(struct sk_buff *skb, struct genl_info *info, enum pv_driver_op op)
{
	const char *alias = pvd_nl_text(info, PV_DRIVER_A_ALIAS);
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
	call = pvd_nl_call(skb, info, alias);
	if (IS_ERR(call)) {
		err = PTR_ERR(call);
		goto out;
	}
	err = pvd_ask(&who, op, alias, call, &why);
	if (err) {
		pvd_nl_error(info, err, why);
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

	if (nla_put_u32(msg, PV_DRIVER_A_OP, op) ||
	    (call->alias[0] && nla_put_string(msg, PV_DRIVER_A_ALIAS, call->alias)) ||
	    (call->container[0] &&
	     nla_put_string(msg, PV_DRIVER_A_CONTAINER, call->container)) ||
	    (call->error && nla_put_u32(msg, PV_DRIVER_A_ERRNO, -call->error)) ||
	    (call->text && nla_put_string(msg, PV_DRIVER_A_TEXT, call->text)))
		return -EMSGSIZE;
	if (!drv || !call->alias[0])
		return 0;
	if (nla_put_u32(msg, PV_DRIVER_A_STATE, drv->state))
		return -EMSGSIZE;
	return pvd_put_warnings(msg, drv);
}

/**
 * pvd_nl_send_outcome - tell a caller what became of its request
 * @call: the call, finished
 * @drv: the driver that it was about, NULL when it does not matter any more
 *
 * A full socket loses the message, as any. Locked.
 */
void pvd_nl_send_outcome(const struct pvd_call *call, const struct pvd_driver *drv)
{
	size_t size = 512 + (PVD_MAX_WARNINGS + 1) * nla_total_size(PV_DRIVER_MAX_TEXT + 1);
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, call->portid, call->seq, &pvd_family, 0, PV_DRIVER_CMD_OUTCOME);
	if (!hdr || pvd_put_outcome(msg, call, drv)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_unicast(sock_net(call->sk), msg, call->portid);
}

/*
 * container-new, container-del, container-get
 */

static int pvd_nl_entry(struct nlattr *attr, struct pvd_entry *entries, unsigned int *n,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[PV_DRIVER_A_ENTRY_USED + 1];
	const char *alias;
	unsigned int i;
	int err;

	if (*n == PV_DRIVER_MAX_ENTRIES) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "too many drivers");
		return -EINVAL;
	}
	err = nla_parse_nested(tb, PV_DRIVER_A_ENTRY_USED, attr, pv_driver_entry_nl_policy, extack);
	if (err)
		return err;
	if (!tb[PV_DRIVER_A_ENTRY_ALIAS] || !tb[PV_DRIVER_A_ENTRY_TYPE]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "entry without alias or type");
		return -EINVAL;
	}
	alias = nla_data(tb[PV_DRIVER_A_ENTRY_ALIAS]);
	if (!pvd_name_ok(alias)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "not an alias");
		return -EINVAL;
	}
	for (i = 0; i < *n; i++) {
		if (!strcmp(entries[i].alias, alias)) {
			NL_SET_ERR_MSG_ATTR(extack, attr, "driver named twice");
			return -EINVAL;
		}
	}
	entries[*n].alias = kstrdup(alias, GFP_KERNEL);
	if (!entries[*n].alias)
		return -ENOMEM;
	entries[(*n)++].type = nla_get_u32(tb[PV_DRIVER_A_ENTRY_TYPE]);
	return 0;
}

static int pvd_nl_entries(struct genl_info *info, struct pvd_container_args *args)
{
	struct pvd_entry *entries;
	struct nlattr *attr;
	unsigned int count = 0, n = 0;
	int rem, err = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		if (nla_type(attr) == PV_DRIVER_A_ENTRY)
			count++;
	if (count > PV_DRIVER_MAX_ENTRIES) {
		GENL_SET_ERR_MSG(info, "too many drivers");
		return -EINVAL;
	}
	entries = kcalloc(max(count, 1U), sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != PV_DRIVER_A_ENTRY)
			continue;
		err = pvd_nl_entry(attr, entries, &n, info->extack);
		if (err)
			break;
	}
	if (err) {
		pvd_entries_free(entries, n);
		return err;
	}
	args->entries = entries;
	args->n_entries = n;
	return 0;
}

static int pvd_nl_reply_id(struct genl_info *info, u64 id)
{
	struct sk_buff *msg;
	void *hdr;

	msg = pvd_nl_reply(info, PV_DRIVER_CMD_CONTAINER_NEW, NLMSG_DEFAULT_SIZE, &hdr);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	if (nla_put_u64_64bit(msg, PV_DRIVER_A_CONTAINER_ID, id, PV_DRIVER_A_PAD)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int pv_driver_nl_container_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct pvd_container_args args = {
		.name = pvd_nl_text(info, PV_DRIVER_A_CONTAINER),
		.cgroup_fd = -1,
	};
	const char *why = NULL;
	u64 id;
	int err;

	if (!args.name)
		return -EINVAL;
	if (attrs[PV_DRIVER_A_CGROUP_FD])
		args.cgroup_fd = min_t(u32, nla_get_u32(attrs[PV_DRIVER_A_CGROUP_FD]), INT_MAX);
	if (attrs[PV_DRIVER_A_PID])
		args.pid = min_t(u32, nla_get_u32(attrs[PV_DRIVER_A_PID]), INT_MAX);
	if (attrs[PV_DRIVER_A_ROLES])
		args.roles = nla_get_u32(attrs[PV_DRIVER_A_ROLES]);

	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (!err)
		err = pvd_nl_entries(info, &args);
	if (err)
		goto out;
	err = pvd_container_new(&args, &id, &why);
	if (err) {
		pvd_nl_error(info, err, why);
		pvd_entries_free(args.entries, args.n_entries);
	}
out:
	mutex_unlock(&pvd_lock);
	return err ?: pvd_nl_reply_id(info, id);
}

int pv_driver_nl_container_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvd_nl_text(info, PV_DRIVER_A_CONTAINER);
	struct pvd_container *c;
	struct pvd_call *call;
	int err;

	if (!name)
		return -EINVAL;
	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	c = pvd_container_find(name);
	if (!c) {
		err = pvd_nl_error(info, -ENOENT, "no such container");
		goto out;
	}
	call = pvd_nl_call(skb, info, "");
	if (IS_ERR(call)) {
		err = PTR_ERR(call);
		goto out;
	}
	strscpy(call->container, c->name, sizeof(call->container));
	pvd_container_end(c, call);
	pvd_call_start(call);
out:
	mutex_unlock(&pvd_lock);
	return err;
}

static int pvd_put_entry(struct sk_buff *msg, const struct pvd_container *c,
			 const struct pvd_entry *entry)
{
	struct pvd_driver *drv = pvd_driver_find(entry->alias);
	struct nlattr *nest = nla_nest_start(msg, PV_DRIVER_A_ENTRY);

	if (!nest ||
	    nla_put_string(msg, PV_DRIVER_A_ENTRY_ALIAS, entry->alias) ||
	    nla_put_u32(msg, PV_DRIVER_A_ENTRY_TYPE, entry->type) ||
	    nla_put_u32(msg, PV_DRIVER_A_ENTRY_STATE,
			drv ? drv->state : PV_DRIVER_STATE_UNKNOWN) ||
	    (drv && pvd_use_find(drv, c) && nla_put_flag(msg, PV_DRIVER_A_ENTRY_USED)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int pvd_put_cgroup(struct sk_buff *msg, struct pvd_container *c)
{
	char *path = kmalloc(PATH_MAX, GFP_KERNEL);
	int err = 0;

	if (!path)
		return -ENOMEM;
	if (cgroup_path(c->cgrp, path, PATH_MAX) >= 0)
		err = nla_put_string(msg, PV_DRIVER_A_CGROUP, path);
	kfree(path);
	return err;
}

static int pvd_put_container(struct sk_buff *msg, struct pvd_container *c)
{
	unsigned int i;
	int err;

	if (nla_put_string(msg, PV_DRIVER_A_CONTAINER, c->name) ||
	    nla_put_u64_64bit(msg, PV_DRIVER_A_CONTAINER_ID, c->id, PV_DRIVER_A_PAD) ||
	    nla_put_u32(msg, PV_DRIVER_A_ROLES, c->roles) ||
	    nla_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation))
		return -EMSGSIZE;
	err = pvd_put_cgroup(msg, c);
	for (i = 0; i < c->n_entries && !err; i++)
		err = pvd_put_entry(msg, c, &c->entries[i]);
	return err;
}

/* locked; the container that the message is about, which is the caller's own or any */
static struct pvd_container *pvd_nl_container(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[PV_DRIVER_A_CONTAINER];
	struct nlattr *id = info->attrs[PV_DRIVER_A_CONTAINER_ID];
	struct pvd_container *c;
	struct pvd_caller who;
	int err;

	if (!name && !id) {
		pvd_nl_caller(skb, &who);
		if (who.container)
			return who.container;
		GENL_SET_ERR_MSG(info, "the caller is in no registered container");
		return ERR_PTR(-ENOENT);
	}
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		return ERR_PTR(err);
	c = name ? pvd_container_find(nla_data(name)) : pvd_container_by_id(nla_get_u64(id));
	if (c)
		return c;
	GENL_SET_ERR_MSG(info, "no such container");
	return ERR_PTR(-ENOENT);
}

int pv_driver_nl_container_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct pvd_container *c;
	struct sk_buff *msg;
	size_t size;
	void *hdr;
	int err = 0;

	mutex_lock(&pvd_lock);
	c = pvd_nl_container(skb, info);
	if (IS_ERR(c)) {
		err = PTR_ERR(c);
		goto out;
	}
	size = 512 + PATH_MAX + c->n_entries * (nla_total_size(PV_DRIVER_MAX_ALIAS + 1) + 32);
	msg = pvd_nl_reply(info, PV_DRIVER_CMD_CONTAINER_GET, size, &hdr);
	if (IS_ERR(msg)) {
		err = PTR_ERR(msg);
		goto out;
	}
	err = pvd_put_container(msg, c);
	if (err) {
		nlmsg_free(msg);
		goto out;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
out:
	mutex_unlock(&pvd_lock);
	return err;
}

static int pvd_dump_container(struct sk_buff *skb, struct netlink_callback *cb,
			      struct pvd_container *c)
{
	void *hdr;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &pvd_family,
			  NLM_F_MULTI, PV_DRIVER_CMD_CONTAINER_GET);
	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (pvd_put_container(skb, c)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int pv_driver_nl_container_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pvd_container *c;
	long at = 0;
	int err;

	mutex_lock(&pvd_lock);
	cb->seq = pvd_generation;
	err = pvd_nl_host_only(cb->skb, cb->extack);
	if (err)
		goto out;
	list_for_each_entry(c, &pvd_containers, node) {
		if (at++ < cb->args[0])
			continue;
		err = pvd_dump_container(skb, cb, c);
		if (err)
			break;
		cb->args[0] = at;
	}
	if (skb->len || !err)
		err = skb->len;
out:
	mutex_unlock(&pvd_lock);
	return err;
}

/*
 * agent, front, whois
 */

static int pvd_nl_become(struct sk_buff *skb, struct genl_info *info, bool agent)
{
	struct nlattr *text = info->attrs[PV_DRIVER_A_TEXT];
	struct pvd_client *client;
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	client = pvd_client_get(pvd_sender(skb), info->snd_portid, NULL);
	if (IS_ERR(client)) {
		err = PTR_ERR(client);
		goto out;
	}
	if (text) {
		kfree(client->text);
		client->text = kstrdup(nla_data(text), GFP_KERNEL);
	}
	if (agent)
		pvd_agent_set(client);
	else
		client->front = true;
out:
	mutex_unlock(&pvd_lock);
	return err;
}

int pv_driver_nl_agent_doit(struct sk_buff *skb, struct genl_info *info)
{
	return pvd_nl_become(skb, info, true);
}

int pv_driver_nl_front_doit(struct sk_buff *skb, struct genl_info *info)
{
	return pvd_nl_become(skb, info, false);
}

/**
 * pvd_nl_send_exec - give the agent a task
 * @agent: the client
 * @task: what to do
 *
 * Locked.
 *
 * Return: 0 or a negative errno: it did not get it.
 */
int pvd_nl_send_exec(struct pvd_client *agent, const struct pvd_task *task)
{
	struct sk_buff *msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	const struct pvd_container *c = task->container;
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put(msg, agent->portid, 0, &pvd_family, 0, PV_DRIVER_CMD_EXEC);
	if (!hdr ||
	    nla_put_u64_64bit(msg, PV_DRIVER_A_EXEC_ID, task->id, PV_DRIVER_A_PAD) ||
	    nla_put_u32(msg, PV_DRIVER_A_OP, task->op) ||
	    nla_put_string(msg, PV_DRIVER_A_ALIAS, task->driver->alias) ||
	    nla_put_string(msg, PV_DRIVER_A_LINE, task->line) ||
	    (c && nla_put_string(msg, PV_DRIVER_A_CONTAINER, c->name)) ||
	    (c && nla_put_u64_64bit(msg, PV_DRIVER_A_CONTAINER_ID, c->id, PV_DRIVER_A_PAD))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_unicast(sock_net(agent->sk), msg, agent->portid);
}

/* locked; the sender, if it is a client and has what the command needs */
static struct pvd_client *pvd_nl_agent(struct sk_buff *skb, struct genl_info *info)
{
	struct pvd_client *client = pvd_client_find(pvd_sender(skb));

	if (client && client->agent && info->attrs[PV_DRIVER_A_EXEC_ID])
		return client;
	GENL_SET_ERR_MSG(info, "for the agent only, with an exec-id");
	return NULL;
}

int pv_driver_nl_exec_ack_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct pvd_client *client;
	int err = -EPERM;

	mutex_lock(&pvd_lock);
	client = pvd_nl_agent(skb, info);
	if (client && !attrs[PV_DRIVER_A_PID])
		err = pvd_nl_error(info, -EINVAL, "no pid of the worker");
	else if (client)
		err = pvd_agent_ack(client, nla_get_u64(attrs[PV_DRIVER_A_EXEC_ID]),
				    min_t(u32, nla_get_u32(attrs[PV_DRIVER_A_PID]), INT_MAX));
	mutex_unlock(&pvd_lock);
	return err;
}

static void pvd_nl_warnings(struct genl_info *info, struct pvd_client *client, u64 id)
{
	char text[PV_DRIVER_MAX_TEXT + 1];
	unsigned int n = 0;
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != PV_DRIVER_A_WARNING || n++ == PVD_MAX_WARNINGS)
			continue;
		memset(text, 0, sizeof(text));
		nla_memcpy(text, attr, PV_DRIVER_MAX_TEXT);
		pvd_agent_warn(client, id, text);
	}
}

int pv_driver_nl_result_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct pvd_client *client;
	int err = -EPERM;
	u64 id;

	mutex_lock(&pvd_lock);
	client = pvd_nl_agent(skb, info);
	if (client) {
		id = nla_get_u64(attrs[PV_DRIVER_A_EXEC_ID]);
		pvd_nl_warnings(info, client, id);
		err = pvd_agent_result(client, id,
				       attrs[PV_DRIVER_A_ERRNO] ?
				       nla_get_u32(attrs[PV_DRIVER_A_ERRNO]) : 0,
				       attrs[PV_DRIVER_A_TEXT] ?
				       nla_data(attrs[PV_DRIVER_A_TEXT]) : NULL,
				       attrs[PV_DRIVER_A_PARAMS] ?
				       nla_data(attrs[PV_DRIVER_A_PARAMS]) : NULL,
				       nla_get_flag(attrs[PV_DRIVER_A_BUILTIN]));
	}
	mutex_unlock(&pvd_lock);
	return err;
}

/*
 * A socket that accept() returned shares its address with the listener, pointer
 * and all; nothing else does: not the client's end, not a socket pair.
 */
static bool pvd_accepted_from(const struct sock *sk, const struct sock *listener)
{
	const void *addr = READ_ONCE(unix_sk(sk)->addr);

	return addr && addr == READ_ONCE(unix_sk(listener)->addr);
}

static int pvd_whois_check(const struct socket *sock, const struct socket *listener,
			   const char **why)
{
	const struct sock *sk = sock->sk, *lsk = listener->sk;

	if (!sk || !lsk || sk->sk_family != AF_UNIX || lsk->sk_family != AF_UNIX ||
	    sock->type != SOCK_STREAM || listener->type != SOCK_STREAM) {
		*why = "not AF_UNIX stream sockets";
		return -EINVAL;
	}
	if (READ_ONCE(lsk->sk_state) != TCP_LISTEN) {
		*why = "listener-fd does not listen";
		return -EINVAL;
	}
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED || !pvd_accepted_from(sk, lsk)) {
		*why = "fd was not accepted from listener-fd";
		return -EINVAL;
	}
	return 0;
}

/* connect() recorded both in the client's own context. Locked. */
static void pvd_whois_peer(struct sock *sk, struct pvd_caller *who)
{
	const struct cred *cred;

	who->kind = PV_DRIVER_PEER_UNKNOWN;
	who->container = pvd_container_of(sock_cgroup_ptr(&sk->sk_cgrp_data));
	if (who->container) {
		who->kind = PV_DRIVER_PEER_CONTAINER;
		return;
	}
	spin_lock(&sk->sk_peer_lock);
	cred = get_cred(sk->sk_peer_cred);
	spin_unlock(&sk->sk_peer_lock);
	if (!cred)
		return;
	if (cred->user_ns == &init_user_ns && cap_raised(cred->cap_effective, CAP_SYS_MODULE))
		who->kind = PV_DRIVER_PEER_HOST;
	put_cred(cred);
}

static int pvd_nl_reply_peer(struct genl_info *info, const struct pvd_caller *who)
{
	const struct pvd_container *c = who->container;
	struct sk_buff *msg;
	void *hdr;

	msg = pvd_nl_reply(info, PV_DRIVER_CMD_WHOIS, NLMSG_DEFAULT_SIZE, &hdr);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	if (nla_put_u32(msg, PV_DRIVER_A_PEER, who->kind) ||
	    (c && nla_put_string(msg, PV_DRIVER_A_CONTAINER, c->name)) ||
	    (c && nla_put_u64_64bit(msg, PV_DRIVER_A_CONTAINER_ID, c->id, PV_DRIVER_A_PAD)) ||
	    (c && nla_put_u32(msg, PV_DRIVER_A_ROLES, c->roles))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int pv_driver_nl_whois_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *fd = info->attrs[PV_DRIVER_A_FD];
	struct nlattr *lfd = info->attrs[PV_DRIVER_A_LISTENER_FD];
	struct socket *sock, *listener;
	struct pvd_caller who;
	const char *why = NULL;
	int err;

	if (!fd || !lfd)
		return pvd_nl_error(info, -EINVAL, "fd or listener-fd is missing");
	mutex_lock(&pvd_lock);
	err = pvd_is_front(skb) ? 0 : -EPERM;
	mutex_unlock(&pvd_lock);
	if (err)
		return pvd_nl_error(info, err, "for a front only");

	sock = sockfd_lookup(nla_get_u32(fd), &err);
	if (!sock)
		return pvd_nl_error(info, err, "fd is no socket");
	listener = sockfd_lookup(nla_get_u32(lfd), &err);
	if (!listener) {
		pvd_nl_error(info, err, "listener-fd is no socket");
		goto out_sock;
	}
	err = pvd_whois_check(sock, listener, &why);
	if (err) {
		pvd_nl_error(info, err, why);
		goto out_listener;
	}
	mutex_lock(&pvd_lock);
	pvd_whois_peer(sock->sk, &who);
	err = pvd_nl_reply_peer(info, &who);
	mutex_unlock(&pvd_lock);
out_listener:
	sockfd_put(listener);
out_sock:
	sockfd_put(sock);
	return err;
}

/*
 * subscribe, event, status-get
 */

/* locked */
static int pvd_nl_subscribe(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *alias = info->attrs[PV_DRIVER_A_ALIAS];
	struct pvd_client *client;
	struct pvd_caller who;

	pvd_nl_caller(skb, &who);
	if (who.kind == PV_DRIVER_PEER_UNKNOWN && !pvd_is_front(skb))
		return pvd_nl_error(info, -EPERM, "neither the host nor in a registered container");
	client = pvd_client_get(pvd_sender(skb), info->snd_portid, who.container);
	if (IS_ERR(client))
		return pvd_nl_error(info, PTR_ERR(client), "too many subscribers");
	if (client->container != who.container)
		return pvd_nl_error(info, -EPERM, "this socket was somebody else's before");
	client->subscribed = true;
	strscpy(client->filter, alias ? nla_data(alias) : "", sizeof(client->filter));
	return 0;
}

static int pvd_nl_reply_generation(struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = pvd_nl_reply(info, PV_DRIVER_CMD_SUBSCRIBE, NLMSG_DEFAULT_SIZE, &hdr);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	if (nla_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int pv_driver_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_subscribe(skb, info);
	if (!err)
		err = pvd_nl_reply_generation(info);
	mutex_unlock(&pvd_lock);
	return err;
}

/**
 * pvd_nl_send_event - send one event to one subscriber
 * @client: the subscriber
 * @kind: what happened
 * @drv: to which driver; NULL for an overrun
 *
 * Locked.
 *
 * Return: 0, or a negative errno when it did not get it and lives.
 */
int pvd_nl_send_event(struct pvd_client *client, enum pv_driver_event_kind kind,
		      const struct pvd_driver *drv)
{
	struct sk_buff *msg = genlmsg_new(256, GFP_KERNEL);
	void *hdr;
	int err;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put(msg, client->portid, 0, &pvd_family, 0, PV_DRIVER_CMD_EVENT);
	if (!hdr ||
	    nla_put_u32(msg, PV_DRIVER_A_EVENT_KIND, kind) ||
	    nla_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation) ||
	    (drv && nla_put_string(msg, PV_DRIVER_A_ALIAS, drv->alias)) ||
	    (drv && nla_put_u32(msg, PV_DRIVER_A_STATE, drv->state))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_unicast(sock_net(client->sk), msg, client->portid);
	/* Closing just now: its release tells. */
	return err == -ECONNREFUSED ? 0 : err;
}

int pv_driver_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	msg = pvd_nl_reply(info, PV_DRIVER_CMD_STATUS_GET, NLMSG_DEFAULT_SIZE, &hdr);
	if (IS_ERR(msg)) {
		err = PTR_ERR(msg);
		goto out;
	}
	if (nla_put_u32(msg, PV_DRIVER_A_AGENT_PORTID, pvd_agent ? pvd_agent->portid : 0) ||
	    (pvd_agent && pvd_agent->text &&
	     nla_put_string(msg, PV_DRIVER_A_TEXT, pvd_agent->text)) ||
	    nla_put_u32(msg, PV_DRIVER_A_COUNT_DRIVERS, pvd_n_drivers) ||
	    nla_put_u32(msg, PV_DRIVER_A_COUNT_CONTAINERS, pvd_n_containers) ||
	    nla_put_u32(msg, PV_DRIVER_A_COUNT_REQUESTS, pvd_n_calls) ||
	    nla_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation)) {
		nlmsg_free(msg);
		err = -EMSGSIZE;
		goto out;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
out:
	mutex_unlock(&pvd_lock);
	return err;
}

struct genl_family pvd_family __ro_after_init = {
	.name = PV_DRIVER_GENL_NAME,
	.version = PV_DRIVER_GENL_VERSION,
	.module = THIS_MODULE,
	/* Containers ask from their own network namespaces. */
	.netnsok = true,
	.parallel_ops = true,
	.ops = pv_driver_nl_ops,
	.n_ops = ARRAY_SIZE(pv_driver_nl_ops),
};
