// SPDX-License-Identifier: MIT
/*
 * libs: libnl-genl-3.0
 *
 * An independent client of pv_driver, on libnl-genl-3 and the uapi header
 * alone: registers a driver, subscribes, loads it, and expects the events
 * loading and loaded, the outcome, then the same for unload.
 *
 *   libnl_events ALIAS LINE
 *
 * Prints KTAP.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/pv_driver.h>

#define SECONDS 20

struct seen {
	char events[128];	/* states in the order told, each with a space */
	int outcome;		/* errno, or -1 for none yet */
	uint32_t outcome_seq;
	uint32_t request_seq;
	bool acked;
	int refused;		/* errno */
};

static const char *const states[] = {
	"unloaded", "loading", "loaded", "unloading", "failed", "unknown"
};

static int failures;

__attribute__((format(printf, 3, 4))) static void result(bool ok, int n, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d ", ok ? "ok" : "not ok", n);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failures += !ok;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *genl = genlmsg_hdr(nlmsg_hdr(msg));
	struct nlattr *attrs[PV_DRIVER_A_MAX + 1];
	struct seen *seen = arg;
	size_t used = strlen(seen->events);

	if (genlmsg_parse(nlmsg_hdr(msg), 0, attrs, PV_DRIVER_A_MAX, NULL))
		return NL_SKIP;
	if (genl->cmd == PV_DRIVER_CMD_OUTCOME) {
		seen->outcome = 0;
		if (attrs[PV_DRIVER_A_ERRNO])
			seen->outcome = nla_get_u32(attrs[PV_DRIVER_A_ERRNO]);
		seen->outcome_seq = nlmsg_hdr(msg)->nlmsg_seq;
	} else if (genl->cmd == PV_DRIVER_CMD_EVENT && attrs[PV_DRIVER_A_STATE] &&
		   nla_get_u32(attrs[PV_DRIVER_A_EVENT_KIND]) == PV_DRIVER_EVENT_KIND_STATE) {
		snprintf(seen->events + used, sizeof(seen->events) - used, "%s ",
			 states[nla_get_u32(attrs[PV_DRIVER_A_STATE]) % 6]);
	}
	return NL_OK;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct seen *seen = arg;

	(void)msg;
	seen->acked = true;
	return NL_OK;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct seen *seen = arg;

	(void)from;
	seen->acked = true;
	seen->refused = -err->error;
	return NL_SKIP;
}

/* Outcomes carry the sequence number of their request, events carry 0. */
static int no_seq_check(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/*
 * Sends and waits for the ACK. Not with nl_wait_for_ack(): that one returns
 * after the first message, and a reply or an event may come before the ACK.
 */
static bool request(struct nl_sock *sk, int family, struct seen *seen, uint8_t cmd,
		    const char *alias, const char *line)
{
	struct nl_msg *msg = nlmsg_alloc();
	int err;

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, cmd,
				 PV_DRIVER_GENL_VERSION))
		return false;
	nla_put_string(msg, PV_DRIVER_A_ALIAS, alias);
	if (line)
		nla_put_string(msg, PV_DRIVER_A_LINE, line);
	seen->acked = false;
	seen->refused = 0;
	err = nl_send_auto(sk, msg);
	seen->request_seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	if (err < 0) {
		printf("# could not send: %s\n", nl_geterror(err));
		return false;
	}
	for (int i = 0; i < SECONDS && !seen->acked; i++)
		nl_recvmsgs_default(sk);
	if (!seen->acked || seen->refused)
		printf("# %s\n", seen->acked ? strerror(seen->refused) : "no ACK");
	return seen->acked && !seen->refused;
}

static bool wait_for(struct nl_sock *sk, struct seen *seen, const char *events)
{
	for (int i = 0; i < SECONDS; i++) {
		if (!strcmp(seen->events, events) && seen->outcome == 0 &&
		    seen->outcome_seq == seen->request_seq)
			return true;
		/* returns after a second without a message: see SO_RCVTIMEO */
		nl_recvmsgs_default(sk);
	}
	printf("# expected events: %s\n# got: %s, outcome %d of request %u, not %u\n", events,
	       seen->events, seen->outcome, seen->outcome_seq, seen->request_seq);
	return false;
}

static bool round_half(struct nl_sock *sk, int family, struct seen *seen, uint8_t cmd,
		       const char *alias, const char *events)
{
	seen->events[0] = '\0';
	seen->outcome = -1;
	return request(sk, family, seen, cmd, alias, NULL) && wait_for(sk, seen, events);
}

int main(int argc, char **argv)
{
	struct timeval second = { .tv_sec = 1 };
	struct seen seen = { .outcome = -1 };
	struct nl_sock *sk = nl_socket_alloc();
	int family;

	if (argc != 3) {
		fprintf(stderr, "libnl_events ALIAS LINE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..6\n");
	if (!sk || genl_connect(sk)) {
		printf("Bail out! no generic netlink\n");
		return 1;
	}
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_message, &seen);
	nl_socket_modify_cb(sk, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &seen);
	nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, on_error, &seen);
	nl_socket_modify_cb(sk, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_seq_check, NULL);
	setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));

	family = genl_ctrl_resolve(sk, PV_DRIVER_GENL_NAME);
	result(family > 0, 1, "libnl resolves the family");
	result(request(sk, family, &seen, PV_DRIVER_CMD_DRIVER_NEW, argv[1], argv[2]), 2,
	       "libnl registers driver %s as '%s'", argv[1], argv[2]);
	result(request(sk, family, &seen, PV_DRIVER_CMD_SUBSCRIBE, argv[1], NULL), 3,
	       "libnl subscribes to %s", argv[1]);
	result(round_half(sk, family, &seen, PV_DRIVER_CMD_LOAD, argv[1], "loading loaded "), 4,
	       "libnl loads it and receives loading, loaded and the outcome");
	result(round_half(sk, family, &seen, PV_DRIVER_CMD_UNLOAD, argv[1], "unloading unloaded "),
	       5, "libnl unloads it and receives unloading, unloaded and the outcome");
	result(request(sk, family, &seen, PV_DRIVER_CMD_DRIVER_DEL, argv[1], NULL), 6,
	       "libnl removes the driver");
	nl_socket_free(sk);
	return failures ? 1 : 0;
}
