// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: sockets that registered as agent or front, or subscribed; and what
 * they are told.
 *
 * Locking: see pv_driver.h. How events are sent: see ../subscriber.c.
 */

#include <linux/slab.h>

#include "pv_driver.h"

u32 pvd_generation;

static struct pvk_subscribers pvd_clients;
static unsigned int pvd_n_clients;

static struct pvd_client *to_client(struct pvk_subscriber *sub)
{
	return container_of(sub, struct pvd_client, sub);
}

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
	struct pvk_subscriber *sub = pvk_subscriber_find(&pvd_clients, sk);

	return sub ? to_client(sub) : NULL;
}

static unsigned int pvd_clients_of(const struct pvd_container *c)
{
	struct pvd_client *client;
	unsigned int n = 0;

	list_for_each_entry(client, &pvd_clients.list, sub.node)
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
	client->container = pvd_container_hold(c);
	pvd_n_clients++;
	pvk_subscriber_add(&pvd_clients, &client->sub, sk, portid);
	return client;
}

static void pvd_client_free(struct pvk_subscriber *sub)
{
	struct pvd_client *client = to_client(sub);

	pvd_agent_gone(client);
	pvd_n_clients--;
	if (client->container)
		pvd_container_put(client->container);
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

	list_for_each_entry_safe(client, tmp, &pvd_clients.list, sub.node)
		if (client->container == c)
			pvk_subscriber_del(&pvd_clients, &client->sub);
}

static bool pvd_client_hears(const struct pvd_client *client, const struct pvd_driver *drv)
{
	if (!client->sub.subscribed)
		return false;
	if (!drv)
		return client->containers;
	if (client->sub.filter[0] && strcmp(client->sub.filter, drv->alias))
		return false;
	return !client->container || pvd_container_entry(client->container, drv->alias);
}

static int pvd_client_tell(struct pvk_subscriber *sub)
{
	return pvd_nl_send_event(to_client(sub), PV_DRIVER_EVENT_KIND_OVERRUN, NULL, NULL);
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
	list_for_each_entry(client, &pvd_clients.list, sub.node) {
		if (!pvd_client_hears(client, drv) ||
		    !pvk_subscriber_ready(&pvd_clients, &client->sub))
			continue;
		if (!pvd_nl_send_event(client, kind, drv, c))
			continue;
		pvk_subscriber_missed(&pvd_clients, &client->sub);
	}
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

static struct pvk_subscribers pvd_clients = {
	.lock = &pvd_lock,
	.list = LIST_HEAD_INIT(pvd_clients.list),
	.tell = pvd_client_tell,
	.free = pvd_client_free,
	.closed = pvd_calls_cancel,
};

int pvd_event_init(void)
{
	return pvk_subscribers_init(&pvd_clients);
}

/**
 * pvd_event_exit - forget all clients, when the module goes
 */
void pvd_event_exit(void)
{
	pvk_subscribers_exit(&pvd_clients);
}
