// SPDX-License-Identifier: MIT
/*
 * Clients of GET /drivers/events for which curl does not do.
 *
 *	http_events order SOCKET ALIAS N	loads and unloads ALIAS N times and looks
 *						after each answer whether its event is there
 *	http_events deaf SOCKET			never reads; "asked", then "closed=SECONDS"
 *
 * Exit status: 0 it was as it should be, or was counted; 1 it was not; 2 wrong usage.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS	60000

/* All that came, as a string. */
struct text {
	char data[64 * 1024];
	size_t len;
};

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr))) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void ask(int fd, const char *method, const char *path)
{
	char head[256];
	int len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path);

	if (send(fd, head, (size_t)len, MSG_NOSIGNAL) != len) {
		perror("send");
		exit(1);
	}
}

/* What there is by now; false when there is nothing. */
static bool take(int fd, struct text *text)
{
	ssize_t n;

	n = recv(fd, text->data + text->len, sizeof(text->data) - 1 - text->len, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	text->len += (size_t)n;
	text->data[text->len] = '\0';
	return true;
}

static bool take_until(int fd, struct text *text, const char *word)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (!strstr(text->data, word))
		if (poll(&pfd, 1, ANSWER_MS) <= 0 || !take(fd, text))
			return false;
	return true;
}

/* One socket's answer, and what the other socket has when it is there. */
static bool told_before(const char *path, int events, const char *alias, const char *verb,
			const char *state)
{
	static struct text answer, told;
	char url[128], word[64];
	int fd = connect_to(path);
	bool ok;

	answer.len = 0;
	told.len = 0;
	answer.data[0] = '\0';
	told.data[0] = '\0';
	snprintf(url, sizeof(url), "/drivers/%s/%s", alias, verb);
	ask(fd, "PUT", url);
	ok = take_until(fd, &answer, "\r\n\r\n") && strstr(answer.data, " 200 ");
	close(fd);
	if (!ok) {
		printf("%s: answer '%s'\n", verb, answer.data);
		return false;
	}
	take(events, &told);
	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	ok = strstr(told.data, word);
	if (!ok)
		printf("%s: answered before the event \"%s\"; events '%s'\n", verb, state,
		       told.data);
	return ok;
}

static int order(const char *path, const char *alias, int n)
{
	static struct text first;
	int fd = connect_to(path);
	bool ok;

	ask(fd, "GET", "/drivers/events");
	ok = take_until(fd, &first, "\"state\":\"unloaded\"");
	for (; n > 0 && ok; n--)
		ok = told_before(path, fd, alias, "load", "loaded") &&
		     told_before(path, fd, alias, "unload", "unloaded");
	close(fd);
	return ok ? 0 : 1;
}

static int deaf(const char *path)
{
	int fd = connect_to(path);
	struct pollfd pfd = { .fd = fd };
	time_t begun;

	ask(fd, "GET", "/drivers/events");
	puts("asked");
	fflush(stdout);
	begun = time(NULL);
	/* No event is asked for: only an end is told. */
	if (poll(&pfd, 1, 10 * ANSWER_MS) != 1)
		return 1;
	printf("closed=%ld\n", (long)(time(NULL) - begun));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "order"))
		return order(argv[2], argv[3], atoi(argv[4]));
	if (argc == 3 && !strcmp(argv[1], "deaf"))
		return deaf(argv[2]);
	fputs("usage: http_events order SOCKET ALIAS N | deaf SOCKET\n", stderr);
	return 2;
}
