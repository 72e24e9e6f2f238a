// SPDX-License-Identifier: MIT
/*
 * GET /user-meta, PUT and DELETE /user-meta/KEY, and the same of /device-meta
 *
 * The front owns both directories as its own user: it writes them with no right
 * that others lack, and no message between front and loader is needed that one
 * of them could fake or lose. The loader only reads, takes nothing but regular
 * files, and treats what it reads as hostile.
 *
 * The files are touched by a thread alone (metaq.h): a write is synced, for which a
 * flash may take as long as it likes. It is answered when it is durable. A GET shows
 * what was answered before it came, and of what is not answered yet the writes that
 * were begun; it waits for the one that is under way.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "http_int.h"
#include "metaq.h"

enum meta_op { META_LIST, META_SET, META_DELETE };

/* One HTTP request's. What the thread is given is a copy, and its own until it is done. */
struct meta_job {
	struct metaq_job job;		/* first */
	struct waiter waiter;
	enum meta_op op;
	struct pvk_meta *meta;
	struct pvk_caller caller;
	char name[PVK_ALIAS_SIZE];	/* the caller's */
	char key[PVK_META_KEY_MAX + 1];
	struct json_out out;		/* of META_LIST */
	int ret;
	size_t len;
	unsigned char value[];
};

/* What waits is memory, and a stalled flash is everybody's. */
struct http_metas {
	struct metaq *queue;
	struct waiting waiting;
};

/* ---- in the thread ---- */

static int list_store(struct meta_job *job)
{
	pvk_auto_buf struct pvk_buf value = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	pvk_auto_keys struct pvk_keys keys = { 0 };
	int ret = pvk_meta_list(job->meta, &keys);
	size_t i;

	if (ret)
		return ret;
	json_out_object(&job->out);
	for (i = 0; i < keys.count; i++) {
		if (!pvk_meta_may_read(&job->caller, keys.key[i]))
			continue;
		pvk_buf_reset(&value);
		/* Deleted since the listing, or no file that we made. */
		if (pvk_meta_get(job->meta, keys.key[i], &value))
			continue;
		json_out_key(&job->out, keys.key[i]);
		json_out_strn(&job->out, pvk_buf_str(&value), value.len);
	}
	json_out_end(&job->out);
	return 0;
}

static void work(struct metaq_job *base)
{
	struct meta_job *job = (struct meta_job *)base;

	switch (job->op) {
	case META_SET:
		job->ret = pvk_meta_set(job->meta, job->key, job->value, job->len);
		break;
	case META_DELETE:
		job->ret = pvk_meta_delete(job->meta, job->key);
		break;
	default:
		job->ret = list_store(job);
	}
}

/* ---- in the loop ---- */

static void reply_errno(struct evhttp_request *ev, const char *key, int ret)
{
	switch (ret) {
	case -ENOENT:
		http_reply_error(ev, 404, "%s is not set", key);
		break;
	case -EINVAL:
		http_reply_error(ev, 400, "not a key: %s", key);
		break;
	case -EFBIG:
	case -ENOSPC:
	case -EDQUOT:
		http_reply_error(ev, 507, "%s: %s", key, strerror(-ret));
		break;
	default:
		http_reply_error(ev, 500, "%s: %s", key, strerror(-ret));
	}
}

static void on_done(struct metaq_job *base, bool begun)
{
	struct meta_job *job = (struct meta_job *)base;
	json_auto_out struct json_out out = job->out;
	struct evhttp_request *ev = job->waiter.ev;

	waiting_remove(&job->waiter);
	if (!ev || !begun)
		;
	else if (job->ret)
		reply_errno(ev, job->key, job->ret);
	else if (job->op == META_LIST)
		http_reply_json(ev, 200, &out);
	else
		http_reply_empty(ev, 200);
	free(job);
}

static struct meta_job *job_new(struct http_request *request, enum meta_op op,
				struct pvk_meta *meta, size_t len)
{
	struct meta_job *job = calloc(1, sizeof(*job) + len);
	const char *key = op == META_LIST ? request->seg[0] : request->seg[1];

	if (!job)
		return NULL;
	job->job = (struct metaq_job){ .writes = op != META_LIST, .work = work, .done = on_done };
	job->op = op;
	job->meta = meta;
	job->caller = request->caller;
	if (job->caller.name) {
		snprintf(job->name, sizeof(job->name), "%s", job->caller.name);
		job->caller.name = job->name;
	}
	snprintf(job->key, sizeof(job->key), "%s", key);
	json_out_init(&job->out, HTTP_ANSWER_MAX);
	job->len = len;
	return job;
}

/* body: of META_SET. */
static void start(struct http_request *request, enum meta_op op, struct evbuffer *body)
{
	struct pvk_meta *meta = http_meta(request->http, !strcmp(request->seg[0], "device-meta"));
	struct http_metas *metas = request->http->metas;
	struct meta_job *job;

	if (!meta) {
		http_reply_error(request->ev, 500, "there is no %s here", request->seg[0]);
		return;
	}
	if (op != META_LIST && !pvk_meta_key_ok(request->seg[1])) {
		reply_errno(request->ev, request->seg[1], -EINVAL);
		return;
	}
	if (!waiting_room(&metas->waiting, request->peer->id)) {
		http_reply_error(request->ev, 503,
				 "too many requests wait for the metadata's disk");
		return;
	}
	job = job_new(request, op, meta, body ? evbuffer_get_length(body) : 0);
	if (!job) {
		http_reply_error(request->ev, 500, "out of memory");
		return;
	}
	if (body)
		evbuffer_copyout(body, job->value, job->len);
	waiter_takes(&job->waiter, request->ev);
	waiting_add(&metas->waiting, &job->waiter, request->peer->id);
	metaq_add(metas->queue, &job->job);
}

/* Both writers' first question. */
static bool may_write(struct http_request *request)
{
	if (pvk_meta_may_write(&request->caller))
		return true;
	http_reply_error(request->ev, 403, "this needs the role mgmt");
	return false;
}

void meta_get(struct http_request *request)
{
	start(request, META_LIST, NULL);
}

void meta_put(struct http_request *request)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request->ev);
	size_t len = evbuffer_get_length(body);

	if (!may_write(request))
		return;
	if (!len)
		http_reply_error(request->ev, 400, "the body is empty");
	else if (len > PVK_META_VALUE_MAX)
		http_reply_error(request->ev, 507, "the body is larger than %d bytes",
				 PVK_META_VALUE_MAX);
	else
		start(request, META_SET, body);
}

void meta_delete(struct http_request *request)
{
	if (may_write(request))
		start(request, META_DELETE, NULL);
}

void metas_forget(struct http_metas *metas, struct evhttp_connection *evcon)
{
	waiting_forget(&metas->waiting, evcon);
}

unsigned int metas_count(const struct http_metas *metas)
{
	return metas->waiting.count;
}

struct http_metas *metas_new(struct event_base *base, const struct http_kernel *kernel)
{
	struct http_metas *metas = calloc(1, sizeof(*metas));

	if (!metas)
		return NULL;
	waiting_init(&metas->waiting, METAS_MAX, METAS_HOST_RESERVE, METAS_PER_PEER_MAX);
	if (metaq_new(&metas->queue, base, kernel->confine, kernel->arg)) {
		free(metas);
		return NULL;
	}
	return metas;
}

void metas_free(struct http_metas *metas)
{
	if (metas)
		metaq_free(metas->queue);
	free(metas);
}
