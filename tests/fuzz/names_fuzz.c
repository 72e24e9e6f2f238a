// SPDX-License-Identifier: MIT
/*
 * What a container names: run.json ('r'), src.json ('s') or an OCI annotations
 * object ('o'), as the first byte says.
 */
#include <stdint.h>
#include <string.h>

#include "names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(int ret, const struct pvk_names *names, const struct pvk_err *err)
{
	size_t i;

	if (ret && (!err->text[0] || names->count || names->mgmt))
		__builtin_trap();
	if (names->count > PVK_BSP_NAMES_MAX)
		__builtin_trap();
	for (i = 0; i < names->count; i++)
		if (!pvk_alias_ok(names->named[i].alias) || names->named[i].want > PVK_MANUAL)
			__builtin_trap();
}

static int read_annotations(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err)
{
	json_auto struct json_doc *doc = NULL;
	char cut[PVK_NAME_MAX + 1];
	const char *name;
	int ret;

	*names = (struct pvk_names){ 0 };
	if (json_parse(text, len, NULL, &doc, NULL))
		return pvk_err_set(err, -1, "not JSON");
	name = pvk_oci_name(json_root(doc), "id", cut);
	if (name && !pvk_name_ok(name))
		__builtin_trap();
	ret = pvk_names_from_annotations(json_root(doc), names, warnings, err);
	/* An image's annotations may be among them: they never give the role. */
	if (names->mgmt)
		__builtin_trap();
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_names struct pvk_names names = { 0 };
	const char *text = (const char *)data + 1;
	struct pvk_err err = { "" };
	int ret;

	if (!size--)
		return 0;
	switch (data[0]) {
	case 'r':
		ret = pvk_names_from_run_json(text, size, &names, &warnings, &err);
		break;
	case 's':
		ret = pvk_names_from_src_json(text, size, &names, &warnings, &err);
		break;
	case 'o':
		ret = read_annotations(text, size, &names, &warnings, &err);
		break;
	default:
		return 0;
	}
	check_names(ret, &names, &err);
	return 0;
}
