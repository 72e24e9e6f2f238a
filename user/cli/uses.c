// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

int uses_name(struct uses *uses, const char *name, struct pvk_err *err)
{
	if (!pvk_name_ok(name))
		return pvk_err_set(err, -EINVAL, "\"%.80s\" is no container name", name);
	strcpy(uses->container.name, name);
	return 0;
}

static int add_entry(struct uses *uses, uint32_t type, const char *alias, struct pvk_err *err)
{
	struct pvk_container *container = &uses->container;
	size_t i;

	if (!pvk_alias_ok(alias))
		return pvk_err_set(err, -EINVAL, "\"%.80s\" is no driver alias", alias);
	for (i = 0; i < container->n_entries; i++)
		if (strcmp(uses->entry[i].alias, alias) == 0)
			return pvk_err_set(err, -EINVAL, "driver %s is named twice", alias);
	if (container->n_entries == PVK_ARRAY_SIZE(uses->entry))
		return pvk_err_set(err, -E2BIG, "more than %d drivers", PV_DRIVER_MAX_ENTRIES);

	container->entries = uses->entry;
	strcpy(uses->entry[container->n_entries].alias, alias);
	uses->entry[container->n_entries++].type = type;
	return 0;
}

int uses_add(struct uses *uses, uint32_t type, const char *words, struct pvk_err *err)
{
	pvk_auto_free char *copy = strdup(words);
	char *rest = copy, *word;
	int ret;

	if (!copy)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	while ((word = strsep(&rest, ","))) {
		ret = add_entry(uses, type, word, err);
		if (ret)
			return ret;
	}
	return 0;
}

int uses_role(struct uses *uses, const char *role, struct pvk_err *err)
{
	if (strcmp(role, "mgmt") != 0)
		return pvk_err_set(err, -EINVAL, "\"%.80s\" is no role (mgmt is)", role);
	uses->container.roles |= PV_DRIVER_ROLE_MGMT;
	return 0;
}

int uses_names(struct uses *uses, const struct pvk_names *names, struct pvk_err *err)
{
	size_t i;
	int ret;

	if (names->mgmt)
		uses->container.roles |= PV_DRIVER_ROLE_MGMT;
	for (i = 0; i < names->count; i++) {
		ret = add_entry(uses, names->named[i].want, names->named[i].alias, err);
		if (ret)
			return ret;
	}
	return 0;
}

typedef int (*names_fn)(const char *text, size_t len, struct pvk_names *names,
			struct pvk_list *warnings, struct pvk_err *err);

static int read_names(struct uses *uses, const char *path, names_fn from, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_names struct pvk_names names = { 0 };
	struct pvk_err why = { 0 };
	pvk_auto_free char *text = NULL;
	size_t len, i;
	int ret;

	ret = pvk_read_file(AT_FDCWD, path, PVK_BSP_BYTES_MAX, &text, &len);
	if (ret)
		return pvk_err_set(err, ret, "%.128s: %s", path, strerror(-ret));
	ret = from(text, len, &names, &warnings, &why);
	for (i = 0; i < warnings.count; i++)
		cli_complain(path, "warning: %s", warnings.item[i]);
	if (ret)
		return pvk_err_set(err, ret, "%.96s:%.128s", path, why.text);
	return uses_names(uses, &names, err);
}

int uses_run_json(struct uses *uses, const char *path, struct pvk_err *err)
{
	return read_names(uses, path, pvk_names_from_run_json, err);
}

int uses_src_json(struct uses *uses, const char *path, struct pvk_err *err)
{
	return read_names(uses, path, pvk_names_from_src_json, err);
}

/* One driver on the container's behalf: an exit status, all said. */
static int load_one(struct cli *cli, const struct pvk_container *container,
		    const struct pvk_entry *entry, uint32_t timeout_ms, struct json_out *out)
{
	struct pvk_request request = {
		.alias = entry->alias, .timeout_ms = timeout_ms, .container = container->name,
	};
	bool required = entry->type == PV_DRIVER_TYPE_REQUIRED;
	struct pvk_outcome outcome;
	struct pvk_err err = { 0 };
	int ret = pvk_drv_load(cli->drv, &request, &outcome, &err);
	int status = cli_outcome_status(ret, &outcome);

	if (ret)
		cli_complain(container->name, "%s driver %s%s: %s", pvk_type_name(entry->type),
			     entry->alias, required ? "" : " (goes on without)", err.text);
	cli_warnings(entry->alias, &outcome.warnings);
	if (out) {
		json_out_object(out);
		cli_json_outcome(out, entry->alias, ret, &outcome, &err);
		json_out_pair_str(out, "type", pvk_type_name(entry->type));
		json_out_end(out);
	}
	pvk_outcome_free(&outcome);
	return status;
}

int uses_load(struct cli *cli, const struct pvk_container *container, uint32_t timeout_ms,
	      struct json_out *out)
{
	static const uint32_t order[] = { PV_DRIVER_TYPE_REQUIRED, PV_DRIVER_TYPE_OPTIONAL };
	size_t k, i;
	int status;

	for (k = 0; k < PVK_ARRAY_SIZE(order); k++)
		for (i = 0; i < container->n_entries; i++) {
			if (container->entries[i].type != order[k])
				continue;
			status = load_one(cli, container, &container->entries[i], timeout_ms, out);
			if (status && order[k] == PV_DRIVER_TYPE_REQUIRED)
				return status;
		}
	return CLI_OK;
}
