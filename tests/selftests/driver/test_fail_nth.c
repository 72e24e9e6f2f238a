// SPDX-License-Identifier: MIT
/*
 * Every allocation that a command of pv_driver makes fails once.
 *
 * For n = 1, 2, 3, ... the command is asked with /proc/thread-self/fail-nth set
 * to n, until it passes without a fault. Whatever fails on the way:
 *
 *   refused    the state is what it was before, as everybody sees it
 *   answered   the state, and the answer, are those of a run without a fault
 *   lost       the socket says so (ENOBUFS); the state is one of these two
 *
 * and asking once more succeeds. The state is what drivers, containers and the
 * status say over netlink, sysfs, and the modules with their reference counts,
 * pv_driver's own among them: a use or a call that is lost shows there. Splats
 * and leaks are looked for by who runs the tests.
 *
 * A fault reaches this thread alone. What a load or unload does, it does in a
 * work item: there the request is stepped through, not the job.
 *
 * On a kernel without CONFIG_FAULT_INJECTION and FAILSLAB it is skipped.
 *
 * vm: timeout=300
 */
#include "pvt_nl.h"
#include "fail_nth.h"
#include "ktap.h"

#include <ctype.h>
#include <dirent.h>
#include <mntent.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CLASS		"/sys/class/pv_driver"
#define ALIAS		"pvt-fail"
#define BOX		"pvt-fail-box"

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
 * @look: adds to the state what only this command changes; or NULL
 * @restore: puts back what @prepare and @ask did
 * @done: errno of a repetition when it was done before, or 0
 * @heard: event that subscribers get when it takes effect, or -1
 */
struct op {
	const char *name;
	void (*prepare)(void);
	struct answer (*ask)(void);
	void (*look)(FILE *f);
	void (*restore)(void);
	int done;
	int heard;
};

static struct pvt_sock host;	/* looks, and makes things as they should be */
static struct pvt_sock asker;	/* asks while allocations fail; new each time */
static struct pvt_sock other;	/* whoever else the command needs */
static struct pvt_sock listener; /* has subscribed to everything */

static int box_fd = -1;
static pid_t box_pid;
static char box_dir[256];
static int front_lfd = -1;	/* a listener, and a connection from the box */
static int front_fd = -1;
static int file_fd = -1;	/* sysfs file that is written to */
static const char *file_text;
static uint64_t exec_id;
static pid_t worker;
static int worker_go = -1;
static int worker_done = -1;

static char out[64 * 1024];
/* What came, raw: nothing is printed while allocations may fail. */
static char raw[4 * PVT_BUF];
static size_t raw_len;

/*
 * Asking
 */

/* Keeps a message that belongs to @seq; true when it ends the exchange. */
static bool keep(const struct nlmsghdr *nlh, uint32_t seq, int *acks, struct answer *a)
{
	if (nlh->nlmsg_seq != seq)
		return false;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		a->err = pvt_error(nlh, NULL);
		--*acks;
	} else if (nlh->nlmsg_type == NLMSG_DONE) {
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
			a->err = -*(const int *)mnl_nlmsg_get_payload(nlh);
		--*acks;
	} else {
		if (pvt_cmd_of(nlh) == PV_DRIVER_CMD_OUTCOME) {
			a->err = pvt_get_u32(nlh, PV_DRIVER_A_ERRNO);
			--*acks;
		}
		if (raw_len + MNL_ALIGN(nlh->nlmsg_len) <= sizeof(raw)) {
			memcpy(raw + raw_len, nlh, nlh->nlmsg_len);
			raw_len += MNL_ALIGN(nlh->nlmsg_len);
		}
	}
	if (a->err)
		a->verdict = REFUSED;
	return a->err || !*acks;
}

/*
 * Sends a request and collects what comes for it, up to its acknowledgement
 * and, when one is to come, its outcome.
 */
static struct answer exchange(struct pvt_sock *s, struct nlmsghdr *nlh, bool outcome)
{
	static char buf[PVT_BUF];
	struct answer a = { .verdict = ANSWERED };
	int64_t until = pvt_now_ms() + PATIENCE_MS;
	uint32_t seq = nlh->nlmsg_seq;
	int acks = 1 + outcome;

	raw_len = 0;
	a.err = -pvt_send(s, nlh);
	if (a.err) {
		a.verdict = REFUSED;
		return a;
	}
	for (;;) {
		ssize_t len = pvt_recv(s, buf, sizeof(buf), until);
		const struct nlmsghdr *in = (const struct nlmsghdr *)buf;
		int left = len;

		if (len < 0) {
			a.err = -len;
			a.verdict = len == -ETIMEDOUT ? SILENT : LOST;
			return a;
		}
		for (; mnl_nlmsg_ok(in, left); in = mnl_nlmsg_next(in, &left))
			if (keep(in, seq, &acks, &a))
				return a;
	}
}

static struct nlmsghdr *request(struct pvt_sock *s, uint8_t cmd)
{
	return pvt_msg(s, out, cmd, NLM_F_ACK);
}

static struct nlmsghdr *about(struct pvt_sock *s, uint8_t cmd, const char *alias)
{
	struct nlmsghdr *nlh = request(s, cmd);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_ALIAS, alias);
	return nlh;
}

static struct nlmsghdr *about_box(struct pvt_sock *s, uint8_t cmd)
{
	struct nlmsghdr *nlh = request(s, cmd);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_CONTAINER, BOX);
	return nlh;
}

static void put_entry(struct nlmsghdr *nlh, const char *alias, uint32_t type)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, PV_DRIVER_A_ENTRY);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_ENTRY_ALIAS, alias);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_ENTRY_TYPE, type);
	mnl_attr_nest_end(nlh, nest);
}

/* Without a fault: it has to succeed, or to say @may. */
static void must(struct pvt_sock *s, struct nlmsghdr *nlh, bool outcome, int may)
{
	uint8_t cmd = pvt_cmd_of(nlh);
	struct answer a = exchange(s, nlh, outcome);

	if (a.verdict != ANSWERED && !(a.verdict == REFUSED && a.err == may))
		broken("%s was %s without a fault: %s", pvt_cmds[cmd], verdicts[a.verdict],
		       pvt_errname(a.err));
}

static void close_sock(struct pvt_sock *s)
{
	if (s->nl)
		mnl_socket_close(s->nl);
	s->nl = NULL;
}

static void reopen(struct pvt_sock *s)
{
	close_sock(s);
	pvt_open(s);
}

/*
 * The state
 */

/* Numbers that are never twice the same say nothing. */
static bool is_constant(const char *line)
{
	static const char *const vary[] = {
		"generation=", "stats.", "container-id=", "agent-portid=", "exec-id=",
		"since=", "error-since=", "module.since=",
	};

	for (size_t i = 0; i < PVT_ARRAY_SIZE(vary); i++)
		if (!strncmp(line, vary[i], strlen(vary[i])))
			return false;
	return true;
}

/* What raw holds, as text; the caller frees it. */
static char *said(void)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)raw;
	const struct nlattr *attr;
	char *text = NULL, *to, *line, *next;
	int left = raw_len;
	FILE *console = stdout;
	size_t size;

	/* What prints attributes prints to stdout. */
	stdout = open_memstream(&text, &size);
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
			pvt_print_attr(attr);
		puts("--");
	}
	fclose(stdout);
	stdout = console;
	for (to = text, line = text; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (!is_constant(line))
			continue;
		memmove(to, line, next - line);
		to += next - line;
	}
	*to = '\0';
	return text;
}

static void add_answer(FILE *f, struct nlmsghdr *nlh)
{
	char *text;

	must(&host, nlh, false, 0);
	text = said();
	fputs(text, f);
	free(text);
}

static void add_file(FILE *f, const char *dir, const char *name)
{
	char path[512], text[4096];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (len < 0)
		fprintf(f, "%s: %s\n", path, pvt_errname(errno));
	else
		fprintf(f, "%s: %.*s%s", path, (int)len, text,
			len && text[len - 1] == '\n' ? "" : "\n");
	if (fd >= 0)
		close(fd);
}

static void add_sysfs(FILE *f, const char *top)
{
	static const char *const files[] = { "state", "modules", "users", "error" };
	struct dirent **names;
	int n = scandir(top, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char dir[400];

		snprintf(dir, sizeof(dir), "%s/%s", top, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			fprintf(f, "%s\n", dir);
		if (!strncmp(names[i]->d_name, "pvt", 3))
			for (size_t k = 0; k < PVT_ARRAY_SIZE(files); k++)
				add_file(f, dir, files[k]);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* Names and reference counts. */
static void add_modules(FILE *f)
{
	FILE *modules = fopen("/proc/modules", "r");
	char line[512], name[64];
	int refs;

	if (!modules)
		broken("/proc/modules");
	while (fgets(line, sizeof(line), modules))
		if (sscanf(line, "%63s %*d %d", name, &refs) == 2 &&
		    (!strncmp(name, "pvt_", 4) || !strcmp(name, "pv_driver")))
			fprintf(f, "%s %d\n", name, refs);
	fclose(modules);
}

/* The caller frees it. */
static char *state(const struct op *op)
{
	static const uint8_t dumps[] = {
		PV_DRIVER_CMD_DRIVER_GET, PV_DRIVER_CMD_CONTAINER_GET, PV_DRIVER_CMD_MODULE_GET
	};
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < PVT_ARRAY_SIZE(dumps); i++)
		add_answer(f, pvt_msg(&host, out, dumps[i], NLM_F_ACK | NLM_F_DUMP));
	add_answer(f, request(&host, PV_DRIVER_CMD_STATUS_GET));
	fprintf(f, "agent: %s\n",
		pvt_get_u32((struct nlmsghdr *)raw, PV_DRIVER_A_AGENT_PORTID) ? "yes" : "no");
	add_sysfs(f, CLASS);
	add_sysfs(f, "/sys/devices/virtual/pv_driver");
	if (op->look)
		op->look(f);
	add_modules(f);
	fclose(f);
	return text;
}

/*
 * Waits until the state is @a or @b (may be NULL): what is done in work items,
 * and after the last close of a socket, comes in its own time. Returns the
 * state, which is neither when the time is over.
 */
static char *settle(const struct op *op, const char *a, const char *b)
{
	int64_t until = pvt_now_ms() + PATIENCE_MS;
	char *now = state(op);

	while (strcmp(now, a) && (!b || strcmp(now, b)) && pvt_now_ms() < until) {
		free(now);
		usleep(20000);
		now = state(op);
	}
	return now;
}

/* Nothing else is known yet: the state is what does not change any more. */
static char *settled(const struct op *op)
{
	char *now = state(op);
	int same = 0;

	for (int i = 0; i < 200 && same < 3; i++) {
		char *next;

		usleep(100000);
		next = state(op);
		same = strcmp(now, next) ? 0 : same + 1;
		free(now);
		now = next;
	}
	return now;
}

/*
 * Events
 */

static void forget_events(void)
{
	static char buf[PVT_BUF];

	while (pvt_recv(&listener, buf, sizeof(buf), pvt_now_ms()) != -ETIMEDOUT)
		;
}

/* The event came, or it is said that some were lost. */
static bool heard(int kind)
{
	static char buf[PVT_BUF];
	int64_t until = pvt_now_ms() + PATIENCE_MS;
	ssize_t len;

	do {
		uint32_t k;

		len = pvt_recv(&listener, buf, sizeof(buf), until);
		if (len == -ENOBUFS)
			return true;
		if (len < 0)
			return false;
		k = pvt_get_u32((struct nlmsghdr *)buf, PV_DRIVER_A_EVENT_KIND);
		if (k == PV_DRIVER_EVENT_KIND_OVERRUN || k == (uint32_t)kind)
			return true;
	} while (true);
}

/*
 * The stepping
 */

static void print_text(const char *label, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		ktap_print_value(label, line);
	free(copy);
}

/* What a run without a fault leads from, to, and answers. */
struct model {
	char *before;
	char *after;
	char *said;
};

static bool wrong(const struct op *op, unsigned int nth, struct answer a, const char *what,
		  const char *expected, const char *got)
{
	ktap_fail("%s", op->name);
	printf("# allocation %u failed, %s (%s): %s\n", nth, verdicts[a.verdict],
	       pvt_errname(a.err), what);
	print_text("expected:", expected);
	print_text("got:", got);
	return false;
}

static bool judge_state(const struct op *op, const struct model *m, unsigned int nth,
			struct answer a)
{
	const char *want = a.verdict == REFUSED ? m->before : m->after;
	char *now = settle(op, want, a.verdict == LOST ? m->before : NULL);
	bool before = !strcmp(now, m->before);
	bool after = !strcmp(now, m->after);
	bool ok = true;

	if (strcmp(now, want) && !(a.verdict == LOST && before))
		ok = wrong(op, nth, a, "the state", want, now);
	else if (op->heard >= 0 && after && !before && !heard(op->heard))
		ok = wrong(op, nth, a, "what subscribers hear", pvt_kinds[op->heard], "nothing");
	free(now);
	return ok;
}

/* After a fault: the same once more. */
static bool judge_again(const struct op *op, const struct model *m, unsigned int nth,
			struct answer a)
{
	struct answer again = op->ask();
	bool ok = again.verdict == ANSWERED ||
		  (again.verdict == REFUSED && a.verdict != REFUSED && again.err == op->done);
	char *now;

	if (!ok)
		return wrong(op, nth, a, "the same once more", "answered",
			     pvt_errname(again.err));
	now = settle(op, m->after, NULL);
	ok = !strcmp(now, m->after);
	if (!ok)
		wrong(op, nth, a, "the state after the same once more", m->after, now);
	free(now);
	return ok;
}

static bool judge(const struct op *op, const struct model *m, unsigned int nth, struct answer a,
		  bool failed)
{
	if (a.verdict == SILENT)
		return wrong(op, nth, a, "no answer", "an answer or ENOBUFS", "nothing");
	if (a.err && a.err != ENOMEM && a.err != ENOBUFS)
		return wrong(op, nth, a, "the error", "ENOMEM or ENOBUFS", pvt_errname(a.err));
	if (!failed && a.verdict != ANSWERED)
		return wrong(op, nth, a, "no allocation failed", "answered",
			     pvt_errname(a.err));
	if (a.verdict == ANSWERED) {
		char *text = said();
		bool same = !strcmp(text, m->said);

		if (!same)
			wrong(op, nth, a, "the answer", m->said, text);
		free(text);
		if (!same)
			return false;
	}
	return judge_state(op, m, nth, a) && (!failed || judge_again(op, m, nth, a));
}

/* Returns whether to go on. */
static bool fail_one(const struct op *op, const struct model *m, unsigned int nth,
		     unsigned int counts[])
{
	struct answer a;
	bool failed, ok;
	char *start;

	reopen(&asker);
	op->prepare();
	start = settle(op, m->before, NULL);
	if (strcmp(start, m->before)) {
		print_text("expected:", m->before);
		print_text("got:", start);
		broken("%s: the test does not begin where it should", op->name);
	}
	free(start);
	forget_events();

	set_fail_nth(nth);
	a = op->ask();
	failed = !get_fail_nth();
	set_fail_nth(0);

	ok = judge(op, m, nth, a, failed);
	op->restore();
	if (ok && failed)
		counts[a.verdict]++;
	else if (ok)
		ktap_pass("%s # allocations: %u, refused %u, answered %u, lost %u", op->name,
			  nth - 1, counts[REFUSED], counts[ANSWERED], counts[LOST]);
	return ok && failed;
}

static void learn(const struct op *op, struct model *m)
{
	struct answer a;

	reopen(&asker);
	op->prepare();
	m->before = settled(op);
	a = op->ask();
	if (a.verdict != ANSWERED)
		broken("%s was %s without a fault: %s", op->name, verdicts[a.verdict],
		       pvt_errname(a.err));
	m->said = said();
	m->after = settled(op);
	op->restore();
}

static void step(const struct op *op)
{
	unsigned int counts[PVT_ARRAY_SIZE(verdicts)] = { 0 };
	unsigned int nth = 1;
	struct model m;

	learn(op, &m);
	while (nth < MAX_NTH && fail_one(op, &m, nth, counts))
		nth++;
	if (nth == MAX_NTH)
		ktap_fail("%s: no end of allocations", op->name);
	close_sock(&asker);
	free(m.before);
	free(m.after);
	free(m.said);
}

/*
 * Modules and processes
 */

static void load_module(const char *name, const char *param)
{
	const char *const argv[] = { "modprobe", name, param, NULL };

	run(argv);
}

static void remove_module(const char *name)
{
	const char *const argv[] = { "rmmod", name, NULL };
	char dir[64];

	snprintf(dir, sizeof(dir), "/sys/module/%s", name);
	if (!access(dir, F_OK))
		run(argv);
}

/* The container's process: connects to the front and stays. */
static void box_main(const struct sockaddr_un *addr)
{
	char procs[300];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", box_dir);
	write_file(procs, "0");
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		_exit(1);
	for (;;)
		pause();
}

static void find_cgroup_root(char *dir, size_t size)
{
	FILE *mounts = setmntent("/proc/mounts", "r");
	struct mntent *m;

	*dir = '\0';
	while (mounts && (m = getmntent(mounts)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			snprintf(dir, size, "%s", m->mnt_dir);
	if (mounts)
		endmntent(mounts);
	if (!*dir)
		broken("cgroup v2 is not mounted");
}

static void make_box(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char root[200];

	find_cgroup_root(root, sizeof(root));
	snprintf(box_dir, sizeof(box_dir), "%s/" BOX, root);
	if (mkdir(box_dir, 0755) && errno != EEXIST)
		broken("%s", box_dir);
	box_fd = open(box_dir, O_RDONLY | O_CLOEXEC);

	front_lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "pvt-fail-%d", getpid());
	if (box_fd < 0 || bind(front_lfd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(front_lfd, 1))
		broken("the front's listener");
	box_pid = fork();
	if (!box_pid)
		box_main(&addr);
	front_fd = accept4(front_lfd, NULL, NULL, SOCK_CLOEXEC);
	if (front_fd < 0)
		broken("accept");
}

static void end_box(void)
{
	kill(box_pid, SIGKILL);
	waitpid(box_pid, NULL, 0);
	for (int i = 0; i < 100 && rmdir(box_dir); i++)
		usleep(50000);
}

/* The agent's worker: brings the module in when it is told, and stays. */
static void worker_main(int go, int done)
{
	char byte;

	if (read(go, &byte, 1) == 1) {
		load_module("pvt_plain", NULL);
		if (write(done, &byte, 1) != 1)
			_exit(1);
	}
	for (;;)
		pause();
}

static void start_worker(void)
{
	int go[2], done[2];

	if (pipe2(go, O_CLOEXEC) || pipe2(done, O_CLOEXEC))
		broken("pipe");
	worker = fork();
	if (!worker)
		worker_main(go[0], done[1]);
	close(go[0]);
	close(done[1]);
	worker_go = go[1];
	worker_done = done[0];
}

static void let_worker_work(void)
{
	char byte = 1;

	if (write(worker_go, &byte, 1) != 1 || read(worker_done, &byte, 1) != 1)
		broken("the worker");
}

static void end_worker(void)
{
	if (worker <= 0)
		return;
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
	close(worker_go);
	close(worker_done);
	worker = 0;
}

/*
 * driver-new, driver-del, driver-get
 */

static void nothing(void)
{
}

static struct nlmsghdr *driver_msg(struct pvt_sock *s, const char *alias, const char *line,
				   const char *more)
{
	struct nlmsghdr *nlh = about(s, PV_DRIVER_CMD_DRIVER_NEW, alias);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_LINE, line);
	if (more)
		mnl_attr_put_strz(nlh, PV_DRIVER_A_LINE, more);
	return nlh;
}

static void make_driver(void)
{
	must(&host, driver_msg(&host, ALIAS, "pvt_base level=3", NULL), false, 0);
}

static void make_drivers(void)
{
	make_driver();
	must(&host, driver_msg(&host, "pvt-fail-2", "pvt_plain num=1", "dummy"), false, 0);
	must(&host, driver_msg(&host, "pvt-fail-3", "not_there", NULL), false, 0);
}

static void remove_driver(void)
{
	must(&host, about(&host, PV_DRIVER_CMD_UNLOAD, ALIAS), true, ENOENT);
	must(&host, about(&host, PV_DRIVER_CMD_DRIVER_DEL, ALIAS), false, ENOENT);
}

static void remove_drivers(void)
{
	remove_driver();
	must(&host, about(&host, PV_DRIVER_CMD_DRIVER_DEL, "pvt-fail-2"), false, ENOENT);
	must(&host, about(&host, PV_DRIVER_CMD_DRIVER_DEL, "pvt-fail-3"), false, ENOENT);
}

static struct answer ask_driver_new(void)
{
	return exchange(&asker, driver_msg(&asker, ALIAS, "pvt_plain num=7", "pvt_fresh"), false);
}

static struct answer ask_driver_del(void)
{
	return exchange(&asker, about(&asker, PV_DRIVER_CMD_DRIVER_DEL, ALIAS), false);
}

static struct answer ask_driver_get(void)
{
	return exchange(&asker, about(&asker, PV_DRIVER_CMD_DRIVER_GET, ALIAS), false);
}

/* A dump that broke off is the socket's until that is closed. */
static struct answer dump(uint8_t cmd)
{
	struct nlmsghdr *nlh = pvt_msg(&asker, out, cmd, NLM_F_ACK | NLM_F_DUMP);
	struct answer a = exchange(&asker, nlh, false);
	unsigned int left = get_fail_nth();

	if (a.verdict != ANSWERED) {
		set_fail_nth(0);
		reopen(&asker);
		/* so that it still shows that one did fail */
		set_fail_nth(left);
	}
	return a;
}

static struct answer ask_driver_dump(void)
{
	return dump(PV_DRIVER_CMD_DRIVER_GET);
}

static struct answer ask_module_get(void)
{
	struct nlmsghdr *nlh = request(&asker, PV_DRIVER_CMD_MODULE_GET);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_NAME, "pvt_base");
	return exchange(&asker, nlh, false);
}

static struct answer ask_module_dump(void)
{
	return dump(PV_DRIVER_CMD_MODULE_GET);
}

/*
 * load and unload. The module is resident: the job takes it and no more.
 */

static void make_loaded(void)
{
	make_driver();
	must(&host, about(&host, PV_DRIVER_CMD_LOAD, ALIAS), true, 0);
}

static struct answer ask_load(void)
{
	return exchange(&asker, about(&asker, PV_DRIVER_CMD_LOAD, ALIAS), true);
}

static struct answer ask_unload(void)
{
	return exchange(&asker, about(&asker, PV_DRIVER_CMD_UNLOAD, ALIAS), true);
}

/*
 * container-new, container-del, container-get
 */

static struct nlmsghdr *box_msg(struct pvt_sock *s)
{
	struct nlmsghdr *nlh = about_box(s, PV_DRIVER_CMD_CONTAINER_NEW);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_ROLES, PV_DRIVER_ROLE_MGMT);
	put_entry(nlh, ALIAS, PV_DRIVER_TYPE_REQUIRED);
	put_entry(nlh, "pvt-fail-2", PV_DRIVER_TYPE_OPTIONAL);
	put_entry(nlh, "pvt-fail-3", PV_DRIVER_TYPE_MANUAL);
	return nlh;
}

static struct answer ask_container_new_fd(void)
{
	struct nlmsghdr *nlh = box_msg(&asker);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_CGROUP_FD, box_fd);
	return exchange(&asker, nlh, false);
}

static struct answer ask_container_new_pid(void)
{
	struct nlmsghdr *nlh = box_msg(&asker);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_PID, box_pid);
	return exchange(&asker, nlh, false);
}

static void make_container(void)
{
	struct nlmsghdr *nlh = box_msg(&host);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_CGROUP_FD, box_fd);
	must(&host, nlh, false, 0);
}

static void remove_container(void)
{
	must(&host, about_box(&host, PV_DRIVER_CMD_CONTAINER_DEL), true, ENOENT);
}

static void make_container_with_use(void)
{
	struct nlmsghdr *nlh;

	make_driver();
	make_container();
	nlh = about(&host, PV_DRIVER_CMD_LOAD, ALIAS);
	mnl_attr_put_strz(nlh, PV_DRIVER_A_CONTAINER, BOX);
	must(&host, nlh, true, 0);
}

static void remove_container_and_driver(void)
{
	remove_container();
	remove_driver();
}

static struct answer ask_container_del(void)
{
	return exchange(&asker, about_box(&asker, PV_DRIVER_CMD_CONTAINER_DEL), true);
}

static struct answer ask_container_get(void)
{
	return exchange(&asker, about_box(&asker, PV_DRIVER_CMD_CONTAINER_GET), false);
}

static struct answer ask_container_dump(void)
{
	return dump(PV_DRIVER_CMD_CONTAINER_GET);
}

/*
 * agent, exec-ack, result
 */

static struct nlmsghdr *agent_msg(struct pvt_sock *s, uint8_t cmd)
{
	struct nlmsghdr *nlh = request(s, cmd);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_TEXT, "test_fail_nth 1");
	return nlh;
}

static void close_asker(void)
{
	close_sock(&asker);
}

static struct answer ask_agent(void)
{
	return exchange(&asker, agent_msg(&asker, PV_DRIVER_CMD_AGENT), false);
}

static struct nlmsghdr *exec_msg(uint8_t cmd)
{
	struct nlmsghdr *nlh = request(&asker, cmd);

	mnl_attr_put_u64(nlh, PV_DRIVER_A_EXEC_ID, exec_id);
	return nlh;
}

static struct nlmsghdr *ack_msg(void)
{
	struct nlmsghdr *nlh = exec_msg(PV_DRIVER_CMD_EXEC_ACK);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_PID, worker);
	return nlh;
}

/* A load waits for the agent, which is the asker and has seen its task. */
static void make_task(void)
{
	static char buf[PVT_BUF];
	struct nlmsghdr *in = (struct nlmsghdr *)buf;
	ssize_t len;

	start_worker();
	must(&host, driver_msg(&host, ALIAS, "pvt_plain num=7", NULL), false, 0);
	must(&asker, agent_msg(&asker, PV_DRIVER_CMD_AGENT), false, 0);
	reopen(&other);
	must(&other, about(&other, PV_DRIVER_CMD_LOAD, ALIAS), false, 0);
	len = pvt_recv(&asker, buf, sizeof(buf), pvt_now_ms() + PATIENCE_MS);
	if (len < 0 || pvt_cmd_of(in) != PV_DRIVER_CMD_EXEC)
		broken("no task for the agent");
	exec_id = pvt_get_u64(in, PV_DRIVER_A_EXEC_ID);
}

/* The same, accepted. */
static void make_accepted_task(void)
{
	make_task();
	must(&asker, ack_msg(), false, 0);
}

/* The same, and done: only the result is missing. */
static void make_done_task(void)
{
	make_accepted_task();
	let_worker_work();
}

/* The load comes to an end, whatever it was at. */
static void end_task(void)
{
	struct nlmsghdr *nlh = exec_msg(PV_DRIVER_CMD_RESULT);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_ERRNO, ECANCELED);
	exchange(&asker, nlh, false);
	close_sock(&asker);
	end_worker();
	close_sock(&other);
	remove_driver();
}

static struct answer ask_exec_ack(void)
{
	return exchange(&asker, ack_msg(), false);
}

/* Without a warning: those may be lost, a load does not fail for want of one. */
static struct answer ask_result(void)
{
	struct nlmsghdr *nlh = exec_msg(PV_DRIVER_CMD_RESULT);

	mnl_attr_put_strz(nlh, PV_DRIVER_A_PARAMS, "num=7 text=resolved");
	return exchange(&asker, nlh, false);
}

static struct answer ask_result_failure(void)
{
	struct nlmsghdr *nlh = exec_msg(PV_DRIVER_CMD_RESULT);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_ERRNO, EPROTO);
	mnl_attr_put_strz(nlh, PV_DRIVER_A_TEXT, "as the agent says");
	return exchange(&asker, nlh, false);
}

/*
 * front, whois, subscribe, status-get
 */

static struct nlmsghdr *whois_msg(void)
{
	struct nlmsghdr *nlh = request(&asker, PV_DRIVER_CMD_WHOIS);

	mnl_attr_put_u32(nlh, PV_DRIVER_A_FD, front_fd);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_LISTENER_FD, front_lfd);
	return nlh;
}

static struct answer ask_front(void)
{
	return exchange(&asker, agent_msg(&asker, PV_DRIVER_CMD_FRONT), false);
}

static void look_front(FILE *f)
{
	struct answer a = exchange(&asker, whois_msg(), false);

	fprintf(f, "front: whois is %s, %s\n", verdicts[a.verdict], pvt_errname(a.err));
}

static void make_front(void)
{
	make_container();
	must(&asker, agent_msg(&asker, PV_DRIVER_CMD_FRONT), false, 0);
}

static void end_front(void)
{
	close_sock(&asker);
	remove_container();
}

static struct answer ask_whois(void)
{
	return exchange(&asker, whois_msg(), false);
}

static struct answer ask_subscribe(void)
{
	return exchange(&asker, request(&asker, PV_DRIVER_CMD_SUBSCRIBE), false);
}

/* Is it told of a driver that comes and goes? */
static void look_subscribed(FILE *f)
{
	static char buf[PVT_BUF];
	int events = 0;
	ssize_t len;

	must(&host, driver_msg(&host, ALIAS, "pvt_base", NULL), false, 0);
	remove_driver();
	while ((len = pvt_recv(&asker, buf, sizeof(buf), pvt_now_ms())) >= 0)
		events += pvt_cmd_of((struct nlmsghdr *)buf) == PV_DRIVER_CMD_EVENT;
	fprintf(f, "events: %d\n", events);
}

static struct nlmsghdr *subscribe_msg(struct pvt_sock *s)
{
	struct nlmsghdr *nlh = request(s, PV_DRIVER_CMD_SUBSCRIBE);

	mnl_attr_put(nlh, PV_DRIVER_A_CONTAINERS, 0, NULL);
	return nlh;
}

static struct answer ask_subscribe_containers(void)
{
	return exchange(&asker, subscribe_msg(&asker), false);
}

static struct answer ask_status(void)
{
	return exchange(&asker, request(&asker, PV_DRIVER_CMD_STATUS_GET), false);
}

/*
 * sysfs
 */

static void open_file(const char *path, const char *text)
{
	file_fd = open(path, O_WRONLY | O_CLOEXEC);
	file_text = text;
	if (file_fd < 0)
		broken("%s", path);
}

static void close_file(void)
{
	close(file_fd);
	file_fd = -1;
	remove_driver();
}

static struct answer ask_file(void)
{
	struct answer a = { .verdict = ANSWERED };
	ssize_t len = strlen(file_text);

	raw_len = 0;
	if (pwrite(file_fd, file_text, len, 0) != len) {
		a.err = errno;
		a.verdict = REFUSED;
	}
	return a;
}

static void prepare_register(void)
{
	open_file(CLASS "/register", ALIAS " pvt_plain num=7; pvt_fresh\n");
}

static void prepare_unregister(void)
{
	make_driver();
	open_file(CLASS "/unregister", ALIAS "\n");
}

static void prepare_control_load(void)
{
	make_driver();
	open_file(CLASS "/" ALIAS "/control", "load\n");
}

static void prepare_control_unload(void)
{
	make_loaded();
	open_file(CLASS "/" ALIAS "/control", "unload\n");
}

/*
 * All of it
 */

static const struct op ops[] = {
	{ "driver-new", nothing, ask_driver_new, NULL, remove_driver,
	  0, PV_DRIVER_EVENT_KIND_NEW },
	{ "driver-new with other lines", make_driver, ask_driver_new, NULL, remove_driver, 0, -1 },
	{ "driver-del", make_driver, ask_driver_del, NULL, remove_driver,
	  ENOENT, PV_DRIVER_EVENT_KIND_DEL },
	{ "driver-get", make_driver, ask_driver_get, NULL, remove_driver, 0, -1 },
	{ "driver-get, all", make_drivers, ask_driver_dump, NULL, remove_drivers, 0, -1 },
	{ "module-get", make_driver, ask_module_get, NULL, remove_driver, 0, -1 },
	{ "module-get, all", make_drivers, ask_module_dump, NULL, remove_drivers, 0, -1 },
	{ "load", make_driver, ask_load, NULL, remove_driver, 0, -1 },
	{ "unload", make_loaded, ask_unload, NULL, remove_driver, 0, -1 },
	{ "container-new by cgroup", nothing, ask_container_new_fd, NULL, remove_container,
	  EEXIST, PV_DRIVER_EVENT_KIND_CONTAINER_NEW },
	{ "container-new by pid", nothing, ask_container_new_pid, NULL, remove_container,
	  EEXIST, PV_DRIVER_EVENT_KIND_CONTAINER_NEW },
	{ "container-del", make_container, ask_container_del, NULL, remove_container,
	  ENOENT, PV_DRIVER_EVENT_KIND_CONTAINER_DEL },
	{ "container-del with a use", make_container_with_use, ask_container_del, NULL,
	  remove_container_and_driver, ENOENT, PV_DRIVER_EVENT_KIND_CONTAINER_DEL },
	{ "container-get", make_container, ask_container_get, NULL, remove_container, 0, -1 },
	{ "container-get, all", make_container, ask_container_dump, NULL, remove_container, 0, -1 },
	{ "agent", nothing, ask_agent, NULL, close_asker, 0, -1 },
	{ "exec-ack", make_task, ask_exec_ack, NULL, end_task, ESRCH, -1 },
	{ "result", make_done_task, ask_result, NULL, end_task, ESRCH, -1 },
	{ "result of a failure", make_accepted_task, ask_result_failure, NULL, end_task,
	  ESRCH, -1 },
	{ "front", make_container, ask_front, look_front, end_front, 0, -1 },
	{ "whois", make_front, ask_whois, NULL, end_front, 0, -1 },
	{ "subscribe", nothing, ask_subscribe, look_subscribed, close_asker, 0, -1 },
	{ "subscribe with containers", nothing, ask_subscribe_containers, look_subscribed,
	  close_asker, 0, -1 },
	{ "status-get", nothing, ask_status, NULL, nothing, 0, -1 },
	{ "sysfs register", prepare_register, ask_file, NULL, close_file,
	  0, PV_DRIVER_EVENT_KIND_NEW },
	{ "sysfs unregister", prepare_unregister, ask_file, NULL, close_file,
	  ENOENT, PV_DRIVER_EVENT_KIND_DEL },
	{ "sysfs control, load", prepare_control_load, ask_file, NULL, close_file, 0, -1 },
	{ "sysfs control, unload", prepare_control_unload, ask_file, NULL, close_file, 0, -1 },
};

int main(void)
{
	need_faults();
	ktap_plan(PVT_ARRAY_SIZE(ops));
	/* That an agent is slow to accept a task is not the subject. */
	remove_module("pv_driver");
	load_module("pv_driver", "agent_timeout=20000");
	load_module("pvt_base", NULL);
	make_box();
	set_up_faults();
	pvt_open(&host);
	pvt_open(&listener);
	must(&listener, subscribe_msg(&listener), false, 0);

	for (size_t i = 0; i < PVT_ARRAY_SIZE(ops); i++)
		step(&ops[i]);

	close_sock(&listener);
	close_sock(&host);
	end_box();
	remove_module("pvt_base");
	remove_module("pv_driver");
	return ktap_finish();
}
