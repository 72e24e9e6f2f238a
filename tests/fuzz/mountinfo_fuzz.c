// SPDX-License-Identifier: MIT
/*
 * /proc/PID/mountinfo, in which anybody who may mount writes: any text ends, and what is read
 * from it lies within it.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what) \
	do { \
		if (!(what)) \
			__builtin_trap(); \
	} while (0)

static void check_layers(const char *options)
{
	struct pvk_layers layers = { .rest = options };
	char path[64];
	size_t n = 0;

	while (pvk_layers_next(&layers, path, sizeof(path))) {
		CHECK(path[0] && strlen(path) < sizeof(path));
		CHECK(n++ <= strlen(options));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	struct pvk_mount mount;
	size_t lines = 0;
	int ret;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while ((ret = pvk_mountinfo_next(&rest, &mount)) != -ENOENT) {
		CHECK(!ret || ret == -EBADMSG);
		CHECK(lines++ <= size);
		CHECK(!rest || (rest >= text && rest <= text + size));
		if (ret)
			continue;
		CHECK(mount.root && mount.point && mount.type && mount.source);
		CHECK(mount.options && strlen(mount.options) <= size);
		check_layers(mount.options);
	}
	free(text);
	return 0;
}
