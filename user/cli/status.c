// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "state.h"

/* How the reading of drivers.json went; null if nobody has read it. */
static void json_read(struct json_out *out, const struct pvk_state *state)
{
	json_out_key(out, "drivers_json");
	if (!state) {
		json_out_null(out);
		return;
	}
	json_out_object(out);
	json_out_pair_bool(out, "ok", state->ok);
	json_out_pair_int(out, "when", state->when);
	json_out_pair_str(out, "file", state->file);
	json_out_pair_str(out, "text", state->text[0] ? state->text : NULL);
	json_out_pair_str(out, "sections", state->sections);
	json_out_pair_uint(out, "aliases", state->aliases);
	json_out_pair_uint(out, "pending", state->pending);
	json_out_pair_uint(out, "warnings", state->warnings);
	json_out_end(out);
}

static void print_read(const struct pvk_state *state)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(4096), sections = PVK_BUF_INIT(4096);
	pvk_auto_buf struct pvk_buf file = PVK_BUF_INIT(4096);
	time_t when = (time_t)state->when;
	char at[32] = "";
	struct tm tm;

	if (localtime_r(&when, &tm))
		strftime(at, sizeof(at), "%F %T", &tm);
	cli_clean(&file, state->file);
	cli_clean(&text, state->text);
	cli_clean(&sections, state->sections);
	printf("read        %s at %s\n", pvk_buf_str(&file), at);
	if (!state->ok)
		printf("            FAILED, what was read before holds: %s\n", pvk_buf_str(&text));
	else
		printf("            %s, %llu aliases, %llu change once unused, %llu warnings\n",
		       text.len ? pvk_buf_str(&text) : "ok",
		       (unsigned long long)state->aliases, (unsigned long long)state->pending,
		       (unsigned long long)state->warnings);
	printf("sections    %s\n", pvk_buf_str(&sections));
}

static int print_json(const struct pvk_status *status, const struct pvk_state *state)
{
	json_auto_out struct json_out out = { 0 };

	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "agent", status->agent_portid ? status->agent : NULL);
	json_out_pair_uint(&out, "agent_portid", status->agent_portid);
	json_out_pair_uint(&out, "drivers", status->drivers);
	json_out_pair_uint(&out, "containers", status->containers);
	json_out_pair_uint(&out, "requests", status->requests);
	json_read(&out, state);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int print_text(const struct pvk_status *status, const struct pvk_state *state)
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
	if (state)
		print_read(state);
	return CLI_OK;
}

int verb_status(struct cli *cli)
{
	const char *dir = PVK_STATE_DIR;
	struct pvk_state state, *was_read = &state;
	struct pvk_status status;
	struct pvk_err err = { 0 };
	int opt, exit_status, ret;

	while ((opt = cli_option(cli, &exit_status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return exit_status;
		if (opt == OPT_STATE)
			dir = optarg;
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	exit_status = cli_open(cli, NULL, NULL);
	if (exit_status)
		return exit_status;
	ret = pvk_drv_status(cli->drv, &status, &err);
	if (ret)
		return cli_fail(NULL, ret, &err);
	ret = pvk_state_read(dir, &state);
	if (ret)
		was_read = NULL;
	if (ret && ret != -ENOENT)
		cli_complain(dir, PVK_STATE_FILE ": %s", strerror(-ret));
	return cli->json ? print_json(&status, was_read) : print_text(&status, was_read);
}
