// SPDX-License-Identifier: MIT
/*
 * What the kernel builds on a file system or its medium: loop devices, swap, device mapper.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders_int.h"

#define LOOPS_MAX	4096
#define SWAPS_SIZE	65536
#define LOOP_MAJOR	7

void hold_add_piece(struct hold_scan *scan, enum pvk_holder_kind kind, uint32_t fs,
		    const char *what, const char *path, bool guess)
{
	struct hold_piece *piece;

	if (pvk_grow((void **)&scan->piece, scan->n_pieces, sizeof(*piece), HOLD_PIECES_MAX)) {
		scan->shared->sum.cut = true;
		return;
	}
	piece = &scan->piece[scan->n_pieces++];
	*piece = (struct hold_piece){ .kind = kind, .fs = fs, .guess = guess };
	snprintf(piece->what, sizeof(piece->what), "%s", what);
	piece->path = path && *path ? strdup(path) : NULL;
	if (!fs && (kind == PVK_HOLD_LOOP || kind == PVK_HOLD_SWAP) && !scan->shared->told)
		scan->shared->sum.inner++;
}

/* Its list of mounts may be gone the next time, and its files still be held. */
static void remember_overlay(struct hold_scan *scan, dev_t dev)
{
	struct hold_shared *shared = scan->shared;
	uint32_t i;

	scan->strange = true;
	for (i = 0; i < shared->n_overlays; i++)
		if (shared->overlay[i] == dev)
			return;
	if (i < HOLD_OVERLAYS_MAX)
		shared->overlay[shared->n_overlays++] = dev;
}

void hold_add_fs(struct hold_scan *scan, dev_t dev, const char *via, uint32_t on)
{
	char below[HOLD_VIA_SIZE / 2];
	struct hold_fs *fs;

	if (!dev || hold_fs_of_dev(scan, dev))
		return;
	if (scan->n_fs == HOLD_FS_MAX) {
		scan->shared->sum.cut = true;
		return;
	}
	fs = &scan->fs[scan->n_fs++];
	*fs = (struct hold_fs){ .dev = dev };
	snprintf(below, sizeof(below), "%.31s", scan->fs[on].via);
	snprintf(fs->via, sizeof(fs->via), "%.28s%s%s", via, *below ? " on " : "", below);
	if (!strcmp(via, "overlay"))
		remember_overlay(scan, dev);
}

int hold_tell_pieces(struct hold_scan *scan)
{
	char what[HOLD_WHAT_MAX];
	size_t i;
	int ret = 0;

	for (i = 0; i < scan->n_pieces && !ret; i++) {
		const struct hold_piece *piece = &scan->piece[i];
		struct pvk_holder holder = {
			.kind = piece->kind, .fd = -1, .comm = "", .what = what,
			.guess = piece->guess,
		};

		snprintf(what, sizeof(what), "%s%s%s", piece->what, piece->path ? " " : "",
			 piece->path ? piece->path : "");
		ret = hold_tell(scan, &holder, &scan->fs[piece->fs]);
	}
	return ret;
}

/* --- loop devices ----------------------------------------------------------- */

/* What the kernel has of the file: as stat() would say, of a file that has no name too. */
static void ask_loop(const struct hold_scan *scan, struct hold_loop *loop, uint64_t *ino)
{
	pvk_auto_close int fd = -1;
	struct loop_info64 info;
	char name[32];

	snprintf(name, sizeof(name), "loop%u", loop->number);
	fd = openat(scan->devices, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info))
		return;
	*ino = info.lo_inode;
	loop->dev[0] = makedev((info.lo_device >> 8) & 0xfff,
			       (info.lo_device & 0xff) | ((info.lo_device >> 12) & 0xfff00));
}

/*
 * And what a mount has of it, which for btrfs and overlays is another number; or which device
 * it is, if its file is no file but a node.
 */
static void ask_path(struct hold_scan *scan, struct hold_loop *loop, uint64_t ino)
{
	pvk_auto_close int fd = -1;
	const struct hold_row *row;
	struct hold_inode stx;

	fd = hold_open_in(scan, 0, loop->path);
	if (fd < 0 || hold_stat(fd, "", &stx) || (ino && ino != stx.ino))
		return;
	row = hold_row_of(scan, stx.mnt);
	loop->dev[1] = row ? row->mount.dev : stx.dev;
	if (S_ISBLK(stx.mode)) {
		/* Nor is it on what its node is on. */
		loop->dev[0] = stx.rdev;
		loop->dev[1] = stx.rdev;
	}
}

static int add_loop(struct hold_scan *scan, uint32_t number)
{
	struct hold_loop *loop;
	char path[64], file[PATH_MAX];
	uint64_t ino = 0;
	int ret;

	snprintf(path, sizeof(path), "block/loop%u/loop/backing_file", number);
	if (!hold_attr(scan->sys, path, file, sizeof(file)))
		return 0;
	ret = pvk_grow((void **)&scan->loop, scan->n_loops, sizeof(*loop), LOOPS_MAX);
	if (ret)
		return ret;
	loop = &scan->loop[scan->n_loops++];
	*loop = (struct hold_loop){ .number = number, .path = strdup(file) };
	if (!loop->path)
		return -ENOMEM;
	if (hold_enter(scan, HOLD_AT_LOOP, number)) {
		ask_loop(scan, loop, &ino);
		ask_path(scan, loop, ino);
	}
	return 0;
}

static int list_loops(struct hold_scan *scan)
{
	int fd = openat(scan->sys, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	const char *number;
	unsigned int n;
	int ret = 0;

	while (dir && !ret && (entry = readdir(dir))) {
		number = entry->d_name + 4;
		if (!strncmp(entry->d_name, "loop", 4) && pvk_take_uint(&number, &n) && !*number)
			ret = add_loop(scan, n);
	}
	if (dir)
		closedir(dir);
	return ret;
}

static bool lies_on(const struct hold_scan *scan, const struct hold_loop *loop, uint32_t fs)
{
	return hold_fs_of_dev(scan, loop->dev[0]) == &scan->fs[fs] ||
	       hold_fs_of_dev(scan, loop->dev[1]) == &scan->fs[fs];
}

static void add_loops(struct hold_scan *scan, uint32_t fs)
{
	struct hold_loop *loop;
	char name[32];
	size_t i;

	for (i = 0; i < scan->n_loops; i++) {
		loop = &scan->loop[i];
		if (loop->added || !lies_on(scan, loop, fs))
			continue;
		loop->added = true;
		if (!fs)
			hold_add_alias(scan, loop->dev[0]);
		snprintf(name, sizeof(name), "loop%u", loop->number);
		hold_add_piece(scan, PVK_HOLD_LOOP, fs, name, loop->path, false);
		hold_add_fs(scan, makedev(LOOP_MAJOR, loop->number), name, fs);
	}
}

/* --- devices on devices ----------------------------------------------------- */

/* Device mapper, md and the like, of a block device; and its partitions. */
static void add_upper(struct hold_scan *scan, uint32_t fs, const char *below, bool parts)
{
	char path[64], part[400];
	int fd = openat(scan->sys, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	dev_t dev;

	while (dir && (entry = readdir(dir))) {
		snprintf(part, sizeof(part), "%s/partition", entry->d_name);
		if (entry->d_name[0] == '.' || (parts && faccessat(dirfd(dir), part, F_OK, 0)))
			continue;
		snprintf(part, sizeof(part), "%s/dev", entry->d_name);
		if (!hold_attr_dev(dirfd(dir), part, &dev))
			continue;
		snprintf(path, sizeof(path), "%.60s", entry->d_name);
		if (!parts)
			hold_add_piece(scan, PVK_HOLD_DEVICE, fs, path, NULL, false);
		hold_add_fs(scan, dev, path, fs);
	}
	if (dir)
		closedir(dir);
}

static void add_uppers(struct hold_scan *scan, uint32_t fs)
{
	dev_t dev = scan->fs[fs].dev;
	char path[64];

	if (!major(dev))
		return;
	snprintf(path, sizeof(path), "dev/block/%u:%u/holders", major(dev), minor(dev));
	add_upper(scan, fs, path, false);
	snprintf(path, sizeof(path), "dev/block/%u:%u", major(dev), minor(dev));
	add_upper(scan, fs, path, true);
}

/* --- swap ------------------------------------------------------------------- */

static void add_swap(struct hold_scan *scan, char *line, uint32_t number)
{
	char *path = strsep(&line, " \t");
	pvk_auto_close int fd = -1;
	const struct hold_fs *fs;
	bool guess = false;
	struct hold_inode stx;

	if (!line || !hold_enter(scan, HOLD_AT_SWAP, number))
		return;
	pvk_mountinfo_unescape(path);
	fd = hold_open_in(scan, 0, path);
	if (fd < 0 || hold_stat(fd, "", &stx))
		return;
	fs = S_ISBLK(stx.mode) ? hold_fs_of_dev(scan, stx.rdev) :
				     hold_fs_of(scan, &stx, fd, "", &guess);
	if (fs)
		hold_add_piece(scan, PVK_HOLD_SWAP, (uint32_t)(fs - scan->fs), "swap", path,
			       guess);
}

/* The first line is a heading. */
static void add_swaps(struct hold_scan *scan)
{
	pvk_auto_free char *text = NULL;
	char *rest, *line;
	uint32_t number = 0;
	size_t len;

	if (hold_read(scan->proc, "swaps", SWAPS_SIZE, &text, &len))
		return;
	for (rest = text; (line = strsep(&rest, "\n")); number++)
		if (number)
			add_swap(scan, line, number);
}

/* --- all of it -------------------------------------------------------------- */

/* Overlays of earlier scans that are mounted nowhere any more. */
static void add_remembered(struct hold_scan *scan)
{
	const struct hold_shared *shared = scan->shared;
	size_t i, j;

	for (i = 0; i < shared->n_overlays; i++) {
		for (j = 0; j < scan->n_rows; j++)
			if (scan->row[j].mount.dev == shared->overlay[i])
				break;
		if (j == scan->n_rows)
			hold_add_fs(scan, shared->overlay[i], "overlay", 0);
	}
}

int hold_stack(struct hold_scan *scan)
{
	uint32_t fs;
	int ret;

	if (!scan->shared->told) {
		scan->shared->sum.inner = 0;
		scan->shared->sum.layers = 0;
	}
	ret = list_loops(scan);
	if (ret)
		return ret;
	add_remembered(scan);
	/* More may be added meanwhile. */
	for (fs = 0; fs < scan->n_fs; fs++) {
		hold_add_overlays(scan, fs);
		add_loops(scan, fs);
		add_uppers(scan, fs);
		hold_add_ubi(scan, fs);
	}
	add_swaps(scan);
	hold_enter(scan, HOLD_AT_NOTHING, 0);
	return 0;
}
