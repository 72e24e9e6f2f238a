// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "console.h"
#include "keep.h"
#include "root.h"
#include "tree.h"
#include "union.h"
#include "union_keep.h"

#define PLACE		UNION_DIR "/" PVK_UNION_KEEP
#define WAIT_MAX	10	/* seconds: a boot without it is better than none */
#define STATE_MAX	1024

bool union_keep_split(const char *text, char *device, size_t size, const char **dir)
{
	const char *colon = NULL, *next;

	/* "ubi0:data:/keep": the last one. */
	for (next = strstr(text, ":/"); next; next = strstr(next + 1, ":/"))
		colon = next;
	if (!colon || colon == text || (size_t)(colon - text) >= size)
		return false;
	memcpy(device, text, (size_t)(colon - text));
	device[colon - text] = '\0';
	*dir = colon + 1;
	return true;
}

/* For `pvkit union keep`, which mounts it anew. */
static void tell_where(const struct root *root, const char *dir)
{
	pvk_auto_close int fd = open(UNION_STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[STATE_MAX];
	int len, ret;

	len = snprintf(text, sizeof(text), "source %s\nfstype %s\ndir %s\n", root->source,
		       root->fstype, dir);
	ret = fd < 0 ? -errno :
	      pvk_replace_file(fd, PVK_UNION_KEEP, ".new", text, (size_t)len, 0644);
	if (ret)
		say(UNION_STATE "/" PVK_UNION_KEEP ": %s", strerror(-ret));
}

/* ---- putting back ---- */

struct restore {
	int dirfd, ram, upper, lower;
	unsigned int paths;
	uint64_t files;
};

static bool fits(const struct restore *restore, const struct pvk_keep *keep)
{
	struct pvk_union_usage usage;
	struct statvfs fs;

	if (fstatvfs(restore->ram, &fs))
		return false;
	pvk_union_usage_of(&fs, &usage);
	return (!usage.size || usage.used + keep->ram <= usage.size / 2) &&
	       (!usage.files || usage.files_used + keep->records <= usage.files / 2);
}

static void restore_one(struct restore *restore, const struct pvk_keep *keep)
{
	int ret = pvk_keep_is_roots(restore->dirfd, keep->file) ?
		  pvk_keep_check(restore->dirfd, keep) : -EPERM;

	if (!ret && !fits(restore, keep))
		ret = -EFBIG;
	if (!ret)
		ret = pvk_keep_restore(restore->dirfd, keep, restore->upper, restore->lower);
	if (ret)
		say("union-keep: %s%s (%s) is left out: %s", keep->path ? "/" : "",
		    keep->path ? keep->path : "?", keep->file, ret == -EBADMSG ? "damaged" :
		    ret == -EPERM ? "others than root can write it" :
		    ret == -EFBIG ? "more than half of the RAM" : strerror(-ret));
	if (ret)
		return;
	restore->paths++;
	restore->files += keep->records;
}

static void restore_all(struct restore *restore)
{
	struct pvk_keeps list;
	size_t i;
	int ret;

	ret = pvk_keeps_read(restore->dirfd, &list);
	if (ret)
		say("union-keep: %s", strerror(-ret));
	for (i = 0; i < list.count; i++)
		if (!list.item[i].old)
			restore_one(restore, &list.item[i]);
	if (restore->paths)
		say("union-keep: %u paths, %llu files", restore->paths,
		    (unsigned long long)restore->files);
	pvk_keeps_free(&list);
}

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void restore_from(const char *dir, const char *ram, const char *upper, const char *lower)
{
	pvk_auto_close int place = open_dir(PLACE);
	pvk_auto_close int ram_fd = open_dir(ram), upper_fd = open_dir(upper);
	pvk_auto_close int lower_fd = open_dir(lower), fd = -1;
	struct restore restore;
	char clean[PATH_MAX] = "";

	if (place < 0 || ram_fd < 0 || upper_fd < 0 || lower_fd < 0) {
		say("union-keep: %s", strerror(errno));
		return;
	}
	if (pvk_tree_clean_path(clean, sizeof(clean), dir) && strcmp(dir, "/")) {
		say("union-keep: %s is no directory", dir);
		return;
	}
	fd = pvk_tree_open_path(place, clean, O_RDONLY | O_DIRECTORY);
	restore = (struct restore){
		.dirfd = fd, .ram = ram_fd, .upper = upper_fd, .lower = lower_fd,
	};
	if (fd >= 0 && !pvk_keep_is_roots(fd, "."))
		say("union-keep: %s is left out: others than root can write it", dir);
	else if (fd >= 0)
		restore_all(&restore);
	/* Nothing has been kept yet. */
	else if (fd != -ENOENT)
		say("union-keep: %s: %s", dir, strerror(-fd));
}

/* ---- the file system ---- */

void union_keep_restore(const struct conf *conf, const struct boot_conf *boot,
			const struct pvk_cmdline *cmdline, const char *ram, const char *upper,
			const char *lower)
{
	static struct conf waits;
	static struct boot_conf keep;
	struct pvk_err err = { .text = "" };
	struct root root;
	const char *dir;
	int ret;

	if (!boot->union_keep[0] || !strcmp(boot->union_keep, "no"))
		return;
	if (!union_keep_split(boot->union_keep, keep.root, sizeof(keep.root), &dir)) {
		say("union-keep: \"%s\" is not DEVICE:/DIR", boot->union_keep);
		return;
	}
	waits.root_wait = conf->root_wait < WAIT_MAX ? conf->root_wait : WAIT_MAX;
	ret = root_find(&root, &waits, &keep, cmdline, &err);
	if (!ret) {
		mkdir(PLACE, 0700);
		root.read_only = true;
		ret = root_mount(&root, PLACE, &err);
		tell_where(&root, dir);
	}
	if (ret) {
		say("union-keep: %s", err.text);
		return;
	}
	restore_from(dir, ram, upper, lower);
	if (umount2(PLACE, 0))
		umount2(PLACE, MNT_DETACH);
}
