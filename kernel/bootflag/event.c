// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: sockets that subscribed or became writers; and what they are told.
 *
 * Locking: see pv_bootflag.h. How events are sent: see ../subscriber.c.
 */

#include <linux/slab.h>

#include "pv_bootflag.h"

u32 pvf_generation;

static struct pvk_subscribers pvf_clients;
static unsigned int pvf_n_others;	/* that had no right to set when they came */

static struct pvf_client *to_client(struct pvk_subscriber *sub)
{
	return container_of(sub, struct pvf_client, sub);
}

/**
 * pvf_client_find - what a socket registered as
 * @sk: the socket
 *
 * Locked.
 *
 * Return: the client or NULL.
 */
struct pvf_client *pvf_client_find(const struct sock *sk)
{
	struct pvk_subscriber *sub = pvk_subscriber_find(&pvf_clients, sk);

	return sub ? to_client(sub) : NULL;
}

/**
 * pvf_client_get - find or make the client of a socket
 * @sk: the socket
 * @portid: of @sk
 * @trusted: who asks may set; others are bounded
 *
 * Locked.
 *
 * Return: the client; ERR_PTR: -EMFILE, -ENOMEM.
 */
struct pvf_client *pvf_client_get(struct sock *sk, u32 portid, bool trusted)
{
	struct pvf_client *client = pvf_client_find(sk);

	if (client)
		return client;
	if (!trusted && pvf_n_others >= PVF_MAX_CLIENTS)
		return ERR_PTR(-EMFILE);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->trusted = trusted;
	pvf_n_others += !trusted;
	pvk_subscriber_add(&pvf_clients, &client->sub, sk, portid);
	return client;
}

static void pvf_client_free(struct pvk_subscriber *sub)
{
	struct pvf_client *client = to_client(sub);

	pvf_n_others -= !client->trusted;
	kfree(client);
}

static bool pvf_client_hears(const struct pvf_client *client, const struct pvf_store *store)
{
	return client->sub.subscribed &&
	       (!client->sub.filter[0] || !strcmp(client->sub.filter, pvf_name(store)));
}

static int pvf_client_tell(struct pvk_subscriber *sub)
{
	return pvf_nl_send_event(to_client(sub), PV_BOOTFLAG_EVENT_KIND_OVERRUN, NULL);
}

/*
 * A uevent reaches every network namespace, so it has name and state alone. NEW
 * and DEL have those of device_add() and device_del().
 */
static void pvf_uevent(struct pvf_store *store)
{
	char state[24];
	char *envp[] = { state, NULL };

	if (!device_is_registered(&store->dev))
		return;
	snprintf(state, sizeof(state), "PV_STATE=%s", pvf_state_name(store->known.state));
	kobject_uevent_env(&store->dev.kobj, KOBJ_CHANGE, envp);
	sysfs_notify(&store->dev.kobj, NULL, "state");
}

/**
 * pvf_event - something changed: tell the subscribers, udev and who polls
 * @kind: what happened
 * @store: to which store; its generation moves on
 *
 * Locked.
 */
void pvf_event(enum pv_bootflag_event_kind kind, struct pvf_store *store)
{
	struct pvf_client *client;

	store->generation = ++pvf_generation;
	list_for_each_entry(client, &pvf_clients.list, sub.node) {
		if (!pvf_client_hears(client, store) ||
		    !pvk_subscriber_ready(&pvf_clients, &client->sub))
			continue;
		if (!pvf_nl_send_event(client, kind, store))
			continue;
		pvk_subscriber_missed(&pvf_clients, &client->sub);
	}
	if (kind == PV_BOOTFLAG_EVENT_KIND_CHANGED)
		pvf_uevent(store);
}

static struct pvk_subscribers pvf_clients = {
	.lock = &pvf_lock,
	.list = LIST_HEAD_INIT(pvf_clients.list),
	.tell = pvf_client_tell,
	.free = pvf_client_free,
	.closed = pvf_sets_of_closed,
};

int pvf_event_init(void)
{
	return pvk_subscribers_init(&pvf_clients);
}

/**
 * pvf_event_exit - forget all clients, when the module goes
 */
void pvf_event_exit(void)
{
	pvk_subscribers_exit(&pvf_clients);
}
