// SPDX-License-Identifier: MIT
/*
 * Every allocation that a command of pv_bootflag makes fails once.
 *
 * For n = 1, 2, 3, ... the command is asked with /proc/thread-self/fail-nth set
 * to n, until it passes without a fault. Whatever fails on the way:
 *
 *   refused    the stores are what they were before, as sysfs shows them
 *   answered   they are as after a run without a fault
 *   lost       the socket says so (ENOBUFS); they are one of these two
 *
 * and asking once more succeeds. Who has subscribed is told of what took effect, or
 * that something was lost. The count of references of the module is part of what is
 * compared. Splats and leaks are looked for by who runs the tests.
 *
 * A fault reaches this thread alone. What a set writes is written by a work item:
 * there the request is stepped through, not the job.
 *
 * On a kernel without CONFIG_FAULT_INJECTION and FAILSLAB it is skipped.
 *
 * vm: own
 * vm: timeout=300
 */
#include "fail_nth.h"
#include "ktap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/pv_bootflag.h>

#define CLASS		"/sys/class/pv_bootflag"
#define WORDS		"medium=nvmem device=simnvmem size=48 format=log modes=recovery,ota"
#define BUF		(64 * 1024)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum verdict { ANSWERED, REFUSED, LOST, SILENT };
static const char *const verdicts[] = { "answered", "refused", "lost", "silent" };

struct answer {
	enum verdict verdict;
	int err;
};

/**
 * struct op - a command
 * @name: in the result
 * @prepare: makes the state that it starts from
 * @ask: asks it, on the socket `asker`
 * @done: errno of a repetition when it was done before, or 0
 * @heard: event that subscribers get when it takes effect, or -1
 */
struct op {
	const char *name;
	void (*prepare)(void);
	struct answer (*ask)(void);
	int done;
	int heard;
};

static struct mnl_socket *host;		/* makes things as they should be */
static struct mnl_socket *asker;	/* asks while allocations fail; new each time */
static struct mnl_socket *listener;	/* has subscribed */
static uint16_t family;
static uint32_t seq;
static int file_fd = -1;		/* sysfs file that is written to */
static const char *file_text;
static char out[BUF];
static char in[BUF];

/*
 * Asking
 */

static struct mnl_socket *open_sock(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		broken("socket");
	return nl;
}

static void close_sock(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
	*nl = NULL;
}

static void reopen_asker(void)
{
	close_sock(&asker);
	asker = open_sock();
}

static struct nlmsghdr *header(uint16_t type, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = PV_BOOTFLAG_GENL_VERSION;
	return nlh;
}

static struct nlmsghdr *about(uint8_t cmd, const char *name)
{
	struct nlmsghdr *nlh = header(family, cmd, NLM_F_ACK);

	if (name)
		mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_NAME, name);
	return nlh;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static ssize_t receive(struct mnl_socket *nl, int64_t until)
{
	struct pollfd fd = { .fd = mnl_socket_get_fd(nl), .events = POLLIN };
	int64_t left = until - now_ms();
	ssize_t len;

	if (poll(&fd, 1, left > 0 ? (int)left : 0) != 1)
		return -ETIMEDOUT;
	len = mnl_socket_recvfrom(nl, in, sizeof(in));
	return len < 0 ? -errno : len;
}

static uint32_t get_u32(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_get_u32(attr);
	return 0;
}

static uint8_t cmd_of(const struct nlmsghdr *nlh)
{
	return ((const struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->cmd;
}

/* True when that message ends the exchange; @left are answers still to come. */
static bool ends(const struct nlmsghdr *nlh, uint32_t of, int *left, struct answer *a)
{
	if (nlh->nlmsg_seq != of)
		return false;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		a->err = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	else if (nlh->nlmsg_type == NLMSG_DONE)
		a->err = mnl_nlmsg_get_payload_len(nlh) >= sizeof(int) ?
			 -*(const int *)mnl_nlmsg_get_payload(nlh) : 0;
	else if (cmd_of(nlh) == PV_BOOTFLAG_CMD_OUTCOME)
		a->err = (int)get_u32(nlh, PV_BOOTFLAG_A_ERRNO);
	else
		return false;
	--*left;
	if (a->err)
		a->verdict = REFUSED;
	return a->err || !*left;
}

/* Up to the acknowledgement and, when one is to come, the outcome. */
static struct answer exchange(struct mnl_socket *nl, struct nlmsghdr *nlh, bool outcome)
{
	struct answer a = { .verdict = ANSWERED };
	int64_t until = now_ms() + PATIENCE_MS;
	uint32_t of = nlh->nlmsg_seq;
	int answers = 1 + outcome;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		a.err = errno;
		a.verdict = REFUSED;
		return a;
	}
	for (;;) {
		ssize_t len = receive(nl, until);
		const struct nlmsghdr *at = (const struct nlmsghdr *)in;
		int left = (int)len;

		if (len < 0) {
			a.err = (int)-len;
			a.verdict = len == -ETIMEDOUT ? SILENT : LOST;
			return a;
		}
		for (; mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left))
			if (ends(at, of, &answers, &a))
				return a;
	}
}

/* Without a fault: it succeeds, or was done before. */
static void must(struct nlmsghdr *nlh, bool outcome, int done)
{
	struct answer a = exchange(host, nlh, outcome);

	errno = a.err;
	if (a.verdict != ANSWERED && a.err != done)
		broken("a request without a fault is %s", verdicts[a.verdict]);
}

static void find_family(void)
{
	struct nlmsghdr *nlh = header(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	const struct nlattr *attr;
	ssize_t len;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, PV_BOOTFLAG_GENL_NAME);
	if (mnl_socket_sendto(host, nlh, nlh->nlmsg_len) < 0)
		broken("send");
	len = receive(host, now_ms() + PATIENCE_MS);
	if (len < 0)
		broken("no family " PV_BOOTFLAG_GENL_NAME);
	mnl_attr_for_each(attr, (struct nlmsghdr *)in, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family = mnl_attr_get_u16(attr);
}

/*
 * What there is
 */

static void put_file(FILE *f, const char *dir, const char *name)
{
	char path[300], text[600];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, text, sizeof(text));
	close(fd);
	fprintf(f, "%s: %.*s", path, len < 0 ? 0 : (int)len, text);
}

/* What a lost socket had asked for has been done, or never will be. */
static void settle(const char *dir)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/set", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "\n", 1) != 1)
		broken("%s", path);
	close(fd);
}

static void put_store(FILE *f, const char *name)
{
	static const char *const files[] = {
		"spec", "state", "mode", "slot", "tries", "reason", "boot_mode", "boot_slot",
		"boot_tries", "offers", "modes", "guarantee", "error",
	};
	char dir[280];

	snprintf(dir, sizeof(dir), CLASS "/%s", name);
	settle(dir);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put_file(f, dir, files[i]);
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type == DT_LNK;
}

static char *state(void)
{
	struct dirent **names;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int n = scandir(CLASS, &names, no_dots, alphasort);

	if (!f || n < 0)
		broken(CLASS);
	for (int i = 0; i < n; i++) {
		put_store(f, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	put_file(f, "/sys/module/pv_bootflag", "refcnt");
	fclose(f);
	return text;
}

/* What came for the subscriber: a bit a kind. */
static unsigned int heard(void)
{
	unsigned int kinds = 0;
	ssize_t len;

	while ((len = receive(listener, now_ms() + 20)) != -ETIMEDOUT) {
		const struct nlmsghdr *at = (const struct nlmsghdr *)in;
		int left = (int)len;

		if (len < 0)
			kinds |= 1u << PV_BOOTFLAG_EVENT_KIND_OVERRUN;
		for (; len > 0 && mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left))
			if (at->nlmsg_type == family && cmd_of(at) == PV_BOOTFLAG_CMD_EVENT)
				kinds |= 1u << get_u32(at, PV_BOOTFLAG_A_EVENT_KIND);
	}
	return kinds;
}

/*
 * The commands
 */

static struct nlmsghdr *add_msg(const char *name)
{
	struct nlmsghdr *nlh = about(PV_BOOTFLAG_CMD_STORE_ADD, name);

	mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_SPEC, WORDS);
	return nlh;
}

static void put_number(struct nlmsghdr *nlh, uint32_t field, uint64_t number)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, PV_BOOTFLAG_A_VALUE);

	mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_VALUE_FIELD, field);
	mnl_attr_put_u64(nlh, PV_BOOTFLAG_A_VALUE_NUMBER, number);
	mnl_attr_nest_end(nlh, nest);
}

static void put_text(struct nlmsghdr *nlh, uint32_t field, const char *text)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, PV_BOOTFLAG_A_VALUE);

	mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_VALUE_FIELD, field);
	mnl_attr_put_strz(nlh, PV_BOOTFLAG_A_VALUE_TEXT, text);
	mnl_attr_nest_end(nlh, nest);
}

static void del_store(void)
{
	must(about(PV_BOOTFLAG_CMD_STORE_DEL, "r"), false, ENOENT);
	if (file_fd >= 0)
		close(file_fd);
	file_fd = -1;
}

/* Its name is taken until the one before has gone, and that is not waited for. */
static void add_store(void)
{
	int64_t until = now_ms() + PATIENCE_MS;
	struct answer a;

	do {
		a = exchange(host, add_msg("r"), false);
	} while (a.err == EBUSY && now_ms() < until);
	errno = a.err;
	if (a.verdict != ANSWERED)
		broken("store-add without a fault is %s", verdicts[a.verdict]);
}

static void make_store(void)
{
	struct nlmsghdr *nlh;

	add_store();
	nlh = about(PV_BOOTFLAG_CMD_SET, "r");
	put_number(nlh, PV_BOOTFLAG_FIELD_SLOT, 0);
	put_number(nlh, PV_BOOTFLAG_FIELD_TRIES, 2);
	put_text(nlh, PV_BOOTFLAG_FIELD_MODE, "ota");
	must(nlh, true, 0);
}

static void nothing(void)
{
}

static struct answer ask_add(void)
{
	return exchange(asker, add_msg("r"), false);
}

static struct answer ask_del(void)
{
	return exchange(asker, about(PV_BOOTFLAG_CMD_STORE_DEL, "r"), false);
}

static struct answer ask_get(void)
{
	return exchange(asker, about(PV_BOOTFLAG_CMD_STORE_GET, "r"), false);
}

static struct answer ask_get_all(void)
{
	struct answer a = exchange(asker, header(family, PV_BOOTFLAG_CMD_STORE_GET,
						 NLM_F_ACK | NLM_F_DUMP), false);
	unsigned int left = get_fail_nth();

	/* A dump that broke off is the socket's, and holds the module, until that is closed. */
	if (a.verdict != ANSWERED) {
		set_fail_nth(0);
		reopen_asker();
		/* so that it still shows that one did fail */
		set_fail_nth(left);
	}
	return a;
}

static struct answer ask_set(void)
{
	struct nlmsghdr *nlh = about(PV_BOOTFLAG_CMD_SET, "r");

	put_text(nlh, PV_BOOTFLAG_FIELD_MODE, "recovery");
	put_number(nlh, PV_BOOTFLAG_FIELD_SLOT, 1);
	mnl_attr_put_u32(nlh, PV_BOOTFLAG_A_CLEAR, PV_BOOTFLAG_FIELD_TRIES);
	return exchange(asker, nlh, true);
}

static struct answer ask_subscribe(void)
{
	return exchange(asker, about(PV_BOOTFLAG_CMD_SUBSCRIBE, NULL), false);
}

static struct answer ask_writer(void)
{
	return exchange(asker, about(PV_BOOTFLAG_CMD_WRITER, NULL), false);
}

static void open_file(const char *path, const char *text)
{
	file_fd = open(path, O_WRONLY | O_CLOEXEC);
	file_text = text;
	if (file_fd < 0)
		broken("%s", path);
}

static struct answer ask_file(void)
{
	struct answer a = { .verdict = ANSWERED };
	ssize_t len = (ssize_t)strlen(file_text);

	if (pwrite(file_fd, file_text, (size_t)len, 0) != len) {
		a.err = errno;
		a.verdict = REFUSED;
	}
	return a;
}

static void prepare_file_add(void)
{
	open_file(CLASS "/add", "r " WORDS "\n");
}

static void prepare_file_del(void)
{
	make_store();
	open_file(CLASS "/del", "r\n");
}

static void prepare_file_field(void)
{
	make_store();
	open_file(CLASS "/r/mode", "recovery\n");
}

static void prepare_file_set(void)
{
	make_store();
	open_file(CLASS "/r/set", "mode=recovery slot=1 tries= reason=\"one more\"\n");
}

static const struct op ops[] = {
	{ "store-add", nothing, ask_add, 0, PV_BOOTFLAG_EVENT_KIND_NEW },
	{ "store-add, once more", make_store, ask_add, 0, -1 },
	{ "store-del", make_store, ask_del, ENOENT, PV_BOOTFLAG_EVENT_KIND_DEL },
	{ "store-get", make_store, ask_get, 0, -1 },
	{ "store-get, all", make_store, ask_get_all, 0, -1 },
	{ "set", make_store, ask_set, 0, PV_BOOTFLAG_EVENT_KIND_CHANGED },
	{ "subscribe", make_store, ask_subscribe, 0, -1 },
	{ "writer", make_store, ask_writer, 0, -1 },
	{ "sysfs add", prepare_file_add, ask_file, 0, PV_BOOTFLAG_EVENT_KIND_NEW },
	{ "sysfs del", prepare_file_del, ask_file, ENOENT, PV_BOOTFLAG_EVENT_KIND_DEL },
	{ "sysfs mode", prepare_file_field, ask_file, 0, PV_BOOTFLAG_EVENT_KIND_CHANGED },
	{ "sysfs set", prepare_file_set, ask_file, 0, PV_BOOTFLAG_EVENT_KIND_CHANGED },
};

/*
 * Stepping through
 */

struct model {
	char *before;
	char *after;
};

static void prepare(const struct op *op)
{
	op->prepare();
	reopen_asker();
	heard();
}

static void learn(const struct op *op, struct model *m)
{
	struct answer a;

	prepare(op);
	m->before = state();
	a = op->ask();
	errno = a.err;
	if (a.verdict != ANSWERED)
		broken("%s without a fault is %s", op->name, verdicts[a.verdict]);
	m->after = state();
	del_store();
}

static bool unexpected(const struct op *op, unsigned int nth, struct answer a, const char *what,
		       const char *want, const char *got)
{
	ktap_fail("%s: %s", op->name, what);
	printf("# allocation %u failed; %s, %s\n# expected:\n%s\n# got:\n%s\n", nth,
	       verdicts[a.verdict], strerrorname_np(a.err) ?: "0", want, got);
	return false;
}

/* The fault is over. Is all as the answer says, and does it work now? */
static bool judge(const struct op *op, const struct model *m, unsigned int nth, struct answer a)
{
	char *now = state();
	bool before = !strcmp(now, m->before), after = !strcmp(now, m->after);
	struct answer again;
	bool ok = true;

	if (a.verdict == SILENT)
		ok = unexpected(op, nth, a, "no answer", "one", "none");
	else if (a.verdict == REFUSED && !before)
		ok = unexpected(op, nth, a, "refused, and yet", m->before, now);
	else if (a.verdict == ANSWERED && !after)
		ok = unexpected(op, nth, a, "answered, but", m->after, now);
	else if (!before && !after)
		ok = unexpected(op, nth, a, "neither done nor not", m->after, now);
	free(now);
	if (!ok)
		return false;

	reopen_asker();
	again = op->ask();
	if (again.verdict != ANSWERED && again.err != op->done)
		return unexpected(op, nth, again, "asked once more", "success", "none");
	now = state();
	if (strcmp(now, m->after))
		ok = unexpected(op, nth, again, "asked once more", m->after, now);
	free(now);
	return ok;
}

/* True: it failed as it should, and there is more to come. */
static bool fail_one(const struct op *op, const struct model *m, unsigned int nth,
		     unsigned int *counts)
{
	unsigned int kinds, lost = 1u << PV_BOOTFLAG_EVENT_KIND_OVERRUN;
	struct answer a;
	bool failed, ok;

	prepare(op);
	set_fail_nth(nth);
	a = op->ask();
	failed = !get_fail_nth();
	set_fail_nth(0);

	ok = judge(op, m, nth, a);
	/* What comes after tells of what was lost. */
	del_store();
	add_store();
	del_store();
	kinds = heard();
	if (ok && op->heard >= 0 && !(kinds & (1u << op->heard | lost)))
		ok = unexpected(op, nth, a, "a subscriber", "was told", "was not");
	if (ok && failed)
		counts[a.verdict]++;
	else if (ok)
		ktap_pass("%s # allocations: %u, refused %u, answered %u, lost %u", op->name,
			  nth - 1, counts[REFUSED], counts[ANSWERED], counts[LOST]);
	return ok && failed;
}

static void step(const struct op *op)
{
	unsigned int counts[ARRAY_SIZE(verdicts)] = { 0 };
	unsigned int nth = 1;
	struct model m;

	learn(op, &m);
	while (nth < MAX_NTH && fail_one(op, &m, nth, counts))
		nth++;
	if (nth == MAX_NTH)
		ktap_fail("%s: no end of allocations", op->name);
	free(m.before);
	free(m.after);
}

/*
 * All of it
 */

int main(void)
{
	need_faults();
	ktap_plan(ARRAY_SIZE(ops));
	run((const char *const[]){ "modprobe", "pv_bootflag", NULL });
	run((const char *const[]){ "modprobe", "simnvmem", NULL });
	set_up_faults();
	host = open_sock();
	find_family();
	listener = open_sock();
	if (exchange(listener, about(PV_BOOTFLAG_CMD_SUBSCRIBE, NULL), false).err)
		broken("subscribe");

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		step(&ops[i]);

	close_sock(&asker);
	close_sock(&listener);
	close_sock(&host);
	run((const char *const[]){ "rmmod", "pv_bootflag", NULL });
	run((const char *const[]){ "rmmod", "simnvmem", NULL });
	return ktap_finish();
}
