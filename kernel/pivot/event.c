// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: sockets that subscribed, and what they are told.
 *
 * Locking: see pv_pivot.h. How events are sent: see ../subscriber.c.
 */

#include <linux/slab.h>

#include "pv_pivot.h"

u32 pvp_generation;

static struct pvk_subscribers pvp_clients;
static unsigned int pvp_n_others;	/* that had no right when they came */

static struct pvp_client *to_client(struct pvk_subscriber *sub)
{
	return container_of(sub, struct pvp_client, sub);
}

/**
 * pvp_client_get - find or make the client of a socket
 * @sk: the socket
 * @portid: of @sk
 * @trusted: who asks may open a session; others are bounded
 *
 * Locked.
 *
 * Return: the client; ERR_PTR: -EMFILE, -ENOMEM.
 */
struct pvp_client *pvp_client_get(struct sock *sk, u32 portid, bool trusted)
{
	struct pvk_subscriber *sub = pvk_subscriber_find(&pvp_clients, sk);
	struct pvp_client *client;

	if (sub)
		return to_client(sub);
	if (!trusted && pvp_n_others >= PVP_MAX_CLIENTS)
		return ERR_PTR(-EMFILE);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->trusted = trusted;
	pvp_n_others += !trusted;
	pvk_subscriber_add(&pvp_clients, &client->sub, sk, portid);
	return client;
}

static void pvp_client_free(struct pvk_subscriber *sub)
{
	struct pvp_client *client = to_client(sub);

	pvp_n_others -= !client->trusted;
	kfree(client);
}

static int pvp_client_tell(struct pvk_subscriber *sub)
{
	return pvp_nl_send_event(to_client(sub), PV_PIVOT_EVENT_KIND_OVERRUN);
}

/* A session does not end with the socket that opened it, but with its file. */
static void pvp_client_closed(const struct net *net, u32 portid)
{
}

/**
 * pvp_event - something changed: tell the subscribers; of the state udev and who polls too
 * @kind: what
 *
 * Locked.
 */
void pvp_event(enum pv_pivot_event_kind kind)
{
	struct pvp_client *client;

	pvp_generation++;
	list_for_each_entry(client, &pvp_clients.list, sub.node) {
		if (!client->sub.subscribed ||
		    !pvk_subscriber_ready(&pvp_clients, &client->sub))
			continue;
		if (pvp_nl_send_event(client, kind))
			pvk_subscriber_missed(&pvp_clients, &client->sub);
	}
	if (kind == PV_PIVOT_EVENT_KIND_STATE)
		pvp_sysfs_changed(pvp_state());
}

static struct pvk_subscribers pvp_clients = {
	.lock = &pvp_lock,
	.list = LIST_HEAD_INIT(pvp_clients.list),
	.tell = pvp_client_tell,
	.free = pvp_client_free,
	.closed = pvp_client_closed,
};

int pvp_event_init(void)
{
	return pvk_subscribers_init(&pvp_clients);
}

/**
 * pvp_event_exit - forget all clients, when the module goes
 */
void pvp_event_exit(void)
{
	pvk_subscribers_exit(&pvp_clients);
}
