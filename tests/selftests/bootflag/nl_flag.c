// SPDX-License-Identifier: MIT
/*
 * Raw netlink to pv_bootflag, well-formed or not, and what comes back. It stands
 * apart from user/lib on purpose: it sends what a well-behaved client never would,
 * and does not share a mistake with the client.
 *
 *   nl_flag [OPTION...] CMD [ATTR...]    one request
 *   nl_flag watch [NAME]                 subscribe, and print what comes
 *   nl_flag uevents                      print uevents of pv_bootflag, a line each
 *   nl_flag poll FILE                    print its first line at each POLLPRI
 *
 *   CMD             store-add, store-del, store-get, set, subscribe, writer, or a
 *                   number
 *   name=X spec=X generation=N text=X force    attributes of these names
 *   FIELD=VALUE     a value to set: a number if it looks like one (text:FIELD=VALUE,
 *                   number:FIELD=VALUE: whatever it looks like); FIELD may be a
 *                   number too
 *   clear=FIELD     a field to unset
 *   N:hex=BYTES     attribute number N with exactly these bytes
 *   --dump          ask for all
 *   --wait MS       wait for the outcome message, too
 *   --no-ack        send, and end without waiting
 *   --repeat N      the same request N times over before reading
 *   --then CMD      close the socket and open another for the next request, which
 *                   follows: CMD ATTR...
 *   --drop          give up all capabilities after the first request; for --again
 *   --again CMD     the next request on the same socket: CMD ATTR...
 *
 * Prints what comes, one attribute a line (FIELD=VALUE, boot_FIELD=VALUE), "--"
 * between the parts of a dump, then error=NAME and text=... if it was refused, and
 * outcome=NAME (0: all went well) with its attributes if it was waited for.
 * Exit status: 0 success, 1 refused or failed, 2 could not ask, 3 no answer.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/pv_bootflag.h>

#define BUF	(64 * 1024)

static const char *const cmds[] = {
	"", "store-add", "store-del", "store-get", "set", "outcome", "subscribe", "event",
	"writer", NULL
};
static const char *const fields[] = {
	"", "mode", "slot", "tries", "successful", "reason", "cursor", "phase", "failures",
	"armed", NULL
};
static const char *const states[] = {
	"absent", "empty", "ready", "foreign", "broken", "failed", NULL
};
static const char *const kinds[] = { "new", "del", "changed", "overrun", NULL };
static const char *const stats[] = {
	"", "sets", "unchanged", "programs", "program-bytes", "erases", "limited", "errors", NULL
};

static struct mnl_socket *nl;
static uint16_t family;
static char out[BUF];
static char in[BUF];

static bool dump, no_ack, drop;
static int wait_ms, repeat = 1;

static void die(const char *what, int err)
{
	fprintf(stderr, "nl_flag: %s%s%s\n", what, err ? ": " : "", err ? strerror(err) : "");
	exit(2);
}

static int find(const char *const *names, const char *name, size_t len)
{
	for (int i = 0; names[i]; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return i;
	return -1;
}

static const char *name_of(const char *const *names, uint32_t i)
{
	for (uint32_t n = 0; names[n]; n++)
		if (n == i)
			return names[n];
	return "?";
}

static const char *errname(int err)
{
	const char *name = err ? strerrorname_np(err) : "0";

	return name ? name : "?";
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static ssize_t receive(int64_t until)
{
	struct pollfd fd = { .fd = mnl_socket_get_fd(nl), .events = POLLIN };
	int64_t left = until - now_ms();
	ssize_t len;

	if (poll(&fd, 1, until < 0 ? -1 : left > 0 ? (int)left : 0) != 1)
		return -ETIMEDOUT;
	len = mnl_socket_recvfrom(nl, in, sizeof(in));
	return len < 0 ? -errno : len;
}

static struct nlmsghdr *header(uint16_t type, uint8_t cmd, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = PV_BOOTFLAG_GENL_VERSION;
	return nlh;
}

static int family_cb(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;

	(void)arg;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static void open_socket(void)
{
	struct nlmsghdr *nlh;
	int one = 1;
	ssize_t len;

	nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		die("socket", errno);
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one, sizeof(one));
	nlh = header(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, PV_BOOTFLAG_GENL_NAME);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		die("send", errno);
	len = receive(now_ms() + 5000);
	if (len < 0 || mnl_cb_run(in, len, 1, 0, family_cb, NULL) < 0 || !family)
		die("no family " PV_BOOTFLAG_GENL_NAME, 0);
}

/* --- what is asked --------------------------------------------------------------- */

static void put_hex(struct nlmsghdr *nlh, uint16_t type, const char *hex)
{
	unsigned char bytes[4096];
	unsigned int byte;
	size_t n = 0;

	for (; *hex && n < sizeof(bytes) && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[n++] = byte;
	mnl_attr_put(nlh, type, n, bytes);
}

static uint32_t field_number(const char *name, size_t len)
{
	int i = find(fields, name, len);

	return i > 0 ? (uint32_t)i : strtoul(name, NULL, 0);
}

static void put_value(struct nlmsghdr *nlh, const char *arg)
{
	bool text = !strncmp(arg, "text:", 5), number = !strncmp(arg, "number:", 7);
	struct nlattr *nest;
	const char *value;

	arg += text ? 5 : number ? 7 : 0;
	value = strchr(arg, '=');
	if (!value)
		die("an attribute is NAME=VALUE", 0);
	number = number || (!text && isdigit(value[1]));
	nest = mnl_attr_nest_start(nlh, PV_BOOTFLAG_A_VALUE);
	mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_VALUE_FIELD, field_number(arg, value - arg));
	if (number)
		mnl_attr_put_u64(nlh, PV_BOOTFLAG_A_VALUE_NUMBER, strtoull(value + 1, NULL, 0));
	else
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_VALUE_TEXT, value + 1);
	mnl_attr_nest_end(nlh, nest);
}

static void put_attr(struct nlmsghdr *nlh, const char *arg)
{
	const char *hex = strstr(arg, ":hex=");

	if (hex)
		put_hex(nlh, strtoul(arg, NULL, 0), hex + 5);
	else if (!strncmp(arg, "name=", 5))
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_NAME, arg + 5);
	else if (!strncmp(arg, "spec=", 5))
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_SPEC, arg + 5);
	else if (!strncmp(arg, "text=", 5))
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_TEXT, arg + 5);
	else if (!strncmp(arg, "generation=", 11))
		mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_GENERATION, strtoul(arg + 11, NULL, 0));
	else if (!strncmp(arg, "clear=", 6))
		mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_CLEAR, field_number(arg + 6, strlen(arg + 6)));
	else if (!strcmp(arg, "force"))
		mnl_attr_put(nlh, PV_BOOTFLAG_A_FORCE, 0, NULL);
	else
		put_value(nlh, arg);
}

/* --- what comes ------------------------------------------------------------------ */

static void print_value(const char *prefix, const struct nlattr *nest)
{
	const char *text = NULL;
	uint64_t number = 0;
	uint32_t field = 0;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == PV_BOOTFLAG_A_VALUE_FIELD)
			field = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == PV_BOOTFLAG_A_VALUE_NUMBER)
			number = mnl_attr_get_u64(attr);
		else if (mnl_attr_get_type(attr) == PV_BOOTFLAG_A_VALUE_TEXT)
			text = mnl_attr_get_str(attr);
	}
	if (text)
		printf("%s%s=%s\n", prefix, name_of(fields, field), text);
	else
		printf("%s%s=%llu\n", prefix, name_of(fields, field), (unsigned long long)number);
}

static void print_stats(const struct nlattr *nest)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) != PV_BOOTFLAG_A_STATS_PAD)
			printf("%s=%llu\n", name_of(stats, mnl_attr_get_type(attr)),
			       (unsigned long long)mnl_attr_get_u64(attr));
}

static void print_attr(const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case PV_BOOTFLAG_A_NAME:
		printf("name=%s\n", mnl_attr_get_str(attr));
		break;
	case PV_BOOTFLAG_A_SPEC:
		printf("spec=%s\n", mnl_attr_get_str(attr));
		break;
	case PV_BOOTFLAG_A_STATE:
		printf("state=%s\n", name_of(states, mnl_attr_get_u32(attr)));
		break;
	case PV_BOOTFLAG_A_GENERATION:
		printf("generation=%u\n", mnl_attr_get_u32(attr));
		break;
	case PV_BOOTFLAG_A_VALUE:
		print_value("", attr);
		break;
	case PV_BOOTFLAG_A_BOOT_VALUE:
		print_value("boot_", attr);
		break;
	case PV_BOOTFLAG_A_OFFERS:
		printf("offers=%#x\n", mnl_attr_get_u32(attr));
		break;
	case PV_BOOTFLAG_A_GUARANTEE:
		printf("guarantee=%#x\n", mnl_attr_get_u32(attr));
		break;
	case PV_BOOTFLAG_A_MEDIUM:
		printf("medium=%s\n", mnl_attr_get_str(attr));
		break;
	case PV_BOOTFLAG_A_FORMAT:
		printf("format=%s\n", mnl_attr_get_str(attr));
		break;
	case PV_BOOTFLAG_A_MODE_NAME:
		printf("mode-name=%s\n", mnl_attr_get_str(attr));
		break;
	case PV_BOOTFLAG_A_STATS:
		print_stats(attr);
		break;
	case PV_BOOTFLAG_A_ERRNO:
		printf("errno=%s\n", errname(mnl_attr_get_u32(attr)));
		break;
	case PV_BOOTFLAG_A_TEXT:
		printf("text=%s\n", mnl_attr_get_str(attr));
		break;
	}
}

static uint32_t get_u32(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_get_u32(attr);
	return 0;
}

static void print_message(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		print_attr(attr);
}

/* Of an ACK or a refusal. */
static int print_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*err);
	const struct nlattr *attr;
	const char *text = "";

	if (!err->error)
		return 0;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_for_each(attr, nlh, skip)
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
				text = mnl_attr_get_str(attr);
	printf("error=%s\ntext=%s\n", errname(-err->error), text);
	return 1;
}

struct progress {
	int acks;
	int outcomes;
	int status;
};

static void take(const struct nlmsghdr *nlh, struct progress *p)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		p->acks--;
		if (print_error(nlh)) {
			p->status = 1;
			p->outcomes -= p->outcomes > 0;
		}
	} else if (nlh->nlmsg_type == NLMSG_DONE) {
		p->acks--;
	} else if (genl->cmd == PV_BOOTFLAG_CMD_OUTCOME) {
		p->outcomes--;
		printf("outcome=%s\n", errname(get_u32(nlh, PV_BOOTFLAG_A_ERRNO)));
		print_message(nlh);
		if (get_u32(nlh, PV_BOOTFLAG_A_ERRNO))
			p->status = 1;
	} else {
		print_message(nlh);
		if (dump)
			puts("--");
	}
}

/* Until each request is answered, and its outcome is there if it has one that is wanted. */
static int answers(bool outcome)
{
	int64_t until = now_ms() + (wait_ms ? wait_ms : 10000);
	struct progress p = { repeat, outcome ? repeat : 0, 0 };

	while (p.acks > 0 || p.outcomes > 0) {
		ssize_t len = receive(until);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		int left = (int)len;

		if (len < 0) {
			printf("error=%s\ntext=no answer\n", errname((int)-len));
			return 3;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			take(nlh, &p);
	}
	return p.status;
}

static int one_request(const char *name, int argc, char **argv)
{
	int cmd = find(cmds, name, strlen(name));
	struct nlmsghdr *nlh;

	nlh = header(family, cmd >= 0 ? cmd : atoi(name),
		     NLM_F_ACK | (dump ? NLM_F_DUMP : 0), 100);
	for (int i = 0; i < argc; i++)
		put_attr(nlh, argv[i]);
	for (int i = 0; i < repeat; i++, nlh->nlmsg_seq++)
		if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
			die("send", errno);
	return no_ack ? 0 : answers(wait_ms && cmd == PV_BOOTFLAG_CMD_SET);
}

/* --- watch ----------------------------------------------------------------------- */

static void print_event(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const char *name = "-";

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		if (!print_error(nlh))
			puts("ready");
		return;
	}
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || genl->cmd != PV_BOOTFLAG_CMD_EVENT)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(*genl))
		if (mnl_attr_get_type(attr) == PV_BOOTFLAG_A_NAME)
			name = mnl_attr_get_str(attr);
	printf("%s %s %s\n", name_of(kinds, get_u32(nlh, PV_BOOTFLAG_A_EVENT_KIND)), name,
	       name_of(states, get_u32(nlh, PV_BOOTFLAG_A_STATE)));
}

static _Noreturn void watch(const char *name)
{
	struct nlmsghdr *nlh = header(family, PV_BOOTFLAG_CMD_SUBSCRIBE, NLM_F_ACK, 100);

	if (name)
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_NAME, name);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		die("send", errno);
	for (;;) {
		ssize_t len = receive(-1);
		int left = (int)len;

		if (len == -ENOBUFS) {
			puts("lost");
			continue;
		}
		if (len < 0)
			die("receive", (int)-len);
		for (nlh = (struct nlmsghdr *)in; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			print_event(nlh);
		fflush(stdout);
	}
}

/* --- what comes otherwise --------------------------------------------------------- */

static _Noreturn void uevents(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	ssize_t len;

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		die("uevents", errno);
	puts("ready");
	for (;;) {
		fflush(stdout);
		len = recv(fd, in, sizeof(in) - 1, 0);
		if (len < 0)
			die("uevents", errno);
		in[len] = '\0';
		if (!strstr(in, "/pv_bootflag/"))
			continue;
		for (char *word = in; word < in + len; word += strlen(word) + 1)
			printf("%s%s", word == in ? "" : " ", word);
		puts("");
	}
}

static _Noreturn void poll_file(const char *path)
{
	struct pollfd fd = { .fd = open(path, O_RDONLY | O_CLOEXEC), .events = POLLPRI };
	bool first = true;
	ssize_t len;

	if (fd.fd < 0)
		die(path, errno);
	for (;;) {
		len = pread(fd.fd, in, sizeof(in) - 1, 0);
		if (len < 0)
			die(path, errno);
		in[len] = '\0';
		fputs(first ? "ready\n" : in, stdout);
		fflush(stdout);
		first = false;
		if (poll(&fd, 1, -1) != 1)
			die("poll", errno);
	}
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (syscall(SYS_capset, &head, none))
		die("capset", errno);
}

static int option(char **argv, int left)
{
	if (!strcmp(argv[0], "--dump"))
		dump = true;
	else if (!strcmp(argv[0], "--no-ack"))
		no_ack = true;
	else if (!strcmp(argv[0], "--drop"))
		drop = true;
	else if (!strcmp(argv[0], "--wait") && left > 1)
		wait_ms = atoi(argv[1]);
	else if (!strcmp(argv[0], "--repeat") && left > 1)
		repeat = atoi(argv[1]);
	else
		die("unknown option", 0);
	return !strcmp(argv[0], "--wait") || !strcmp(argv[0], "--repeat") ? 2 : 1;
}

int main(int argc, char **argv)
{
	int i = 1, from, status = 0;

	while (i < argc && !strncmp(argv[i], "--", 2))
		i += option(argv + i, argc - i);
	if (i >= argc)
		die("which command?", 0);
	if (!strcmp(argv[i], "uevents"))
		uevents();
	if (!strcmp(argv[i], "poll") && i + 1 < argc)
		poll_file(argv[i + 1]);
	open_socket();
	if (!strcmp(argv[i], "watch"))
		watch(i + 1 < argc ? argv[i + 1] : NULL);
	while (i < argc) {
		for (from = i++; i < argc && strncmp(argv[i], "--", 2);)
			i++;
		status = one_request(argv[from], i - from - 1, argv + from + 1);
		if (drop)
			drop_capabilities();
		if (i < argc && !strcmp(argv[i], "--then")) {
			mnl_socket_close(nl);
			open_socket();
		}
		i++;
	}
	return status;
}
