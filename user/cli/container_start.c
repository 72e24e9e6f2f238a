// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* NAME and --timeout: what start and stop take. */
static int parse(struct cli *cli, const char **name, uint32_t *timeout_ms)
{
	int opt, status;

	*name = NULL;
	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (cli_timeout(cli, optarg, timeout_ms))
			return CLI_USAGE;
	}
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one name");
	status = cli_open(cli, NULL, NULL);
	if (!status)
		*name = cli->argv[optind];
	return status;
}

int verb_container_start(struct cli *cli)
{
	json_auto_out struct json_out out = { 0 };
	struct pvk_container container;
	uint32_t timeout_ms = 0;
	struct pvk_err err = { 0 };
	const char *name;
	int status, ret;

	status = parse(cli, &name, &timeout_ms);
	if (!name)
		return status;
	ret = pvk_drv_container_get(cli->drv, name, 0, &container, &err);
	if (ret)
		return cli_fail(name, ret, &err);

	json_out_init(&out, CLI_JSON_MAX);
	json_out_array(&out);
	status = uses_load(cli, &container, timeout_ms, cli->json ? &out : NULL);
	json_out_end(&out);
	pvk_container_free(&container);
	if (cli->json) {
		ret = cli_print_json(&out);
		return status ? status : ret;
	}
	if (!status)
		printf("%s: started\n", name);
	return status;
}

int verb_container_stop(struct cli *cli)
{
	json_auto_out struct json_out out = { 0 };
	struct pvk_outcome outcome;
	uint32_t timeout_ms = 0;
	struct pvk_err err = { 0 };
	const char *name;
	int status, ret;

	status = parse(cli, &name, &timeout_ms);
	if (!name)
		return status;
	ret = pvk_drv_container_del(cli->drv, name, false, timeout_ms, &outcome, &err);
	status = ret ? cli_fail(name, ret, &err) : CLI_OK;
	cli_warnings(name, &outcome.warnings);
	if (cli->json) {
		json_out_init(&out, CLI_JSON_MAX);
		json_out_object(&out);
		cli_json_outcome(&out, name, ret, &outcome, &err);
		json_out_end(&out);
		ret = cli_print_json(&out);
	} else if (!ret) {
		printf("%s: stopped\n", name);
	}
	pvk_outcome_free(&outcome);
	return status ? status : cli_status(ret);
}
