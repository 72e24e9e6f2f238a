// SPDX-License-Identifier: MIT
/*
 * GET /bootflags, GET, PUT and DELETE /bootflags/STORE: what the next boot is told,
 * for the host and for containers with the role mgmt. The stores of the kernel: what
 * is in files the front can't reach.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <string.h>

#include "http_int.h"
#include "log.h"

/* An object of all fields, each as long as it can be and escaped, is smaller. */
#define BODY_MAX	4096

/* A set under way, one request's. */
struct flag_set {
	struct waiter waiter;		/* first */
	struct http_flags *flags;
	uint32_t reboot;		/* which has to know; 0: a request to set flags */
	char name[PVK_STORE_NAME_SIZE];
};

struct http_flags {
	struct http *http;
	struct waiting waiting;
};

struct http_flags *flags_new(struct http *http)
{
	struct http_flags *flags = calloc(1, sizeof(*flags));

	if (!flags)
		return NULL;
	flags->http = http;
	waiting_init(&flags->waiting, FLAG_SETS_MAX, FLAG_SETS_HOST_RESERVE,
		     FLAG_SETS_PER_PEER_MAX);
	return flags;
}

void flags_free(struct http_flags *flags)
{
	waiting_free_all(&flags->waiting);
	free(flags);
}

bool flags_idle(const struct http_flags *flags)
{
	return !flags->waiting.count;
}

/* ---- answers ---- */

int flags_status(int error)
{
	switch (error) {
	case EINVAL:		/* a mode that it does not know, a number out of range */
	case EOPNOTSUPP:	/* a field that it lacks */
		return 400;
	case ENOENT:
		return 404;
	case EAGAIN:		/* it was changed meanwhile */
	case EBADMSG:		/* broken: only the host's force writes */
	case EMEDIUMTYPE:	/* foreign */
	case EROFS:
		return 409;
	case EBUSY:		/* the rate limit */
		return 429;
	case ENODEV:		/* absent, or removed */
	case ENOTCONN:
	case EMFILE:
	case ESHUTDOWN:
		return 503;
	case ETIMEDOUT:
		return 504;
	case ENOSPC:
		return 507;
	default:
		return 500;
	}
}

static void reply_errno(struct evhttp_request *ev, int ret, const struct pvk_err *err)
{
	http_reply_error(ev, flags_status(-ret), "%s", err->text[0] ? err->text : strerror(-ret));
}

static void reply_store(struct evhttp_request *ev, const struct pvk_store *store)
{
	json_auto_out struct json_out out;

	json_out_init(&out, HTTP_ANSWER_MAX);
	json_out_object(&out);
	pvk_store_json(&out, store);
	json_out_end(&out);
	http_reply_json(ev, 200, &out);
}

/* ---- reading ---- */

void bootflags_get(struct http_request *request)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	json_auto_out struct json_out out;
	struct pvk_stores list;
	size_t i;
	int ret;

	json_out_init(&out, HTTP_ANSWER_MAX);
	if (!http_may_manage(request))
		return;
	ret = kernel->stores(kernel->flags_arg, &list, &err);
	if (ret) {
		reply_errno(request->ev, ret, &err);
		return;
	}
	json_out_array(&out);
	for (i = 0; i < list.count; i++) {
		json_out_object(&out);
		pvk_store_json(&out, &list.item[i]);
		json_out_end(&out);
	}
	json_out_end(&out);
	pvk_stores_free(&list);
	http_reply_json(request->ev, 200, &out);
}

/* What no store can be called is none. */
static int look_up(const struct http_kernel *kernel, const char *name, struct pvk_store *store,
		   struct pvk_err *err)
{
	if (!pvk_store_name_ok(name))
		return pvk_err_set(err, -ENOENT, "no such store");
	return kernel->store(kernel->flags_arg, name, store, err);
}

void bootflag_get(struct http_request *request)
{
	struct pvk_err err = { .text = "" };
	struct pvk_store store;
	int ret;

	if (!http_may_manage(request))
		return;
	ret = look_up(http_kernel(request->http), request->seg[1], &store, &err);
	if (ret)
		reply_errno(request->ev, ret, &err);
	else
		reply_store(request->ev, &store);
}

/* ---- setting ---- */

/* With what the store says now. */
static void answer_done(struct flag_set *set)
{
	const struct http_kernel *kernel = http_kernel(set->flags->http);
	struct pvk_err err = { .text = "" };
	struct pvk_store store;
	int ret;

	if (set->reboot)
		controls_mode_set(set->flags->http->controls, set->reboot, set->name, 0, "");
	if (!set->waiter.ev)
		return;
	ret = kernel->store(kernel->flags_arg, set->name, &store, &err);
	if (ret)
		reply_errno(set->waiter.ev, ret, &err);
	else
		reply_store(set->waiter.ev, &store);
}

static void answer_error(struct flag_set *set, int ret, const char *text)
{
	struct pvk_err err;

	pvk_err_set(&err, ret, "%s", text);
	if (set->reboot)
		controls_mode_set(set->flags->http->controls, set->reboot, set->name, -ret,
				  err.text);
	if (set->waiter.ev)
		reply_errno(set->waiter.ev, ret, &err);
}

void flags_outcome(struct http_flags *flags, const struct pvk_bf_outcome *outcome)
{
	struct flag_set *set = (struct flag_set *)waiting_find(&flags->waiting, outcome->seq);

	if (!set)
		return;
	if (outcome->error)
		answer_error(set, -outcome->error, outcome->text);
	else
		answer_done(set);
	waiter_free(&set->waiter);
}

void flags_gone(struct http_flags *flags)
{
	struct flag_set *set;

	while ((set = (struct flag_set *)TAILQ_FIRST(&flags->waiting.list))) {
		answer_error(set, -ENOTCONN, "pv_bootflag was removed");
		waiter_free(&set->waiter);
	}
}

void flags_forget(struct http_flags *flags, struct evhttp_connection *evcon)
{
	waiting_forget(&flags->waiting, evcon);
}

/* A medium that hangs, or an outcome that was lost: nobody is to wait for ever. */
static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
	struct flag_set *set = arg;

	(void)fd;
	(void)what;
	log_msg(LOG_ERR, "%s: no outcome of a set came from the kernel", set->name);
	answer_error(set, -ETIMEDOUT, "no outcome came from the kernel; it may come yet");
	waiter_free(&set->waiter);
}

static struct flag_set *set_new(struct http_request *request, const char *name)
{
	const struct timeval overdue = { .tv_sec = PVK_SET_TIMEOUT_MS / 1000 };
	struct http_flags *flags = request->http->flags;
	struct flag_set *set;

	if (!waiting_room(&flags->waiting, request->peer->id))
		return NULL;
	set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->flags = flags;
	strcpy(set->name, name);
	waiting_add(&flags->waiting, &set->waiter, request->peer->id);
	set->waiter.timer = evtimer_new(request->http->base, on_overdue, set);
	if (set->waiter.timer && !evtimer_add(set->waiter.timer, &overdue))
		return set;
	waiter_free(&set->waiter);
	return NULL;
}

static void start(struct http_request *request, const struct pvk_change *change)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_err err = { .text = "" };
	struct flag_set *set;
	int ret;

	if (!pvk_store_name_ok(request->seg[1])) {
		http_reply_error(request->ev, 404, "no such store");
		return;
	}
	set = set_new(request, request->seg[1]);
	if (!set) {
		http_reply_error(request->ev, 503, "too many requests");
		return;
	}
	ret = kernel->set(kernel->flags_arg, set->name, change, &set->waiter.seq, &err);
	if (ret) {
		waiter_free(&set->waiter);
		reply_errno(request->ev, ret, &err);
		return;
	}
	waiter_takes(&set->waiter, request->ev);
}

/* ---- a mode, for a reboot ---- */

static bool knows_mode(const struct pvk_store *store, const char *mode)
{
	unsigned int i;

	for (i = 0; i < store->n_modes; i++)
		if (!strcmp(store->mode[i], mode))
			return true;
	return false;
}

static bool takes_any(const struct pvk_store *store)
{
	return !store->n_modes && store->offers & PVB_HAS(PVB_MODE);
}

static int set_mode(struct http_request *request, const char *name, const char *mode,
		    uint32_t reboot, struct pvk_err *err)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	struct pvk_change change = { .set.has = PVB_HAS(PVB_MODE) };
	struct flag_set *set = set_new(request, name);
	int ret;

	if (!set)
		return pvk_err_set(err, -EMFILE, "too many requests");
	strcpy(change.set.mode, mode);
	set->reboot = reboot;
	ret = kernel->set(kernel->flags_arg, name, &change, &set->waiter.seq, err);
	if (ret)
		waiter_free(&set->waiter);
	return ret;
}

int flags_set_mode(struct http_request *request, const char *mode, uint32_t reboot,
		   struct pvk_err *err)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	const struct pvk_store *any = NULL;
	struct pvk_stores list;
	int n = 0, ret;
	size_t i;

	ret = kernel->stores(kernel->flags_arg, &list, err);
	if (ret)
		return ret;
	for (i = 0; i < list.count && ret >= 0; i++) {
		if (!any && takes_any(&list.item[i]))
			any = &list.item[i];
		if (!knows_mode(&list.item[i], mode))
			continue;
		ret = set_mode(request, list.item[i].name, mode, reboot, err);
		n++;
	}
	if (!n && any) {
		ret = set_mode(request, any->name, mode, reboot, err);
		n++;
	}
	pvk_stores_free(&list);
	return ret ? ret : n;
}

/* ---- what is asked for ---- */

/* ?generation=N: only if nobody has changed the store since it had that one. */
static int read_generation(struct http_request *request, struct pvk_change *change)
{
	const char *text = http_query(request, "generation");
	unsigned long n;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n > UINT32_MAX) {
		http_reply_error(request->ev, 400, "generation is a number as GET tells it");
		return -EINVAL;
	}
	change->generation = (uint32_t)n;
	change->has_generation = true;
	return 0;
}

static int read_body(struct http_request *request, struct pvk_change *change,
		     struct pvk_err *err)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request->ev);
	json_auto struct json_doc *doc = NULL;
	size_t len = evbuffer_get_length(body);
	int ret;

	if (!len)
		return pvk_err_set(err, -EINVAL, "the body is empty");
	if (len > BODY_MAX)
		return pvk_err_set(err, -EINVAL, "the body is larger than %d bytes", BODY_MAX);
	ret = json_parse_object((const char *)evbuffer_pullup(body, -1), len, NULL, &doc, err);
	if (!ret)
		ret = pvk_change_json(change, json_root(doc), err);
	if (!ret && !pvk_change_fields(change))
		ret = pvk_err_set(err, -EINVAL, "no field is named");
	return ret;
}

void bootflag_put(struct http_request *request)
{
	struct pvk_change change = { 0 };
	struct pvk_err err = { .text = "" };

	if (!http_may_manage(request) || read_generation(request, &change))
		return;
	if (read_body(request, &change, &err))
		http_reply_error(request->ev, 400, "%s", err.text);
	else
		start(request, &change);
}

/* Unsets whatever the store can hold. */
void bootflag_delete(struct http_request *request)
{
	struct pvk_change change = { 0 };
	struct pvk_err err = { .text = "" };
	struct pvk_store store = { .offers = 0 };
	int ret;

	if (!http_may_manage(request) || read_generation(request, &change))
		return;
	ret = look_up(http_kernel(request->http), request->seg[1], &store, &err);
	if (ret) {
		reply_errno(request->ev, ret, &err);
		return;
	}
	/* Of a medium that has not been there yet nothing is known, nor can it be cleared. */
	if (!store.offers) {
		pvk_err_set(&err, -ENODEV, "the medium is not there");
		reply_errno(request->ev, -ENODEV, &err);
		return;
	}
	change.clear = store.offers;
	start(request, &change);
}
