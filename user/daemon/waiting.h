/* SPDX-License-Identifier: MIT */
/*
 * waiting - requests that are answered later, and how many of whom there may be
 */
#ifndef PVKITD_WAITING_H
#define PVKITD_WAITING_H

#include <event2/http.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct waiting;

/* Part of what the endpoint keeps of a request. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct waiting *among;
	struct evhttp_request *ev;	/* NULL: nobody waits any more */
	struct evhttp_connection *evcon;	/* of ev */
	uint64_t peer_id;		/* who asks; 0: the host */
};

TAILQ_HEAD(waiter_list, waiter);

struct waiting {
	struct waiter_list list;
	unsigned int count;
	unsigned int most;
	unsigned int host;	/* of them: the host's alone */
	unsigned int each;	/* of one container */
};

void waiting_init(struct waiting *waiting, unsigned int most, unsigned int host,
		  unsigned int each);
/* Is there room for one more of theirs? */
bool waiting_room(const struct waiting *waiting, uint64_t peer_id);
void waiting_add(struct waiting *waiting, struct waiter *waiter, uint64_t peer_id);
void waiting_remove(struct waiter *waiter);
/* From now on it is the waiter that answers. */
void waiter_takes(struct waiter *waiter, struct evhttp_request *ev);
/* The connection is going away; its requests must not be answered any more. */
void waiting_forget(struct waiting *waiting, struct evhttp_connection *evcon);
/* The same of one request that is nobody's any more. */
void request_forget(struct evhttp_request *ev);

#endif /* PVKITD_WAITING_H */
