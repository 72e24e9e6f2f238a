// SPDX-License-Identifier: MIT
/*
 * A client of pv-ctrl that behaves badly.
 *
 *	bad_http cases SOCKET		all of http_cases.h; a line for each that fails
 *	bad_http pipeline SOCKET N	N requests in one go; "answers=N"
 *	bad_http half SOCKET		a request, and no more to say; "answers=1"
 *	bad_http many SOCKET N		N connections, a request on each; "answered=N closed=N"
 *					once no more comes; they stay until it is killed
 *	bad_http slow SOCKET		a byte of a request each second; "closed=SECONDS"
 *	bad_http deaf SOCKET		requests, whose answers it never reads; "closed=SECONDS"
 *	bad_http gone SOCKET N		N times: connects, sends a request, is gone
 *
 * Exit status: 0 it was as it should be, or was counted; 1 it was not; 2 wrong usage.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "http_cases.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const char list[] = "GET /drivers HTTP/1.1\r\nHost: x\r\n\r\n";

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- cases ---- */

static bool run_case(const char *path, const struct http_case *c)
{
	char got[256];

	http_case_run(path, c, got, sizeof(got));
	if (!strcmp(got, c->want))
		return true;
	printf("%s: expected '%s', got '%s'\n", c->name, c->want, got);
	return false;
}

static int cases(const char *path, int n)
{
	struct http_case c;
	bool right = true;
	size_t i;

	(void)n;
	for (i = 0; i < ARRAY_SIZE(http_cases); i++)
		right &= run_case(path, &http_cases[i]);
	for (i = 0; i < ARRAY_SIZE(http_large_cases); i++) {
		c = http_case_build(&http_large_cases[i]);
		right &= run_case(path, &c);
		free((char *)c.bytes);
	}
	return right ? 0 : 1;
}

/* ---- many ---- */

static int count_answers(int fd)
{
	static struct http_stream_in in;
	int n = 0;

	in = (struct http_stream_in){ .fd = fd };
	while (http_next_status(&in, 4 * HTTP_CASE_MS) == 200)
		n++;
	return n;
}

/* Sends from a process of its own: answers have to be read meanwhile. */
static int pipeline(const char *path, int n)
{
	int fd = http_dial(path), i;
	pid_t pid = fork();

	if (!pid) {
		for (i = 0; i < n; i++)
			if (!http_send(fd, list, sizeof(list) - 1))
				_exit(1);
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	printf("answers=%d\n", count_answers(fd));
	return 0;
}

static int half(const char *path, int n)
{
	int fd = http_dial(path);

	(void)n;
	http_send(fd, list, sizeof(list) - 1);
	shutdown(fd, SHUT_WR);
	printf("answers=%d\n", count_answers(fd));
	return 0;
}

#define MANY_MAX	2048
#define MANY_QUIET_MS	5000

/* A connection that the backlog has no room for is not refused: it waits, unless told not to. */
static int dial_now(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	if (!http_send(fd, list, sizeof(list) - 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int many(const char *path, int n)
{
	struct rlimit limit = { .rlim_cur = MANY_MAX + 64, .rlim_max = MANY_MAX + 64 };
	static struct pollfd pfd[MANY_MAX];
	int answered = 0, closed = 0, refused = 0, i;
	char buf[65536];
	ssize_t len;

	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < n && i < MANY_MAX; i++) {
		pfd[i] = (struct pollfd){ .fd = dial_now(path), .events = POLLIN };
		refused += pfd[i].fd < 0;
	}
	while (poll(pfd, (nfds_t)n, MANY_QUIET_MS) > 0) {
		for (i = 0; i < n; i++) {
			if (pfd[i].fd < 0 || !pfd[i].revents)
				continue;
			len = recv(pfd[i].fd, buf, sizeof(buf), 0);
			if (len > 0)
				answered++;
			else
				closed++;
			/* Kept open, but looked at no more. */
			if (len > 0)
				pfd[i].fd = -pfd[i].fd;
			else
				close(pfd[i].fd), pfd[i].fd = -1;
		}
	}
	printf("answered=%d closed=%d refused=%d\n", answered, closed, refused);
	fflush(stdout);
	pause();
	return 0;
}

/* ---- patience ---- */

static bool is_closed(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };

	return poll(&pfd, 1, timeout_ms) == 1;
}

static int slow(const char *path, int n)
{
	static const char request[] = "GET /drivers HTTP/1.1\r\nX-Header: it goes on and on and on "
		"and on and on and on and on and on and on and on and on and on and on";
	double start = now();
	int fd = http_dial(path);
	size_t i;

	(void)n;
	for (i = 0; i < sizeof(request) - 1; i++)
		if (!http_send(fd, request + i, 1) || is_closed(fd, 1000))
			break;
	printf("closed=%d\n", (int)(now() - start));
	return i < sizeof(request) - 1 ? 0 : 1;
}

static int deaf(const char *path, int n)
{
	double start = now();
	int fd = http_dial(path), i;

	(void)n;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 120; i++) {
		/* As many as there is room for. */
		while (send(fd, list, sizeof(list) - 1, MSG_NOSIGNAL) > 0)
			;
		if (is_closed(fd, 1000))
			break;
	}
	printf("closed=%d\n", (int)(now() - start));
	return i < 120 ? 0 : 1;
}

static int gone(const char *path, int n)
{
	int i, status;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			http_send(http_dial(path), list, sizeof(list) - 1);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const char *path, int n);
} verbs[] = {
	{ "cases", cases }, { "pipeline", pipeline }, { "half", half }, { "many", many },
	{ "slow", slow }, { "deaf", deaf }, { "gone", gone },
};

int main(int argc, char **argv)
{
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; argc > 2 && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argv[2], argc > 3 ? atoi(argv[3]) : 1);
	fputs("usage: bad_http VERB SOCKET [N]\n", stderr);
	return 2;
}
