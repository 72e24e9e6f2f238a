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

static int open_sockets(struct role_env *env, struct pvk_err *err)
{
	const struct config *config = env->config;
	unsigned int i;

	for (i = 0; i < CONFIG_SOCKETS_MAX; i++)
		env->listener[i] = -1;
	if (!(config->roles & CONFIG_FRONT))
		return 0;
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
	struct role_env env = { .config = &config, .report_fd = -1 };
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
	if (open_sockets(&env, &err)) {
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
	if (!config.uid && (config.roles & CONFIG_FRONT))
		log_msg(LOG_WARNING, "user 0: what parses requests stays root, without capabilities");
	sandbox_report(config.sandbox);
	env.watchdog_s = watchdog_s(&config);
	if (config.foreground && config.roles == CONFIG_AGENT)
		return loader_run(&env);
	if (config.foreground && config.roles == CONFIG_FRONT)
		return front_run(&env);
	return supervisor_run(&env, detach_fd);
}
