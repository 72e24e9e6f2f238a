// SPDX-License-Identifier: MIT
/*
 * Asks pv_driver who is at the other end of a socket, with the right socket or
 * with one that must be refused.
 *
 *   nl_whois [--cgroup DIR] [--uid N] [--move DIR] [--client-exits] CASE
 *
 *   good         a listener and a connection that it accepted
 *   listener     the listener itself as fd
 *   client-end   the client's end of the connection
 *   other        a connection accepted from another listener
 *   socketpair, pipe, file, dgram, inet, netlink, unbound   as fd
 *   bad-fd       a number that is no open file
 *   no-listener  the attribute is missing
 *   not-listener the connection itself as listener-fd
 *   not-front    a good connection, without having registered as front
 *   stolen       a good connection, asked on a second socket of the same
 *                process, the first being the front
 *   dropped      good, after giving up every capability and uid 0
 *   closed       the listener was closed and opened again under its number
 *
 *   --cgroup     the client is in this cgroup when it connects
 *   --uid        and has this uid, and no capability unless it is 0
 *   --move       after connecting the client moves to this cgroup
 *   --client-exits   and is gone before the question is asked
 *
 * Prints peer=, container=, container-id=, roles=, or error= and text=.
 * Exit status: 0 answered, 1 refused, 2 could not ask.
 */
#include "pvt_nl.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

struct client {
	const char *cgroup;
	const char *move;
	int uid;
	bool exits;
	pid_t pid;
	int fd;		/* ours: the client's end, inherited */
};

static char buf[PVT_BUF];

static void enter(const char *dir)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		pvt_die(path, errno);
}

static int listener(struct sockaddr_un *addr, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	/* abstract: nothing to clean up */
	snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1, "pvt-%d-%s", getpid(), name);
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, sizeof(*addr)) || listen(fd, 8))
		pvt_die("listen", errno);
	return fd;
}

static void client_main(const struct client *c, const struct sockaddr_un *addr, int fd, int told)
{
	char ok = 1;

	if (c->cgroup)
		enter(c->cgroup);
	if (c->uid && (setgroups(0, NULL) || setgid(c->uid) || setuid(c->uid)))
		pvt_die("setuid", errno);
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		pvt_die("connect", errno);
	if (c->move)
		enter(c->move);
	if (write(told, &ok, 1) != 1)
		pvt_die("pipe", errno);
	if (c->exits)
		_exit(0);
	/* until the other end is gone: "dropped" could not send it a signal */
	while (read(fd, &ok, 1) > 0)
		;
	_exit(0);
}

/* Starts the client and returns the accepted end of its connection. */
static int connect_client(struct client *c, const struct sockaddr_un *addr, int lfd)
{
	int told[2];
	char ok;
	int fd;

	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (c->fd < 0 || pipe(told))
		pvt_die("socket", errno);
	c->pid = fork();
	if (!c->pid)
		client_main(c, addr, c->fd, told[1]);
	close(told[1]);
	if (read(told[0], &ok, 1) != 1)
		pvt_die("client", EIO);
	close(told[0]);
	if (c->exits) {
		waitpid(c->pid, NULL, 0);
		c->pid = 0;
		close(c->fd);
	}
	fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		pvt_die("accept", errno);
	return fd;
}

static int odd_fd(const char *what)
{
	int fds[2];

	if (!strcmp(what, "socketpair"))
		return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -1 : fds[0];
	if (!strcmp(what, "pipe"))
		return pipe(fds) ? -1 : fds[0];
	if (!strcmp(what, "file"))
		return open("/proc/self/exe", O_RDONLY);
	if (!strcmp(what, "dgram"))
		return socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) ? -1 : fds[0];
	if (!strcmp(what, "inet"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(what, "netlink"))
		return socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (!strcmp(what, "unbound"))
		return socket(AF_UNIX, SOCK_STREAM, 0);
	if (!strcmp(what, "bad-fd"))
		return 777;
	pvt_die(what, EINVAL);
	return -1;
}

static void become_front(struct pvt_sock *s)
{
	struct nlmsghdr *nlh = pvt_msg(s, buf, PV_DRIVER_CMD_FRONT, NLM_F_ACK);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_TEXT, "nl_whois");
	if (pvt_call(s, nlh, true))
		exit(2);
}

static int ask(struct pvt_sock *s, int fd, int lfd)
{
	struct nlmsghdr *nlh = pvt_msg(s, buf, PV_DRIVER_CMD_WHOIS, NLM_F_ACK);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_FD, fd);
	if (lfd >= 0)
		mnl_attr_put_u32(nlh, PV_DRIVER_A_LISTENER_FD, lfd);
	return pvt_call(s, nlh, true) ? 1 : 0;
}

static int run(const char *what, struct client *c)
{
	struct sockaddr_un addr;
	struct sockaddr_un addr2;
	struct pvt_sock s;
	struct pvt_sock s2;
	int lfd = listener(&addr, "one");
	int lfd2 = listener(&addr2, "two");
	int fd = connect_client(c, &addr, lfd);

	pvt_open(&s);
	if (strcmp(what, "not-front"))
		become_front(&s);
	if (!strcmp(what, "good") || !strcmp(what, "not-front"))
		return ask(&s, fd, lfd);
	if (!strcmp(what, "listener"))
		return ask(&s, lfd, lfd);
	if (!strcmp(what, "client-end"))
		return ask(&s, c->fd, lfd);
	if (!strcmp(what, "other"))
		return ask(&s, fd, lfd2);
	if (!strcmp(what, "no-listener"))
		return ask(&s, fd, -1);
	if (!strcmp(what, "not-listener"))
		return ask(&s, fd, fd);
	if (!strcmp(what, "stolen")) {
		pvt_open(&s2);
		return ask(&s2, fd, lfd);
	}
	if (!strcmp(what, "dropped")) {
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			pvt_die("setuid", errno);
		return ask(&s, fd, lfd);
	}
	if (!strcmp(what, "closed")) {
		/* another listener now has the number and the name of the first */
		dup2(lfd2, lfd);
		return ask(&s, fd, lfd);
	}
	return ask(&s, odd_fd(what), lfd);
}

int main(int argc, char **argv)
{
	struct client c = { .fd = -1 };
	const char *what = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--cgroup") && i + 1 < argc)
			c.cgroup = argv[++i];
		else if (!strcmp(argv[i], "--move") && i + 1 < argc)
			c.move = argv[++i];
		else if (!strcmp(argv[i], "--uid") && i + 1 < argc)
			c.uid = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--client-exits"))
			c.exits = true;
		else
			what = argv[i];
	}
	if (!what)
		pvt_die("which case?", EINVAL);
	return run(what, &c);
}
