// SPDX-License-Identifier: MIT
/*
 * What the running root lies on. From its mount down: the parts of an overlay, the file of a
 * loop device, what a device of the device mapper is made of, a partition's disk, the flash
 * below an mtdblock, a ubiblock or UBI. The way is at most DEPTH_MAX long.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mountinfo.h"
#include "sysattr.h"
#include "target.h"
#include "tree.h"

#define DEPTH_MAX	8
#define MOUNTINFO_MAX	(4u << 20)
#define MOUNTS_MAX	65536
#define SWAPS_MAX	65536
#define MTD_BLOCK_MAJOR	31
#define UBI_DEVICES	32	/* that the kernel has at most */

/* Overlays that the way is in, from the upper one down. */
struct trail {
	const struct pvk_mount *overlay[DEPTH_MAX];
	unsigned int n;
};

struct search {
	const struct pvk_target *target;
	const char *sys, *proc;
	struct pvk_mount *mount;	/* all of mountinfo */
	size_t mounts;
	struct pvk_below *below;
	struct trail *trail;
	struct pvk_err *text;
};

/* ---- mounts ---- */

static int read_mounts(struct search *search, char *text)
{
	struct pvk_mount mount;
	int ret;

	while ((ret = pvk_mountinfo_next(&text, &mount)) != -ENOENT) {
		if (ret)
			continue;
		ret = pvk_grow((void **)&search->mount, search->mounts, sizeof(mount), MOUNTS_MAX);
		if (ret)
			return ret;
		search->mount[search->mounts++] = mount;
	}
	return 0;
}

/* The mount that the path is on: of the longest ones above it the last. */
static const struct pvk_mount *find_mount(const struct search *search, const char *path)
{
	const struct pvk_mount *mount, *found = NULL;
	size_t i;

	for (i = 0; i < search->mounts; i++) {
		mount = &search->mount[i];
		if (strcmp(mount->point, "/") != 0 && !pvk_tree_is_below(path, mount->point))
			continue;
		if (!found || strlen(mount->point) >= strlen(found->point))
			found = mount;
	}
	return found;
}

/* ---- devices ---- */

static int hit(const struct search *search, const char *how, const char *what)
{
	pvk_err_set(search->text, 0, "%s %s (%s)", search->target->device, how, what);
	snprintf(search->below->medium, sizeof(search->below->medium), "%.63s", what);
	return 1;
}

/* Where "/mtd3" begins, which has to be its end; or NULL. */
static char *mtd_part(char *path)
{
	char *slash = strrchr(path, '/');
	const char *at = slash ? slash + strlen("/mtd") : NULL;
	unsigned int number;

	return slash && !strncmp(slash, "/mtd", strlen("/mtd")) && pvk_take_uint(&at, &number) &&
	       !*at ? slash : NULL;
}

/*
 * Where it begins on the whole flash, and a directory that is the same for all of that: a
 * partition's lies beside the others', or in that of what it is a part of.
 */
static bool find_place(const struct search *search, unsigned int number, uint64_t *begin,
		       uint64_t *size, char *whole)
{
	char path[PATH_MAX], top[PATH_MAX] = "", *part;
	uint64_t offset;

	snprintf(path, sizeof(path), "%s/class/mtd/mtd%u", search->sys, number);
	if (!pvk_sysattr_uint(size, "%s/size", path) || !realpath(path, whole))
		return false;
	*begin = 0;
	while ((part = mtd_part(whole))) {
		if (pvk_sysattr_uint(&offset, "%s/offset", whole))
			*begin += offset;
		strcpy(top, whole);
		*part = '\0';
	}
	/* Flash without a parent: what lies side by side there has nothing in common. */
	if (strstr(whole, "/virtual/"))
		strcpy(whole, top);
	return true;
}

static int on_mtd(const struct search *search, unsigned int number)
{
	uint64_t begin, size, target_begin, target_size;
	char whole[PATH_MAX], target_whole[PATH_MAX], name[32];

	snprintf(name, sizeof(name), "mtd%u", number);
	if (search->target->mtd == (int)number)
		return hit(search, search->target->kind == PVK_TARGET_UBI ?
			   "is on the flash that has the running root" : "has the running root",
			   name);
	if (search->target->mtd < 0 || search->target->kind != PVK_TARGET_MTD ||
	    !find_place(search, number, &begin, &size, whole) ||
	    !find_place(search, (unsigned int)search->target->mtd, &target_begin, &target_size,
			target_whole) || strcmp(whole, target_whole) != 0)
		return 0;
	return begin < target_begin + target_size && target_begin < begin + size ?
	       hit(search, "overlaps with the flash that has the running root", name) : 0;
}

static int on_ubi(const struct search *search, const char *volume)
{
	unsigned int number;
	const char *at = volume + strlen("ubi");
	uint64_t mtd;

	if (!strcmp(search->target->device, volume))
		return hit(search, "has the running root", volume);
	/* Another volume of the same flash is another place. */
	if (search->target->kind == PVK_TARGET_UBI || !pvk_take_uint(&at, &number) ||
	    !pvk_sysattr_uint(&mtd, "%s/class/ubi/ubi%u/mtd_num", search->sys, number))
		return 0;
	return on_mtd(search, (unsigned int)mtd);
}

static int on_path(const struct search *search, const char *path, unsigned int depth);
static int on_device(const struct search *search, unsigned int major_number,
		     unsigned int minor_number, unsigned int depth);
static int on_block(const struct search *search, const char *name, unsigned int depth);

/* What it is made of: dm, md. */
static int on_slaves(const struct search *search, const char *name, unsigned int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/block/%s/slaves", search->sys, name);
	dir = opendir(path);
	while (dir && !ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ret = on_block(search, entry->d_name, depth + 1);
	if (dir)
		closedir(dir);
	return ret;
}

/* The name of the disk that a partition is of. */
static bool disk_of(const struct search *search, const char *name, char disk[PATH_MAX])
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	uint64_t number;

	snprintf(path, sizeof(path), "%s/class/block/%s", search->sys, name);
	if (!pvk_sysattr_uint(&number, "%s/partition", path) || !realpath(path, real))
		return false;
	slash = strrchr(real, '/');
	*slash = '\0';
	slash = strrchr(real, '/');
	snprintf(disk, PATH_MAX, "%s", slash ? slash + 1 : "");
	return slash;
}

/* That the target is the disk of this partition, or a partition of this disk. */
static int on_disk(const struct search *search, const char *name)
{
	char disk[PATH_MAX];

	if (disk_of(search, name, disk) && !strcmp(disk, search->target->device))
		return hit(search, "is the disk that has the running root", name);
	return search->target->kind == PVK_TARGET_BLOCK &&
	       disk_of(search, search->target->device, disk) && !strcmp(disk, name) ?
	       hit(search, "is a part of the disk that has the running root", name) : 0;
}

/* Of a loop device: a file, or the node of another device. */
static int on_backing(const struct search *search, const char *path, unsigned int depth)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) ?
	       on_device(search, major(st.st_rdev), minor(st.st_rdev), depth) :
	       on_path(search, path, depth);
}

static int on_block(const struct search *search, const char *name, unsigned int depth)
{
	char backing[PATH_MAX], volume[64];
	unsigned int number;
	const char *at;
	int ret;

	if (depth == DEPTH_MAX)
		return 0;
	if (!strcmp(search->target->device, name))
		return hit(search, "has the running root", name);
	at = name + strlen("mtdblock");
	if (!strncmp(name, "mtdblock", strlen("mtdblock")) && pvk_take_uint(&at, &number))
		return on_mtd(search, number);
	if (!strncmp(name, "ubiblock", strlen("ubiblock"))) {
		snprintf(volume, sizeof(volume), "ubi%.32s", name + strlen("ubiblock"));
		return on_ubi(search, volume);
	}
	ret = on_disk(search, name);
	if (!ret && pvk_sysattr(backing, sizeof(backing), "%s/class/block/%s/loop/backing_file",
				search->sys, name))
		ret = on_backing(search, backing, depth + 1);
	return ret ? ret : on_slaves(search, name, depth);
}

static int on_device(const struct search *search, unsigned int major_number,
		     unsigned int minor_number, unsigned int depth)
{
	char path[PATH_MAX], real[PATH_MAX];

	/* JFFS2 has the number of an mtdblock that need not be there. */
	if (major_number == MTD_BLOCK_MAJOR)
		return on_mtd(search, minor_number);
	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", search->sys, major_number,
		 minor_number);
	return realpath(path, real) ? on_block(search, strrchr(real, '/') + 1, depth) : 0;
}

/* ---- file systems ---- */

/*
 * "ubi0:root", "ubi0!root", "ubi:root" (of the first device), "ubi0_1", "ubi1" (of the first
 * device, too), "/dev/ubi0_1"
 */
static int on_ubifs(const struct search *search, const char *source)
{
	const char *slash = strrchr(source, '/'), *name;
	struct pvk_target volume;
	char text[PATH_MAX];
	bool first;

	source = slash ? slash + 1 : source;
	name = strpbrk(source, ":!");
	first = name == source + strlen("ubi");
	if (!name && !strchr(source, '_')) {
		snprintf(text, sizeof(text), "ubi0_%s", source + strnlen(source, strlen("ubi")));
		return on_ubi(search, text);
	}
	if (!name)
		return on_ubi(search, source);
	snprintf(text, sizeof(text), "%.*s%s:%s", (int)(name - source), source, first ? "0" : "",
		 name + 1);
	return pvk_target_find(search->sys, text, &volume, NULL) ? 0 :
	       on_ubi(search, volume.device);
}

/* Is the program that runs there as well, below that directory? */
static bool has_program(const struct search *search, const char *dir)
{
	char link[PATH_MAX], program[PATH_MAX], path[3 * PATH_MAX];
	struct stat here, there;
	ssize_t len;

	snprintf(link, sizeof(link), "%s/self/exe", search->proc);
	len = readlink(link, program, sizeof(program) - 1);
	if (len <= 0)
		return false;
	program[len] = '\0';
	if (snprintf(path, sizeof(path), "%s%s", dir, program) >= (int)sizeof(path))
		return false;
	return !stat(program, &here) && !stat(path, &there) && here.st_size == there.st_size &&
	       here.st_mtime == there.st_mtime;
}

static bool is_on_trail(const struct search *search, const struct pvk_mount *mount)
{
	unsigned int i;

	for (i = 0; i < search->trail->n; i++)
		if (search->trail->overlay[i] == mount)
			return true;
	return false;
}

/*
 * Where a layer is by now that was named before the overlay became the root: whoever has
 * mounted it at "/" with "lowerdir=/" and then called pivot_root has all of the old root
 * elsewhere, at /rom or so. There a path is the layer's if it exists, and a root if it has
 * the program that runs.
 */
static int on_moved_layer(const struct search *search, const char *dir, unsigned int depth)
{
	const struct pvk_mount *mount;
	const char *layer = dir;
	char path[2 * PATH_MAX];
	bool found = false;
	int ret = 0;
	size_t i;

	if (!strcmp(dir, "/"))
		dir = "";
	for (i = 0; !ret && i < search->mounts; i++) {
		mount = &search->mount[i];
		if (!mount->point[1] || is_on_trail(search, mount))
			continue;
		if (snprintf(path, sizeof(path), "%s%s", mount->point, dir) >= (int)sizeof(path))
			continue;
		if (dir[0] ? access(path, F_OK) != 0 : !has_program(search, path))
			continue;
		found = true;
		ret = on_path(search, path, depth + 1);
	}
	/* Its mount was detached, or stayed behind in an initramfs. */
	if (!found && !search->below->lost[0])
		snprintf(search->below->lost, sizeof(search->below->lost), "%.255s", layer);
	return ret;
}

/* What leads to an overlay that the way comes from has led elsewhere when that was mounted. */
static int on_layer(const struct search *search, const char *dir, unsigned int depth)
{
	return is_on_trail(search, find_mount(search, dir)) ? on_moved_layer(search, dir, depth) :
							      on_path(search, dir, depth + 1);
}

static int on_overlay(const struct search *search, const struct pvk_mount *mount,
		      unsigned int depth)
{
	struct pvk_layers layers = { .rest = mount->options };
	struct trail *trail = search->trail;
	char dir[PATH_MAX];
	int ret = 0;

	if (trail->n == DEPTH_MAX || is_on_trail(search, mount))
		return 0;
	trail->overlay[trail->n++] = mount;
	while (!ret && pvk_layers_next(&layers, dir, sizeof(dir)))
		if (dir[0] == '/')
			ret = on_layer(search, dir, depth);
	trail->n--;
	return ret;
}

static int on_mount(const struct search *search, const struct pvk_mount *mount,
		    unsigned int depth)
{
	struct stat st;

	if (depth == DEPTH_MAX)
		return 0;
	if (!strcmp(mount->type, "overlay"))
		return on_overlay(search, mount, depth);
	/* What is deeper comes later: it is the last one that has the target below it. */
	search->below->dev = mount->dev;
	if (!strcmp(mount->type, "ubifs"))
		return on_ubifs(search, mount->source);
	/* One that counts its own devices, as btrfs does, still says what it was mounted from. */
	if (!major(mount->dev) && mount->source[0] == '/' && !stat(mount->source, &st) &&
	    S_ISBLK(st.st_mode))
		return on_device(search, major(st.st_rdev), minor(st.st_rdev), depth);
	return on_device(search, major(mount->dev), minor(mount->dev), depth);
}

static int on_path(const struct search *search, const char *path, unsigned int depth)
{
	const struct pvk_mount *mount = find_mount(search, path);

	return mount ? on_mount(search, mount, depth) : 0;
}

/* Free search->mount in any case; what is in it lies in *mounts. */
static int search_begin(struct search *search, char **mounts)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/self/mountinfo", search->proc);
	ret = pvk_read_file(AT_FDCWD, path, MOUNTINFO_MAX, mounts, NULL);
	if (ret)
		return pvk_err_set(search->text, ret, "%s: %s", path, strerror(-ret));
	return read_mounts(search, *mounts);
}

int pvk_target_is_below(const struct pvk_target *target, const char *file, const char *sys,
			const char *proc, struct pvk_below *below, struct pvk_err *text)
{
	struct trail trail = { .n = 0 };
	struct search search = {
		.target = target, .sys = sys, .proc = proc, .below = below, .trail = &trail,
		.text = text,
	};
	pvk_auto_free char *mounts = NULL;
	int ret;

	*below = (struct pvk_below){ .dev = 0 };
	ret = search_begin(&search, &mounts);
	if (!ret)
		ret = on_path(&search, file, 0);
	free(search.mount);
	return ret;
}

int pvk_target_is_root(const struct pvk_target *target, const char *sys, const char *proc,
		       struct pvk_err *text)
{
	struct pvk_below below;

	return pvk_target_is_below(target, "/", sys, proc, &below, text);
}

/* ---- who uses it ---- */

static int tell_mounts(const struct search *search, pvk_use_fn fn, void *arg)
{
	struct pvk_use use = { .kind = PVK_USE_MOUNT };
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < search->mounts; i++) {
		use.what = search->mount[i].point;
		use.dev = search->mount[i].dev;
		if (on_mount(search, &search->mount[i], 0) > 0)
			ret = fn(arg, &use);
	}
	return ret;
}

static bool swaps_there(const struct search *search, const char *path)
{
	struct stat st;

	if (!stat(path, &st) && S_ISBLK(st.st_mode))
		return on_device(search, major(st.st_rdev), minor(st.st_rdev), 0) > 0;
	return on_path(search, path, 0) > 0;
}

static int tell_swaps(const struct search *search, pvk_use_fn fn, void *arg)
{
	pvk_auto_free char *text = NULL;
	struct pvk_use use = { .kind = PVK_USE_SWAP };
	char path[PATH_MAX], *at;
	int ret = 0;

	snprintf(path, sizeof(path), "%s/swaps", search->proc);
	if (pvk_read_file(AT_FDCWD, path, SWAPS_MAX, &text, NULL))
		return 0;
	at = text;
	while (!ret && (use.what = pvk_swaps_next(&at)))
		if (swaps_there(search, use.what))
			ret = fn(arg, &use);
	return ret;
}

int pvk_target_uses(const struct pvk_target *target, const char *sys, const char *proc,
		    pvk_use_fn fn, void *arg, struct pvk_err *err)
{
	struct pvk_err how = { .text = "" };
	struct pvk_below below = { .dev = 0 };
	struct trail trail = { .n = 0 };
	struct search search = {
		.target = target, .sys = sys, .proc = proc, .below = &below, .trail = &trail,
		.text = &how,
	};
	pvk_auto_free char *mounts = NULL;
	int ret = search_begin(&search, &mounts);

	if (ret)
		pvk_err_set(err, ret, "%s", *how.text ? how.text : strerror(-ret));
	else
		ret = tell_mounts(&search, fn, arg);
	if (!ret)
		ret = tell_swaps(&search, fn, arg);
	free(search.mount);
	return ret;
}

static bool is_on(const struct pvk_target *target, const struct pvk_target *other, const char *sys)
{
	struct pvk_below below;
	struct trail trail = { .n = 0 };
	const struct search search = {
		.target = target, .sys = sys, .below = &below, .trail = &trail,
	};

	switch (other->kind) {
	case PVK_TARGET_MTD:
		return on_mtd(&search, (unsigned int)other->mtd);
	case PVK_TARGET_UBI:
		return on_ubi(&search, other->device);
	case PVK_TARGET_BLOCK:
		break;
	}
	return on_block(&search, other->device, 0);
}

bool pvk_target_overlap(const struct pvk_target *one, const struct pvk_target *other,
			const char *sys)
{
	return is_on(one, other, sys) || is_on(other, one, sys);
}

int pvk_target_ubi_on(const struct pvk_target *target, const char *sys)
{
	struct pvk_target below = { .kind = PVK_TARGET_MTD };
	uint64_t mtd;
	int i;

	for (i = 0; target->kind == PVK_TARGET_MTD && i < UBI_DEVICES; i++) {
		if (!pvk_sysattr_uint(&mtd, "%s/class/ubi/ubi%d/mtd_num", sys, i))
			continue;
		below.mtd = (int)mtd;
		if (pvk_target_overlap(target, &below, sys))
			return i;
	}
	return -ENOENT;
}
