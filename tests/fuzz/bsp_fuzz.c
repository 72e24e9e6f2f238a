// SPDX-License-Identifier: MIT
/*
 * drivers.json, whole: what it gives must keep the limits and hold lines that can
 * be resolved, on a board with a device tree and on one without.
 */
#include <stdint.h>
#include <string.h>

#include "bsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether a board takes the file. */
static bool check_board(const char *text, size_t len, const struct pvk_selection *sel)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_bsp struct pvk_bsp bsp = { 0 };
	struct pvk_err err = { "" };
	size_t i, j;

	if (pvk_bsp_parse(text, len, sel, &bsp, &warnings, &err)) {
		if (!err.text[0] || bsp.count)
			__builtin_trap();
		return false;
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
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const dtb[] = { "vendor,board", "vendor,soc" };
	const struct pvk_selection none = { 0 };
	const struct pvk_selection board = {
		.dtb = dtb,
		.n_dtb = 2,
		.dtb_any = true,
		.fitconfig = "conf-1",
	};
	const char *text = (const char *)data;
	bool faultless;

	/* A fault is one on all boards alike, unless there are too many for one of them. */
	faultless = check_board(text, size, &board);
	if (check_board(text, size, &none) != faultless && size < PVK_BSP_ALIASES_MAX)
		__builtin_trap();
	return 0;
}
