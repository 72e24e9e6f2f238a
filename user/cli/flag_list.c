// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag.h"

static const char *guarantee_text(const struct pvk_flagsource *source, struct pvk_buf *buf)
{
	const char *name;
	unsigned int bit;

	if (!source->writable)
		return "read-only";
	pvk_buf_reset(buf);
	for (bit = 0; (name = pvk_guarantee_name(bit)); bit++)
		if (source->store.guarantee & (1u << bit))
			pvk_buf_printf(buf, "%s%s", buf->len ? "," : "", name);
	return pvk_buf_str(buf);
}

static void print_row(struct table *table, const struct pvk_flagsource *source)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(1024);
	const struct pvk_store *store = &source->store;
	char kind[64];

	table_row(table);
	table_cell(table, store->name);
	table_cell(table, pvk_flagsource_kind(source, kind, sizeof(kind)));
	table_cell(table, pvk_store_state_name(store->state));
	table_cell(table, pvk_flags_line(&store->flags, &buf));
	table_cell(table, guarantee_text(source, &buf));
	if (store->error)
		table_note(table, "error: %s", store->text[0] ? store->text :
			   strerror(store->error));
	else if (store->text[0])
		table_note(table, "%s", store->text);
}

static int print_table(const struct pvk_flagsources *list)
{
	static const char *const names[] = { "SOURCE", "KIND", "STATE", "FIELDS", "GUARANTEE" };
	struct table table;
	size_t i;

	table_head(&table, names, PVK_ARRAY_SIZE(names));
	for (i = 0; i < list->count; i++)
		print_row(&table, &list->item[i]);
	return table_print(&table);
}

static void json_source(struct json_out *out, const struct pvk_flagsource *source)
{
	json_out_object(out);
	pvk_store_json(out, &source->store);
	json_out_pair_bool(out, "writable", source->writable);
	json_out_end(out);
}

static int print_list(const struct flag *flag, const struct pvk_flagsources *list)
{
	json_auto_out struct json_out out = { 0 };
	size_t i;

	if (!cli_begin_list(flag->cli, list->torn, &out))
		return print_table(list);
	for (i = 0; i < list->count; i++)
		json_source(&out, &list->item[i]);
	return cli_end_list(&out);
}

/* Those that argv names, in its order; complains of the others. */
static int print_picked(struct flag *flag)
{
	const struct cli *cli = flag->cli;
	struct pvk_flagsources picked = { .torn = flag->list.torn };
	const struct pvk_flagsource *source;
	int status = CLI_OK, printed, i;

	picked.item = calloc((size_t)cli->argc, sizeof(*picked.item));
	if (!picked.item) {
		cli_complain(NULL, "out of memory");
		return CLI_FAILED;
	}
	for (i = optind; i < cli->argc; i++) {
		source = pvk_flagsource_find(&flag->list, cli->argv[i]);
		if (source) {
			picked.item[picked.count++] = *source;
			continue;
		}
		cli_complain(cli->argv[i], "no such store");
		status = CLI_NOT_FOUND;
	}
	printed = picked.count || cli->json ? print_list(flag, &picked) : CLI_OK;
	pvk_flagsources_free(&picked);
	return status ? status : printed;
}

int verb_flag_list(struct cli *cli)
{
	flag_auto struct flag flag = FLAG_INIT(cli);
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT || flag_option(&flag, opt))
			return status;
	}
	status = flag_load(&flag);
	if (status)
		return status;
	flag_warn(&flag);
	return optind < cli->argc ? print_picked(&flag) : print_list(&flag, &flag.list);
}

/* ---- get ---- */

struct got {
	struct flag *flag;
	const struct pvk_flagsource *store;	/* NULL: whichever comes first */
	bool boot;
};

/* Where the field's value comes from; NULL: it has none. */
static const struct pvk_flagsource *source_of(const struct got *got, unsigned int field)
{
	const struct pvk_store *store;

	if (!got->store)
		return pvk_flagsources_winner(&got->flag->list, field, got->boot);
	store = &got->store->store;
	return (got->boot ? store->boot.has : store->flags.has) & PVB_HAS(field) ?
		got->store : NULL;
}

static const struct pvb_flags *flags_of(const struct got *got,
					const struct pvk_flagsource *source)
{
	return got->boot ? &source->store.boot : &source->store.flags;
}

static bool is_unreadable(const struct pvk_flagsource *source)
{
	return source->store.state == PV_BOOTFLAG_STATE_BROKEN ||
	       source->store.state == PV_BOOTFLAG_STATE_FOREIGN ||
	       source->store.state == PV_BOOTFLAG_STATE_FAILED;
}

/* Of those that might have had the last word: what they can't say is not the same as nothing. */
static void warn_unreadable(const struct got *got, uint32_t fields)
{
	const struct pvk_flagsources *list = &got->flag->list;
	const struct pvk_flagsource *source, *winner;
	unsigned int field;

	for (source = list->item; source < list->item + list->count; source++) {
		if (!is_unreadable(source) || (got->store && got->store != source))
			continue;
		for (field = 1; field < PVB_FIELDS; field++) {
			winner = source_of(got, field);
			if (fields & PVB_HAS(field) && (!winner || winner > source))
				break;
		}
		if (field < PVB_FIELDS)
			cli_complain(source->store.name, "warning: %s%s%s",
				     pvk_store_state_name(source->store.state),
				     source->store.text[0] ? ": " : "", source->store.text);
	}
}

static void json_got(const struct got *got, uint32_t fields, struct json_out *out)
{
	const struct pvk_flagsource *source;
	struct pvb_flags one;
	unsigned int field;

	json_out_object(out);
	for (field = 1; field < PVB_FIELDS; field++) {
		source = fields & PVB_HAS(field) ? source_of(got, field) : NULL;
		if (!source)
			continue;
		one = *flags_of(got, source);
		one.has &= PVB_HAS(field);
		json_out_key(out, pvk_field_name(field));
		json_out_object(out);
		json_out_pair_str(out, "source", source->store.name);
		json_out_key(out, "value");
		pvk_flags_json_value(out, &one, field);
		json_out_end(out);
	}
	json_out_end(out);
}

/* A medium may hold anything: a line stays one line, and a terminal as it is. */
static void print_value(const char *name, const char *text)
{
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(4 * PVK_FLAG_TEXT_SIZE);

	cli_clean(&clean, text);
	printf("%s%s%s\n", name, name[0] ? "=" : "", pvk_buf_str(&clean));
}

/* A field alone is nothing but its value, for scripts. */
static int print_got(const struct got *got, uint32_t fields, bool named)
{
	json_auto_out struct json_out out = { 0 };
	bool alone = named && !(fields & (fields - 1));
	const struct pvk_flagsource *source;
	char text[PVK_FLAG_TEXT_SIZE];
	int status = CLI_OK;
	unsigned int field;

	json_out_init(&out, CLI_JSON_MAX);
	if (got->flag->cli->json)
		json_got(got, fields, &out);
	for (field = 1; field < PVB_FIELDS; field++) {
		if (!(fields & PVB_HAS(field)))
			continue;
		source = source_of(got, field);
		if (!source && named)
			status = CLI_NOT_FOUND;
		if (!source || got->flag->cli->json)
			continue;
		pvk_flags_text(flags_of(got, source), field, text);
		print_value(alone ? "" : pvk_field_name(field), text);
	}
	if (got->flag->cli->json && cli_print_json(&out))
		return CLI_FAILED;
	return status;
}

static int wanted_fields(struct cli *cli, uint32_t *fields)
{
	unsigned int field;

	for (*fields = 0; optind < cli->argc; optind++) {
		field = pvk_field_find(cli->argv[optind]);
		if (!field)
			return cli_usage(cli, "%s is no field", cli->argv[optind]);
		*fields |= PVB_HAS(field);
	}
	return CLI_OK;
}

int verb_flag_get(struct cli *cli)
{
	flag_auto struct flag flag = FLAG_INIT(cli);
	struct got got = { .flag = &flag };
	uint32_t fields;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_BOOT)
			got.boot = true;
		flag_option(&flag, opt);
	}
	status = wanted_fields(cli, &fields);
	if (!status)
		status = flag_load_picked(&flag);
	if (!status && flag.store)
		got.store = flag_pick(&flag, 0, &status);
	if (status)
		return status;
	warn_unreadable(&got, fields ? fields : PVB_ALL_FIELDS);
	return print_got(&got, fields ? fields : PVB_ALL_FIELDS, fields);
}
