// SPDX-License-Identifier: MIT
/*
 * Mounts of all namespaces, and which file system a file is on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders_int.h"

#define NS_MAX	65536
#define TRIES_MAX	1000

/* --- reading them ----------------------------------------------------------- */

static int add_row(struct hold_scan *scan, const struct pvk_mount *mount)
{
	int ret = pvk_grow((void **)&scan->row, scan->n_rows, sizeof(*scan->row), HOLD_ROWS_MAX);

	if (ret)
		return ret;
	scan->row[scan->n_rows] = (struct hold_row){
		.mount = *mount, .ns = (uint32_t)(scan->n_ns - 1), .order = (uint32_t)scan->n_rows,
	};
	scan->n_rows++;
	return 0;
}

/* The text stays: rows point into it. 1: the process has ended, or is not ours to ask. */
static int read_mountinfo(struct hold_scan *scan, uint32_t pid)
{
	struct pvk_mount mount;
	char path[32], *text;
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "%u/mountinfo", pid);
	ret = hold_read(scan->proc, path, HOLD_TEXT_MAX - scan->text_len, &text, &len);
	if (ret == -EFBIG || ret == -ENOSPC) {
		scan->shared->sum.cut = true;
		return 0;
	}
	if (ret)
		return ret == -ENOMEM ? ret : 1;
	scan->text_len += len;
	while ((ret = pvk_mountinfo_next(&text, &mount)) != -ENOENT) {
		hold_tick(scan);
		if (ret)
			continue;
		ret = add_row(scan, &mount);
		if (ret) {
			scan->shared->sum.cut = true;
			return ret == -ENOMEM ? ret : 0;
		}
	}
	return 0;
}

static bool known_ns(const struct hold_scan *scan, const struct hold_ns *ns)
{
	size_t i;

	for (i = scan->n_ns; i--;)
		if (scan->ns[i].ino == ns->ino && scan->ns[i].root_mnt == ns->root_mnt &&
		    scan->ns[i].root_ino == ns->root_ino)
			return true;
	return false;
}

/* A process with another root sees another part of its namespace. */
static bool look_at_ns(struct hold_scan *scan, uint32_t pid, struct hold_ns *ns)
{
	char path[32], text[64];
	struct hold_inode stx;
	ssize_t len;

	snprintf(path, sizeof(path), "%u/ns/mnt", pid);
	len = readlinkat(scan->proc, path, text, sizeof(text) - 1);
	if (len < 0)
		return false;
	text[len] = '\0';
	*ns = (struct hold_ns){ .pid = pid };
	if (strncmp(text, "mnt:[", 5))
		return false;
	ns->ino = strtoull(text + 5, NULL, 10);
	snprintf(path, sizeof(path), "%u/root", pid);
	if (!hold_stat(scan->proc, path, &stx)) {
		ns->root_mnt = stx.mnt;
		ns->root_ino = stx.ino;
	}
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct hold_row *left = a, *right = b;

	if (left->mount.id != right->mount.id)
		return left->mount.id > right->mount.id ? 1 : -1;
	return left->order > right->order ? 1 : -1;
}

/* One that is seen from two roots is one. */
static void sort_rows(struct hold_scan *scan)
{
	size_t i, n = 0;

	if (scan->n_rows)
		qsort(scan->row, scan->n_rows, sizeof(*scan->row), by_id);
	for (i = 0; i < scan->n_rows; i++)
		if (!n || scan->row[n - 1].mount.id != scan->row[i].mount.id)
			scan->row[n++] = scan->row[i];
	scan->n_rows = n;
}

int hold_read_mounts(struct hold_scan *scan)
{
	struct hold_ns ns;
	size_t i;
	int ret;

	for (i = 0; i < scan->n_pids; i++) {
		if (!hold_enter(scan, HOLD_AT_PROCESS, scan->pid[i]) ||
		    !look_at_ns(scan, scan->pid[i], &ns) || known_ns(scan, &ns))
			continue;
		ret = pvk_grow((void **)&scan->ns, scan->n_ns, sizeof(*scan->ns), NS_MAX);
		if (ret)
			return ret;
		scan->ns[scan->n_ns++] = ns;
		ret = read_mountinfo(scan, ns.pid);
		if (ret < 0)
			return ret;
		/* Another process of it may be there yet. */
		scan->n_ns -= (size_t)ret;
	}
	sort_rows(scan);
	return 0;
}

const struct hold_row *hold_row_of(const struct hold_scan *scan, uint64_t mnt)
{
	size_t low = 0, high = scan->n_rows, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (scan->row[mid].mount.id == mnt)
			return &scan->row[mid];
		if (scan->row[mid].mount.id < mnt)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* --- the target ------------------------------------------------------------- */

int hold_open_in(struct hold_scan *scan, uint32_t pid, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	pvk_auto_close int root = -1;
	unsigned int tries = 0;
	char name[32];
	long fd;

	if (pid)
		snprintf(name, sizeof(name), "%u/root", pid);
	else
		strcpy(name, "self/root");
	root = openat(scan->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	/* Which gives up at a ".." when others mount or rename anything meanwhile. */
	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < TRIES_MAX);
	return fd < 0 ? -errno : (int)fd;
}

/*
 * The second half has the subvolume's number in it, and the first one its upper 32 bits,
 * which are 0.
 */
bool hold_btrfs_id(int fd, uint64_t *fsid)
{
	struct statfs fs;
	uint32_t half;

	if (fd < 0 || fstatfs(fd, &fs) || (unsigned long)fs.f_type != BTRFS_SUPER_MAGIC)
		return false;
	memcpy(&half, &fs.f_fsid, sizeof(half));
	*fsid = half;
	return true;
}

static const struct hold_row *row_of_dev(const struct hold_scan *scan, dev_t dev)
{
	size_t i;

	for (i = 0; i < scan->n_rows; i++)
		if (scan->row[i].mount.dev == dev)
			return &scan->row[i];
	return NULL;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* As the kernel calls it: by /sys for a block device, else by who mounted it. */
static void name_medium(struct hold_scan *scan, const struct hold_row *row)
{
	struct hold_shared *shared = scan->shared;
	char path[64], to[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "dev/block/%u:%u", major(shared->dev), minor(shared->dev));
	len = major(shared->dev) ? readlinkat(scan->sys, path, to, sizeof(to) - 1) : -1;
	if (len > 0)
		to[len] = '\0';
	if (len > 0 || row)
		snprintf(shared->medium, sizeof(shared->medium), "%.63s",
			 base_of(len > 0 ? to : row->mount.source));
}

static void learn_btrfs(struct hold_scan *scan, const struct hold_row *row)
{
	int fd;

	if (strcmp(row->mount.type, "btrfs") || scan->shared->btrfs)
		return;
	fd = hold_open_in(scan, scan->ns[row->ns].pid, row->mount.point);
	scan->shared->btrfs = hold_btrfs_id(fd, &scan->shared->fsid);
	if (fd >= 0)
		close(fd);
}

void hold_add_alias(struct hold_scan *scan, dev_t dev)
{
	struct hold_shared *shared = scan->shared;

	if (dev && !hold_fs_of_dev(scan, dev) && shared->n_aliases < HOLD_ALIASES_MAX)
		shared->alias[shared->n_aliases++] = dev;
}

/* Numbers are given anew: those that another file system has now. */
static void drop_aliases(struct hold_scan *scan)
{
	struct hold_shared *shared = scan->shared;
	uint32_t i, n = 0;

	for (i = 0; i < shared->n_aliases; i++)
		if (!row_of_dev(scan, shared->alias[i]))
			shared->alias[n++] = shared->alias[i];
	shared->n_aliases = n;
}

/* Asked about by a number that no mount has: it may be of the kinds that have several. */
static bool is_unknown(const struct hold_scan *scan)
{
	return !scan->shared->type[0] && !major(scan->shared->dev);
}

void hold_settle_target(struct hold_scan *scan)
{
	struct hold_shared *shared = scan->shared;
	const struct hold_row *row = NULL;

	if (!shared->dev && shared->stat_dev) {
		row = shared->mnt ? hold_row_of(scan, shared->mnt) : NULL;
		shared->dev = row ? row->mount.dev : shared->stat_dev;
	}
	row = row_of_dev(scan, shared->dev);
	if (row) {
		snprintf(shared->type, sizeof(shared->type), "%s", row->mount.type);
		learn_btrfs(scan, row);
	}
	name_medium(scan, row);
	scan->fs[0] = (struct hold_fs){ .dev = shared->dev };
	scan->n_fs = 1;
	drop_aliases(scan);
	hold_add_alias(scan, shared->stat_dev);
	/* Of what kind is a number that no mount has? */
	scan->strange = shared->btrfs || !strcmp(shared->type, "overlay") || is_unknown(scan);
}

/* --- which file system something is on -------------------------------------- */

const struct hold_fs *hold_fs_of_dev(const struct hold_scan *scan, dev_t dev)
{
	const struct hold_shared *shared = scan->shared;
	uint32_t i;

	for (i = 0; dev && i < scan->n_fs; i++)
		if (scan->fs[i].dev == dev)
			return &scan->fs[i];
	for (i = 0; i < shared->n_aliases; i++)
		if (shared->alias[i] == dev)
			return &scan->fs[0];
	return NULL;
}

static const struct hold_fs *first_overlay(const struct hold_scan *scan)
{
	uint32_t i;

	if (!strcmp(scan->shared->type, "overlay"))
		return &scan->fs[0];
	for (i = 1; i < scan->n_fs; i++)
		if (!strncmp(scan->fs[i].via, "overlay", 7))
			return &scan->fs[i];
	return NULL;
}

/* A number of no mount: a subvolume's, or that which an overlay has for a layer's files. */
static void ask_stranger(const struct hold_scan *scan, int at, const char *path,
			 struct hold_stranger *stranger)
{
	pvk_auto_close int fd = *path ? openat(at, path, O_PATH | O_CLOEXEC) :
					fcntl(at, F_DUPFD_CLOEXEC, 0);
	struct statfs fs;
	uint64_t fsid;

	if (fd < 0 || fstatfs(fd, &fs))
		return;
	if (is_unknown(scan) && ((unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC ||
				 hold_btrfs_id(fd, &fsid))) {
		stranger->fs = &scan->fs[0];
		stranger->guess = true;
	} else if ((unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC) {
		stranger->fs = first_overlay(scan);
		stranger->guess = stranger->fs;
	} else if (scan->shared->btrfs && hold_btrfs_id(fd, &fsid) &&
		   fsid == scan->shared->fsid) {
		stranger->fs = &scan->fs[0];
	}
}

static const struct hold_fs *fs_of_stranger(struct hold_scan *scan, dev_t dev, int at,
					    const char *path, bool *guess)
{
	struct hold_stranger *stranger = NULL;
	unsigned int i;

	for (i = 0; i < scan->n_strangers && !stranger; i++)
		if (scan->stranger[i].dev == dev)
			stranger = &scan->stranger[i];
	if (!stranger) {
		stranger = &scan->stranger[scan->next_stranger];
		scan->next_stranger = (scan->next_stranger + 1) % HOLD_STRANGERS;
		if (scan->n_strangers < HOLD_STRANGERS)
			scan->n_strangers++;
		*stranger = (struct hold_stranger){ .dev = dev };
		ask_stranger(scan, at, path, stranger);
	}
	*guess |= stranger->guess;
	return stranger->fs;
}

const struct hold_fs *hold_fs_of(struct hold_scan *scan, const struct hold_inode *stx, int at,
				 const char *path, bool *guess)
{
	dev_t dev = stx->dev;
	const struct hold_fs *fs = hold_fs_of_dev(scan, dev);
	const struct hold_row *row;
	uint32_t i;

	if (fs || !scan->strange || major(dev))
		return fs;
	if (stx->mnt) {
		row = hold_row_of(scan, stx->mnt);
		fs = row ? hold_fs_of_dev(scan, row->mount.dev) : NULL;
		if (fs == &scan->fs[0])
			hold_add_alias(scan, dev);
		if (row)
			return fs;
		for (i = 0; i < scan->shared->n_learned; i++)
			if (scan->shared->learned[i].mnt == stx->mnt)
				return hold_fs_of_dev(scan, scan->shared->learned[i].dev);
	}
	return fs_of_stranger(scan, dev, at, path, guess);
}

/* --- counting and telling --------------------------------------------------- */

/* For scans to come, when no list of mounts has it. */
static void learn(struct hold_shared *shared, uint64_t mnt, dev_t dev)
{
	uint32_t i;

	for (i = 0; i < shared->n_learned; i++)
		if (shared->learned[i].mnt == mnt)
			break;
	if (i == HOLD_LEARNED_MAX)
		return;
	shared->learned[i] = (struct hold_learned){ .mnt = mnt, .dev = dev };
	if (i == shared->n_learned)
		shared->n_learned++;
}

void hold_count_mount(struct hold_scan *scan, const struct hold_fs *fs, uint64_t mnt)
{
	struct hold_shared *shared = scan->shared;
	uint32_t i;

	if (!mnt)
		return;
	learn(shared, mnt, fs->dev);
	if (fs != &scan->fs[0])
		return;
	for (i = 0; i < shared->n_mounts; i++)
		if (shared->mount[i] == mnt)
			return;
	if (i == HOLD_MOUNTS_MAX) {
		shared->sum.cut = true;
		return;
	}
	shared->mount[shared->n_mounts++] = mnt;
	shared->sum.mounts++;
}

int hold_tell_mount(struct hold_scan *scan, const struct hold_ns *ns,
		    const struct pvk_mount *mount, const struct hold_fs *fs)
{
	struct hold_process process = { .scan = scan, .pid = ns->pid };
	struct pvk_holder holder = {
		.kind = PVK_HOLD_MOUNT, .pid = ns->pid, .tid = ns->pid, .fd = -1, .ns = ns->ino,
		.comm = process.comm, .what = mount->point,
	};
	char name[16];

	snprintf(name, sizeof(name), "%u", ns->pid);
	process.dir = openat(scan->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process.dir >= 0) {
		hold_know(&process);
		close(process.dir);
	}
	holder.start = process.start;
	hold_count_mount(scan, fs, mount->id);
	return hold_tell(scan, &holder, fs);
}

int hold_tell_mounts(struct hold_scan *scan)
{
	const struct hold_row *row;
	const struct hold_fs *fs;
	size_t i;
	int ret = 0;

	for (i = 0; i < scan->n_rows && !ret; i++) {
		row = &scan->row[i];
		fs = hold_fs_of_dev(scan, row->mount.dev);
		if (fs)
			ret = hold_tell_mount(scan, &scan->ns[row->ns], &row->mount, fs);
	}
	for (i = 0; i < scan->n_rows && !ret; i++)
		ret = hold_visit_mount(scan, &scan->row[i]);
	return ret;
}

/* --- overlays --------------------------------------------------------------- */

/* The program that runs is on that mount, too: the same file, as an overlay shows it. */
static bool has_program(struct hold_scan *scan, uint32_t pid, const struct hold_row *row)
{
	char link[32], program[PATH_MAX], path[2 * PATH_MAX];
	struct hold_inode here, there;
	const struct hold_row *on;
	pvk_auto_close int fd = -1;
	ssize_t len;

	snprintf(link, sizeof(link), "%u/exe", pid);
	len = readlinkat(scan->proc, link, program, sizeof(program) - 1);
	if (len <= 0 || hold_stat(scan->proc, link, &here))
		return false;
	program[len] = '\0';
	if (snprintf(path, sizeof(path), "%s%s", row->mount.point, program) >= (int)sizeof(path))
		return false;
	fd = hold_open_in(scan, pid, path);
	if (fd < 0 || hold_stat(fd, "", &there))
		return false;
	on = hold_row_of(scan, there.mnt);
	return (!on || on == row) && here.size == there.size && here.mtime == there.mtime;
}

/*
 * Whoever mounts an overlay with "lowerdir=/" and then makes it the root has the old one
 * elsewhere: where what runs from the overlay is as well. 0: nowhere.
 */
static dev_t dev_of_old_root(struct hold_scan *scan, const struct hold_overlay *overlay)
{
	const struct hold_row *row;
	size_t i;

	for (i = 0; i < scan->n_rows; i++) {
		row = &scan->row[i];
		if (row->ns == overlay->row->ns && row->mount.dev != overlay->dev &&
		    row->mount.point[1] && has_program(scan, scan->ns[row->ns].pid, row))
			return row->mount.dev;
	}
	return 0;
}

/*
 * By its path as it was when it was mounted, which need not lead there any more: surely not
 * if it leads to the overlay itself, which has become the root since ("lowerdir=/").
 */
static void add_layer(struct hold_scan *scan, struct hold_overlay *overlay, const char *path)
{
	const struct hold_row *row;
	struct hold_inode stx;
	dev_t dev = 0;
	int fd = -EINVAL;

	if (path[0] == '/')
		fd = hold_open_in(scan, scan->ns[overlay->row->ns].pid, path);
	if (fd >= 0 && !hold_stat(fd, "", &stx)) {
		row = hold_row_of(scan, stx.mnt);
		dev = row ? row->mount.dev : stx.dev;
	}
	if (dev == overlay->dev && !strcmp(path, "/"))
		dev = dev_of_old_root(scan, overlay);
	if (!dev || dev == overlay->dev)
		overlay->unknown = true;
	else if (overlay->n_layers < HOLD_LAYERS_MAX &&
		 !pvk_grow((void **)&overlay->layer, overlay->n_layers,
			   sizeof(*overlay->layer), HOLD_LAYERS_MAX))
		overlay->layer[overlay->n_layers++] = dev;
	if (fd >= 0)
		close(fd);
}

static int add_overlay(struct hold_scan *scan, const struct hold_row *row)
{
	struct pvk_layers layers = { .rest = row->mount.options };
	struct hold_overlay *overlay;
	char path[PATH_MAX];
	size_t i;
	int ret;

	for (i = 0; i < scan->n_overlays; i++)
		if (scan->overlay[i].dev == row->mount.dev)
			return 0;
	ret = pvk_grow((void **)&scan->overlay, i, sizeof(*scan->overlay), HOLD_ROWS_MAX);
	if (ret)
		return ret;
	scan->n_overlays++;
	overlay = &scan->overlay[i];
	*overlay = (struct hold_overlay){ .dev = row->mount.dev, .row = row };
	if (!hold_enter(scan, HOLD_AT_LAYER, row->mount.id)) {
		overlay->unknown = true;
		return 0;
	}
	while (pvk_layers_next(&layers, path, sizeof(path)))
		add_layer(scan, overlay, path);
	return 0;
}

static void list_overlays(struct hold_scan *scan)
{
	size_t i;

	for (i = 0; i < scan->n_rows; i++)
		if (!strcmp(scan->row[i].mount.type, "overlay") &&
		    add_overlay(scan, &scan->row[i]))
			scan->shared->sum.cut = true;
}

void hold_add_overlays(struct hold_scan *scan, uint32_t fs)
{
	struct hold_overlay *overlay;
	const char *where;
	size_t i, j, on;

	if (!scan->listed)
		list_overlays(scan);
	scan->listed = true;
	for (i = 0; i < scan->n_overlays; i++) {
		overlay = &scan->overlay[i];
		where = overlay->row->mount.point;
		for (j = on = 0; j < overlay->n_layers; j++)
			on += overlay->layer[j] == scan->fs[fs].dev;
		if (!fs && !scan->shared->told)
			scan->shared->sum.layers += on;
		if (overlay->added || overlay->dev == scan->fs[fs].dev ||
		    (!on && (fs || !overlay->unknown)))
			continue;
		overlay->added = true;
		hold_add_piece(scan, PVK_HOLD_OVERLAY, fs, "overlay", where, !on);
		/* Who holds one that need not lie here is nobody's business yet. */
		if (on)
			hold_add_fs(scan, overlay->dev, "overlay", fs);
	}
}
