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

/* Each target is an object of its own (see the Makefile), under this name. */
#define TARGETS(X)	\
	X(bootformats, 10)	\
	X(bootline, 12)	\
	X(bootlog, 20)	\
	X(bsp, 10)	\
	X(cmdline, 5)	\
	X(config, 5)	\
	X(dhcp, 5)	\
	X(driver, 8)	\
	X(elf, 8)	\
	X(http, 20)	\
	X(initconf, 5)	\
	X(initdisk, 5)	\
	X(json, 10)	\
	X(keep, 2)	\
	X(modline, 10)	\
	X(modparam, 5)	\
	X(mountinfo, 4)	\
	X(mtdparts, 4)	\
	X(names, 8)	\
	X(networds, 5)	\
	X(nbd, 8)	\
	X(pivot, 5)	\
	X(plan, 5)	\
	X(template, 10)

#define DECLARE(name, least)	int fuzz_##name(const uint8_t *data, size_t size);
#define ENTRY(name, least)	{ #name, fuzz_##name, least },

TARGETS(DECLARE)

static const struct {
	const char *name;
	int (*target)(const uint8_t *data, size_t size);
	int least;		/* seeds there must be */
} targets[] = {
	TARGETS(ENTRY)
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

/* Seeds of a target that is not in the table would be replayed by nobody. */
static void test_every_corpus_has_a_target(void)
{
	DIR *dir = open_corpus("");
	struct dirent *entry;
	size_t i;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		for (i = 0; i < PVK_ARRAY_SIZE(targets); i++)
			if (!strcmp(targets[i].name, entry->d_name))
				break;
		if (i == PVK_ARRAY_SIZE(targets))
			break;
	}
	ktap_check(dir && !entry, "every directory of seeds has a target");
	if (dir)
		closedir(dir);
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

	ktap_plan(2 * PVK_ARRAY_SIZE(targets) + 1);
	test_every_corpus_has_a_target();
	for (i = 0; i < PVK_ARRAY_SIZE(targets); i++)
		run_target(i);
	return ktap_finish();
}
