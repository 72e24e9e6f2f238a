/* SPDX-License-Identifier: MIT */
/*
 * http_server - the front's HTTP in a child process, for tests whose client is the
 * host's root and that need no drivers
 */
#ifndef PVKIT_TESTS_HTTP_SERVER_H
#define PVKIT_TESTS_HTTP_SERVER_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "http.h"
#include "ktap.h"
#include "listen.h"

static char dir[] = "/tmp/pvkit-server.XXXXXX";
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

/* ---- the parent's side ---- */

/* Makes the directory at the first call; at a later one what it holds is found again. */
static pid_t server_start(void)
{
	struct pvk_err err;
	int listener;
	pid_t pid;

	if (!socket_path[0] && !mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
	snprintf(socket_path, sizeof(socket_path), "%s/pv-ctrl", dir);
	snprintf(store, sizeof(store), "%s/user-meta", dir);
	listener = listen_at(socket_path, &err);
	if (listener < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(serve(listener));
	close(listener);
	return pid;
}

/* Whether it ended without a complaint of the sanitizers. */
static bool server_end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void server_remove(void)
{
	pvk_auto_keys struct pvk_keys keys = { 0 };
	pvk_auto_meta struct pvk_meta *meta = NULL;
	size_t i;

	if (!pvk_meta_open(&meta, AT_FDCWD, store, 0) && !pvk_meta_list(meta, &keys))
		for (i = 0; i < keys.count; i++)
			pvk_meta_delete(meta, keys.key[i]);
	rmdir(store);
	unlink(socket_path);
	if (rmdir(dir))
		perror(dir);
}

#endif
