// SPDX-License-Identifier: MIT
/*
 * pvkit pivot status, pvkit pivot abort, pvkit pivot start
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "pivot.h"

/* 0 or an exit status, the complaint made. */
static int open_pivot(struct pvk_pivot **pivot)
{
	struct pvk_err err = { .text = "" };
	int ret = pvk_pivot_open(pivot, NULL, NULL, &err);

	if (!ret)
		return 0;
	cli_fail(NULL, ret, &err);
	return ret == -ENOENT ? CLI_NO_KERNEL : cli_status(ret);
}

/* Takes no options but the common ones, and so many words; CLI_END, or an exit status. */
static int words(struct cli *cli, int most)
{
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END)
		if (opt == CLI_EXIT)
			return status;
	if (cli->argc - optind > most)
		return cli_usage(cli, most ? "takes one word" : "takes no words");
	return CLI_END;
}

static void print_flags(const char *what, uint32_t flags,
			const char *(*name_of_bit)(unsigned int bit))
{
	const char *name, *sep = "";
	unsigned int bit;

	printf("%-10s ", what);
	for (bit = 0; (name = name_of_bit(bit)); bit++) {
		if (!(flags & (1u << bit)))
			continue;
		printf("%s%s", sep, name);
		sep = ", ";
	}
	printf("%s\n", *sep ? "" : "nothing");
}

static void print_status(const struct pvk_pivot_status *status)
{
	pvk_auto_buf struct pvk_buf device = PVK_BUF_INIT(256);

	printf("state      %s\n", pvk_pivot_state_name(status->state));
	if (status->helper_runs)
		printf("helper     process %u\n", status->helper);
	if (status->has_helper_exit)
		printf("helper     ended with status %u\n", status->helper_exit);
	if (!status->has_session)
		return;
	cli_clean(&device, status->device);
	printf("follows    %s on %s, medium %s\n", status->fs, pvk_buf_str(&device),
	       pvk_pivot_medium_name(status->medium));
	print_flags("proven", status->proof, pvk_pivot_proof_name);
	print_flags("shut", status->gate, pvk_pivot_gate_name);
	if (status->has_left) {
		printf("owner      process %u\n", status->owner);
		printf("limit      in %u s\n", status->left);
		if (status->watchdog)
			printf("watchdog   kept alive for %u s\n", status->watchdog);
		printf("mounts     %u, detached ones too\n", status->active);
	}
	if (status->error)
		printf("reason     %s (%s)\n", status->text, strerror(status->error));
}

int verb_pivot_status(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	struct pvk_pivot_status status;
	struct pvk_pivot *pivot;
	int ret = words(cli, 0);

	if (ret != CLI_END)
		return ret;
	ret = open_pivot(&pivot);
	if (ret)
		return ret;
	ret = pvk_pivot_status(pivot, &status, &err);
	pvk_pivot_close(pivot);
	if (ret)
		return cli_fail("pivot", ret, &err);
	if (cli->json) {
		json_auto_out struct json_out out = JSON_OUT_INIT(CLI_JSON_MAX);

		json_out_object(&out);
		pvk_pivot_json(&out, &status);
		json_out_end(&out);
		return cli_print_json(&out);
	}
	print_status(&status);
	return CLI_OK;
}

int verb_pivot_abort(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	struct pvk_pivot *pivot;
	int ret = words(cli, 0);

	if (ret != CLI_END)
		return ret;
	ret = open_pivot(&pivot);
	if (ret)
		return ret;
	ret = pvk_pivot_abort(pivot, -1, &err);
	pvk_pivot_close(pivot);
	return ret ? cli_fail("pivot", ret, &err) : CLI_OK;
}

int verb_pivot_start(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	struct pvk_pivot *pivot;
	int ret = words(cli, 1);

	if (ret != CLI_END)
		return ret;
	ret = open_pivot(&pivot);
	if (ret)
		return ret;
	ret = pvk_pivot_start(pivot, cli->argv[optind], &err);
	pvk_pivot_close(pivot);
	return ret ? cli_fail("pivot", ret, &err) : CLI_OK;
}
