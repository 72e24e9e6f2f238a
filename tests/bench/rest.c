// SPDX-License-Identifier: MIT
/*
 * rest ROUNDS - what pv-ctrl costs: requests, events, the start, memory
 *
 * GET /drivers beside evhttp_bare, a program of libevent alone that answers a
 * constant of the same length. The client is the same for both, in turns, with
 * connections that are kept and one request under way on each. It is in a
 * container, since that is who asks.
 *
 * Events: CLOCK_BOOTTIME when a subscriber has read that a driver is loaded, less
 * the time that the kernel says it has been loaded since.
 */
#include <sys/epoll.h>
#include <sys/stat.h>

#include "http_client.h"

#define FEW_ALIASES	10
#define NAMED_MAX	PV_DRIVER_MAX_ENTRIES	/* what one container may name */
#define MANY_ALIASES	1000
#define CONTAINERS	200
#define CGROUPS		"/sys/fs/cgroup/bench"
#define BARE_SOCKET	"/run/pvkit/bare"
#define CONNECTIONS_MAX	64
#define REQUESTS	1500			/* of one sample */
#define EVENTS		20			/* of one sample */
#define HOUR_REQUESTS	3600			/* one a second */

static const unsigned int connections[] = { 1, CONNECTIONS_MAX };

/* ---- a registry ---- */

static void alias_name(char name[PVK_ALIAS_SIZE], unsigned int n)
{
	snprintf(name, PVK_ALIAS_SIZE, "alias-%u", n);
}

static void add_aliases(struct pvk_drv *drv, unsigned int from, unsigned int to)
{
	char name[PVK_ALIAS_SIZE], text[64];
	const char *line = text;
	struct pvk_err err;

	for (; from < to; from++) {
		alias_name(name, from);
		snprintf(text, sizeof(text), "bench_module_%u", from);
		if (pvk_drv_driver_new(drv, name, &line, 1, &err))
			die("%s: %s", name, err.text);
	}
}

static void cgroup_path(char path[128], unsigned int n)
{
	snprintf(path, 128, CGROUPS "/%u", n);
}

static void add_container(struct pvk_drv *drv, unsigned int n, unsigned int names)
{
	static struct pvk_entry entry[NAMED_MAX];
	struct pvk_container container = {
		.roles = PV_DRIVER_ROLE_MGMT,
		.entries = entry,
		.n_entries = names,
	};
	pvk_auto_close int fd = -1;
	struct pvk_err err;
	char path[128];
	unsigned int i;

	cgroup_path(path, n);
	if (mkdir(path, 0755) && errno != EEXIST)
		die("%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(container.name, sizeof(container.name), "container-%u", n);
	for (i = 0; i < names; i++) {
		alias_name(entry[i].alias, i);
		entry[i].type = PV_DRIVER_TYPE_MANUAL;
	}
	if (fd < 0 || pvk_drv_container_new(drv, &container, fd, 0, NULL, &err))
		die("%s: %s", path, fd < 0 ? strerror(errno) : err.text);
}

static void del_container(struct pvk_drv *drv, unsigned int n)
{
	char name[PVK_ALIAS_SIZE];
	struct pvk_err err;

	snprintf(name, sizeof(name), "container-%u", n);
	if (pvk_drv_container_del(drv, name, false, 0, NULL, &err))
		die("%s: %s", name, err.text);
}

/* ---- a client with many connections ---- */

struct load {
	const char *socket;
	const char *path;
	unsigned int connections;
	unsigned int requests;
	char request[256];
	size_t request_len;
	size_t answer_len;		/* of each; 0: not known yet */
	unsigned int sent;
	uint32_t *us;			/* of each answer */
	unsigned int answered;
	int64_t client_us;		/* of CPU time that all of it took on this side */
};

struct conn {
	int fd;
	int64_t since;
	size_t got;
};

static void ask(struct load *load, struct conn *conn)
{
	conn->got = 0;
	conn->since = now_us();
	load->sent++;
	if (send(conn->fd, load->request, load->request_len, MSG_NOSIGNAL) !=
	    (ssize_t)load->request_len)
		die("%s: %s", load->socket, strerror(errno));
}

/* The length of head and body, from a first answer; all others are the same. */
static void learn(struct load *load)
{
	struct http_client client;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t body, head;

	strcpy(to.sun_path, load->socket);
	client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client.fd < 0 || connect(client.fd, (struct sockaddr *)&to, sizeof(to)))
		die("%s: %s", load->socket, strerror(errno));
	body = http_request(&client, "GET", load->path);
	head = (size_t)(strstr(client.buf, "\r\n\r\n") + 4 - client.buf);
	load->answer_len = head + body;
	close(client.fd);
}

static bool take(struct load *load, struct conn *conn, char *buf, size_t size)
{
	ssize_t n = recv(conn->fd, buf, size, 0);

	if (n <= 0)
		die("%s hung up", load->socket);
	conn->got += (size_t)n;
	if (conn->got > load->answer_len)
		die("%s: an answer of another length", load->socket);
	if (conn->got < load->answer_len)
		return false;
	load->us[load->answered++] = (uint32_t)(now_us() - conn->since);
	return true;
}

static void connect_all(struct load *load, struct conn *conn, int epfd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN };
	unsigned int i;

	strcpy(to.sun_path, load->socket);
	for (i = 0; i < load->connections; i++) {
		conn[i].fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		event.data.ptr = &conn[i];
		if (conn[i].fd < 0 || connect(conn[i].fd, (struct sockaddr *)&to, sizeof(to)) ||
		    epoll_ctl(epfd, EPOLL_CTL_ADD, conn[i].fd, &event))
			die("%s: %s", load->socket, strerror(errno));
	}
}

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

/* Returns the microseconds that all of it took. */
static int64_t drive(struct load *load)
{
	static struct conn conn[CONNECTIONS_MAX];
	struct epoll_event event[CONNECTIONS_MAX];
	static char buf[1 << 18];
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	int64_t start;
	unsigned int i;
	int n;

	learn(load);
	connect_all(load, conn, epfd);
	load->client_us = cpu_us();
	start = now_us();
	for (i = 0; i < load->connections; i++)
		ask(load, &conn[i]);
	while (load->answered < load->requests) {
		n = epoll_wait(epfd, event, CONNECTIONS_MAX, -1);
		while (n-- > 0)
			if (take(load, event[n].data.ptr, buf, sizeof(buf)) &&
			    load->sent < load->requests)
				ask(load, event[n].data.ptr);
	}
	start = now_us() - start;
	load->client_us = cpu_us() - load->client_us;
	for (i = 0; i < load->connections; i++)
		close(conn[i].fd);
	close(epfd);
	return start;
}

static int by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void enter(const char *procs)
{
	pvk_auto_close int fd = open(procs, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		die("%s: %s", procs, strerror(errno));
}

/* In a process of its own: who asks is told by where it connects from. */
static void rate(const char *size, const char *server, const char *socket, const char *path,
		 const char *cgroup, unsigned int n_conn)
{
	static uint32_t us[REQUESTS];
	struct load load = {
		.socket = socket, .path = path, .connections = n_conn, .requests = REQUESTS,
		.us = us,
	};
	char procs[160];
	int64_t all;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
		enter(procs);
		load.request_len = (size_t)snprintf(load.request, sizeof(load.request),
			"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
		all = drive(&load);
		qsort(us, REQUESTS, sizeof(*us), by_size);
		printf("{\"kind\":\"rate\",\"size\":\"%s\",\"server\":\"%s\",\"connections\":%u,"
		       "\"bytes\":%zu,\"per_s\":%.1f,\"p50_us\":%u,\"p99_us\":%u,"
		       "\"client_us\":%.1f}\n", size, server, n_conn, load.answer_len,
		       REQUESTS * 1e6 / (double)all, us[REQUESTS / 2], us[REQUESTS * 99 / 100],
		       (double)load.client_us / REQUESTS);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("the client of %s: wait status %#x", server, status);
}

/* ---- beside evhttp alone ---- */

static pid_t start_bare(size_t length)
{
	char text[32];
	char *argv[] = { "/usr/lib/pvkit/tests/bench/evhttp_bare", BARE_SOCKET, text, NULL };
	pid_t pid;
	int tries;

	unlink(BARE_SOCKET);
	snprintf(text, sizeof(text), "%zu", length);
	pid = start_program(argv, BENCH_LOG);
	for (tries = 0; access(BARE_SOCKET, F_OK); tries++) {
		if (tries == 500)
			die("evhttp_bare does not listen");
		sleep_ms(20);
	}
	return pid;
}

static size_t body_length(const char *path, const char *cgroup)
{
	struct http_client client;
	char procs[160];
	size_t length = 0;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
		enter(procs);
		http_connect(&client);
		length = http_request(&client, "GET", path);
		_exit(write(fds[1], &length, sizeof(length)) != sizeof(length));
	}
	close(fds[1]);
	if (read(fds[0], &length, sizeof(length)) != sizeof(length))
		die("GET %s has no answer", path);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return length;
}

static void measure_rate(const char *size, const char *path, const char *cgroup,
			 unsigned int rounds)
{
	pid_t bare = start_bare(body_length(path, cgroup));
	unsigned int round;
	size_t i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < PVK_ARRAY_SIZE(connections); i++) {
			rate(size, "pvkitd", BENCH_SOCKET, path, cgroup, connections[i]);
			rate(size, "evhttp", BARE_SOCKET, path, cgroup, connections[i]);
		}
	}
	stop_program(bare);
}

/* ---- a load of what is loaded ---- */

static void measure_put(unsigned int rounds)
{
	struct http_client client;
	unsigned int round;
	int64_t start;

	http_connect(&client);
	http_load(&client, "dummy", true);
	for (round = 0; round < rounds * 50; round++) {
		start = now_us();
		http_load(&client, "dummy", true);
		printf("{\"kind\":\"put\",\"us\":%lld}\n", (long long)(now_us() - start));
	}
	http_load(&client, "dummy", false);
	close(client.fd);
}

/* ---- events ---- */

static int64_t boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

struct heard {
	int64_t at;		/* ns since boot; 0: not yet */
};

static void on_event(void *arg, const struct pvk_event *event)
{
	struct heard *heard = arg;

	if (event->state == PV_DRIVER_STATE_LOADED && !strcmp(event->alias, "dummy"))
		heard->at = boot_ns();
}

static int64_t by_netlink(struct pvk_drv *events, struct heard *heard)
{
	struct pvk_err err;

	while (!heard->at)
		if (pvk_drv_dispatch_wait(events, 10000, &err))
			die("no event: %s", err.text);
	return heard->at;
}

/* Whatever came before is read already. */
static int64_t by_stream(struct http_client *client)
{
	static char buf[1 << 16];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = recv(client->fd, buf + len, sizeof(buf) - 1 - len, 0);
		if (n <= 0)
			die("the stream of events ended");
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, "\"state\":\"loaded\""))
			return boot_ns();
	}
}

static void open_stream(struct http_client *client)
{
	static const char request[] = "GET /drivers/events?driver=dummy HTTP/1.1\r\n"
				      "Host: localhost\r\n\r\n";
	char buf[4096];

	http_connect(client);
	if (send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		die("GET /drivers/events: %s", strerror(errno));
	sleep_ms(200);
	if (recv(client->fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
		die("GET /drivers/events has no answer");
}

static int64_t loaded_since(struct pvk_drv *drv)
{
	struct pvk_driver driver;
	struct pvk_err err;
	int64_t since;

	if (pvk_drv_driver_get(drv, "dummy", 0, &driver, &err))
		die("dummy: %s", err.text);
	since = (int64_t)driver.since_ns;
	pvk_driver_free(&driver);
	return since;
}

/* One of the two at a time, or the one would wait for the other's turn. */
static void measure_events(struct pvk_drv *drv, bool stream, unsigned int rounds)
{
	static const struct pvk_drv_ops ops = { .event = on_event };
	struct pvk_drv *events = NULL;
	struct http_client client;
	struct heard heard;
	struct pvk_err err;
	unsigned int round;
	int64_t at;

	if (stream)
		open_stream(&client);
	else if (pvk_drv_open(&events, &ops, &heard, &err) ||
		 pvk_drv_subscribe(events, "dummy", NULL, &err))
		die("subscribe: %s", err.text);
	for (round = 0; round < rounds * EVENTS; round++) {
		pid_t pid = fork();

		heard.at = 0;
		if (!pid) {
			struct pvk_drv *own = open_driver();

			netlink_load(own, "dummy", true);
			_exit(0);
		}
		at = stream ? by_stream(&client) : by_netlink(events, &heard);
		waitpid(pid, NULL, 0);
		printf("{\"kind\":\"event\",\"way\":\"%s\",\"us\":%lld}\n",
		       stream ? "stream" : "netlink", (long long)(at - loaded_since(drv)) / 1000);
		netlink_load(drv, "dummy", false);
		sleep_ms(20);
		if (stream)
			while (recv(client.fd, (char[4096]){ 0 }, 4096, MSG_DONTWAIT) > 0)
				;
	}
	if (stream)
		close(client.fd);
	pvk_drv_close(events);
}

/* ---- pvkitd as a whole: its start, and its memory ---- */

static pid_t start_pvkitd(void)
{
	static char *argv[] = {
		"pvkitd", "--foreground", "--root", BENCH_ROOT, "--socket", BENCH_SOCKET, NULL
	};

	unlink(BENCH_SOCKET);
	return start_program(argv, BENCH_LOG);
}

/* Connects as soon as there is something to connect to. */
static void first_answer(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = BENCH_SOCKET };
	const struct timespec step = { .tv_nsec = 100000 };
	struct http_client client;
	unsigned int tries;

	client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (tries = 0; connect(client.fd, (struct sockaddr *)&to, sizeof(to)); tries++) {
		if (tries == 100000)
			die("pvkitd does not answer");
		nanosleep(&step, NULL);
	}
	http_request(&client, "GET", "/drivers");
	close(client.fd);
}

static void measure_start(unsigned int rounds)
{
	unsigned int round;
	int64_t start;
	pid_t pid;

	for (round = 0; round <= rounds; round++) {
		start = now_us();
		pid = start_pvkitd();
		first_answer();
		if (round)
			printf("{\"kind\":\"start\",\"us\":%lld}\n", (long long)(now_us() - start));
		sleep_ms(500);
		stop_program(pid);
	}
}

static long pss_of(pid_t pid)
{
	pvk_auto_free char *text = NULL;
	pvk_auto_close int fd = -1;
	const char *at;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pvk_read_fd(fd, 1 << 16, &text, NULL) || !(at = strstr(text, "\nPss:")))
		die("%s can't be read", path);
	return strtol(at + 5, NULL, 10) * 1024;
}

/* A process and all below it. */
static void print_pss(const char *when, pid_t pid, unsigned int *processes, long *sum)
{
	pvk_auto_free char *text = NULL;
	pvk_auto_free char *name = NULL;
	pvk_auto_close int fd = -1;
	pvk_auto_close int namefd = -1;
	char path[64], *at, *end;
	long pss = pss_of(pid);

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	namefd = open(path, O_RDONLY | O_CLOEXEC);
	if (namefd < 0 || pvk_read_fd(namefd, 64, &name, NULL))
		die("%s can't be read", path);
	name[strcspn(name, "\n")] = '\0';
	printf("{\"kind\":\"pss\",\"when\":\"%s\",\"process\":\"%s\",\"bytes\":%ld}\n", when, name,
	       pss);
	++*processes;
	*sum += pss;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pvk_read_fd(fd, 4096, &text, NULL))
		die("%s can't be read", path);
	for (at = text; ; at = end) {
		pid = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		print_pss(when, pid, processes, sum);
	}
}

static void print_memory(const char *when, pid_t pid)
{
	unsigned int processes = 0;
	long sum = 0;

	sleep_ms(2000);
	print_pss(when, pid, &processes, &sum);
	printf("{\"kind\":\"pss_sum\",\"when\":\"%s\",\"processes\":%u,\"bytes\":%ld}\n", when,
	       processes, sum);
}

/* Lists, loads, details and connections of their own, as many as a second has in an hour. */
static void an_hour(void)
{
	struct http_client kept, own;
	unsigned int n;

	http_connect(&kept);
	for (n = 0; n < HOUR_REQUESTS; n++) {
		http_request(&kept, "GET", "/drivers?all=1");
		if (n % 60 == 0) {
			http_load(&kept, "dummy", true);
			http_load(&kept, "dummy", false);
		}
		if (n % 10 == 0) {
			http_connect(&own);
			http_request(&own, "GET", "/drivers/dummy");
			close(own.fd);
		}
	}
	close(kept.fd);
}

static void measure_memory(void)
{
	pid_t pid = start_pvkitd();

	first_answer();
	print_memory("idle", pid);
	an_hour();
	print_memory("after an hour's requests", pid);
	an_hour();
	print_memory("after two", pid);
	stop_program(pid);
}

/* ---- all of it ---- */

/* A container whose cgroup is left by all ends. */
static pid_t stay_in(const char *cgroup)
{
	pid_t parent = getpid();
	char procs[160];
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
	enter(procs);
	while (getppid() == parent)
		sleep_ms(1000);
	_exit(0);
}

static void measure_rates(struct pvk_drv *drv, unsigned int rounds)
{
	pid_t pid = start_pvkitd();
	pid_t few, many;
	char path[128];
	unsigned int n;

	first_answer();
	if (mkdir(CGROUPS, 0755))
		die(CGROUPS ": %s", strerror(errno));
	cgroup_path(path, 0);
	add_aliases(drv, 0, FEW_ALIASES);
	add_container(drv, 0, FEW_ALIASES);
	few = stay_in(path);
	measure_rate("10 aliases, 1 container", "/drivers", path, rounds);
	add_aliases(drv, FEW_ALIASES, MANY_ALIASES);
	for (n = 1; n < CONTAINERS - 1; n++)
		add_container(drv, n, FEW_ALIASES);
	add_container(drv, CONTAINERS - 1, NAMED_MAX);
	measure_rate("10 of 1000 aliases, 200 containers", "/drivers", path, rounds);
	cgroup_path(path, CONTAINERS - 1);
	many = stay_in(path);
	measure_rate("256 of 1000 aliases, 200 containers", "/drivers", path, rounds);
	measure_rate("the host's 1000 aliases, 200 containers", "/drivers?all=1",
		     "/sys/fs/cgroup", rounds);
	for (n = 0; n < CONTAINERS; n++)
		del_container(drv, n);
	stop_program(few);
	stop_program(many);
	stop_program(pid);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	const char *dummy = "dummy";
	struct pvk_drv *drv;
	struct pvk_err err;
	pid_t pid;

	if (!rounds)
		die("how many rounds?");
	drv = open_driver();
	if (pvk_drv_driver_new(drv, dummy, &dummy, 1, &err))
		die("dummy: %s", err.text);
	measure_start(rounds);
	measure_memory();
	pid = start_pvkitd();
	first_answer();
	sleep_ms(300);
	measure_put(rounds);
	measure_events(drv, false, rounds);
	measure_events(drv, true, rounds);
	stop_program(pid);
	measure_rates(drv, rounds);
	pvk_drv_close(drv);
	return 0;
}
