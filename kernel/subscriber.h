/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets that hear events: one list a module. See subscriber.c.
 */
#ifndef PVKIT_SUBSCRIBER_H
#define PVKIT_SUBSCRIBER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#define PVK_FILTER_MAX	63

/**
 * struct pvk_subscriber - a socket that is known to a module
 * @node: in pvk_subscribers.list
 * @sk: referenced; the identity that counts
 * @portid: where to send
 * @subscribed: receives events
 * @filter: events of what is called so alone, or ""
 * @overrun: events were lost and it has not been told yet
 */
struct pvk_subscriber {
	struct list_head node;
	struct sock *sk;
	u32 portid;
	bool subscribed;
	char filter[PVK_FILTER_MAX + 1];
	bool overrun;
};

/**
 * struct pvk_subscribers - those of a module
 * @lock: the module's; held in all that is called here
 * @tell: send it the event that says that some were lost; 0 when it knows
 * @free: it is forgotten, by itself or as its socket was closed; out of the list
 * @closed: a socket was closed, whether it is a subscriber or not
 * @list: of struct pvk_subscriber
 * @again: tries @tell again
 * @nb: hears of sockets that are closed
 */
struct pvk_subscribers {
	struct mutex *lock;	/* of all of this */
	int (*tell)(struct pvk_subscriber *sub);
	void (*free)(struct pvk_subscriber *sub);
	void (*closed)(const struct net *net, u32 portid);
	struct list_head list;
	struct delayed_work again;
	struct notifier_block nb;
};

/*
 * A port id is free for others before the release of its socket is told: only
 * the socket itself says whether it is the one that went.
 */
static inline bool pvk_sock_closed(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DEAD);
}

int pvk_subscribers_init(struct pvk_subscribers *subs);
void pvk_subscribers_exit(struct pvk_subscribers *subs);
struct pvk_subscriber *pvk_subscriber_find(const struct pvk_subscribers *subs,
					   const struct sock *sk);
void pvk_subscriber_add(struct pvk_subscribers *subs, struct pvk_subscriber *sub, struct sock *sk,
			u32 portid);
void pvk_subscriber_del(struct pvk_subscribers *subs, struct pvk_subscriber *sub);
bool pvk_subscriber_ready(struct pvk_subscribers *subs, struct pvk_subscriber *sub);
void pvk_subscriber_missed(struct pvk_subscribers *subs, struct pvk_subscriber *sub);
int pvk_subscriber_send(const struct pvk_subscriber *sub, struct sk_buff *msg);

#endif /* PVKIT_SUBSCRIBER_H */
