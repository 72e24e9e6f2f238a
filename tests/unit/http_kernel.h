/* SPDX-License-Identifier: MIT */
/*
 * http_kernel - a small kernel behind pv-ctrl, for tests that change what it knows
 *
 * The server runs in a child process. Which of its sockets a client connects to
 * says who the client is. The test tells the kernel what happens with kernel():
 * each change is an event, which waits until the server asks what is new, as it
 * would in a netlink socket.
 */
#ifndef PVKIT_TESTS_HTTP_KERNEL_H
#define PVKIT_TESTS_HTTP_KERNEL_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "http.h"
#include "http_client.h"
#include "ktap.h"
#include "listen.h"

/* CROWD: eight connections to a container, which names nothing. */
enum who { HOST, MGMT, PLAIN, STRANGER, CROWD, WHO_COUNT };

#define CROWD_ID	1000
#define CROWD_SHARE	8
#define MANY		5000	/* drivers that only the host sees, on demand */
#define COMMAND_MAX	256
#define EXIT_UNFINISHED	7

static int finish_ms = 1500;	/* of a server that is told to end */

static char dir[] = "/tmp/pvkit-http.XXXXXX";
static char paths[WHO_COUNT][64];
static int control;		/* the test's end */
static bool at_once;		/* the server ends with requests under way */

static struct {
	struct event_base *base;
	struct http *http;
	int listener[WHO_COUNT];
	int control;
	struct pvk_peer who[WHO_COUNT];
	struct {
		char alias[PVK_ALIAS_SIZE];
		uint32_t state;
		bool gone;
	} driver[8 + MANY];
	size_t n_drivers;
	struct pvk_event pending[4096];
	size_t n_pending;
	uint32_t generation;
	unsigned int asked_who, asked_drivers;
	char meanwhile[COMMAND_MAX];	/* happens while drivers are asked for */
	bool lost;		/* refresh fails */
	bool loads;		/* a load is taken, until `outcome` */
	bool no_whois;
} k;

/* What each container names. */
static const struct {
	enum who who;
	const char *alias;
	int type;
} names[] = {
	{ MGMT, "wifi", PV_DRIVER_TYPE_REQUIRED }, { MGMT, "gps", PV_DRIVER_TYPE_OPTIONAL },
	{ MGMT, "gone", PV_DRIVER_TYPE_MANUAL }, { PLAIN, "gps", PV_DRIVER_TYPE_MANUAL },
};

/* ---- the kernel's side ---- */

static int find_driver(const char *alias)
{
	size_t i;

	for (i = 0; i < k.n_drivers; i++)
		if (!strcmp(k.driver[i].alias, alias) && !k.driver[i].gone)
			return (int)i;
	return -1;
}

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	int i;

	(void)arg;
	k.asked_who++;
	for (i = 0; i < WHO_COUNT; i++)
		if (k.listener[i] == listener_fd)
			break;
	if (i == WHO_COUNT || k.no_whois)
		return pvk_err_set(err, -ENOENT, "nobody knows");
	*peer = k.who[i];
	if (i == CROWD)
		peer->id = CROWD_ID + (uint64_t)fd / CROWD_SHARE;
	return 0;
}

static int who_has(uint64_t id)
{
	int i;

	if (id >= CROWD_ID)
		return CROWD;
	for (i = 0; i < WHO_COUNT; i++)
		if (k.who[i].kind == PV_DRIVER_PEER_CONTAINER && k.who[i].id == id)
			return i;
	return -1;
}

static void add_driver(struct pvk_drivers *list, const char *alias, int type)
{
	struct pvk_driver *driver = &list->item[list->count++];
	int at = find_driver(alias);

	strcpy(driver->alias, alias);
	driver->type = type;
	driver->state = at < 0 ? PV_DRIVER_STATE_UNKNOWN : k.driver[at].state;
	driver->generation = k.generation;
}

static void happened(uint32_t kind, const char *alias, uint32_t state)
{
	struct pvk_event *event = &k.pending[k.n_pending++];

	*event = (struct pvk_event){ .kind = kind, .state = state };
	strcpy(event->alias, alias);
	if (kind != PV_DRIVER_EVENT_KIND_OVERRUN)
		k.generation++;
	event->generation = k.generation;
}

static uint32_t state_of(const char *name)
{
	uint32_t state;

	for (state = 0; strcmp(pvk_state_name(state), name); state++)
		if (state > 100)
			abort();
	return state;
}

static void set_state(const char *alias, const char *state)
{
	int at = find_driver(alias);

	k.driver[at].state = state_of(state);
	happened(PV_DRIVER_EVENT_KIND_STATE, alias, k.driver[at].state);
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	int who = who_has(id);
	size_t i;

	(void)arg;
	k.asked_drivers++;
	if (k.meanwhile[0])
		set_state(k.meanwhile, "unloading");
	k.meanwhile[0] = '\0';
	if (id && who < 0)
		return pvk_err_set(err, -ESRCH, "no such container");
	*list = (struct pvk_drivers){
		.item = calloc(PVK_ARRAY_SIZE(k.driver), sizeof(*list->item)),
		.generation = k.generation,
	};
	for (i = 0; !id && i < k.n_drivers; i++)
		if (!k.driver[i].gone)
			add_driver(list, k.driver[i].alias, -1);
	for (i = 0; id && i < PVK_ARRAY_SIZE(names); i++)
		if (names[i].who == (enum who)who)
			add_driver(list, names[i].alias, names[i].type);
	return 0;
}

static void fill_details(struct pvk_driver *driver)
{
	static const char *const users[] = { "app", "" };
	size_t i;

	driver->lines.item = calloc(1, sizeof(char *));
	driver->lines.item[driver->lines.count++] = strdup("iwlwifi ${user-meta:o}");
	driver->users.item = calloc(2, sizeof(char *));
	for (i = 0; i < 2; i++)
		driver->users.item[driver->users.count++] = strdup(users[i]);
	driver->warnings.item = calloc(1, sizeof(char *));
	driver->warnings.item[driver->warnings.count++] = strdup("user-meta:o is not set");
	driver->modules = calloc(1, sizeof(*driver->modules));
	driver->n_modules = 1;
	strcpy(driver->modules->name, "iwlwifi");
	driver->modules->flags = PV_DRIVER_MODULE_FLAG_LIVE | PV_DRIVER_MODULE_FLAG_OURS;
	driver->modules->params = strdup("power_save=1");
	driver->error = ENOEXEC;
	strcpy(driver->text, "iwlwifi: Exec format error");
	driver->error_since_ns = 2000000;
	driver->stats = (struct pvk_stats){ 3, 2, 1, 1500, 700 };
	driver->has_stats = true;
}

static int k_driver(void *arg, const char *alias, uint64_t id, struct pvk_driver *driver,
		    struct pvk_err *err)
{
	int at = find_driver(alias), who = who_has(id);
	size_t i;

	(void)arg;
	*driver = (struct pvk_driver){ .type = -1, .state = PV_DRIVER_STATE_UNKNOWN };
	for (i = 0; id && i < PVK_ARRAY_SIZE(names); i++)
		if (names[i].who == (enum who)who && !strcmp(names[i].alias, alias))
			driver->type = names[i].type;
	if (id && driver->type < 0)
		return pvk_err_set(err, -EPERM, "the container does not name this driver");
	if (!id && at < 0)
		return pvk_err_set(err, -ENOENT, "no such driver");
	strcpy(driver->alias, alias);
	driver->generation = k.generation;
	if (at >= 0)
		driver->state = k.driver[at].state;
	driver->since_ns = 12345678901;
	if (!id)
		fill_details(driver);
	return 0;
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	(void)arg;
	(void)op;
	(void)request;
	*seq = 1;
	if (k.loads)
		return 0;
	return pvk_err_set(err, -EBUSY, "nothing is loaded here");
}

/* Hands on what waits, as the front does with what is in its socket. */
static int k_refresh(void *arg)
{
	size_t i, n = k.n_pending;

	(void)arg;
	k.n_pending = 0;
	for (i = 0; i < n; i++)
		http_event(k.http, &k.pending[i]);
	return k.lost ? -EIO : 0;
}

static void make_driver(const char *alias)
{
	strcpy(k.driver[k.n_drivers].alias, alias);
	k.driver[k.n_drivers].gone = false;
	k.driver[k.n_drivers++].state = PV_DRIVER_STATE_UNLOADED;
}

static void make_many(void)
{
	char alias[PVK_ALIAS_SIZE];
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(alias, sizeof(alias), "driver-with-a-long-name-%d", i);
		make_driver(alias);
	}
}

static void container_event(void)
{
	happened(PV_DRIVER_EVENT_KIND_CONTAINER_NEW, "", 0);
}

/* "state wifi loaded", "flood gps 100", "gone 1", ... */
static void obey(char *command)
{
	char *word[3] = { strtok(command, " "), strtok(NULL, " "), strtok(NULL, " ") };
	const char *verb = word[0];
	int n;

	if (!strcmp(verb, "state")) {
		set_state(word[1], word[2]);
	} else if (!strcmp(verb, "flood")) {
		for (n = atoi(word[2]); n; n--)
			set_state(word[1], n % 2 ? "loaded" : "unloaded");
	} else if (!strcmp(verb, "new")) {
		make_driver(word[1]);
		happened(PV_DRIVER_EVENT_KIND_NEW, word[1], PV_DRIVER_STATE_UNLOADED);
	} else if (!strcmp(verb, "del")) {
		k.driver[find_driver(word[1])].gone = true;
		happened(PV_DRIVER_EVENT_KIND_DEL, word[1], 0);
	} else if (!strcmp(verb, "meanwhile")) {
		strcpy(k.meanwhile, word[1]);
	} else if (!strcmp(verb, "many")) {
		make_many();
	} else if (!strcmp(verb, "few")) {
		k.n_drivers -= MANY;
	} else if (!strcmp(verb, "overrun")) {
		happened(PV_DRIVER_EVENT_KIND_OVERRUN, "", 0);
	} else if (!strcmp(verb, "stranger")) {
		/* The container that this was has ended. */
		k.who[atoi(word[1])].kind = PV_DRIVER_PEER_UNKNOWN;
		container_event();
	} else if (!strcmp(verb, "container")) {
		/* Registered (again), with that role. */
		n = atoi(word[1]);
		k.who[n].kind = PV_DRIVER_PEER_CONTAINER;
		k.who[n].id += 100;
		k.who[n].roles = (uint32_t)atoi(word[2]);
		container_event();
	} else if (!strcmp(verb, "silently")) {
		k.n_pending = 0;
	} else if (!strcmp(verb, "lost")) {
		k.lost = !k.lost;
	} else if (!strcmp(verb, "no-whois")) {
		k.no_whois = !k.no_whois;
	} else if (!strcmp(verb, "loads")) {
		k.loads = !k.loads;
	} else if (!strcmp(verb, "outcome")) {
		http_outcome(k.http, &(struct pvk_outcome){ .seq = 1 });
	} else if (strcmp(verb, "asked")) {
		abort();
	}
}

/* Also an end of what waits: the front's event socket becomes readable. */
static void on_control(evutil_socket_t fd, short what, void *arg)
{
	char text[COMMAND_MAX + 1];
	ssize_t n = recv(fd, text, COMMAND_MAX, 0);
	bool held;

	(void)what;
	(void)arg;
	if (n <= 0) {
		event_base_loopbreak(k.base);
		return;
	}
	text[n] = '\0';
	if (!strcmp(text, "idle")) {
		send(fd, http_idle(k.http) ? "idle" : "busy", 4, 0);
		return;
	}
	/* "!": before the server has had time to hear of it. */
	held = text[0] == '!';
	obey(text + held);
	if (!held)
		k_refresh(NULL);
	n = snprintf(text, sizeof(text), "who %u drivers %u", k.asked_who, k.asked_drivers);
	k.asked_who = 0;
	k.asked_drivers = 0;
	send(fd, text, (size_t)n, 0);
}

static const struct http_times short_times = { .request_ms = 900, .ping_ms = 450 };

static int serve(bool tells_containers)
{
	const struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .driver = k_driver, .submit = k_submit,
		.refresh = k_refresh, .tells_containers = tells_containers,
	};
	struct pvk_meta *user_meta;
	struct event *event;
	char path[128];
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s/user-meta", dir);
	pvk_meta_open(&user_meta, AT_FDCWD, path, 0);
	k.base = http_base_new();
	k.http = http_new(k.base, &kernel, user_meta, NULL);
	http_set_times(k.http, &short_times);
	for (i = 0; i < WHO_COUNT; i++)
		http_listen(k.http, k.listener[i]);
	event = event_new(k.base, k.control, EV_READ | EV_PERSIST, on_control, NULL);
	event_add(event, NULL);
	event_base_dispatch(k.base);
	if (!at_once && http_finish(k.http, finish_ms))
		_exit(EXIT_UNFINISHED);

	event_free(event);
	http_free(k.http);
	pvk_meta_close(user_meta);
	event_base_free(k.base);
	return 0;
}

static void know_callers_and_drivers(void)
{
	static const char *const drivers[] = { "wifi", "gps", "other" };
	size_t i;

	k.who[HOST].kind = PV_DRIVER_PEER_HOST;
	for (i = MGMT; i < WHO_COUNT; i++) {
		k.who[i].kind = PV_DRIVER_PEER_CONTAINER;
		k.who[i].id = i;
	}
	k.who[STRANGER] = (struct pvk_peer){ .kind = PV_DRIVER_PEER_UNKNOWN };
	strcpy(k.who[MGMT].container, "app");
	strcpy(k.who[PLAIN].container, "web");
	k.who[MGMT].roles = PV_DRIVER_ROLE_MGMT;
	for (i = 0; i < PVK_ARRAY_SIZE(drivers); i++)
		make_driver(drivers[i]);
	k.generation = 7;
}

/* ---- the test's side ---- */

static char said[COMMAND_MAX];

/* What happens in the kernel; returns what it was asked since the last time. */
PVK_PRINTF(1, 2)
static inline const char *kernel(const char *fmt, ...)
{
	char text[COMMAND_MAX];
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (send(control, text, strlen(text), MSG_NOSIGNAL) < 0)
		perror("kernel");
	n = recv(control, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	return said;
}

static inline int dial(enum who who)
{
	return dial_path(paths[who]);
}

static pid_t server;

static inline void start(bool tells_containers)
{
	struct pvk_err err;
	int i, fds[2];

	if (!mkdtemp(dir) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		perror(dir);
		exit(1);
	}
	memset(&k, 0, sizeof(k));
	for (i = 0; i < WHO_COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
		k.listener[i] = listen_at(paths[i], &err);
		if (k.listener[i] < 0) {
			fprintf(stderr, "%s\n", err.text);
			exit(1);
		}
	}
	know_callers_and_drivers();
	control = fds[0];
	k.control = fds[1];
	fflush(stdout);
	server = fork();
	if (!server) {
		close(control);
		exit(serve(tells_containers));
	}
	for (i = 0; i < WHO_COUNT; i++)
		close(k.listener[i]);
	close(k.control);
}

/* Whether the server ended without a complaint of the sanitizers. */
static inline bool stop(void)
{
	char path[128];
	int i, status;

	close(control);
	waitpid(server, &status, 0);
	for (i = 0; i < WHO_COUNT; i++)
		unlink(paths[i]);
	snprintf(path, sizeof(path), "%s/user-meta", dir);
	rmdir(path);
	rmdir(dir);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

#endif /* PVKIT_TESTS_HTTP_KERNEL_H */
