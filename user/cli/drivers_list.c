// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define USERS_WIDTH	32

static const char *flags_text(uint32_t flags, struct pvk_buf *buf)
{
	const char *name;
	unsigned int i;

	pvk_buf_reset(buf);
	for (i = 0; (name = pvk_module_flag_name(i)); i++)
		if (flags & (1u << i))
			pvk_buf_printf(buf, "%s%s", buf->len ? "," : "", name);
	return pvk_buf_str(buf);
}

/* As many as fit, and how many more there are: a board may have hundreds. */
static const char *users_text(const struct pvk_driver *driver, struct pvk_buf *buf)
{
	const struct pvk_texts *users = &driver->users;
	size_t i;

	pvk_buf_reset(buf);
	for (i = 0; i < users->count; i++) {
		/* No container can be called that. */
		const char *name = users->item[i][0] ? users->item[i] : "(host)";

		if (i && buf->len + strlen(name) > USERS_WIDTH) {
			pvk_buf_printf(buf, ",+%zu", users->count - i);
			break;
		}
		pvk_buf_printf(buf, "%s%s", i ? "," : "", name);
	}
	return pvk_buf_str(buf);
}

/* The module that a line names. */
static const char *line_module(const char *line, struct pvk_buf *buf)
{
	pvk_buf_reset(buf);
	pvk_buf_add(buf, line, strcspn(line, " \t"));
	return pvk_buf_str(buf);
}

static void host_modules(struct table *table, const struct pvk_driver *driver)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(4096);
	size_t i, rows = driver->n_modules ? driver->n_modules : driver->lines.count;

	if (!rows) {
		table_cell(table, "");
		table_cell(table, "");
		return;
	}
	for (i = 0; i < rows; i++) {
		if (i) {
			table_row(table);
			table_skip(table, 3);
		}
		if (!driver->n_modules) {
			table_cell(table, line_module(driver->lines.item[i], &buf));
			table_cell(table, "");
			continue;
		}
		table_cell(table, driver->modules[i].name);
		table_cell(table, flags_text(driver->modules[i].flags, &buf));
		if (driver->modules[i].params[0])
			table_cell(table, driver->modules[i].params);
	}
}

static void host_row(struct table *table, const struct pvk_driver *driver)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(128 * 1024);
	size_t i;

	table_row(table);
	table_cell(table, driver->alias);
	table_cell(table, pvk_state_name(driver->state));
	table_cell(table, users_text(driver, &buf));
	host_modules(table, driver);
	if (driver->error)
		table_note(table, "error: %s", driver->text[0] ? driver->text :
			   strerror(driver->error));
	for (i = 0; i < driver->warnings.count; i++)
		table_note(table, "warning: %s", driver->warnings.item[i]);
}

static int print_table(const struct pvk_drivers *list)
{
	static const char *const host[] = {
		"ALIAS", "STATE", "USERS", "MODULE", "FLAGS", "PARAMETERS",
	};
	static const char *const own[] = { "ALIAS", "TYPE", "STATE" };
	bool view = list->count && list->item[0].type >= 0;
	struct table table;
	size_t i;

	if (view)
		table_head(&table, own, PVK_ARRAY_SIZE(own));
	else
		table_head(&table, host, PVK_ARRAY_SIZE(host));
	for (i = 0; i < list->count; i++) {
		const struct pvk_driver *driver = &list->item[i];

		if (!view) {
			host_row(&table, driver);
			continue;
		}
		table_row(&table);
		table_cell(&table, driver->alias);
		table_cell(&table, pvk_type_name((uint32_t)driver->type));
		table_cell(&table, pvk_state_name(driver->state));
	}
	return table_print(&table);
}

static void json_modules(struct json_out *out, const struct pvk_driver *driver)
{
	const struct pvk_module *module;

	json_out_key(out, "modules");
	json_out_array(out);
	for (module = driver->modules; module < driver->modules + driver->n_modules; module++) {
		json_out_object(out);
		json_out_pair_str(out, "name", module->name);
		cli_json_flags(out, module->flags);
		json_out_pair_str(out, "params", module->params);
		json_out_end(out);
	}
	json_out_end(out);
}

static void json_stats(struct json_out *out, const struct pvk_stats *stats)
{
	json_out_key(out, "stats");
	json_out_object(out);
	json_out_pair_uint(out, "loads", stats->loads);
	json_out_pair_uint(out, "unloads", stats->unloads);
	json_out_pair_uint(out, "failures", stats->failures);
	json_out_pair_uint(out, "load_us", stats->load_us);
	json_out_pair_uint(out, "unload_us", stats->unload_us);
	json_out_end(out);
}

static void json_driver(struct json_out *out, const struct pvk_driver *driver)
{
	json_out_object(out);
	json_out_pair_str(out, "alias", driver->alias);
	if (driver->type >= 0)
		json_out_pair_str(out, "type", pvk_type_name((uint32_t)driver->type));
	json_out_pair_str(out, "state", pvk_state_name(driver->state));
	cli_json_when(out, "since", driver->since_ns);
	if (driver->type < 0) {
		cli_json_users(out, &driver->users);
		cli_json_texts(out, "lines", &driver->lines);
		json_modules(out, driver);
		json_out_pair_int(out, "errno", driver->error);
		json_out_pair_str(out, "error", driver->error ? driver->text : NULL);
		cli_json_when(out, "error_since", driver->error_since_ns);
		cli_json_texts(out, "warnings", &driver->warnings);
	}
	if (driver->has_stats)
		json_stats(out, &driver->stats);
	json_out_end(out);
}

static int print_list(const struct cli *cli, const struct pvk_drivers *list)
{
	json_auto_out struct json_out out = { 0 };
	size_t i;

	if (!cli_begin_list(cli, list->torn, &out))
		return print_table(list);
	for (i = 0; i < list->count; i++)
		json_driver(&out, &list->item[i]);
	return cli_end_list(&out);
}

/* Those of the list that argv names, in its order; complains of the others. */
static int pick(const struct cli *cli, struct pvk_drivers *list, struct pvk_drivers *picked)
{
	int status = CLI_OK, i;
	size_t k;

	picked->item = calloc((size_t)cli->argc, sizeof(*picked->item));
	if (!picked->item) {
		cli_complain(NULL, "out of memory");
		return CLI_FAILED;
	}
	for (i = optind; i < cli->argc; i++) {
		for (k = 0; k < list->count; k++)
			if (strcmp(list->item[k].alias, cli->argv[i]) == 0)
				break;
		if (k == list->count) {
			cli_complain(cli->argv[i], "no such driver");
			status = CLI_NOT_FOUND;
			continue;
		}
		/* A copy that owns nothing. */
		picked->item[picked->count++] = list->item[k];
	}
	return status;
}

static int list_drivers(struct cli *cli, const char *container)
{
	struct pvk_drivers list = { 0 }, picked = { 0 };
	struct pvk_container of = { 0 };
	struct pvk_err err = { 0 };
	int ret = 0, status = CLI_OK, printed;

	if (container)
		ret = pvk_drv_container_get(cli->drv, container, 0, &of, &err);
	if (!ret)
		ret = pvk_drv_driver_list(cli->drv, of.id, &list, &err);
	pvk_container_free(&of);
	if (ret)
		return cli_fail(container, ret, &err);

	if (optind < cli->argc) {
		status = pick(cli, &list, &picked);
		printed = picked.count || cli->json ? print_list(cli, &picked) : CLI_OK;
		free(picked.item);
	} else {
		printed = print_list(cli, &list);
	}
	pvk_drivers_free(&list);
	return status ? status : printed;
}

int verb_drivers_list(struct cli *cli)
{
	const char *container = NULL;
	int opt, status;

	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		container = optarg;
	}
	status = cli_open(cli, NULL, NULL);
	return status ? status : list_drivers(cli, container);
}
