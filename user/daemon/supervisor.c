// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "log.h"
#include "notify.h"
#include "priv.h"
#include "supervisor.h"

/* A child that lived this long is started again at once. */
#define GOOD_LIFE_MS	2000
#define BACKOFF_MS	100
#define BACKOFF_MAX_MS	5000
#define STOP_MS		5000
/* Intervals without a beat after which a child hangs. */
#define BEATS_MISSED	3
/* More than all that control has mapped, see stay_in_memory(). */
#define LOCKED_MAX	(64 << 20)
/* A reload of which nothing is heard is over for the service manager. */
#define RELOAD_MS	5000

struct child {
	const char *name;
	unsigned int role;
	int (*run)(struct role_env *env);
	pid_t pid;		/* 0: not running */
	int64_t started;
	int64_t due;		/* when to start it, while it is not running */
	unsigned int deaths;	/* in a row, each after a short life */
	int report_fd;		/* our end; -1: it has closed its own, or is dead */
	bool ready;		/* in its present life; only then it has to beat */
	bool was_ready;
	int64_t beat;		/* when it was heard of last */
};

struct supervisor {
	const struct role_env *env;
	struct child child[3];
	unsigned int count;
	int signal_fd;
	/* The front's end and control's: whoever is started again finds it as it was. */
	int control_fd[2];
	int detach_fd;
	bool announced;
	bool stopping;
	int64_t stop_by;
	int64_t pet_at;		/* INT64_MAX: nobody wants WATCHDOG=1 */
	int pet_ms;
	int64_t reload_by;	/* INT64_MAX: there is none under way */
	unsigned int restarts;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* In the child; does not return. */
static void become(struct supervisor *sv, struct child *child, pid_t parent, int report_fd)
{
	struct role_env env = *sv->env;
	sigset_t none;
	unsigned int i;

	close(sv->signal_fd);
	if (sv->detach_fd >= 0)
		close(sv->detach_fd);
	for (i = 0; i < sv->count; i++)
		if (sv->child[i].report_fd >= 0)
			close(sv->child[i].report_fd);
	for (i = 0; i < env.config->n_sockets; i++) {
		if (child->role != CONFIG_FRONT && env.listener[i] >= 0) {
			close(env.listener[i]);
			env.listener[i] = -1;
		}
	}
	env.control_fd = child->role == CONFIG_FRONT ? sv->control_fd[0] :
			 child->role == CONFIG_CONTROL ? sv->control_fd[1] : -1;
	for (i = 0; i < PVK_ARRAY_SIZE(sv->control_fd); i++)
		if (sv->control_fd[i] >= 0 && sv->control_fd[i] != env.control_fd)
			close(sv->control_fd[i]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, child->name);
	log_init(child->name, !env.config->foreground);
	env.parent = parent;
	env.report_fd = report_fd;
	_exit(child->run(&env));
}

static void start(struct supervisor *sv, struct child *child)
{
	pid_t parent = getpid();
	int fds[2];

	child->started = now_ms();
	child->due = child->started + BACKOFF_MAX_MS;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		log_msg(LOG_ERR, "pipe: %s", strerror(errno));
		return;
	}
	child->pid = fork();
	if (!child->pid) {
		close(fds[0]);
		become(sv, child, parent, fds[1]);
	}
	close(fds[1]);
	if (child->pid < 0) {
		log_msg(LOG_ERR, "fork: %s", strerror(errno));
		child->pid = 0;
		close(fds[0]);
		return;
	}
	child->report_fd = fds[0];
}

static void tell(const char *state)
{
	int ret = notify_send(state);

	if (ret)
		log_limited(1, LOG_WARNING, "NOTIFY_SOCKET: %s", strerror(-ret));
}

/* What `systemctl status` shows in a line. */
static void say_status(const struct supervisor *sv)
{
	const struct child *child;
	char line[160] = "STATUS=";
	size_t len = strlen(line);
	unsigned int i;

	for (i = 0; i < sv->count; i++) {
		child = &sv->child[i];
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %s", i ? ", " : "",
					child->name, child->ready ? "serves" :
					child->was_ready ? "is started again" : "starts");
	}
	if (sv->restarts)
		snprintf(line + len, sizeof(line) - len, "; %u restart%s so far", sv->restarts,
			 sv->restarts > 1 ? "s" : "");
	tell(line);
}

static void died(struct supervisor *sv, struct child *child, int status)
{
	int64_t now = now_ms();
	unsigned int shift;
	int64_t wait = 0;

	child->pid = 0;
	child->ready = false;
	if (child->report_fd >= 0)
		close(child->report_fd);
	child->report_fd = -1;
	if (sv->stopping)
		return;
	sv->restarts++;

	if (now - child->started >= GOOD_LIFE_MS)
		child->deaths = 0;
	if (child->deaths++) {
		shift = child->deaths - 2 < 6 ? child->deaths - 2 : 6;
		wait = BACKOFF_MS << shift;
		if (wait > BACKOFF_MAX_MS)
			wait = BACKOFF_MAX_MS;
	}
	child->due = now + wait;
	log_msg(LOG_WARNING, "%s %s %d, started again in %d ms", child->name,
		WIFSIGNALED(status) ? "was killed by signal" : "ended with status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (int)wait);
	say_status(sv);
}

static void reap(struct supervisor *sv)
{
	unsigned int i;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < sv->count; i++)
			if (sv->child[i].pid == pid)
				died(sv, &sv->child[i], status);
}

static void kill_all(struct supervisor *sv, int sig)
{
	unsigned int i;

	for (i = 0; i < sv->count; i++)
		if (sv->child[i].pid)
			kill(sv->child[i].pid, sig);
}

static void end_reload(struct supervisor *sv)
{
	if (sv->reload_by == INT64_MAX)
		return;
	sv->reload_by = INT64_MAX;
	/* Before that it would be taken for the word that all serve. */
	if (sv->announced)
		tell("READY=1");
}

/* Only who reads files has something to do; without it there is nothing to wait for. */
static void begin_reload(struct supervisor *sv)
{
	struct timespec ts;
	char state[64];
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 ts.tv_sec * 1000000LL + ts.tv_nsec / 1000);
	if (sv->announced)
		tell(state);
	sv->reload_by = now_ms();
	for (i = 0; i < sv->count; i++) {
		if (sv->child[i].role != CONFIG_AGENT || !sv->child[i].ready)
			continue;
		kill(sv->child[i].pid, SIGHUP);
		sv->reload_by += RELOAD_MS;
	}
}

static void handle_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;

	while (read(sv->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(sv);
			break;
		case SIGHUP:
			begin_reload(sv);
			break;
		default:
			if (!sv->stopping)
				sv->stop_by = now_ms() + STOP_MS;
			if (!sv->stopping)
				tell("STOPPING=1");
			sv->stopping = true;
			kill_all(sv, SIGTERM);
		}
	}
}

/* Once all were ready, a restart is nobody's business but ours. */
static void announce(struct supervisor *sv)
{
	unsigned int i;

	say_status(sv);
	for (i = 0; i < sv->count; i++)
		if (!sv->child[i].ready)
			return;
	if (sv->announced)
		return;
	sv->announced = true;
	log_msg(LOG_INFO, "ready");
	tell("READY=1");
	if (sv->detach_fd >= 0 && write(sv->detach_fd, "", 1) != 1)
		log_msg(LOG_WARNING, "who started us is gone");
}

static void handle_report(struct supervisor *sv, struct child *child)
{
	char byte[64];
	ssize_t n, i;

	n = read(child->report_fd, byte, sizeof(byte));
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		close(child->report_fd);
		child->report_fd = -1;
		return;
	}
	child->beat = now_ms();
	for (i = 0; i < n; i++) {
		if (byte[i] == ROLE_READY) {
			child->ready = true;
			child->was_ready = true;
			announce(sv);
		} else if (byte[i] == ROLE_RELOADED) {
			end_reload(sv);
		}
	}
}

/* When a child that does not beat counts as hung; INT64_MAX: it need not beat. */
static int64_t hangs_at(const struct supervisor *sv, const struct child *child)
{
	if (!child->pid || !child->ready || !sv->env->config->watchdog_s)
		return INT64_MAX;
	return child->beat + sv->env->watchdog_s * INT64_C(1000) * BEATS_MISSED;
}

/*
 * A supervisor that was stopped itself finds what they said in the pipe. A hung
 * child's end is seen like any other. Returns whether all answer.
 */
static bool check_beats(struct supervisor *sv)
{
	struct child *child;
	unsigned int i;
	bool all = true;

	for (i = 0; i < sv->count; i++) {
		child = &sv->child[i];
		if (hangs_at(sv, child) > now_ms())
			continue;
		if (child->report_fd >= 0)
			handle_report(sv, child);
		if (hangs_at(sv, child) > now_ms())
			continue;
		log_msg(LOG_ERR, "%s has not answered for %d s", child->name,
			(int)((now_ms() - child->beat) / 1000));
		kill(child->pid, SIGKILL);
		/* Once is enough; it is not ready until it lives again. */
		child->ready = false;
		all = false;
	}
	return all;
}

/* The service manager hears of us as long as nobody hangs. */
static void watch(struct supervisor *sv)
{
	int64_t now = now_ms();

	if (!sv->stopping && check_beats(sv) && sv->pet_at <= now) {
		tell("WATCHDOG=1");
		sv->pet_at = now + sv->pet_ms;
	}
	if (sv->reload_by <= now)
		end_reload(sv);
}

/* Control comes last: what it is sent waits for it, and nobody is to wait for its start. */
static bool is_its_turn(const struct supervisor *sv, const struct child *child)
{
	unsigned int i;

	for (i = 0; child->role == CONFIG_CONTROL && i < sv->count; i++)
		if (sv->child[i].role != CONFIG_CONTROL && !sv->child[i].was_ready)
			return false;
	return true;
}

/* Starts what is due and says how long poll() may sleep. */
static int next_timeout(struct supervisor *sv)
{
	int64_t now = now_ms();
	int64_t at = INT64_MAX;
	unsigned int i;

	if (sv->stopping)
		return sv->stop_by > now ? (int)(sv->stop_by - now) : 0;
	at = sv->pet_at < sv->reload_by ? sv->pet_at : sv->reload_by;
	for (i = 0; i < sv->count; i++) {
		if (hangs_at(sv, &sv->child[i]) < at)
			at = hangs_at(sv, &sv->child[i]);
		if (sv->child[i].pid || !is_its_turn(sv, &sv->child[i]))
			continue;
		if (sv->child[i].due <= now)
			start(sv, &sv->child[i]);
		if (!sv->child[i].pid && sv->child[i].due < at)
			at = sv->child[i].due;
	}
	if (at == INT64_MAX)
		return -1;
	return at > now ? (int)(at - now) : 0;
}

static bool all_gone(const struct supervisor *sv)
{
	unsigned int i;

	for (i = 0; i < sv->count; i++)
		if (sv->child[i].pid)
			return false;
	return true;
}

static int loop(struct supervisor *sv)
{
	struct pollfd fds[PVK_ARRAY_SIZE(sv->child) + 1];
	unsigned int i;
	int timeout;

	while (!sv->stopping || !all_gone(sv)) {
		timeout = next_timeout(sv);
		if (sv->stopping && now_ms() >= sv->stop_by) {
			kill_all(sv, SIGKILL);
			sv->stop_by = INT64_MAX;
			timeout = -1;
		}
		fds[0] = (struct pollfd){ .fd = sv->signal_fd, .events = POLLIN };
		for (i = 0; i < sv->count; i++)
			fds[i + 1] = (struct pollfd){ .fd = sv->child[i].report_fd,
						      .events = POLLIN };
		if (poll(fds, sv->count + 1, timeout) < 0 && errno != EINTR)
			return 1;
		for (i = 0; i < sv->count; i++)
			if (fds[i + 1].revents)
				handle_report(sv, &sv->child[i]);
		if (fds[0].revents)
			handle_signal(sv);
		watch(sv);
	}
	return 0;
}

static void add_child(struct supervisor *sv, const char *name, unsigned int role,
		      int (*run)(struct role_env *env))
{
	if (sv->env->config->roles & role)
		sv->child[sv->count++] = (struct child){
			.name = name, .role = role, .run = run, .report_fd = -1,
		};
}

static int forget_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from, to;
	typeof(info->dlpi_phdr) segment;
	int i;

	(void)size;
	(void)arg;
	for (i = 0; i < info->dlpi_phnum; i++) {
		segment = &info->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		from = (info->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
		to = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
		if (from < to)
			/* NOLINTNEXTLINE(performance-no-int-to-ptr): addresses come as numbers */
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

/*
 * Symbol tables and more of all libraries, a megabyte that the dynamic linker has
 * read for this process and that no child has mapped: what is needed of it again
 * is in the page cache. Never what is written to.
 */
static void forget_start_up(void)
{
	dl_iterate_phdr(forget_object, NULL);
}

/* The right to raise it goes next; where there is none, who starts us has to. */
static void allow_locking(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur >= LOCKED_MAX)
		return;
	limit.rlim_cur = LOCKED_MAX;
	if (limit.rlim_max < LOCKED_MAX)
		limit.rlim_max = LOCKED_MAX;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

int supervisor_run(const struct role_env *env, int detach_fd)
{
	struct supervisor sv = {
		.env = env,
		.detach_fd = detach_fd,
		.control_fd = { -1, -1 },
		.pet_at = INT64_MAX,
		.pet_ms = notify_watchdog_ms() / 2,
		.reload_by = INT64_MAX,
	};
	struct pvk_err err;
	sigset_t set;
	int ret;

	if (env->config->roles & CONFIG_CONTROL)
		allow_locking();
	if (priv_keep(PRIV_SUPERVISOR, &err)) {
		log_msg(LOG_ERR, "%s", err.text);
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sv.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sv.signal_fd < 0) {
		log_msg(LOG_ERR, "signalfd: %s", strerror(errno));
		return 1;
	}
	add_child(&sv, "pvkitd-loader", CONFIG_AGENT, loader_run);
	add_child(&sv, "pvkitd-front", CONFIG_FRONT, front_run);
	if ((env->config->roles & CONFIG_CONTROL) &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv.control_fd))
		log_msg(LOG_ERR, "socketpair: %s", strerror(errno));
	else
		add_child(&sv, "pvkitd-control", CONFIG_CONTROL, control_run);
	if (notify_watchdog_ms())
		sv.pet_at = now_ms();
	forget_start_up();
	ret = loop(&sv);
	close(sv.signal_fd);
	return ret;
}
