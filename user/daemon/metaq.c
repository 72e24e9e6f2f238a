// SPDX-License-Identifier: MIT
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "metaq.h"

#define STACK_SIZE	(256 * 1024)

STAILQ_HEAD(job_list, metaq_job);

struct metaq {
	pthread_t thread;
	struct event *event;		/* of done_fd, in the loop */
	int done_fd;
	int (*confine)(void *arg);
	void *arg;
	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t changed;
	struct job_list reads, writes, done;
	unsigned int n_reads;
	unsigned int reads_first;	/* so many, before the next write */
	bool wrote;			/* the last that was begun is a write */
	bool started, ending;
	int error;			/* of confine(), once started */
};

/* ---- the thread ---- */

/* The next one to do, if there is any. With the lock held. */
static struct metaq_job *take(struct metaq *queue)
{
	struct metaq_job *read = STAILQ_FIRST(&queue->reads);
	struct metaq_job *write = STAILQ_FIRST(&queue->writes);

	if (queue->wrote)
		queue->reads_first = queue->n_reads;
	queue->wrote = false;
	if (read && (queue->reads_first || !write)) {
		STAILQ_REMOVE_HEAD(&queue->reads, link);
		queue->n_reads--;
		if (queue->reads_first)
			queue->reads_first--;
		return read;
	}
	if (write) {
		STAILQ_REMOVE_HEAD(&queue->writes, link);
		queue->wrote = true;
	}
	return write;
}

static void work_off(struct metaq *queue)
{
	const uint64_t one = 1;
	struct metaq_job *job;

	while (!queue->ending) {
		job = take(queue);
		if (!job) {
			pthread_cond_wait(&queue->changed, &queue->lock);
			continue;
		}
		pthread_mutex_unlock(&queue->lock);
		job->work(job);
		pthread_mutex_lock(&queue->lock);
		STAILQ_INSERT_TAIL(&queue->done, job, link);
		(void)!write(queue->done_fd, &one, sizeof(one));
	}
}

static void *run(void *arg)
{
	struct metaq *queue = arg;
	int error;

	prctl(PR_SET_NAME, "pvkitd-metadata");
	error = queue->confine ? queue->confine(queue->arg) : 0;
	pthread_mutex_lock(&queue->lock);
	queue->error = error;
	queue->started = true;
	pthread_cond_broadcast(&queue->changed);
	if (!error)
		work_off(queue);
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

/* ---- the loop's side ---- */

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct job_list done = STAILQ_HEAD_INITIALIZER(done);
	struct metaq *queue = arg;
	struct metaq_job *job;
	uint64_t n;

	(void)what;
	(void)!read(fd, &n, sizeof(n));
	pthread_mutex_lock(&queue->lock);
	STAILQ_CONCAT(&done, &queue->done);
	pthread_mutex_unlock(&queue->lock);
	while ((job = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, link);
		job->done(job, true);
	}
}

/* Signals are the loop's. */
static int start_thread(struct metaq *queue)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int ret;

#ifdef __GLIBC__
	/* A heap of its own would cost more than the wait for the only one. */
	mallopt(M_ARENA_MAX, 1);
#endif
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	ret = pthread_create(&queue->thread, &attr, run, queue);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		return -ret;
	pthread_mutex_lock(&queue->lock);
	while (!queue->started)
		pthread_cond_wait(&queue->changed, &queue->lock);
	ret = queue->error;
	pthread_mutex_unlock(&queue->lock);
	if (ret)
		pthread_join(queue->thread, NULL);
	return ret;
}

static void release(struct metaq *queue)
{
	if (queue->event)
		event_free(queue->event);
	if (queue->done_fd >= 0)
		close(queue->done_fd);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

int metaq_new(struct metaq **out, struct event_base *base, int (*confine)(void *arg), void *arg)
{
	struct metaq *queue = calloc(1, sizeof(*queue));
	int ret = -ENOMEM;

	if (!queue)
		return ret;
	queue->confine = confine;
	queue->arg = arg;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->changed, NULL);
	STAILQ_INIT(&queue->reads);
	STAILQ_INIT(&queue->writes);
	STAILQ_INIT(&queue->done);
	queue->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->done_fd >= 0)
		queue->event = event_new(base, queue->done_fd, EV_READ | EV_PERSIST, on_done,
					 queue);
	if (queue->event && !event_add(queue->event, NULL))
		ret = start_thread(queue);
	if (ret)
		release(queue);
	else
		*out = queue;
	return ret;
}

void metaq_add(struct metaq *queue, struct metaq_job *job)
{
	pthread_mutex_lock(&queue->lock);
	if (job->writes) {
		STAILQ_INSERT_TAIL(&queue->writes, job, link);
	} else {
		STAILQ_INSERT_TAIL(&queue->reads, job, link);
		queue->n_reads++;
	}
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

static void drop_all(struct job_list *list)
{
	struct metaq_job *job;

	while ((job = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		job->done(job, false);
	}
}

void metaq_free(struct metaq *queue)
{
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	queue->ending = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	pthread_join(queue->thread, NULL);
	on_done(queue->done_fd, 0, queue);
	drop_all(&queue->reads);
	drop_all(&queue->writes);
	release(queue);
}
