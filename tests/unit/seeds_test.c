// SPDX-License-Identifier: MIT
/*
 * Runs every fuzz target over its seeds in tests/fuzz/corpus. Inputs that once
 * were a finding go there, so that they stay found. A target ends the program
 * when it finds something: the plan then is not met, and the last comment
 * names the input.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>

#include "ktap.h"
#include "util.h"

#define LLVMFuzzerTestOneInput fuzz_json
#include "../fuzz/json_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_modline
#include "../fuzz/modline_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_bsp
#include "../fuzz/bsp_fuzz.c"
#undef LLVMFuzzerTestOneInput

static const struct {
	const char *name;
	int (*target)(const uint8_t *data, size_t size);
	int least;		/* seeds there must be */
} targets[] = {
	{ "json", fuzz_json, 10 },
	{ "modline", fuzz_modline, 10 },
	{ "bsp", fuzz_bsp, 8 },
};

/* tests/fuzz/corpus/NAME, from where this source lies or below the current directory. */
static DIR *open_corpus(const char *name)
{
	char path[4096];
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, sizeof(path), "%.*s/../fuzz/corpus/%s",
		 slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".", name);
	return opendir(path);
}

static int run_seed(DIR *dir, const char *file, int (*target)(const uint8_t *, size_t))
{
	pvk_auto_free char *data = NULL;
	size_t len = 0;
	int ret = pvk_read_file(dirfd(dir), file, 1024 * 1024, &data, &len);

	if (ret) {
		printf("# %s: %s\n", file, strerror(-ret));
		return ret;
	}
	printf("# %s\n", file);
	target((const uint8_t *)data, len);
	return 0;
}

static void run_target(size_t i)
{
	DIR *dir = open_corpus(targets[i].name);
	struct dirent *entry;
	int count = 0, unread = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (run_seed(dir, entry->d_name, targets[i].target))
			unread++;
		else
			count++;
	}
	ktap_eq(unread, 0, "%s: every seed can be read", targets[i].name);
	ktap_check(count >= targets[i].least, "%s: %d seeds, and no finding", targets[i].name,
		   count);
	if (dir)
		closedir(dir);
}

int main(void)
{
	size_t i;

	ktap_plan(2 * PVK_ARRAY_SIZE(targets));
	for (i = 0; i < PVK_ARRAY_SIZE(targets); i++)
		run_target(i);
	return ktap_finish();
}
