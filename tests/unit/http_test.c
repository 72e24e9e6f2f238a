// SPDX-License-Identifier: MIT
/*
 * The wire of pv-ctrl, row by row: given a kernel that knows five callers and a
 * few drivers, what does a client get for the bytes that it sends?
 *
 * The server runs in a child process with a stand-in for the kernel; which of
 * its sockets a client connects to says who the client is. Answers are
 * compared whole, but for the Date header.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http.h"
#include "http_client.h"
#include "ktap.h"
#include "listen.h"

enum who { HOST, MGMT, PLAIN, STRANGER, LEAVING, WHO_COUNT };

static const struct pvk_peer peers[WHO_COUNT] = {
	[HOST] = { .kind = PV_DRIVER_PEER_HOST },
	[MGMT] = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "app", .id = 7,
		   .roles = PV_DRIVER_ROLE_MGMT },
	[PLAIN] = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "web", .id = 8 },
	[STRANGER] = { .kind = PV_DRIVER_PEER_UNKNOWN },
	[LEAVING] = { .kind = PV_DRIVER_PEER_CONTAINER, .container = "old", .id = 9,
		      .roles = PV_DRIVER_ROLE_MGMT },
};

/* So often the kernel still knows the one that is leaving: at connect, and once more. */
#define LEAVING_KNOWN	2

/* What each of the containers names; "web" names nothing. */
static const struct {
	const char *alias;
	int type;
	uint32_t state;
} app[] = {
	{ "wifi", PV_DRIVER_TYPE_REQUIRED, PV_DRIVER_STATE_LOADED },
	{ "gps", PV_DRIVER_TYPE_OPTIONAL, PV_DRIVER_STATE_FAILED },
	{ "bluetooth", PV_DRIVER_TYPE_MANUAL, PV_DRIVER_STATE_LOADING },
	{ "gone", PV_DRIVER_TYPE_MANUAL, PV_DRIVER_STATE_UNKNOWN },
	{ "late", PV_DRIVER_TYPE_MANUAL, PV_DRIVER_STATE_UNLOADED },
	{ "broken", PV_DRIVER_TYPE_MANUAL, PV_DRIVER_STATE_UNLOADING },
};

static char dir[] = "/tmp/pvkit-http.XXXXXX";
static char paths[WHO_COUNT][64];

/* ---- the kernel's stand-in, in the child ---- */

static struct {
	struct event_base *base;
	struct http *http;
	int listener[WHO_COUNT];
	int journal;		/* a line for each submit */
	uint32_t seq;
	unsigned int in_flight;
} k;

struct promise {
	uint32_t seq;
	char alias[PVK_ALIAS_SIZE];
};

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	static int asked;
	int i;

	(void)arg;
	for (i = 0; i < WHO_COUNT; i++) {
		if (k.listener[i] == listener_fd) {
			*peer = peers[i];
			if (i == LEAVING && asked++ >= LEAVING_KNOWN)
				*peer = peers[STRANGER];
			return 0;
		}
	}
	return pvk_err_set(err, -EINVAL, "fd %d is not from listener %d", fd, listener_fd);
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	size_t i;

	(void)arg;
	(void)err;
	memset(list, 0, sizeof(*list));
	if (id == peers[PLAIN].id)
		return 0;
	list->count = PVK_ARRAY_SIZE(app);
	list->item = calloc(list->count, sizeof(*list->item));
	for (i = 0; i < list->count; i++) {
		strcpy(list->item[i].alias, app[i].alias);
		list->item[i].type = id ? app[i].type : -1;
		list->item[i].state = app[i].state;
	}
	return 0;
}

static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	size_t i;

	(void)arg;
	*driver = (struct pvk_driver){ .type = -1 };
	for (i = 0; i < PVK_ARRAY_SIZE(app); i++)
		if (!strcmp(app[i].alias, alias))
			break;
	if (id && (id == peers[PLAIN].id || i == PVK_ARRAY_SIZE(app)))
		return pvk_err_set(err, -EPERM, "not named by this container");
	if (!id && (i == PVK_ARRAY_SIZE(app) || app[i].state == PV_DRIVER_STATE_UNKNOWN))
		return pvk_err_set(err, -ENOENT, "no such driver");
	strcpy(driver->alias, alias);
	driver->state = app[i].state;
	driver->generation = 7;
	if (id)
		driver->type = app[i].type;
	return 0;
}

static void keep_promise(evutil_socket_t fd, short what, void *arg)
{
	struct promise *promise = arg;
	struct pvk_outcome outcome = { .seq = promise->seq };

	(void)fd;
	(void)what;
	k.in_flight--;
	if (!strcmp(promise->alias, "late")) {
		outcome.error = ETIMEDOUT;
		strcpy(outcome.text, "not done within the time limit");
	} else if (!strcmp(promise->alias, "broken")) {
		outcome.error = ENOEXEC;
		strcpy(outcome.text, "broken_mod: Exec format error");
	}
	free(promise);
	http_outcome(k.http, &outcome);
}

/* As many at once as the kernel takes of one socket. */
#define K_REQUESTS_MAX	2

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	struct timeval soon = { .tv_usec = 20000 };
	struct promise *promise;
	int type = -1;
	size_t i;

	(void)arg;
	dprintf(k.journal, "%s %s %d %u\n", pvk_op_name(op), request->alias,
		(int)request->container_id, request->timeout_ms);
	for (i = 0; i < PVK_ARRAY_SIZE(app); i++)
		if (!strcmp(app[i].alias, request->alias))
			type = app[i].type;
	if (request->container_id && (type < 0 || request->container_id == peers[PLAIN].id))
		return pvk_err_set(err, -EPERM, "not named by this container");
	if (type < 0 || !strcmp(request->alias, "gone"))
		return pvk_err_set(err, -ENOENT, "no such driver");
	if (request->container_id && op == PV_DRIVER_OP_UNLOAD && type != PV_DRIVER_TYPE_MANUAL)
		return pvk_err_set(err, -EBUSY, "ends with the container");
	if (k.in_flight == K_REQUESTS_MAX)
		return pvk_err_set(err, -EMFILE, "too many requests");
	k.in_flight++;
	promise = calloc(1, sizeof(*promise));
	promise->seq = *seq = ++k.seq;
	strcpy(promise->alias, request->alias);
	event_base_once(k.base, -1, EV_TIMEOUT, keep_promise, promise, &soon);
	return 0;
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(k.base);
}

static int serve(void)
{
	const struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .driver = k_driver, .submit = k_submit,
	};
	struct pvk_meta *user_meta, *device_meta;
	struct event *term;
	char path[128];
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s/user-meta", dir);
	pvk_meta_open(&user_meta, AT_FDCWD, path, 0);
	snprintf(path, sizeof(path), "%s/device-meta", dir);
	pvk_meta_open(&device_meta, AT_FDCWD, path, 0);
	k.base = http_base_new();
	k.http = http_new(k.base, &kernel, user_meta, device_meta);
	for (i = 0; i < WHO_COUNT; i++)
		http_listen(k.http, k.listener[i]);
	term = evsignal_new(k.base, SIGTERM, on_term, NULL);
	event_add(term, NULL);
	event_base_dispatch(k.base);

	event_free(term);
	http_free(k.http);
	pvk_meta_close(user_meta);
	pvk_meta_close(device_meta);
	event_base_free(k.base);
	return 0;
}

/* ---- a client ---- */

static int dial(enum who who)
{
	return dial_path(paths[who]);
}

static char reply[65536];

/* Sends the bytes, reads until the server closes. */
static const char *ask_raw(enum who who, const char *bytes, size_t len)
{
	int fd = dial(who);

	send_all(fd, bytes, len);
	read_all(fd, reply, sizeof(reply));
	close(fd);
	drop_date(reply);
	return reply;
}

static const char *ask(enum who who, const char *method, const char *path, const char *body)
{
	static char bytes[32768];
	int n;

	n = snprintf(bytes, sizeof(bytes),
		     "%s %s HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n"
		     "Content-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
	return ask_raw(who, bytes, (size_t)n);
}

static char journal[4096];

/* What was submitted since the last call. */
static const char *submitted(int fd)
{
	ssize_t n = read(fd, journal, sizeof(journal) - 1);

	journal[n > 0 ? n : 0] = '\0';
	return journal;
}

/* ---- tests ---- */

#define ERR(text)	"{\"Error\":\"" text "\"}"

static const struct {
	const char *name;
	enum who who;
	const char *method, *path, *body;
	const char *status, *answer;
} rows[] = {
	{ "a container gets what it names, in its order", MGMT, "GET", "/drivers", "", "200 OK",
	  "[{\"name\":\"wifi\",\"type\":\"REQUIRED\",\"status\":\"LOADED\"},"
	  "{\"name\":\"gps\",\"type\":\"OPTIONAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"bluetooth\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"gone\",\"type\":\"MANUAL\",\"status\":\"UNKNOWN\"},"
	  "{\"name\":\"late\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"broken\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"}]" },
	{ "?all=1 shows a container no more than that", PLAIN, "GET", "/drivers?all=1", "",
	  "200 OK", "{}" },
	{ "one that names none gets an object", PLAIN, "GET", "/drivers", "", "200 OK", "{}" },
	{ "and so does the host", HOST, "GET", "/drivers", "", "200 OK", "{}" },
	{ "the host sees all with ?all=1", HOST, "GET", "/drivers?all=1", "", "200 OK",
	  "[{\"name\":\"wifi\",\"type\":\"MANUAL\",\"status\":\"LOADED\"},"
	  "{\"name\":\"gps\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"bluetooth\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"gone\",\"type\":\"MANUAL\",\"status\":\"UNKNOWN\"},"
	  "{\"name\":\"late\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"},"
	  "{\"name\":\"broken\",\"type\":\"MANUAL\",\"status\":\"UNLOADED\"}]" },
	{ "a stranger gets nothing", STRANGER, "GET", "/drivers", "", "403 Forbidden",
	  ERR("the caller is in no known container") },
	{ "not even the news that there is no such path", STRANGER, "GET", "/nowhere", "",
	  "403 Forbidden", ERR("the caller is in no known container") },

	{ "a load that succeeds is an empty 200", MGMT, "PUT", "/drivers/bluetooth/load", "",
	  "200 OK", "" },
	{ "a body is no harm", MGMT, "PUT", "/drivers/bluetooth/load", "{}", "200 OK", "" },
	{ "an unload likewise", MGMT, "PUT", "/drivers/bluetooth/unload", "", "200 OK", "" },
	{ "a percent sign hides nothing", MGMT, "PUT", "/drivers/%62luetooth/load", "",
	  "200 OK", "" },
	{ "a module's failure is 400 with its text", MGMT, "PUT", "/drivers/broken/load", "",
	  "400 Bad Request", ERR("broken_mod: Exec format error") },
	{ "a time-out is 504", MGMT, "PUT", "/drivers/late/load", "", "504 Gateway Timeout",
	  ERR("not done within the time limit") },
	{ "a driver that the container does not name is 403", MGMT, "PUT", "/drivers/x/load",
	  "", "403 Forbidden", ERR("not named by this container") },
	{ "also if no driver can have that name", MGMT, "PUT", "/drivers/..%2fx/load", "",
	  "403 Forbidden", ERR("not a driver of this container") },
	{ "one that it names and the BSP lacks is 404", MGMT, "PUT", "/drivers/gone/load", "",
	  "404 Not Found", ERR("no such driver") },
	{ "for the host it is 404 at once", HOST, "PUT", "/drivers/x/load", "", "404 Not Found",
	  ERR("no such driver") },
	{ "unloading a required driver is 409", MGMT, "PUT", "/drivers/wifi/unload", "",
	  "409 Conflict", ERR("ends with the container") },
	{ "which does not concern the host", HOST, "PUT", "/drivers/wifi/unload", "", "200 OK",
	  "" },
	{ "?async=1 is 202", MGMT, "PUT", "/drivers/late/load?async=1", "", "202 Accepted", "" },
	{ "but not before the checks", MGMT, "PUT", "/drivers/x/load?async=1", "",
	  "403 Forbidden", ERR("not named by this container") },
	{ "of several, as soon as the first is on its way", MGMT, "PUT", "/drivers/load?async=1",
	  "", "202 Accepted", "" },
	{ "?timeout=0 is refused", MGMT, "PUT", "/drivers/late/load?timeout=0", "",
	  "400 Bad Request", ERR("timeout is 1 to 3600 seconds") },
	{ "and ?timeout=1x", MGMT, "PUT", "/drivers/late/load?timeout=1x", "",
	  "400 Bad Request", ERR("timeout is 1 to 3600 seconds") },
	{ "all manual drivers: the first failure is the answer", MGMT, "PUT", "/drivers/load",
	  "", "404 Not Found", ERR("gone: no such driver") },
	{ "in reverse order for unload", MGMT, "PUT", "/drivers/unload", "", "400 Bad Request",
	  ERR("broken_mod: Exec format error") },
	{ "none is no failure", PLAIN, "PUT", "/drivers/load", "", "200 OK", "" },
	{ "nor is the host's none", HOST, "PUT", "/drivers/unload", "", "200 OK", "" },

	{ "an unknown path is 400 and named", MGMT, "GET", "/drivers/wifi/reload?a=b", "",
	  "400 Bad Request", ERR("unknown endpoint: /drivers/wifi/reload?a=b") },
	{ "escaped", MGMT, "GET", "/a\"b\\c", "", "400 Bad Request",
	  ERR("unknown endpoint: /a\\\"b\\\\c") },
	{ "no such thing as dot segments", MGMT, "GET", "/drivers/../drivers", "",
	  "400 Bad Request", ERR("unknown endpoint: /drivers/../drivers") },
	{ "or a slash at the end", MGMT, "GET", "/drivers/", "", "400 Bad Request",
	  ERR("unknown endpoint: /drivers/") },
	{ "%00 in a path", MGMT, "GET", "/drivers%00", "", "400 Bad Request",
	  ERR("unknown endpoint: /drivers%00") },
	{ "half a percent escape", MGMT, "PUT", "/drivers/wifi%4/load", "", "400 Bad Request",
	  ERR("unknown endpoint: /drivers/wifi%4/load") },
	{ "the wrong method is 400", MGMT, "POST", "/drivers", "", "400 Bad Request",
	  ERR("wrong method for /drivers") },
	{ "also one that does not exist", MGMT, "FROB", "/drivers", "", "400 Bad Request",
	  ERR("wrong method for /drivers") },
	{ "GET where only PUT is", MGMT, "GET", "/drivers/wifi/load", "", "400 Bad Request",
	  ERR("wrong method for /drivers/wifi/load") },

	{ "no metadata is an empty object", MGMT, "GET", "/user-meta", "", "200 OK", "{}" },
	{ "mgmt sets a key", MGMT, "PUT", "/user-meta/drivers.wifi.opts", "a=1 b=\"2 3\"",
	  "200 OK", "" },
	{ "and one that is nobody else's business", MGMT, "PUT", "/user-meta/secret", "s",
	  "200 OK", "" },
	{ "mgmt sees both", MGMT, "GET", "/user-meta", "", "200 OK",
	  "{\"drivers.wifi.opts\":\"a=1 b=\\\"2 3\\\"\",\"secret\":\"s\"}" },
	{ "so does the host", HOST, "GET", "/user-meta", "", "200 OK",
	  "{\"drivers.wifi.opts\":\"a=1 b=\\\"2 3\\\"\",\"secret\":\"s\"}" },
	{ "a container without the role sees its own", PLAIN, "GET", "/user-meta", "", "200 OK",
	  "{\"drivers.wifi.opts\":\"a=1 b=\\\"2 3\\\"\"}" },
	{ "and writes nothing", PLAIN, "PUT", "/user-meta/web.x", "1", "403 Forbidden",
	  ERR("this needs the role mgmt") },
	{ "nor deletes", PLAIN, "DELETE", "/user-meta/secret", "", "403 Forbidden",
	  ERR("this needs the role mgmt") },
	{ "device-meta is a store of its own", MGMT, "PUT", "/device-meta/k", "v", "200 OK", "" },
	{ "which is seen", MGMT, "GET", "/device-meta", "", "200 OK", "{\"k\":\"v\"}" },
	{ "and deleted from", HOST, "DELETE", "/device-meta/k", "", "200 OK", "" },
	{ "once", HOST, "DELETE", "/device-meta/k", "", "404 Not Found", ERR("k is not set") },
	{ "an empty body is 400", MGMT, "PUT", "/user-meta/k", "", "400 Bad Request",
	  ERR("the body is empty") },
	{ "a key that leaves the directory is 400", MGMT, "PUT", "/user-meta/..%2Fk", "v",
	  "400 Bad Request", ERR("not a key: ../k") },
	{ "and a hidden one", MGMT, "PUT", "/user-meta/.new", "v", "400 Bad Request",
	  ERR("not a key: .new") },
};

/* The whole answer to a request with "Connection: close". */
static const char *expected(const char *status, const char *body)
{
	static char text[8192];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		 "Connection: close\r\n\r\n%s", status, strlen(body), body);
	return text;
}

static void test_rows(int journal_fd)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(rows); i++)
		ktap_str(ask(rows[i].who, rows[i].method, rows[i].path, rows[i].body),
			 expected(rows[i].status, rows[i].answer), "%s", rows[i].name);
	submitted(journal_fd);
}

static void test_submits(int journal_fd)
{
	/* when a container loads one driver, with a limit */
	ask(MGMT, "PUT", "/drivers/bluetooth/load?timeout=9", "");
	ktap_str(submitted(journal_fd), "load bluetooth 7 9000\n",
		 "the kernel is asked on the container's behalf");

	ask(HOST, "PUT", "/drivers/wifi/load", "");
	ktap_str(submitted(journal_fd), "load wifi 0 0\n", "or on the host's");

	/* when it asks for all: manual ones only, in its order, each after the last */
	ask(MGMT, "PUT", "/drivers/load", "");
	ktap_str(submitted(journal_fd), "load bluetooth 7 0\nload gone 7 0\nload late 7 0\n"
		 "load broken 7 0\n", "all manual drivers, one after the other");
	ask(MGMT, "PUT", "/drivers/unload", "");
	ktap_str(submitted(journal_fd), "unload broken 7 0\nunload late 7 0\nunload gone 7 0\n"
		 "unload bluetooth 7 0\n", "unloaded in the reverse order");
}

static void test_http10(void)
{
	static const char old[] = "GET /drivers HTTP/1.0\r\nHost: localhost\r\n\r\n";
	static const char bare[] = "PUT /drivers/bluetooth/load HTTP/1.0\r\n\r\n";

	ktap_str(ask_raw(PLAIN, old, sizeof(old) - 1),
		 "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
		 "HTTP/1.0, as small clients speak it");
	ktap_str(ask_raw(MGMT, bare, sizeof(bare) - 1),
		 "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n",
		 "a PUT without a body or a Host");
}

static void test_keep_alive(void)
{
	static const char two[] =
		"GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n"
		"PUT /drivers/bluetooth/load HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
		"GET /user-meta HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	static const char chunked[] =
		"PUT /user-meta/chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
		"Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	const char *got;

	got = ask_raw(MGMT, two, sizeof(two) - 1);
	ktap_eq(count_of(got, "HTTP/1.1 200 OK\r\n"), 3,
		"three requests in one go on one connection");
	got = ask_raw(MGMT, chunked, sizeof(chunked) - 1);
	ktap_eq(count_of(got, "HTTP/1.1 200 OK\r\n"), 1, "a body in chunks");
	ktap_check(strstr(ask(MGMT, "GET", "/user-meta", ""), "\"chunked\":\"abcde\""),
		   "arrives whole");
}

/* A connection is worth what its container is worth at the time. */
static void test_a_container_that_ends_before_its_connection(void)
{
	static const char two[] =
		"PUT /user-meta/old.k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv"
		"PUT /user-meta/old.k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
		"Connection: close\r\n\r\nw";
	const char *got = ask_raw(LEAVING, two, sizeof(two) - 1);

	ktap_eq(count_of(got, "HTTP/1.1 200 OK\r\n"), 1, "while it is there it may write metadata");
	ktap_eq(count_of(got, "HTTP/1.1 403 Forbidden\r\n"), 1, "then no more");
	ktap_check(strstr(ask(MGMT, "GET", "/user-meta", ""), "\"old.k\":\"v\""),
		   "what it wrote before stays");
	ask(MGMT, "DELETE", "/user-meta/old.k", "");
}

static void test_sizes(void)
{
	static char body[PVK_META_VALUE_MAX + 2];
	static char request[2 * HTTP_HEADERS_MAX];
	int n;

	memset(body, 'v', sizeof(body) - 1);
	ktap_check(strstr(ask(MGMT, "PUT", "/user-meta/big", body), "HTTP/1.1 507 "),
		   "4097 bytes of metadata are 507");
	body[PVK_META_VALUE_MAX] = '\0';
	ktap_check(strstr(ask(MGMT, "PUT", "/user-meta/big", body), "HTTP/1.1 200 "),
		   "4096 are not too many");

	n = snprintf(request, sizeof(request), "GET /drivers HTTP/1.1\r\nX: ");
	memset(request + n, 'x', sizeof(request) - (size_t)n);
	ktap_check(strstr(ask_raw(MGMT, request, sizeof(request)), "HTTP/1.1 400 "),
		   "headers without an end are refused");
}

/* Each byte of it six in JSON. */
static void test_a_full_store(void)
{
	static char body[PVK_META_VALUE_MAX + 1], all[HTTP_ANSWER_MAX + 1024];
	static const char get[] = "GET /user-meta HTTP/1.0\r\n\r\n";
	char path[64];
	int i, fd;

	memset(body, 1, PVK_META_VALUE_MAX);
	for (i = 0; i < 2 * PVK_META_STORE_MAX / PVK_META_VALUE_MAX; i++) {
		snprintf(path, sizeof(path), "/user-meta/full.%d", i);
		if (!strstr(ask(MGMT, "PUT", path, body), "HTTP/1.1 200 "))
			break;
	}
	ktap_check(strstr(reply, "HTTP/1.1 507 ") &&
		   i > PVK_META_STORE_MAX / PVK_META_VALUE_MAX / 2,
		   "a store is full with %d values of 4,096 bytes", i);
	fd = dial(MGMT);
	send_all(fd, get, sizeof(get) - 1);
	read_all(fd, all, sizeof(all));
	close(fd);
	ktap_check(strstr(all, "200 OK") && strlen(all) > 6 * PVK_META_STORE_MAX * 9 / 10,
		   "and is still one answer, of %zu bytes", strlen(all));
	while (i-- > 0) {
		snprintf(path, sizeof(path), "/user-meta/full.%d", i);
		ask(MGMT, "DELETE", path, "");
	}
}

/* When the client does not wait for the answer, nothing is left that could break. */
static void test_client_gone(int journal_fd)
{
	static const char load[] = "PUT /drivers/late/load HTTP/1.1\r\nHost: x\r\n\r\n";
	int i, fd;

	submitted(journal_fd);
	for (i = 0; i < 8; i++) {
		fd = dial(MGMT);
		ktap_check(send(fd, load, sizeof(load) - 1, 0) > 0, "client %d asks and leaves", i);
		close(fd);
	}
	ktap_check(strstr(ask(MGMT, "GET", "/drivers", ""), "200 OK"),
		   "the next one is served");
}

/* The kernel takes so many requests of one socket; more wait for their turn. */
static void test_more_than_the_kernel_takes(void)
{
	static const char load[] =
		"PUT /drivers/bluetooth/load HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	int fd[3 * K_REQUESTS_MAX];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++) {
		fd[i] = dial(MGMT);
		if (send(fd[i], load, sizeof(load) - 1, 0) < 0)
			perror("send");
	}
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++) {
		read_all(fd[i], reply, sizeof(reply));
		close(fd[i]);
		ktap_check(strstr(reply, "HTTP/1.1 200 OK\r\n"),
			   "load %zu of more than the kernel takes at once", i);
	}
}

static void test_too_many_connections(void)
{
	int fd[HTTP_PER_PEER_MAX + 1];
	char byte;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		fd[i] = dial(PLAIN);
	ktap_eq(read(fd[HTTP_PER_PEER_MAX], &byte, 1), 0,
		"a container's connection too many is closed");
	ktap_check(strstr(ask(MGMT, "GET", "/drivers", ""), "200 OK"),
		   "others are not concerned");
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	/* Closing is noticed in the server's next round. */
	ask(MGMT, "GET", "/drivers", "");
	ktap_check(strstr(ask(PLAIN, "GET", "/drivers", ""), "200 OK"),
		   "and it may come back when it has closed the others");
}

static void remove_files(void)
{
	static const char *const stores[] = { "user-meta", "device-meta" };
	struct pvk_keys keys;
	struct pvk_meta *meta;
	char path[128];
	size_t i, at;

	for (i = 0; i < PVK_ARRAY_SIZE(stores); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, stores[i]);
		if (pvk_meta_open(&meta, AT_FDCWD, path, 0))
			continue;
		if (!pvk_meta_list(meta, &keys)) {
			for (at = 0; at < keys.count; at++)
				pvk_meta_delete(meta, keys.key[at]);
			pvk_keys_free(&keys);
		}
		pvk_meta_close(meta);
		rmdir(path);
	}
	for (i = 0; i < WHO_COUNT; i++)
		unlink(paths[i]);
	if (rmdir(dir))
		perror(dir);
}

int main(void)
{
	struct pvk_err err;
	struct stat st;
	int i, status, fds[2];
	pid_t pid;

	ktap_plan(0);
	if (!mkdtemp(dir) || pipe2(fds, O_NONBLOCK)) {
		perror(dir);
		return 1;
	}
	for (i = 0; i < WHO_COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
		k.listener[i] = listen_at(paths[i], &err);
		if (k.listener[i] < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
	}
	k.journal = fds[1];
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(serve());
	for (i = 0; i < WHO_COUNT; i++)
		close(k.listener[i]);

	test_rows(fds[0]);
	test_submits(fds[0]);
	test_http10();
	test_keep_alive();
	test_a_container_that_ends_before_its_connection();
	test_sizes();
	test_a_full_store();
	test_client_gone(fds[0]);
	test_more_than_the_kernel_takes();
	test_too_many_connections();

	ktap_check(!stat(paths[HOST], &st) && (st.st_mode & 07777) == 0666,
		   "everybody may connect to the socket");

	kill(pid, SIGTERM);
	ktap_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
		   "the server ends without a complaint of the sanitizers");
	remove_files();
	return ktap_finish();
}
