// SPDX-License-Identifier: MIT
/*
 * GET /drivers/events: what a client hears of its drivers, when, and what becomes
 * of one that does not listen. And GET /drivers/NAME, which says it once.
 */
#include "http_kernel.h"

static char heard[4 * 1024 * 1024];

static const char ask10[] = "GET /drivers/events HTTP/1.0\r\n\r\n";

/* Reads on until `until` has come; what was heard before stays in front of it. */
static bool hear(int fd, const char *until)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = strlen(heard);
	ssize_t n = 1;

	while (!strstr(heard, until) && n > 0 && poll(&pfd, 1, 5000) == 1) {
		n = read(fd, heard + len, sizeof(heard) - 1 - len);
		if (n > 0)
			len += (size_t)n;
		heard[len] = '\0';
	}
	drop_date(heard);
	return strstr(heard, until);
}

/* A stream whose states have come. */
static int stream(enum who who, const char *last_state)
{
	int fd = dial(who);

	heard[0] = '\0';
	send_text(fd, ask10);
	if (!hear(fd, last_state))
		ktap_fail("a stream begins; got: %s", heard);
	heard[0] = '\0';
	return fd;
}

/* 0 when the server closes within a few signs of life, with what else it said in `heard`. */
static int ends(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = strlen(heard);
	ssize_t n = 1;

	while (n > 0 && count_of(heard, ": ping") < 5 && poll(&pfd, 1, 5000) == 1) {
		n = read(fd, heard + len, sizeof(heard) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		heard[len] = '\0';
	}
	return n ? -1 : 0;
}

#define HEAD	"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n" \
		"Cache-Control: no-cache\r\nConnection: close\r\n\r\n"

#define FRAME(kind, id, name, type, status, state) \
	"event: " kind "\nid: " id "\ndata: {\"name\":\"" name "\",\"type\":\"" type "\"," \
	"\"status\":\"" status "\",\"state\":\"" state "\",\"generation\":" id "}\n\n"

#define APP_STATES \
	FRAME("state", "7", "wifi", "REQUIRED", "UNLOADED", "unloaded") \
	FRAME("state", "7", "gps", "OPTIONAL", "UNLOADED", "unloaded") \
	FRAME("state", "7", "gone", "MANUAL", "UNKNOWN", "unknown")

static void test_states_then_changes(void)
{
	int fd = dial(MGMT);

	heard[0] = '\0';
	send_text(fd, ask10);
	hear(fd, "gone\",\"type\":\"MANUAL\",\"status\":\"UNKNOWN\",\"state\":\"unknown\","
	     "\"generation\":7}\n\n");
	ktap_str(heard, HEAD APP_STATES, "HTTP/1.0: the head, then the states in run.json's order");
	heard[0] = '\0';

	/* when a driver of others, and one of its own, change */
	kernel("state other loaded");
	kernel("state gps loading");
	kernel("state gps loaded");
	hear(fd, "\"loaded\"");
	ktap_str(heard, FRAME("state", "9", "gps", "OPTIONAL", "UNLOADED", "loading")
		 FRAME("state", "10", "gps", "OPTIONAL", "LOADED", "loaded"),
		 "it hears of its own drivers, and only of those");
	heard[0] = '\0';

	kernel("del gps");
	kernel("new gps");
	hear(fd, "event: new");
	ktap_str(heard, FRAME("del", "11", "gps", "OPTIONAL", "UNKNOWN", "unknown")
		 FRAME("new", "12", "gps", "OPTIONAL", "UNLOADED", "unloaded"),
		 "it hears that one went and came");
	close(fd);
}

static void test_http11(void)
{
	static const char before[] = "GET /user-meta HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char ask11[] = "GET /drivers/events?driver=wifi HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial(MGMT);

	heard[0] = '\0';
	send_text(fd, before);
	ktap_check(hear(fd, "\r\n\r\n{}"), "a request on a connection that is kept");
	heard[0] = '\0';
	send_text(fd, ask11);
	ktap_check(hear(fd, "\n\n\r\n"), "is followed by a stream");
	ktap_str(heard, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		 "Cache-Control: no-cache\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "74\r\n" FRAME("state", "12", "wifi", "REQUIRED", "UNLOADED", "unloaded") "\r\n",
		 "HTTP/1.1: in chunks; ?driver= chooses one");
	heard[0] = '\0';
	kernel("state gps loaded");
	kernel("state wifi loaded");
	hear(fd, "\n\n\r\n");
	ktap_str(heard, "70\r\n" FRAME("state", "14", "wifi", "REQUIRED", "LOADED", "loaded")
		 "\r\n", "also of the changes");
	close(fd);
}

/* What happened before the states were read is in them. */
static void test_nothing_twice(void)
{
	int fd = dial(MGMT);

	heard[0] = '\0';
	kernel("meanwhile gps");
	send_text(fd, ask10);
	hear(fd, "\"unknown\"");
	kernel("state gps unloaded");
	hear(fd, "id: 16");
	ktap_eq(count_of(heard, "\"unloading\""), 1, "a change that the states show is not told");
	ktap_eq(count_of(heard, "event: state\nid: 16\n"), 1, "the next one is");
	close(fd);
}

static void test_who_may(void)
{
	static const struct {
		const char *name;
		enum who who;
		const char *path, *status, *error;
	} rows[] = {
		{ "a stranger", STRANGER, "/drivers/events", "403 Forbidden",
		  "the caller is in no known container" },
		{ "a driver of others", MGMT, "/drivers/events?driver=other", "403 Forbidden",
		  "the container does not name this driver" },
		{ "no name of a driver", MGMT, "/drivers/events?driver=../x", "403 Forbidden",
		  "not a driver of this container" },
		{ "one that the board lacks", MGMT, "/drivers/events?driver=gone", "404 Not Found",
		  "no such driver" },
		{ "the host's that is none", HOST, "/drivers/events?driver=x", "404 Not Found",
		  "no such driver" },
	};
	char text[256], path[128];
	size_t i;
	int fd;

	for (i = 0; i < PVK_ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof(path), "GET %s HTTP/1.0\r\n\r\n", rows[i].path);
		fd = dial(rows[i].who);
		send_text(fd, path);
		read_all(fd, heard, sizeof(heard));
		drop_date(heard);
		snprintf(text, sizeof(text), "HTTP/1.0 %s\r\nContent-Type: application/json\r\n\r\n"
			 "{\"Error\":\"%s\"}", rows[i].status, rows[i].error);
		ktap_str(heard, text, "events for %s", rows[i].name);
		close(fd);
	}
}

static void test_the_host_hears_all(void)
{
	int fd = stream(HOST, "\"other\"");

	kernel("new fresh");
	kernel("state other unloaded");
	kernel("del fresh");
	hear(fd, "event: del");
	ktap_str(heard, FRAME("new", "17", "fresh", "MANUAL", "UNLOADED", "unloaded")
		 FRAME("state", "18", "other", "MANUAL", "UNLOADED", "unloaded")
		 FRAME("del", "19", "fresh", "MANUAL", "UNKNOWN", "unknown"),
		 "the host hears of drivers that are new too");
	close(fd);
}

static void test_pings(void)
{
	int fd = stream(PLAIN, "\"gps\"");

	ktap_check(hear(fd, ": ping\n\n"), "a stream without news gives signs of life");
	heard[0] = '\0';
	ktap_check(hear(fd, ": ping\n\n"), "and goes on");
	close(fd);
}

static void test_a_container_that_ends(bool event)
{
	int fd = stream(PLAIN, "\"gps\"");
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	kernel(event ? "stranger %d" : "!stranger %d", PLAIN);
	if (!event)
		kernel("!silently");
	if (event)
		ktap_check(poll(&pfd, 1, short_times.ping_ms / 3) == 1,
			   "the stream of a container that ended ends at once");
	ktap_eq(ends(fd), 0, "the stream of a container that ended ends");
	close(fd);
	kernel("container %d 0", PLAIN);
	fd = stream(PLAIN, "\"gps\"");
	kernel("!container %d 0", PLAIN);
	if (!event)
		kernel("!silently");
	ktap_eq(ends(fd), 0, "so does that of one which was registered anew");
	close(fd);
}

static void test_the_kernel_lost_events(void)
{
	int fd = stream(PLAIN, "\"gps\"");

	kernel("!state gps loaded");
	kernel("silently");
	kernel("overrun");
	hear(fd, "\"loaded\"");
	ktap_str(heard, "event: overrun\nid: 20\ndata: {\"generation\":20}\n\n"
		 FRAME("state", "20", "gps", "MANUAL", "LOADED", "loaded"),
		 "events that the kernel lost: overrun, and the present states");
	close(fd);
}

/* The kernel says both at once, on a socket each; the answer's may be read first. */
static void test_the_event_is_there_before_the_answer(void)
{
	static const char load[] = "PUT /drivers/gps/load HTTP/1.0\r\n\r\n";
	int fd = stream(PLAIN, "\"gps\""), asks = dial(PLAIN), tries = 5000;
	char answer[512];
	ssize_t n;

	kernel("loads");
	send_text(asks, load);
	/* until it is under way */
	while (strcmp(kernel("idle"), "busy") && --tries)
		usleep(1000);
	kernel("!state gps loading");
	kernel("!state gps loaded");
	kernel("!outcome");
	read_all(asks, answer, sizeof(answer));
	ktap_check(strstr(answer, " 200 OK"), "a load is answered");
	n = recv(fd, heard, sizeof(heard) - 1, MSG_DONTWAIT);
	heard[n > 0 ? n : 0] = '\0';
	ktap_check(strstr(heard, "\"loaded\""), "by then its event is there");
	kernel("loads");
	kernel("state gps unloaded");
	close(asks);
	close(fd);
}

/* It hears less, and is told so; memory is bounded by what it may be behind. */
static void test_a_client_that_does_not_read(void)
{
	const int rounds = 20, each = 1000;
	int fd = stream(PLAIN, "\"gps\""), i;
	struct pollfd pfd = { .events = 0 };
	unsigned int frames;

	for (i = 0; i < rounds; i++)
		kernel("flood gps %d", each);
	kernel("state gps failed");
	ktap_check(hear(fd, "event: overrun\n"), "one that reads late hears of the loss");
	ktap_check(hear(fd, "\"failed\""), "and then what is so now");
	frames = count_of(heard, "event: state\n");
	ktap_check(frames < (unsigned int)(rounds * each) / 2,
		   "%u of %d events were told", frames, rounds * each);
	heard[0] = '\0';
	kernel("state gps unloaded");
	ktap_check(hear(fd, "\"unloaded\""), "and it goes on");
	close(fd);

	/* One that never reads: more than its socket and 64 KiB hold. */
	fd = stream(PLAIN, "\"gps\"");
	kernel("flood gps 4000");
	pfd.fd = fd;
	ktap_check(poll(&pfd, 1, 5 * short_times.request_ms) == 1 && pfd.revents & POLLHUP,
		   "one that never reads is closed");
	ends(fd);
	ktap_eq(count_of(heard, "overrun"), 0, "without another word");
	close(fd);
}

/* More than 64 KiB of states are no reason to lose the changes after them. */
static void test_a_board_with_many_drivers(void)
{
	char last[64];
	int fd;

	kernel("many");
	snprintf(last, sizeof(last), "long-name-%d\"", MANY - 1);
	fd = dial(HOST);
	heard[0] = '\0';
	send_text(fd, ask10);
	usleep(100000);
	kernel("state gps loaded");
	ktap_check(hear(fd, last), "all states of many drivers come");
	ktap_check(hear(fd, "\"loaded\""), "and the change that came meanwhile");
	ktap_eq(count_of(heard, "overrun"), 0, "none was lost");
	kernel("few");
	kernel("state gps unloaded");
	close(fd);
}

/* Whether it is one; a container that names nothing hears nothing but that. */
static bool begins(enum who who, int *fd)
{
	*fd = dial(who);
	heard[0] = '\0';
	send_text(*fd, ask10);
	return hear(*fd, "\r\n\r\n") && strstr(heard, "200 OK");
}

static bool refused(enum who who)
{
	int fd;
	bool begun = begins(who, &fd);

	ends(fd);
	close(fd);
	return !begun && strstr(heard, "too many streams of events");
}

/* The server may hear of other things before it hears of what was closed. */
static void let_it_notice(void)
{
	int i;

	for (i = 0; i < 30; i++)
		kernel("asked");
}

static void test_how_many_there_may_be(void)
{
	int fd[HTTP_STREAMS_PEER_MAX], crowd[HTTP_STREAMS_MAX - HTTP_STREAMS_RESERVE], host;
	size_t i, n = 0;

	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		fd[i] = stream(PLAIN, "\"gps\"");
	ktap_check(refused(PLAIN), "a container's stream too many is 503");
	close(fd[0]);
	let_it_notice();
	fd[0] = stream(PLAIN, "\"gps\"");
	ktap_check(refused(PLAIN), "one that was closed made room at once, for one");
	/* An end with unread words is an error to the socket. */
	kernel("state gps loading");
	usleep(10000);
	close(fd[0]);
	let_it_notice();
	fd[0] = stream(PLAIN, "\"gps\"");
	kernel("state gps unloaded");
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		close(fd[i]);

	let_it_notice();
	for (i = 0; i < PVK_ARRAY_SIZE(crowd); i++)
		n += begins(CROWD, &crowd[i]);
	ktap_eq(n, PVK_ARRAY_SIZE(crowd), "all containers together have so many");
	ktap_check(refused(MGMT), "then there are none left for containers");
	ktap_check(begins(HOST, &host), "but for the host");
	close(host);
	for (i = 0; i < PVK_ARRAY_SIZE(crowd); i++)
		close(crowd[i]);
	let_it_notice();
	ktap_check(begins(MGMT, &host), "they leave nothing behind");
	close(host);
}

/* Streams are not among the connections that a container may have. */
static void test_streams_take_no_places(void)
{
	static const char get[] = "GET /drivers HTTP/1.0\r\n\r\n";
	int fd[HTTP_STREAMS_PEER_MAX], idle[HTTP_PER_PEER_MAX - 1], one;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		fd[i] = stream(PLAIN, "\"gps\"");
	for (i = 0; i < PVK_ARRAY_SIZE(idle); i++)
		idle[i] = dial(PLAIN);
	one = dial(PLAIN);
	send_text(one, get);
	read_all(one, heard, sizeof(heard));
	ktap_check(strstr(heard, "200 OK"), "a container with 8 streams has all its connections");
	close(one);
	for (i = 0; i < PVK_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	for (i = 0; i < PVK_ARRAY_SIZE(idle); i++)
		close(idle[i]);
}

/* `printf ... | nc -U` shuts down its side when it has sent the request. */
static void test_a_client_that_says_no_more(void)
{
	int fd = dial(PLAIN);

	heard[0] = '\0';
	send_text(fd, ask10);
	shutdown(fd, SHUT_WR);
	hear(fd, "\"gps\"");
	heard[0] = '\0';
	kernel("state gps loaded");
	ktap_check(hear(fd, "\"loaded\""), "a client that will send no more still hears");
	ktap_check(hear(fd, ": ping"), "and goes on hearing");
	kernel("state gps unloaded");
	close(fd);
}

/* ---- GET /drivers/NAME ---- */

/* The wall's clock is another one each time; "2026-11-22T20:11:04.123Z" is its form. */
static char *mask_times(char *text)
{
	static const char key[] = "\"time\":\"", form[] = "dddd-dd-ddTdd:dd:dd.dddZ\"";
	size_t i;
	char *at;

	for (at = text; (at = strstr(at, key)); at++) {
		for (i = 0; form[i]; i++) {
			char c = at[sizeof(key) - 1 + i];

			if (form[i] == 'd' ? c < '0' || c > '9' : c != form[i])
				break;
		}
		if (!form[i])
			memmove(at + sizeof(key) - 1, at + sizeof(key) + sizeof(form) - 3,
				strlen(at + sizeof(key) + sizeof(form) - 3) + 1);
	}
	return text;
}

static const char *get_driver(enum who who, const char *name)
{
	char request[128];
	char *body;
	int fd = dial(who);

	snprintf(request, sizeof(request), "GET /drivers/%s HTTP/1.0\r\n\r\n", name);
	send_text(fd, request);
	read_all(fd, heard, sizeof(heard));
	close(fd);
	body = strstr(heard, "\r\n\r\n");
	return mask_times(body ? body + 4 : heard);
}

static void test_one_driver(void)
{
#define SINCE "\"since\":{\"time\":\"\",\"uptime\":12.345}"
#define DETAILS "\"used\":true,\"users\":[\"app\"],\"host\":true," \
	"\"lines\":[\"iwlwifi ${user-meta:o}\"]," \
	"\"modules\":[{\"name\":\"iwlwifi\",\"flags\":[\"live\",\"ours\"]," \
	"\"params\":\"power_save=1\",\"since\":null}],\"errno\":8,\"errname\":\"ENOEXEC\"," \
	"\"error\":\"iwlwifi: Exec format error\"," \
	"\"error_since\":{\"time\":\"\",\"uptime\":0.002}," \
	"\"warnings\":[\"user-meta:o is not set\"]," \
	"\"stats\":{\"loads\":3,\"unloads\":2,\"failures\":1,\"load_us\":1500,\"unload_us\":700}}"
	kernel("state wifi loaded");
	ktap_str(get_driver(HOST, "wifi"), "{\"name\":\"wifi\",\"type\":\"MANUAL\","
		 "\"status\":\"LOADED\",\"state\":\"loaded\"," SINCE "," DETAILS,
		 "the host sees all of it");
	ktap_str(get_driver(MGMT, "wifi"), "{\"name\":\"wifi\",\"type\":\"REQUIRED\","
		 "\"status\":\"LOADED\",\"state\":\"loaded\"," SINCE "," DETAILS,
		 "and so does the role mgmt");
	ktap_str(get_driver(PLAIN, "gps"), "{\"name\":\"gps\",\"type\":\"MANUAL\","
		 "\"status\":\"UNLOADED\",\"state\":\"unloaded\"," SINCE ",\"used\":false}",
		 "another container sees what is its own");
	ktap_str(get_driver(MGMT, "other"),
		 "{\"Error\":\"the container does not name this driver\"}",
		 "what it does not name is 403");
	ktap_str(get_driver(MGMT, "gone"), "{\"Error\":\"no such driver\"}",
		 "what the board lacks 404");
	ktap_str(get_driver(HOST, "gone"), "{\"Error\":\"no such driver\"}", "also for the host");
	ktap_str(get_driver(HOST, "load"), "{\"Error\":\"wrong method for /drivers/load\"}",
		 "load is no driver");
	ktap_str(get_driver(HOST, "register"), "{\"Error\":\"there is no such driver\"}",
		 "nor is register");
	ktap_check(strstr(get_driver(STRANGER, "wifi"), "no known container"),
		   "a stranger sees nothing");
}

int main(void)
{
	ktap_plan(0);
	start(false);
	test_states_then_changes();
	test_http11();
	test_nothing_twice();
	test_who_may();
	test_the_host_hears_all();
	test_the_kernel_lost_events();
	test_the_event_is_there_before_the_answer();
	test_pings();
	test_a_container_that_ends(false);
	test_a_client_that_does_not_read();
	test_a_board_with_many_drivers();
	test_how_many_there_may_be();
	test_streams_take_no_places();
	test_a_client_that_says_no_more();
	test_one_driver();
	ktap_check(stop(), "the server ends without a complaint of the sanitizers");

	start(true);
	test_a_container_that_ends(true);
	ktap_check(stop(), "and so does one whose kernel tells of containers");
	return ktap_finish();
}
