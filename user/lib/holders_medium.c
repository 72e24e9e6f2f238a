// SPDX-License-Identifier: MIT
/*
 * By which nodes the medium of a file system can be opened: a block device and the disk that
 * it is of, flash by its character and block nodes and by those of partitions that overlap,
 * an UBI volume and the flash below it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders_int.h"

#define MTD_CHAR_MAJOR	90
#define MTD_BLOCK_MAJOR	31
#define DEPTH_MAX	4	/* of devices below devices */

bool hold_attr(int at, const char *path, char *text, size_t size)
{
	pvk_auto_close int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (len < 0)
		return false;
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return true;
}

bool hold_attr_dev(int at, const char *path, dev_t *dev)
{
	unsigned int maj, min;
	const char *word;
	char text[32];

	word = text;
	if (!hold_attr(at, path, text, sizeof(text)) || !pvk_take_uint(&word, &maj) ||
	    *word++ != ':' || !pvk_take_uint(&word, &min))
		return false;
	*dev = makedev(maj, min);
	return true;
}

static bool attr_number(int at, const char *path, uint64_t *number)
{
	char text[32], *end;

	if (!hold_attr(at, path, text, sizeof(text)))
		return false;
	*number = strtoull(text, &end, 0);
	return end != text;
}

void hold_add_node(struct hold_scan *scan, mode_t type, dev_t dev)
{
	struct hold_shared *shared = scan->shared;
	uint32_t i;

	for (i = 0; i < shared->n_nodes; i++)
		if (shared->node[i].type == type && shared->node[i].dev == dev)
			return;
	if (i == HOLD_NODES_MAX)
		shared->sum.cut = true;
	else
		shared->node[shared->n_nodes++] = (struct hold_node){ .type = type, .dev = dev };
}

/* The medium's own, or that of a device which stands on it. */
bool hold_is_node(const struct hold_scan *scan, const struct hold_inode *stx)
{
	mode_t type = stx->mode & S_IFMT;
	dev_t dev = stx->rdev;
	uint32_t i;

	if (type != S_IFBLK && type != S_IFCHR)
		return false;
	for (i = 0; i < scan->shared->n_nodes; i++)
		if (scan->shared->node[i].type == type && scan->shared->node[i].dev == dev)
			return true;
	for (i = 0; type == S_IFBLK && major(dev) && i < scan->n_fs; i++)
		if (scan->fs[i].dev == dev)
			return true;
	return false;
}

/* --- flash ------------------------------------------------------------------ */

struct mtd_place {
	uint64_t from, to;
	char path[PATH_MAX];	/* in /sys, where partitions lie below or beside each other */
};

static bool find_mtd(const struct hold_scan *scan, unsigned int number, struct mtd_place *place)
{
	uint64_t size, offset = 0;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "class/mtd/mtd%u/size", number);
	if (!attr_number(scan->sys, path, &size))
		return false;
	snprintf(path, sizeof(path), "class/mtd/mtd%u/offset", number);
	attr_number(scan->sys, path, &offset);
	snprintf(path, sizeof(path), "class/mtd/mtd%u", number);
	len = readlinkat(scan->sys, path, place->path, sizeof(place->path) - 2);
	if (len < 0)
		return false;
	strcpy(place->path + len, "/");
	place->from = offset;
	place->to = offset + size;
	return true;
}

static size_t folder_of(const char *path)
{
	const char *end = path + strlen(path) - 1;

	while (end > path && end[-1] != '/')
		end--;
	return (size_t)(end - path);
}

/* One within the other, or of the same chip and in part the same blocks. */
static bool overlap(const struct mtd_place *a, const struct mtd_place *b)
{
	size_t len = folder_of(a->path);

	if (!strncmp(a->path, b->path, strlen(a->path)) ||
	    !strncmp(b->path, a->path, strlen(b->path)))
		return true;
	return len == folder_of(b->path) && !strncmp(a->path, b->path, len) &&
	       a->from < b->to && b->from < a->to;
}

static void add_mtd_node(struct hold_scan *scan, unsigned int number)
{
	hold_add_node(scan, S_IFCHR, makedev(MTD_CHAR_MAJOR, number * 2));
	hold_add_node(scan, S_IFCHR, makedev(MTD_CHAR_MAJOR, number * 2 + 1));
	hold_add_node(scan, S_IFBLK, makedev(MTD_BLOCK_MAJOR, number));
}

/* Calls fn with the number of each PREFIXn in a directory of /sys. */
static void each_device(struct hold_scan *scan, const char *path, const char *prefix,
			void (*fn)(struct hold_scan *scan, unsigned int n, void *arg), void *arg)
{
	int fd = openat(scan->sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	const char *number;
	unsigned int n;

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		number = entry->d_name + strlen(prefix);
		if (pvk_take_uint(&number, &n) && !*number)
			fn(scan, n, arg);
	}
	if (dir)
		closedir(dir);
}

static void add_if_overlaps(struct hold_scan *scan, unsigned int number, void *arg)
{
	struct mtd_place place;

	if (find_mtd(scan, number, &place) && overlap(arg, &place))
		add_mtd_node(scan, number);
}

static void add_mtd(struct hold_scan *scan, unsigned int number)
{
	struct mtd_place place;

	add_mtd_node(scan, number);
	if (find_mtd(scan, number, &place))
		each_device(scan, "class/mtd", "mtd", add_if_overlaps, &place);
}

/* --- UBI -------------------------------------------------------------------- */

static void add_volume(struct hold_scan *scan, unsigned int device, unsigned int volume)
{
	char path[64];
	uint64_t mtd;
	dev_t dev;

	snprintf(path, sizeof(path), "class/ubi/ubi%u_%u/dev", device, volume);
	if (hold_attr_dev(scan->sys, path, &dev))
		hold_add_node(scan, S_IFCHR, dev);
	snprintf(path, sizeof(path), "class/ubi/ubi%u/mtd_num", device);
	if (attr_number(scan->sys, path, &mtd))
		add_mtd(scan, (unsigned int)mtd);
}

/* "ubi0_1", of a ubiblock too. */
static bool take_volume(const char *name, unsigned int *device, unsigned int *volume)
{
	return pvk_take_uint(&name, device) && *name++ == '_' && pvk_take_uint(&name, volume) &&
	       !*name;
}

struct wanted {
	const char *name;	/* of a volume */
	unsigned int device, volume;
	bool found;
};

static void match_name(struct hold_scan *scan, unsigned int volume, void *arg)
{
	struct wanted *wanted = arg;
	char path[64], name[256];

	snprintf(path, sizeof(path), "class/ubi/ubi%u_%u/name", wanted->device, volume);
	if (!hold_attr(scan->sys, path, name, sizeof(name)) || strcmp(name, wanted->name))
		return;
	wanted->volume = volume;
	wanted->found = true;
}

/* What mount takes: ubi0_1, ubi1 (of the first device), ubi0:name, ubi:name, a node's path. */
static bool find_volume(struct hold_scan *scan, const char *source, unsigned int *device,
			unsigned int *volume)
{
	const char *base = strrchr(source, '/');
	struct wanted wanted = { .name = strpbrk(source, ":!") };
	char prefix[32];

	base = base ? base + 1 : source;
	if (strncmp(base, "ubi", 3))
		return false;
	base += 3;
	if (take_volume(base, device, volume))
		return true;
	*device = 0;
	if (!wanted.name)
		return pvk_take_uint(&base, volume) && !*base;
	wanted.name++;
	pvk_take_uint(&base, &wanted.device);
	snprintf(prefix, sizeof(prefix), "ubi%u_", wanted.device);
	each_device(scan, "class/ubi", prefix, match_name, &wanted);
	*device = wanted.device;
	*volume = wanted.volume;
	return wanted.found;
}

/* The block device that stands for a volume, if there is one. */
static bool ubiblock_of(const struct hold_scan *scan, unsigned int device, unsigned int volume,
			dev_t *dev)
{
	char path[64];

	snprintf(path, sizeof(path), "class/block/ubiblock%u_%u/dev", device, volume);
	return hold_attr_dev(scan->sys, path, dev);
}

/* A volume that was named by its node: the file system on it, if it is mounted. */
static void find_by_volume(struct hold_scan *scan)
{
	struct hold_shared *shared = scan->shared;
	unsigned int device, volume;
	char path[64], to[PATH_MAX];
	const char *name;
	ssize_t len;
	dev_t dev;
	size_t i;

	dev = shared->node[0].dev;
	snprintf(path, sizeof(path), "dev/char/%u:%u", major(dev), minor(dev));
	len = readlinkat(scan->sys, path, to, sizeof(to) - 1);
	to[len > 0 ? len : 0] = '\0';
	name = strrchr(to, '/');
	if (name && !strncmp(name, "/ubi", 4) && take_volume(name + 4, &device, &volume)) {
		add_volume(scan, device, volume);
		if (ubiblock_of(scan, device, volume, &dev))
			shared->dev = dev;
	}
	for (i = 0; i < scan->n_rows && !shared->dev; i++) {
		if (strcmp(scan->row[i].mount.type, "ubifs") ||
		    !find_volume(scan, scan->row[i].mount.source, &device, &volume))
			continue;
		snprintf(path, sizeof(path), "class/ubi/ubi%u_%u/dev", device, volume);
		if (hold_attr_dev(scan->sys, path, &dev) && dev == shared->node[0].dev)
			shared->dev = scan->row[i].mount.dev;
	}
}

struct upper {
	uint32_t fs;		/* that UBI is on */
	unsigned int device;
	const char *via;
};

static void add_ubiblock(struct hold_scan *scan, unsigned int volume, void *arg)
{
	const struct upper *upper = arg;
	dev_t dev;

	if (ubiblock_of(scan, upper->device, volume, &dev))
		hold_add_fs(scan, dev, upper->via, upper->fs);
}

static void add_if_attached(struct hold_scan *scan, unsigned int device, void *arg)
{
	const uint32_t *fs = arg;
	struct upper upper = { .fs = *fs, .device = device };
	unsigned int on, volume;
	char path[64], blocks[32];
	uint64_t mtd;
	size_t i;

	snprintf(path, sizeof(path), "class/ubi/ubi%u/mtd_num", device);
	if (!attr_number(scan->sys, path, &mtd) ||
	    scan->fs[*fs].dev != makedev(MTD_BLOCK_MAJOR, (unsigned int)mtd))
		return;
	snprintf(path, sizeof(path), "ubi%u", device);
	hold_add_piece(scan, PVK_HOLD_DEVICE, *fs, path, NULL, false);
	for (i = 0; i < scan->n_rows; i++)
		if (!strcmp(scan->row[i].mount.type, "ubifs") &&
		    find_volume(scan, scan->row[i].mount.source, &on, &volume) && on == device)
			hold_add_fs(scan, scan->row[i].mount.dev, path, *fs);
	upper.via = path;
	snprintf(blocks, sizeof(blocks), "ubiblock%u_", device);
	each_device(scan, "class/block", blocks, add_ubiblock, &upper);
}

void hold_add_ubi(struct hold_scan *scan, uint32_t fs)
{
	if (major(scan->fs[fs].dev) == MTD_BLOCK_MAJOR)
		each_device(scan, "class/ubi", "ubi", add_if_attached, &fs);
}

/* --- block devices ---------------------------------------------------------- */

static void add_below(struct hold_scan *scan, dev_t dev, unsigned int depth);

static void add_slaves(struct hold_scan *scan, const char *path, unsigned int depth)
{
	int fd = openat(scan->sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char name[300];
	dev_t dev;

	while (dir && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/dev", entry->d_name);
		if (entry->d_name[0] != '.' && hold_attr_dev(dirfd(dir), name, &dev))
			add_below(scan, dev, depth + 1);
	}
	if (dir)
		closedir(dir);
}

/* Itself, its disk if it is a partition, and what it is made of. */
static void add_below(struct hold_scan *scan, dev_t dev, unsigned int depth)
{
	char path[64], to[PATH_MAX];
	unsigned int device, volume;
	const char *name;
	ssize_t len;
	dev_t disk;

	if (depth == DEPTH_MAX)
		return;
	hold_add_node(scan, S_IFBLK, dev);
	if (major(dev) == MTD_BLOCK_MAJOR)
		add_mtd(scan, minor(dev));
	snprintf(path, sizeof(path), "dev/block/%u:%u/partition", major(dev), minor(dev));
	if (!faccessat(scan->sys, path, F_OK, 0)) {
		snprintf(path, sizeof(path), "dev/block/%u:%u/../dev", major(dev), minor(dev));
		if (hold_attr_dev(scan->sys, path, &disk))
			hold_add_node(scan, S_IFBLK, disk);
	}
	snprintf(path, sizeof(path), "dev/block/%u:%u/slaves", major(dev), minor(dev));
	add_slaves(scan, path, depth);
	snprintf(path, sizeof(path), "dev/block/%u:%u", major(dev), minor(dev));
	len = readlinkat(scan->sys, path, to, sizeof(to) - 1);
	to[len > 0 ? len : 0] = '\0';
	name = strrchr(to, '/');
	if (name && !strncmp(name, "/ubiblock", 9) && take_volume(name + 9, &device, &volume))
		add_volume(scan, device, volume);
}

void hold_find_nodes(struct hold_scan *scan)
{
	struct hold_shared *shared = scan->shared;
	unsigned int device, volume;
	size_t i;

	if (!shared->dev) {
		find_by_volume(scan);
		scan->fs[0].dev = shared->dev;
	}
	if (major(shared->dev)) {
		add_below(scan, shared->dev, 0);
		return;
	}
	for (i = 0; i < scan->n_rows; i++)
		if (scan->row[i].mount.dev == shared->dev &&
		    !strcmp(scan->row[i].mount.type, "ubifs") &&
		    find_volume(scan, scan->row[i].mount.source, &device, &volume))
			add_volume(scan, device, volume);
}
