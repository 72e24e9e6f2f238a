// SPDX-License-Identifier: MIT
/* pvkit flag set, clear */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag.h"
#include "genl.h"

struct set {
	struct flag flag;
	struct pvk_change change;
	bool wait;		/* for a medium that is not there yet */
	bool all;		/* clear: whatever is set */
};

/* ---- waiting for a medium ---- */

/* Until the store's medium is there, or the time is over: after each event it is read anew. */
static int await_medium(struct set *set, struct pvk_store *store, int64_t deadline,
			struct pvk_err *err)
{
	struct pvk_bf *bf = set->flag.cli->bf;
	int64_t left;
	int ret;

	ret = pvk_bf_subscribe(bf, store->name, NULL, err);
	while (!ret) {
		ret = pvk_bf_store_get(bf, store->name, store, err);
		if (ret || store->state != PV_BOOTFLAG_STATE_ABSENT)
			return ret;
		left = deadline - pvk_now_ms();
		if (left <= 0)
			return pvk_err_set(err, -ETIMEDOUT, "its medium has not come");
		ret = pvk_bf_dispatch_wait(bf, (int)left, err);
		if (ret == -ETIMEDOUT)
			ret = 0;
	}
	return ret;
}

/* ---- what is said of it ---- */

/* "mode=ota tries=3, mode cleared" */
static void put_change(const struct pvk_change *change, struct pvk_buf *text)
{
	pvk_auto_buf struct pvk_buf part = PVK_BUF_INIT(1024);

	pvk_buf_puts(text, pvk_flags_line(&change->set, &part));
	if (change->clear)
		pvk_buf_printf(text, "%s%s cleared", text->len ? ", " : "",
			       pvk_field_names(change->clear, &part));
}

static int print_json(const struct set *set, const struct pvk_store *store, bool changed)
{
	json_auto_out struct json_out out = { 0 };

	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "store", store->name);
	json_out_pair_bool(&out, "ok", true);
	json_out_pair_bool(&out, "changed", changed);
	flag_json_fields(&out, "set", &set->change.set);
	flag_json_names(&out, "cleared", set->change.clear);
	flag_json_fields(&out, "fields", &store->flags);
	json_out_pair_uint(&out, "generation", store->generation);
	json_out_end(&out);
	return cli_print_json(&out);
}

static int print_done(const struct set *set, const struct pvk_store *store, bool changed,
		      bool chosen)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(2048);
	pvk_auto_buf struct pvk_buf clean = PVK_BUF_INIT(8192);

	if (set->flag.cli->json)
		return print_json(set, store, changed);
	put_change(&set->change, &text);
	cli_clean(&clean, pvk_buf_str(&text));
	printf("%s: %s%s%s\n", store->name, pvk_buf_str(&clean),
	       changed ? "" : " (was so already, nothing written)",
	       chosen ? " (this store: the first in the order that holds these fields)" : "");
	return CLI_OK;
}

/* Was there another that could have been meant? */
static bool had_choice(const struct set *set)
{
	const struct pvk_flagsources *list = &set->flag.list;
	size_t i, n = 0;

	for (i = 0; i < list->count; i++)
		n += list->item[i].writable;
	return !set->flag.store && n > 1;
}

/* ---- the set itself ---- */

static int carry_out(struct set *set, struct pvk_flagsource *source)
{
	struct flag *flag = &set->flag;
	int64_t deadline = pvk_now_ms() + flag->timeout_ms;
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_store *store = &source->store;
	struct pvk_err err = { .text = "" };
	struct pvb_flags was;
	int64_t left;
	int ret = 0;
	size_t i;

	if (set->wait && source->kind == PVK_SOURCE_KERNEL &&
	    store->state == PV_BOOTFLAG_STATE_ABSENT)
		ret = await_medium(set, store, deadline, &err);
	if (set->all)
		set->change.clear = store->offers;
	if (!ret && set->all && !store->offers)
		ret = -ENODEV;
	was = store->flags;
	left = deadline - pvk_now_ms();
	if (!ret)
		ret = pvk_flagsource_set(source, &flag->conf, flag->cli->bf, &set->change,
					 left > 0 ? (int)left : 0, &warnings, &err);
	for (i = 0; i < warnings.count; i++)
		cli_complain(store->name, "warning: %s", warnings.item[i]);
	if (ret == -ENODEV && !set->wait && !err.text[0])
		pvk_err_set(&err, ret, "its medium is not there (--wait waits for it)");
	if (ret)
		return flag_fail_json(flag, store->name, ret, &err);
	/* What it says now, not what was asked of it. */
	if (source->kind == PVK_SOURCE_KERNEL)
		ret = pvk_bf_store_get(flag->cli->bf, store->name, store, &err);
	else
		pvk_change_apply(&set->change, &store->flags);
	if (ret)
		return flag_fail_json(flag, store->name, ret, &err);
	return print_done(set, store, !pvk_flags_same(&was, &store->flags), had_choice(set));
}

static int run(struct set *set)
{
	struct pvk_flagsource *source;
	int status = flag_load_picked(&set->flag);

	if (status)
		return status;
	if (set->all && had_choice(set))
		return cli_usage(set->flag.cli, "--all wants --store: there are several");
	source = flag_pick(&set->flag, pvk_change_fields(&set->change), &status);
	return source ? carry_out(set, source) : status;
}

static int read_options(struct cli *cli, struct set *set)
{
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		switch (opt) {
		case OPT_FORCE:
			set->change.force = true;
			break;
		case OPT_WAIT:
			set->wait = true;
			break;
		case OPT_ALL:
			set->all = true;
			break;
		default:
			if (flag_option(&set->flag, opt))
				return CLI_USAGE;
		}
	}
	return CLI_END;
}

int verb_flag_set(struct cli *cli)
{
	struct set set = { .flag = FLAG_INIT(cli) };
	struct pvk_err err;
	int status;

	status = read_options(cli, &set);
	if (status != CLI_END)
		return status;
	if (optind == cli->argc)
		return cli_usage(cli, "which FIELD=VALUE?");
	for (; optind < cli->argc; optind++)
		if (pvk_change_word(&set.change, cli->argv[optind], &err))
			return cli_usage(cli, "%s", err.text);
	status = run(&set);
	flag_free(&set.flag);
	return status;
}

int verb_flag_clear(struct cli *cli)
{
	struct set set = { .flag = FLAG_INIT(cli) };
	unsigned int field;
	int status;

	status = read_options(cli, &set);
	if (status != CLI_END)
		return status;
	if (set.all ? optind != cli->argc : optind == cli->argc)
		return cli_usage(cli, "wants fields, or --all");
	for (; optind < cli->argc; optind++) {
		field = pvk_field_find(cli->argv[optind]);
		if (!field)
			return cli_usage(cli, "%s is no field", cli->argv[optind]);
		set.change.clear |= PVB_HAS(field);
	}
	status = run(&set);
	flag_free(&set.flag);
	return status;
}
