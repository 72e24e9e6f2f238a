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

/* The first part of what an endpoint keeps of a request. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct waiting *among;
	struct evhttp_request *ev;	/* NULL: nobody waits any more */
	struct evhttp_connection *evcon;	/* of ev */
	struct event *timer;		/* goes off when the answer is overdue; NULL: none */
	uint64_t peer_id;		/* who asks; 0: the host */
	uint32_t seq;			/* of what the answer comes to */
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
/* By its number; NULL: nobody. */
struct waiter *waiting_find(const struct waiting *waiting, uint32_t seq);
/* Removes it, and frees all of which it is the first part. */
void waiter_free(struct waiter *waiter);
void waiting_free_all(struct waiting *waiting);
/* From now on it is the waiter that answers. */
void waiter_takes(struct waiter *waiter, struct evhttp_request *ev);
/* The connection is going away; its requests must not be answered any more. */
void waiting_forget(struct waiting *waiting, struct evhttp_connection *evcon);
/* The same of one request that is nobody's any more. */
void request_forget(struct evhttp_request *ev);

#endif /* PVKITD_WAITING_H */
