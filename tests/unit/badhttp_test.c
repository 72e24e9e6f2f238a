// SPDX-License-Identifier: MIT
/*
 * Bad HTTP against the front, as tests/lib/http_cases.h lists it, with sanitizers:
 * given a server of the host's root, when a client sends what stands there, then
 * the answers and the connection's fate are those that stand beside it, and no
 * body has become a request.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http.h"
#include "http_cases.h"
#include "ktap.h"
#include "listen.h"

static char dir[] = "/tmp/pvkit-badhttp.XXXXXX";
static char socket_path[64], store[64];

/* ---- the server, in the child ---- */

static int k_whois(void *arg, int fd, int listener_fd, struct pvk_peer *peer,
		   struct pvk_err *err)
{
	(void)arg;
	(void)fd;
	(void)listener_fd;
	(void)err;
	*peer = (struct pvk_peer){ .kind = PV_DRIVER_PEER_HOST };
	return 0;
}

static int k_drivers(void *arg, uint64_t id, struct pvk_drivers *list, struct pvk_err *err)
{
	(void)arg;
	(void)id;
	(void)err;
	*list = (struct pvk_drivers){ 0 };
	return 0;
}

static int k_submit(void *arg, uint32_t op, const struct pvk_request *request,
		    uint32_t *seq, struct pvk_err *err)
{
	(void)arg;
	(void)op;
	(void)request;
	(void)seq;
	return pvk_err_set(err, -ENOENT, "no such driver");
}

static void on_term(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

static int serve(int listener)
{
	const struct http_kernel kernel = {
		.whois = k_whois, .drivers = k_drivers, .submit = k_submit,
	};
	const struct http_times times = { .request_ms = 1000, .ping_ms = 1000 };
	struct event_base *base = event_base_new();
	struct pvk_meta *meta;
	struct event *term;
	struct http *http;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	pvk_meta_open(&meta, AT_FDCWD, store, 0);
	http = http_new(base, &kernel, meta, NULL);
	http_set_times(http, &times);
	http_listen(http, listener);
	term = evsignal_new(base, SIGTERM, on_term, base);
	event_add(term, NULL);
	event_base_dispatch(base);

	event_free(term);
	http_free(http);
	pvk_meta_close(meta);
	event_base_free(base);
	return 0;
}

/* ---- tests ---- */

static bool is_smuggled(void)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/smuggled", store);
	return !stat(path, &st) && !unlink(path);
}

static void test_cases(const struct http_case *c, size_t count)
{
	char got[256];

	for (; count; c++, count--) {
		http_case_run(socket_path, c, got, sizeof(got));
		ktap_str(got, c->want, "%s", c->name);
		ktap_check(!is_smuggled(), "%s: no body became a request", c->name);
	}
}

static void test_large_cases(void)
{
	struct http_case c;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(http_large_cases); i++) {
		c = http_case_build(&http_large_cases[i]);
		test_cases(&c, 1);
		free((char *)c.bytes);
	}
}

static void remove_files(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/k", store);
	unlink(path);
	rmdir(store);
	unlink(socket_path);
	if (rmdir(dir))
		perror(dir);
}

int main(void)
{
	int listener, status;
	struct pvk_err err;
	pid_t pid;

	ktap_plan(0);
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(socket_path, sizeof(socket_path), "%s/pv-ctrl", dir);
	snprintf(store, sizeof(store), "%s/user-meta", dir);
	listener = listen_at(socket_path, &err);
	if (listener < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(serve(listener));
	close(listener);
	signal(SIGPIPE, SIG_IGN);

	test_cases(http_cases, PVK_ARRAY_SIZE(http_cases));
	test_large_cases();
	test_cases(http_endless_cases, PVK_ARRAY_SIZE(http_endless_cases));
	kill(pid, SIGTERM);
	ktap_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
		   "the server ends without a complaint of the sanitizers");
	remove_files();
	return ktap_finish();
}
