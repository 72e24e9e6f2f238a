// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "cli.h"

static int print_json(const struct pvk_status *status)
{
	json_auto_out struct json_out out = { 0 };

	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "agent", status->agent_portid ? status->agent : NULL);
	json_out_pair_uint(&out, "agent_portid", status->agent_portid);
	json_out_pair_uint(&out, "drivers", status->drivers);
	json_out_pair_uint(&out, "containers", status->containers);
	json_out_pair_uint(&out, "requests", status->requests);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int print_text(const struct pvk_status *status)
{
	pvk_auto_buf struct pvk_buf agent = PVK_BUF_INIT(4096);

	cli_clean(&agent, status->agent[0] ? status->agent : "(no name)");
	if (status->agent_portid)
		printf("agent       %s (netlink port %u)\n", pvk_buf_str(&agent),
		       status->agent_portid);
	else
		puts("agent       none: the kernel runs modprobe");
	printf("drivers     %u\n", status->drivers);
	printf("containers  %u\n", status->containers);
	printf("requests    %u under way\n", status->requests);
	return CLI_OK;
}

int verb_status(struct cli *cli)
{
	struct pvk_status status;
	struct pvk_err err = { 0 };
	int exit_status, ret;

	if (cli_option(cli, &exit_status) != CLI_END)
		return exit_status;
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	exit_status = cli_open(cli, NULL, NULL);
	if (exit_status)
		return exit_status;
	ret = pvk_drv_status(cli->drv, &status, &err);
	if (ret)
		return cli_fail(NULL, ret, &err);
	return cli->json ? print_json(&status) : print_text(&status);
}
