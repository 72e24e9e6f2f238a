// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "keep.h"
#include "tree.h"

#define OPAQUE		"trusted.overlay.opaque"
#define BLOCK_BYTES	16384

struct restore {
	const struct pvk_keep *keep;
	int upper, lower;
	bool begun;		/* the path itself: what an older one has put there is gone */
};

/* The directory that it lies in, and its name there. */
static int open_parent(int at, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX] = "";

	*name = slash ? slash + 1 : path;
	if (slash) {
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash - path] = '\0';
	}
	return pvk_tree_open_path(at, parent, O_RDONLY | O_DIRECTORY);
}

/* ---- what a file is like ---- */

static int set_attrs(int fd, const struct pvk_keep_record *record)
{
	size_t left = record->head.attrs_len;
	const char *at = record->attrs;
	struct pvk_keep_attr attr;

	while (left) {
		if (left < sizeof(attr))
			return -EBADMSG;
		memcpy(&attr, at, sizeof(attr));
		at += sizeof(attr);
		left -= sizeof(attr);
		if (!attr.name_len || (size_t)attr.name_len + attr.value_len > left ||
		    at[attr.name_len - 1])
			return -EBADMSG;
		/* RAM has no user.* before 6.6, nor what no module is there for. */
		if (fsetxattr(fd, at, at + attr.name_len, attr.value_len, 0) &&
		    errno != EOPNOTSUPP)
			return -errno;
		at += attr.name_len + attr.value_len;
		left -= (size_t)attr.name_len + attr.value_len;
	}
	return 0;
}

/* Owner before mode: a change of owner takes set-user-ID away. */
static int set_owner(int fd, const struct pvk_keep_record *record)
{
	const struct pvk_keep_record_head *head = &record->head;

	return fchown(fd, head->uid, head->gid) || fchmod(fd, head->mode & 07777) ? -errno :
	       set_attrs(fd, record);
}

/* ---- kinds ---- */

static int copy_data(int to, const struct pvk_keep_record *record)
{
	uint64_t left = record->head.size, at = record->at;
	char block[BLOCK_BYTES];
	ssize_t n;

	for (; left; left -= (uint64_t)n, at += (uint64_t)n) {
		n = pread(record->fd, block, left < sizeof(block) ? (size_t)left : sizeof(block),
			  (off_t)at);
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		n = write(to, block, (size_t)n);
		if (n <= 0)
			return n ? -errno : -ENOSPC;
	}
	return 0;
}

static int put_file(int parent, const char *name, const struct pvk_keep_record *record)
{
	const struct timespec times[] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = record->head.sec, .tv_nsec = (long)record->head.nsec },
	};
	pvk_auto_close int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				       O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = copy_data(fd, record);
	if (!ret)
		ret = set_owner(fd, record);
	return !ret && futimens(fd, times) ? -errno : ret;
}

/* A text of it: where a link leads, or the name that the file has already. */
static int read_text(const struct pvk_keep_record *record, char *text)
{
	size_t len = (size_t)record->head.size;

	if (!len || record->head.size >= PATH_MAX ||
	    pread(record->fd, text, len, (off_t)record->at) != (ssize_t)len)
		return -EBADMSG;
	text[len] = '\0';
	return strlen(text) == len ? 0 : -EBADMSG;
}

static int put_link(const struct restore *restore, int parent, const char *name,
		    const struct pvk_keep_record *record)
{
	pvk_auto_close int from = -1;
	char text[PATH_MAX];
	const char *first;

	if (read_text(record, text) || !pvk_tree_path_ok(text) ||
	    !pvk_tree_is_below(text, restore->keep->path))
		return -EBADMSG;
	from = open_parent(restore->upper, text, &first);
	if (from < 0)
		return from;
	return linkat(from, first, parent, name, 0) ? -errno : 0;
}

static int put_symlink(int parent, const char *name, const struct pvk_keep_record *record)
{
	const struct timespec times[] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = record->head.sec, .tv_nsec = (long)record->head.nsec },
	};
	char text[PATH_MAX];
	int ret = read_text(record, text);

	if (ret)
		return ret;
	return symlinkat(text, parent, name) ||
	       fchownat(parent, name, record->head.uid, record->head.gid, AT_SYMLINK_NOFOLLOW) ||
	       utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

/* Whiteouts too. */
static int put_node(int parent, const char *name, const struct pvk_keep_record *record)
{
	const struct pvk_keep_record_head *head = &record->head;

	if (mknodat(parent, name, head->mode & S_IFMT, makedev(head->major, head->minor)) ||
	    fchownat(parent, name, head->uid, head->gid, AT_SYMLINK_NOFOLLOW) ||
	    fchmodat(parent, name, head->mode & 07777, 0))
		return -errno;
	return 0;
}

/* As the root has it now, which may be another one than it was then. */
static int take_lower(const struct restore *restore, const char *path, int fd)
{
	pvk_auto_close int lower = pvk_tree_open_path(restore->lower, path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (lower < 0)
		return lower;
	return fstat(lower, &st) || fchown(fd, st.st_uid, st.st_gid) ||
	       fchmod(fd, st.st_mode & 07777) ? -errno : 0;
}

/* removed: that the root's was removed is kept too, by an older archive. */
static int put_dir(const struct restore *restore, int parent, const char *name,
		   const struct pvk_keep_record *record, bool removed)
{
	bool on_the_way = record->head.flags & PVK_KEEP_ON_THE_WAY;
	bool made = !mkdirat(parent, name, 0700);
	pvk_auto_close int fd = pvk_tree_open_dir(parent, name);

	if (fd < 0)
		return fd;
	/* One that another archive has put there is as that has it. */
	if (on_the_way && !made)
		return 0;
	if ((removed || record->head.flags & PVK_KEEP_OPAQUE) && fsetxattr(fd, OPAQUE, "y", 1, 0))
		return -errno;
	if (on_the_way && !removed && !take_lower(restore, record->path, fd))
		return 0;
	return set_owner(fd, record);
}

/* ---- one after the other ---- */

static int put(void *arg, const struct pvk_keep_record *record)
{
	bool on_the_way = record->head.flags & PVK_KEEP_ON_THE_WAY;
	struct restore *restore = arg;
	bool removed = false;
	struct stat st;
	const char *name;
	int ret = 0;
	pvk_auto_close int parent = open_parent(restore->upper, record->path, &name);

	if (parent < 0)
		return parent;
	/* Something else by that name, of an older archive. */
	if (on_the_way)
		removed = !fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) &&
			  !S_ISDIR(st.st_mode);
	if (removed || (!on_the_way && !restore->begun))
		ret = pvk_tree_remove(parent, name, 0);
	if (ret)
		return ret;
	restore->begun |= !on_the_way;
	if (S_ISDIR(record->head.mode))
		return put_dir(restore, parent, name, record, removed);
	if (record->head.flags & PVK_KEEP_LINK)
		return put_link(restore, parent, name, record);
	if (S_ISREG(record->head.mode))
		return put_file(parent, name, record);
	if (S_ISLNK(record->head.mode))
		return put_symlink(parent, name, record);
	return put_node(parent, name, record);
}

/* Half of it is worse than nothing. */
static void take_back(int upper, const char *path)
{
	const char *name;
	pvk_auto_close int parent = open_parent(upper, path, &name);

	if (parent >= 0)
		pvk_tree_remove(parent, name, 0);
}

int pvk_keep_restore(int dirfd, const struct pvk_keep *keep, int upper, int lower)
{
	struct restore restore = { .keep = keep, .upper = upper, .lower = lower };
	int ret = pvk_keep_each(dirfd, keep, put, &restore);

	if (ret && restore.begun)
		take_back(upper, keep->path);
	return ret;
}
