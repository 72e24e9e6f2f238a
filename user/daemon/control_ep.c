// SPDX-License-Identifier: MIT
/*
 * PUT /control/reboot, PUT /control/blink, GET /control/ping: for the host and for
 * containers with the role mgmt. The first two are a process' of its own (control.h).
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "genl.h"
#include "http_int.h"
#include "json.h"
#include "log.h"

#define BODY_MAX	1024
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN	36

/* A verb of one request's, until it is answered for. */
struct verb {
	struct waiter waiter;		/* first */
	struct http_controls *controls;
	int sets;			/* of the mode, that are under way: control waits */
	struct control_task task;
};

struct http_controls {
	struct http *http;
	struct waiting waiting;
	/* Not from the same one at each start: an answer to somebody before is nobody's. */
	uint32_t last_seq;
	int64_t down_by;		/* the machine, by pvk_now_ms(), after what was answered */
	char boot_id[BOOT_ID_LEN + 1];	/* "": not known */
};

/* While files can be read. */
static void read_boot_id(struct http_controls *controls)
{
	pvk_auto_close int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, controls->boot_id, BOOT_ID_LEN) != BOOT_ID_LEN)
		controls->boot_id[0] = '\0';
}

struct http_controls *controls_new(struct http *http)
{
	struct http_controls *controls = calloc(1, sizeof(*controls));

	if (!controls)
		return NULL;
	controls->http = http;
	controls->last_seq = (uint32_t)pvk_now_ms();
	waiting_init(&controls->waiting, CONTROLS_MAX, CONTROLS_HOST_RESERVE,
		     CONTROLS_PER_PEER_MAX);
	read_boot_id(controls);
	return controls;
}

void controls_free(struct http_controls *controls)
{
	waiting_free_all(&controls->waiting);
	free(controls);
}

bool controls_idle(const struct http_controls *controls)
{
	return !controls->waiting.count;
}

/* ---- answers ---- */

static int status_of(int error)
{
	switch (error) {
	case EINVAL:
		return 400;
	case ENOENT:		/* no such LED */
		return 404;
	case EALREADY:		/* a reboot is under way */
		return 409;
	case EAGAIN:
	case EBUSY:
	case ENOTCONN:
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return 503;
	case ETIMEDOUT:
		return 504;
	default:
		return 500;
	}
}

static void reply_error(struct evhttp_request *ev, int error, const char *text)
{
	http_reply_error(ev, status_of(error), "%s", *text ? text : strerror(error));
}

static void reply_reboot(struct evhttp_request *ev, const struct control_task *task,
			 const struct control_answer *answer)
{
	json_auto_out struct json_out out;

	json_out_init(&out, HTTP_ANSWER_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "by", answer->way);
	json_out_pair_uint(&out, "timeout", answer->seconds);
	json_out_pair_str(&out, "mode", task->mode[0] ? task->mode : NULL);
	json_out_end(&out);
	http_reply_json(ev, 202, &out);
}

static void reply_blink(struct evhttp_request *ev, const struct control_task *task,
			const struct control_answer *answer)
{
	json_auto_out struct json_out out;

	json_out_init(&out, HTTP_ANSWER_MAX);
	json_out_object(&out);
	json_out_pair_bool(&out, "on", task->on);
	json_out_pair_str(&out, "led", answer->led[0] ? answer->led : NULL);
	json_out_pair_uint(&out, "seconds", answer->seconds);
	json_out_end(&out);
	http_reply_json(ev, 200, &out);
}

static struct verb *find(struct http_controls *controls, uint32_t seq)
{
	return (struct verb *)waiting_find(&controls->waiting, seq);
}

void controls_answer(struct http_controls *controls, const struct control_answer *answer)
{
	struct verb *verb = find(controls, answer->seq);

	if (!verb || verb->sets)
		return;
	if (verb->task.verb == CONTROL_REBOOT && !answer->error)
		controls->down_by = pvk_now_ms() + answer->seconds * INT64_C(1000);
	if (!verb->waiter.ev)
		;
	else if (answer->error)
		reply_error(verb->waiter.ev, answer->error, answer->text);
	else if (verb->task.verb == CONTROL_REBOOT)
		reply_reboot(verb->waiter.ev, &verb->task, answer);
	else
		reply_blink(verb->waiter.ev, &verb->task, answer);
	waiter_free(&verb->waiter);
}

void controls_forget(struct http_controls *controls, struct evhttp_connection *evcon)
{
	waiting_forget(&controls->waiting, evcon);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
	struct verb *verb = arg;

	(void)fd;
	(void)what;
	if (verb->waiter.ev)
		reply_error(verb->waiter.ev, ETIMEDOUT, verb->sets ?
			    "the mode is not written in time, and nothing is rebooted" :
			    "pvkitd-control does not answer");
	waiter_free(&verb->waiter);
}

/* ---- asking ---- */

static struct verb *verb_new(struct http_request *request, const struct control_task *task)
{
	struct http_controls *controls = request->http->controls;
	struct verb *verb;

	if (!waiting_room(&controls->waiting, request->peer->id))
		return NULL;
	verb = calloc(1, sizeof(*verb));
	if (!verb)
		return NULL;
	verb->controls = controls;
	verb->task = *task;
	/* 0 is no reboot's. */
	verb->task.seq = ++controls->last_seq ? : ++controls->last_seq;
	verb->waiter.seq = verb->task.seq;
	waiting_add(&controls->waiting, &verb->waiter, request->peer->id);
	verb->waiter.timer = evtimer_new(request->http->base, on_overdue, verb);
	if (verb->waiter.timer)
		return verb;
	waiter_free(&verb->waiter);
	return NULL;
}

static int wait_for(struct verb *verb, int ms, struct pvk_err *err)
{
	const struct timeval overdue = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	if (evtimer_add(verb->waiter.timer, &overdue))
		return pvk_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int ask_control(struct verb *verb, struct pvk_err *err)
{
	const struct http_kernel *kernel = http_kernel(verb->controls->http);
	int ret = wait_for(verb, CONTROL_ANSWER_MS, err);

	if (ret)
		return ret;
	if (!kernel->control)
		return pvk_err_set(err, -ENOTCONN, "pvkitd runs without pvkitd-control");
	return kernel->control(kernel->arg, &verb->task, err);
}

/* first: what there is to do at once; 0, or an HTTP status to refuse it with. */
static void start(struct http_request *request, const struct control_task *task,
		  int (*first)(struct http_request *request, struct verb *verb,
			       struct pvk_err *err))
{
	struct verb *verb = verb_new(request, task);
	struct pvk_err err = { .text = "" };
	int status;

	if (!verb) {
		http_reply_error(request->ev, 503, "too many requests");
		return;
	}
	status = first(request, verb, &err);
	if (status) {
		waiter_free(&verb->waiter);
		http_reply_error(request->ev, status, "%s", err.text);
		return;
	}
	waiter_takes(&verb->waiter, request->ev);
}

static int first_control(struct http_request *request, struct verb *verb, struct pvk_err *err)
{
	int ret = ask_control(verb, err);

	(void)request;
	return ret ? status_of(-ret) : 0;
}

/*
 * A flag first, so that whatever init does, and whatever becomes of it, the mode is there;
 * not if the machine goes down already, for somebody who wanted none.
 */
static int first_mode(struct http_request *request, struct verb *verb, struct pvk_err *err)
{
	const struct http_kernel *kernel = http_kernel(request->http);
	int ret;

	if (verb->controls->down_by > pvk_now_ms()) {
		pvk_err_set(err, 0, "a reboot is under way");
		return 409;
	}
	ret = kernel->stores ? flags_set_mode(request, verb->task.mode, verb->task.seq, err) : 0;
	if (ret < 0 && ret != -ENOTCONN)
		return flags_status(-ret);
	if (ret <= 0) {
		pvk_err_set(err, 0, "no boot flag of this machine takes the mode '%s' (force "
			    "leaves it to the kernel)", verb->task.mode);
		return 409;
	}
	verb->sets = ret;
	return wait_for(verb, PVK_SET_TIMEOUT_MS, err) ? 500 : 0;
}

void controls_mode_set(struct http_controls *controls, uint32_t reboot, const char *store,
		       int error, const char *text)
{
	struct verb *verb = find(controls, reboot);
	struct pvk_err err = { .text = "" };
	int ret;

	if (!verb)
		return;
	if (error) {
		if (verb->waiter.ev)
			http_reply_error(verb->waiter.ev, flags_status(error), "%s: %s", store,
					 *text ? text : strerror(error));
		waiter_free(&verb->waiter);
		return;
	}
	if (--verb->sets)
		return;
	ret = ask_control(verb, &err);
	if (!ret)
		return;
	if (verb->waiter.ev)
		reply_error(verb->waiter.ev, -ret, err.text);
	waiter_free(&verb->waiter);
}

/* ---- what is asked for ---- */

static int text_member(const struct json *value, const char *key, char *to, size_t size,
		       bool (*ok)(const char *text), struct pvk_err *err)
{
	const char *text = json_cstr(value);

	if (json_typeof(value) == JSON_NULL)
		return 0;
	if (!text || strlen(text) >= size || !ok(text))
		return pvk_err_set(err, -EINVAL, "%s is no %s that there can be", key, key);
	strcpy(to, text);
	return 0;
}

static int seconds_of(uint64_t n, uint32_t most, const char *key, uint32_t *to,
		      struct pvk_err *err)
{
	if (!n || n > most)
		return pvk_err_set(err, -EINVAL, "%s is 1 to %u seconds", key, most);
	*to = (uint32_t)n;
	return 0;
}

static int seconds_member(const struct json *value, uint32_t most, const char *key, uint32_t *to,
			  struct pvk_err *err)
{
	uint64_t n = 0;

	if (json_uint64(value, &n))
		n = 0;
	return seconds_of(n, most, key, to, err);
}

static int bool_member(const struct json *value, const char *key, uint8_t *to,
		       struct pvk_err *err)
{
	bool is;

	if (json_bool(value, &is))
		return pvk_err_set(err, -EINVAL, "%s is true or false", key);
	*to = is;
	return 0;
}

static int reboot_member(struct control_task *task, const char *key, const struct json *value,
			 struct pvk_err *err)
{
	if (!strcmp(key, "mode"))
		return text_member(value, key, task->mode, sizeof(task->mode), control_mode_ok,
				   err);
	if (!strcmp(key, "force"))
		return bool_member(value, key, &task->force, err);
	if (!strcmp(key, "timeout"))
		return seconds_member(value, CONTROL_LIMIT_MAX_S, key, &task->seconds, err);
	return pvk_err_set(err, -EINVAL, "what is asked for is mode, force or timeout");
}

static int blink_member(struct control_task *task, const char *key, const struct json *value,
			struct pvk_err *err)
{
	if (!strcmp(key, "on"))
		return bool_member(value, key, &task->on, err);
	if (!strcmp(key, "led"))
		return text_member(value, key, task->led, sizeof(task->led), control_led_ok, err);
	if (!strcmp(key, "seconds"))
		return seconds_member(value, CONTROL_BLINK_MAX_S, key, &task->seconds, err);
	return pvk_err_set(err, -EINVAL, "what is asked for is on, led or seconds");
}

/* No body asks for what is usual. */
static int read_body(struct http_request *request, struct control_task *task,
		     int (*member)(struct control_task *task, const char *key,
				   const struct json *value, struct pvk_err *err),
		     struct pvk_err *err)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request->ev);
	json_auto struct json_doc *doc = NULL;
	size_t len = evbuffer_get_length(body);
	const struct json *key, *value;
	int ret;

	if (!len)
		return 0;
	if (len > BODY_MAX)
		return pvk_err_set(err, -EINVAL, "the body is larger than %d bytes", BODY_MAX);
	ret = json_parse_object((const char *)evbuffer_pullup(body, -1), len, NULL, &doc, err);
	if (ret)
		return ret;
	json_for_each_member(key, value, json_root(doc)) {
		ret = member(task, json_cstr(key) ? : "", value, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ?timeout= as elsewhere; it wins. */
static int read_timeout(struct http_request *request, struct control_task *task,
			struct pvk_err *err)
{
	const char *text = http_query(request, "timeout");
	unsigned long n;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		n = 0;
	return seconds_of(n, CONTROL_LIMIT_MAX_S, "timeout", &task->seconds, err);
}

static const char *who(const struct http_request *request)
{
	return request->caller.host ? "the host" : request->caller.name;
}

void control_reboot_put(struct http_request *request)
{
	struct control_task task = { .verb = CONTROL_REBOOT, .seconds = CONTROL_LIMIT_S };
	struct pvk_err err = { .text = "" };

	if (!http_may_manage(request))
		return;
	if (read_body(request, &task, reboot_member, &err) || read_timeout(request, &task, &err)) {
		http_reply_error(request->ev, 400, "%s", err.text);
		return;
	}
	log_limited(10, LOG_WARNING, "%sreboot, asked for by %s%s%s", task.force ? "forced " : "",
		    who(request), task.mode[0] ? ": mode " : "", task.mode);
	start(request, &task, task.mode[0] && !task.force ? first_mode : first_control);
}

void control_blink_put(struct http_request *request)
{
	struct control_task task = {
		.verb = CONTROL_BLINK, .on = true, .seconds = CONTROL_BLINK_S,
	};
	struct pvk_err err = { .text = "" };

	if (!http_may_manage(request))
		return;
	if (read_body(request, &task, blink_member, &err))
		http_reply_error(request->ev, 400, "%s", err.text);
	else
		start(request, &task, first_control);
}

/* Nobody is asked: it says that the machine and the front are alive, and since when. */
void control_ping_get(struct http_request *request)
{
	const struct http_controls *controls = request->http->controls;
	json_auto_out struct json_out out;
	struct timespec ts;

	json_out_init(&out, HTTP_ANSWER_MAX);
	if (!http_may_manage(request))
		return;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	json_out_object(&out);
	json_out_key(&out, "uptime");
	json_out_milli(&out, (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
	json_out_pair_str(&out, "boot_id", controls->boot_id[0] ? controls->boot_id : NULL);
	json_out_end(&out);
	http_reply_json(request->ev, 200, &out);
}
