// SPDX-License-Identifier: MIT
#include <errno.h>
#include <event2/bufferevent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "device.h"
#include "genl.h"
#include "http_int.h"
#include "log.h"

enum call_phase {
	CALL_QUEUED,		/* waits for room in the kernel */
	CALL_IN_FLIGHT,		/* the kernel has it */
	CALL_WATCHING,		/* all are loaded; a device is waited for */
};

struct call {
	TAILQ_ENTRY(call) link;
	struct http_calls *calls;
	struct evhttp_request *ev;	/* NULL: answered, or nobody waits any more */
	struct evhttp_connection *evcon;	/* of ev */
	struct event *timer;		/* goes off when what is waited for is overdue */
	struct call_order order;
	int64_t end_ms;			/* of order.timeout_ms; 0: not begun */
	size_t at;			/* the alias that is under way */
	enum call_phase phase;
	uint32_t seq;			/* valid in flight */
	struct device_wish wish;	/* valid when watching */
	struct event *closed;		/* when watching: the client may have gone */
	int status;			/* of the first failure; 0: none */
	char text[2 * PVK_TEXT_SIZE];
};

TAILQ_HEAD(call_list, call);

struct http_calls {
	struct event_base *base;
	const struct http_kernel *kernel;
	struct devices *devices;	/* NULL: they can't be seen here */
	struct call_list list;
	unsigned int count;
};

int http_status_of_refusal(int error)
{
	switch (error) {
	case EPERM:
	case ESRCH:		/* the container is gone */
		return 403;
	case ENOENT:
		return 404;
	case EBUSY:
		return 409;
	case ENOMEM:
		return 500;
	case ENOTCONN:
	case EMFILE:
		return 503;
	case ETIMEDOUT:
		return 504;
	default:
		return 400;
	}
}

int http_status_of_outcome(int error)
{
	return error == ETIMEDOUT ? 504 : 400;
}

struct http_calls *calls_new(struct event_base *base, const struct http_kernel *kernel)
{
	struct http_calls *calls = calloc(1, sizeof(*calls));

	if (!calls)
		return NULL;
	calls->base = base;
	calls->kernel = kernel;
	TAILQ_INIT(&calls->list);
	return calls;
}

static void call_free(struct http_calls *calls, struct call *call)
{
	TAILQ_REMOVE(&calls->list, call, link);
	calls->count--;
	if (call->phase == CALL_WATCHING)
		devices_unwatch(calls->devices);
	if (call->closed)
		event_free(call->closed);
	event_free(call->timer);
	free(call->order.alias);
	free(call);
}

void calls_free(struct http_calls *calls)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&calls->list)))
		call_free(calls, call);
	devices_free(calls->devices);
	free(calls);
}

/* The first failure is the answer; one of several drivers is named in it. */
static void note_failure(struct call *call, int status, const char *text)
{
	const char *alias = call->order.alias[call->at];

	if (call->status)
		return;
	call->status = status;
	if (call->order.count > 1 && !strstr(text, alias))
		snprintf(call->text, sizeof(call->text), "%s: %s", alias, text);
	else
		snprintf(call->text, sizeof(call->text), "%s", text);
}

static void answer(struct call *call, int status)
{
	struct evhttp_request *ev = call->ev;

	call->ev = NULL;
	if (!ev)
		return;
	if (call->status)
		http_reply_error(ev, call->status, "%s", call->text);
	else
		http_reply_empty(ev, status);
}

static void overdue_in(struct call *call, uint64_t ms)
{
	const struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	evtimer_add(call->timer, &tv);
}

/* Of the whole call, from its first submit on. */
static uint32_t time_left(struct call *call)
{
	int64_t now = pvk_now_ms();

	if (!call->end_ms)
		call->end_ms = now + call->order.timeout_ms;
	return now < call->end_ms ? (uint32_t)(call->end_ms - now) : 0;
}

/* 0: on its way. -EMFILE: later. Else why it is not. */
static int submit(struct http_calls *calls, struct call *call, struct pvk_err *err)
{
	uint32_t limit_ms = calls->kernel->timeout_ms ? : TIMEOUT_DEFAULT_MS;
	struct pvk_request request = {
		.alias = call->order.alias[call->at],
		.container_id = call->order.container_id,
	};
	int ret;

	if (call->order.timeout_ms) {
		limit_ms = time_left(call);
		request.timeout_ms = limit_ms;
		if (!limit_ms)
			return pvk_err_set(err, -ETIMEDOUT, "not begun within the time limit");
	}
	ret = calls->kernel->submit(calls->kernel->arg, call->order.op, &request, &call->seq, err);
	/*
	 * The kernel says by itself when the limit is over; only later is it overdue.
	 * Without room the call may try again, but its time runs.
	 */
	if (!ret || !evtimer_pending(call->timer, NULL))
		overdue_in(call, (uint64_t)limit_ms + PVK_GRACE_MS);
	return ret;
}

/* ---- ?wait= ---- */

/* The answer to a call that waited. */
static void end_watch(struct http_calls *calls, struct call *call)
{
	answer(call, 200);
	call_free(calls, call);
}

static const char *kind_text(const struct call *call)
{
	return call->order.wait == DEVICE_NETDEV ? "network interface" : "device";
}

/* What the driver under way is to be looked for by. Notes why it can't be. */
static int make_wish(struct http_calls *calls, struct call *call)
{
	const char *alias = call->order.alias[call->at];
	struct pvk_err err = { .text = "" };
	struct pvk_driver driver;
	char text[PVK_TEXT_SIZE];
	int ret;

	ret = calls->kernel->driver(calls->kernel->arg, alias, 0, &driver, &err);
	if (ret && ret != -ENOENT) {
		note_failure(call, 500, err.text);
		return ret;
	}
	if (ret || driver.state != PV_DRIVER_STATE_LOADED) {
		snprintf(text, sizeof(text), "%s was unloaded before a %s of it showed up", alias,
			 kind_text(call));
		note_failure(call, 409, text);
		ret = -ESTALE;
	} else if (device_wish(&call->wish, call->order.wait, &driver)) {
		snprintf(text, sizeof(text), "%s is loaded, but without modules no %s is its own",
			 alias, kind_text(call));
		note_failure(call, 400, text);
		ret = -ENODATA;
	}
	pvk_driver_free(&driver);
	return ret;
}

/* Has the device of the driver under way come? Notes what has become of it if it never will. */
static bool look(struct http_calls *calls, struct call *call)
{
	char text[PVK_TEXT_SIZE];

	switch (devices_look(calls->devices, &call->wish)) {
	case DEVICE_THERE:
		return true;
	case DEVICE_GONE:
		snprintf(text, sizeof(text), "%s was unloaded before a %s of it showed up",
			 call->order.alias[call->at], kind_text(call));
		note_failure(call, 409, text);
		return true;
	default:
		return false;
	}
}

/* Goes through the drivers as far as their devices have come. */
static void watch_on(struct http_calls *calls, struct call *call)
{
	while (!call->status && look(calls, call)) {
		call->at++;
		if (call->at == call->order.count || make_wish(calls, call))
			break;
	}
	if (call->status || call->at == call->order.count)
		end_watch(calls, call);
}

/*
 * evhttp reads nothing while a request is not answered, so it does not see a client
 * go. One that has only closed its sending half, as `nc -N` does, is still there.
 */
static void on_closed(evutil_socket_t fd, short what, void *arg)
{
	struct pollfd pfd = { .fd = fd };
	struct call *call = arg;

	(void)what;
	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLHUP)) {
		event_del(call->closed);
		return;
	}
	note_failure(call, 503, "the client has gone");
	end_watch(call->calls, call);
}

static int watch_client(struct http_calls *calls, struct call *call)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(call->ev);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));

	call->closed = event_new(calls->base, fd, EV_CLOSED | EV_PERSIST, on_closed, call);
	return call->closed && !event_add(call->closed, NULL) ? 0 : -ENOMEM;
}

static void begin_watch(struct http_calls *calls, struct call *call)
{
	struct pvk_err err = { .text = "" };

	call->at = 0;
	if (!calls->devices)
		note_failure(call, 503, "devices can't be watched");
	else if (watch_client(calls, call))
		note_failure(call, 500, "out of memory");
	else if (devices_watch(calls->devices, &err))
		note_failure(call, 503, err.text);
	else
		call->phase = CALL_WATCHING;
	if (call->status || make_wish(calls, call)) {
		end_watch(calls, call);
		return;
	}
	overdue_in(call, time_left(call));
	watch_on(calls, call);
}

static void on_devices(void *arg)
{
	struct http_calls *calls = arg;
	struct call *call, *next;

	for (call = TAILQ_FIRST(&calls->list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->phase == CALL_WATCHING)
			watch_on(calls, call);
	}
}

static void on_no_device(struct http_calls *calls, struct call *call)
{
	char text[2 * PVK_TEXT_SIZE], modules[PVK_TEXT_SIZE];

	/* Had all the uevents come, this would be no news. */
	if (look(calls, call)) {
		overdue_in(call, 0);
		watch_on(calls, call);
		return;
	}
	device_wish_text(&call->wish, modules, sizeof(modules));
	snprintf(text, sizeof(text), "%s is loaded, but no %s of %s showed up within %u s",
		 call->order.alias[call->at], kind_text(call), modules,
		 call->order.timeout_ms / 1000);
	note_failure(call, 504, text);
	end_watch(calls, call);
}

int calls_watch_devices(struct http_calls *calls, const struct device_fds *fds)
{
	calls->devices = devices_new(calls->base, fds, on_devices, calls);
	return calls->devices ? 0 : -ENOMEM;
}

/* ---- load and unload ---- */

/*
 * Submits the drivers one after the other, until the kernel has one to work on,
 * or no room for it (-EMFILE). An alias that fails does not keep the others from their
 * turn: they are independent, and what could be done need not be asked for anew.
 */
static int advance(struct http_calls *calls, struct call *call)
{
	struct pvk_err err = { .text = "" };
	int ret;

	for (; call->at < call->order.count; call->at++) {
		ret = submit(calls, call, &err);
		if (ret == -EMFILE)
			return ret;
		if (!ret) {
			call->phase = CALL_IN_FLIGHT;
			if (call->order.async)
				answer(call, 202);
			return 0;
		}
		evtimer_del(call->timer);
		note_failure(call, http_status_of_refusal(-ret), err.text);
	}
	/* A client that has gone waits for nothing. */
	if (call->order.wait && call->order.count && call->ev && !call->status) {
		begin_watch(calls, call);
	} else {
		answer(call, 200);
		call_free(calls, call);
	}
	return 0;
}

/* Those that found no room, in the order in which they came. */
static void advance_waiting(struct http_calls *calls)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&calls->list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->phase == CALL_QUEUED && advance(calls, call))
			return;
	}
}

/* The alias that was under way is done, for better or worse. */
static void next_alias(struct http_calls *calls, struct call *call)
{
	evtimer_del(call->timer);
	call->phase = CALL_QUEUED;
	call->at++;
	advance(calls, call);
	advance_waiting(calls);
}

/*
 * The kernel answers within the limit. If it does not, the outcome was lost, and
 * whoever waits for it must not wait for ever. Should it come after all, its number
 * is nobody's any more.
 */
static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;
	const char *text = call->phase == CALL_IN_FLIGHT ? "no outcome came from the kernel" :
		"not begun within the time limit: too many requests";

	(void)fd;
	(void)what;
	if (call->phase == CALL_WATCHING) {
		on_no_device(call->calls, call);
		return;
	}
	log_msg(LOG_ERR, "%s of %s: %s", pvk_op_name(call->order.op),
		call->order.alias[call->at], text);
	note_failure(call, 504, text);
	next_alias(call->calls, call);
}

void calls_outcome(struct http_calls *calls, const struct pvk_outcome *outcome)
{
	struct call *call;

	TAILQ_FOREACH(call, &calls->list, link)
		if (call->phase == CALL_IN_FLIGHT && call->seq == outcome->seq)
			break;
	if (!call)
		return;
	if (outcome->error)
		note_failure(call, http_status_of_outcome(outcome->error),
			     outcome->text[0] ? outcome->text : strerror(outcome->error));
	next_alias(calls, call);
}

void calls_forget(struct http_calls *calls, struct evhttp_connection *evcon)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&calls->list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!call->ev || call->evcon != evcon)
			continue;
		request_forget(call->ev);
		call->ev = NULL;
		if (call->phase == CALL_WATCHING)
			call_free(calls, call);
	}
}

void calls_count(const struct http_calls *calls, struct calls_count *count)
{
	const struct call *call;

	*count = (struct calls_count){ 0 };
	TAILQ_FOREACH(call, &calls->list, link) {
		count->queued += call->phase == CALL_QUEUED;
		count->in_flight += call->phase == CALL_IN_FLIGHT;
		count->watching += call->phase == CALL_WATCHING;
	}
}

/* The kernel's room is everybody's; the host's root could do worse things. */
static bool room_for(const struct http_calls *calls, uint64_t container_id)
{
	const struct call *call;
	unsigned int n = 0;

	TAILQ_FOREACH(call, &calls->list, link)
		n += call->order.container_id == container_id;
	return calls->count < CALLS_MAX && (!container_id || n < CALLS_PER_PEER_MAX);
}

static struct call *call_new(struct http_calls *calls, const struct call_order *order)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->timer = evtimer_new(calls->base, on_overdue, call);
	if (!call->timer) {
		free(call);
		return NULL;
	}
	call->calls = calls;
	call->order = *order;
	TAILQ_INSERT_TAIL(&calls->list, call, link);
	calls->count++;
	return call;
}

void call_start(struct http_calls *calls, struct evhttp_request *ev,
		const struct call_order *order)
{
	struct call *call = NULL;

	if (room_for(calls, order->container_id))
		call = call_new(calls, order);
	if (!call) {
		free(order->alias);
		http_reply_error(ev, 503, "too many requests");
		return;
	}
	call->ev = ev;
	call->evcon = evhttp_request_get_connection(ev);
	advance(calls, call);
}
