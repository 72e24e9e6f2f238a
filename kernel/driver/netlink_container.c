// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: containers, and who is behind a socket. See netlink.c.
 *
 * Locking: see pv_driver.h.
 */

#include <linux/net.h>
#include <linux/slab.h>
#include <net/af_unix.h>

#include "netlink.h"
#include "netlink_gen.h"
#include "pv_driver.h"

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

	err = nla_parse_nested(tb, PV_DRIVER_A_ENTRY_USED, attr, pv_driver_entry_nl_policy, extack);
	if (err)
		return err;
	if (!tb[PV_DRIVER_A_ENTRY_ALIAS] || !tb[PV_DRIVER_A_ENTRY_TYPE])
		return pvk_nl_refuse(extack, attr, -EINVAL, "entry without alias or type");
	alias = nla_data(tb[PV_DRIVER_A_ENTRY_ALIAS]);
	if (!pvd_name_ok(alias))
		return pvk_nl_refuse(extack, attr, -EINVAL, "not an alias");
	for (i = 0; i < *n; i++)
		if (!strcmp(entries[i].alias, alias))
			return pvk_nl_refuse(extack, attr, -EINVAL, "driver named twice");
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
	if (count > PV_DRIVER_MAX_ENTRIES)
		return pvk_nl_error(info, -EINVAL, "too many drivers");
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

static int pvd_nl_container_args(struct genl_info *info, struct pvd_container_args *args)
{
	struct nlattr **attrs = info->attrs;

	args->name = pvk_nl_text(info, PV_DRIVER_A_CONTAINER);
	if (!args->name)
		return -EINVAL;
	args->cgroup_fd = -1;
	if (attrs[PV_DRIVER_A_CGROUP_FD])
		args->cgroup_fd = min_t(u32, nla_get_u32(attrs[PV_DRIVER_A_CGROUP_FD]), INT_MAX);
	if (attrs[PV_DRIVER_A_PID])
		args->pid = min_t(u32, nla_get_u32(attrs[PV_DRIVER_A_PID]), INT_MAX);
	if (attrs[PV_DRIVER_A_ROLES])
		args->roles = nla_get_u32(attrs[PV_DRIVER_A_ROLES]);
	return pvd_nl_entries(info, args);
}

int pv_driver_nl_container_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct pvd_container_args args = { };
	const char *why = NULL;
	struct sk_buff *msg;
	u64 id = 0;
	void *hdr;
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (!err)
		err = pvd_nl_container_args(info, &args);
	if (err)
		goto out;
	/* Nothing may fail once the container is there. */
	msg = pvk_nl_reply(&pvd_family, info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!msg) {
		err = -ENOMEM;
		goto err_entries;
	}
	err = pvd_container_new(&args, &id, &why);
	pvk_nl_error(info, err, why);
	pvd_put_u64(msg, PV_DRIVER_A_CONTAINER_ID, id);
	pvk_nl_finish(info, msg, hdr, err);
	if (!err)
		goto out;

err_entries:
	pvd_entries_free(args.entries, args.n_entries);
out:
	mutex_unlock(&pvd_lock);
	return err;
}

int pv_driver_nl_container_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *name = pvk_nl_text(info, PV_DRIVER_A_CONTAINER);
	struct pvd_caller who = { .kind = PV_DRIVER_PEER_HOST };
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
		err = pvk_nl_error(info, -ENOENT, "no such container");
		goto out;
	}
	if (nla_get_flag(info->attrs[PV_DRIVER_A_ENDED]) && !pvd_container_ended(c)) {
		err = pvk_nl_error(info, -EBUSY, "the container of this name runs");
		goto out;
	}
	call = pvd_nl_call(skb, info, &who, "");
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
	    pvd_put_str(msg, PV_DRIVER_A_ENTRY_ALIAS, entry->alias) ||
	    pvd_put_u32(msg, PV_DRIVER_A_ENTRY_TYPE, entry->type) ||
	    pvd_put_u32(msg, PV_DRIVER_A_ENTRY_STATE,
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
		err = pvd_put_str(msg, PV_DRIVER_A_CGROUP, path);
	kfree(path);
	return err;
}

/* @brief leaves out what might not fit. */
static int pvd_put_container(struct sk_buff *msg, struct pvd_container *c, bool brief)
{
	unsigned int i;
	int err;

	if (pvd_put_str(msg, PV_DRIVER_A_CONTAINER, c->name) ||
	    pvd_put_u64(msg, PV_DRIVER_A_CONTAINER_ID, c->id) ||
	    pvd_put_u32(msg, PV_DRIVER_A_ROLES, c->roles) ||
	    pvd_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation))
		return -EMSGSIZE;
	if (brief)
		return pvd_put_str(msg, PV_DRIVER_A_WARNING, PVD_NL_TOO_LONG);
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
		pvk_nl_error(info, -ENOENT, "the caller is in no registered container");
		return ERR_PTR(-ENOENT);
	}
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		return ERR_PTR(err);
	c = name ? pvd_container_find(nla_data(name)) : pvd_container_by_id(nla_get_u64(id));
	if (c)
		return c;
	pvk_nl_error(info, -ENOENT, "no such container");
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
	msg = pvk_nl_reply(&pvd_family, info, size, &hdr);
	if (msg)
		err = pvk_nl_finish(info, msg, hdr, pvd_put_container(msg, c, false));
	else
		err = -ENOMEM;
out:
	mutex_unlock(&pvd_lock);
	return err;
}

static int pvd_dump_container(struct sk_buff *skb, struct netlink_callback *cb,
			      struct pvd_container *c)
{
	bool brief = false;
	void *hdr;
	int err;

	for (;;) {
		hdr = pvk_nl_dump(&pvd_family, skb, cb);
		if (!hdr)
			return -EMSGSIZE;
		err = pvd_put_container(skb, c, brief);
		if (!err) {
			genlmsg_end(skb, hdr);
			return 0;
		}
		genlmsg_cancel(skb, hdr);
		/* Not even alone in a message: then without the details. */
		if (err != -EMSGSIZE || skb->len || brief)
			return err;
		brief = true;
	}
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
 * whois
 */

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
		who->container->populated = true;
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
	int err = 0;

	msg = pvk_nl_reply(&pvd_family, info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	if (pvd_put_u32(msg, PV_DRIVER_A_PEER, who->kind) ||
	    (c && pvd_put_str(msg, PV_DRIVER_A_CONTAINER, c->name)) ||
	    (c && pvd_put_u64(msg, PV_DRIVER_A_CONTAINER_ID, c->id)) ||
	    (c && pvd_put_u32(msg, PV_DRIVER_A_ROLES, c->roles)))
		err = -EMSGSIZE;
	return pvk_nl_finish(info, msg, hdr, err);
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
		return pvk_nl_error(info, -EINVAL, "fd or listener-fd is missing");
	mutex_lock(&pvd_lock);
	err = pvd_nl_is_front(skb) && !pvd_container_of_current() ? 0 : -EPERM;
	mutex_unlock(&pvd_lock);
	if (err)
		return pvk_nl_error(info, err, "for a front only");

	sock = sockfd_lookup(nla_get_u32(fd), &err);
	if (!sock)
		return pvk_nl_error(info, err, "fd is no socket");
	listener = sockfd_lookup(nla_get_u32(lfd), &err);
	if (!listener) {
		pvk_nl_error(info, err, "listener-fd is no socket");
		goto out_sock;
	}
	err = pvd_whois_check(sock, listener, &why);
	if (err) {
		pvk_nl_error(info, err, why);
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
