// SPDX-License-Identifier: MIT
/*
 * The files of a board and of containers. First byte: which reader. What
 * drivers.json gives must keep the limits and hold lines that can be resolved.
 */
#include <stdint.h>
#include <string.h>

#include "modparam.h"
#include "names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_drivers(const char *text, size_t len)
{
	static const char *const dtb[] = { "vendor,board", "vendor,soc" };
	const struct pvk_selection sel = {
		.dtb = dtb,
		.n_dtb = 2,
		.dtb_any = true,
		.fitconfig = "conf-1",
	};
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	struct pvk_err err = { "" };
	size_t i, j;

	if (pvk_bsp_parse(text, len, &sel, &bsp, &warnings, &err)) {
		if (!err.text[0] || bsp.count)
			__builtin_trap();
		return;
	}
	if (bsp.count > PVK_BSP_ALIASES_MAX)
		__builtin_trap();
	for (i = 0; i < bsp.count; i++) {
		if (pvk_bsp_find(&bsp, bsp.alias[i].name) != &bsp.alias[i] ||
		    bsp.alias[i].count > PVK_BSP_LINES_MAX)
			__builtin_trap();
		for (j = 0; j < bsp.alias[i].count; j++)
			if (pvk_modline_check(bsp.alias[i].line[j], NULL, NULL))
				__builtin_trap();
	}
}

static void check_names(int ret, const struct pvk_names *names, const struct pvk_err *err)
{
	size_t i;

	if (ret && (!err->text[0] || names->count || names->mgmt))
		__builtin_trap();
	if (names->count > PVK_BSP_NAMES_MAX)
		__builtin_trap();
	for (i = 0; i < names->count; i++)
		if (!pvk_alias_ok(names->named[i].alias))
			__builtin_trap();
}

static int read_annotations(const char *text, size_t len, struct pvk_names *names,
			    struct pvk_list *warnings, struct pvk_err *err)
{
	json_auto struct json_doc *doc = NULL;
	char cut[PVK_NAME_MAX + 1];
	const char *name;

	*names = (struct pvk_names){ 0 };
	if (json_parse(text, len, NULL, &doc, NULL))
		return pvk_err_set(err, -1, "not JSON");
	name = pvk_oci_name(json_root(doc), "id", cut);
	if (name && !pvk_name_ok(name))
		__builtin_trap();
	return pvk_names_from_annotations(json_root(doc), names, warnings, err);
}

static void check_modparam(const char *text, size_t len)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_modparam *modparam = NULL;
	size_t i;

	if (pvk_modparam_parse(text, len, &modparam, &warnings, NULL))
		return;
	pvk_modparam_get(modparam, "S", &buf);
	for (i = 0; i < buf.len; i++)
		if (pvk_iscntrl((unsigned char)buf.data[i]))
			__builtin_trap();
	pvk_modparam_free(modparam);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_names struct pvk_names names = { 0 };
	struct pvk_err err = { "" };
	const char *text = (const char *)data + 1;
	int ret;

	if (!size--)
		return 0;
	switch (data[0]) {
	case 'd':
		check_drivers(text, size);
		return 0;
	case 'p':
		check_modparam(text, size);
		return 0;
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
