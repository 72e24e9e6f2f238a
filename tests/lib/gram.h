/* SPDX-License-Identifier: MIT */
/*
 * gram - what the kernel would answer over netlink, for a client that has a socket
 * pair in the kernel's place. Bytes are little-endian.
 */
#ifndef PVKIT_TESTS_GRAM_H
#define PVKIT_TESTS_GRAM_H

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ktap.h"

#define GRAM_FAMILY	0x1f

/* A datagram under construction: several messages may stand in it. */
struct gram {
	size_t len;
	size_t msg;	/* where the last message begins */
	_Alignas(8) unsigned char data[192 * 1024];
};

static struct gram gram;

static inline void gram_add(const void *data, size_t len)
{
	memcpy(gram.data + gram.len, data, len);
	gram.len += len;
	while (gram.len % 4)
		gram.data[gram.len++] = 0;
	((struct nlmsghdr *)(gram.data + gram.msg))->nlmsg_len = gram.len - gram.msg;
}

static inline void gram_msg(uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr nlh = { .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = seq };

	gram.msg = gram.len;
	gram_add(&nlh, sizeof(nlh));
}

static inline void gram_cmd(uint8_t cmd, uint16_t flags, uint32_t seq)
{
	struct genlmsghdr head = { .cmd = cmd, .version = 1 };

	gram_msg(GRAM_FAMILY, flags, seq);
	gram_add(&head, sizeof(head));
}

static inline void gram_attr(uint16_t type, const void *data, size_t len)
{
	struct nlattr attr = { .nla_type = type, .nla_len = sizeof(attr) + len };

	gram_add(&attr, sizeof(attr));
	gram_add(data, len);
}

static inline void gram_str(uint16_t type, const char *text)
{
	gram_attr(type, text, strlen(text) + 1);
}

static inline void gram_u32(uint16_t type, uint32_t value)
{
	gram_attr(type, &value, sizeof(value));
}

static inline void gram_u64(uint16_t type, uint64_t value)
{
	gram_attr(type, &value, sizeof(value));
}

/* NLMSG_ERROR; quoted: our request is in it, as without NETLINK_CAP_ACK. */
static inline void gram_ack(uint32_t seq, int code, const char *text, size_t quoted)
{
	struct nlmsgerr ack = { .error = code, .msg.nlmsg_len = sizeof(ack.msg) + quoted };
	char request[64] = { 0 };
	uint16_t flags = quoted ? 0 : NLM_F_CAPPED;

	gram_msg(NLMSG_ERROR, flags | (text ? NLM_F_ACK_TLVS : 0), seq);
	gram_add(&ack, sizeof(ack));
	gram_add(request, quoted);
	if (text)
		gram_str(NLMSGERR_ATTR_MSG, text);
}

static inline void gram_done(uint32_t seq)
{
	int zero = 0;

	gram_msg(NLMSG_DONE, NLM_F_MULTI, seq);
	gram_add(&zero, sizeof(zero));
}

static inline void gram_print(const char *label, const unsigned char *data, size_t len)
{
	size_t i;

	printf("# %s", label);
	for (i = 0; i < len; i++)
		printf("%s%02x", i % 4 ? "" : " ", data[i]);
	putchar('\n');
}

/* Sends what was built; it waits in the socket, as the kernel's answers do. */
static inline void gram_answer(int kernel)
{
	if (send(kernel, gram.data, gram.len, MSG_DONTWAIT) != (ssize_t)gram.len)
		perror("# send");
	gram.len = 0;
}

/* The headers of a request, of length @len with what follows. */
#define GRAM_HEAD(len, flags, seq, cmd) \
	len, 0, 0, 0, GRAM_FAMILY, 0, flags, flags >> 8, seq, 0, 0, 0, 0, 0, 0, 0, cmd, 1, 0, 0
#define GRAM_ACK	(NLM_F_REQUEST | NLM_F_ACK)

/* One result: whether the kernel was sent this, and nothing before it. */
static inline void gram_sent(int kernel, const unsigned char *want, size_t want_len,
			     const char *what)
{
	unsigned char got[1024];
	ssize_t len = recv(kernel, got, sizeof(got), MSG_DONTWAIT);
	bool same = len == (ssize_t)want_len && memcmp(got, want, want_len) == 0;

	ktap_check(same, "%s is sent byte for byte", what);
	if (!same) {
		gram_print("expected:", want, want_len);
		gram_print("got:     ", got, len < 0 ? 0 : (size_t)len);
	}
}

#endif /* PVKIT_TESTS_GRAM_H */
