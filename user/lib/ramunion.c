// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "json.h"
#include "ramunion.h"
#include "tree.h"

#define OPAQUE		"trusted.overlay.opaque"
#define OVERLAY_ATTRS	"trusted.overlay."
#define TEMP		".pvkit-union-keep"
#define ATTRS_MAX	4096
#define COPY_BYTES	65536
#define STATE_MAX	4096
#define FDS_MAX		32

const char *pvk_union_change_name(enum pvk_union_change change)
{
	static const char *const names[] = {
		[PVK_UNION_NEW] = "new",
		[PVK_UNION_CHANGED] = "changed",
		[PVK_UNION_REMOVED] = "removed",
	};

	return names[change];
}

static int open_part(const char *dir, const char *part, struct pvk_err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, part);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return pvk_err_set(err, -errno, errno == ENOENT ?
			   "%s: there is none: the root is as it is on its medium" : "%s: %m",
			   path);
}

int pvk_union_usage(const char *dir, struct pvk_union_usage *usage, struct pvk_err *err)
{
	pvk_auto_close int fd = open_part(dir, "ram", err);
	struct statvfs fs;

	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &fs))
		return pvk_err_set(err, -errno, "%s/ram: %s", dir, strerror(errno));
	pvk_union_usage_of(&fs, usage);
	return 0;
}

/* ---- the level ---- */

int pvk_union_state_open(const char *dir, struct pvk_err *err)
{
	return open_part(dir, PVK_UNION_STATE, err);
}

static int take_level(struct pvk_union_state *state, const char *name)
{
	int level;

	for (level = 0; name && level < PVK_UNION_LEVELS; level++) {
		state->level = (enum pvk_union_level)level;
		if (!strcmp(pvk_union_level_name(state->level), name))
			return 0;
	}
	return -EBADMSG;
}

static int parse_state(const struct json *root, struct pvk_union_state *state)
{
	struct pvk_union_usage *usage = &state->usage;
	uint64_t generation;

	if (take_level(state, json_cstr(json_get(root, "level"))) ||
	    json_uint64(json_get(root, "generation"), &generation) ||
	    json_uint64(json_get(root, "uptime_ms"), &state->uptime_ms) ||
	    json_uint64(json_get(root, "size"), &usage->size) ||
	    json_uint64(json_get(root, "used"), &usage->used) ||
	    json_uint64(json_get(root, "inodes"), &usage->files) ||
	    json_uint64(json_get(root, "inodes_used"), &usage->files_used))
		return -EBADMSG;
	state->generation = (uint32_t)generation;
	return 0;
}

int pvk_union_state_read(int dirfd, struct pvk_union_state *state, struct pvk_err *err)
{
	json_auto struct json_doc *doc = NULL;
	pvk_auto_free char *text = NULL;
	size_t len;
	int ret;

	ret = pvk_read_file(dirfd, PVK_UNION_LEVEL_FILE, STATE_MAX, &text, &len);
	if (!ret)
		ret = json_parse_object(text, len, NULL, &doc, NULL);
	if (!ret)
		ret = parse_state(json_root(doc), state);
	return ret ? pvk_err_set(err, ret, "the level of the union: %s", strerror(-ret)) : 0;
}

/* ---- what is RAM alone ---- */

/* nftw() has no argument for it. */
static struct {
	uint64_t bytes, files;
} measured;

static int measure(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)type;
	if (ftw->level) {
		measured.bytes += (uint64_t)st->st_blocks * 512;
		measured.files++;
	}
	return 0;
}

int pvk_union_plain(const char *dir,
		    int (*fn)(void *arg, const char *path, uint64_t bytes, uint64_t files),
		    void *arg, struct pvk_err *err)
{
	pvk_auto_close int fd = pvk_union_state_open(dir, err);
	pvk_auto_free char *text = NULL;
	char *rest, *line, *where, path[PATH_MAX];
	int ret;

	if (fd < 0)
		return fd;
	ret = pvk_read_file(fd, PVK_UNION_PLAIN_FILE, STATE_MAX, &text, NULL);
	for (rest = text; !ret && (line = strsep(&rest, "\n"));) {
		where = strchr(line, ' ');
		if (!where)
			continue;
		*where++ = '\0';
		memset(&measured, 0, sizeof(measured));
		/* What goes away meanwhile is not counted. */
		if (snprintf(path, sizeof(path), "%s/ram/plain/%s", dir, line) <
		    (int)sizeof(path))
			nftw(path, measure, FDS_MAX, FTW_PHYS | FTW_MOUNT);
		ret = fn(arg, where, measured.bytes, measured.files);
	}
	return ret == -ENOENT ? 0 : ret;
}

/* ---- what overlayfs leaves ---- */

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* A directory that hides what is below it. */
static bool is_opaque(int fd)
{
	char value = 0;

	return fgetxattr(fd, OPAQUE, &value, 1) == 1 && value == 'y';
}

static bool same_link(int a, int b, const char *name)
{
	char one[PATH_MAX], two[PATH_MAX];
	ssize_t n = readlinkat(a, name, one, sizeof(one));

	return n >= 0 && readlinkat(b, name, two, sizeof(two)) == n &&
	       !memcmp(one, two, (size_t)n);
}

/* Has lower the same? Who writes a file changes its time. */
static bool same(int upper, int lower, const char *name, const struct stat *up,
		 const struct stat *low)
{
	if (up->st_mode != low->st_mode || up->st_uid != low->st_uid ||
	    up->st_gid != low->st_gid)
		return false;
	if (S_ISLNK(up->st_mode))
		return same_link(upper, lower, name);
	if (S_ISREG(up->st_mode))
		return up->st_size == low->st_size &&
		       up->st_mtim.tv_sec == low->st_mtim.tv_sec &&
		       up->st_mtim.tv_nsec == low->st_mtim.tv_nsec;
	return S_ISDIR(up->st_mode) || up->st_rdev == low->st_rdev;
}

/* ---- listing ---- */

/* NULL and errno; fd stays the caller's. */
static DIR *open_entries(int fd)
{
	DIR *dir;

	fd = dup(fd);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

struct walk {
	const struct pvk_keep_index *kept;
	int (*fn)(void *arg, const struct pvk_union_entry *entry);
	void *arg;
	char path[PATH_MAX];
	size_t len;
	unsigned int depth;
	bool cut;		/* something lies deeper */
};

/* The path of a directory ends in a "/" by now. */
static bool is_kept(struct walk *w, const struct stat *st, bool opaque)
{
	bool slash = S_ISDIR(st->st_mode), kept;

	if (!w->kept)
		return false;
	if (slash)
		w->path[w->len - 1] = '\0';
	kept = pvk_keep_index_has(w->kept, w->path + 1, st, opaque);
	if (slash)
		w->path[w->len - 1] = '/';
	return kept;
}

static int tell(struct walk *w, enum pvk_union_change change, const struct stat *st, bool opaque)
{
	struct pvk_union_entry entry = {
		.change = change, .path = w->path,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	};

	if (is_kept(w, st, opaque))
		return 0;
	return w->fn(w->arg, &entry);
}

static int walk_dir(struct walk *w, int upper, int lower);

static int walk_subdir(struct walk *w, int upper, int lower, const char *name,
		       const struct stat *st, bool in_lower)
{
	pvk_auto_close int up = pvk_tree_open_dir(upper, name), low = -1;
	bool opaque;
	int ret = 0;

	/* What goes away meanwhile is no change. */
	if (up < 0)
		return up == -ENOENT ? 0 : up;
	if (w->len + 2 < sizeof(w->path)) {
		w->path[w->len++] = '/';
		w->path[w->len] = '\0';
	}
	opaque = is_opaque(up);
	if (!in_lower)
		ret = tell(w, PVK_UNION_NEW, st, opaque);
	else if (opaque)
		ret = tell(w, PVK_UNION_CHANGED, st, opaque);
	else
		low = pvk_tree_open_dir(lower, name);
	if (ret)
		return ret;
	if (w->depth == PVK_TREE_DEPTH_MAX) {
		w->cut = true;
		return 0;
	}
	w->depth++;
	ret = walk_dir(w, up, low);
	w->depth--;
	return ret;
}

static int walk_entry(struct walk *w, int upper, int lower, const char *name)
{
	struct stat st, low;
	bool in_lower = lower >= 0 && !fstatat(lower, name, &low, AT_SYMLINK_NOFOLLOW);

	if (fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (is_whiteout(&st))
		return in_lower ? tell(w, PVK_UNION_REMOVED, &st, false) : 0;
	if (S_ISDIR(st.st_mode))
		return walk_subdir(w, upper, lower, name, &st, in_lower && S_ISDIR(low.st_mode));
	if (in_lower && same(upper, lower, name, &st, &low))
		return 0;
	return tell(w, in_lower ? PVK_UNION_CHANGED : PVK_UNION_NEW, &st, false);
}

static int walk_dir(struct walk *w, int upper, int lower)
{
	DIR *dir = open_entries(upper);
	struct dirent *entry;
	size_t len = w->len;
	int ret = 0, n;

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		n = snprintf(w->path + len, sizeof(w->path) - len, "%s%s",
			     len && w->path[len - 1] == '/' ? "" : "/", entry->d_name);
		w->len = len + (size_t)n;
		if (w->len + 2 < sizeof(w->path))
			ret = walk_entry(w, upper, lower, entry->d_name);
		else
			w->cut = true;
	}
	w->len = len;
	w->path[len] = '\0';
	closedir(dir);
	return ret;
}

int pvk_union_walk(const char *dir, const struct pvk_keep_index *kept,
		   int (*fn)(void *arg, const struct pvk_union_entry *entry), void *arg,
		   struct pvk_err *err)
{
	pvk_auto_close int upper = open_part(dir, "ram/upper", err);
	pvk_auto_close int lower = upper < 0 ? -1 : open_part(dir, "lower", err);
	struct walk w = { .kept = kept, .fn = fn, .arg = arg };
	int ret;

	if (upper < 0 || lower < 0)
		return upper < 0 ? upper : lower;
	ret = walk_dir(&w, upper, lower);
	if (!ret && w.cut)
		ret = pvk_err_set(err, -ELOOP, "what lies deeper than %d directories is not "
				  "listed", PVK_TREE_DEPTH_MAX);
	return ret;
}

/* ---- keeping ---- */

static int copy_attrs(int from, int to)
{
	char names[ATTRS_MAX], value[ATTRS_MAX], *name;
	ssize_t len = flistxattr(from, names, sizeof(names)), n;

	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (name = names; name < names + len; name += strlen(name) + 1) {
		if (!strncmp(name, OVERLAY_ATTRS, strlen(OVERLAY_ATTRS)))
			continue;
		n = fgetxattr(from, name, value, sizeof(value));
		if (n < 0 || (fsetxattr(to, name, value, (size_t)n, 0) && errno != EOPNOTSUPP))
			return -errno;
	}
	return 0;
}

/* Owner before mode: a change of owner takes set-user-ID away. */
static int copy_owner(int from, int to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int ret = fchown(to, st->st_uid, st->st_gid) || fchmod(to, st->st_mode & 07777) ?
		  -errno : copy_attrs(from, to);

	return !ret && futimens(to, times) ? -errno : ret;
}

static int copy_data(int from, int to)
{
	char buf[COPY_BYTES];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return errno ? -errno : -ENOSPC;
	return n < 0 ? -errno : 0;
}

/* What it is like is asked of what is read: by that name there may be another one by now. */
static int keep_file(int upper, int lower, const char *name)
{
	pvk_auto_close int from = openat(upper, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					 O_CLOEXEC);
	pvk_auto_close int to = -1;
	struct stat st;
	int ret;

	if (from < 0 || fstat(from, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EAGAIN;
	to = openat(lower, TEMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	ret = copy_data(from, to);
	if (!ret)
		ret = copy_owner(from, to, &st);
	if (!ret && fsync(to))
		ret = -errno;
	return ret;
}

static int keep_special(int upper, int lower, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(upper, name, target, sizeof(target) - 1);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, lower, TEMP))
			return -errno;
	} else if (mknodat(lower, TEMP, st->st_mode, st->st_rdev)) {
		return -errno;
	}
	if (fchownat(lower, TEMP, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	/* Less our umask. */
	return !S_ISLNK(st->st_mode) && fchmodat(lower, TEMP, st->st_mode & 07777, 0) ?
	       -errno : 0;
}

static int keep_entry(int upper, int lower, const char *name, unsigned int depth);

/* The directory there, made if need be. */
static int keep_dir_itself(int from, int lower, const char *name)
{
	struct stat st, low;
	int ret = 0, to;

	if (fstat(from, &st))
		return -errno;
	if (!fstatat(lower, name, &low, AT_SYMLINK_NOFOLLOW) &&
	    (!S_ISDIR(low.st_mode) || is_opaque(from)))
		ret = pvk_tree_remove(lower, name, 0);
	if (ret)
		return ret;
	if (mkdirat(lower, name, 0700) && errno != EEXIST)
		return -errno;
	to = pvk_tree_open_dir(lower, name);
	if (to < 0)
		return to;
	ret = copy_owner(from, to, &st);
	if (ret) {
		close(to);
		return ret;
	}
	return to;
}

static int keep_dir(int upper, int lower, const char *name, unsigned int depth)
{
	pvk_auto_close int from = pvk_tree_open_dir(upper, name), to = -1;
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	if (from < 0)
		return from;
	to = keep_dir_itself(from, lower, name);
	if (to < 0)
		return to;
	if (depth == PVK_TREE_DEPTH_MAX)
		return -ELOOP;
	dir = open_entries(from);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = keep_entry(from, to, entry->d_name, depth + 1);
	closedir(dir);
	return ret;
}

/* A cut leaves the old one or the new one, never a part. */
static int keep_entry(int upper, int lower, const char *name, unsigned int depth)
{
	struct stat st, low;
	bool in_lower = !fstatat(lower, name, &low, AT_SYMLINK_NOFOLLOW);
	int ret;

	if (fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (is_whiteout(&st))
		return pvk_tree_remove(lower, name, 0);
	if (S_ISDIR(st.st_mode))
		return keep_dir(upper, lower, name, depth);
	if (in_lower && same(upper, lower, name, &st, &low))
		return 0;
	if (in_lower && S_ISDIR(low.st_mode)) {
		ret = pvk_tree_remove(lower, name, 0);
		if (ret)
			return ret;
	}
	unlinkat(lower, TEMP, 0);
	ret = S_ISREG(st.st_mode) ? keep_file(upper, lower, name) :
	      keep_special(upper, lower, name, &st);
	if (!ret && renameat(lower, TEMP, lower, name))
		ret = -errno;
	if (ret)
		unlinkat(lower, TEMP, 0);
	return ret;
}

/* Directories on the way to it are there in upper, since it is. */
static int keep_below(int upper, int lower, char *path)
{
	char *rest = strchr(path, '/');
	int up, low, ret;

	if (!rest)
		return keep_entry(upper, lower, path, 0);
	*rest = '\0';
	up = pvk_tree_open_dir(upper, path);
	if (up < 0)
		return up;
	low = pvk_tree_open_dir(lower, path);
	if (low == -ENOENT)
		low = keep_dir_itself(up, lower, path);
	ret = low < 0 ? low : keep_below(up, low, rest + 1);
	if (low >= 0)
		close(low);
	close(up);
	return ret;
}

int pvk_union_keep(const char *dir, const char *path, struct pvk_err *err)
{
	pvk_auto_close int upper = open_part(dir, "ram/upper", err);
	pvk_auto_close int lower = upper < 0 ? -1 : open_part(dir, "lower", err);
	char clean[PATH_MAX];
	int ret;

	if (upper < 0 || lower < 0)
		return upper < 0 ? upper : lower;
	ret = pvk_tree_clean_path(clean, sizeof(clean), path);
	if (ret)
		return pvk_err_set(err, ret, "%s: wants an absolute path below /", path);
	ret = keep_below(upper, lower, clean);
	if (!ret && syncfs(lower))
		ret = -errno;
	return ret ? pvk_err_set(err, ret, "%s: %s", path, ret == -ENOENT ?
				 "nothing was written there" : strerror(-ret)) : 0;
}
