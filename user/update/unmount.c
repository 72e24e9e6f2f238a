// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "clock.h"
#include "mountas.h"
#include "mountinfo.h"
#include "stacked.h"
#include "tell.h"
#include "unmount.h"

#define MOUNTINFO	"/proc/self/mountinfo"
#define MOUNTINFO_MAX	(1u << 20)
#define MOUNTS_MAX	1024
#define AGAIN_MS	20

/* --- the table -------------------------------------------------------------------- */

struct table {
	char *text;
	struct pvk_mount mount[MOUNTS_MAX];
	size_t n;
};

static int table_read(struct table *table, struct pvk_err *err)
{
	char *at;
	int ret;

	free(table->text);
	table->text = NULL;
	table->n = 0;
	ret = pvk_read_file(AT_FDCWD, MOUNTINFO, MOUNTINFO_MAX, &table->text, NULL);
	if (ret)
		return pvk_err_set(err, ret, MOUNTINFO ": %s", strerror(-ret));
	at = table->text;
	while (table->n < MOUNTS_MAX) {
		ret = pvk_mountinfo_next(&at, &table->mount[table->n]);
		if (ret == -ENOENT)
			return 0;
		table->n += !ret;
	}
	return pvk_err_set(err, -E2BIG, "more than %u mounts", MOUNTS_MAX);
}

static const struct pvk_mount *table_by_id(const struct table *table, uint32_t id)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (table->mount[i].id == id)
			return &table->mount[i];
	return NULL;
}

static const struct pvk_mount *parent_of(const struct table *table, const struct pvk_mount *mount)
{
	const struct pvk_mount *parent = table_by_id(table, mount->parent);

	return parent == mount ? NULL : parent;
}

static bool is_leaf(const struct table *table, const struct pvk_mount *mount)
{
	size_t i;

	for (i = 0; i < table->n; i++)
		if (table->mount[i].parent == mount->id && &table->mount[i] != mount)
			return false;
	return true;
}

/* It lies on the file system or below the tree's top, if only by what it is mounted on. */
static bool has_to_go(const struct table *table, const struct pvk_mount *mount,
		      const struct unmount *unmount)
{
	size_t steps = 0;

	for (; mount && steps <= table->n; mount = parent_of(table, mount), steps++)
		if (mount->dev == unmount->dev || !strcmp(mount->point, unmount->below))
			return true;
	return false;
}

/*
 * The mount of the file system that goes last: at the tree's top or, where another is, as an
 * overlay, the first one that has all of it.
 */
static const struct pvk_mount *last_one(const struct table *table, dev_t dev, const char *below)
{
	const struct pvk_mount *found = NULL, *mount;
	size_t i;

	for (i = 0; i < table->n; i++) {
		mount = &table->mount[i];
		if (mount->dev != dev)
			continue;
		if (!strcmp(mount->point, below))
			return mount;
		if (!found || (strcmp(found->root, "/") && !strcmp(mount->root, "/")))
			found = mount;
	}
	return found;
}

int unmount_find(dev_t dev, const char *below, char *path, size_t size, struct pvk_err *err)
{
	struct table table = { .text = NULL };
	const struct pvk_mount *mount;
	int ret;

	ret = table_read(&table, err);
	mount = ret ? NULL : last_one(&table, dev, below);
	if (mount)
		snprintf(path, size, "%s", mount->point);
	else if (!ret)
		ret = pvk_err_set(err, -ENOENT, "no mount here is of %u:%u, which has to go",
				  major(dev), minor(dev));
	free(table.text);
	return ret;
}

/* "squashfs" of "\tsquashfs\n", one that has a device; NULL. */
static char *fs_with_device(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	return line[0] == '\t' ? line + 1 : NULL;
}

int unmount_find_again(dev_t dev, const char *where, struct pvk_err *err)
{
	char link[64], target[256] = "", node[300], line[128], *fs;
	int ret = -ENOENT;
	FILE *kinds;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (readlink(link, target, sizeof(target) - 1) < 0 || !strrchr(target, '/'))
		return pvk_err_set(err, -ENOENT, "no mount here is of %u:%u, which has to go",
				   major(dev), minor(dev));
	snprintf(node, sizeof(node), "/dev/%s", strrchr(target, '/') + 1);
	kinds = fopen("/proc/filesystems", "re");
	mkdir(where, 0700);
	while (ret && kinds && fgets(line, sizeof(line), kinds)) {
		fs = fs_with_device(line);
		if (fs && !mount(node, where, fs,
				 MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL))
			ret = 0;
	}
	if (kinds)
		fclose(kinds);
	return ret ? pvk_err_set(err, ret, "%s: neither mounted nor to be mounted", node) : 0;
}

/* --- how it can come back ----------------------------------------------------------- */

/* Its node, by a name that holds whatever /dev/root was. */
static void source_of(const struct pvk_mount *mount, char *source, size_t size)
{
	struct stat st;

	snprintf(source, size, "%s", mount->source);
	if (!major(mount->dev) ||
	    (!stat(source, &st) && S_ISBLK(st.st_mode) && st.st_rdev == mount->dev))
		return;
	snprintf(source, size, "/update/dev-%u-%u", major(mount->dev), minor(mount->dev));
	mknod(source, S_IFBLK | 0600, mount->dev);
}

/* Of a mount of a part of it: where another one, which stays longer, has that part. */
static bool bound_from(const struct table *table, const struct pvk_mount *mount, char *path,
		       size_t size)
{
	const struct pvk_mount *other;
	size_t i;

	for (i = 0; i < table->n; i++) {
		other = &table->mount[i];
		if (other == mount || other->dev != mount->dev || strcmp(other->root, "/"))
			continue;
		snprintf(path, size, "%s%s", other->point,
			 strcmp(mount->root, "/") ? mount->root : "");
		return true;
	}
	return false;
}

/* A mount that is read-only, of a file system that isn't, takes a second call. */
static void note_flags(struct undo_entry *entry, const struct pvk_mount *mount)
{
	unsigned long how = mountas_flags(mount), fs = mountas_fs_flags(mount);

	entry->flags = fs | (how & ~(unsigned long)MS_RDONLY);
	entry->how = (how & MS_RDONLY) && !(fs & MS_RDONLY) ? how : 0;
}

static int prepare(struct unmount *unmount, const struct table *table,
		   const struct pvk_mount *mount, struct pvk_err *err)
{
	bool bound = false;
	struct undo_entry *entry;
	char source[UNDO_PATH];
	int ret;

	if (strcmp(mount->root, "/") || mount->dev == unmount->dev)
		bound = bound_from(table, mount, source, sizeof(source));
	if (!bound)
		source_of(mount, source, sizeof(source));
	ret = undo_prepare(unmount->undo, UNDO_UMOUNT, source, mount->point, &entry, err);
	if (ret)
		return ret;
	snprintf(entry->type, sizeof(entry->type), "%s", mount->type);
	if (bound) {
		/* It gets those of the mount that it is bound from. */
		entry->flags = MS_BIND;
		entry->how = mountas_flags(mount);
		return 0;
	}
	note_flags(entry, mount);
	mountas_data(mount, entry->data, sizeof(entry->data));
	if (mountas_has(mount->how, "idmapped"))
		tell("%s is mounted with ids of its own, without which it would come back",
		     mount->point);
	return 0;
}

/* --- one of them -------------------------------------------------------------------- */

/* A file, bound over another, is not moved: it is still where it comes from. */
static bool is_moved(const struct pvk_mount *mount)
{
	static const char *const types[] = { "tmpfs", "ramfs", "devtmpfs", "devpts", "hugetlbfs" };
	struct stat st;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(types); i++)
		if (!strcmp(mount->type, types[i]))
			return !stat(mount->point, &st) && S_ISDIR(st.st_mode);
	return false;
}

static int move_aside(struct unmount *unmount, const char *point, struct pvk_err *err)
{
	struct undo_entry *entry;
	char to[UNDO_PATH];
	int ret;

	mkdir(unmount->aside, 0700);
	snprintf(to, sizeof(to), "%s/%u", unmount->aside, unmount->moved++);
	if (mkdir(to, 0700) && errno != EEXIST)
		return pvk_err_set(err, -errno, "%s: %s", to, strerror(errno));
	ret = undo_prepare(unmount->undo, UNDO_MOVE, point, to, &entry, err);
	if (ret)
		return ret;
	if (mount(point, to, NULL, MS_MOVE, NULL))
		return pvk_err_set(err, -errno, "%s can't be moved aside: %s", point,
				   strerror(errno));
	undo_commit(unmount->undo);
	return 0;
}

/* Who or what keeps it from going. */
static int free_up(const struct unmount *unmount, const char *point, dev_t dev,
		   struct pvk_err *err)
{
	unsigned int n;
	int ret;

	ret = stacked_take_down(dev, point, unmount->undo, &n, err);
	if (ret || n)
		return ret;
	return evict(point, 0, unmount->limits, err);
}

/* A server that is gone would be waited for otherwise. */
static int flags_for(const char *type)
{
	bool remote = !strncmp(type, "nfs", 3) || !strcmp(type, "cifs");

	return UMOUNT_NOFOLLOW | (remote ? MNT_FORCE : 0);
}

/* One that is on its way out may hold it for a moment, after which it is found no more. */
static int go(const struct unmount *unmount, const char *point, const char *type, dev_t dev,
	      struct pvk_err *err)
{
	int64_t until = clock_ms() + unmount->limits->kill_ms;
	bool looked = false;
	int ret;

	while (umount2(point, flags_for(type))) {
		if (errno != EBUSY)
			return pvk_err_set(err, -errno, "%s: %s", point, strerror(errno));
		if (looked && clock_ms() >= until) {
			evict_tell(point, 0);
			return pvk_err_set(err, -EBUSY, "%s can't be unmounted: it is held", point);
		}
		ret = free_up(unmount, point, dev, err);
		if (ret)
			return ret;
		if (looked)
			clock_sleep_ms(AGAIN_MS);
		looked = true;
	}
	return 0;
}

static int take_away(struct unmount *unmount, const struct table *table,
		     const struct pvk_mount *mount, struct pvk_err *err)
{
	unsigned int before;
	struct undo_entry *entry, was;
	int ret;

	if (is_moved(mount))
		return move_aside(unmount, mount->point, err);
	before = atomic_load(&unmount->undo->n);
	ret = prepare(unmount, table, mount, err);
	if (ret)
		return ret;
	was = unmount->undo->entry[before];
	stacked_keep(mount->dev);
	ret = go(unmount, mount->point, mount->type, mount->dev, err);
	if (ret)
		return ret;
	/* Loop devices and swap may have gone before, and have their entries. */
	ret = undo_prepare(unmount->undo, was.kind, was.from, was.to, &entry, err);
	if (ret)
		return ret;
	*entry = was;
	undo_commit(unmount->undo);
	return 0;
}

/* --- all of them ---------------------------------------------------------------------- */

/* A part of a file system before the whole, from which it can come back. */
static const struct pvk_mount *next_one(const struct table *table, const struct unmount *unmount,
					const struct pvk_mount *last)
{
	const struct pvk_mount *found = NULL, *mount;
	size_t i;

	for (i = 0; i < table->n; i++) {
		mount = &table->mount[i];
		if (mount == last || !has_to_go(table, mount, unmount) || !is_leaf(table, mount))
			continue;
		if (strcmp(mount->root, "/"))
			return mount;
		if (!found)
			found = mount;
	}
	return found;
}

/* It is on something that has to go before it does, as below an overlay that shows it. */
static bool is_in_the_way(const struct table *table, const struct unmount *unmount,
			  const struct pvk_mount *last)
{
	const struct pvk_mount *parent = parent_of(table, last);

	return parent && has_to_go(table, parent, unmount);
}

static int next_step(struct unmount *unmount, struct table *table, bool *done,
		     struct pvk_err *err)
{
	const struct pvk_mount *last, *mount;
	int ret;

	ret = table_read(table, err);
	if (ret)
		return ret;
	last = last_one(table, unmount->dev, unmount->below);
	mount = next_one(table, unmount, last);
	if (mount)
		return take_away(unmount, table, mount, err);
	if (last && is_in_the_way(table, unmount, last))
		return move_aside(unmount, last->point, err);
	*done = true;
	return 0;
}

int unmount_others(struct unmount *unmount, struct pvk_err *err)
{
	struct table table = { .text = NULL };
	bool done = false;
	int ret = 0;

	while (!ret && !done)
		ret = next_step(unmount, &table, &done, err);
	free(table.text);
	return ret;
}

/* What is not said at a remount is changed, too; of options that is true of none. */
static int read_only(struct unmount *unmount, const struct table *table,
		     const struct pvk_mount *last, struct pvk_err *err)
{
	int64_t until = clock_ms() + unmount->limits->kill_ms;
	struct undo_entry *entry, was = { .how = 0 };
	int ret;

	(void)table;
	if (mountas_has(last->options, "ro"))
		return 0;
	note_flags(&was, last);
	while (mount(NULL, last->point, NULL, MS_REMOUNT | MS_RDONLY | was.flags, NULL)) {
		if (errno != EBUSY || clock_ms() >= until)
			return pvk_err_set(err, -errno, "%s does not become read-only: %s",
					   last->point, strerror(errno));
		ret = free_up(unmount, last->point, last->dev, err);
		if (ret)
			return ret;
		clock_sleep_ms(AGAIN_MS);
	}
	ret = undo_prepare(unmount->undo, UNDO_REMOUNT, "", last->point, &entry, err);
	if (ret)
		return ret;
	entry->flags = was.flags;
	entry->how = was.how;
	undo_commit(unmount->undo);
	return 0;
}

/* If it is there. */
static int with_last(struct unmount *unmount,
		     int (*what)(struct unmount *unmount, const struct table *table,
				 const struct pvk_mount *last, struct pvk_err *err),
		     struct pvk_err *err)
{
	struct table table = { .text = NULL };
	const struct pvk_mount *last;
	int ret;

	ret = table_read(&table, err);
	last = ret ? NULL : last_one(&table, unmount->dev, unmount->below);
	if (last)
		ret = what(unmount, &table, last, err);
	free(table.text);
	return ret;
}

int unmount_read_only(struct unmount *unmount, struct pvk_err *err)
{
	return with_last(unmount, read_only, err);
}

int unmount_last(struct unmount *unmount, struct pvk_err *err)
{
	return with_last(unmount, take_away, err);
}
