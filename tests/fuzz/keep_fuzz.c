// SPDX-License-Identifier: MIT
/*
 * An archive of what is kept over a read-only root, from a medium that anybody may have
 * written, with checksums that are right: whatever its records say, nothing but the
 * directory that it is put back into changes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep.h"
#include "pvkit/crc.h"
#include "tree.h"

#define FILE_NAME	"0000000000000001.keep"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/pvkit-keep-fuzz.XXXXXX";
static int kept = -1, back, lower;

static void leave(void)
{
	pvk_tree_remove(AT_FDCWD, dir, 0);
}

static int make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0755))
		abort();
	return pvk_tree_open_dir(at, name);
}

/* Beside them a file that is nobody's business. */
static void begin(void)
{
	int top, fd;

	if (!mkdtemp(dir))
		abort();
	atexit(leave);
	top = pvk_tree_open_dir(AT_FDCWD, dir);
	kept = make_dir(top, "kept");
	back = make_dir(top, "back");
	lower = make_dir(top, "lower");
	fd = openat(top, "victim", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (kept < 0 || back < 0 || lower < 0 || fd < 0)
		abort();
	close(fd);
	close(top);
}

static bool is_untouched(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/victim", dir);
	return !lstat(path, &st) && st.st_mode == (S_IFREG | 0600) && !st.st_size &&
	       st.st_nlink == 1;
}

static void write_archive(const uint8_t *data, size_t size)
{
	struct pvk_keep_head head = {
		.magic = PVK_KEEP_MAGIC, .number = 1, .body = size, .path_len = 1,
		.body_crc = pvb_crc32(0, data, size),
	};
	size_t skip = offsetof(struct pvk_keep_head, number);
	int fd = openat(kept, FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	head.crc = pvb_crc32(0, (char *)&head + skip, sizeof(head) - skip);
	head.crc = pvb_crc32(head.crc, "a", 1);
	if (fd < 0 || write(fd, &head, sizeof(head)) != sizeof(head) || write(fd, "a", 1) != 1 ||
	    write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pvk_keeps list;
	struct stat st;
	int ret;

	if (kept < 0)
		begin();
	write_archive(data, size);
	if (pvk_keeps_read(kept, &list) || list.count != 1 ||
	    pvk_keep_check(kept, &list.item[0]))
		__builtin_trap();
	ret = pvk_keep_restore(kept, &list.item[0], back, lower);
	/* A fault leaves nothing of the path. */
	if (ret && !fstatat(back, "a", &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
		__builtin_trap();
	if (!is_untouched())
		__builtin_trap();
	pvk_tree_remove(back, "a", 0);
	pvk_keeps_free(&list);
	return 0;
}
