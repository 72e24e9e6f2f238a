// SPDX-License-Identifier: MIT
/*
 * The plan of an update, from a file system that a power cut may have been at: any text ends,
 * and one that is taken is printed as one that is taken and means the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/update/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what) \
	do { \
		if (!(what)) \
			__builtin_trap(); \
	} while (0)

/* Whatever cursor leads somewhere is the one of there. */
static void check_cursor(const struct plan *plan)
{
	uint64_t units = plan_units(plan), offset, at;
	size_t image, i;

	CHECK(plan_place(plan, units + 1, &image, &offset));
	for (i = 0; i <= 16; i++) {
		at = units / 16 * i;
		CHECK(!plan_place(plan, at, &image, &offset));
		CHECK(image == plan->images || offset < plan->image[image].size);
		CHECK(plan_cursor(plan, image, offset) == at);
	}
	CHECK(!plan_place(plan, units, &image, &offset) && image == plan->images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pvk_auto_buf struct pvk_buf first = PVK_BUF_INIT(PLAN_TEXT_MAX);
	pvk_auto_buf struct pvk_buf second = PVK_BUF_INIT(PLAN_TEXT_MAX);
	pvk_auto_free char *text = malloc(size + 1), *again = NULL;
	struct pvk_err err = { .text = "" };
	static struct plan plan;

	if (!text || size > 8192)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (plan_parse(&plan, text, &err)) {
		CHECK(err.text[0] && !plan.images);
		return 0;
	}
	check_cursor(&plan);
	CHECK(!plan_print(&plan, &first, &err));
	plan_free(&plan);
	again = strdup(pvk_buf_str(&first));
	CHECK(again && !plan_parse(&plan, again, &err));
	CHECK(!plan_print(&plan, &second, &err));
	plan_free(&plan);
	CHECK(!strcmp(pvk_buf_str(&first), pvk_buf_str(&second)));
	return 0;
}
