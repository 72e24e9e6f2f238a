// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "genl.h"
#include "genl_attr.h"

/* Below the default send buffer of a socket, above the largest request. */
#define TX_MAX		(128 * 1024)
#define RCVBUF		(1024 * 1024)

int64_t pvk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 1 when there is something to read, 0 at the deadline (-1: never). */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left = -1;
	int ret;

	do {
		if (deadline >= 0) {
			left = deadline - pvk_now_ms();
			if (left < 0)
				left = 0;
			if (left > INT_MAX)
				left = INT_MAX;
		}
		ret = poll(&pfd, 1, (int)left);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/*
 * One datagram into genl->rx: its length, 0 if it is nobody's (not from the
 * kernel, or empty), -EAGAIN if there is none.
 */
static ssize_t receive_one(struct pvk_genl *genl)
{
	struct sockaddr_nl from = { .nl_family = AF_UNSPEC };
	struct iovec iov = { .iov_base = genl->rx, .iov_len = genl->rx_size };
	struct msghdr mh = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t len;

	do {
		len = recvmsg(genl->fd, &mh, MSG_DONTWAIT);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if (mh.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	/* Any process with the right to may send to a netlink port. */
	if (genl->netlink && (from.nl_family != AF_NETLINK || from.nl_pid))
		return 0;
	/* A stand-in that hung up; a netlink socket never reads as ended. */
	if (!genl->netlink && !len)
		return -EPIPE;
	return len;
}

/*
 * The messages of a datagram one by one, NULL at its end or where it stops
 * making sense. Not mnl_nlmsg_ok(), which takes a length above INT_MAX for a
 * small one.
 */
static const struct nlmsghdr *next_msg(const char **pos, size_t *left)
{
	const struct nlmsghdr *nlh = (const void *)*pos;
	size_t step;

	if (*left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > *left)
		return NULL;
	step = MNL_ALIGN((size_t)nlh->nlmsg_len);
	if (step > *left)
		step = *left;
	*pos += step;
	*left -= step;
	return nlh;
}

static void note_overrun(struct pvk_genl *genl)
{
	if (genl->overrun)
		genl->overrun(genl->arg);
}

static void hand_stray(struct pvk_genl *genl, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == NLMSG_OVERRUN)
		note_overrun(genl);
	else if (nlh->nlmsg_type == genl->family && genl->stray)
		genl->stray(genl->arg, nlh);
}

/* The kernel's own words for a refusal, NULL if it gave none. */
static const char *extack_text(const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MSG + 1];
	const char *text;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || offset > nlh->nlmsg_len)
		return NULL;
	if (pvk_attr_parse((const char *)nlh + offset, nlh->nlmsg_len - offset, tb,
			   NLMSGERR_ATTR_MSG))
		return NULL;
	if (!tb[NLMSGERR_ATTR_MSG] || pvk_attr_str(tb[NLMSGERR_ATTR_MSG], &text))
		return NULL;
	return text;
}

static int report(struct pvk_err *err, int code, const char *text)
{
	if (code >= 0)
		return 0;
	if (code < -4095)
		return pvk_err_set(err, -EBADMSG, "the kernel's answer makes no sense");
	return pvk_err_set(err, code, "%s", text ? text : strerror(-code));
}

/* NLMSG_ERROR: an acknowledgement or a refusal. */
static int parse_ack(const struct nlmsghdr *nlh, struct pvk_err *err)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
	size_t offset = MNL_NLMSG_HDRLEN + sizeof(*ack);

	if (nlh->nlmsg_len < offset)
		return report(err, INT_MIN, NULL);
	/* Unless it is capped, our request is quoted before the text. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		size_t quoted = ack->msg.nlmsg_len;

		if (quoted < sizeof(ack->msg) || quoted > nlh->nlmsg_len)
			return report(err, ack->error, NULL);
		offset += MNL_ALIGN(quoted - sizeof(ack->msg));
	}
	return report(err, ack->error, extack_text(nlh, offset));
}

/* NLMSG_DONE: the end of a dump, with an errno if it failed half-way. */
static int parse_done(const struct nlmsghdr *nlh, struct pvk_err *err)
{
	size_t offset = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(int));
	int code;

	if (nlh->nlmsg_len < offset)
		return 0;
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return report(err, code, extack_text(nlh, offset));
}

/* A call that is waited for. */
struct call {
	uint32_t seq;
	pvk_genl_cb cb;
	void *arg;
	bool done;
	bool interrupted;
	int ret;
};

static void call_message(struct pvk_genl *genl, struct call *call,
			 const struct nlmsghdr *nlh, struct pvk_err *err)
{
	int ret;

	if (call->done || nlh->nlmsg_seq != call->seq) {
		hand_stray(genl, nlh);
		return;
	}
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR && nlh->nlmsg_type != NLMSG_ERROR)
		call->interrupted = true;

	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		/* The first thing that went wrong is what is reported. */
		struct pvk_err *to = call->ret ? NULL : err;

		ret = nlh->nlmsg_type == NLMSG_DONE ? parse_done(nlh, to) : parse_ack(nlh, to);
		if (!call->ret)
			call->ret = ret;
		call->done = true;
	} else if (nlh->nlmsg_type == genl->family) {
		if (!call->ret && call->cb)
			call->ret = call->cb(call->arg, nlh, err);
	} else {
		hand_stray(genl, nlh);
	}
}

static int send_msg(struct pvk_genl *genl, struct pvk_msg *msg, struct pvk_err *err)
{
	ssize_t len;

	if (msg->err)
		return pvk_err_set(err, msg->err, "the request is too large");
	do {
		len = send(genl->fd, msg->nlh, msg->nlh->nlmsg_len, MSG_NOSIGNAL);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return pvk_err_set(err, -errno, "send: %s", strerror(errno));
	return 0;
}

int pvk_genl_call(struct pvk_genl *genl, struct pvk_msg *msg, pvk_genl_cb cb, void *arg,
		  struct pvk_err *err)
{
	struct call call = { .seq = msg->nlh->nlmsg_seq, .cb = cb, .arg = arg };
	int64_t deadline = pvk_now_ms() + PVK_GENL_TIMEOUT_MS;
	const struct nlmsghdr *nlh;
	const char *pos;
	bool lost = false;
	size_t left;
	ssize_t n;
	int ret;

	ret = send_msg(genl, msg, err);
	if (ret)
		return ret;

	while (!call.done) {
		n = receive_one(genl);
		if (n == -ENOBUFS) {
			note_overrun(genl);
			lost = true;
			continue;
		}
		/* It answers inside send(): what is not there now never comes. */
		if (n == -EAGAIN && lost)
			return pvk_err_set(err, -ENOBUFS, "the kernel's answer was lost");
		if (n == -EAGAIN) {
			ret = wait_readable(genl->fd, deadline);
			if (!ret)
				return pvk_err_set(err, -ETIMEDOUT, "no answer from the kernel");
			n = ret < 0 ? ret : 0;
		}
		if (n < 0)
			return pvk_err_set(err, (int)n, "receive: %s", strerror((int)-n));
		pos = genl->rx;
		left = (size_t)n;
		while ((nlh = next_msg(&pos, &left)))
			call_message(genl, &call, nlh, err);
		/* Nor may a flood of strays keep us here. */
		if (!call.done && pvk_now_ms() > deadline)
			return pvk_err_set(err, -ETIMEDOUT, "no answer from the kernel");
	}
	if (!call.ret && call.interrupted)
		return pvk_err_set(err, -EAGAIN, "it changed while it was read");
	return call.ret;
}

/* ---- answers ---- */

int pvk_genl_unread(int code, struct pvk_err *err)
{
	return pvk_err_set(err, code, code == -ENOMEM ? "out of memory" :
			   "the kernel's answer makes no sense");
}

struct get {
	pvk_genl_reader read;
	void *to;
	bool found;
};

static int get_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	struct get *get = arg;
	int ret = get->found ? -EBADMSG : get->read(nlh, get->to);

	if (ret)
		return pvk_genl_unread(ret, err);
	get->found = true;
	return 0;
}

int pvk_genl_get(struct pvk_genl *genl, struct pvk_msg *msg, pvk_genl_reader read, void *to,
		 struct pvk_err *err)
{
	struct get get = { .read = read, .to = to };
	int ret = pvk_genl_call(genl, msg, get_cb, &get, err);

	return ret || get.found ? ret : pvk_genl_unread(-EBADMSG, err);
}

int pvk_genl_add(void **array, size_t count, size_t size, size_t max,
		 const struct nlmsghdr *nlh, pvk_genl_reader read, struct pvk_err *err)
{
	int ret = pvk_grow(array, count, size, max);

	if (!ret)
		ret = read(nlh, (char *)*array + count * size);
	return ret ? pvk_genl_unread(ret, err) : 0;
}

/* ---- what comes unasked ---- */

int pvk_genl_receive(struct pvk_genl *genl, unsigned int limit, int timeout_ms,
		     struct pvk_err *err)
{
	const struct nlmsghdr *nlh;
	unsigned int count = 0;
	const char *pos;
	size_t left;
	ssize_t n;

	if (timeout_ms) {
		int ret = wait_readable(genl->fd, timeout_ms < 0 ? -1 : pvk_now_ms() + timeout_ms);

		if (ret < 0)
			return pvk_err_set(err, ret, "poll: %s", strerror(-ret));
		if (!ret)
			return 0;
	}
	while (count < limit) {
		n = receive_one(genl);
		if (n == -EAGAIN)
			break;
		count++;
		if (n == -ENOBUFS || n == -EMSGSIZE) {
			note_overrun(genl);
			continue;
		}
		if (n < 0)
			return pvk_err_set(err, (int)n, "receive: %s", strerror((int)-n));
		pos = genl->rx;
		left = (size_t)n;
		while ((nlh = next_msg(&pos, &left)))
			hand_stray(genl, nlh);
	}
	return count > 0;
}

struct pvk_msg pvk_msg_new(struct pvk_genl *genl, uint8_t cmd, uint16_t flags)
{
	struct pvk_msg msg = { .nlh = mnl_nlmsg_put_header(genl->tx), .max = TX_MAX };
	struct genlmsghdr *head = mnl_nlmsg_put_extra_header(msg.nlh, sizeof(*head));

	/* 0 is what messages have that answer no request. */
	if (!++genl->seq)
		genl->seq = 1;
	msg.nlh->nlmsg_type = genl->family;
	msg.nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	msg.nlh->nlmsg_seq = genl->seq;
	head->cmd = cmd;
	head->version = genl->version;
	return msg;
}

void pvk_msg_put(struct pvk_msg *msg, uint16_t type, const void *data, size_t len)
{
	size_t pad = MNL_ALIGN(len) - len;

	if (msg->err)
		return;
	if (len > UINT16_MAX - MNL_ATTR_HDRLEN ||
	    !mnl_attr_put_check(msg->nlh, msg->max, type, len, data)) {
		msg->err = -EMSGSIZE;
		return;
	}
	/* libmnl leaves there what was in memory. */
	memset((char *)mnl_nlmsg_get_payload_tail(msg->nlh) - pad, 0, pad);
}

void pvk_msg_put_str(struct pvk_msg *msg, uint16_t type, const char *text)
{
	pvk_msg_put(msg, type, text, strlen(text) + 1);
}

void pvk_msg_put_u32(struct pvk_msg *msg, uint16_t type, uint32_t value)
{
	pvk_msg_put(msg, type, &value, sizeof(value));
}

void pvk_msg_put_u64(struct pvk_msg *msg, uint16_t type, uint64_t value)
{
	pvk_msg_put(msg, type, &value, sizeof(value));
}

void pvk_msg_put_flag(struct pvk_msg *msg, uint16_t type)
{
	pvk_msg_put(msg, type, "", 0);
}

struct nlattr *pvk_msg_nest(struct pvk_msg *msg, uint16_t type)
{
	struct nlattr *nest = NULL;

	if (!msg->err)
		nest = mnl_attr_nest_start_check(msg->nlh, msg->max, type);
	if (!nest)
		msg->err = -EMSGSIZE;
	return nest;
}

void pvk_msg_nest_end(struct pvk_msg *msg, struct nlattr *nest)
{
	if (nest && !msg->err)
		mnl_attr_nest_end(msg->nlh, nest);
}

static int alloc_buffers(struct pvk_genl *genl)
{
	/* Untouched pages cost nothing, so the largest message always fits. */
	genl->rx_size = PVK_GENL_MSG_MAX;
	genl->rx = malloc(genl->rx_size);
	genl->tx = malloc(TX_MAX);
	return genl->rx && genl->tx ? 0 : -ENOMEM;
}

static int bind_socket(struct pvk_genl *genl)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(addr);
	int one = 1, size = RCVBUF;

	genl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
	if (genl->fd < 0)
		return -errno;
	/* Comfort only: without them there are fewer words and smaller buffers. */
	setsockopt(genl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(genl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(genl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	if (setsockopt(genl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(genl->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));

	if (bind(genl->fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    getsockname(genl->fd, (struct sockaddr *)&addr, &len))
		return -errno;
	genl->portid = addr.nl_pid;
	genl->netlink = true;
	return 0;
}

static int family_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	static const struct pvk_attr_rule none[] = { { 0 } };
	const struct nlattr *id = NULL;

	if (!pvk_attr_read(nlh, none, arg))
		id = pvk_attr_find(nlh, CTRL_ATTR_FAMILY_ID);
	if (!id || mnl_attr_get_payload_len(id) != sizeof(uint16_t))
		return report(err, INT_MIN, NULL);
	memcpy(arg, mnl_attr_get_payload(id), sizeof(uint16_t));
	return 0;
}

static int resolve(struct pvk_genl *genl, const char *family, struct pvk_err *err)
{
	struct pvk_msg msg;
	uint16_t id = 0;
	int ret;

	genl->family = GENL_ID_CTRL;
	genl->version = 1;
	msg = pvk_msg_new(genl, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	pvk_msg_put_str(&msg, CTRL_ATTR_FAMILY_NAME, family);
	ret = pvk_genl_call(genl, &msg, family_cb, &id, err);
	if (ret == -ENOENT)
		return pvk_err_set(err, ret, "%s is not in the kernel (modprobe %s)",
				   family, family);
	if (ret)
		return ret;
	if (id < NLMSG_MIN_TYPE)
		return report(err, INT_MIN, NULL);
	genl->family = id;
	return 0;
}

int pvk_genl_open(struct pvk_genl *genl, const char *family, uint8_t version,
		  struct pvk_err *err)
{
	int ret;

	*genl = (struct pvk_genl){ .fd = -1 };
	ret = alloc_buffers(genl);
	if (!ret)
		ret = bind_socket(genl);
	if (ret)
		pvk_err_set(err, ret, "netlink socket: %s", strerror(-ret));
	else
		ret = resolve(genl, family, err);
	if (ret)
		pvk_genl_close(genl);
	else
		genl->version = version;
	return ret;
}

int pvk_genl_open_fd(struct pvk_genl *genl, int fd, uint16_t family, uint8_t version)
{
	int ret;

	*genl = (struct pvk_genl){ .fd = fd, .family = family, .version = version };
	ret = alloc_buffers(genl);
	if (ret)
		pvk_genl_close(genl);
	return ret;
}

void pvk_genl_close(struct pvk_genl *genl)
{
	if (genl->fd >= 0)
		close(genl->fd);
	free(genl->rx);
	free(genl->tx);
	*genl = (struct pvk_genl){ .fd = -1 };
}
