// SPDX-License-Identifier: MIT
/*
 * pvkit update
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "update.h"

static const char *const result_names[] = { "ok", "note", "failed" };

void update_note(struct update *update, const char *name, const char *subject,
		 enum update_result result, const char *fmt, ...)
{
	struct update_check *check;
	char text[1024];
	va_list ap;

	update->failed |= result == UPDATE_FAILED;
	if (update->checks == UPDATE_CHECKS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	check = &update->check[update->checks++];
	*check = (struct update_check){ name, strdup(subject), result, strdup(text) };
	update->failed |= !check->subject || !check->text;
}

void update_free(struct update *update)
{
	size_t i;

	for (i = 0; i < update->checks; i++) {
		free(update->check[i].subject);
		free(update->check[i].text);
	}
	for (i = 0; i < update->images; i++)
		free(update->image[i].path);
	pvk_stage_close(update->stage);
	free(update);
}

/* ---- what was asked for ---- */

static bool is_sha256(const char *text)
{
	return strlen(text) == 2 * (size_t)PVK_SHA256_SIZE &&
	       strspn(text, "0123456789abcdefABCDEF") == strlen(text);
}

struct asked {
	const char *sha256[UPDATE_IMAGES_MAX];
	size_t sums;
};

static int take_more(struct cli *cli, const char *option, struct update_words *words)
{
	if (words->count == PLAN_LIST_MAX)
		return cli_usage(cli, "more than %d --%s", PLAN_LIST_MAX, option);
	words->word[words->count++] = optarg;
	return CLI_END;
}

/* Each by itself; whether a store takes them together is a check. */
static int take_flag(struct cli *cli, struct update *update)
{
	struct pvk_change change = { .clear = 0 };
	struct pvk_err err = { .text = "" };

	if (!strncmp(optarg, "phase=", 6) || !strncmp(optarg, "cursor=", 7))
		return cli_usage(cli, "--flag %s: that is the update's own", optarg);
	if (pvk_change_word(&change, optarg, &err))
		return cli_usage(cli, "--flag %s: %s", optarg, err.text);
	return take_more(cli, "flag", &update->flag);
}

/* CLI_END, or an exit status. */
static int take_option(struct cli *cli, struct update *update, struct asked *asked, int opt)
{
	switch (opt) {
	case OPT_DRY_RUN:
		update->dry_run = true;
		break;
	case OPT_RECOVERY:
		update->recovery = true;
		break;
	case OPT_ENV:
		if (!strchr(optarg, '=') || *optarg == '=')
			return cli_usage(cli, "--env %s: wants KEY=VALUE", optarg);
		return take_more(cli, "env", &update->env);
	case OPT_POST:
		if (!optarg[strspn(optarg, " \t")])
			return cli_usage(cli, "--post wants a command");
		return take_more(cli, "post", &update->post);
	case OPT_FLAG:
		return take_flag(cli, update);
	case OPT_CONFIG:
		update->config = optarg;
		update->has_config = true;
		break;
	case OPT_VERIFY_KEY:
		update->key = optarg;
		break;
	case OPT_SHA256:
		if (!is_sha256(optarg))
			return cli_usage(cli, "--sha256 has 64 hex digits, not %s", optarg);
		if (asked->sums == UPDATE_IMAGES_MAX)
			return cli_usage(cli, "more than %d images", UPDATE_IMAGES_MAX);
		asked->sha256[asked->sums++] = optarg;
		break;
	}
	return CLI_END;
}

static int take_image(struct cli *cli, struct update *update, const char *word)
{
	const char *colon = strchr(word, ':');
	struct update_image *image;

	if (!colon || colon == word || !colon[1])
		return cli_usage(cli, "%s: wants IMAGE:TARGET", word);
	if (update->images == UPDATE_IMAGES_MAX)
		return cli_usage(cli, "more than %d images", UPDATE_IMAGES_MAX);
	image = &update->image[update->images];
	image->path = strndup(word, (size_t)(colon - word));
	if (!image->path)
		return cli_fail("update", -ENOMEM, NULL);
	image->target_text = colon + 1;
	update->images++;
	return CLI_END;
}

/* Now that it is known how many images there are. */
static int check_env(struct cli *cli, const struct update *update)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(PLAN_TEXT_MAX);
	struct pvk_err err = { .text = "" };
	size_t i;

	for (i = 0; i < update->env.count; i++)
		if (update_expand(update, update->env.word[i], &text, &err))
			return cli_usage(cli, "--env %s: %s", update->env.word[i], err.text);
	return CLI_END;
}

static int take_words(struct cli *cli, struct update *update)
{
	struct asked asked = { .sums = 0 };
	int opt, status = CLI_END, i;
	size_t n;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		status = take_option(cli, update, &asked, opt);
		if (status != CLI_END)
			return status;
	}
	for (i = optind, status = CLI_END; status == CLI_END && i < cli->argc; i++)
		status = take_image(cli, update, cli->argv[i]);
	if (status != CLI_END)
		return status;
	if (!update->images)
		return cli_usage(cli, "wants IMAGE:TARGET");
	if (update->env.count)
		status = check_env(cli, update);
	if (status != CLI_END)
		return status;
	if (asked.sums && asked.sums != update->images)
		return cli_usage(cli, "%zu --sha256 for %zu images", asked.sums, update->images);
	for (n = 0; n < asked.sums; n++)
		update->image[n].sha256 = asked.sha256[n];
	return CLI_END;
}

/* ---- what came out ---- */

static void json_images(struct json_out *out, const struct update *update)
{
	const struct update_image *image;
	size_t i;

	json_out_key(out, "images");
	json_out_array(out);
	for (i = 0; i < update->images; i++) {
		image = &update->image[i];
		json_out_object(out);
		json_out_pair_str(out, "image", image->path);
		json_out_pair_uint(out, "size", image->size);
		json_out_pair_str(out, "target", image->target_text);
		if (image->has_target) {
			json_out_pair_str(out, "device", image->target.device);
			json_out_pair_str(out, "kind", pvk_target_kind_name(image->target.kind));
			json_out_pair_uint(out, "room", image->target.size);
		}
		json_out_end(out);
	}
	json_out_end(out);
}

static void json_stage(struct json_out *out, const struct update *update)
{
	json_out_key(out, "stage");
	json_out_object(out);
	json_out_pair_uint(out, "files", update->plan.files);
	json_out_pair_uint(out, "bytes", update->plan.bytes);
	json_out_pair_uint(out, "memory", update->plan.memory);
	json_out_pair_uint(out, "needed", update->room.needed);
	json_out_pair_uint(out, "available", update->room.available);
	json_out_end(out);
}

static int print_json(const struct update *update, bool handed_over)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(CLI_JSON_MAX);
	const struct update_check *check;
	size_t i;

	json_out_object(&out);
	json_out_pair_bool(&out, "ok", !update->failed);
	json_out_pair_bool(&out, "handed_over", handed_over);
	json_images(&out, update);
	json_stage(&out, update);
	json_out_key(&out, "checks");
	json_out_array(&out);
	for (i = 0; i < update->checks; i++) {
		check = &update->check[i];
		json_out_object(&out);
		json_out_pair_str(&out, "check", check->name);
		json_out_pair_str(&out, "of", check->subject);
		json_out_pair_str(&out, "result", result_names[check->result]);
		json_out_pair_str(&out, "text", check->text);
		json_out_end(&out);
	}
	json_out_end(&out);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int print_table(const struct update *update)
{
	static const char *const head[] = { "CHECK", "OF", "RESULT", "TEXT" };
	const struct update_check *check;
	struct table table;
	size_t i;

	table_head(&table, head, PVK_ARRAY_SIZE(head));
	for (i = 0; i < update->checks; i++) {
		check = &update->check[i];
		table_row(&table);
		table_cell(&table, check->name);
		table_cell(&table, check->subject ? check->subject : "?");
		table_cell(&table, result_names[check->result]);
		table_cell(&table, check->text ? check->text : "?");
	}
	return table_print(&table);
}

int update_report(const struct cli *cli, const struct update *update, bool handed_over)
{
	return cli->json ? print_json(update, handed_over) : print_table(update);
}

void update_check_all(struct update *update)
{
	update_check_conf(update);
	update_check_images(update);
	if (!update->recovery)
		update_check_kernel(update);
	update_check_init(update);
	update_check_stage(update);
	update_check_state(update);
	update_check_flags(update);
	update_check_env(update);
	update_check_watchdog(update);
}

static int dry_run(const struct cli *cli, struct update *update)
{
	int status;

	update_check_all(update);
	if (update->plan.files)
		update_try_hidden(update);
	status = update_report(cli, update, false);
	return status == CLI_OK && update->failed ? CLI_REFUSED : status;
}

int verb_update(struct cli *cli)
{
	struct update *update = calloc(1, sizeof(*update));
	int status;

	if (!update)
		return cli_fail("update", -ENOMEM, NULL);
	update->config = PVK_UPDATE_CONF;
	status = take_words(cli, update);
	if (status == CLI_END)
		status = update->dry_run ? dry_run(cli, update) : update_run(cli, update);
	update_free(update);
	return status;
}
