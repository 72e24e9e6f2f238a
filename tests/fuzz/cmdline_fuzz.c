// SPDX-License-Identifier: MIT
/*
 * The kernel's command line: any text must come out in the words that the kernel
 * itself finds in it.
 */
#include <stdint.h>
#include <string.h>

#include "../unit/kernel_args.h"
#include "cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const cmdline_keys[PVB_FIELDS] = {
	[PVB_MODE] = "m pvkit.mode", [PVB_SLOT] = "s", [PVB_TRIES] = "t", [PVB_REASON] = "r",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pvk_cmdline cmdline;
	char copy[PVK_CMDLINE_MAX + 1], *rest = copy, *name, *value;
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvb_flags flags;
	unsigned int i;

	if (pvk_cmdline_parse(&cmdline, (const char *)data, size)) {
		if (size <= PVK_CMDLINE_MAX)
			__builtin_trap();
		return 0;
	}
	pvk_cmdline_flags(&cmdline, cmdline_keys, &flags, &warnings);
	if (size > PVK_CMDLINE_MAX)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	size = strlen(copy);
	if (size && copy[size - 1] == '\n')
		copy[size - 1] = '\0';
	for (i = 0; (rest = kernel_next_arg(rest, &name, &value)); i++) {
		if (!value && !strcmp(name, "--"))
			break;
		if (i == cmdline.count || strcmp(cmdline.text + cmdline.key[i], name) ||
		    !value != !cmdline.value[i] ||
		    (value && strcmp(cmdline.text + cmdline.value[i], value)))
			__builtin_trap();
	}
	if (i != cmdline.count)
		__builtin_trap();
	return 0;
}
