// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: parse, check who asks, call one function, format the
 * answer. The ABI is Documentation/netlink/specs/pv_bootflag.yaml.
 *
 * Locking: see pv_bootflag.h. No handler waits: genl_rcv() holds a lock around
 * each that the registration of any family needs, and so would a module that
 * is being loaded. What touches a medium is queued.
 */

#include <linux/capability.h>
#include <linux/slab.h>

#include "netlink.h"
#include "netlink_gen.h"

static struct sock *pvf_sender(const struct sk_buff *skb)
{
	return NETLINK_CB(skb).sk;
}

/* locked */
static bool pvf_nl_may_set(const struct sk_buff *skb)
{
	const struct pvf_client *client = pvf_client_find(pvf_sender(skb));

	return (client && client->writer) || netlink_capable(skb, CAP_SYS_BOOT);
}

static int pvf_nl_may_manage(const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_MODULE))
		return 0;
	return pvk_nl_refuse(extack, NULL, -EPERM,
			     "takes CAP_SYS_MODULE in the initial user namespace");
}

/* A text with a NUL before its end would not be what was sent. */
static bool pvf_nl_whole(const struct nlattr *attr)
{
	return strnlen(nla_data(attr), nla_len(attr)) + 1 >= nla_len(attr);
}

/*
 * store-add, store-del
 */

int pv_bootflag_nl_store_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_BOOTFLAG_A_NAME);
	const char *spec = pvk_nl_text(info, PV_BOOTFLAG_A_SPEC);
	const char *why = NULL;
	int err;

	if (!name || !spec)
		return -EINVAL;
	err = pvf_nl_may_manage(skb, info->extack);
	if (err)
		return err;
	if (!pvf_nl_whole(info->attrs[PV_BOOTFLAG_A_SPEC]))
		return pvk_nl_error(info, -EINVAL, "NUL in a description");
	err = pvf_store_add(name, spec, &why);
	return pvk_nl_error(info, err, why);
}

int pv_bootflag_nl_store_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_BOOTFLAG_A_NAME);
	int err;

	if (!name)
		return -EINVAL;
	err = pvf_nl_may_manage(skb, info->extack);
	if (err)
		return err;
	return pvk_nl_error(info, pvf_store_del_start(name), "no such store");
}

/*
 * store-get
 */

int pv_bootflag_nl_store_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_BOOTFLAG_A_NAME);
	struct pvf_store *store;
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (!name)
		return -EINVAL;
	msg = pvk_nl_reply(&pvf_family, info, PVF_NL_STORE_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pvf_lock);
	store = pvf_store_find(name);
	if (store)
		err = pvf_put_store(msg, store, pvf_nl_may_set(skb));
	else
		err = pvk_nl_error(info, -ENOENT, "no such store");
	mutex_unlock(&pvf_lock);
	return pvk_nl_finish(info, msg, hdr, err);
}

int pv_bootflag_nl_store_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct pvf_store *store;
	bool all;
	long at = 0;
	void *hdr;

	mutex_lock(&pvf_lock);
	cb->seq = pvf_generation;
	all = pvf_nl_may_set(cb->skb);
	list_for_each_entry(store, &pvf_stores, node) {
		if (at++ < cb->args[0])
			continue;
		hdr = pvk_nl_dump(&pvf_family, skb, cb);
		if (!hdr)
			break;
		if (pvf_put_store(skb, store, all)) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
		cb->args[0] = at;
	}
	mutex_unlock(&pvf_lock);
	return skb->len;
}

/*
 * set and its outcome
 */

static int pvf_nl_value(struct pvf_change *change, const struct nlattr *nest,
			struct netlink_ext_ack *extack)
{
	struct nlattr *attrs[PV_BOOTFLAG_A_VALUE_PAD + 1];
	struct nlattr *number, *text;
	const char *why = "a value has a field, and a number or a text";
	u32 field;
	int err;

	err = nla_parse_nested_deprecated(attrs, PV_BOOTFLAG_A_VALUE_PAD, nest,
					  pv_bootflag_value_nl_policy, extack);
	if (err)
		return err;
	number = attrs[PV_BOOTFLAG_A_VALUE_NUMBER];
	text = attrs[PV_BOOTFLAG_A_VALUE_TEXT];
	if (!attrs[PV_BOOTFLAG_A_VALUE_FIELD] || !number == !text)
		return pvk_nl_refuse(extack, nest, -EINVAL, why);
	field = nla_get_u32(attrs[PV_BOOTFLAG_A_VALUE_FIELD]);
	if (change->set & PVB_HAS(field))
		return pvk_nl_refuse(extack, nest, -EINVAL, "a field is set twice");
	if (number)
		err = pvf_change_number(change, field, nla_get_u64(number), &why);
	else if (pvf_nl_whole(text))
		err = pvf_change_text(change, field, nla_data(text), &why);
	else
		err = pvf_change_text(change, field, "", &why);
	return pvk_nl_refuse(extack, nest, err, why);
}

static int pvf_nl_change(struct pvf_change *change, struct genl_info *info)
{
	struct nlattr *attr;
	int rem, err = 0;
	u32 field;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		switch (nla_type(attr)) {
		case PV_BOOTFLAG_A_VALUE:
			err = pvf_nl_value(change, attr, info->extack);
			break;
		case PV_BOOTFLAG_A_CLEAR:
			field = nla_get_u32(attr);
			if (!field || field >= PVB_FIELDS)
				return pvk_nl_refuse(info->extack, attr, -EINVAL, "no such field");
			change->clear |= PVB_HAS(field);
			break;
		}
		if (err)
			return err;
	}
	change->force = nla_get_flag(info->attrs[PV_BOOTFLAG_A_FORCE]);
	return 0;
}

/* locked; the right to do it, and the room */
static int pvf_nl_set_may(struct sk_buff *skb, struct genl_info *info, const struct pvf_set *set)
{
	if (!pvf_nl_may_set(skb))
		return pvk_nl_error(info, -EPERM,
				    "takes CAP_SYS_BOOT in the initial user namespace");
	if (set->change.force && !netlink_capable(skb, CAP_SYS_MODULE))
		return pvk_nl_error(info, -EPERM,
				    "force takes CAP_SYS_MODULE in the initial user namespace");
	if (pvf_sets_of(pvf_sender(skb)) >= PVF_MAX_SETS_SOCK)
		return pvk_nl_error(info, -EMFILE, "too many requests under way on this socket");
	return 0;
}

/* locked */
static int pvf_nl_set_queue(struct sk_buff *skb, struct genl_info *info, const char *name,
			    struct pvf_set *set)
{
	struct nlattr *generation = info->attrs[PV_BOOTFLAG_A_GENERATION];
	struct pvf_store *store;
	const char *why = NULL;
	int err;

	err = pvf_nl_set_may(skb, info, set);
	if (err)
		return err;
	store = pvf_store_find(name);
	if (!store)
		return pvk_nl_error(info, -ENOENT, "no such store");
	if (generation) {
		set->check = true;
		set->generation = nla_get_u32(generation);
		if (set->generation != store->generation)
			return pvk_nl_error(info, -EAGAIN, "the store has changed meanwhile");
	}
	sock_hold(pvf_sender(skb));
	set->sk = pvf_sender(skb);
	set->portid = info->snd_portid;
	set->seq = info->snd_seq;
	err = pvf_set_queue(store, set, &why);
	return pvk_nl_error(info, err, why);
}

int pv_bootflag_nl_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_BOOTFLAG_A_NAME);
	struct pvf_set *set;
	int err;

	if (!name)
		return -EINVAL;
	set = pvf_set_new();
	if (!set)
		return -ENOMEM;
	err = pvf_nl_change(&set->change, info);
	if (!err) {
		mutex_lock(&pvf_lock);
		err = pvf_nl_set_queue(skb, info, name, set);
		mutex_unlock(&pvf_lock);
	}
	if (err)
		pvf_set_free(set);
	return err;
}

/**
 * pvf_nl_send_outcome - tell a caller what became of its set
 * @store: of which store
 * @set: the set, finished
 *
 * A full socket loses the message, as any; so does want of memory. Either way
 * the socket tells its reader with ENOBUFS. Locked.
 */
void pvf_nl_send_outcome(const struct pvf_store *store, const struct pvf_set *set)
{
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(set->sk))
		return;
	msg = pvk_nl_msg(&pvf_family, set->portid, set->seq, PV_BOOTFLAG_CMD_OUTCOME, 512, &hdr);
	if (!msg) {
		pvk_nl_lost(set->sk);
		return;
	}
	if (nla_put_string(msg, PV_BOOTFLAG_A_NAME, pvf_name(store)) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GENERATION, set->generation) ||
	    (set->error && nla_put_u32(msg, PV_BOOTFLAG_A_ERRNO, -set->error)) ||
	    (set->error && set->why && nla_put_string(msg, PV_BOOTFLAG_A_TEXT, set->why))) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_unicast(sock_net(set->sk), msg, set->portid);
}

/*
 * subscribe, event, writer
 */

/* locked */
static int pvf_nl_subscribe(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[PV_BOOTFLAG_A_NAME];
	struct pvf_client *client;

	client = pvf_client_get(pvf_sender(skb), info->snd_portid, pvf_nl_may_set(skb));
	if (IS_ERR(client))
		return pvk_nl_error(info, PTR_ERR(client), "too many subscribers");
	client->sub.subscribed = true;
	strscpy(client->sub.filter, name ? nla_data(name) : "", sizeof(client->sub.filter));
	return 0;
}

int pv_bootflag_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	/* Nothing may fail once it has subscribed. */
	msg = pvk_nl_reply(&pvf_family, info, 64, &hdr);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pvf_lock);
	err = pvf_nl_subscribe(skb, info);
	nla_put_u32(msg, PV_BOOTFLAG_A_GENERATION, pvf_generation);
	err = pvk_nl_finish(info, msg, hdr, err);
	mutex_unlock(&pvf_lock);
	return err;
}

/**
 * pvf_nl_send_event - send one event to one subscriber
 * @client: the subscriber
 * @kind: what happened
 * @store: to which store; or NULL
 *
 * When it does not get it, its socket says ENOBUFS. Locked.
 *
 * Return: 0, or a negative errno when it did not get it and lives.
 */
int pvf_nl_send_event(struct pvf_client *client, enum pv_bootflag_event_kind kind,
		      const struct pvf_store *store)
{
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(client->sub.sk))
		return 0;
	msg = pvk_nl_msg(&pvf_family, client->sub.portid, 0, PV_BOOTFLAG_CMD_EVENT, 128, &hdr);
	if (!msg) {
		pvk_nl_lost(client->sub.sk);
		return -ENOMEM;
	}
	if (nla_put_u32(msg, PV_BOOTFLAG_A_EVENT_KIND, kind) ||
	    nla_put_u32(msg, PV_BOOTFLAG_A_GENERATION,
			store ? store->generation : pvf_generation) ||
	    (store && nla_put_string(msg, PV_BOOTFLAG_A_NAME, pvf_name(store))) ||
	    (store && nla_put_u32(msg, PV_BOOTFLAG_A_STATE, store->known.state))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return pvk_subscriber_send(&client->sub, msg);
}

int pv_bootflag_nl_writer_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct pvf_client *client;
	int err = 0;

	mutex_lock(&pvf_lock);
	if (!pvf_nl_may_set(skb)) {
		err = pvk_nl_error(info, -EPERM,
				   "takes CAP_SYS_BOOT in the initial user namespace");
		goto out;
	}
	client = pvf_client_get(pvf_sender(skb), info->snd_portid, true);
	if (IS_ERR(client))
		err = PTR_ERR(client);
	else
		client->writer = true;
out:
	mutex_unlock(&pvf_lock);
	return err;
}

struct genl_family pvf_family __ro_after_init = {
	.name = PV_BOOTFLAG_GENL_NAME,
	.version = PV_BOOTFLAG_GENL_VERSION,
	.module = THIS_MODULE,
	/* Containers ask from their own network namespaces. */
	.netnsok = true,
	.parallel_ops = true,
	.ops = pv_bootflag_nl_ops,
	.n_ops = ARRAY_SIZE(pv_bootflag_nl_ops),
};
