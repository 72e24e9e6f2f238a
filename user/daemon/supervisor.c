// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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

struct child {
	const char *name;
	unsigned int role;
	int (*run)(struct role_env *env);
	pid_t pid;		/* 0: not running */
	int64_t started;
	int64_t due;		/* when to start it, while it is not running */
	unsigned int deaths;	/* in a row, each after a short life */
	int ready_fd;		/* our end; -1: it is ready, or dead */
	bool ready;
};

struct supervisor {
	const struct role_env *env;
	struct child child[2];
	unsigned int count;
	int signal_fd;
	int detach_fd;
	bool announced;
	bool stopping;
	int64_t stop_by;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* In the child; does not return. */
static void become(struct supervisor *sv, struct child *child, pid_t parent, int ready_fd)
{
	struct role_env env = *sv->env;
	sigset_t none;
	unsigned int i;

	close(sv->signal_fd);
	if (sv->detach_fd >= 0)
		close(sv->detach_fd);
	for (i = 0; i < sv->count; i++)
		if (sv->child[i].ready_fd >= 0)
			close(sv->child[i].ready_fd);
	for (i = 0; i < env.config->n_sockets; i++) {
		if (child->role != CONFIG_FRONT && env.listener[i] >= 0) {
			close(env.listener[i]);
			env.listener[i] = -1;
		}
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, child->name);
	log_init(child->name, !env.config->foreground);
	env.parent = parent;
	env.ready_fd = ready_fd;
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
	child->ready_fd = fds[0];
}

static void died(struct supervisor *sv, struct child *child, int status)
{
	int64_t now = now_ms();
	unsigned int shift;
	int64_t wait = 0;

	child->pid = 0;
	if (child->ready_fd >= 0)
		close(child->ready_fd);
	child->ready_fd = -1;
	if (sv->stopping)
		return;

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

static void handle_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;

	while (read(sv->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(sv);
			break;
		case SIGHUP:
			kill_all(sv, SIGHUP);
			break;
		default:
			if (!sv->stopping)
				sv->stop_by = now_ms() + STOP_MS;
			sv->stopping = true;
			kill_all(sv, SIGTERM);
		}
	}
}

/* Once all were ready, a restart is nobody's business but ours. */
static void announce(struct supervisor *sv)
{
	unsigned int i;
	int ret;

	for (i = 0; i < sv->count; i++)
		if (!sv->child[i].ready)
			return;
	if (sv->announced)
		return;
	sv->announced = true;
	log_msg(LOG_INFO, "ready");
	ret = notify_send("READY=1");
	if (ret)
		log_msg(LOG_WARNING, "NOTIFY_SOCKET: %s", strerror(-ret));
	if (sv->detach_fd >= 0 && write(sv->detach_fd, "", 1) != 1)
		log_msg(LOG_WARNING, "who started us is gone");
}

static void handle_ready(struct supervisor *sv, struct child *child)
{
	char byte;

	if (read(child->ready_fd, &byte, 1) == 1)
		child->ready = true;
	close(child->ready_fd);
	child->ready_fd = -1;
	announce(sv);
}

/* Starts what is due and says how long poll() may sleep. */
static int next_timeout(struct supervisor *sv)
{
	int64_t now = now_ms();
	int64_t at = INT64_MAX;
	unsigned int i;

	if (sv->stopping)
		at = sv->stop_by;
	for (i = 0; i < sv->count && !sv->stopping; i++) {
		if (sv->child[i].pid)
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
	struct pollfd fds[3];
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
			fds[i + 1] = (struct pollfd){ .fd = sv->child[i].ready_fd,
						      .events = POLLIN };
		if (poll(fds, sv->count + 1, timeout) < 0 && errno != EINTR)
			return 1;
		for (i = 0; i < sv->count; i++)
			if (fds[i + 1].revents)
				handle_ready(sv, &sv->child[i]);
		if (fds[0].revents)
			handle_signal(sv);
	}
	return 0;
}

static void add_child(struct supervisor *sv, const char *name, unsigned int role,
		      int (*run)(struct role_env *env))
{
	if (sv->env->config->roles & role)
		sv->child[sv->count++] = (struct child){
			.name = name, .role = role, .run = run, .ready_fd = -1,
		};
}

int supervisor_run(const struct role_env *env, int detach_fd)
{
	struct supervisor sv = { .env = env, .detach_fd = detach_fd };
	struct pvk_err err;
	sigset_t set;
	int ret;

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
	ret = loop(&sv);
	close(sv.signal_fd);
	return ret;
}
