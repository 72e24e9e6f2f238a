// SPDX-License-Identifier: MIT
/*
 * evhttp_bare - what HTTP with libevent costs by itself: a server that answers
 * every request with the same bytes. The measure for GET /drivers.
 *
 *	evhttp_bare SOCKET BYTES
 *
 * libs: libevent
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct constant {
	char *text;
	size_t len;
};

static void on_request(struct evhttp_request *ev, void *arg)
{
	const struct constant *constant = arg;

	evhttp_add_header(evhttp_request_get_output_headers(ev), "Content-Type",
			  "application/json");
	evbuffer_add_reference(evhttp_request_get_output_buffer(ev), constant->text,
			       constant->len, NULL, NULL);
	evhttp_send_reply(ev, 200, "OK", NULL);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, SOMAXCONN))
		return fd;
	close(fd);
	return -1;
}

int main(int argc, char **argv)
{
	struct constant constant = { .len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0 };
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	int fd;

	if (!constant.len || !http) {
		fprintf(stderr, "usage: evhttp_bare SOCKET BYTES\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	constant.text = malloc(constant.len);
	fd = listen_at(argv[1]);
	if (!constant.text || fd < 0 || evhttp_accept_socket(http, fd)) {
		perror(argv[1]);
		return 1;
	}
	memset(constant.text, ' ', constant.len);
	constant.text[0] = '[';
	constant.text[constant.len - 1] = ']';
	evhttp_set_gencb(http, on_request, &constant);
	return event_base_dispatch(base) ? 1 : 0;
}
