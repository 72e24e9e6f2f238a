// SPDX-License-Identifier: MIT
/*
 * mtdparts=: any text must give just the partitions that the kernel makes of it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../unit/kernel_mtdparts.h"
#include "mtdparts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pvk_mtdparts parts;
static struct pvk_mtdpart table[PVK_MTDPARTS_MAX];

static void compare(struct kernel_parts *dev, uint64_t size)
{
	char name[PVK_MTDPART_NAME_SIZE];
	size_t i, n;

	if (!kernel_lay_out(dev, size))
		return;
	n = pvk_mtdparts_table(&parts, dev->id, size, table, PVK_MTDPARTS_MAX, NULL);
	if (n != dev->count)
		__builtin_trap();
	for (i = 0; i < n; i++) {
		const struct kernel_part *want = &dev->part[i];

		if (table[i].offset != want->offset || table[i].size != want->size ||
		    !(table[i].flags & PVK_MTDPART_RO) != !want->ro ||
		    !(table[i].flags & PVK_MTDPART_LK) != !want->lk ||
		    !(table[i].flags & PVK_MTDPART_SLC) != !want->slc ||
		    strcmp(pvk_mtdpart_name(&parts, &table[i], name), want->name))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = { 0, 1, 0x10000, 16 << 20, 1ull << 40, UINT64_MAX };
	static char text[PVK_CMDLINE_MAX + 2];
	struct pvk_err err = { .text = "" };
	struct kernel_parts *list, *dev;
	size_t devices = 0;
	bool ok;

	if (size > PVK_CMDLINE_MAX + 1)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (pvk_mtdparts_parse(&parts, text, &err) == -E2BIG)
		return 0;
	list = kernel_mtdparts(text, &ok);
	if (ok != !err.text[0])
		__builtin_trap();
	for (dev = list; dev; dev = dev->next) {
		struct kernel_parts *newer = list;

		while (newer != dev && strcmp(newer->id, dev->id))
			newer = newer->next;
		if (newer == dev)
			compare(dev, sizes[(size + devices) % PVK_ARRAY_SIZE(sizes)]);
		devices++;
	}
	if (devices != parts.devices)
		__builtin_trap();
	kernel_mtdparts_free(list);
	return 0;
}
