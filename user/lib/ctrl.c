// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctrl.h"
#include "genl.h"

static int connect_to(int fd, const char *path, int timeout_ms, struct pvk_err *err)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int ret;

	if (strlen(path) >= sizeof(un.sun_path))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	strcpy(un.sun_path, path);
	/* Of connect() too, where many wait before us. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
		return pvk_err_set(err, -errno, "socket: %s", strerror(errno));
	if (!connect(fd, (struct sockaddr *)&un, sizeof(un)))
		return 0;
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		return pvk_err_set(err, -ECONNREFUSED,
				   "%s: nobody serves there; is pvkitd running?", path);
	ret = errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
}

static int send_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len; text += n, len -= (size_t)n) {
		n = send(fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

/* To its end: HTTP/1.0 has an answer's end there. */
static int receive_all(int fd, int64_t deadline, struct pvk_buf *buf)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char part[4096];
	int64_t left;
	ssize_t n;
	int ret;

	for (;;) {
		left = deadline - pvk_now_ms();
		ret = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (!ret)
			return -ETIMEDOUT;
		n = ret < 0 ? -1 : recv(fd, part, sizeof(part), 0);
		if (!n)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		ret = n > 0 ? pvk_buf_add(buf, part, (size_t)n) : 0;
		if (ret)
			return ret;
	}
}

static int parse(const char *text, struct pvk_ctrl_answer *answer)
{
	const char *body = strstr(text, "\r\n\r\n");
	int major, minor;

	if (!body || sscanf(text, "HTTP/%1d.%1d %3d", &major, &minor, &answer->status) != 3)
		return -EPROTO;
	answer->body = strdup(body + 4);
	return answer->body ? 0 : -ENOMEM;
}

static int ask(int fd, const char *head, const char *body, int64_t deadline,
	       struct pvk_ctrl_answer *answer)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_CTRL_ANSWER_MAX);
	int ret = send_all(fd, head, strlen(head));

	if (!ret && body)
		ret = send_all(fd, body, strlen(body));
	/* Who refuses before it has read all closes, and has answered. */
	if (!ret || ret == -EPIPE)
		ret = receive_all(fd, deadline, &buf);
	return ret ? ret : parse(pvk_buf_str(&buf), answer);
}

int pvk_ctrl_ask(const char *path, const char *method, const char *uri, const char *body,
		 int timeout_ms, struct pvk_ctrl_answer *answer, struct pvk_err *err)
{
	int64_t deadline = pvk_now_ms() + timeout_ms;
	pvk_auto_close int fd = -1;
	char head[512];
	int ret;

	*answer = (struct pvk_ctrl_answer){ 0 };
	if (!path)
		path = access(PVK_CTRL_HOST, F_OK) && !access(PVK_CTRL_CONTAINER, F_OK) ?
			PVK_CTRL_CONTAINER : PVK_CTRL_HOST;
	ret = snprintf(head, sizeof(head), "%s %s HTTP/1.0\r\nHost: pvkit\r\n"
		       "Content-Length: %zu\r\n\r\n", method, uri, body ? strlen(body) : 0);
	if (ret < 0 || (size_t)ret >= sizeof(head))
		return pvk_err_set(err, -EINVAL, "too long a request");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ret = connect_to(fd, path, timeout_ms, err);
	if (ret)
		return ret;
	ret = ask(fd, head, body, deadline, answer);
	return ret ? pvk_err_set(err, ret, "%s: %s", path, ret == -EPROTO ?
				 "that is no pv-ctrl" : strerror(-ret)) : 0;
}
