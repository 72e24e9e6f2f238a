// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef int (*use_fn)(struct pvk_drv *drv, const struct pvk_request *request,
		      struct pvk_outcome *outcome, struct pvk_err *err);

static void print_done(const char *alias, const struct pvk_outcome *outcome)
{
	/* Others use it, or it was there before: "loaded" would read as a failure. */
	if (outcome->op == PV_DRIVER_OP_UNLOAD && outcome->state == PV_DRIVER_STATE_LOADED)
		printf("%s: use ended, stays loaded\n", alias);
	else
		printf("%s: %s\n", alias, pvk_state_name(outcome->state));
}

static int use_one(struct cli *cli, use_fn use, const struct pvk_request *request,
		   struct json_out *out)
{
	struct pvk_outcome outcome;
	struct pvk_err err = { 0 };
	int ret = use(cli->drv, request, &outcome, &err);
	int status = cli_outcome_status(ret, &outcome);

	if (ret)
		cli_fail(request->alias, ret, &err);
	/* What the last load had to say is no news to who unloads. */
	if (outcome.op == PV_DRIVER_OP_LOAD)
		cli_warnings(request->alias, &outcome.warnings);
	if (cli->json) {
		json_out_object(out);
		cli_json_outcome(out, request->alias, ret, &outcome, &err);
		json_out_end(out);
	} else if (!ret) {
		print_done(request->alias, &outcome);
	}
	pvk_outcome_free(&outcome);
	return status;
}

/* Each in its turn; the first failure decides the exit status. */
static int use_all(struct cli *cli, use_fn use, struct pvk_request *request)
{
	json_auto_out struct json_out out = { 0 };
	int status = CLI_OK, one, i;

	json_out_init(&out, CLI_JSON_MAX);
	json_out_array(&out);
	for (i = optind; i < cli->argc; i++) {
		request->alias = cli->argv[i];
		one = use_one(cli, use, request, &out);
		if (!status)
			status = one;
	}
	json_out_end(&out);
	one = cli->json ? cli_print_json(&out) : CLI_OK;
	return status ? status : one;
}

static int verb_use(struct cli *cli, use_fn use)
{
	struct pvk_request request = { 0 };
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_CONTAINER)
			request.container = optarg;
		else if (cli_timeout(cli, optarg, &request.timeout_ms))
			return CLI_USAGE;
	}
	if (optind == cli->argc)
		return cli_usage(cli, "which driver?");
	status = cli_open(cli, NULL, NULL);
	return status ? status : use_all(cli, use, &request);
}

int verb_drivers_load(struct cli *cli)
{
	return verb_use(cli, pvk_drv_load);
}

int verb_drivers_unload(struct cli *cli)
{
	return verb_use(cli, pvk_drv_unload);
}
