// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "cli.h"

/* What add and del print: the alias that they were about. */
static int print_alias(const struct cli *cli, const char *alias, const char *what)
{
	json_auto_out struct json_out out = { 0 };

	if (!cli->json) {
		printf("%s: %s\n", alias, what);
		return CLI_OK;
	}
	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "alias", alias);
	json_out_end(&out);
	return cli_print_json(&out);
}

int verb_drivers_add(struct cli *cli)
{
	struct pvk_err err = { 0 };
	const char *alias;
	int status, ret;

	if (cli_option(cli, &status) != CLI_END)
		return status;
	if (optind == cli->argc)
		return cli_usage(cli, "which alias?");
	alias = cli->argv[optind++];
	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_drv_driver_new(cli->drv, alias, (const char *const *)&cli->argv[optind],
				 (size_t)(cli->argc - optind), &err);
	return ret ? cli_fail(alias, ret, &err) : print_alias(cli, alias, "registered");
}

int verb_drivers_del(struct cli *cli)
{
	struct pvk_err err = { 0 };
	const char *alias;
	int status, ret;

	if (cli_option(cli, &status) != CLI_END)
		return status;
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one alias");
	alias = cli->argv[optind];
	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_drv_driver_del(cli->drv, alias, &err);
	return ret ? cli_fail(alias, ret, &err) : print_alias(cli, alias, "removed");
}
