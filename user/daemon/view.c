// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <sys/queue.h>

#include "http_int.h"

/* Ids are given one after the other, so their last bits spread them evenly. */
#define BUCKETS	256

struct http_view {
	TAILQ_ENTRY(http_view) by_use;
	LIST_ENTRY(http_view) by_id;
	uint64_t id;
	unsigned int refs;		/* answers on their way, and the cache itself */
	size_t len;
	char *text;
};

TAILQ_HEAD(view_queue, http_view);
LIST_HEAD(view_bucket, http_view);

struct http_views {
	struct view_queue queue;	/* the one asked for last is the first */
	struct view_bucket bucket[BUCKETS];
	size_t bytes;
	size_t max_bytes;
};

struct http_views *views_new(size_t max_bytes)
{
	struct http_views *views = calloc(1, sizeof(*views));
	size_t i;

	if (!views)
		return NULL;
	TAILQ_INIT(&views->queue);
	for (i = 0; i < BUCKETS; i++)
		LIST_INIT(&views->bucket[i]);
	views->max_bytes = max_bytes;
	return views;
}

static void view_put(struct http_view *view)
{
	if (--view->refs)
		return;
	free(view->text);
	free(view);
}

static size_t cost(const struct http_view *view)
{
	return sizeof(*view) + view->len;
}

static void forget(struct http_views *views, struct http_view *view)
{
	TAILQ_REMOVE(&views->queue, view, by_use);
	LIST_REMOVE(view, by_id);
	views->bytes -= cost(view);
	view_put(view);
}

void views_flush(struct http_views *views)
{
	struct http_view *view;

	while ((view = TAILQ_FIRST(&views->queue)))
		forget(views, view);
}

void views_free(struct http_views *views)
{
	views_flush(views);
	free(views);
}

struct http_view *view_find(struct http_views *views, uint64_t id)
{
	struct http_view *view;

	LIST_FOREACH(view, &views->bucket[id % BUCKETS], by_id)
		if (view->id == id)
			break;
	if (view && view != TAILQ_FIRST(&views->queue)) {
		TAILQ_REMOVE(&views->queue, view, by_use);
		TAILQ_INSERT_HEAD(&views->queue, view, by_use);
	}
	return view;
}

struct http_view *view_add(struct http_views *views, uint64_t id, struct json_out *out)
{
	struct http_view *view = view_find(views, id);

	if (view)
		forget(views, view);
	view = calloc(1, sizeof(*view));
	if (!view || out->err || out->buf.err ||
	    json_out_take(out, &view->text, &view->len)) {
		free(view);
		return NULL;
	}
	view->id = id;
	view->refs = 1;
	TAILQ_INSERT_HEAD(&views->queue, view, by_use);
	LIST_INSERT_HEAD(&views->bucket[id % BUCKETS], view, by_id);
	views->bytes += cost(view);
	/* One that is too large by itself is kept until the next one comes. */
	while (views->bytes > views->max_bytes && TAILQ_LAST(&views->queue, view_queue) != view)
		forget(views, TAILQ_LAST(&views->queue, view_queue));
	return view;
}

static void release(const void *text, size_t len, void *arg)
{
	(void)text;
	(void)len;
	view_put(arg);
}

void view_reply(struct http_view *view, struct evhttp_request *ev)
{
	view->refs++;
	http_reply_shared(ev, 200, view->text, view->len, release, view);
}
