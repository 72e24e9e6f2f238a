/* SPDX-License-Identifier: MIT */
/*
 * A client for tests of the front: sends bytes over a unix socket and reads what
 * comes back, until the server closes or nothing comes for a while.
 */
#ifndef PVKIT_TESTS_HTTP_ASK_H
#define PVKIT_TESTS_HTTP_ASK_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HTTP_ASK_WAIT_MS	20000

static inline int http_dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* A request on a connection of its own, whose answer is still to be read. */
static inline int http_begin(const char *path, const char *method, const char *uri)
{
	char bytes[8192];
	int fd = http_dial(path);
	int n;

	n = snprintf(bytes, sizeof(bytes),
		     "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		     method, uri);
	if (n >= (int)sizeof(bytes) || send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
		perror("send");
	return fd;
}

/* Its answer: "STATUS BODY", in a static buffer; closes the fd. */
static inline const char *http_end(int fd)
{
	static char answer[65536], text[65536];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	const char *body;
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(answer) - 1 && poll(&pfd, 1, HTTP_ASK_WAIT_MS) == 1) {
		n = read(fd, answer + len, sizeof(answer) - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	close(fd);
	answer[len] = '\0';
	body = strstr(answer, "\r\n\r\n");
	if (strncmp(answer, "HTTP/1.1 ", 9) || !body)
		return len ? answer : "nothing";
	snprintf(text, sizeof(text), "%.3s%s%s", answer + 9, body[4] ? " " : "", body + 4);
	return text;
}

static inline const char *http_ask(const char *path, const char *method, const char *uri)
{
	return http_end(http_begin(path, method, uri));
}

#endif /* PVKIT_TESTS_HTTP_ASK_H */
