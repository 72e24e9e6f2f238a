/* SPDX-License-Identifier: MIT */
/*
 * Raw netlink for the tests of pv_driver. It stands apart from user/lib on
 * purpose: a test must be able to send what a well-behaved client never would,
 * and must not share a mistake with the client it is to check.
 */
#ifndef PVT_NL_H
#define PVT_NL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/pv_driver.h>

#define PVT_BUF (256 * 1024)
#define PVT_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct pvt_sock {
	struct mnl_socket *nl;
	uint16_t family;
	uint32_t seq;
};

enum pvt_kind { PVT_STR, PVT_U32, PVT_U64, PVT_FLAG, PVT_MODULE, PVT_ENTRY, PVT_STATS };

struct pvt_attr {
	const char *name;
	uint16_t type;
	enum pvt_kind kind;
	const char *const *names;
};

static const char *const pvt_states[] = {
	"unloaded", "loading", "loaded", "unloading", "failed", "unknown", NULL
};
static const char *const pvt_types[] = { "required", "optional", "manual", NULL };
static const char *const pvt_ops[] = { "load", "unload", NULL };
static const char *const pvt_peers[] = { "unknown", "host", "container", NULL };
static const char *const pvt_kinds[] = {
	"state", "new", "del", "overrun", "container-new", "container-del", NULL
};

static const struct pvt_attr pvt_attrs[] = {
	{ "alias", PV_DRIVER_A_ALIAS, PVT_STR, NULL },
	{ "line", PV_DRIVER_A_LINE, PVT_STR, NULL },
	{ "state", PV_DRIVER_A_STATE, PVT_U32, pvt_states },
	{ "generation", PV_DRIVER_A_GENERATION, PVT_U32, NULL },
	{ "type", PV_DRIVER_A_TYPE, PVT_U32, pvt_types },
	{ "user", PV_DRIVER_A_USER, PVT_STR, NULL },
	{ "errno", PV_DRIVER_A_ERRNO, PVT_U32, NULL },
	{ "text", PV_DRIVER_A_TEXT, PVT_STR, NULL },
	{ "warning", PV_DRIVER_A_WARNING, PVT_STR, NULL },
	{ "module", PV_DRIVER_A_MODULE, PVT_MODULE, NULL },
	{ "timeout", PV_DRIVER_A_TIMEOUT, PVT_U32, NULL },
	{ "container", PV_DRIVER_A_CONTAINER, PVT_STR, NULL },
	{ "container-id", PV_DRIVER_A_CONTAINER_ID, PVT_U64, NULL },
	{ "cgroup-fd", PV_DRIVER_A_CGROUP_FD, PVT_U32, NULL },
	{ "pid", PV_DRIVER_A_PID, PVT_U32, NULL },
	{ "roles", PV_DRIVER_A_ROLES, PVT_U32, NULL },
	{ "entry", PV_DRIVER_A_ENTRY, PVT_ENTRY, NULL },
	{ "exec-id", PV_DRIVER_A_EXEC_ID, PVT_U64, NULL },
	{ "op", PV_DRIVER_A_OP, PVT_U32, pvt_ops },
	{ "params", PV_DRIVER_A_PARAMS, PVT_STR, NULL },
	{ "builtin", PV_DRIVER_A_BUILTIN, PVT_FLAG, NULL },
	{ "fd", PV_DRIVER_A_FD, PVT_U32, NULL },
	{ "listener-fd", PV_DRIVER_A_LISTENER_FD, PVT_U32, NULL },
	{ "peer", PV_DRIVER_A_PEER, PVT_U32, pvt_peers },
	{ "cgroup", PV_DRIVER_A_CGROUP, PVT_STR, NULL },
	{ "event-kind", PV_DRIVER_A_EVENT_KIND, PVT_U32, pvt_kinds },
	{ "stats", PV_DRIVER_A_STATS, PVT_STATS, NULL },
	{ "agent-portid", PV_DRIVER_A_AGENT_PORTID, PVT_U32, NULL },
	{ "count-drivers", PV_DRIVER_A_COUNT_DRIVERS, PVT_U32, NULL },
	{ "count-containers", PV_DRIVER_A_COUNT_CONTAINERS, PVT_U32, NULL },
	{ "count-requests", PV_DRIVER_A_COUNT_REQUESTS, PVT_U32, NULL },
	{ "ended", PV_DRIVER_A_ENDED, PVT_FLAG, NULL },
	{ "since", PV_DRIVER_A_SINCE, PVT_U64, NULL },
	{ "error-since", PV_DRIVER_A_ERROR_SINCE, PVT_U64, NULL },
	{ "containers", PV_DRIVER_A_CONTAINERS, PVT_FLAG, NULL },
	{ "name", PV_DRIVER_A_NAME, PVT_STR, NULL },
};

static const char *const pvt_cmds[] = {
	"", "driver-new", "driver-del", "driver-get", "load", "unload", "outcome",
	"container-new", "container-del", "container-get", "agent", "front", "exec",
	"exec-ack", "result", "whois", "subscribe", "event", "status-get", "module-get",
	NULL
};

static inline int64_t pvt_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static inline const char *pvt_errname(int err)
{
	static char number[16];
	const char *name = err ? strerrorname_np(err) : "0";

	if (name)
		return name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

static inline void pvt_die(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(2);
}

/* Index of name in a list that ends in NULL, or -1. */
static inline int pvt_index(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

static inline const struct pvt_attr *pvt_attr_by_name(const char *name)
{
	for (size_t i = 0; i < PVT_ARRAY_SIZE(pvt_attrs); i++)
		if (!strcmp(pvt_attrs[i].name, name))
			return &pvt_attrs[i];
	return NULL;
}

static inline const struct pvt_attr *pvt_attr_by_type(uint16_t type)
{
	for (size_t i = 0; i < PVT_ARRAY_SIZE(pvt_attrs); i++)
		if (pvt_attrs[i].type == type)
			return &pvt_attrs[i];
	return NULL;
}

static inline struct nlmsghdr *pvt_header(char *buf, uint16_t family, uint8_t cmd, uint8_t version,
					  uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

/* A message to pv_driver with the socket's next sequence number. */
static inline struct nlmsghdr *pvt_msg(struct pvt_sock *s, char *buf, uint8_t cmd, uint16_t flags)
{
	return pvt_header(buf, s->family, cmd, PV_DRIVER_GENL_VERSION, flags, ++s->seq);
}

static inline int pvt_send(struct pvt_sock *s, const struct nlmsghdr *nlh)
{
	return mnl_socket_sendto(s->nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

/*
 * One datagram, waiting at most until the monotonic time given (-1: for ever).
 * Returns its length, -ETIMEDOUT, or what recv said (ENOBUFS is one of them).
 */
static inline ssize_t pvt_recv(struct pvt_sock *s, char *buf, size_t size, int64_t until)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(s->nl), .events = POLLIN };
	int64_t left = until < 0 ? -1 : until - pvt_now_ms();
	ssize_t len;
	int n;

	if (until >= 0 && left < 0)
		left = 0;
	do {
		n = poll(&pfd, 1, left > 3600000 ? 3600000 : (int)left);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIMEDOUT;
	len = mnl_socket_recvfrom(s->nl, buf, size);
	return len < 0 ? -errno : len;
}

/* errno of an NLMSG_ERROR message; its text, if there is one, goes to *text. */
static inline int pvt_error(const struct nlmsghdr *nlh, const char **text)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*err);
	const struct nlattr *attr;

	if (text)
		*text = NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	if (text && nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_for_each(attr, nlh, skip)
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
				*text = mnl_attr_get_str(attr);
	return -err->error;
}

static inline uint16_t pvt_family_of(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			return mnl_attr_get_u16(attr);
	return 0;
}

/* Asks the controller for a family; its id, or a negative errno. */
static inline int pvt_resolve(struct pvt_sock *s, const char *name)
{
	char buf[8192];
	struct nlmsghdr *nlh = pvt_header(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0, ++s->seq);
	ssize_t len;
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	err = pvt_send(s, nlh);
	if (err)
		return err;
	len = pvt_recv(s, buf, sizeof(buf), pvt_now_ms() + 60000);
	if (len < 0)
		return len;
	nlh = (struct nlmsghdr *)buf;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return -pvt_error(nlh, NULL);
	return pvt_family_of(nlh);
}

static inline void pvt_open_raw(struct pvt_sock *s)
{
	int one = 1;

	s->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!s->nl || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID))
		pvt_die("netlink socket", errno);
	mnl_socket_setsockopt(s->nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(s->nl, NETLINK_CAP_ACK, &one, sizeof(one));
	s->seq = 0;
}

static inline void pvt_open(struct pvt_sock *s)
{
	int id;

	pvt_open_raw(s);
	id = pvt_resolve(s, PV_DRIVER_GENL_NAME);
	if (id < 0) {
		printf("error=%s\ntext=no family pv_driver\n", pvt_errname(-id));
		exit(2);
	}
	s->family = id;
}

/* When a module came in, and what brought it in; a line each, if it is told. */
static inline void pvt_print_origin(const struct nlattr *nest)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case PV_DRIVER_A_MODULE_SINCE:
			printf("module.since=%llu\n", (unsigned long long)mnl_attr_get_u64(attr));
			break;
		case PV_DRIVER_A_MODULE_CAUSE_ALIAS:
			printf("module.cause-alias=%s\n", mnl_attr_get_str(attr));
			break;
		case PV_DRIVER_A_MODULE_CAUSE_CONTAINER:
			printf("module.cause-container=%s\n", mnl_attr_get_str(attr));
			break;
		}
	}
}

static inline void pvt_print_module(const struct nlattr *nest)
{
	const struct nlattr *attr;
	const char *name = "?";
	const char *params = "";
	uint32_t flags = 0;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case PV_DRIVER_A_MODULE_NAME:
			name = mnl_attr_get_str(attr);
			break;
		case PV_DRIVER_A_MODULE_FLAGS:
			flags = mnl_attr_get_u32(attr);
			break;
		case PV_DRIVER_A_MODULE_PARAMS:
			params = mnl_attr_get_str(attr);
			break;
		}
	}
	printf("module=%s%s%s%s%s%s %s\n", name, flags & PV_DRIVER_MODULE_FLAG_LIVE ? " live" : "",
	       flags & PV_DRIVER_MODULE_FLAG_OURS ? " ours" : "",
	       flags & PV_DRIVER_MODULE_FLAG_BUILTIN ? " builtin" : "",
	       flags & PV_DRIVER_MODULE_FLAG_PERMANENT ? " permanent" : "",
	       flags & PV_DRIVER_MODULE_FLAG_PINNED ? " pinned" : "", params);
	pvt_print_origin(nest);
}

static inline void pvt_print_entry(const struct nlattr *nest)
{
	const struct nlattr *attr;
	const char *alias = "?";
	uint32_t type = 0;
	uint32_t state = PV_DRIVER_STATE_UNKNOWN;
	bool used = false;

	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case PV_DRIVER_A_ENTRY_ALIAS:
			alias = mnl_attr_get_str(attr);
			break;
		case PV_DRIVER_A_ENTRY_TYPE:
			type = mnl_attr_get_u32(attr);
			break;
		case PV_DRIVER_A_ENTRY_STATE:
			state = mnl_attr_get_u32(attr);
			break;
		case PV_DRIVER_A_ENTRY_USED:
			used = true;
			break;
		}
	}
	printf("entry=%s %s %s%s\n", alias, type < 3 ? pvt_types[type] : "?",
	       state < 6 ? pvt_states[state] : "?", used ? " used" : "");
}

static inline void pvt_print_stats(const struct nlattr *nest)
{
	static const char *const names[] = {
		"", "loads", "unloads", "failures", "load-us", "unload-us"
	};
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type < PVT_ARRAY_SIZE(names))
			printf("stats.%s=%u\n", names[type], mnl_attr_get_u32(attr));
	}
}

static inline void pvt_print_u32(const struct pvt_attr *a, uint32_t value)
{
	for (uint32_t i = 0; a->names && a->names[i]; i++) {
		if (i == value) {
			printf("%s=%s\n", a->name, a->names[i]);
			return;
		}
	}
	if (a->type == PV_DRIVER_A_ERRNO)
		printf("%s=%s\n", a->name, pvt_errname(value));
	else
		printf("%s=%u\n", a->name, value);
}

static inline void pvt_print_attr(const struct nlattr *attr)
{
	const struct pvt_attr *a = pvt_attr_by_type(mnl_attr_get_type(attr));

	if (!a) {
		printf("attr-%u=?\n", mnl_attr_get_type(attr));
		return;
	}
	switch (a->kind) {
	case PVT_STR:
		printf("%s=%.*s\n", a->name, (int)mnl_attr_get_payload_len(attr),
		       mnl_attr_get_str(attr));
		break;
	case PVT_U32:
		pvt_print_u32(a, mnl_attr_get_u32(attr));
		break;
	case PVT_U64:
		printf("%s=%llu\n", a->name, (unsigned long long)mnl_attr_get_u64(attr));
		break;
	case PVT_FLAG:
		printf("%s\n", a->name);
		break;
	case PVT_MODULE:
		pvt_print_module(attr);
		break;
	case PVT_ENTRY:
		pvt_print_entry(attr);
		break;
	case PVT_STATS:
		pvt_print_stats(attr);
		break;
	}
}

static inline const struct nlattr *pvt_find(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static inline const char *pvt_get_str(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr = pvt_find(nlh, type);

	return attr ? mnl_attr_get_str(attr) : "";
}

static inline uint32_t pvt_get_u32(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr = pvt_find(nlh, type);

	return attr ? mnl_attr_get_u32(attr) : 0;
}

static inline uint64_t pvt_get_u64(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr = pvt_find(nlh, type);

	return attr ? mnl_attr_get_u64(attr) : 0;
}

static inline uint8_t pvt_cmd_of(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	return genl->cmd;
}

/*
 * Sends a request and waits for its acknowledgement. A reply that comes before
 * is printed when print is set. Returns 0 or a positive errno.
 */
static inline int pvt_call(struct pvt_sock *s, struct nlmsghdr *nlh, bool print)
{
	static char buf[PVT_BUF];
	uint32_t seq = nlh->nlmsg_seq;
	const struct nlattr *attr;
	int err = -pvt_send(s, nlh);

	while (!err) {
		ssize_t len = pvt_recv(s, buf, sizeof(buf), pvt_now_ms() + 10000);
		const struct nlmsghdr *in = (const struct nlmsghdr *)buf;
		const char *text;

		if (len < 0)
			return -len;
		if (in->nlmsg_seq != seq)
			continue;
		if (in->nlmsg_type == NLMSG_ERROR) {
			err = pvt_error(in, &text);
			if (print && err)
				printf("error=%s\ntext=%s\n", pvt_errname(err), text ? text : "");
			return err;
		}
		if (print)
			mnl_attr_for_each(attr, in, sizeof(struct genlmsghdr))
				pvt_print_attr(attr);
	}
	return err;
}

#endif
