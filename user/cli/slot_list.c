// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "flag.h"
#include "slot.h"

static bool has_slot(const struct pvk_flagsource *source)
{
	/* The command line could say a slot: only if it does. */
	return (source->store.flags.has | (source->writable ? source->store.offers : 0)) &
	       PVB_HAS(PVB_SLOT);
}

static void print_row(struct table *table, const struct pvk_flagsources *list,
		      const struct pvk_flagsource *source)
{
	const struct pvk_store *store = &source->store;
	char text[PVK_FLAG_TEXT_SIZE];
	int booted = pvk_slot_booted(list, store), next = pvk_slot_next(store);

	table_row(table);
	table_cell(table, store->name);
	table_cell(table, pvk_store_state_name(store->state));
	table_cell(table, booted < 0 ? "-" : pvk_slot_name(booted));
	table_cell(table, flag_cell(&store->flags, PVB_SLOT, text));
	table_cell(table, flag_cell(&store->flags, PVB_TRIES, text));
	table_cell(table, store->flags.has & PVB_HAS(PVB_SUCCESSFUL) ?
		   store->flags.successful ? "yes" : "no" : "-");
	table_cell(table, next < 0 || !source->writable ? "-" : pvk_slot_name(next));
}

static int print_table(const struct pvk_flagsources *list)
{
	static const char *const names[] = {
		"SOURCE", "STATE", "RUNNING", "SLOT", "TRIES", "SUCCESSFUL", "NEXT BOOT",
	};
	struct table table;
	size_t i;

	table_head(&table, names, PVK_ARRAY_SIZE(names));
	for (i = 0; i < list->count; i++)
		if (has_slot(&list->item[i]))
			print_row(&table, list, &list->item[i]);
	return table_print(&table);
}

static void json_slot(struct json_out *out, const char *key, int slot)
{
	json_out_pair_str(out, key, slot < 0 ? NULL : pvk_slot_name(slot));
}

static int print_json(struct json_out *out, const struct pvk_flagsources *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct pvk_flagsource *source = &list->item[i];

		if (!has_slot(source))
			continue;
		json_out_object(out);
		json_out_pair_str(out, "source", source->store.name);
		json_out_pair_str(out, "state", pvk_store_state_name(source->store.state));
		json_slot(out, "running", pvk_slot_booted(list, &source->store));
		flag_json_fields(out, "fields", &source->store.flags);
		json_slot(out, "next", source->writable ? pvk_slot_next(&source->store) : -1);
		json_out_pair_uint(out, "slots", pvk_slot_count(&source->store));
		json_out_end(out);
	}
	return cli_end_list(out);
}

int verb_slot_list(struct cli *cli)
{
	json_auto_out struct json_out out = { 0 };
	flag_auto struct flag flag = FLAG_INIT(cli);
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		flag_option(&flag, opt);
	}
	if (optind != cli->argc)
		return cli_usage(cli, "takes no words");
	status = flag_load(&flag);
	if (status)
		return status;
	flag_warn(&flag);
	if (cli_begin_list(cli, flag.list.torn, &out))
		return print_json(&out, &flag.list);
	return print_table(&flag.list);
}
