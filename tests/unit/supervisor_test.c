// SPDX-License-Identifier: MIT
/*
 * The supervisor with children of the test's own, and the test as its service
 * manager: what is said over NOTIFY_SOCKET, and what happens to a child that
 * hangs or dies.
 *
 * libs: libevent
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "notify.h"
#include "supervisor.h"

#define BEAT_S		1
/* Three beats that do not come, and what a busy machine adds. */
#define SOON_MS		10000

static char dir[] = "/tmp/pvkit-supervisor.XXXXXX";
static char said[4096];		/* all that the service manager heard */
static int manager = -1;
static int born[2];		/* children say here who they are */
static pid_t pid_of[2];		/* loader, front */
static pid_t supervisor;
static int start_ms;		/* that a child takes until it serves */

/* ---- children: the least that a role does ---- */

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct role_env *env = arg;

	(void)what;
	if (sig == SIGHUP)
		role_reloaded(env);
	else
		_exit(0);
}

static int child(struct role_env *env, char who)
{
	static const int sigs[] = { SIGHUP, SIGTERM };
	struct event_base *base = event_base_new();
	char line[32];
	size_t i;
	int n;

	for (i = 0; i < PVK_ARRAY_SIZE(sigs); i++)
		event_add(evsignal_new(base, sigs[i], on_signal, env), NULL);
	n = snprintf(line, sizeof(line), "%c%d\n", who, (int)getpid());
	if (role_watch(env, base) || write(born[1], line, (size_t)n) != n)
		return 1;
	poll(NULL, 0, start_ms);
	role_ready(env);
	event_base_dispatch(base);
	return 1;
}

int loader_run(struct role_env *env)
{
	return child(env, 'l');
}

int front_run(struct role_env *env)
{
	return child(env, 'f');
}

/* ---- the service manager ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static void read_births(void)
{
	char text[256], *line, *rest = text;
	ssize_t n = read(born[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (*line)
			pid_of[*line == 'f'] = (pid_t)atol(line + 1);
}

/* One message becomes one or more lines of `said`. */
static void read_manager(void)
{
	size_t len = strlen(said);
	ssize_t n = recv(manager, said + len, sizeof(said) - len - 2, MSG_DONTWAIT);

	if (n <= 0)
		return;
	said[len + (size_t)n] = '\n';
	said[len + (size_t)n + 1] = '\0';
}

/* Whether `want` is said within the time; what was said before it is forgotten. */
static bool hears(const char *want, int ms)
{
	struct pollfd fds[2] = {
		{ .fd = manager, .events = POLLIN }, { .fd = born[0], .events = POLLIN },
	};
	int64_t end = now_ms() + ms;
	char *at;

	for (;;) {
		at = strstr(said, want);
		if (at) {
			at += strlen(want);
			memmove(said, at, strlen(at) + 1);
			return true;
		}
		if (now_ms() >= end)
			return false;
		poll(fds, 2, (int)(end - now_ms()));
		if (fds[0].revents)
			read_manager();
		if (fds[1].revents)
			read_births();
	}
}

static bool gone(pid_t pid)
{
	int64_t end = now_ms() + SOON_MS;

	while (!kill(pid, 0) && now_ms() < end)
		poll(NULL, 0, 20);
	return kill(pid, 0) && errno == ESRCH;
}

static void start(const struct config *config, const char *watchdog_us)
{
	struct role_env env = {
		.config = config, .report_fd = -1, .watchdog_s = BEAT_S,
		.listener = { -1, -1, -1, -1, -1, -1, -1, -1 },
	};

	if (watchdog_us)
		setenv("WATCHDOG_USEC", watchdog_us, 1);
	else
		unsetenv("WATCHDOG_USEC");
	said[0] = '\0';
	fflush(stdout);
	supervisor = fork();
	if (!supervisor)
		_exit(supervisor_run(&env, -1));
}

/* Its exit status. */
static int stop(void)
{
	int status;

	kill(supervisor, SIGTERM);
	return waitpid(supervisor, &status, 0) == supervisor && WIFEXITED(status) ?
		WEXITSTATUS(status) : -1;
}

/* ---- tests ---- */

static void test_protocol(const struct config *config)
{
	pid_t loader, front;

	start(config, "2000000");
	ktap_check(hears("READY=1", SOON_MS), "ready once both children are");
	ktap_check(hears("WATCHDOG=1", SOON_MS), "the watchdog is fed");
	ktap_check(hears("WATCHDOG=1", SOON_MS), "and fed again");
	loader = pid_of[0];
	front = pid_of[1];

	kill(supervisor, SIGHUP);
	ktap_check(hears("RELOADING=1\nMONOTONIC_USEC=", SOON_MS), "SIGHUP: it reloads");
	ktap_check(hears("READY=1", SOON_MS), "and is ready when the loader has done so");

	kill(loader, SIGKILL);
	ktap_check(hears("pvkitd-loader is started again, pvkitd-front serves; 1 restart so far",
			 SOON_MS), "a dead child is said in the status");
	ktap_check(hears("pvkitd-loader serves, pvkitd-front serves; 1 restart so far", SOON_MS),
		   "and that it serves again");
	ktap_check(pid_of[0] != loader && pid_of[1] == front, "the other one has not noticed");

	ktap_eq(stop(), 0, "SIGTERM ends it with status 0");
	ktap_check(hears("STOPPING=1", 100), "which it has said");
	ktap_check(gone(pid_of[0]) && gone(front), "and no child stays");
}

/* Who is asked to reload before it serves does not say that it serves. */
static void test_early_reload(const struct config *config)
{
	start_ms = 1000;
	pid_of[0] = 0;
	pid_of[1] = 0;
	start(config, NULL);
	start_ms = 0;
	while (!pid_of[0] || !pid_of[1])
		hears("nothing", 20);
	kill(supervisor, SIGHUP);
	ktap_check(!hears("READY=1", 500), "SIGHUP before both serve is no READY=1");
	ktap_check(hears("pvkitd-loader serves, pvkitd-front serves", SOON_MS), "once they do");
	ktap_check(hears("READY=1", SOON_MS), "it is said");
	ktap_eq(stop(), 0, "all can be ended");
}

static void test_hang(const struct config *config)
{
	pid_t front;

	start(config, "2000000");
	ktap_check(hears("pvkitd-loader serves, pvkitd-front serves", SOON_MS),
		   "given two that serve");
	front = pid_of[1];
	kill(front, SIGSTOP);
	ktap_check(hears("pvkitd-front is started again", SOON_MS),
		   "one that does not beat is killed and started again");
	ktap_check(hears("pvkitd-front serves; 1 restart so far", SOON_MS), "and serves again");
	ktap_check(pid_of[1] != front && gone(front), "as a new process");
	ktap_check(hears("WATCHDOG=1", SOON_MS), "and the watchdog is fed again");
	ktap_eq(stop(), 0, "all can be ended");
}

/* A supervisor that was stopped finds its children's beats in their pipes. */
static void test_stopped_itself(const struct config *config)
{
	start(config, NULL);
	ktap_check(hears("pvkitd-loader serves, pvkitd-front serves", SOON_MS),
		   "given two that serve");
	kill(supervisor, SIGSTOP);
	poll(NULL, 0, 4000);
	kill(supervisor, SIGCONT);
	ktap_check(!hears("started again", 1500), "being stopped itself is no child's fault");
	ktap_check(!hears("WATCHDOG=1", 100), "who wants no WATCHDOG=1 hears none");
	ktap_eq(stop(), 0, "all can be ended");
}

static void test_off(struct config *config)
{
	config->watchdog_s = 0;
	start(config, "1000000");
	ktap_check(hears("pvkitd-loader serves, pvkitd-front serves", SOON_MS),
		   "given two that serve");
	kill(pid_of[1], SIGSTOP);
	ktap_check(!hears("started again", 4500), "watchdog 0: one that hangs may hang");
	ktap_check(hears("WATCHDOG=1", 100), "the service manager's own is fed all the same");
	kill(pid_of[1], SIGCONT);
	ktap_eq(stop(), 0, "all can be ended");
}

static void test_whose_watchdog(void)
{
	char pid[16];

	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "3000000", 1);
	ktap_eq(notify_watchdog_ms(), 3000, "3,000,000 us are 3,000 ms");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ktap_eq(notify_watchdog_ms(), 3000, "with our process id too");
	setenv("WATCHDOG_PID", "1", 1);
	ktap_eq(notify_watchdog_ms(), 0, "that of another process is not ours");
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "1s", 1);
	ktap_eq(notify_watchdog_ms(), 0, "what is no number is none");
	setenv("WATCHDOG_USEC", "99999999999999999999", 1);
	ktap_eq(notify_watchdog_ms(), 0, "nor one too large");
	unsetenv("WATCHDOG_USEC");
	ktap_eq(notify_watchdog_ms(), 0, "and nothing is nothing");
}

static void be_the_manager(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (!mkdtemp(dir) || pipe2(born, O_CLOEXEC | O_NONBLOCK))
		ktap_fail("%s: %s", dir, strerror(errno));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", dir);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager < 0 || bind(manager, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_fail("%s: %s", addr.sun_path, strerror(errno));
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
}

int main(void)
{
	static struct config config = {
		.roles = CONFIG_AGENT | CONFIG_FRONT,
		.watchdog_s = BEAT_S,
		.foreground = true,
	};
	char path[64];

	ktap_plan(35);
	test_whose_watchdog();
	be_the_manager();
	test_protocol(&config);
	test_early_reload(&config);
	test_hang(&config);
	test_stopped_itself(&config);
	test_off(&config);
	snprintf(path, sizeof(path), "%s/notify", dir);
	unlink(path);
	rmdir(dir);
	return ktap_finish();
}
