// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef int (*change_fn)(struct cli *cli, const char *name, uint32_t timeout_ms);

/* What start and stop take: NAME and --timeout. */
static int verb_change(struct cli *cli, change_fn change)
{
	uint32_t timeout_ms = 0;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (cli_timeout(cli, optarg, &timeout_ms))
			return CLI_USAGE;
	}
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one name");
	status = cli_open(cli, NULL, NULL);
	return status ? status : change(cli, cli->argv[optind], timeout_ms);
}

static int start(struct cli *cli, const char *name, uint32_t timeout_ms)
{
	json_auto_out struct json_out out = { 0 };
	struct pvk_container container;
	struct pvk_err err = { 0 };
	int status, ret;

	ret = pvk_drv_container_get(cli->drv, name, 0, &container, &err);
	if (ret)
		return cli_fail(name, ret, &err);
	cli_begin_list(cli, false, &out);
	status = uses_load(cli, &container, timeout_ms, cli->json ? &out : NULL);
	pvk_container_free(&container);
	if (cli->json) {
		ret = cli_end_list(&out);
		return status ? status : ret;
	}
	if (!status)
		printf("%s: started\n", name);
	return status;
}

static int stop(struct cli *cli, const char *name, uint32_t timeout_ms)
{
	json_auto_out struct json_out out = { 0 };
	struct pvk_outcome outcome;
	struct pvk_err err = { 0 };
	int status, ret, printed = CLI_OK;

	ret = pvk_drv_container_del(cli->drv, name, false, timeout_ms, &outcome, &err);
	status = ret ? cli_fail(name, ret, &err) : CLI_OK;
	cli_warnings(name, &outcome.warnings);
	if (cli->json) {
		json_out_init(&out, CLI_JSON_MAX);
		json_out_object(&out);
		cli_json_outcome(&out, name, ret, &outcome, &err);
		json_out_end(&out);
		printed = cli_print_json(&out);
	} else if (!ret) {
		printf("%s: stopped\n", name);
	}
	pvk_outcome_free(&outcome);
	return status ? status : printed;
}

int verb_container_start(struct cli *cli)
{
	return verb_change(cli, start);
}

int verb_container_stop(struct cli *cli)
{
	return verb_change(cli, stop);
}
