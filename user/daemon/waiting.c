// SPDX-License-Identifier: MIT
#include <event2/event.h>
#include <stdlib.h>

#include "waiting.h"

void waiting_init(struct waiting *waiting, unsigned int most, unsigned int host,
		  unsigned int each)
{
	*waiting = (struct waiting){ .most = most, .host = host, .each = each };
	TAILQ_INIT(&waiting->list);
}

bool waiting_room(const struct waiting *waiting, uint64_t peer_id)
{
	const struct waiter *waiter;
	unsigned int n = 0;

	if (!peer_id)
		return waiting->count < waiting->most;
	TAILQ_FOREACH(waiter, &waiting->list, link)
		n += waiter->peer_id == peer_id;
	return waiting->count < waiting->most - waiting->host && n < waiting->each;
}

void waiting_add(struct waiting *waiting, struct waiter *waiter, uint64_t peer_id)
{
	waiter->among = waiting;
	waiter->peer_id = peer_id;
	TAILQ_INSERT_TAIL(&waiting->list, waiter, link);
	waiting->count++;
}

void waiting_remove(struct waiter *waiter)
{
	TAILQ_REMOVE(&waiter->among->list, waiter, link);
	waiter->among->count--;
}

struct waiter *waiting_find(const struct waiting *waiting, uint32_t seq)
{
	struct waiter *waiter;

	TAILQ_FOREACH(waiter, &waiting->list, link)
		if (waiter->seq == seq)
			return waiter;
	return NULL;
}

void waiter_free(struct waiter *waiter)
{
	waiting_remove(waiter);
	if (waiter->timer)
		event_free(waiter->timer);
	free(waiter);
}

void waiting_free_all(struct waiting *waiting)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&waiting->list)))
		waiter_free(waiter);
}

void waiter_takes(struct waiter *waiter, struct evhttp_request *ev)
{
	waiter->ev = ev;
	waiter->evcon = evhttp_request_get_connection(ev);
}

void request_forget(struct evhttp_request *ev)
{
	/* evhttp leaves it to us if it was the client that went. */
	if (!evhttp_request_get_connection(ev))
		evhttp_request_free(ev);
}

void waiting_forget(struct waiting *waiting, struct evhttp_connection *evcon)
{
	struct waiter *waiter;

	TAILQ_FOREACH(waiter, &waiting->list, link) {
		if (!waiter->ev || waiter->evcon != evcon)
			continue;
		request_forget(waiter->ev);
		waiter->ev = NULL;
	}
}
