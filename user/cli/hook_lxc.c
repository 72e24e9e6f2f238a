// SPDX-License-Identifier: MIT
/*
 * hook lxc - what LXC calls when a container comes and goes
 *
 * start-host is the right moment to begin: it runs on the host, the payload's
 * cgroup exists with nothing in it but the process that becomes the container's
 * init and waits for us, and a failure aborts the start. That process is in
 * LXC_PID. At post-stop it is gone, so the container goes by its name.
 *
 * LXC shows what a hook says in its own log only, at level DEBUG: what went
 * wrong is in the system log as well.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"

struct lxc_hook {
	struct cli *cli;
	const char *root;
	uint32_t timeout_ms;
	struct uses uses;	/* run.json, else as the options say */
};

static int take_option(struct lxc_hook *hook, int opt)
{
	struct pvk_err err = { 0 };
	int ret = 0;

	switch (opt) {
	case OPT_ROOT:
		hook->root = optarg;
		break;
	case OPT_REQUIRED:
		ret = uses_add(&hook->uses, PV_DRIVER_TYPE_REQUIRED, optarg, &err);
		break;
	case OPT_OPTIONAL:
		ret = uses_add(&hook->uses, PV_DRIVER_TYPE_OPTIONAL, optarg, &err);
		break;
	case OPT_MANUAL:
		ret = uses_add(&hook->uses, PV_DRIVER_TYPE_MANUAL, optarg, &err);
		break;
	case OPT_ROLE:
		ret = uses_role(&hook->uses, optarg, &err);
		break;
	case OPT_TIMEOUT:
		return cli_timeout(hook->cli, optarg, &hook->timeout_ms);
	}
	return ret ? cli_usage(hook->cli, "%s", err.text) : CLI_OK;
}

/*
 * lxc.hook.version = 0 adds three words to the line, NAME lxc TYPE; 1 says the
 * same in the environment alone.
 */
static int understand(struct lxc_hook *hook, const char **type)
{
	struct cli *cli = hook->cli;
	const char *name = getenv("LXC_NAME");
	struct pvk_err err = { 0 };

	*type = getenv("LXC_HOOK_TYPE");
	if (optind == cli->argc - 3 && strcmp(cli->argv[optind + 1], "lxc") == 0) {
		name = cli->argv[optind];
		*type = cli->argv[optind + 2];
	} else if (optind != cli->argc) {
		return cli_usage(cli, "%s: LXC says NAME lxc HOOK or nothing", cli->argv[optind]);
	}
	if (!name || !*type)
		return cli_usage(cli, "neither LXC_NAME and LXC_HOOK_TYPE in the environment nor "
				 "NAME lxc HOOK: LXC is to call this");
	if (uses_name(&hook->uses, name, &err))
		return cli_usage(cli, "%s", err.text);
	return CLI_OK;
}

static int read_uses(struct lxc_hook *hook, struct pvk_err *err)
{
	struct uses *given = &hook->uses, found = { 0 };
	int ret;

	strcpy(found.container.name, given->container.name);
	ret = hook_files(&found, hook->root, true, err);
	if (ret == -ENOENT)
		return 0;
	if (!ret) {
		*given = found;
		given->container.entries = given->entry;
	}
	return ret;
}

static int create(struct lxc_hook *hook)
{
	const char *name = hook->uses.container.name, *pid_text = getenv("LXC_PID");
	struct pvk_err err = { 0 };
	uint64_t pid;
	int ret;

	if (!pid_text || cli_number(pid_text, 1, INT_MAX, &pid)) {
		cli_complain(name, "no LXC_PID in the environment");
		return CLI_FAILED;
	}
	ret = read_uses(hook, &err);
	if (ret)
		return cli_fail(name, ret, &err);
	return hook_create(hook->cli, &hook->uses, (pid_t)pid, hook->timeout_ms);
}

static int stop(struct lxc_hook *hook)
{
	bool gone;
	int status = hook_stop(hook->cli, hook->uses.container.name, hook->timeout_ms, &gone);

	if (gone && !read_uses(hook, NULL))
		hook_settle(hook->cli, &hook->uses, hook->timeout_ms);
	return status;
}

int verb_hook_lxc(struct cli *cli)
{
	struct lxc_hook hook = { .cli = cli, .root = HOOK_ROOT };
	const char *type;
	int opt, status;

	cli_use_syslog();
	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt != CLI_EXIT)
			status = take_option(&hook, opt);
		if (opt == CLI_EXIT || status)
			return status;
	}
	status = understand(&hook, &type);
	if (status)
		return status;
	if (strcmp(type, "start-host") == 0)
		return create(&hook);
	if (strcmp(type, "post-stop") == 0)
		return stop(&hook);
	return cli_usage(cli, "not for lxc.hook.%.32s: start-host and post-stop", type);
}
