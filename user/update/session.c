// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "session.h"
#include "sysattr.h"
#include "tell.h"

#define SYS		"/sys/class/pv_pivot/session"
#define ANSWER_S	10
#define MSG_BYTES	1024

struct msg {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char attrs[MSG_BYTES];
};

/* --- messages --------------------------------------------------------------- */

static void msg_init(struct msg *msg, uint16_t type, uint8_t cmd, uint8_t version)
{
	memset(msg, 0, sizeof(*msg));
	msg->nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	msg->nl.nlmsg_type = type;
	msg->nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	msg->genl.cmd = cmd;
	msg->genl.version = version;
}

/* Those that are put are few and short: they fit. */
static void msg_put(struct msg *msg, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)((char *)msg + msg->nl.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + len);
	memcpy((char *)attr + NLA_HDRLEN, data, len);
	msg->nl.nlmsg_len += NLA_ALIGN(attr->nla_len);
}

static void msg_put_u32(struct msg *msg, uint16_t type, uint32_t value)
{
	msg_put(msg, type, &value, sizeof(value));
}

/* The attribute of that type among those at [at, end). NULL: it is not there. */
static const struct nlattr *find_attr(const char *at, const char *end, uint16_t type)
{
	const struct nlattr *attr;

	while (end - at >= (ptrdiff_t)sizeof(*attr)) {
		attr = (const void *)at;
		if (attr->nla_len < sizeof(*attr) || attr->nla_len > end - at)
			return NULL;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		if (NLA_ALIGN(attr->nla_len) > end - at)
			return NULL;
		at += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}

/* What of an answer is wanted, and where it goes: a number of that size, or a text. */
struct wanted {
	uint16_t type;
	uint16_t size;
	bool text;
	void *to;
};

static void take_wanted(const struct nlmsghdr *nl, const struct wanted *wanted)
{
	const char *at = (const char *)nl + NLMSG_LENGTH(GENL_HDRLEN);
	const char *end = (const char *)nl + nl->nlmsg_len;
	const struct nlattr *attr;

	if (!wanted || at > end)
		return;
	attr = find_attr(at, end, wanted->type);
	if (attr && wanted->text)
		snprintf(wanted->to, wanted->size, "%.*s", (int)(attr->nla_len - NLA_HDRLEN),
			 (const char *)attr + NLA_HDRLEN);
	else if (attr && attr->nla_len == NLA_HDRLEN + wanted->size)
		memcpy(wanted->to, (const char *)attr + NLA_HDRLEN, wanted->size);
}

/* An ACK, or a refusal with the kernel's words. */
static int take_ack(const struct nlmsghdr *nl, struct pvk_err *err)
{
	const struct nlmsgerr *ack = NLMSG_DATA(nl);
	const char *at, *end = (const char *)nl + nl->nlmsg_len;
	const struct nlattr *text = NULL;

	if (nl->nlmsg_len < NLMSG_LENGTH(sizeof(*ack)))
		return pvk_err_set(err, -EBADMSG, "pv_pivot: an answer that is cut");
	if (!ack->error)
		return 0;
	/* NETLINK_CAP_ACK: nothing of the request but its header comes back. */
	at = (const char *)(ack + 1);
	if (nl->nlmsg_flags & NLM_F_ACK_TLVS)
		text = find_attr(at, end, NLMSGERR_ATTR_MSG);
	if (text)
		return pvk_err_set(err, ack->error, "pv_pivot: %.*s",
				   (int)(text->nla_len - NLA_HDRLEN),
				   (const char *)text + NLA_HDRLEN);
	return pvk_err_set(err, ack->error, "pv_pivot: %s", strerror(-ack->error));
}

static int receive(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return (int)n;
}

/* wanted (may be NULL) is taken from the message that comes before the ACK. */
static int ask(struct session *session, struct msg *msg, const struct wanted *wanted,
	       struct pvk_err *err)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *nl;
	int left;

	msg->nl.nlmsg_seq = ++session->seq;
	if (send(session->socket, msg, msg->nl.nlmsg_len, 0) < 0)
		return pvk_err_set(err, -errno, "pv_pivot: %s", strerror(errno));
	for (;;) {
		left = receive(session->socket, buf, sizeof(buf));
		if (left < 0)
			return pvk_err_set(err, left, "pv_pivot: %s", strerror(-left));
		for (nl = (void *)buf; NLMSG_OK(nl, (unsigned int)left);
		     nl = NLMSG_NEXT(nl, left)) {
			if (nl->nlmsg_seq != session->seq)
				continue;
			if (nl->nlmsg_type == NLMSG_ERROR)
				return take_ack(nl, err);
			take_wanted(nl, wanted);
		}
	}
}

/* --- the socket ------------------------------------------------------------- */

static int open_socket(struct session *session, struct pvk_err *err)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		return pvk_err_set(err, -errno, "netlink: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	session->socket = fd;
	return 0;
}

static int find_family(struct session *session, struct pvk_err *err)
{
	const struct wanted id = {
		.type = CTRL_ATTR_FAMILY_ID, .size = sizeof(uint16_t), .to = &session->family,
	};
	struct msg msg;
	int ret;

	msg_init(&msg, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	msg_put(&msg, CTRL_ATTR_FAMILY_NAME, PV_PIVOT_GENL_NAME, sizeof(PV_PIVOT_GENL_NAME));
	ret = ask(session, &msg, &id, err);
	if (ret == -ENOENT)
		pvk_err_set(err, ret, "pv_pivot is not in the kernel");
	return ret;
}

/* --- what the owner asks for ------------------------------------------------- */

static void new_msg(const struct session *session, struct msg *msg, uint8_t cmd)
{
	msg_init(msg, session->family, cmd, PV_PIVOT_GENL_VERSION);
}

int session_begin(struct session *session, int on, uint32_t limit, struct pvk_err *err)
{
	const struct wanted fd = {
		.type = PV_PIVOT_A_SESSION_FD, .size = sizeof(uint32_t), .to = &session->fd,
	};
	struct msg msg;
	int ret;

	ret = open_socket(session, err);
	if (!ret)
		ret = find_family(session, err);
	if (ret)
		return ret;
	new_msg(session, &msg, PV_PIVOT_CMD_OPEN);
	msg_put_u32(&msg, PV_PIVOT_A_FD, (uint32_t)on);
	if (limit)
		msg_put_u32(&msg, PV_PIVOT_A_LIMIT, limit);
	return ask(session, &msg, &fd, err);
}

static void step_msg(const struct session *session, struct msg *msg, uint32_t state,
		     uint32_t limit)
{
	new_msg(session, msg, PV_PIVOT_CMD_STEP);
	msg_put_u32(msg, PV_PIVOT_A_SESSION_FD, (uint32_t)session->fd);
	msg_put_u32(msg, PV_PIVOT_A_STATE, state);
	if (limit)
		msg_put_u32(msg, PV_PIVOT_A_LIMIT, limit);
}

static bool follows_ubi(struct session *session)
{
	uint32_t medium = PV_PIVOT_MEDIUM_NONE;
	const struct wanted wanted = {
		.type = PV_PIVOT_A_MEDIUM, .size = sizeof(medium), .to = &medium,
	};
	struct msg msg;

	new_msg(session, &msg, PV_PIVOT_CMD_STATUS);
	return !ask(session, &msg, &wanted, NULL) && medium == PV_PIVOT_MEDIUM_UBI;
}

/* The flash below UBI, which few kernels know: see the family's step. */
static bool below_ubi(struct session *session, uint64_t *mtd)
{
	char device[32] = "";
	const struct wanted wanted = {
		.type = PV_PIVOT_A_DEVICE, .size = sizeof(device), .text = true, .to = device,
	};
	const char *at = device;
	unsigned int ubi;
	struct msg msg;

	new_msg(session, &msg, PV_PIVOT_CMD_STATUS);
	if (ask(session, &msg, &wanted, NULL))
		return false;
	at += strcspn(at, "0123456789");
	return pvk_take_uint(&at, &ubi) &&
	       pvk_sysattr_uint(mtd, "/sys/class/ubi/ubi%u/mtd_num", ubi);
}

int session_step(struct session *session, uint32_t state, uint32_t limit, struct pvk_err *err)
{
	bool ubi = state == PV_PIVOT_STATE_SEALED && follows_ubi(session);
	struct msg msg;
	uint64_t mtd;

	step_msg(session, &msg, state, limit);
	if (ubi && below_ubi(session, &mtd))
		msg_put_u32(&msg, PV_PIVOT_A_MTD, (uint32_t)mtd);
	return ask(session, &msg, NULL, err);
}

int session_arm(struct session *session, uint32_t limit, const char *reboot_arg,
		struct pvk_err *err)
{
	size_t len = strlen(reboot_arg) + 1;
	struct msg msg;

	if (len > PV_PIVOT_MAX_REBOOT_ARG + 1)
		return pvk_err_set(err, -EINVAL, "the reboot's argument is too long");
	step_msg(session, &msg, PV_PIVOT_STATE_ARMED, limit);
	msg_put(&msg, PV_PIVOT_A_REBOOT_ARG, reboot_arg, len);
	return ask(session, &msg, NULL, err);
}

int session_watchdog(struct session *session, int fd, uint32_t interval, uint32_t seconds,
		     struct pvk_err *err)
{
	struct msg msg;

	new_msg(session, &msg, PV_PIVOT_CMD_WATCHDOG);
	msg_put_u32(&msg, PV_PIVOT_A_SESSION_FD, (uint32_t)session->fd);
	msg_put_u32(&msg, PV_PIVOT_A_FD, (uint32_t)fd);
	msg_put_u32(&msg, PV_PIVOT_A_INTERVAL, interval);
	msg_put_u32(&msg, PV_PIVOT_A_WATCHDOG, seconds);
	return ask(session, &msg, NULL, err);
}

uint32_t session_active(struct session *session)
{
	uint32_t active = 0;
	const struct wanted wanted = {
		.type = PV_PIVOT_A_ACTIVE, .size = sizeof(active), .to = &active,
	};
	struct msg msg;

	new_msg(session, &msg, PV_PIVOT_CMD_STATUS);
	return ask(session, &msg, &wanted, NULL) ? 0 : active;
}

/* One line of it as it is now; "" if that can't be told. */
static void read_line(int fd, char *line, size_t size)
{
	ssize_t n = fd < 0 ? 0 : pread(fd, line, size - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

static int missing(int code, struct pvk_err *err)
{
	pvk_auto_close int fd = open(SYS "/error", O_RDONLY | O_CLOEXEC);
	char text[PV_PIVOT_MAX_TEXT + 16];

	read_line(fd, text, sizeof(text));
	return pvk_err_set(err, code, "%s", *text ? text : strerror(-code));
}

int session_wait_released(int ms, struct pvk_err *err)
{
	pvk_auto_close int fd = open(SYS "/state", O_RDONLY | O_CLOEXEC);
	int64_t until = clock_ms() + ms, left;
	struct pollfd changed = { .fd = fd, .events = POLLPRI };
	char state[32];

	if (fd < 0)
		return pvk_err_set(err, -errno, SYS ": %s", strerror(errno));
	for (;;) {
		read_line(fd, state, sizeof(state));
		if (!strcmp(state, "released"))
			return 0;
		if (strcmp(state, "sealed"))
			return missing(-ECANCELED, err);
		left = until - clock_ms();
		if (left <= 0)
			return missing(-ETIMEDOUT, err);
		poll(&changed, 1, (int)left);
	}
}

void session_drop(struct session *session)
{
	if (session->fd >= 0)
		close(session->fd);
	if (session->socket >= 0)
		close(session->socket);
	*session = (struct session)SESSION_INIT;
}

void session_abort(void)
{
	pvk_auto_close int fd = open(SYS "/abort", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) == 1)
		tell("the session is ended");
}
