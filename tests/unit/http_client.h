/* SPDX-License-Identifier: MIT */
/*
 * http_client - what the tests of pv-ctrl send and receive, byte by byte
 */
#ifndef PVKIT_TESTS_HTTP_CLIENT_H
#define PVKIT_TESTS_HTTP_CLIENT_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int dial_path(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("connect");
		exit(1);
	}
	return fd;
}

/* What comes within 5 s of the last byte, until the other side closes. */
static inline void read_all(int fd, char *buf, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size - 1 && poll(&pfd, 1, 5000) == 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	buf[len] = '\0';
}

static inline void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		bytes += n;
		len -= (size_t)n;
	}
}

static inline void send_text(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
}

/* The only thing in an answer that is another one each time. */
static inline void drop_date(char *text)
{
	char *date, *end;

	while ((date = strstr(text, "Date: "))) {
		end = strstr(date, "\r\n");
		if (!end)
			return;
		memmove(date, end + 2, strlen(end + 2) + 1);
	}
}

static inline unsigned int count_of(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

#endif /* PVKIT_TESTS_HTTP_CLIENT_H */
