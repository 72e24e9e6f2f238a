// SPDX-License-Identifier: MIT
/* pvkit flag add, del */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag.h"

#define LOOK_MS	5000

static int print_name(const struct cli *cli, const char *name, const char *what)
{
	json_auto_out struct json_out out = { 0 };

	if (!cli->json) {
		printf("%s: %s\n", name, what);
		return CLI_OK;
	}
	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "name", name);
	json_out_end(&out);
	return cli_print_json(&out);
}

/* What became of it: a medium that is not there yet is no failure, but worth a word. */
static int print_added(const struct cli *cli, const char *name)
{
	const struct pvk_change nothing = { 0 };
	struct pvk_err err = { .text = "" };
	struct pvk_store store;
	char text[64];
	int ret;

	/* A set of nothing: when it is done the kernel has looked for the medium. */
	pvk_bf_set(cli->bf, name, &nothing, LOOK_MS, NULL, NULL);
	ret = pvk_bf_store_get(cli->bf, name, &store, &err);
	if (ret)
		return flag_fail(name, ret, &err);
	snprintf(text, sizeof(text), "added, %s", pvk_store_state_name(store.state));
	return print_name(cli, name, text);
}

/*
 * The words of argv from optind on, as one text; the kernel takes quotes around blanks.
 * What is one word here may be all of them.
 */
static int join_spec(const struct cli *cli, struct pvk_buf *spec)
{
	const char *word, *quote;
	int i, key;

	if (optind == cli->argc - 1)
		return pvk_buf_puts(spec, cli->argv[optind]);
	for (i = optind; i < cli->argc; i++) {
		word = cli->argv[i];
		key = (int)strcspn(word, "=");
		key += word[key] == '=';
		quote = strpbrk(word, " \t") && !strchr(word, '"') ? "\"" : "";
		pvk_buf_printf(spec, "%s%.*s%s%s%s", spec->len ? " " : "", key, word, quote,
			       word + key, quote);
	}
	return spec->err;
}

int verb_flag_add(struct cli *cli)
{
	pvk_auto_buf struct pvk_buf spec = PVK_BUF_INIT(PV_BOOTFLAG_MAX_SPEC);
	struct pvk_err err = { .text = "" };
	const char *name;
	int status, ret;

	if (cli_option(cli, &status) != CLI_END)
		return status;
	if (cli->argc - optind < 2)
		return cli_usage(cli, "wants a name and words KEY=VALUE");
	name = cli->argv[optind++];
	if (!pvk_store_name_ok(name) || pvk_flagsource_reserved(name))
		return cli_usage(cli, "%s can't be the name of a store", name);
	if (join_spec(cli, &spec))
		return cli_usage(cli, "the words are longer than %d bytes", PV_BOOTFLAG_MAX_SPEC);
	status = flag_open_kernel(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_bf_store_add(cli->bf, name, pvk_buf_str(&spec), &err);
	return ret ? flag_fail(name, ret, &err) : print_added(cli, name);
}

int verb_flag_del(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	const char *name;
	int status, ret;

	if (cli_option(cli, &status) != CLI_END)
		return status;
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one name");
	name = cli->argv[optind];
	if (pvk_flagsource_reserved(name))
		return flag_not_kernel(name);
	status = flag_open_kernel(cli, NULL, NULL);
	if (status)
		return status;
	ret = pvk_bf_store_del(cli->bf, name, &err);
	return ret ? flag_fail(name, ret, &err) : print_name(cli, name, "removed");
}
