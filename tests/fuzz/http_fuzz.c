// SPDX-License-Identifier: MIT
/*
 * The front's HTTP, whole: connections, evhttp, paths, queries, bodies, endpoints.
 * The first byte says who is at the other end (h: the host, m: a container with
 * mgmt, w: one without, s: a stranger; a capital letter: what follows arrives in
 * pieces), the rest is what it sends before it hangs up. All in one process, with
 * a stand-in for the kernel that does what it is asked for at once.
 *
 * Every answer must be one: a status line, headers, as many bytes as they say,
 * JSON; and there are never more of them than requests, as framing.h counts them.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../../user/daemon/framing.h"
#include "../../user/daemon/http.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE		7
#define ROUNDS_MAX	4096	/* of the event loop, for one connection */

static const struct pvk_peer peers[] = {
	{ .kind = PV_DRIVER_PEER_HOST },
	{ .kind = PV_DRIVER_PEER_CONTAINER, .container = "app", .id = 7,
	  .roles = PV_DRIVER_ROLE_MGMT },
	{ .kind = PV_DRIVER_PEER_CONTAINER, .container = "web", .id = 8 },
	{ .kind = PV_DRIVER_PEER_UNKNOWN },
};

static const char peer_letters[] = "hmws";

static struct {
	struct event_base *base;
	struct http *http;
	struct pvk_meta *meta[2];
	struct sockaddr_un addr;
	socklen_t addr_len;
	const struct pvk_peer *peer;
	bool head;		/* among the requests there may be one */
	uint32_t seq;
} server;

/* ---- the kernel's stand-in ---- */

static const struct {
	const char *alias;
	int type;
	int error;		/* what becomes of a load */
} drivers[] = {
	{ "wifi", PV_DRIVER_TYPE_REQUIRED, 0 },
	{ "bluetooth", PV_DRIVER_TYPE_MANUAL, 0 },
	{ "broken", PV_DRIVER_TYPE_MANUAL, ENOEXEC },
	{ "late", PV_DRIVER_TYPE_MANUAL, ETIMEDOUT },
};

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	(void)arg;
	(void)fd;
	(void)listener_fd;
	(void)err;
	*peer = *server.peer;
	return 0;
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	size_t i;

	(void)arg;
	(void)err;
	*list = (struct pvk_drivers){ 0 };
	if (id == 8)
		return 0;
	list->count = PVK_ARRAY_SIZE(drivers);
	list->item = calloc(list->count, sizeof(*list->item));
	for (i = 0; i < list->count; i++) {
		strcpy(list->item[i].alias, drivers[i].alias);
		list->item[i].type = id ? drivers[i].type : -1;
		list->item[i].state = PV_DRIVER_STATE_LOADED;
	}
	return 0;
}

static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	(void)arg;
	(void)id;
	if (strcmp(alias, drivers[0].alias))
		return pvk_err_set(err, -ENOENT, "no such driver");
	*driver = (struct pvk_driver){ .type = -1, .state = PV_DRIVER_STATE_FAILED, .error = EIO };
	strcpy(driver->alias, alias);
	strcpy(driver->text, "wifi_mod: Input/output error");
	return 0;
}

static int k_status(void *arg, struct pvk_status *status, struct pvk_err *err)
{
	(void)arg;
	(void)err;
	*status = (struct pvk_status){ .agent_portid = 1 };
	return 0;
}

static int k_stores(void *arg, struct pvk_stores *list, struct pvk_err *err)
{
	(void)arg;
	(void)err;
	*list = (struct pvk_stores){ .count = 1, .item = calloc(1, sizeof(*list->item)) };
	list->item[0] = (struct pvk_store){ .name = "misc", .offers = PVB_ALL_FIELDS };
	return 0;
}

static int k_store(void *arg, const char *name, struct pvk_store *store, struct pvk_err *err)
{
	(void)arg;
	if (strcmp(name, "misc"))
		return pvk_err_set(err, -ENOENT, "no such store");
	*store = (struct pvk_store){ .name = "misc", .offers = PVB_ALL_FIELDS };
	return 0;
}

static void keep_flag(evutil_socket_t fd, short what, void *arg)
{
	struct pvk_bf_outcome *outcome = arg;

	(void)fd;
	(void)what;
	http_flag_outcome(server.http, outcome);
	free(outcome);
}

static int k_set(void *arg, const char *name, const struct pvk_change *change, uint32_t *seq,
		 struct pvk_err *err)
{
	const struct timeval at_once = { 0 };
	struct pvk_bf_outcome *outcome;
	static uint32_t last_seq;

	(void)arg;
	(void)change;
	if (strcmp(name, "misc"))
		return pvk_err_set(err, -ENOENT, "no such store");
	*seq = ++last_seq;
	outcome = calloc(1, sizeof(*outcome));
	*outcome = (struct pvk_bf_outcome){ .seq = *seq, .name = "misc" };
	event_base_once(server.base, -1, EV_TIMEOUT, keep_flag, outcome, &at_once);
	return 0;
}

static void keep_control(evutil_socket_t fd, short what, void *arg)
{
	struct control_answer *answer = arg;

	(void)fd;
	(void)what;
	http_control_answer(server.http, answer);
	free(answer);
}

/* What the front sends is what control takes. */
static int k_control(void *arg, struct control_task *task, struct pvk_err *err)
{
	const struct timeval at_once = { 0 };
	struct control_answer *answer;

	(void)arg;
	(void)err;
	if (!control_task_ok(task))
		abort();
	answer = calloc(1, sizeof(*answer));
	*answer = (struct control_answer){ .seq = task->seq, .seconds = task->seconds };
	event_base_once(server.base, -1, EV_TIMEOUT, keep_control, answer, &at_once);
	return 0;
}

static void keep_promise(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	http_outcome(server.http, arg);
	free(arg);
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	struct timeval now = { 0 };
	struct pvk_outcome *promise;
	size_t i;

	(void)arg;
	if (!pvk_alias_ok(request->alias) || request->container_id != server.peer->id ||
	    request->timeout_ms > 3600 * 1000)
		__builtin_trap();
	for (i = 0; i < PVK_ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i].alias, request->alias))
			break;
	if (i == PVK_ARRAY_SIZE(drivers))
		return pvk_err_set(err, -ENOENT, "no such driver");
	promise = calloc(1, sizeof(*promise));
	promise->seq = *seq = ++server.seq;
	promise->op = op;
	promise->error = drivers[i].error;
	event_base_once(server.base, -1, EV_TIMEOUT, keep_promise, promise, &now);
	return 0;
}

/* ---- the server, once ---- */

static const char *const stores[] = { "user-meta", "device-meta" };
static char dir[64];

static void remove_files(void)
{
	char path[128];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(stores); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, stores[i]);
		rmdir(path);
	}
	rmdir(dir);
}

static void open_stores(void)
{
	char path[128];
	size_t i;

	/* In memory where there is such a place: each write is synced. */
	strcpy(dir, "/dev/shm/pvkit-fuzz.XXXXXX");
	if (!mkdtemp(dir)) {
		strcpy(dir, "/tmp/pvkit-fuzz.XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	atexit(remove_files);
	for (i = 0; i < PVK_ARRAY_SIZE(stores); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, stores[i]);
		if (pvk_meta_open(&server.meta[i], AT_FDCWD, path, 0))
			abort();
	}
}

static void start_server(void)
{
	const struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .driver = k_driver, .submit = k_submit,
		.status = k_status, .stores = k_stores, .store = k_store, .set = k_set,
		.control = k_control,
	};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	signal(SIGPIPE, SIG_IGN);
	open_stores();
	/* An address of the kernel's choice, which is no file. */
	server.addr.sun_family = AF_UNIX;
	server.addr_len = sizeof(server.addr);
	server.base = event_base_new();
	server.http = http_new(server.base, &kernel, server.meta[0], server.meta[1]);
	if (bind(fd, (struct sockaddr *)&server.addr, sizeof(sa_family_t)) ||
	    listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&server.addr, &server.addr_len) ||
	    http_listen(server.http, fd))
		abort();
}

/* Each input finds the same server. */
static void forget_metadata(void)
{
	pvk_auto_keys struct pvk_keys keys = { 0 };
	size_t i, at;

	for (i = 0; i < PVK_ARRAY_SIZE(stores); i++) {
		if (pvk_meta_list(server.meta[i], &keys))
			abort();
		for (at = 0; at < keys.count; at++)
			pvk_meta_delete(server.meta[i], keys.key[at]);
		pvk_keys_free(&keys);
	}
}

/* ---- the client ---- */

struct answers {
	char *data;
	size_t len, cap;
};

static void run_server(void)
{
	int i;

	for (i = 0; i < 4; i++)
		if (event_base_loop(server.base, EVLOOP_NONBLOCK) < 0)
			abort();
	while (http_waiting(server.http))
		if (event_base_loop(server.base, EVLOOP_ONCE) < 0)
			abort();
}

/* Whether the server has closed its end. */
static bool take_answers(int fd, struct answers *answers)
{
	ssize_t n;

	for (;;) {
		if (answers->cap - answers->len < 4096) {
			answers->cap += 64 * 1024;
			answers->data = realloc(answers->data, answers->cap);
		}
		n = recv(fd, answers->data + answers->len, answers->cap - answers->len - 1,
			 MSG_DONTWAIT);
		if (n <= 0) {
			answers->data[answers->len] = '\0';
			return !n || errno != EAGAIN;
		}
		answers->len += (size_t)n;
	}
}

/* Sends it all, or what the server still wants of it, and reads meanwhile. */
static void talk(int fd, const uint8_t *data, size_t size, size_t piece, struct answers *answers)
{
	bool closed = false;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < ROUNDS_MAX && size && !closed; i++) {
		n = send(fd, data, size < piece ? size : piece, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		run_server();
		closed = take_answers(fd, answers);
	}
	shutdown(fd, SHUT_WR);
	for (i = 0; i < 16 && !closed; i++) {
		run_server();
		closed = take_answers(fd, answers);
	}
}

/* ---- what comes back ---- */

static const char *header(const char *head, const char *name)
{
	const char *at = strstr(head, name);

	return at ? at + strlen(name) : NULL;
}

static void check_body(const char *type, const char *body, size_t len)
{
	json_auto struct json_doc *doc = NULL;
	const struct json_limits limits = { .max_bytes = HTTP_ANSWER_MAX };

	if (len && type && !strncmp(type, "application/json", 16) &&
	    json_parse(body, len, &limits, &doc, NULL))
		__builtin_trap();
}

/* One answer at the front of text, counted in n; the bytes that it takes. */
static size_t check_answer(char *text, size_t len, unsigned int *n)
{
	char *end = strstr(text, "\r\n\r\n"), *body;
	const char *length, *type;
	unsigned int status;
	size_t body_len;
	bool to_end;

	if (!end || sscanf(text, "HTTP/%*u.%*u %3u ", &status) != 1 || status < 100 ||
	    status > 599)
		__builtin_trap();
	body = end + 4;
	len -= (size_t)(body - text);
	if (status == 100)
		return (size_t)(body - text);
	(*n)++;
	*end = '\0';
	length = header(text, "\r\nContent-Length: ");
	type = header(text, "\r\nContent-Type: ");
	/* A stream ends with its client. */
	if (header(text, "\r\nTransfer-Encoding: chunked") ||
	    (type && !strncmp(type, "text/event-stream", 17)))
		return (size_t)(body - text) + len;
	/* Without a length it goes to the end of the connection. */
	to_end = !strncmp(text, "HTTP/1.0", 8) || header(text, "\r\nConnection: close");
	body_len = length ? strtoul(length, NULL, 10) : to_end ? len : 0;
	/* HEAD's has a length and no body; which of several that is can be seen only so. */
	if (server.head && (!len || !strncmp(body, "HTTP/1.", 7)))
		body_len = 0;
	if (body_len > len)
		__builtin_trap();
	check_body(type, body, body_len);
	return (size_t)(body - text) + body_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answers answers = { NULL, 0, 0 };
	struct framing framing = { 0 };
	unsigned int n = 0;
	const char *letter;
	size_t at = 0;
	int fd;

	if (!size || !data[0])
		return 0;
	letter = strchr(peer_letters, data[0] | 0x20);
	if (!letter)
		return 0;
	if (!server.base)
		start_server();
	server.peer = &peers[letter - peer_letters];
	server.head = memmem(data, size, "HEAD ", 5);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&server.addr, server.addr_len))
		abort();
	talk(fd, data + 1, size - 1, data[0] & 0x20 ? size : PIECE, &answers);
	close(fd);
	run_server();

	while (at < answers.len)
		at += check_answer(answers.data + at, answers.len - at, &n);
	/* No more requests than there are by the book, up to the first that is none. */
	framing_feed(&framing, data + 1, size - 1);
	if (n > framing.requests)
		__builtin_trap();
	free(answers.data);
	forget_metadata();
	return 0;
}
