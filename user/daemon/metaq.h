/* SPDX-License-Identifier: MIT */
/*
 * metaq - a thread that reads and writes metadata, since a flash may take its time
 *
 * Writes are worked off in the order in which they were added. Reads go before the
 * writes that wait, but those that came during a write do so only until the next
 * one: neither ever waits for more than the other's turn.
 *
 * A thread, not a process: it costs a stack, and the front has nothing in its
 * memory that its files are to be kept from.
 */
#ifndef PVKITD_METAQ_H
#define PVKITD_METAQ_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct metaq;

struct metaq_job {
	STAILQ_ENTRY(metaq_job) link;
	bool writes;
	/* In the thread, where nothing may be touched that the loop touches. */
	void (*work)(struct metaq_job *job);
	/* In the loop, once; begun is false if the queue came to its end before. */
	void (*done)(struct metaq_job *job, bool begun);
};

/* confine(arg), if any, is the first that the thread does; what it fails with is returned. */
int metaq_new(struct metaq **out, struct event_base *base, int (*confine)(void *arg), void *arg);
/* The job stays the caller's, who is to bound how many there are. */
void metaq_add(struct metaq *queue, struct metaq_job *job);
/* Waits for what is being done; what was not begun is dropped. NULL is none. */
void metaq_free(struct metaq *queue);

#endif /* PVKITD_METAQ_H */
