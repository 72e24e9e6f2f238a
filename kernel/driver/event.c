// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: sockets that registered as agent or front, or subscribed; and what
 * they are told.
 *
 * Events are unicast to subscribers, under pvd_lock, so that each sees changes
 * in the order in which they happened. A subscriber that does not read fills
 * its own socket buffer and nothing else: what does not fit is dropped, and
 * once there is room it is told that events were lost, before anything else.
 *
 * Locking: see pv_driver.h.
 */

#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "pv_driver.h"

#define PVD_OVERRUN_RETRY	(HZ / 5)

u32 pvd_generation;

static LIST_HEAD(pvd_clients);
static unsigned int pvd_n_clients;

static void pvd_overrun_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pvd_overrun, pvd_overrun_work);

/**
 * pvd_client_find - what a socket registered as
 * @sk: the socket
 *
 * Locked.
 *
 * Return: the client or NULL.
 */
struct pvd_client *pvd_client_find(const struct sock *sk)
{
	struct pvd_client *client;

	list_for_each_entry(client, &pvd_clients, node)
		if (client->sk == sk)
			return client;
	return NULL;
}

static unsigned int pvd_clients_of(const struct pvd_container *c)
{
	struct pvd_client *client;
	unsigned int n = 0;

	list_for_each_entry(client, &pvd_clients, node)
		if (client->container == c)
			n++;
	return n;
}

/**
 * pvd_client_get - find or make the client of a socket
 * @sk: the socket
 * @portid: of @sk
 * @c: the container that it belongs to; NULL for the host
 *
 * Locked.
 *
 * Return: the client; ERR_PTR: -EMFILE, -ENOMEM.
 */
struct pvd_client *pvd_client_get(struct sock *sk, u32 portid, struct pvd_container *c)
{
	struct pvd_client *client = pvd_client_find(sk);

	if (client)
		return client;
	if (c && (pvd_n_clients >= PVD_MAX_CLIENTS || pvd_clients_of(c) >= PVD_MAX_CLIENT_SUBS))
		return ERR_PTR(-EMFILE);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	sock_hold(sk);
	client->sk = sk;
	client->portid = portid;
	client->container = pvd_container_hold(c);
	list_add_tail(&client->node, &pvd_clients);
	pvd_n_clients++;
	return client;
}

static void pvd_client_free(struct pvd_client *client)
{
	pvd_agent_gone(client);
	list_del(&client->node);
	pvd_n_clients--;
	if (client->container)
		pvd_container_put(client->container);
	sock_put(client->sk);
	kfree(client->text);
	kfree(client);
}

/**
 * pvd_client_drop_container - a container ended: its subscriptions end too
 * @c: the container
 *
 * Locked.
 */
void pvd_client_drop_container(const struct pvd_container *c)
{
	struct pvd_client *client, *tmp;

	list_for_each_entry_safe(client, tmp, &pvd_clients, node)
		if (client->container == c)
			pvd_client_free(client);
}

static bool pvd_client_hears(const struct pvd_client *client, const struct pvd_driver *drv)
{
	if (!client->subscribed)
		return false;
	if (!drv)
		return client->containers;
	if (client->filter[0] && strcmp(client->filter, drv->alias))
		return false;
	return !client->container || pvd_container_entry(client->container, drv->alias);
}

/* Tells it that it missed something, if so; whether it knows now. */
static bool pvd_client_up_to_date(struct pvd_client *client)
{
	if (client->overrun &&
	    !pvd_nl_send_event(client, PV_DRIVER_EVENT_KIND_OVERRUN, NULL, NULL))
		client->overrun = false;
	return !client->overrun;
}

/**
 * pvd_event - tell the subscribers
 * @kind: what happened
 * @drv: to which driver; or NULL
 * @c: to which container; or NULL
 *
 * Locked.
 */
void pvd_event(enum pv_driver_event_kind kind, const struct pvd_driver *drv,
	       const struct pvd_container *c)
{
	struct pvd_client *client;

	pvd_generation++;
	list_for_each_entry(client, &pvd_clients, node) {
		if (!pvd_client_hears(client, drv) || !pvd_client_up_to_date(client))
			continue;
		if (!pvd_nl_send_event(client, kind, drv, c))
			continue;
		client->overrun = true;
		queue_delayed_work(system_wq, &pvd_overrun, PVD_OVERRUN_RETRY);
	}
}

static void pvd_overrun_work(struct work_struct *work)
{
	struct pvd_client *client;
	bool again = false;

	mutex_lock(&pvd_lock);
	list_for_each_entry(client, &pvd_clients, node)
		if (!pvd_client_up_to_date(client))
			again = true;
	if (again)
		queue_delayed_work(system_wq, &pvd_overrun, PVD_OVERRUN_RETRY);
	mutex_unlock(&pvd_lock);
}

/**
 * pvd_uevent - tell udev and who polls the state
 * @drv: the driver; its state has changed
 *
 * A uevent reaches every network namespace, so it has alias and state alone.
 * Locked.
 */
void pvd_uevent(struct pvd_driver *drv)
{
	char state[24];
	char *envp[] = { state, NULL };

	if (!device_is_registered(&drv->dev))
		return;
	snprintf(state, sizeof(state), "PV_STATE=%s", pvd_state_name(drv->state));
	kobject_uevent_env(&drv->dev.kobj, KOBJ_CHANGE, envp);
	sysfs_notify(&drv->dev.kobj, NULL, "state");
}

static int pvd_netlink_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *n = data;
	struct pvd_client *client, *tmp;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;

	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(client, tmp, &pvd_clients, node)
		if (client->portid == n->portid && sock_net(client->sk) == n->net &&
		    pvd_sock_closed(client->sk))
			pvd_client_free(client);
	pvd_calls_cancel(n->net, n->portid);
	mutex_unlock(&pvd_lock);
	return NOTIFY_DONE;
}

static struct notifier_block pvd_netlink_nb = {
	.notifier_call = pvd_netlink_notify,
};

int pvd_event_init(void)
{
	return netlink_register_notifier(&pvd_netlink_nb);
}

/**
 * pvd_event_exit - forget all clients, when the module goes
 */
void pvd_event_exit(void)
{
	struct pvd_client *client, *tmp;

	netlink_unregister_notifier(&pvd_netlink_nb);
	mutex_lock(&pvd_lock);
	list_for_each_entry_safe(client, tmp, &pvd_clients, node)
		pvd_client_free(client);
	mutex_unlock(&pvd_lock);
	cancel_delayed_work_sync(&pvd_overrun);
}
