// SPDX-License-Identifier: MIT
/*
 * evhttp_bare SOCKET LENGTH - what libevent's evhttp costs when nobody is asked
 * libs: libevent
 *
 * Answers every request with the same LENGTH bytes, as application/json.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct constant {
	char *text;
	size_t length;
};

static void on_request(struct evhttp_request *request, void *arg)
{
	const struct constant *body = arg;

	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
			  "application/json");
	evbuffer_add_reference(evhttp_request_get_output_buffer(request), body->text,
			       body->length, NULL, NULL);
	evhttp_send_reply(request, 200, "OK", NULL);
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct evconnlistener *listener;
	struct event_base *base;
	struct constant body;
	struct evhttp *http;

	if (argc != 3 || strlen(argv[1]) >= sizeof(addr.sun_path))
		return 2;
	strcpy(addr.sun_path, argv[1]);
	body.length = strtoul(argv[2], NULL, 10);
	body.text = malloc(body.length + 1);
	base = event_base_new();
	http = base ? evhttp_new(base) : NULL;
	if (!body.text || !http)
		return 1;
	memset(body.text, 'x', body.length);
	listener = evconnlistener_new_bind(base, NULL, NULL,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 512,
					   (struct sockaddr *)&addr, sizeof(addr));
	if (!listener || !evhttp_bind_listener(http, listener)) {
		perror(argv[1]);
		return 1;
	}
	evhttp_set_gencb(http, on_request, &body);
	event_base_dispatch(base);
	evhttp_free(http);
	event_base_free(base);
	free(body.text);
	return 0;
}
