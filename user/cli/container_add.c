// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

struct add {
	struct uses uses;
	const char *cgroup;
	uint64_t pid;
};

/*
 * A path as it is, or as /proc/PID/cgroup writes it: below the mount point of
 * cgroup v2, which is elsewhere on a hybrid system.
 */
static int open_cgroup(const char *path)
{
	static const char *const mounts[] = { "", "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char full[PATH_MAX];
	size_t i;
	int fd;

	for (i = 0; i < PVK_ARRAY_SIZE(mounts); i++) {
		if (snprintf(full, sizeof(full), "%s%s%s", mounts[i],
			     i && path[0] != '/' ? "/" : "", path) >= (int)sizeof(full))
			return -ENAMETOOLONG;
		fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int print_added(const struct cli *cli, const struct pvk_container *container,
		       uint64_t id)
{
	json_auto_out struct json_out out = { 0 };

	if (!cli->json) {
		printf("%s: registered\n", container->name);
		return CLI_OK;
	}
	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "name", container->name);
	json_out_pair_uint(&out, "id", id);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int add_container(struct cli *cli, const struct add *add)
{
	const struct pvk_container *container = &add->uses.container;
	pvk_auto_close int fd = -1;
	struct pvk_err err = { 0 };
	uint64_t id;
	int ret, status;

	if (add->cgroup) {
		fd = open_cgroup(add->cgroup);
		if (fd < 0) {
			cli_complain(container->name, "cgroup %s: %s", add->cgroup, strerror(-fd));
			return cli_status(fd);
		}
	}
	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_drv_container_new(cli->drv, container, fd, (pid_t)add->pid, &id, &err);
	return ret ? cli_fail(container->name, ret, &err) : print_added(cli, container, id);
}

static int take_option(struct cli *cli, struct add *add, int opt)
{
	struct pvk_err err = { 0 };
	int ret = 0;

	switch (opt) {
	case OPT_PID:
		if (cli_number(optarg, 1, INT_MAX, &add->pid))
			return cli_usage(cli, "--pid wants a process id, not \"%s\"", optarg);
		break;
	case OPT_CGROUP:
		add->cgroup = optarg;
		break;
	case OPT_REQUIRED:
		ret = uses_add(&add->uses, PV_DRIVER_TYPE_REQUIRED, optarg, &err);
		break;
	case OPT_OPTIONAL:
		ret = uses_add(&add->uses, PV_DRIVER_TYPE_OPTIONAL, optarg, &err);
		break;
	case OPT_MANUAL:
		ret = uses_add(&add->uses, PV_DRIVER_TYPE_MANUAL, optarg, &err);
		break;
	case OPT_ROLE:
		ret = uses_role(&add->uses, optarg, &err);
		break;
	case OPT_RUN_JSON:
	case OPT_SRC_JSON:
		ret = opt == OPT_RUN_JSON ? uses_run_json(&add->uses, optarg, &err) :
			uses_src_json(&add->uses, optarg, &err);
		if (ret)
			return cli_fail(NULL, ret, &err);
		break;
	}
	return ret ? cli_usage(cli, "%s", err.text) : CLI_OK;
}

int verb_container_add(struct cli *cli)
{
	struct pvk_err err = { 0 };
	struct add add = { 0 };
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt != CLI_EXIT)
			status = take_option(cli, &add, opt);
		if (opt == CLI_EXIT || status)
			return status;
	}
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one name");
	if (!add.pid && !add.cgroup)
		return cli_usage(cli, "wants --pid or --cgroup");
	if (uses_name(&add.uses, cli->argv[optind], &err))
		return cli_usage(cli, "%s", err.text);
	return add_container(cli, &add);
}
