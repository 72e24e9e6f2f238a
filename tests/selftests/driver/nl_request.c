// SPDX-License-Identifier: MIT
/*
 * One netlink request to pv_driver, well-formed or not, and what comes back.
 *
 *   nl_request [OPTION...] CMD [ATTR=VALUE...]
 *
 *   CMD             name as in the YAML spec, or a number
 *   NAME=VALUE      attribute with its own type; entry=ALIAS:TYPE is a nest;
 *                   cgroup-fd=PATH and fd=PATH open PATH, pid=self is us
 *   NAME:hex=BYTES  attribute with exactly these bytes as its payload
 *   N:hex=BYTES     attribute number N
 *   --dump          ask for all
 *   --no-ack        send, and end without waiting
 *   --wait MS       wait for the outcome message, too
 *   --repeat N      the same request N times over before reading
 *   --version N     of the family, instead of 1
 *   --cut N         send a message that is N bytes shorter than it says
 *   --pretend N     add N to the length of the last attribute
 *
 * Prints what comes, one attribute a line, "--" between the parts of a dump,
 * then error=NAME and text=... if it was refused, and outcome=NAME (0: all
 * went well) with its attributes if it was waited for.
 * Exit status: 0 success, 1 refused or failed, 2 could not ask, 3 no answer.
 */
#include "pvt_nl.h"

struct options {
	bool dump;
	bool no_ack;
	int wait_ms;
	int repeat;
	int version;
	int cut;
	int pretend;
};

static char out[PVT_BUF];
static char in[PVT_BUF];

static void usage(const char *what)
{
	fprintf(stderr, "nl_request: %s\n", what);
	exit(2);
}

static size_t unhex(const char *hex, unsigned char *bytes, size_t size)
{
	size_t n = 0;
	unsigned int byte;

	while (hex[0] && n < size && sscanf(hex, "%2x", &byte) == 1) {
		bytes[n++] = byte;
		hex += 2;
	}
	return n;
}

static uint32_t number(const struct pvt_attr *a, const char *value)
{
	int i = a->names ? pvt_index(a->names, value) : -1;

	if (i >= 0)
		return i;
	if (!strcmp(value, "self"))
		return getpid();
	if (value[0] == '/') {
		i = open(value, O_RDONLY | O_CLOEXEC);
		if (i < 0)
			pvt_die(value, errno);
		return i;
	}
	return strtoul(value, NULL, 0);
}

static void put_entry(struct nlmsghdr *nlh, char *value)
{
	char *type = strrchr(value, ':');
	struct nlattr *nest;
	int i;

	if (!type)
		usage("entry=ALIAS:TYPE");
	*type++ = '\0';
	i = pvt_index(pvt_types, type);
	nest = mnl_attr_nest_start(nlh, PV_DRIVER_A_ENTRY);
	mnl_attr_put_strz(nlh, PV_DRIVER_A_ENTRY_ALIAS, value);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_ENTRY_TYPE, i >= 0 ? i : atoi(type));
	mnl_attr_nest_end(nlh, nest);
}

static void put_hex(struct nlmsghdr *nlh, const char *name, const char *hex)
{
	static unsigned char bytes[60000];
	const struct pvt_attr *a = pvt_attr_by_name(name);
	uint16_t type = a ? a->type : strtoul(name, NULL, 0);

	mnl_attr_put(nlh, type, unhex(hex, bytes, sizeof(bytes)), bytes);
}

static void put_attr(struct nlmsghdr *nlh, char *arg)
{
	char *value = strchr(arg, '=');
	const struct pvt_attr *a;
	char *hex;

	if (!value)
		usage("an attribute is NAME=VALUE");
	*value++ = '\0';
	hex = strstr(arg, ":hex");
	if (hex) {
		*hex = '\0';
		put_hex(nlh, arg, value);
		return;
	}
	a = pvt_attr_by_name(arg);
	if (!a)
		usage("no such attribute");
	if (a->kind == PVT_STR)
		mnl_attr_put_strz(nlh, a->type, value);
	else if (a->kind == PVT_U32)
		mnl_attr_put_u32(nlh, a->type, number(a, value));
	else if (a->kind == PVT_U64)
		mnl_attr_put_u64(nlh, a->type, strtoull(value, NULL, 0));
	else if (a->kind == PVT_FLAG)
		mnl_attr_put(nlh, a->type, 0, NULL);
	else if (a->kind == PVT_ENTRY)
		put_entry(nlh, value);
	else
		usage("that attribute cannot be sent");
}

static void print_message(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		pvt_print_attr(attr);
}

static int print_error(const struct nlmsghdr *nlh)
{
	const char *text;
	int err = pvt_error(nlh, &text);

	if (err)
		printf("error=%s\ntext=%s\n", pvt_errname(err), text ? text : "");
	return err ? 1 : 0;
}

static void print_outcome(const struct nlmsghdr *nlh)
{
	printf("outcome=%s\n", pvt_errname(pvt_get_u32(nlh, PV_DRIVER_A_ERRNO)));
	print_message(nlh);
}

/* A dump that is refused says so in its last message. */
static int print_done(const struct nlmsghdr *nlh)
{
	size_t skip = sizeof(int);
	const char *text = "";
	const struct nlattr *attr;
	int err = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= skip)
		err = -*(const int *)mnl_nlmsg_get_payload(nlh);
	if (err <= 0)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_for_each(attr, nlh, skip)
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
				text = mnl_attr_get_str(attr);
	printf("error=%s\ntext=%s\n", pvt_errname(err), text);
	return 1;
}

/*
 * Reads until every request is answered: by its ACK, by NLMSG_DONE for a dump,
 * and by its outcome when that is wanted and the ACK was not a refusal. An
 * outcome may come before the ACK: a load with nothing to do ends at once.
 */
static int answers(struct pvt_sock *s, const struct options *opt)
{
	int64_t until = pvt_now_ms() + (opt->wait_ms ? opt->wait_ms : 10000);
	int acks = opt->repeat;
	int outcomes = opt->wait_ms ? opt->repeat : 0;
	int status = 0;

	while (acks > 0 || outcomes > 0) {
		ssize_t len = pvt_recv(s, in, sizeof(in), until);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		int left = len;

		if (len < 0) {
			printf("error=%s\ntext=no answer\n", pvt_errname(-len));
			return 3;
		}
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				acks--;
				if (print_error(nlh)) {
					status = 1;
					outcomes -= outcomes > 0;
				}
			} else if (nlh->nlmsg_type == NLMSG_DONE) {
				acks--;
				status |= print_done(nlh);
			} else if (pvt_cmd_of(nlh) == PV_DRIVER_CMD_OUTCOME) {
				outcomes--;
				print_outcome(nlh);
				if (pvt_get_u32(nlh, PV_DRIVER_A_ERRNO))
					status = 1;
			} else {
				print_message(nlh);
				if (opt->dump)
					puts("--");
			}
		}
	}
	return status;
}

static int option(struct options *opt, int argc, char **argv)
{
	const struct {
		const char *name;
		int *value;
	} numbers[] = {
		{ "--wait", &opt->wait_ms },   { "--repeat", &opt->repeat },
		{ "--version", &opt->version }, { "--cut", &opt->cut },
		{ "--pretend", &opt->pretend },
	};

	if (!strcmp(argv[0], "--dump")) {
		opt->dump = true;
		return 1;
	}
	if (!strcmp(argv[0], "--no-ack")) {
		opt->no_ack = true;
		return 1;
	}
	for (size_t i = 0; i < PVT_ARRAY_SIZE(numbers); i++) {
		if (!strcmp(argv[0], numbers[i].name) && argc > 1) {
			*numbers[i].value = atoi(argv[1]);
			return 2;
		}
	}
	usage("unknown option");
	return 0;
}

static void send_all(struct pvt_sock *s, const struct options *opt, struct nlmsghdr *nlh)
{
	for (int i = 0; i < opt->repeat; i++) {
		ssize_t n = mnl_socket_sendto(s->nl, nlh, nlh->nlmsg_len - opt->cut);

		if (n < 0)
			pvt_die("send", errno);
		nlh->nlmsg_seq++;
	}
}

int main(int argc, char **argv)
{
	struct options opt = { .repeat = 1, .version = PV_DRIVER_GENL_VERSION };
	struct pvt_sock s;
	struct nlmsghdr *nlh;
	char *last = NULL;
	int cmd;
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i += option(&opt, argc - i, argv + i);
	if (i >= argc)
		usage("which command?");
	cmd = pvt_index(pvt_cmds, argv[i]);
	if (cmd < 0)
		cmd = strtol(argv[i], NULL, 0);
	pvt_open(&s);
	nlh = pvt_header(out, s.family, cmd, opt.version, NLM_F_ACK | (opt.dump ? NLM_F_DUMP : 0),
			 100);
	while (++i < argc) {
		last = mnl_nlmsg_get_payload_tail(nlh);
		put_attr(nlh, argv[i]);
	}
	if (last)
		((struct nlattr *)last)->nla_len += opt.pretend;
	send_all(&s, &opt, nlh);
	return opt.no_ack ? 0 : answers(&s, &opt);
}
