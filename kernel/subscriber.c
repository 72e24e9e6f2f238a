// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that hear events.
 *
 * Events are unicast, under the module's lock, so that each sees changes in the
 * order in which they happened. A subscriber that does not read fills its own socket
 * buffer and nothing else: what does not fit is dropped, and once there is room it
 * is told that events were lost, before anything else.
 *
 * Locking: pvk_subscribers.lock is held by who calls, but for init and exit. It is
 * taken here when a socket is closed, and to try again what did not fit. Nothing
 * sleeps under it but for memory.
 *
 * Each module compiles this for itself (its own subscriber.c includes it): modules
 * don't know each other, and kbuild wants no object in two of them.
 */

#include <linux/netlink.h>
#include <net/genetlink.h>

#include "subscriber.h"

#define PVK_OVERRUN_RETRY	(HZ / 5)

/**
 * pvk_subscriber_find - look up a socket
 * @subs: of the module
 * @sk: the socket
 *
 * Locked.
 *
 * Return: what it is known as, or NULL.
 */
struct pvk_subscriber *pvk_subscriber_find(const struct pvk_subscribers *subs,
					   const struct sock *sk)
{
	struct pvk_subscriber *sub;

	list_for_each_entry(sub, &subs->list, node)
		if (sub->sk == sk)
			return sub;
	return NULL;
}

/**
 * pvk_subscriber_add - a socket becomes known
 * @subs: of the module
 * @sub: zeroed; pvk_subscribers.free() is called with it in the end
 * @sk: the socket, which is open
 * @portid: of @sk
 *
 * Locked.
 */
void pvk_subscriber_add(struct pvk_subscribers *subs, struct pvk_subscriber *sub, struct sock *sk,
			u32 portid)
{
	sock_hold(sk);
	sub->sk = sk;
	sub->portid = portid;
	list_add_tail(&sub->node, &subs->list);
}

/**
 * pvk_subscriber_del - forget a socket
 * @subs: of the module
 * @sub: what it is known as
 *
 * Locked.
 */
void pvk_subscriber_del(struct pvk_subscribers *subs, struct pvk_subscriber *sub)
{
	struct sock *sk = sub->sk;

	list_del(&sub->node);
	subs->free(sub);
	sock_put(sk);
}

/**
 * pvk_subscriber_ready - may it be sent an event
 * @subs: of the module
 * @sub: the subscriber; is told that it missed something, if so
 *
 * Locked.
 *
 * Return: whether it knows of all that it missed.
 */
bool pvk_subscriber_ready(struct pvk_subscribers *subs, struct pvk_subscriber *sub)
{
	if (sub->overrun && !subs->tell(sub))
		sub->overrun = false;
	return !sub->overrun;
}

/**
 * pvk_subscriber_missed - an event did not reach it
 * @subs: of the module
 * @sub: the subscriber; is told when it reads again
 *
 * Locked.
 */
void pvk_subscriber_missed(struct pvk_subscribers *subs, struct pvk_subscriber *sub)
{
	sub->overrun = true;
	queue_delayed_work(system_wq, &subs->again, PVK_OVERRUN_RETRY);
}

/**
 * pvk_subscriber_send - send a message
 * @sub: to whom
 * @msg: the message, complete; is used up
 *
 * Return: 0, or a negative errno when it did not get it and lives.
 */
int pvk_subscriber_send(const struct pvk_subscriber *sub, struct sk_buff *msg)
{
	int err = genlmsg_unicast(sock_net(sub->sk), msg, sub->portid);

	/* Closing just now: its release tells. */
	return err == -ECONNREFUSED ? 0 : err;
}

static void pvk_subscribers_again(struct work_struct *work)
{
	struct pvk_subscribers *subs = container_of(to_delayed_work(work),
						    struct pvk_subscribers, again);
	struct pvk_subscriber *sub;
	bool again = false;

	mutex_lock(subs->lock);
	list_for_each_entry(sub, &subs->list, node)
		if (!pvk_subscriber_ready(subs, sub))
			again = true;
	if (again)
		queue_delayed_work(system_wq, &subs->again, PVK_OVERRUN_RETRY);
	mutex_unlock(subs->lock);
}

static int pvk_subscribers_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pvk_subscribers *subs = container_of(nb, struct pvk_subscribers, nb);
	struct netlink_notify *n = data;
	struct pvk_subscriber *sub, *next;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;

	mutex_lock(subs->lock);
	list_for_each_entry_safe(sub, next, &subs->list, node)
		if (sub->portid == n->portid && sock_net(sub->sk) == n->net &&
		    pvk_sock_closed(sub->sk))
			pvk_subscriber_del(subs, sub);
	subs->closed(n->net, n->portid);
	mutex_unlock(subs->lock);
	return NOTIFY_DONE;
}

/**
 * pvk_subscribers_init - begin to hear of sockets that are closed
 * @subs: of the module, with its lock, functions and list
 *
 * Return: 0 or a negative errno.
 */
int pvk_subscribers_init(struct pvk_subscribers *subs)
{
	INIT_DELAYED_WORK(&subs->again, pvk_subscribers_again);
	subs->nb.notifier_call = pvk_subscribers_notify;
	return netlink_register_notifier(&subs->nb);
}

/**
 * pvk_subscribers_exit - forget all, when the module goes
 * @subs: of the module
 */
void pvk_subscribers_exit(struct pvk_subscribers *subs)
{
	struct pvk_subscriber *sub, *next;

	netlink_unregister_notifier(&subs->nb);
	mutex_lock(subs->lock);
	list_for_each_entry_safe(sub, next, &subs->list, node)
		pvk_subscriber_del(subs, sub);
	mutex_unlock(subs->lock);
	cancel_delayed_work_sync(&subs->again);
}
