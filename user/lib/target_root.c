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

#include "sysattr.h"
#include "target.h"
#include "tree.h"

#define DEPTH_MAX	8
#define MOUNTINFO_MAX	(4u << 20)
#define MTD_BLOCK_MAJOR	31

struct search {
	const struct pvk_target *target;
	const char *sys, *proc;
	char *mounts;		/* all of mountinfo */
	struct pvk_err *text;
};

struct mount {
	unsigned int major, minor;
	char point[PATH_MAX];
	char fs[64];
	char source[PATH_MAX];
	char options[8192];	/* of the file system */
};

/* ---- mountinfo ---- */

/* "\040" is a blank. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to = *text;
		}
	}
	*to = '\0';
}

/* The next word of the line, as far as it fits. */
static void take_word(const char **line, char *word, size_t size)
{
	size_t len = strcspn(*line, " \n");

	snprintf(word, size, "%.*s", (int)len, *line);
	*line += len;
	if (**line == ' ')
		(*line)++;
	unescape(word);
}

static bool parse_mount(const char *line, struct mount *mount)
{
	char word[PATH_MAX];
	const char *at = word;

	take_word(&line, word, sizeof(word));
	take_word(&line, word, sizeof(word));
	take_word(&line, word, sizeof(word));
	if (!pvk_take_uint(&at, &mount->major) || *at++ != ':' ||
	    !pvk_take_uint(&at, &mount->minor))
		return false;
	take_word(&line, word, sizeof(word));
	take_word(&line, mount->point, sizeof(mount->point));
	/* Options and tags end with a dash of its own. */
	do
		take_word(&line, word, sizeof(word));
	while (*word && strcmp(word, "-") != 0);
	take_word(&line, mount->fs, sizeof(mount->fs));
	take_word(&line, mount->source, sizeof(mount->source));
	take_word(&line, mount->options, sizeof(mount->options));
	return mount->fs[0];
}

/* The mount that the path is on: of the longest ones above it the last. */
static bool find_mount(const struct search *search, const char *path, struct mount *found)
{
	const char *line = search->mounts;
	size_t len, best = 0;
	struct mount mount;
	bool any = false;

	for (; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (!parse_mount(line, &mount))
			continue;
		if (strcmp(mount.point, "/") != 0 && !pvk_tree_is_below(path, mount.point))
			continue;
		if (any && strlen(mount.point) < best)
			continue;
		best = strlen(mount.point);
		*found = mount;
		any = true;
	}
	return any;
}

/* ---- devices ---- */

static int hit(const struct search *search, const char *how, const char *what)
{
	pvk_err_set(search->text, 0, "%s %s (%s)", search->target->device, how, what);
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

/* A partition's disk: that the target is it, or that it is a part of the target's. */
static int on_disk(const struct search *search, const char *name)
{
	char path[PATH_MAX], real[PATH_MAX], *slash;
	uint64_t number;

	snprintf(path, sizeof(path), "%s/class/block/%s", search->sys, name);
	if (!pvk_sysattr_uint(&number, "%s/partition", path) || !realpath(path, real))
		return 0;
	slash = strrchr(real, '/');
	*slash = '\0';
	slash = strrchr(real, '/');
	return slash && !strcmp(slash + 1, search->target->device) ?
	       hit(search, "is the disk that has the running root", name) : 0;
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
		ret = on_path(search, backing, depth + 1);
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

/* "ubi0:root", "ubi:root", "ubi0_1", "/dev/ubi0_1" */
static int on_ubifs(const struct search *search, const char *source)
{
	struct pvk_target volume;
	const char *slash = strrchr(source, '/');

	source = slash ? slash + 1 : source;
	if (!strchr(source, ':'))
		return on_ubi(search, source);
	return pvk_target_find(search->sys, source, &volume, NULL) ? 0 :
	       on_ubi(search, volume.device);
}

/* Is the program that runs there as well, below that directory? */
static bool has_program(const struct search *search, const char *dir)
{
	char link[PATH_MAX], program[PATH_MAX], path[2 * PATH_MAX];
	struct stat here, there;
	ssize_t len;

	snprintf(link, sizeof(link), "%s/self/exe", search->proc);
	len = readlink(link, program, sizeof(program) - 1);
	if (len <= 0)
		return false;
	program[len] = '\0';
	snprintf(path, sizeof(path), "%s%s", dir, program);
	return !stat(program, &here) && !stat(path, &there) && here.st_size == there.st_size &&
	       here.st_mtime == there.st_mtime;
}

/*
 * Where a layer is by now that was named before the overlay became the root: whoever has
 * mounted it at "/" with "lowerdir=/" and then called pivot_root has all of the old root
 * elsewhere, at /rom or so. There a path is the layer's if it exists, and a root if it has
 * the program that runs.
 */
static int on_moved_layer(const struct search *search, const struct mount *overlay, const char *dir,
			  unsigned int depth)
{
	const char *line = search->mounts;
	char path[2 * PATH_MAX];
	struct mount mount;
	int ret = 0;
	size_t len;

	if (!strcmp(dir, "/"))
		dir = "";
	for (; !ret && *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (!parse_mount(line, &mount) || !mount.point[1] ||
		    !strcmp(mount.point, overlay->point))
			continue;
		snprintf(path, sizeof(path), "%s%s", mount.point, dir);
		if (dir[0] ? !access(path, F_OK) : has_program(search, path))
			ret = on_path(search, path, depth + 1);
	}
	return ret;
}

static int on_layer(const struct search *search, const struct mount *overlay, const char *dir,
		    unsigned int depth)
{
	struct mount mount;

	if (find_mount(search, dir, &mount) && !strcmp(mount.fs, "overlay") &&
	    !strcmp(mount.point, overlay->point))
		return on_moved_layer(search, overlay, dir, depth);
	return on_path(search, dir, depth + 1);
}

/* "lowerdir=/a:/b,upperdir=/c,workdir=/d", each of which may be a whole list. */
static int on_overlay(const struct search *search, struct mount *overlay, unsigned int depth)
{
	char *options = overlay->options, *option, *value, *dir;
	int ret = 0;

	while (!ret && (option = strsep(&options, ","))) {
		value = strchr(option, '=');
		if (!value || !strstr(option, "dir"))
			continue;
		value++;
		while (!ret && (dir = strsep(&value, ":")))
			if (dir[0] == '/')
				ret = on_layer(search, overlay, dir, depth);
	}
	return ret;
}

static int on_path(const struct search *search, const char *path, unsigned int depth)
{
	struct mount mount;
	struct stat st;

	if (depth == DEPTH_MAX || !find_mount(search, path, &mount))
		return 0;
	if (!strcmp(mount.fs, "overlay"))
		return on_overlay(search, &mount, depth);
	if (!strcmp(mount.fs, "ubifs"))
		return on_ubifs(search, mount.source);
	/* One that counts its own devices, as btrfs does, still says what it was mounted from. */
	if (!mount.major && mount.source[0] == '/' && !stat(mount.source, &st) &&
	    S_ISBLK(st.st_mode))
		return on_device(search, major(st.st_rdev), minor(st.st_rdev), depth);
	return on_device(search, mount.major, mount.minor, depth);
}

int pvk_target_is_root(const struct pvk_target *target, const char *sys, const char *proc,
		       struct pvk_err *text)
{
	struct search search = { .target = target, .sys = sys, .proc = proc, .text = text };
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	ret = pvk_read_file(AT_FDCWD, path, MOUNTINFO_MAX, &search.mounts, NULL);
	if (ret)
		return pvk_err_set(text, ret, "%s: %s", path, strerror(-ret));
	ret = on_path(&search, "/", 0);
	free(search.mounts);
	return ret;
}
