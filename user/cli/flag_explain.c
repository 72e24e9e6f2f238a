// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "flag.h"

static void print_field(const struct pvk_flagsources *list, unsigned int field,
			struct table *table)
{
	pvk_auto_buf struct pvk_buf why = PVK_BUF_INIT(2048);
	enum pvk_verdict verdict;
	size_t i;

	for (i = 0; i < list->count; i++) {
		verdict = pvk_flagsource_verdict(list, &list->item[i], field);
		table_row(table);
		table_cell(table, verdict == PVK_VERDICT_WON ? "  *" : "   ");
		table_cell(table, list->item[i].store.name);
		table_cell(table, pvk_verdict_text(list, &list->item[i], field, &why));
	}
}

static int print_text(const struct pvk_flagsources *list, uint32_t fields)
{
	const struct pvk_flagsource *winner;
	char text[PVK_FLAG_TEXT_SIZE];
	struct table table;
	unsigned int field;
	int status = CLI_OK;

	for (field = 1; field < PVB_FIELDS && !status; field++) {
		pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(4096);

		if (!(fields & PVB_HAS(field)))
			continue;
		winner = pvk_flagsources_winner(list, field, true);
		if (winner)
			cli_clean(&clean, pvk_flags_text(&winner->store.boot, field, text));
		if (winner)
			printf("%s: %s, from %s\n", pvk_field_name(field), pvk_buf_str(&clean),
			       winner->store.name);
		else
			printf("%s: not set by any source\n", pvk_field_name(field));
		table = (struct table){ .columns = 3 };
		print_field(list, field, &table);
		status = table_print(&table);
	}
	return status;
}

static void json_field(const struct pvk_flagsources *list, unsigned int field,
		       struct json_out *out)
{
	const struct pvk_flagsource *winner = pvk_flagsources_winner(list, field, true);
	pvk_auto_buf struct pvk_buf why = PVK_BUF_INIT(2048);
	size_t i;

	json_out_key(out, pvk_field_name(field));
	json_out_object(out);
	json_out_key(out, "value");
	if (winner)
		pvk_flags_json_value(out, &winner->store.boot, field);
	else
		json_out_null(out);
	json_out_pair_str(out, "source", winner ? winner->store.name : NULL);
	json_out_key(out, "sources");
	json_out_array(out);
	for (i = 0; i < list->count; i++) {
		json_out_object(out);
		json_out_pair_str(out, "name", list->item[i].store.name);
		json_out_pair_str(out, "verdict",
				  pvk_verdict_name(pvk_flagsource_verdict(list, &list->item[i],
									  field)));
		json_out_pair_str(out, "why", pvk_verdict_text(list, &list->item[i], field, &why));
		json_out_end(out);
	}
	json_out_end(out);
	json_out_end(out);
}

static int print_json(const struct pvk_flagsources *list, uint32_t fields)
{
	json_auto_out struct json_out out = { 0 };
	unsigned int field;

	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	for (field = 1; field < PVB_FIELDS; field++)
		if (fields & PVB_HAS(field))
			json_field(list, field, &out);
	json_out_end(&out);
	return cli_print_json(&out);
}

/* Without a word: the mode, and whatever else a source said at boot. */
static uint32_t all_said(const struct pvk_flagsources *list)
{
	uint32_t fields = PVB_HAS(PVB_MODE);
	size_t i;

	for (i = 0; i < list->count; i++)
		fields |= list->item[i].store.boot.has;
	return fields;
}

int verb_flag_explain(struct cli *cli)
{
	flag_auto struct flag flag = FLAG_INIT(cli);
	uint32_t fields = 0;
	unsigned int field;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		flag_option(&flag, opt);
	}
	for (; optind < cli->argc; optind++) {
		field = pvk_field_find(cli->argv[optind]);
		if (!field)
			return cli_usage(cli, "%s is no field", cli->argv[optind]);
		fields |= PVB_HAS(field);
	}
	status = flag_load(&flag);
	if (status)
		return status;
	flag_warn(&flag);
	if (!fields)
		fields = all_said(&flag.list);
	return cli->json ? print_json(&flag.list, fields) : print_text(&flag.list, fields);
}
