// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mountinfo.h"
#include "stacked.h"
#include "sysattr.h"
#include "tell.h"

#define BLOCK_DIR	"/sys/block"
#define SWAPS		"/proc/swaps"
#define SWAPS_MAX	(64 * 1024)
#define LOOP_MAJOR	7

struct below {
	dev_t dev;
	const char *point;
};

static bool is_below(const struct below *below, const char *path)
{
	size_t len = strlen(below->point);

	return !strncmp(path, below->point, len) && path[len] == '/';
}

/* --- loop devices ---------------------------------------------------------------- */

/* The node, made anew should /dev have none. */
static int open_loop(unsigned int number, char *path, size_t size)
{
	int fd;

	snprintf(path, size, "/dev/loop%u", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, size, "/update/loop%u", number);
	if (mknod(path, S_IFBLK | 0600, makedev(LOOP_MAJOR, number)) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int clear_loop(int fd, const char *node, const char *file, const struct loop_info64 *info,
		      struct undo *undo, struct pvk_err *err)
{
	struct undo_entry *entry;
	int ret;

	ret = undo_prepare(undo, UNDO_LOOP, file, node, &entry, err);
	if (ret)
		return ret;
	entry->loop = *info;
	if (ioctl(fd, LOOP_CLR_FD, 0))
		return errno == ENXIO ? 0 : pvk_err_set(err, -errno, "%s: %s", node,
							strerror(errno));
	undo_commit(undo);
	tell("%s with %s is taken down", node, file);
	return 0;
}

/* One that is mounted would go later, with its last use, and isn't ours to be told of. */
static bool is_mounted(unsigned int number)
{
	struct pvk_mount mount;
	pvk_auto_free char *text = NULL;
	char *at;
	int ret;

	if (pvk_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL))
		return true;
	at = text;
	while ((ret = pvk_mountinfo_next(&at, &mount)) != -ENOENT)
		if (!ret && mount.dev == makedev(LOOP_MAJOR, number))
			return true;
	return false;
}

static int take_loop(const struct below *below, unsigned int number, struct undo *undo,
		     unsigned int *n, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	struct loop_info64 info;
	char file[UNDO_PATH], node[32];
	int ret;

	if (!pvk_sysattr(file, sizeof(file), BLOCK_DIR "/loop%u/loop/backing_file", number))
		return 0;
	fd = open_loop(number, node, sizeof(node));
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info))
		return 0;
	/* Asked to go before, it does with whoever has it open. */
	if ((info.lo_device != below->dev && !is_below(below, file)) || is_mounted(number) ||
	    (info.lo_flags & LO_FLAGS_AUTOCLEAR))
		return 0;
	ret = clear_loop(fd, node, file, &info, undo, err);
	*n += !ret;
	return ret;
}

static int take_loops(const struct below *below, struct undo *undo, unsigned int *n,
		      struct pvk_err *err)
{
	DIR *dir = opendir(BLOCK_DIR);
	struct dirent *entry;
	const char *digits;
	unsigned int number;
	int ret = 0;

	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir))) {
		digits = entry->d_name + 4;
		if (!strncmp(entry->d_name, "loop", 4) && pvk_take_uint(&digits, &number) &&
		    !*digits)
			ret = take_loop(below, number, undo, n, err);
	}
	closedir(dir);
	return ret;
}

void stacked_keep(dev_t dev)
{
	pvk_auto_close int fd = -1;
	struct loop_info64 info;
	char node[32];

	if (major(dev) != LOOP_MAJOR)
		return;
	fd = open_loop(minor(dev), node, sizeof(node));
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) ||
	    !(info.lo_flags & LO_FLAGS_AUTOCLEAR))
		return;
	info.lo_flags &= ~LO_FLAGS_AUTOCLEAR;
	if (ioctl(fd, LOOP_SET_STATUS64, &info))
		tell("%s goes with its mount: %s", node, strerror(errno));
}

/* --- swap -------------------------------------------------------------------------- */

/* A file on it; /proc/swaps has its path as it is seen from here. */
static bool swaps_there(const struct below *below, const char *path)
{
	struct stat st;

	return is_below(below, path) || (!stat(path, &st) && st.st_dev == below->dev);
}

/* With which it comes back as it was: it has the lowest one, unless it was given one. */
static unsigned long priority_of(const char *path)
{
	pvk_auto_free char *text = NULL;
	char *at, *line, *last;
	long priority;
	size_t len;

	if (pvk_read_file(AT_FDCWD, SWAPS, SWAPS_MAX, &text, NULL))
		return 0;
	for (at = text; (line = strsep(&at, "\n"));) {
		len = strcspn(line, " \t");
		last = strrchr(line + len, '\t');
		priority = last ? strtol(last, NULL, 10) : -1;
		line[len] = '\0';
		pvk_mountinfo_unescape(line);
		if (!strcmp(line, path))
			return priority < 0 ? 0 : SWAP_FLAG_PREFER |
			       ((unsigned long)priority & SWAP_FLAG_PRIO_MASK);
	}
	return 0;
}

int stacked_take_swap(const char *path, struct undo *undo, struct pvk_err *err)
{
	struct undo_entry *entry;
	int ret;

	ret = undo_prepare(undo, UNDO_SWAP, path, "", &entry, err);
	if (ret)
		return ret;
	entry->flags = priority_of(path);
	if (swapoff(path))
		return pvk_err_set(err, -errno, "swap on %s: %s", path, strerror(errno));
	undo_commit(undo);
	tell("swap on %s is off", path);
	return 0;
}

static int take_swaps(const struct below *below, struct undo *undo, unsigned int *n,
		      struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	char *at, *path;
	int ret = 0;

	if (pvk_read_file(AT_FDCWD, SWAPS, SWAPS_MAX, &text, NULL))
		return 0;
	at = text;
	while (!ret && (path = pvk_swaps_next(&at))) {
		if (!swaps_there(below, path))
			continue;
		ret = stacked_take_swap(path, undo, err);
		*n += !ret;
	}
	return ret;
}

int stacked_take_down(dev_t dev, const char *point, struct undo *undo, unsigned int *n,
		      struct pvk_err *err)
{
	const struct below below = { .dev = dev, .point = point };
	int ret;

	*n = 0;
	ret = take_loops(&below, undo, n, err);
	return ret ? ret : take_swaps(&below, undo, n, err);
}
