// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "nbd_device.h"

#define MESSAGE_MAX	512
#define ANSWER_MAX	4096	/* of the family's: its operations and groups */

/* One request, which grows to its end; what did not fit is never sent. */
struct request {
	struct {
		struct nlmsghdr head;
		struct genlmsghdr genl;
		uint8_t attr[MESSAGE_MAX];
	} message;
	bool overrun;
};

static void begin(struct request *request, uint16_t family, uint8_t command)
{
	*request = (struct request){
		.message = {
			.head = {
				.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
				.nlmsg_type = family,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
				.nlmsg_seq = 1,
			},
			.genl = { .cmd = command, .version = 1 },
		},
	};
}

static struct nlattr *put(struct request *request, uint16_t type, const void *data, size_t len)
{
	struct nlmsghdr *head = &request->message.head;
	struct nlattr *attr = (struct nlattr *)((char *)head + head->nlmsg_len);

	if (head->nlmsg_len + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(request->message)) {
		request->overrun = true;
		return NULL;
	}
	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	head->nlmsg_len += NLA_HDRLEN + (uint32_t)NLA_ALIGN(len);
	return attr;
}

static void put32(struct request *request, uint16_t type, uint32_t value)
{
	put(request, type, &value, sizeof(value));
}

static void put64(struct request *request, uint16_t type, uint64_t value)
{
	put(request, type, &value, sizeof(value));
}

/* What is put from here on is in it, until it is ended. */
static struct nlattr *begin_nest(struct request *request, uint16_t type)
{
	return put(request, type | NLA_F_NESTED, NULL, 0);
}

static void end_nest(struct request *request, struct nlattr *nest)
{
	struct nlmsghdr *head = &request->message.head;

	if (nest)
		nest->nla_len = (uint16_t)((char *)head + head->nlmsg_len - (char *)nest);
}

/* Sends it; up to the kernel's word on it, what comes before that goes into answer. */
static int ask(int fd, const struct request *request, void *answer, size_t size, size_t *len)
{
	uint8_t buf[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)buf;
	const struct nlmsgerr *word = NLMSG_DATA(head);
	ssize_t n;

	*len = 0;
	if (request->overrun)
		return -EMSGSIZE;
	if (send(fd, &request->message, request->message.head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0)
			return -errno;
		if (!NLMSG_OK(head, (size_t)n))
			return -EBADMSG;
		if (head->nlmsg_type == NLMSG_ERROR)
			return (size_t)n < NLMSG_LENGTH(sizeof(word->error)) ? -EBADMSG :
			       word->error;
		if (head->nlmsg_len <= size) {
			memcpy(answer, buf, head->nlmsg_len);
			*len = head->nlmsg_len;
		}
	}
}

/* The number that the kernel has given to NBD. */
static int find_family(int fd)
{
	uint8_t answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct request request;
	const struct nlattr *attr;
	uint16_t family;
	size_t len, at;
	int ret;

	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&request, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof(NBD_GENL_FAMILY_NAME));
	ret = ask(fd, &request, answer, sizeof(answer), &len);
	if (ret)
		return ret;
	for (at = NLMSG_LENGTH(GENL_HDRLEN); at + NLA_HDRLEN <= len;
	     at += NLA_ALIGN(attr->nla_len)) {
		attr = (const struct nlattr *)(answer + at);
		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > len - at)
			break;
		if (attr->nla_type != CTRL_ATTR_FAMILY_ID ||
		    attr->nla_len < NLA_HDRLEN + sizeof(family))
			continue;
		memcpy(&family, answer + at + NLA_HDRLEN, sizeof(family));
		return family;
	}
	return -EBADMSG;
}

static void put_device(struct request *request, const struct nbd_device *device)
{
	struct nlattr *sockets, *one;

	put32(request, NBD_ATTR_INDEX, (uint32_t)device->number);
	put64(request, NBD_ATTR_SIZE_BYTES,
	      device->export->size / device->block_size * device->block_size);
	put64(request, NBD_ATTR_BLOCK_SIZE_BYTES, device->block_size);
	put64(request, NBD_ATTR_SERVER_FLAGS, device->export->flags);
	put64(request, NBD_ATTR_TIMEOUT, device->timeout);
	/*
	 * 0: once the connection is gone, requests fail at once. Nobody connects again, so
	 * to wait would only keep the guard from seeing it.
	 */
	put64(request, NBD_ATTR_DEAD_CONN_TIMEOUT, 0);
	sockets = begin_nest(request, NBD_ATTR_SOCKETS);
	one = begin_nest(request, NBD_SOCK_ITEM);
	put32(request, NBD_SOCK_FD, (uint32_t)device->socket);
	end_nest(request, one);
	end_nest(request, sockets);
}

/* A socket and a request of NBD's own, which is then to be filled. */
static int begin_command(struct request *request, uint8_t command, struct pvk_err *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), ret;

	*request = (struct request){ .overrun = true };
	if (fd < 0)
		return pvk_err_set(err, -EOPNOTSUPP, "netlink: %s", strerror(errno));
	ret = connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) ? -errno : find_family(fd);
	if (ret < 0) {
		close(fd);
		return pvk_err_set(err, -EOPNOTSUPP,
				   "the kernel has no NBD: its module nbd is wanted");
	}
	begin(request, (uint16_t)ret, command);
	return fd;
}

static int end_command(int fd, const struct request *request, int number, struct pvk_err *err)
{
	size_t len;
	int ret = ask(fd, request, NULL, 0, &len);

	if (ret)
		return pvk_err_set(err, ret, "nbd%d: %s", number, ret == -EBUSY ?
				   "something else is connected there" : strerror(-ret));
	return 0;
}

int nbd_device_connect(const struct nbd_device *device, struct pvk_err *err)
{
	struct request request;
	pvk_auto_close int fd = begin_command(&request, NBD_CMD_CONNECT, err);

	if (fd < 0)
		return fd;
	put_device(&request, device);
	return end_command(fd, &request, device->number, err);
}

int nbd_device_set_timeout(int number, unsigned int seconds, struct pvk_err *err)
{
	struct request request;
	pvk_auto_close int fd = begin_command(&request, NBD_CMD_RECONFIGURE, err);

	if (fd < 0)
		return fd;
	put32(&request, NBD_ATTR_INDEX, (uint32_t)number);
	put64(&request, NBD_ATTR_TIMEOUT, seconds);
	return end_command(fd, &request, number, err);
}
