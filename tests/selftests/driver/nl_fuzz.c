// SPDX-License-Identifier: MIT
/*
 * Random messages to pv_driver, with real and unknown commands and attributes
 * of wrong types and sizes.
 *
 *   nl_fuzz SEED COUNT
 *
 * A message is answered by an acknowledgement or a refusal: one that gets no
 * answer within 10 s is the failure that this program looks for; a crash shows
 * in the kernel's log. Commands that change what the machine is used for by
 * others (load and unload are not among them) are tried as well: run it where
 * that does not matter. Prints "sent N, accepted N, refused N".
 * Exit status: 0, or 1 when an answer was missing.
 */
#include "pvt_nl.h"

static char out[PVT_BUF];
static char in[PVT_BUF];
static unsigned int seed;

static unsigned int dice(unsigned int sides)
{
	return rand_r(&seed) % sides;
}

static void random_bytes(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = dice(4) ? 'a' + dice(26) : dice(256);
}

static void put_random(struct nlmsghdr *nlh)
{
	static const uint16_t sizes[] = { 0, 1, 2, 3, 4, 4, 4, 5, 8, 8, 12, 63, 64, 65, 513, 1200 };
	unsigned char bytes[1200];
	size_t len = sizes[dice(PVT_ARRAY_SIZE(sizes))];
	uint16_t type = dice(20) ? dice(PV_DRIVER_A_MAX + 4) : dice(0x4000);

	random_bytes(bytes, len);
	if (!dice(3) && len)
		bytes[len - 1] = '\0';
	if (len == 4 && dice(2))
		memset(bytes, 0, 4), bytes[0] = dice(8);
	if (!dice(8))
		type |= NLA_F_NESTED;
	if (!dice(4)) {
		mnl_attr_put_strz(nlh, PV_DRIVER_A_ALIAS, "p");
	} else if (!dice(5)) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, PV_DRIVER_A_ENTRY);

		mnl_attr_put(nlh, dice(6), len, bytes);
		mnl_attr_put(nlh, dice(6), 4, bytes);
		mnl_attr_nest_end(nlh, nest);
	} else {
		mnl_attr_put(nlh, type, len, bytes);
	}
}

static struct nlmsghdr *random_message(struct pvt_sock *s)
{
	uint8_t cmd = dice(15) ? 1 + dice(PV_DRIVER_CMD_MAX) : dice(256);
	uint16_t flags = NLM_F_ACK | (dice(6) ? 0 : NLM_F_DUMP) | (dice(20) ? 0 : NLM_F_ATOMIC);
	struct nlmsghdr *nlh = pvt_msg(s, out, cmd, flags);
	struct nlattr *last = NULL;

	for (unsigned int n = dice(6); n; n--) {
		last = mnl_nlmsg_get_payload_tail(nlh);
		put_random(nlh);
	}
	if (last && !dice(10))
		last->nla_len += dice(40);
	return nlh;
}

/* The answer to a message: 0, a positive errno, or -1 when there is none. */
static int answer(struct pvt_sock *s, uint32_t seq)
{
	int64_t until = pvt_now_ms() + 10000;

	for (;;) {
		ssize_t len = pvt_recv(s, in, sizeof(in), until);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		int left = len;

		if (len == -ETIMEDOUT)
			return -1;
		if (len < 0)
			continue;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return pvt_error(nlh, NULL);
			if (nlh->nlmsg_type == NLMSG_DONE)
				return -*(const int *)mnl_nlmsg_get_payload(nlh);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int accepted = 0;
	unsigned int refused = 0;
	struct pvt_sock s;
	int count;

	if (argc != 3)
		pvt_die("nl_fuzz SEED COUNT", EINVAL);
	seed = atoi(argv[1]);
	count = atoi(argv[2]);
	pvt_open(&s);
	for (int i = 0; i < count; i++) {
		struct nlmsghdr *nlh = random_message(&s);
		int err = pvt_send(&s, nlh);

		if (!err)
			err = answer(&s, nlh->nlmsg_seq);
		if (err < 0) {
			printf("message %d, command %u: no answer\n", i, pvt_cmd_of(nlh));
			return 1;
		}
		accepted += !err;
		refused += err > 0;
	}
	printf("sent %d, accepted %u, refused %u\n", count, accepted, refused);
	return 0;
}
