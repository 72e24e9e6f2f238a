// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: sockets that subscribed or became writers; and what they are told.
 *
 * Events are unicast to subscribers, under pvf_lock, so that each sees changes
 * in the order in which they happened. A subscriber that does not read fills
 * its own socket buffer and nothing else: what does not fit is dropped, and
 * once there is room it is told that events were lost, before anything else.
 *
 * Locking: see pv_bootflag.h.
 */

#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "pv_bootflag.h"

#define PVF_OVERRUN_RETRY	(HZ / 5)

u32 pvf_generation;

static LIST_HEAD(pvf_clients);
static unsigned int pvf_n_others;	/* that had no right to set when they came */

static void pvf_overrun_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvf_overrun, pvf_overrun_work);

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
	struct pvf_client *client;

	list_for_each_entry(client, &pvf_clients, node)
		if (client->sk == sk)
			return client;
	return NULL;
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
	sock_hold(sk);
	client->sk = sk;
	client->portid = portid;
	client->trusted = trusted;
	pvf_n_others += !trusted;
	list_add_tail(&client->node, &pvf_clients);
	return client;
}

static void pvf_client_free(struct pvf_client *client)
{
	list_del(&client->node);
	pvf_n_others -= !client->trusted;
	sock_put(client->sk);
	kfree(client);
}

static bool pvf_client_hears(const struct pvf_client *client, const struct pvf_store *store)
{
	return client->subscribed &&
	       (!client->filter[0] || !strcmp(client->filter, pvf_name(store)));
}

/* Tells it that it missed something, if so; whether it knows now. */
static bool pvf_client_up_to_date(struct pvf_client *client)
{
	if (client->overrun &&
	    !pvf_nl_send_event(client, PV_BOOTFLAG_EVENT_KIND_OVERRUN, NULL))
		client->overrun = false;
	return !client->overrun;
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
	list_for_each_entry(client, &pvf_clients, node) {
		if (!pvf_client_hears(client, store) || !pvf_client_up_to_date(client))
			continue;
		if (!pvf_nl_send_event(client, kind, store))
			continue;
		client->overrun = true;
		queue_delayed_work(system_wq, &pvf_overrun, PVF_OVERRUN_RETRY);
	}
	if (kind == PV_BOOTFLAG_EVENT_KIND_CHANGED)
		pvf_uevent(store);
}

static void pvf_overrun_work(struct work_struct *work)
{
	struct pvf_client *client;
	bool again = false;

	mutex_lock(&pvf_lock);
	list_for_each_entry(client, &pvf_clients, node)
		if (!pvf_client_up_to_date(client))
			again = true;
	if (again)
		queue_delayed_work(system_wq, &pvf_overrun, PVF_OVERRUN_RETRY);
	mutex_unlock(&pvf_lock);
}

static int pvf_netlink_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *n = data;
	struct pvf_client *client, *tmp;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;

	mutex_lock(&pvf_lock);
	list_for_each_entry_safe(client, tmp, &pvf_clients, node)
		if (client->portid == n->portid && sock_net(client->sk) == n->net &&
		    pvf_sock_closed(client->sk))
			pvf_client_free(client);
	pvf_sets_of_closed(n->net, n->portid);
	mutex_unlock(&pvf_lock);
	return NOTIFY_DONE;
}

static struct notifier_block pvf_netlink_nb = {
	.notifier_call = pvf_netlink_notify,
};

int pvf_event_init(void)
{
	return netlink_register_notifier(&pvf_netlink_nb);
}

/**
 * pvf_event_exit - forget all clients, when the module goes
 */
void pvf_event_exit(void)
{
	struct pvf_client *client, *tmp;

	netlink_unregister_notifier(&pvf_netlink_nb);
	mutex_lock(&pvf_lock);
	list_for_each_entry_safe(client, tmp, &pvf_clients, node)
		pvf_client_free(client);
	mutex_unlock(&pvf_lock);
	cancel_delayed_work_sync(&pvf_overrun);
}
