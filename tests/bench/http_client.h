/* SPDX-License-Identifier: MIT */
/*
 * http_client - the least that a keep-alive client of pv-ctrl can do
 *
 * One request and one answer at a time; answers carry a Content-Length, as all
 * of pvkitd's do.
 */
#ifndef PVKIT_BENCH_HTTP_CLIENT_H
#define PVKIT_BENCH_HTTP_CLIENT_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bench.h"

struct http_client {
	int fd;
	char buf[8192];		/* the header, and the beginning of the body */
};

static inline void http_connect(struct http_client *client)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = BENCH_SOCKET };

	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof(to)))
		die("%s: %s", BENCH_SOCKET, strerror(errno));
}

/* The server closes connections that were idle for long; not on our time. */
static inline void http_freshen(struct http_client *client)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) == 0)
		return;
	close(client->fd);
	http_connect(client);
}

static inline size_t http_read_header(struct http_client *client, size_t *body)
{
	size_t len = 0;
	char *end;
	ssize_t n;

	do {
		n = recv(client->fd, client->buf + len, sizeof(client->buf) - 1 - len, 0);
		if (n <= 0)
			die("the REST server hung up");
		len += (size_t)n;
		client->buf[len] = '\0';
		end = strstr(client->buf, "\r\n\r\n");
	} while (!end && len < sizeof(client->buf) - 1);
	if (!end)
		die("no end of the header: %.100s", client->buf);
	*body = len - (size_t)(end + 4 - client->buf);
	return len;
}

/* The length of the body. Anything but 200 is the end. */
static inline size_t http_request(struct http_client *client, const char *method,
				  const char *path)
{
	char request[256], rest[65536];
	size_t got, length;
	const char *field;
	int len;
	ssize_t n;

	len = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
		       method, path, strcmp(method, "PUT") ? "" : "Content-Length: 0\r\n");
	if (send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		die("%s %s: %s", method, path, strerror(errno));
	http_read_header(client, &got);
	if (strncmp(client->buf, "HTTP/1.1 200 ", 13))
		die("%s %s: %s", method, path, client->buf);
	field = strcasestr(client->buf, "\r\nContent-Length:");
	if (!field)
		die("%s %s: no Content-Length", method, path);
	length = strtoul(field + 17, NULL, 10);
	while (got < length) {
		n = recv(client->fd, rest, sizeof(rest), 0);
		if (n <= 0)
			die("%s %s: only %zu bytes of %zu", method, path, got, length);
		got += (size_t)n;
	}
	return length;
}

static inline void http_load(struct http_client *client, const char *alias, bool load)
{
	char path[128];

	snprintf(path, sizeof(path), "/drivers/%s/%s", alias, load ? "load" : "unload");
	http_request(client, "PUT", path);
}

#endif /* PVKIT_BENCH_HTTP_CLIENT_H */
