// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char *roles_text(uint32_t roles)
{
	return roles & PV_DRIVER_ROLE_MGMT ? "mgmt" : "";
}

static void container_rows(struct table *table, const struct pvk_container *container)
{
	size_t i;

	table_row(table);
	table_cell(table, container->name);
	table_cell(table, roles_text(container->roles));
	table_cell(table, container->cgroup ? container->cgroup : "");
	for (i = 0; i < container->n_entries; i++) {
		const struct pvk_entry *entry = &container->entries[i];

		if (i) {
			table_row(table);
			table_skip(table, 3);
		}
		table_cell(table, entry->alias);
		table_cell(table, pvk_type_name(entry->type));
		table_cell(table, pvk_state_name(entry->state));
		table_cell(table, entry->used ? "yes" : "no");
	}
}

static int print_table(const struct pvk_containers *list)
{
	static const char *const names[] = {
		"NAME", "ROLES", "CGROUP", "DRIVER", "TYPE", "STATE", "USES",
	};
	struct table table;
	size_t i;

	table_head(&table, names, PVK_ARRAY_SIZE(names));
	for (i = 0; i < list->count; i++)
		container_rows(&table, &list->item[i]);
	return table_print(&table);
}

static void json_container(struct json_out *out, const struct pvk_container *container)
{
	size_t i;

	json_out_object(out);
	json_out_pair_str(out, "name", container->name);
	json_out_pair_uint(out, "id", container->id);
	json_out_key(out, "roles");
	json_out_array(out);
	if (container->roles & PV_DRIVER_ROLE_MGMT)
		json_out_str(out, "mgmt");
	json_out_end(out);
	json_out_pair_str(out, "cgroup", container->cgroup);
	json_out_key(out, "drivers");
	json_out_array(out);
	for (i = 0; i < container->n_entries; i++) {
		const struct pvk_entry *entry = &container->entries[i];

		json_out_object(out);
		json_out_pair_str(out, "alias", entry->alias);
		json_out_pair_str(out, "type", pvk_type_name(entry->type));
		json_out_pair_str(out, "state", pvk_state_name(entry->state));
		json_out_pair_bool(out, "used", entry->used);
		json_out_end(out);
	}
	json_out_end(out);
	json_out_end(out);
}

static int print_list(const struct cli *cli, const struct pvk_containers *list)
{
	json_auto_out struct json_out out = { 0 };
	size_t i;

	if (!cli_begin_list(cli, list->torn, &out))
		return print_table(list);
	for (i = 0; i < list->count; i++)
		json_container(&out, &list->item[i]);
	return cli_end_list(&out);
}

/* NAME alone, or all. */
static int read_list(struct cli *cli, const char *name, struct pvk_containers *list,
		     struct pvk_err *err)
{
	int ret;

	if (!name)
		return pvk_drv_container_list(cli->drv, list, err);
	*list = (struct pvk_containers){ .item = calloc(1, sizeof(*list->item)) };
	if (!list->item)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = pvk_drv_container_get(cli->drv, name, 0, &list->item[0], err);
	list->count = !ret;
	if (ret)
		pvk_containers_free(list);
	return ret;
}

int verb_container_list(struct cli *cli)
{
	struct pvk_containers list;
	struct pvk_err err = { 0 };
	const char *name;
	int status, ret;

	if (cli_option(cli, &status) != CLI_END)
		return status;
	if (optind < cli->argc - 1)
		return cli_usage(cli, "one name or none");
	name = cli->argv[optind];
	status = cli_open(cli, NULL, NULL);
	if (status)
		return status;
	ret = read_list(cli, name, &list, &err);
	if (ret)
		return cli_fail(name, ret, &err);
	status = print_list(cli, &list);
	pvk_containers_free(&list);
	return status;
}
