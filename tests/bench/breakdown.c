// SPDX-License-Identifier: MIT
/*
 * breakdown ROUNDS - where the time of a load or unload goes
 * libs: libkmod
 *
 * The kernel's trace of system calls and of context switches says at each
 * moment who has the CPU, and whether a module is being brought in or taken
 * out. Every microsecond of a load is given to exactly one of `shares`. Tracing
 * costs time itself: see `total` here beside the figure without it.
 *
 * Then the steps by themselves: one round trip of each kind.
 */
#include "ways.h"

#define TRACING		"/sys/kernel/tracing/"
#define TRACE_MAX	(32 << 20)
#define CPUS		8
#define WORKERS		16
#define STEP_ROUNDS	20

/* Later ones win when several CPUs are busy. */
enum share {
	IDLE,		/* everybody waits */
	KERNEL,		/* kernel threads: pv_driver's work item among them */
	PROGRAM,	/* a process that was started for it */
	WORKER,		/* libkmod in pvkitd's worker, but for the module's part */
	WAIT,		/* in finit_module() or delete_module(), which wait, for RCU mostly */
	MODULE,		/* in these, at work */
	CLIENT,		/* this program, libkmod in it */
	FRONT,		/* HTTP, JSON */
	LOADER,		/* the agent, handing tasks on */
	SHARES
};

static const char * const shares[SHARES] = {
	"idle", "kernel", "program", "worker", "wait", "module", "client", "front", "loader"
};

static const struct bench *the_bench;
static pid_t worker[WORKERS];

/* ---- tracing ---- */

static void trace_set(const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static void trace_set_up(void)
{
	trace_set("tracing_on", "0");
	trace_set("trace_clock", "mono");
	trace_set("buffer_size_kb", "4096");
	trace_set("events/raw_syscalls/enable", "1");
	trace_set("events/sched/sched_switch/enable", "1");
}

static void trace_tear_down(void)
{
	trace_set("events/raw_syscalls/enable", "0");
	trace_set("events/sched/sched_switch/enable", "0");
	trace_set("buffer_size_kb", "8");
}

static char *trace_read(void)
{
	pvk_auto_close int fd = open(TRACING "trace", O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0 || pvk_read_fd(fd, TRACE_MAX, &text, NULL))
		die(TRACING "trace can't be read");
	return text;
}

static void find_workers(pid_t loader)
{
	pvk_auto_free char *text = NULL;
	pvk_auto_close int fd = -1;
	char path[64], *at, *end;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)loader, (int)loader);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pvk_read_fd(fd, 4096, &text, NULL))
		die("%s can't be read", path);
	memset(worker, 0, sizeof(worker));
	for (at = text; n < WORKERS; at = end) {
		worker[n] = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		n++;
	}
	if (!n)
		die("pvkitd has no workers");
}

static enum share share_of(pid_t pid, const char *comm)
{
	size_t i;

	if (!pid)
		return IDLE;
	if (pid == getpid())
		return CLIENT;
	if (pid == the_bench->front)
		return FRONT;
	if (pid == the_bench->agent)
		return LOADER;
	for (i = 0; i < WORKERS && worker[i]; i++)
		if (pid == worker[i])
			return WORKER;
	if (!strncmp(comm, "kworker", 7) || !strncmp(comm, "rcu", 3) ||
	    !strncmp(comm, "ksoftirqd", 9) || !strncmp(comm, "migration", 9) ||
	    !strncmp(comm, "kthread", 7) || !strncmp(comm, "cpuhp", 5))
		return KERNEL;
	return PROGRAM;
}

/* ---- one load or unload ---- */

struct account {
	int64_t us[SHARES];
	enum share cpu[CPUS];
	unsigned int in_module;		/* system calls under way */
	unsigned int syscalls;
	unsigned int switches;
	int64_t at;
};

static enum share whose(const struct account *account)
{
	enum share share = IDLE;
	size_t i;

	for (i = 0; i < CPUS; i++)
		if (account->cpu[i] > share)
			share = account->cpu[i];
	if (!account->in_module || share == FRONT || share == LOADER)
		return share;
	return share <= KERNEL ? WAIT : MODULE;
}

static void advance(struct account *account, int64_t to)
{
	if (to > account->at) {
		account->us[whose(account)] += to - account->at;
		account->at = to;
	}
}

static bool is_module_call(long nr)
{
	return nr == SYS_finit_module || nr == SYS_init_module || nr == SYS_delete_module;
}

/* "  COMM-PID [CPU] FLAGS SECONDS.MICROS: EVENT: ..." */
static void take_line(struct account *account, const char *line, int64_t end)
{
	const char *cpu = strstr(line, " ["), *event, *next, *pid;
	long seconds, micros, nr;
	unsigned long n;
	int skip;

	if (*line == '#' || !cpu ||
	    sscanf(cpu, " [%lu] %*s %ld.%ld: %n", &n, &seconds, &micros, &skip) != 3 ||
	    n >= CPUS || seconds * INT64_C(1000000) + micros > end)
		return;
	advance(account, seconds * INT64_C(1000000) + micros);
	event = cpu + skip;
	if (sscanf(event, "sys_enter: NR %ld", &nr) == 1) {
		account->syscalls++;
		account->in_module += is_module_call(nr);
	} else if (sscanf(event, "sys_exit: NR %ld", &nr) == 1) {
		if (is_module_call(nr) && account->in_module)
			account->in_module--;
	} else if (!strncmp(event, "sched_switch: ", 14)) {
		next = strstr(event, "==> next_comm=");
		pid = next ? strstr(next, " next_pid=") : NULL;
		if (!pid)
			return;
		account->switches++;
		account->cpu[n] = share_of((pid_t)strtol(pid + 10, NULL, 10), next + 14);
	}
}

static void trace_one(struct bench *bench, struct subject *subject, const struct way *way,
		      bool load, unsigned int round, unsigned int rounds)
{
	struct account account = { .cpu = { CLIENT } };
	pvk_auto_free char *text = NULL;
	char *line, *rest;
	int64_t start, end;
	size_t i;

	http_freshen(&bench->http);
	trace_set("trace", "");
	settle(round, rounds);
	trace_set("tracing_on", "1");
	start = now_us();
	way->act(bench, subject, load);
	end = now_us();
	trace_set("tracing_on", "0");

	text = trace_read();
	account.at = start;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		take_line(&account, line, end);
	advance(&account, end);
	if (!round)
		return;
	printf("{\"kind\":\"breakdown\",\"subject\":\"%s\",\"op\":\"%s\",\"way\":\"%s\","
	       "\"total\":%lld,\"syscalls\":%u,\"switches\":%u", subject->name,
	       load ? "load" : "unload", way->name, (long long)(end - start),
	       account.syscalls, account.switches);
	for (i = 0; i < SHARES; i++)
		printf(",\"%s\":%lld", shares[i], (long long)account.us[i]);
	puts("}");
}

static bool is_traced(const struct way *way)
{
	return way->act == by_rest || way->act == by_netlink || way->act == by_libkmod ||
	       way->act == by_modprobe || way->act == by_busybox;
}

static void trace_all(struct bench *bench, unsigned int rounds)
{
	unsigned int round;
	size_t s, w;

	trace_set_up();
	for (round = 0; round <= rounds; round++) {
		for (s = 0; s < PVK_ARRAY_SIZE(subjects); s++) {
			for (w = 0; w < PVK_ARRAY_SIZE(ways); w++) {
				if (!is_traced(&ways[w]))
					continue;
				trace_one(bench, &subjects[s], &ways[w], true, round, rounds);
				trace_one(bench, &subjects[s], &ways[w], false, round, rounds);
			}
		}
		fflush(stdout);
	}
	trace_tear_down();
}

/* ---- the steps by themselves ---- */

struct steps {
	struct bench *bench;
	struct pvk_drv *front;		/* a second front: asks WHOIS as pvkitd does */
	int listener, peer;
	int echo;
};

static void step_wakeup(struct steps *steps)
{
	char byte = 0;

	if (send(steps->echo, &byte, 1, 0) != 1 || recv(steps->echo, &byte, 1, 0) != 1)
		die("echo: %s", strerror(errno));
}

static void step_status(struct steps *steps)
{
	struct pvk_status status;
	struct pvk_err err;

	if (pvk_drv_status(steps->bench->drv, &status, &err))
		die("status: %s", err.text);
}

static void step_whois(struct steps *steps)
{
	struct pvk_peer peer;
	struct pvk_err err;

	if (pvk_drv_whois(steps->front, steps->peer, steps->listener, &peer, &err))
		die("whois: %s", err.text);
}

/* The host's view is empty, so that nobody is asked. */
static void step_http(struct steps *steps)
{
	http_request(&steps->bench->http, "GET", "/drivers");
}

static void step_connect(struct steps *steps)
{
	struct http_client client;

	(void)steps;
	http_connect(&client);
	http_request(&client, "GET", "/drivers");
	close(client.fd);
}

/* Resident already: no agent, no module. */
static void step_resident(struct steps *steps)
{
	netlink_load(steps->bench->drv, "empty", true);
}

static void step_process(struct steps *steps)
{
	static char *argv[] = { "modprobe", "--version", NULL };

	(void)steps;
	run(argv);
}

static void step_static_process(struct steps *steps)
{
	static char *argv[] = { "busybox", "true", NULL };

	(void)steps;
	run(argv);
}

static const struct {
	const char *name;
	void (*act)(struct steps *steps);
} kinds[] = {
	{ "wakeup", step_wakeup },
	{ "status", step_status },
	{ "whois", step_whois },
	{ "http", step_http },
	{ "connect", step_connect },
	{ "resident", step_resident },
	{ "process", step_process },
	{ "static-process", step_static_process },
};

/* A process that sends back what it gets, and ends with us. */
static int start_echo(void)
{
	char byte;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		die("socketpair: %s", strerror(errno));
	if (!fork()) {
		close(fds[0]);
		while (recv(fds[1], &byte, 1, 0) == 1)
			if (send(fds[1], &byte, 1, 0) != 1)
				break;
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static void open_peer(struct steps *steps)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/run/pvkit/steps" };
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	steps->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 || bind(steps->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(steps->listener, 1) ||
	    connect(client, (struct sockaddr *)&at, sizeof(at)))
		die("%s: %s", at.sun_path, strerror(errno));
	steps->peer = accept(steps->listener, NULL, NULL);
	if (steps->peer < 0)
		die("accept: %s", strerror(errno));
	unlink(at.sun_path);
}

static void measure_steps(struct bench *bench)
{
	struct steps steps = { .bench = bench, .front = open_driver(), .echo = start_echo() };
	unsigned int round;
	struct pvk_err err;
	int64_t start, us;
	size_t k;

	open_peer(&steps);
	if (pvk_drv_front(steps.front, "bench", &err) ||
	    pvk_drv_driver_new(bench->drv, "empty", NULL, 0, &err))
		die("steps: %s", err.text);
	for (round = 0; round <= STEP_ROUNDS; round++) {
		for (k = 0; k < PVK_ARRAY_SIZE(kinds); k++) {
			settle(round, STEP_ROUNDS);
			start = now_us();
			kinds[k].act(&steps);
			us = now_us() - start;
			if (kinds[k].act == step_resident)
				netlink_load(bench->drv, "empty", false);
			if (round)
				printf("{\"kind\":\"step\",\"step\":\"%s\",\"us\":%lld}\n",
				       kinds[k].name, (long long)us);
		}
	}
	if (pvk_drv_driver_del(bench->drv, "empty", &err))
		die("steps: %s", err.text);
	close(steps.echo);
	close(steps.peer);
	close(steps.listener);
	pvk_drv_close(steps.front);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	struct bench bench = { 0 };

	if (!rounds)
		die("how many rounds?");
	the_bench = &bench;
	bench_set_up(&bench);
	find_workers(bench.agent);
	trace_all(&bench, rounds);
	measure_steps(&bench);
	bench_tear_down(&bench);
	return 0;
}
