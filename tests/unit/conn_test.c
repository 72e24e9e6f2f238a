// SPDX-License-Identifier: MIT
/*
 * pv-ctrl's connections: what is kept of who is who and of answers, and for how
 * long; how many there may be; how long each may take; and what is answered to
 * what is no request.
 */
#include <time.h>

#include "http_int.h"
#include "http_kernel.h"

static char reply[8 * 1024 * 1024];

static const char get_close[] = "GET /drivers HTTP/1.0\r\n\r\n";

/* The whole answer to a request that ends the connection. */
static const char *ask(enum who who, const char *request, size_t len)
{
	int fd = dial(who);

	send_all(fd, request, len);
	read_all(fd, reply, sizeof(reply));
	close(fd);
	drop_date(reply);
	return reply;
}

static const char *ask_text(enum who who, const char *request)
{
	return ask(who, request, strlen(request));
}

/* One more request on a connection that is kept: the answer's body. */
static const char *again(int fd)
{
	static const char get[] = "GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n";
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0, want = 0;
	char *body = NULL;
	ssize_t n = 1;

	send_text(fd, get);
	while ((!body || strlen(body) < want) && n > 0 && poll(&pfd, 1, 5000) == 1) {
		n = read(fd, reply + len, sizeof(reply) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		reply[len] = '\0';
		body = strstr(reply, "\r\n\r\n");
		if (!body)
			continue;
		body += 4;
		want = strtoul(strstr(reply, "Content-Length: ") + 16, NULL, 10);
	}
	return body ? body : "nothing";
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* How long until the server closes it. */
static int64_t open_for(int fd, int64_t from)
{
	read_all(fd, reply, sizeof(reply));
	return now_ms() - from;
}

#define NOBODY	"{\"Error\":\"the caller is in no known container\"}"
#define WEB(status) "[{\"name\":\"gps\",\"type\":\"MANUAL\",\"status\":\"" status "\"}]"
#define APP(gps) "[{\"name\":\"wifi\",\"type\":\"REQUIRED\",\"status\":\"UNLOADED\"}," \
	"{\"name\":\"gps\",\"type\":\"OPTIONAL\",\"status\":\"" gps "\"}," \
	"{\"name\":\"gone\",\"type\":\"MANUAL\",\"status\":\"UNKNOWN\"}]"

/* ---- what is kept ---- */

static void test_an_answer_is_kept(void)
{
	int app = dial(MGMT), web = dial(PLAIN), i;

	again(app);
	again(web);
	kernel("asked");
	for (i = 0; i < 5; i++)
		again(app);
	ktap_str(again(web), WEB("UNLOADED"), "an answer that is kept is the container's own");
	ktap_str(again(app), APP("UNLOADED"), "and the other's is the other's");
	ktap_str(kernel("asked"), "who 0 drivers 0", "meanwhile the kernel is asked nothing");

	/* when a driver changes and the server has not been told yet */
	kernel("!state gps loaded");
	ktap_str(again(web), WEB("LOADED"), "a change is seen by the very next request");
	ktap_str(again(app), APP("LOADED"), "by everybody's");
	ktap_str(kernel("asked"), "who 0 drivers 2", "each container's were asked for once");
	close(app);
	app = dial(MGMT);
	ktap_str(again(app), APP("LOADED"), "what is kept serves a new connection");
	ktap_str(kernel("state gps unloaded"), "who 1 drivers 0", "of which is asked who it is");
	close(app);
	close(web);
}

static void test_who_is_who(void)
{
	static const char put[] =
		"PUT /user-meta/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv";
	int app = dial(MGMT), web = dial(PLAIN), fd = dial(MGMT);

	again(app);
	again(web);
	/* when a container ends */
	kernel("!stranger %d", PLAIN);
	ktap_str(again(web), NOBODY, "a container that ended gets nothing any more");
	ktap_str(again(app), APP("UNLOADED"), "others go on");
	/* when it is registered again, as another one */
	kernel("!container %d 0", PLAIN);
	ktap_str(again(web), WEB("UNLOADED"), "one that is registered anew gets its own");

	/* when it loses its role */
	kernel("!container %d 0", MGMT);
	send_text(fd, put);
	shutdown(fd, SHUT_WR);
	read_all(fd, reply, sizeof(reply));
	ktap_check(strstr(reply, "403 Forbidden") && strstr(reply, "this needs the role mgmt"),
		   "a role that was taken away is gone at once");
	close(fd);
	kernel("!container %d 1", MGMT);
	ktap_str(again(app), APP("UNLOADED"), "its connections serve the new registration");
	close(app);
	close(web);
}

static void test_when_events_are_lost(void)
{
	int web = dial(PLAIN);

	again(web);
	/* given a change, and the end of a container, of which no event tells */
	kernel("!state gps loaded");
	kernel("!silently");
	ktap_str(again(web), WEB("UNLOADED"), "(an event that is lost and not known to be)");
	kernel("!overrun");
	ktap_str(again(web), WEB("LOADED"), "after an overrun everything is asked anew");
	kernel("!stranger %d", PLAIN);
	kernel("!silently");
	kernel("!overrun");
	ktap_str(again(web), NOBODY, "also who it is");
	kernel("container %d 0", PLAIN);

	kernel("lost");
	kernel("asked");
	again(web);
	again(web);
	ktap_str(kernel("lost"), "who 2 drivers 2", "nothing is kept while events can't be read");
	kernel("state gps unloaded");
	close(web);
}

static void test_a_kernel_that_does_not_tell_of_containers(void)
{
	int web = dial(PLAIN);

	again(web);
	kernel("asked");
	again(web);
	ktap_str(again(web), WEB("UNLOADED"), "an older kernel");
	ktap_str(kernel("asked"), "who 2 drivers 0", "is asked each time who it is");
	kernel("!stranger %d", PLAIN);
	kernel("!silently");
	ktap_str(again(web), NOBODY, "a container that ended gets nothing any more");
	kernel("container %d 0", PLAIN);
	close(web);
}

static struct http_view *add_view(struct http_views *views, uint64_t id, size_t len)
{
	json_auto_out struct json_out out;
	char text[1024];

	memset(text, 'a' + (int)(id % 26), len);
	text[len] = '\0';
	json_out_init(&out, sizeof(text) * 2);
	json_out_str(&out, text);
	return view_add(views, id, &out);
}

static void test_how_much_is_kept(void)
{
	struct http_views *views = views_new(8 * 1024);
	unsigned int kept = 0;
	uint64_t id;

	for (id = 1; id <= 100; id++)
		add_view(views, id, 500);
	for (id = 1; id <= 100; id++)
		kept += !!view_find(views, id);
	ktap_check(kept >= 10 && kept <= 16, "%u of 100 answers of 500 bytes fit into 8 KiB", kept);
	ktap_check(!view_find(views, 1) && view_find(views, 100), "those asked for last");

	view_find(views, 100);
	for (id = 200; id < 210; id++) {
		add_view(views, id, 500);
		view_find(views, 100);
	}
	ktap_check(view_find(views, 100), "one that is asked for stays");
	add_view(views, 100, 1);
	ktap_eq(!!view_find(views, 100), 1, "an answer takes the place of the same one before");
	views_flush(views);
	for (id = 0, kept = 0; id <= 300; id++)
		kept += !!view_find(views, id);
	ktap_eq(kept, 0, "a flush leaves none");
	views_free(views);
}

/* ---- what is no request ---- */

#define OURS(status, error) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" \
	"Content-Length: %zu\r\nConnection: close\r\n\r\n{\"Error\":\"" error "\"}"
#define ERROR_LEN(error) (sizeof("{\"Error\":\"\"}") - 1 + strlen(error))

static void expect_error(const char *got, const char *status, const char *error,
			 const char *name)
{
	char text[512];

	snprintf(text, sizeof(text), OURS("%s", "%s"), status, ERROR_LEN(error), error);
	ktap_str(got, text, "%s", name);
}

#define NO_REQUEST "no HTTP request, or its head is larger than 8192 bytes"

static void test_what_is_no_request(void)
{
	static const struct {
		const char *name;
		enum who who;
		const char *bytes, *status, *error;
	} rows[] = {
		{ "a line that is no request", MGMT, "HELLO\r\n\r\n", "400 Bad Request",
		  "a request begins with METHOD PATH HTTP/1.1" },
		{ "a header without a colon", MGMT, "GET /drivers HTTP/1.1\r\nHost\r\n\r\n",
		  "400 Bad Request", "a header is NAME: VALUE" },
		{ "a length that is none", MGMT,
		  "PUT /user-meta/k HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400 Bad Request",
		  "Content-Length is one decimal number" },
		{ "the same of a stranger", STRANGER, "HELLO\r\n\r\n", "403 Forbidden",
		  "the caller is in no known container" },
		{ "a body that is too large", MGMT,
		  "PUT /drivers/load HTTP/1.1\r\nContent-Length: 99999\r\n"
		  "Expect: 100-continue\r\n\r\n", "413 Content Too Large",
		  "the body is larger than 65536 bytes" },
		{ "an unknown expectation", MGMT,
		  "PUT /user-meta/k HTTP/1.1\r\nContent-Length: 1\r\nExpect: wonders\r\n\r\nv",
		  "417 Expectation Failed", "nothing but 100-continue can be expected" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(rows); i++) {
		char bytes[512];

		strcpy(bytes, rows[i].bytes);
		/* evhttp reads to the end of what it will refuse. */
		if (strstr(bytes, "99999")) {
			static char body[99999];
			int fd = dial(rows[i].who);

			send_text(fd, bytes);
			send_all(fd, body, sizeof(body));
			read_all(fd, reply, sizeof(reply));
			drop_date(reply);
			close(fd);
		} else {
			ask_text(rows[i].who, bytes);
		}
		expect_error(reply, rows[i].status, rows[i].error, rows[i].name);
	}
}

static void test_large_heads_and_bodies(void)
{
	static char bytes[200 * 1024];
	int n = snprintf(bytes, sizeof(bytes), "GET /drivers HTTP/1.1\r\nX: ");

	memset(bytes + n, 'x', HTTP_HEADERS_MAX);
	expect_error(ask(MGMT, bytes, (size_t)n + HTTP_HEADERS_MAX), "400 Bad Request", NO_REQUEST,
		     "a head without an end");

	n = snprintf(bytes, sizeof(bytes),
		     "PUT /user-meta/k HTTP/1.1\r\nContent-Length: 150000\r\n\r\n");
	memset(bytes + n, 'v', 150000);
	expect_error(ask(MGMT, bytes, (size_t)n + 150000), "507 Insufficient Storage",
		     "the body is larger than 4096 bytes", "metadata that evhttp does not take");
	expect_error(ask(PLAIN, bytes, (size_t)n + 150000), "403 Forbidden",
		     "this needs the role mgmt", "from one who may not write it");

	n = snprintf(bytes, sizeof(bytes),
		     "PUT /user-meta/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n");
	memset(bytes + n, 'v', 0x20000);
	expect_error(ask(MGMT, bytes, (size_t)n + 0x20000), "507 Insufficient Storage",
		     "the body is larger than 4096 bytes", "or in a chunk");
}

static void test_going_on(void)
{
	static const char head[] = "PUT /user-meta/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
		"Connection: close\r\nExpect: 100-continue\r\n\r\n";
	int fd = dial(MGMT);
	char go_on[64] = "";

	send_text(fd, head);
	if (recv(fd, go_on, sizeof(go_on) - 1, 0) < 0)
		perror("recv");
	ktap_str(go_on, "HTTP/1.1 100 Continue\r\n\r\n", "a client that asks is told to go on");
	send_text(fd, "v");
	read_all(fd, reply, sizeof(reply));
	ktap_check(!strncmp(reply, "HTTP/1.1 200 OK\r\n", 17), "and served");
	ask_text(MGMT, "DELETE /user-meta/k HTTP/1.0\r\n\r\n");
	close(fd);
}

/* ---- how long it may take ---- */

static void in_time(int64_t ms, const char *name)
{
	ktap_check(ms >= short_times.request_ms - 50 && ms < 3 * short_times.request_ms,
		   "%s is closed in time (after %d ms of %d)", name, (int)ms,
		   short_times.request_ms);
}

static void test_slow_clients(void)
{
	static const char slow[] = "GET /drivers HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
	int64_t from = now_ms();
	int fd = dial(MGMT);
	size_t i;

	for (i = 0; i < sizeof(slow) - 1; i++) {
		if (send(fd, slow + i, 1, MSG_NOSIGNAL) != 1)
			break;
		usleep(50000);
	}
	ktap_check(i < sizeof(slow) - 1, "one that sends a byte now and then is not served");
	in_time(open_for(fd, from), "it");
	close(fd);

	from = now_ms();
	fd = dial(MGMT);
	in_time(open_for(fd, from), "one that says nothing");
	close(fd);

	fd = dial(MGMT);
	usleep((unsigned int)short_times.request_ms * 500);
	again(fd);
	from = now_ms();
	in_time(open_for(fd, from), "one that has said all it wants");
	close(fd);
}

static void test_a_client_that_takes_no_answer(void)
{
	static const char get[] = "GET /drivers?all=1 HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial(HOST), small = 4096, i;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	int64_t from = now_ms();

	kernel("many");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	/* Many answers, more than any socket holds, none of them read. */
	for (i = 0; i < 100; i++)
		send_text(fd, get);
	pfd.events = 0;
	poll(&pfd, 1, 3 * short_times.request_ms);
	ktap_check(pfd.revents & POLLHUP, "one that takes no answer is closed (after %d ms)",
		   (int)(now_ms() - from));
	close(fd);
}

/* nc -N, or a shell's `exec 3>&-`: nothing more will come from there. */
static void test_clients_that_say_no_more(void)
{
	static const char get[] = "GET /drivers?all=1 HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial(HOST);
	const char *body;

	send_text(fd, get);
	shutdown(fd, SHUT_WR);
	usleep(50000);
	read_all(fd, reply, sizeof(reply));
	body = strstr(reply, "\r\n\r\n");
	ktap_check(body && strlen(body) - 4 == strtoul(strstr(reply, "Length: ") + 8, NULL, 10),
		   "a client that shuts down its side gets all of an answer of %zu bytes",
		   strlen(reply));
	close(fd);
	kernel("few");

	/* One that is gone before it is even accepted is nobody's trouble. */
	for (fd = 0; fd < 50; fd++)
		close(dial(fd % STRANGER));
	ktap_check(strstr(ask_text(MGMT, get_close), "200 OK"), "clients that left at once");
}

static void test_pipelining(void)
{
	char bytes[8192] = "";
	int fd = dial(MGMT), i;

	for (i = 0; i < 100; i++)
		strcat(bytes, "GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n");
	strcat(bytes, get_close);
	send_text(fd, bytes);
	read_all(fd, reply, sizeof(reply));
	ktap_eq(count_of(reply, "200 OK\r\n"), 101, "101 requests in one go are answered");
	close(fd);
}

static void test_callers_that_nobody_knows(void)
{
	int fd;

	kernel("no-whois");
	fd = dial(MGMT);
	read_all(fd, reply, sizeof(reply));
	ktap_str(reply, "", "one whom the kernel can't find out is closed");
	close(fd);
	kernel("no-whois");
	ktap_check(strstr(ask_text(MGMT, get_close), "200 OK"), "the next one is served");
}

/* ---- how many there may be ---- */

static void test_the_operator_gets_in(void)
{
	static int fd[HTTP_CONNECTIONS_MAX + 488];
	size_t i, open = 0;
	char byte;

	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		fd[i] = dial(CROWD);
	/* It takes as many at a time as there is room, and closes those that are too many. */
	for (i = 0; i < 50; i++)
		kernel("asked");
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		open += recv(fd[i], &byte, 1, MSG_DONTWAIT) < 0;
	ktap_eq(open, HTTP_CONNECTIONS_MAX - HTTP_HOST_RESERVE,
		"so many of 1,000 connections of all containers together stay open");
	ktap_check(strstr(ask_text(HOST, get_close), "200 OK"), "the host still gets in");
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	for (i = 0; i < 50; i++)
		kernel("asked");
	ktap_check(strstr(ask_text(MGMT, get_close), "200 OK"), "and later everybody");
}

int main(void)
{
	ktap_plan(0);
	start(true);
	test_an_answer_is_kept();
	test_who_is_who();
	test_when_events_are_lost();
	test_what_is_no_request();
	test_large_heads_and_bodies();
	test_going_on();
	test_slow_clients();
	test_a_client_that_takes_no_answer();
	test_clients_that_say_no_more();
	test_pipelining();
	test_callers_that_nobody_knows();
	test_the_operator_gets_in();
	ktap_check(stop(), "the server ends without a complaint of the sanitizers");

	start(false);
	test_a_kernel_that_does_not_tell_of_containers();
	ktap_check(stop(), "and so does the other");
	test_how_much_is_kept();
	return ktap_finish();
}
