// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "genl.h"
#include "hook.h"

/* The kernel lets go of a container that ended without a hook within 5 s. */
#define EXIST_TRIES	70
#define EXIST_PAUSE_MS	100
#define SETTLE_MS	60000

int hook_files(struct uses *uses, const char *dir, bool below, struct pvk_err *err)
{
	static const struct {
		const char *name;
		int (*read)(struct uses *uses, const char *path, struct pvk_err *err);
	} files[] = { { "run.json", uses_run_json }, { "src.json", uses_src_json } };
	const char *name = below ? uses->container.name : "";
	char path[PATH_MAX];
	int ret = -ENOENT;
	size_t i;

	for (i = 0; dir && i < PVK_ARRAY_SIZE(files) && ret == -ENOENT; i++) {
		if (snprintf(path, sizeof(path), "%s%s%s/%s", dir, below ? "/containers/" : "",
			     name, files[i].name) >= (int)sizeof(path))
			return pvk_err_set(err, -ENAMETOOLONG, "path too long");
		ret = files[i].read(uses, path, err);
	}
	return ret;
}

/*
 * A restart may come before the kernel has noticed that the container of that
 * name is gone.
 */
static int register_it(struct cli *cli, const struct uses *uses, pid_t pid, struct pvk_err *err)
{
	static const struct timespec pause = { .tv_nsec = EXIST_PAUSE_MS * 1000000L };
	int ret, try;

	for (try = 0; ; try++) {
		ret = pvk_drv_container_new(cli->drv, &uses->container, -1, pid, NULL, err);
		if (ret != -EEXIST || try == EXIST_TRIES)
			return ret;
		nanosleep(&pause, NULL);
	}
}

int hook_create(struct cli *cli, const struct uses *uses, pid_t pid, uint32_t timeout_ms)
{
	const char *name = uses->container.name;
	struct pvk_err err = { 0 };
	int ret, status;

	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = register_it(cli, uses, pid, &err);
	if (ret)
		return cli_fail(name, ret, &err);

	status = uses_load(cli, &uses->container, timeout_ms, NULL);
	if (!status)
		return CLI_OK;
	/* Nothing of a start that failed is left behind. */
	ret = pvk_drv_container_del(cli->drv, name, false, timeout_ms, NULL, &err);
	if (ret)
		cli_fail(name, ret, &err);
	return status;
}

int hook_stop(struct cli *cli, const char *name, uint32_t timeout_ms, bool *gone)
{
	struct pvk_err err = { 0 };
	int status, ret;

	*gone = false;
	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_drv_container_del(cli->drv, name, true, timeout_ms, NULL, &err);
	/* Another container has the name by now. */
	if (ret == -EBUSY)
		return CLI_OK;
	/* Gone already, or the start had failed. */
	if (ret == -ENOENT) {
		*gone = true;
		return CLI_OK;
	}
	return ret ? cli_fail(name, ret, &err) : CLI_OK;
}

static bool any_unloading(struct cli *cli, const struct pvk_container *container)
{
	struct pvk_driver driver;
	bool unloading;
	size_t i;

	for (i = 0; i < container->n_entries; i++) {
		if (pvk_drv_driver_get(cli->drv, container->entries[i].alias, 0, &driver, NULL))
			continue;
		unloading = driver.state == PV_DRIVER_STATE_UNLOADING;
		pvk_driver_free(&driver);
		if (unloading)
			return true;
	}
	return false;
}

void hook_settle(struct cli *cli, const struct uses *uses, uint32_t timeout_ms)
{
	int64_t left, end = pvk_now_ms() + (timeout_ms ? timeout_ms : SETTLE_MS);

	if (pvk_drv_subscribe(cli->drv, NULL, NULL, NULL))
		return;
	while (any_unloading(cli, &uses->container)) {
		left = end - pvk_now_ms();
		if (left <= 0 || pvk_drv_dispatch_wait(cli->drv, (int)left, NULL))
			return;
	}
}
