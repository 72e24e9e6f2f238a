// SPDX-License-Identifier: MIT
/*
 * Subscribes to the events of pv_driver and prints them.
 *
 *   nl_events [--alias ALIAS] [--containers] [--again] [--front] [--deaf]
 *             [--register ALIAS] [--rcvbuf BYTES] [--sockets N]
 *
 * Prints "ready", then "STATE ALIAS" for each change of state, "new ALIAS",
 * "del ALIAS", "overrun", and "ENOBUFS" when recv said so. A generation that
 * does not grow is an error of its own: "backwards ALIAS OLD NEW".
 * --containers: those of containers too, "container-new NAME ID" and
 * "container-del NAME ID".
 * --again: subscribes once more on the same socket, without --containers.
 * --front: registers as a front, and is an ordinary user from then on.
 * --sockets: subscribes N of them, and reads the last.
 * --deaf: reads nothing until standard input ends, then what there is, and
 * ends. Without it, it ends when it is killed.
 * --register: having read what there was, it registers a driver at once.
 */
#include "pvt_nl.h"

#include <sys/socket.h>

static char buf[PVT_BUF];
static uint32_t generation;

static void print_event(const struct nlmsghdr *nlh)
{
	uint32_t kind = pvt_get_u32(nlh, PV_DRIVER_A_EVENT_KIND);
	uint32_t state = pvt_get_u32(nlh, PV_DRIVER_A_STATE);
	uint32_t now = pvt_get_u32(nlh, PV_DRIVER_A_GENERATION);
	const char *alias = pvt_get_str(nlh, PV_DRIVER_A_ALIAS);

	if ((int32_t)(now - generation) < 0)
		printf("backwards %s %u %u\n", alias, generation, now);
	generation = now;
	if (kind == PV_DRIVER_EVENT_KIND_STATE)
		printf("%s %s\n", state < 6 ? pvt_states[state] : "?", alias);
	else if (kind == PV_DRIVER_EVENT_KIND_OVERRUN)
		printf("overrun\n");
	else if (kind == PV_DRIVER_EVENT_KIND_CONTAINER_NEW ||
		 kind == PV_DRIVER_EVENT_KIND_CONTAINER_DEL)
		printf("%s %s %llu\n", pvt_kinds[kind], pvt_get_str(nlh, PV_DRIVER_A_CONTAINER),
		       (unsigned long long)pvt_get_u64(nlh, PV_DRIVER_A_CONTAINER_ID));
	else
		printf("%s %s\n", kind < 4 ? pvt_kinds[kind] : "?", alias);
}

static void subscribe(struct pvt_sock *s, const char *alias, bool containers)
{
	struct nlmsghdr *nlh = pvt_msg(s, buf, PV_DRIVER_CMD_SUBSCRIBE, NLM_F_ACK);
	uint32_t seq = nlh->nlmsg_seq;

	if (alias)
		mnl_attr_put_strz(nlh, PV_DRIVER_A_ALIAS, alias);
	if (containers)
		mnl_attr_put(nlh, PV_DRIVER_A_CONTAINERS, 0, NULL);
	if (pvt_send(s, nlh))
		pvt_die("subscribe", errno);
	for (;;) {
		ssize_t len = pvt_recv(s, buf, sizeof(buf), pvt_now_ms() + 10000);
		const char *text;
		int err;

		if (len < 0)
			pvt_die("subscribe", -len);
		nlh = (struct nlmsghdr *)buf;
		if (nlh->nlmsg_seq != seq)
			continue;
		if (nlh->nlmsg_type != NLMSG_ERROR) {
			generation = pvt_get_u32(nlh, PV_DRIVER_A_GENERATION);
			continue;
		}
		err = pvt_error(nlh, &text);
		if (!err)
			return;
		printf("error=%s\ntext=%s\n", pvt_errname(err), text ? text : "");
		exit(1);
	}
}

static void become_front(struct pvt_sock *s)
{
	int err = pvt_call(s, pvt_msg(s, buf, PV_DRIVER_CMD_FRONT, NLM_F_ACK), false);

	if (err)
		pvt_die("front", err);
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		pvt_die("setresuid", errno);
}

/* Prints what there is until the time given; false when the socket broke. */
static void print_until(struct pvt_sock *s, int64_t until)
{
	for (;;) {
		ssize_t len = pvt_recv(s, buf, sizeof(buf), until);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int left = len;

		if (len == -ETIMEDOUT)
			return;
		if (len < 0) {
			printf("%s\n", pvt_errname(-len));
			continue;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			if (nlh->nlmsg_type == s->family && pvt_cmd_of(nlh) == PV_DRIVER_CMD_EVENT)
				print_event(nlh);
	}
}

static void register_driver(const char *alias)
{
	int fd = open("/sys/class/pv_driver/register", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, alias, strlen(alias)) < 0)
		pvt_die("register", errno);
	close(fd);
}

static void wait_for_end_of_input(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	const char *alias = NULL;
	const char *new_alias = NULL;
	bool containers = false;
	bool again = false;
	bool front = false;
	bool deaf = false;
	int rcvbuf = 0;
	int sockets = 1;
	struct pvt_sock s;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--deaf"))
			deaf = true;
		else if (!strcmp(argv[i], "--containers"))
			containers = true;
		else if (!strcmp(argv[i], "--again"))
			again = true;
		else if (!strcmp(argv[i], "--front"))
			front = true;
		else if (!strcmp(argv[i], "--alias") && i + 1 < argc)
			alias = argv[++i];
		else if (!strcmp(argv[i], "--register") && i + 1 < argc)
			new_alias = argv[++i];
		else if (!strcmp(argv[i], "--rcvbuf") && i + 1 < argc)
			rcvbuf = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--sockets") && i + 1 < argc)
			sockets = atoi(argv[++i]);
		else
			pvt_die(argv[i], EINVAL);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (pvt_open(&s); sockets > 1; sockets--, pvt_open(&s))
		subscribe(&s, alias, containers);
	if (front)
		become_front(&s);
	if (rcvbuf)
		setsockopt(mnl_socket_get_fd(s.nl), SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	subscribe(&s, alias, containers);
	if (again)
		subscribe(&s, alias, false);
	puts("ready");
	if (!deaf)
		print_until(&s, -1);
	wait_for_end_of_input();
	if (new_alias) {
		print_until(&s, pvt_now_ms());
		register_driver(new_alias);
	}
	/* the notice of an overrun follows once there is room again */
	print_until(&s, pvt_now_ms() + 4000);
	return 0;
}
