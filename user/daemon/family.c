// SPDX-License-Identifier: MIT
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "family.h"
#include "util.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif

/* The controller's own group "notify" has had this fixed number from the start. */
#define NOTIFY_GROUP	GENL_ID_CTRL

int family_watch_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int group = NOTIFY_GROUP;
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static unsigned int parse_one(const struct nlmsghdr *nlh, const char *name)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	unsigned int what;

	if (nlh->nlmsg_type != GENL_ID_CTRL ||
	    nlh->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(*genl)))
		return 0;
	if (genl->cmd == CTRL_CMD_NEWFAMILY)
		what = FAMILY_NEW;
	else if (genl->cmd == CTRL_CMD_DELFAMILY)
		what = FAMILY_DEL;
	else
		return 0;

	mnl_attr_for_each(attr, nlh, sizeof(*genl)) {
		if (mnl_attr_get_type(attr) != CTRL_ATTR_FAMILY_NAME ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		if (!strcmp(mnl_attr_get_str(attr), name))
			return what;
	}
	return 0;
}

static void parse_all(const char *buf, int left, const char *const *names, unsigned int *what,
		      size_t count)
{
	const struct nlmsghdr *nlh;
	size_t i;

	for (nlh = (const void *)buf; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		for (i = 0; i < count; i++)
			what[i] |= parse_one(nlh, names[i]);
}

void family_watch_read_all(int fd, const char *const *names, unsigned int *what, size_t count)
{
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { .nl_pid = ~0U };
	socklen_t from_len;
	ssize_t n;
	size_t i;

	memset(what, 0, count * sizeof(*what));
	for (;;) {
		from_len = sizeof(from);
		n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len);
		if (n < 0 && errno == ENOBUFS) {
			for (i = 0; i < count; i++)
				what[i] |= FAMILY_LOST;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		/* Any process may send to a netlink socket; only the kernel is 0. */
		if (!from.nl_pid)
			parse_all(buf, (int)n, names, what, count);
	}
}

unsigned int family_watch_read(int fd, const char *name)
{
	unsigned int seen;

	family_watch_read_all(fd, &name, &seen, 1);
	return seen;
}
