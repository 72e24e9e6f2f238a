// SPDX-License-Identifier: MIT
/*
 * pvkitd - pv-ctrl for containers, the loading agent for pv_driver
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "listen.h"
#include "log.h"
#include "notify.h"
#include "sandbox.h"
#include "supervisor.h"

/* How long the command waits for that which it has started. */
#define READY_MS	10000
/* It goes on trying: no failure, but not what was asked for either. */
#define EXIT_NOT_YET	3

static int wait_for_word(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&pfd, 1, READY_MS) == 1)
		return read(fd, &byte, 1) == 1 ? 0 : 1;
	fputs("pvkitd: started, but not ready yet; is pv_driver in the kernel?\n", stderr);
	return EXIT_NOT_YET;
}

/*
 * The parent waits for the word that everything serves, so that whoever
 * started pvkitd can go on with it. Returns the fd to say so in the child.
 */
static int detach(void)
{
	int fds[2], null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(fds[1]);
		_exit(wait_for_word(fds[0]));
	}
	close(fds[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir("/"))
		return -errno;
	close(null);
	return fds[1];
}

/* A service manager may have made them: then they are the ones, whatever the file says. */
static int open_sockets(struct role_env *env, struct config *config, struct pvk_err *err)
{
	pvk_auto_close int lock = -1;
	unsigned int i;
	int ret;

	for (i = 0; i < CONFIG_SOCKETS_MAX; i++)
		env->listener[i] = -1;
	if (!(config->roles & CONFIG_FRONT))
		return 0;
	ret = listen_inherited(env->listener, CONFIG_SOCKETS_MAX, err);
	if (ret < 0)
		return ret;
	if (ret) {
		config->n_sockets = (unsigned int)ret;
		return 0;
	}
	lock = listen_lock(config->state, err);
	if (lock < 0)
		return lock;
	for (i = 0; i < config->n_sockets; i++) {
		env->listener[i] = listen_at(config->socket[i], err);
		if (env->listener[i] < 0)
			return env->listener[i];
	}
	return 0;
}

/* fds 0 to 2 must not be handed out as sockets to whoever writes an error there. */
static void fill_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Without it an init script can't end us, but drivers are loaded all the same. */
static void write_pidfile(const char *path)
{
	pvk_auto_close int fd = -1;

	/* Not into what somebody else has put there. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		log_msg(LOG_WARNING, "%s: %s", path, strerror(errno));
}

/*
 * A service manager that waits for WATCHDOG=1 ends all of us: a child that hangs,
 * noticed after three intervals, is better replaced before that.
 */
static int watchdog_s(const struct config *config)
{
	int wanted_ms = notify_watchdog_ms();
	int most_s = wanted_ms / 1000 / 4;

	if (!wanted_ms || (config->watchdog_s && config->watchdog_s <= most_s))
		return config->watchdog_s;
	return most_s ? most_s : 1;
}

int main(int argc, char **argv)
{
	static struct config config;
	struct role_env env = { .config = &config, .report_fd = -1, .control_fd = -1 };
	int detach_fd = -1;
	struct pvk_err err;
	int ret;

	fill_std_fds();
	ret = config_parse(&config, argc, argv, &err);
	if (ret == CONFIG_DONE)
		return 0;
	if (ret) {
		fprintf(stderr, "pvkitd: %s\n", err.text);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (config.verbose)
		log_verbose();
	/* Without it nothing could be kept; what is wrong with it is said by its users. */
	(void)mkdir(config.root, 0755);
	(void)mkdir(config.state, 0755);
	if (open_sockets(&env, &config, &err)) {
		fprintf(stderr, "pvkitd: %s\n", err.text);
		return 1;
	}
	if (!config.foreground) {
		detach_fd = detach();
		if (detach_fd < 0) {
			fprintf(stderr, "pvkitd: %s\n", strerror(-detach_fd));
			return 1;
		}
	}
	log_init("pvkitd", !config.foreground);
	if (config.pidfile[0])
		write_pidfile(config.pidfile);
	if (!config.uid && (config.roles & CONFIG_FRONT))
		log_msg(LOG_WARNING,
			"user 0: what parses requests stays root, without capabilities");
	sandbox_report(config.sandbox);
	env.watchdog_s = watchdog_s(&config);
	if (config.foreground && config.roles == CONFIG_AGENT)
		return loader_run(&env);
	ret = supervisor_run(&env, detach_fd);
	if (config.pidfile[0])
		unlink(config.pidfile);
	return ret;
}
