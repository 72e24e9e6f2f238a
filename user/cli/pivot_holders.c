// SPDX-License-Identifier: MIT
/*
 * pvkit pivot holders
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cli.h"
#include "holders.h"
#include "pivot.h"

/* Rows for what one process holds in one way become one, with a number. */
struct listing {
	struct table table;
	struct json_out *out;
	struct pvk_holder last;
	char name[64], via[64];
	struct pvk_buf what;
	unsigned int more;
};

static const char *name_of(const struct listing *listing)
{
	return listing->last.pid ? listing->name : "kernel";
}

static void print_last(struct listing *listing)
{
	pvk_auto_buf struct pvk_buf what = PVK_BUF_INIT(8192);
	const struct pvk_holder *last = &listing->last;
	struct table *table = &listing->table;
	char pid[32] = "";

	if (!listing->what.data)
		return;
	if (last->pid)
		snprintf(pid, sizeof(pid), last->tid == last->pid ? "%u" : "%u/%u", last->pid,
			 last->tid);
	pvk_buf_puts(&what, pvk_buf_str(&listing->what));
	if (listing->more)
		pvk_buf_printf(&what, " and %u more", listing->more);
	if (listing->via[0])
		pvk_buf_printf(&what, " (by %s)", listing->via);
	if (last->guess && last->kind != PVK_HOLD_STUCK)
		pvk_buf_puts(&what, " (perhaps)");
	table_row(table);
	table_cell(table, pid);
	table_cell(table, name_of(listing));
	table_cell(table, pvk_holder_kind_name(last->kind));
	table_cell(table, pvk_buf_str(&what));
}

static bool is_same(const struct listing *listing, const struct pvk_holder *holder)
{
	const struct pvk_holder *last = &listing->last;

	return listing->what.data && holder->pid && holder->pid == last->pid &&
	       holder->tid == last->tid && holder->kind == last->kind &&
	       holder->guess == last->guess && holder->ns == last->ns &&
	       !strcmp(holder->via ? holder->via : "", listing->via);
}

static int put_holder(void *arg, const struct pvk_holder *holder)
{
	struct listing *listing = arg;

	if (listing->out) {
		json_out_object(listing->out);
		pvk_holder_json(listing->out, holder);
		json_out_end(listing->out);
		return 0;
	}
	if (is_same(listing, holder)) {
		listing->more++;
		return 0;
	}
	print_last(listing);
	listing->last = *holder;
	listing->more = 0;
	snprintf(listing->name, sizeof(listing->name), "%s", holder->comm);
	snprintf(listing->via, sizeof(listing->via), "%s", holder->via ? holder->via : "");
	pvk_buf_reset(&listing->what);
	if (holder->fd >= 0)
		pvk_buf_printf(&listing->what, "%d ", holder->fd);
	return pvk_buf_puts(&listing->what, holder->what);
}

/* --- what the module says of it --------------------------------------------- */

/* False: there is no session that follows it, or no right to see it. */
static bool ask_module(const struct pvk_holders *holders, uint32_t *active)
{
	struct pvk_pivot_status status;
	struct pvk_pivot *pivot;
	int ret;

	if (pvk_pivot_open(&pivot, NULL, NULL, NULL))
		return false;
	ret = pvk_pivot_status(pivot, &status, NULL);
	pvk_pivot_close(pivot);
	*active = status.active;
	return !ret && pvk_holders_followed(holders, &status);
}

/* --- the two forms ---------------------------------------------------------- */

static int status_of(const struct pvk_holders_sum *sum)
{
	if (sum->stuck)
		return CLI_TIMEOUT;
	if (sum->denied)
		return CLI_REFUSED;
	return sum->cut ? CLI_FAILED : CLI_OK;
}

static void complain_of(const struct pvk_holders_sum *sum)
{
	if (sum->denied)
		cli_complain("pivot", "warning: no right to look at %u process%s", sum->denied,
			     sum->denied > 1 ? "es" : "");
	if (sum->stuck)
		cli_complain("pivot", "warning: %u could not be looked at in time", sum->stuck);
	if (sum->cut)
		cli_complain("pivot", "warning: there is more than could be listed");
}

static int print_table(struct pvk_holders *holders)
{
	static const char *const heads[] = { "PID", "NAME", "KIND", "WHAT" };
	struct listing listing = { .what = PVK_BUF_INIT(8192) };
	struct pvk_err err = { .text = "" };
	struct pvk_holders_sum sum;
	uint32_t active;
	int ret, status;

	table_head(&listing.table, heads, PVK_ARRAY_SIZE(heads));
	ret = pvk_holders_scan(holders, put_holder, &listing, &sum, &err);
	if (!ret)
		print_last(&listing);
	pvk_buf_free(&listing.what);
	status = table_print(&listing.table);
	if (ret)
		return cli_fail("pivot", ret, &err);
	if (ask_module(holders, &active) && pvk_holders_unexplained(&sum, active))
		printf("unexplained: the kernel counts %u mounts, and %u are accounted for\n",
		       active, sum.mounts + sum.layers + sum.inner);
	complain_of(&sum);
	return status ? status : status_of(&sum);
}

static void put_sum(struct json_out *out, const struct pvk_holders *holders,
		    const struct pvk_holders_sum *sum)
{
	dev_t dev = pvk_holders_dev(holders);
	uint32_t active;
	char text[32];

	snprintf(text, sizeof(text), "%u:%u", major(dev), minor(dev));
	json_out_pair_str(out, "device", text);
	json_out_pair_str(out, "fs", pvk_holders_type(holders));
	json_out_pair_str(out, "medium", pvk_holders_medium(holders));
	json_out_pair_uint(out, "processes", sum->processes);
	json_out_pair_uint(out, "mounts", sum->mounts);
	json_out_pair_uint(out, "layers", sum->layers);
	json_out_pair_uint(out, "stuck", sum->stuck);
	json_out_pair_uint(out, "denied", sum->denied);
	json_out_pair_bool(out, "partial", pvk_holders_partial(sum));
	if (!ask_module(holders, &active))
		return;
	json_out_pair_uint(out, "active", active);
	json_out_pair_bool(out, "unexplained", pvk_holders_unexplained(sum, active));
}

static int print_json(struct pvk_holders *holders)
{
	json_auto_out struct json_out out = JSON_OUT_INIT(CLI_JSON_MAX);
	struct listing listing = { .out = &out };
	struct pvk_err err = { .text = "" };
	struct pvk_holders_sum sum;
	int ret;

	json_out_object(&out);
	json_out_key(&out, "holders");
	json_out_array(&out);
	ret = pvk_holders_scan(holders, put_holder, &listing, &sum, &err);
	if (ret)
		return cli_fail("pivot", ret, &err);
	json_out_end(&out);
	put_sum(&out, holders, &sum);
	json_out_end(&out);
	ret = cli_print_json(&out);
	complain_of(&sum);
	return ret ? ret : status_of(&sum);
}

/* --- the verb --------------------------------------------------------------- */

/* "254:3", which still names it when no path leads there any more. */
static bool take_dev(const char *word, dev_t *dev)
{
	unsigned int maj, min;

	if (!pvk_take_uint(&word, &maj) || *word++ != ':' || !pvk_take_uint(&word, &min) || *word)
		return false;
	*dev = makedev(maj, min);
	return *dev;
}

int verb_pivot_holders(struct cli *cli)
{
	struct pvk_holders_from from = { .path = "/" };
	struct pvk_err err = { .text = "" };
	struct pvk_holders *holders;
	int opt, status, ret;

	while ((opt = cli_option(cli, &status)) != CLI_END)
		if (opt == CLI_EXIT)
			return status;
	if (cli->argc - optind > 1)
		return cli_usage(cli, "takes one PATH or DEVICE");
	if (optind < cli->argc)
		from.path = take_dev(cli->argv[optind], &from.dev) ? NULL : cli->argv[optind];
	ret = pvk_holders_open(&holders, &from, &err);
	if (ret)
		return cli_fail("pivot", ret, &err);
	ret = cli->json ? print_json(holders) : print_table(holders);
	pvk_holders_close(holders);
	return ret;
}
