// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "nbd_talk.h"

static int wait_for(int fd, short events, int64_t until)
{
	struct pollfd ready = { .fd = fd, .events = events };
	int64_t left = until - clock_ms();
	int n = left > 0 ? poll(&ready, 1, (int)left) : 0;

	return n == 1 ? 0 : n ? -errno : -ETIMEDOUT;
}

static int connect_to(const struct nbd_words *words, int64_t until)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1, ret = 0;
	struct sockaddr_in server = {
		.sin_family = AF_INET, .sin_port = htons(words->port),
	};
	socklen_t len = sizeof(ret);

	if (fd < 0)
		return -errno;
	inet_pton(AF_INET, words->server, &server.sin_addr);
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)))
		ret = errno == EINPROGRESS ? wait_for(fd, POLLOUT, until) : -errno;
	if (!ret && getsockopt(fd, SOL_SOCKET, SO_ERROR, &ret, &len))
		ret = errno;
	if (ret) {
		close(fd);
		return ret < 0 ? ret : -ret;
	}
	/* A request must not wait for another one's answer. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static int send_all(int fd, const uint8_t *data, size_t len, int64_t until)
{
	ssize_t n;
	int ret;

	while (len) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			ret = wait_for(fd, POLLOUT, until);
			if (ret)
				return ret;
			continue;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* -EPIPE: the server has hung up. */
static int receive_all(int fd, uint8_t *data, size_t len, int64_t until)
{
	ssize_t n;
	int ret;

	while (len) {
		ret = wait_for(fd, POLLIN, until);
		if (ret)
			return ret;
		n = recv(fd, data, len, 0);
		if (n <= 0)
			return n && errno != ECONNRESET ? -errno : -EPIPE;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int shake_hands(struct nbd_handshake *hs, int fd, int64_t until, struct pvk_err *err)
{
	uint8_t data[NBD_WANT_MAX];
	int ret = 0;

	while (!ret) {
		ret = receive_all(fd, data, hs->want, until);
		if (ret == -EPIPE)
			return nbd_handshake_end(hs, err);
		if (!ret) {
			ret = nbd_handshake_take(hs, data, err);
			if (ret < 0)
				return ret;
			if (!ret)
				ret = send_all(fd, hs->send, hs->len, until);
		}
		if (ret < 0)
			return pvk_err_set(err, ret, "%s", ret == -ETIMEDOUT ?
					   "the server is silent" : strerror(-ret));
	}
	return 0;
}

int nbd_talk(const struct nbd_words *words, long ms, struct nbd_export *export,
	     struct pvk_err *err)
{
	int64_t until = clock_ms() + ms;
	struct nbd_handshake hs;
	int fd, ret;

	ret = nbd_handshake_begin(&hs, words->export, words->go, err);
	if (ret)
		return ret;
	fd = connect_to(words, until);
	if (fd < 0)
		return pvk_err_set(err, fd, "%s", strerror(-fd));
	ret = shake_hands(&hs, fd, until, err);
	if (ret) {
		close(fd);
		return ret;
	}
	*export = hs.export;
	/* The kernel waits for what it sends and receives. */
	fcntl(fd, F_SETFL, 0);
	return fd;
}
