// SPDX-License-Identifier: MIT
/*
 * A file that is staged because somebody's configuration names it: what is read from it
 * ends, is bounded, and is looked for in the root alone. The same bytes as ld.so.cache.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elffile.h"
#include "needs.h"
#include "tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/pvkit-elf-fuzz.XXXXXX";
static int root = -1;

static void leave(void)
{
	pvk_tree_remove(AT_FDCWD, dir, 0);
}

static void begin(void)
{
	if (!mkdtemp(dir))
		abort();
	atexit(leave);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mkdirat(root, "lib", 0755))
		abort();
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void read_elf(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct pvk_script script;
	struct pvk_elf elf;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (!pvk_elf_read(fd, &elf, NULL)) {
		if (elf.n_needed > PVK_ELF_NEEDED_MAX)
			__builtin_trap();
		pvk_elf_free(&elf);
	}
	if (!pvk_script_read(fd, &script) && !script.interp[0])
		__builtin_trap();
	close(fd);
}

static bool any(void *arg, const char *path)
{
	(void)arg;
	return path[0] == '/';
}

/* An extract has what it is an extract of. */
static void read_cache(const uint8_t *data, size_t size)
{
	pvk_auto_buf struct pvk_buf less = PVK_BUF_INIT(1 << 20);
	char *copy = malloc(size + 1);
	struct pvk_ldcache cache;
	uint32_t at = 0;
	size_t len;

	memcpy(copy, data, size);
	if (pvk_ldcache_parse(&cache, copy, size))
		return;
	pvk_ldcache_next(&cache, "liba.so", &at);
	if (!pvk_ldcache_filter(&cache, any, NULL, &less)) {
		pvk_ldcache_free(&cache);
		if (pvk_buf_take(&less, &copy, &len))
			abort();
		if (pvk_ldcache_parse(&cache, copy, len))
			__builtin_trap();
	}
	pvk_ldcache_free(&cache);
}

static int count_need(void *arg, const struct pvk_need *need)
{
	unsigned int *count = arg;

	if (++*count > PVK_NEEDS_MAX * PVK_ELF_NEEDED_MAX || !need->name || !need->by)
		__builtin_trap();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pvk_needs needs;
	unsigned int count = 0;

	if (root < 0)
		begin();
	read_elf(data, size);
	read_cache(data, size);
	/* It may want itself, and has itself for a linker. */
	write_file("lib/ld.so", data, size);
	write_file("lib/liba.so", data, size);
	if (pvk_needs_init(&needs, root, NULL))
		return 0;
	pvk_needs_of(&needs, "/lib/ld.so", count_need, &count, NULL);
	pvk_needs_free(&needs);
	return 0;
}
