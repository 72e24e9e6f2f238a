// SPDX-License-Identifier: MIT
/*
 * Sets of boot flags that take their time: given a medium that does not come to an end,
 * how many may wait for it, and whose?
 *
 * The server runs in a child process with a stand-in for the kernel. Of a set of the
 * store "slow" no outcome comes until one of "end" is asked for.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "genl.h"
#include "http.h"
#include "http_ask.h"
#include "ktap.h"
#include "listen.h"

#define PEER_MAX	4	/* of one container */
#define OTHERS_MAX	56	/* of all containers */
#define ALL_MAX		64
#define TOO_MANY	"503 {\"Error\":\"too many requests\"}"

/* Containers with the role mgmt; of CROWD each fourth connection is the next one. */
enum who { HOST, ONE, ANOTHER, CROWD, WHO_COUNT };

static char dir[] = "/tmp/pvkit-flagset.XXXXXX";
static char path[WHO_COUNT][64];

/* ---- the server, in the child ---- */

static struct {
	struct event_base *base;
	struct http *http;
	int listener[WHO_COUNT];
	uint32_t last_seq, waits_from;
	unsigned int crowd;
} k;

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	unsigned int who;

	(void)arg;
	(void)fd;
	(void)err;
	for (who = HOST; k.listener[who] != listener_fd; who++)
		;
	*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_HOST };
	if (who == HOST)
		return 0;
	if (who == CROWD)
		who += k.crowd++ / PEER_MAX;
	*peer = (struct pvk_peer){
		.kind = PV_DRIVER_PEER_CONTAINER, .id = who, .roles = PV_DRIVER_ROLE_MGMT,
	};
	snprintf(peer->container, sizeof(peer->container), "c%u", who);
	return 0;
}

/* Its generation says how many sets of it wait. */
static int k_store(void *arg, const char *name, struct pvk_store *store, struct pvk_err *err)
{
	(void)arg;
	(void)err;
	*store = (struct pvk_store){ .state = PV_BOOTFLAG_STATE_READY, .offers = PVB_ALL_FIELDS };
	store->generation = k.last_seq - k.waits_from;
	strcpy(store->name, name);
	return 0;
}

static void end_all(evutil_socket_t fd, short what, void *arg)
{
	struct pvk_bf_outcome outcome = { .seq = k.waits_from };

	(void)fd;
	(void)what;
	(void)arg;
	while (outcome.seq++ < k.last_seq)
		http_flag_outcome(k.http, &outcome);
	k.waits_from = k.last_seq;
}

static int k_set(void *arg, const char *name, const struct pvk_change *change, uint32_t *seq,
		 struct pvk_err *err)
{
	const struct timeval soon = { .tv_usec = 1000 };

	(void)arg;
	(void)change;
	(void)err;
	*seq = ++k.last_seq;
	if (!strcmp(name, "end"))
		event_base_once(k.base, -1, EV_TIMEOUT, end_all, NULL, &soon);
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
	const struct http_kernel kernel = { .whois = k_whois, .store = k_store, .set = k_set };
	struct event *term;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	k.base = event_base_new();
	k.http = http_new(k.base, &kernel, NULL, NULL);
	for (i = 0; i < PVK_ARRAY_SIZE(path); i++)
		http_listen(k.http, k.listener[i]);
	term = evsignal_new(k.base, SIGTERM, on_term, NULL);
	event_add(term, NULL);
	event_base_dispatch(k.base);
	event_free(term);
	http_free(k.http);
	event_base_free(k.base);
	return 0;
}

/* ---- the tests' side ---- */

static int put(enum who who, const char *store)
{
	static const char body[] = "{\"slot\":\"b\"}";
	char text[256];
	int fd = http_dial(path[who]);
	int n = snprintf(text, sizeof(text), "PUT /bootflags/%s HTTP/1.1\r\nHost: x\r\n"
			 "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", store,
			 sizeof(body) - 1, body);

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		perror("send");
	return fd;
}

/* Are there soon so many sets that wait? */
static bool wait_for(unsigned int n)
{
	int64_t end = pvk_now_ms() + HTTP_ASK_WAIT_MS;
	char want[32];

	snprintf(want, sizeof(want), "\"generation\":%u,", n);
	while (!strstr(http_ask(path[HOST], "GET", "/bootflags/slow"), want))
		if (pvk_now_ms() > end)
			return false;
	return true;
}

static void test_one_container(void)
{
	int fd[PEER_MAX + 1], wrong = 0;
	unsigned int n;

	for (n = 0; n < PEER_MAX; n++)
		fd[n] = put(ONE, "slow");
	ktap_check(wait_for(n), "%d sets of one container wait", PEER_MAX);
	ktap_str(http_end(put(ONE, "slow")), TOO_MANY, "a further one of it does not");
	fd[n++] = put(ANOTHER, "slow");
	ktap_check(wait_for(n), "one of another container does");
	ktap_check(!strncmp(http_end(put(HOST, "end")), "200 ", 4), "the medium comes to an end");
	for (n = 0; n < PVK_ARRAY_SIZE(fd); n++)
		wrong += strncmp(http_end(fd[n]), "200 ", 4) != 0;
	ktap_eq(wrong, 0, "each that waited is answered");
	fd[0] = put(ONE, "slow");
	ktap_check(wait_for(1), "then there is room again");
	close(fd[0]);
	http_end(put(HOST, "end"));
}

static void test_shares(void)
{
	unsigned int n = 0, i;
	int fd[ALL_MAX];

	while (n < OTHERS_MAX)
		fd[n++] = put(CROWD, "slow");
	ktap_check(wait_for(n), "%d sets of %d containers wait", n, n / PEER_MAX);
	ktap_str(http_end(put(ONE, "slow")), TOO_MANY, "none of a further container does");
	while (n < ALL_MAX)
		fd[n++] = put(HOST, "slow");
	ktap_check(wait_for(n), "%d of the host do, that containers can't have",
		   ALL_MAX - OTHERS_MAX);
	ktap_str(http_end(put(HOST, "slow")), TOO_MANY, "%d in all: none of the host either",
		 ALL_MAX);
	/* The kernel is at it still. */
	close(fd[--n]);
	ktap_str(http_end(put(HOST, "slow")), TOO_MANY, "a client that has gone makes no room");
	for (i = 0; i < n; i++)
		close(fd[i]);
}

int main(void)
{
	struct pvk_err err;
	int status = -1;
	unsigned int i;
	pid_t server;

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	for (i = 0; i < PVK_ARRAY_SIZE(path); i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%u", dir, i);
		k.listener[i] = listen_at(path[i], &err);
		if (k.listener[i] < 0) {
			fprintf(stderr, "%s: %s\n", path[i], err.text);
			return 1;
		}
	}
	ktap_plan(0);
	fflush(stdout);
	server = fork();
	if (!server)
		exit(serve());
	test_one_container();
	test_shares();
	kill(server, SIGTERM);
	waitpid(server, &status, 0);
	ktap_check(WIFEXITED(status) && !WEXITSTATUS(status),
		   "the server ends without a complaint of the sanitizers, with sets under way");
	for (i = 0; i < PVK_ARRAY_SIZE(path); i++) {
		close(k.listener[i]);
		unlink(path[i]);
	}
	rmdir(dir);
	return ktap_finish();
}
