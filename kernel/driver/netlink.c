// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink door: parse, check who asks, call one function, format the
 * answer. The ABI is Documentation/netlink/specs/pv_driver.yaml. Here: who
 * asks, agent and fronts, events; drivers, containers, modules and what messages
 * are made of have their own files.
 *
 * Locking: see pv_driver.h. No handler waits: genl_rcv() holds a lock around
 * each that the registration of any family needs, and so would a module that
 * is being loaded.
 */

#include <linux/slab.h>

#include "netlink.h"
#include "netlink_gen.h"
#include "pv_driver.h"

static const char pvd_nobody[] = "neither the host nor in a registered container";

static struct sock *pvd_sender(const struct sk_buff *skb)
{
	return NETLINK_CB(skb).sk;
}

/**
 * pvd_nl_is_front - did the sender register as a front
 * @skb: its message
 *
 * Locked.
 *
 * Return: whether it did.
 */
bool pvd_nl_is_front(const struct sk_buff *skb)
{
	const struct pvd_client *client = pvd_client_find(pvd_sender(skb));

	return client && client->front;
}

/**
 * pvd_nl_caller - who sent a message
 * @skb: the message; handled in its sender's context
 * @who: set
 *
 * Locked.
 */
void pvd_nl_caller(const struct sk_buff *skb, struct pvd_caller *who)
{
	who->container = pvd_container_of_current();
	if (who->container)
		who->kind = PV_DRIVER_PEER_CONTAINER;
	else if (netlink_capable(skb, CAP_SYS_MODULE))
		who->kind = PV_DRIVER_PEER_HOST;
	else
		who->kind = PV_DRIVER_PEER_UNKNOWN;
}

/**
 * pvd_nl_host_only - refuse everybody but the host
 * @skb: the message
 * @extack: gets the text
 *
 * Locked.
 *
 * Return: 0 or -EPERM.
 */
int pvd_nl_host_only(const struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	struct pvd_caller who;

	pvd_nl_caller(skb, &who);
	if (who.kind == PV_DRIVER_PEER_HOST)
		return 0;
	return pvk_nl_refuse(extack, NULL, -EPERM,
			     "for the host only: CAP_SYS_MODULE, outside of every container");
}

/**
 * pvd_nl_on_behalf - who a message is about
 * @skb: the message
 * @attrs: its attributes
 * @extack: gets the text of a refusal
 * @who: set: the caller, or the one that a front or the host speaks for; a
 *	container speaks for itself alone
 *
 * Locked.
 *
 * Return: 0, -EPERM, -EINVAL or -ESRCH (no such container).
 */
int pvd_nl_on_behalf(const struct sk_buff *skb, struct nlattr **attrs,
		     struct netlink_ext_ack *extack, struct pvd_caller *who)
{
	struct nlattr *id = attrs[PV_DRIVER_A_CONTAINER_ID];
	struct nlattr *name = attrs[PV_DRIVER_A_CONTAINER];
	bool front;

	pvd_nl_caller(skb, who);
	front = who->kind == PV_DRIVER_PEER_UNKNOWN && pvd_nl_is_front(skb);
	if (who->kind == PV_DRIVER_PEER_UNKNOWN && !front)
		return pvk_nl_refuse(extack, NULL, -EPERM, pvd_nobody);
	if (!id && !name)
		return pvk_nl_refuse(extack, NULL, front ? -EPERM : 0,
				     "a front has to say on whose behalf");
	if (who->kind == PV_DRIVER_PEER_CONTAINER)
		return pvk_nl_refuse(extack, NULL, -EPERM, "a container acts for itself alone");
	if (id && name)
		return pvk_nl_refuse(extack, name, -EINVAL, "container or container-id, not both");

	who->kind = PV_DRIVER_PEER_HOST;
	who->container = NULL;
	if (id && !nla_get_u64(id))
		return 0;
	who->kind = PV_DRIVER_PEER_CONTAINER;
	who->container = id ? pvd_container_by_id(nla_get_u64(id))
			    : pvd_container_find(nla_data(name));
	if (who->container)
		return 0;
	return pvk_nl_refuse(extack, id ?: name, -ESRCH, "no such container");
}

/**
 * pvd_nl_call - begin a call that answers a message
 * @skb: the message
 * @info: of the message
 * @who: on whose behalf
 * @alias: of the driver, or ""
 *
 * Locked.
 *
 * Return: the call or ERR_PTR.
 */
struct pvd_call *pvd_nl_call(const struct sk_buff *skb, struct genl_info *info,
			     const struct pvd_caller *who, const char *alias)
{
	struct nlattr *timeout = info->attrs[PV_DRIVER_A_TIMEOUT];
	struct sock *sk = pvd_sender(skb);
	struct pvd_call *call;

	/* A front asks for everybody; each of them has a bound of its own. */
	if (!pvd_nl_is_front(skb) && pvd_calls_of(sk) >= PVD_MAX_CALLS_SOCK) {
		pvk_nl_error(info, -EMFILE, "too many requests under way on this socket");
		return ERR_PTR(-EMFILE);
	}
	call = pvd_call_new(who, info->genlhdr->cmd, alias, timeout ? nla_get_u32(timeout) : 0);
	if (IS_ERR(call))
		return call;
	sock_hold(sk);
	call->sk = sk;
	call->portid = info->snd_portid;
	call->seq = info->snd_seq;
	return call;
}

/*
 * agent and front
 */

static int pvd_nl_become(struct sk_buff *skb, struct genl_info *info, bool agent)
{
	struct nlattr *text = info->attrs[PV_DRIVER_A_TEXT];
	struct pvd_client *client;
	char *copy = NULL;
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	if (text) {
		copy = kstrdup(nla_data(text), GFP_KERNEL);
		if (!copy) {
			err = -ENOMEM;
			goto out;
		}
	}
	client = pvd_client_get(pvd_sender(skb), info->snd_portid, NULL);
	if (IS_ERR(client)) {
		err = PTR_ERR(client);
		goto out;
	}
	if (client->container) {
		err = pvk_nl_error(info, -EPERM, "this socket was a container's before");
		goto out;
	}
	if (copy) {
		kfree(client->text);
		client->text = copy;
		copy = NULL;
	}
	if (agent)
		pvd_agent_set(client);
	else
		client->front = true;
out:
	mutex_unlock(&pvd_lock);
	kfree(copy);
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
 * Return: 0 or a negative errno: it did not get it; -ECONNREFUSED: it is gone.
 */
int pvd_nl_send_exec(struct pvd_client *agent, const struct pvd_task *task)
{
	const struct pvd_container *c = task->container;
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(agent->sub.sk))
		return -ECONNREFUSED;
	msg = pvk_nl_msg(&pvd_family, agent->sub.portid, 0, PV_DRIVER_CMD_EXEC,
			 NLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	if (pvd_put_u64(msg, PV_DRIVER_A_EXEC_ID, task->id) ||
	    pvd_put_u32(msg, PV_DRIVER_A_OP, task->op) ||
	    pvd_put_str(msg, PV_DRIVER_A_ALIAS, task->driver->alias) ||
	    pvd_put_str(msg, PV_DRIVER_A_LINE, task->line) ||
	    (c && pvd_put_str(msg, PV_DRIVER_A_CONTAINER, c->name)) ||
	    (c && pvd_put_u64(msg, PV_DRIVER_A_CONTAINER_ID, c->id))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_unicast(sock_net(agent->sub.sk), msg, agent->sub.portid);
}

/* locked; the sender, if it is a client and has what the command needs */
static struct pvd_client *pvd_nl_agent(struct sk_buff *skb, struct genl_info *info)
{
	struct pvd_client *client = pvd_client_find(pvd_sender(skb));
	struct nlattr *id = info->attrs[PV_DRIVER_A_EXEC_ID];

	if (client && id && (client->agent || pvd_agent_has(client, nla_get_u64(id))))
		return client;
	pvk_nl_error(info, -EPERM, "for the agent only, with an exec-id");
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
		err = pvk_nl_error(info, -EINVAL, "no pid of the worker");
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
		err = pvd_agent_result(client, id,
				       attrs[PV_DRIVER_A_ERRNO] ?
				       nla_get_u32(attrs[PV_DRIVER_A_ERRNO]) : 0,
				       attrs[PV_DRIVER_A_TEXT] ?
				       nla_data(attrs[PV_DRIVER_A_TEXT]) : NULL,
				       attrs[PV_DRIVER_A_PARAMS] ?
				       nla_data(attrs[PV_DRIVER_A_PARAMS]) : NULL,
				       nla_get_flag(attrs[PV_DRIVER_A_BUILTIN]));
		/* Before the job goes on; a result that is refused leaves none. */
		if (!err)
			pvd_nl_warnings(info, client, id);
	}
	mutex_unlock(&pvd_lock);
	return err;
}

/*
 * subscribe, event, status-get
 */

/* locked */
static int pvd_nl_subscribe(struct sk_buff *skb, struct genl_info *info)
{
	bool containers = nla_get_flag(info->attrs[PV_DRIVER_A_CONTAINERS]);
	struct nlattr *alias = info->attrs[PV_DRIVER_A_ALIAS];
	struct pvd_client *client;
	struct pvd_caller who;

	pvd_nl_caller(skb, &who);
	if (who.kind == PV_DRIVER_PEER_UNKNOWN && !pvd_nl_is_front(skb))
		return pvk_nl_error(info, -EPERM, pvd_nobody);
	if (containers && who.container)
		return pvk_nl_error(info, -EPERM, "a container does not hear of containers");
	client = pvd_client_get(pvd_sender(skb), info->snd_portid, who.container);
	if (IS_ERR(client))
		return pvk_nl_error(info, PTR_ERR(client), "too many subscribers");
	if (client->container != who.container)
		return pvk_nl_error(info, -EPERM, "this socket was somebody else's before");
	client->sub.subscribed = true;
	client->containers = containers;
	strscpy(client->sub.filter, alias ? nla_data(alias) : "", sizeof(client->sub.filter));
	return 0;
}

int pv_driver_nl_subscribe_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	/* Nothing may fail once it has subscribed. */
	msg = pvk_nl_reply(&pvd_family, info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&pvd_lock);
	err = pvd_nl_subscribe(skb, info);
	pvd_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation);
	pvk_nl_finish(info, msg, hdr, err);
	mutex_unlock(&pvd_lock);
	return err;
}

/**
 * pvd_nl_send_event - send one event to one subscriber
 * @client: the subscriber
 * @kind: what happened
 * @drv: to which driver; or NULL
 * @c: to which container; or NULL
 *
 * When it does not get it, its socket says ENOBUFS. Locked.
 *
 * Return: 0, or a negative errno when it did not get it and lives.
 */
int pvd_nl_send_event(struct pvd_client *client, enum pv_driver_event_kind kind,
		      const struct pvd_driver *drv, const struct pvd_container *c)
{
	struct sk_buff *msg;
	void *hdr;

	if (pvk_sock_closed(client->sub.sk))
		return 0;
	msg = pvk_nl_msg(&pvd_family, client->sub.portid, 0, PV_DRIVER_CMD_EVENT, 256, &hdr);
	if (!msg) {
		pvk_nl_lost(client->sub.sk);
		return -ENOMEM;
	}
	if (pvd_put_u32(msg, PV_DRIVER_A_EVENT_KIND, kind) ||
	    pvd_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation) ||
	    (drv && pvd_put_str(msg, PV_DRIVER_A_ALIAS, drv->alias)) ||
	    (drv && pvd_put_u32(msg, PV_DRIVER_A_STATE, drv->state)) ||
	    (c && pvd_put_str(msg, PV_DRIVER_A_CONTAINER, c->name)) ||
	    (c && pvd_put_u64(msg, PV_DRIVER_A_CONTAINER_ID, c->id))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return pvk_subscriber_send(&client->sub, msg);
}

int pv_driver_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	mutex_lock(&pvd_lock);
	err = pvd_nl_is_front(skb) ? 0 : pvd_nl_host_only(skb, info->extack);
	if (err)
		goto out;
	msg = pvk_nl_reply(&pvd_family, info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!msg) {
		err = -ENOMEM;
		goto out;
	}
	if (pvd_put_u32(msg, PV_DRIVER_A_AGENT_PORTID, pvd_agent ? pvd_agent->sub.portid : 0) ||
	    (pvd_agent && pvd_agent->text &&
	     pvd_put_str(msg, PV_DRIVER_A_TEXT, pvd_agent->text)) ||
	    pvd_put_u32(msg, PV_DRIVER_A_COUNT_DRIVERS, pvd_n_drivers) ||
	    pvd_put_u32(msg, PV_DRIVER_A_COUNT_CONTAINERS, pvd_n_containers) ||
	    pvd_put_u32(msg, PV_DRIVER_A_COUNT_REQUESTS, pvd_n_calls) ||
	    pvd_put_u32(msg, PV_DRIVER_A_GENERATION, pvd_generation))
		err = -EMSGSIZE;
	err = pvk_nl_finish(info, msg, hdr, err);
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
