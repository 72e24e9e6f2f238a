// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "keep.h"
#include "pvkit/crc.h"
#include "tree.h"

#define OVERLAY_ATTRS	"trusted.overlay."
#define OPAQUE		OVERLAY_ATTRS "opaque"
#define BLOCK_BYTES	65536
#define LINKS_MAX	4096	/* names of files that have several; beyond, each is a file */

/* A file that was written, by its inode. */
struct link {
	ino_t ino;
	char *path;
};

struct make {
	struct pvk_keep_head head;
	const struct pvk_keep_limit *limit;
	uint64_t others, other_records;	/* what all else takes that is kept */
	FILE *file;
	struct link *link;
	size_t n_links;
	char path[PATH_MAX];		/* where we are */
	struct pvk_err *err;
};

/* ---- writing ---- */

static int put(struct make *make, const void *data, size_t len)
{
	if (!len)
		return 0;
	make->head.body_crc = pvb_crc32(make->head.body_crc, data, len);
	make->head.body += len;
	return fwrite(data, 1, len, make->file) == len ? 0 : -errno;
}

static int put_record(struct make *make, const struct pvk_keep_record_head *head,
		      const char *attrs)
{
	int ret;

	make->head.records++;
	if (S_ISREG(head->mode) && !(head->flags & PVK_KEEP_LINK))
		make->head.ram += (head->size + PVK_KEEP_PAGE - 1) / PVK_KEEP_PAGE *
				  PVK_KEEP_PAGE;
	if (make->others + make->head.ram > make->limit->ram ||
	    make->other_records + make->head.records > make->limit->records)
		return pvk_err_set(make->err, -EFBIG, "all that is kept would be more than "
				   "half of the RAM over the root: %" PRIu64 " KiB or %" PRIu64
				   " files", make->limit->ram / 1024, make->limit->records);
	ret = put(make, head, sizeof(*head));
	if (!ret)
		ret = put(make, make->path, head->path_len);
	return ret ? ret : put(make, attrs, head->attrs_len);
}

static void fill_head(const struct make *make, const struct stat *st,
		      struct pvk_keep_record_head *head)
{
	*head = (struct pvk_keep_record_head){
		.mode = st->st_mode, .uid = st->st_uid, .gid = st->st_gid,
		.sec = st->st_mtim.tv_sec, .nsec = (uint32_t)st->st_mtim.tv_nsec,
		.path_len = (uint32_t)strlen(make->path),
	};
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		head->major = major(st->st_rdev);
		head->minor = minor(st->st_rdev);
	}
}

/* But for overlayfs's own. */
static int take_attr(int fd, const char *name, char *attrs, size_t *len)
{
	struct pvk_keep_attr attr = { .name_len = (uint16_t)(strlen(name) + 1) };
	char *to = attrs + *len + sizeof(attr) + attr.name_len;
	ssize_t n;

	if (!strncmp(name, OVERLAY_ATTRS, strlen(OVERLAY_ATTRS)))
		return 0;
	if (to >= attrs + PVK_KEEP_ATTRS_MAX)
		return -E2BIG;
	n = fgetxattr(fd, name, to, (size_t)(attrs + PVK_KEEP_ATTRS_MAX - to));
	if (n < 0)
		return errno == ERANGE ? -E2BIG : -errno;
	attr.value_len = (uint16_t)n;
	memcpy(attrs + *len, &attr, sizeof(attr));
	memcpy(attrs + *len + sizeof(attr), name, attr.name_len);
	*len += sizeof(attr) + attr.name_len + (size_t)n;
	return 0;
}

static int take_attrs(int fd, char *attrs, struct pvk_keep_record_head *head)
{
	char names[PVK_KEEP_ATTRS_MAX], *name;
	ssize_t n = flistxattr(fd, names, sizeof(names));
	size_t len = 0;
	int ret = 0;

	if (n < 0 && errno != EOPNOTSUPP)
		return -errno;
	for (name = names; name < names + n && !ret; name += strlen(name) + 1)
		ret = take_attr(fd, name, attrs, &len);
	head->attrs_len = (uint32_t)len;
	return ret;
}

/* ---- kinds ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int put_data(struct make *make, int fd, const struct stat *st)
{
	char block[BLOCK_BYTES];
	uint64_t left = (uint64_t)st->st_size;
	struct stat now;
	ssize_t n;
	int ret = 0;

	for (; left && !ret; left -= (uint64_t)n) {
		n = read(fd, block, left < sizeof(block) ? (size_t)left : sizeof(block));
		if (n <= 0)
			return n ? -errno : -EAGAIN;
		ret = put(make, block, (size_t)n);
	}
	if (!ret && (fstat(fd, &now) || !same_file(st, &now)))
		ret = -EAGAIN;
	return ret;
}

static const char *find_link(const struct make *make, ino_t ino)
{
	size_t i;

	for (i = 0; i < make->n_links; i++)
		if (make->link[i].ino == ino)
			return make->link[i].path;
	return NULL;
}

static int remember_link(struct make *make, ino_t ino)
{
	int ret;

	if (make->n_links == LINKS_MAX)
		return 0;
	ret = pvk_grow((void **)&make->link, make->n_links, sizeof(*make->link), LINKS_MAX);
	if (ret)
		return ret;
	make->link[make->n_links] = (struct link){ .ino = ino, .path = strdup(make->path) };
	return make->link[make->n_links++].path ? 0 : -ENOMEM;
}

static int put_link(struct make *make, struct pvk_keep_record_head *head, const char *first)
{
	int ret;

	head->flags |= PVK_KEEP_LINK;
	head->size = strlen(first);
	ret = put_record(make, head, NULL);
	return ret ? ret : put(make, first, strlen(first));
}

static int put_file(struct make *make, int at, const char *name)
{
	pvk_auto_close int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct pvk_keep_record_head head;
	char attrs[PVK_KEEP_ATTRS_MAX];
	const char *first;
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	fill_head(make, &st, &head);
	first = st.st_nlink > 1 ? find_link(make, st.st_ino) : NULL;
	if (first)
		return put_link(make, &head, first);
	ret = st.st_nlink > 1 ? remember_link(make, st.st_ino) : 0;
	if (!ret)
		ret = take_attrs(fd, attrs, &head);
	head.size = (uint64_t)st.st_size;
	if (!ret)
		ret = put_record(make, &head, attrs);
	return ret ? ret : put_data(make, fd, &st);
}

static int put_symlink(struct make *make, int at, const char *name, const struct stat *st)
{
	struct pvk_keep_record_head head;
	char text[PATH_MAX];
	ssize_t n = readlinkat(at, name, text, sizeof(text));
	int ret;

	if (n <= 0 || n == sizeof(text))
		return n < 0 ? -errno : -ENAMETOOLONG;
	fill_head(make, st, &head);
	head.size = (uint64_t)n;
	ret = put_record(make, &head, NULL);
	return ret ? ret : put(make, text, (size_t)n);
}

static int put_dir_itself(struct make *make, int fd, uint32_t flags)
{
	struct pvk_keep_record_head head;
	char attrs[PVK_KEEP_ATTRS_MAX], opaque;
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	fill_head(make, &st, &head);
	head.flags = flags;
	if (!flags && fgetxattr(fd, OPAQUE, &opaque, 1) == 1 && opaque == 'y')
		head.flags |= PVK_KEEP_OPAQUE;
	ret = take_attrs(fd, attrs, &head);
	return ret ? ret : put_record(make, &head, attrs);
}

static int put_entry(struct make *make, int at, const char *name, unsigned int depth);

static int put_entries(struct make *make, int fd, unsigned int depth)
{
	size_t len = strlen(make->path);
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	fd = dup(fd);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (len + 1 + strlen(entry->d_name) >= sizeof(make->path)) {
			ret = -ENAMETOOLONG;
			break;
		}
		sprintf(make->path + len, "/%s", entry->d_name);
		ret = put_entry(make, dirfd(dir), entry->d_name, depth);
		/* After an error it says where. */
		if (!ret)
			make->path[len] = '\0';
	}
	closedir(dir);
	return ret;
}

static int put_entry(struct make *make, int at, const char *name, unsigned int depth)
{
	struct pvk_keep_record_head head;
	pvk_auto_close int fd = -1;
	struct stat st;
	int ret;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		fd = depth < PVK_TREE_DEPTH_MAX ? pvk_tree_open_dir(at, name) : -ELOOP;
		ret = fd < 0 ? fd : put_dir_itself(make, fd, 0);
		return ret ? ret : put_entries(make, fd, depth + 1);
	}
	if (S_ISREG(st.st_mode))
		return put_file(make, at, name);
	if (S_ISLNK(st.st_mode))
		return put_symlink(make, at, name, &st);
	/* Whoever listened on it makes it anew. */
	if (S_ISSOCK(st.st_mode))
		return 0;
	fill_head(make, &st, &head);
	return put_record(make, &head, NULL);
}

/* Directories above it, then itself. upper has all of them, since it has the path. */
static int put_all(struct make *make, int upper, const char *path)
{
	const char *slash;
	int ret = 0, fd;

	for (slash = strchr(path, '/'); slash && !ret; slash = strchr(slash + 1, '/')) {
		snprintf(make->path, sizeof(make->path), "%.*s", (int)(slash - path), path);
		fd = pvk_tree_open_path(upper, make->path, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return fd;
		ret = put_dir_itself(make, fd, PVK_KEEP_ON_THE_WAY);
		close(fd);
	}
	if (ret)
		return ret;
	slash = strrchr(path, '/');
	snprintf(make->path, sizeof(make->path), "%.*s", slash ? (int)(slash - path) : 0, path);
	fd = pvk_tree_open_path(upper, make->path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	strcpy(make->path, path);
	ret = put_entry(make, fd, slash ? slash + 1 : path, 0);
	close(fd);
	return ret;
}

/*
 * There in an archive, but not any more, and nothing below hides: a whiteout of nothing is
 * what says so.
 */
static int put_removed(struct make *make, const char *path)
{
	struct pvk_keep_record_head head = { .mode = S_IFCHR };

	strcpy(make->path, path);
	head.path_len = (uint32_t)strlen(path);
	return put_record(make, &head, NULL);
}

/* ---- the archive ---- */

static int write_head(struct make *make, const char *path)
{
	size_t skip = offsetof(struct pvk_keep_head, number);
	uint32_t crc;

	make->head.magic = PVK_KEEP_MAGIC;
	make->head.path_len = (uint32_t)strlen(path);
	crc = pvb_crc32(0, (char *)&make->head + skip, sizeof(make->head) - skip);
	make->head.crc = pvb_crc32(crc, path, strlen(path));
	if (fwrite(&make->head, sizeof(make->head), 1, make->file) != 1 ||
	    fwrite(path, strlen(path), 1, make->file) != 1)
		return -EIO;
	return 0;
}

static int write_archive(struct make *make, int upper, const char *path, bool removed)
{
	int ret = write_head(make, path);

	if (!ret)
		ret = removed ? put_removed(make, path) : put_all(make, upper, path);
	/* Again, with what is known by now. */
	if (!ret && fseek(make->file, 0, SEEK_SET))
		ret = -errno;
	if (!ret)
		ret = write_head(make, path);
	if (!ret && (fflush(make->file) || fsync(fileno(make->file))))
		ret = -errno;
	return ret;
}

static void make_free(struct make *make)
{
	size_t i;

	for (i = 0; i < make->n_links; i++)
		free(make->link[i].path);
	free(make->link);
	if (make->file)
		fclose(make->file);
}

/* Beside, synced, renamed, and the directory synced. */
static int write_file(struct make *make, int dirfd, int upper, const char *path, bool removed)
{
	char name[32];
	int ret, fd;

	if (unlinkat(dirfd, PVK_KEEP_TEMP, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, PVK_KEEP_TEMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	make->file = fdopen(fd, "w");
	if (!make->file) {
		close(fd);
		return -ENOMEM;
	}
	ret = write_archive(make, upper, path, removed);
	snprintf(name, sizeof(name), "%016" PRIx64 PVK_KEEP_SUFFIX, make->head.number);
	if (!ret && (renameat(dirfd, PVK_KEEP_TEMP, dirfd, name) || fsync(dirfd)))
		ret = -errno;
	if (ret)
		unlinkat(dirfd, PVK_KEEP_TEMP, 0);
	return ret;
}

/* What this path has, or had, in archives of before. */
static int remove_old(int dirfd, const struct pvk_keeps *list, const char *path)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->item[i].path && pvk_tree_is_below(list->item[i].path, path) &&
		    unlinkat(dirfd, list->item[i].file, 0))
			return -errno;
	return fsync(dirfd) ? -errno : 0;
}

/* What of the others stays, and whether any of them has this path. */
static bool count_others(struct make *make, const struct pvk_keeps *list, const char *path,
			 bool *below)
{
	bool above = false;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct pvk_keep *keep = &list->item[i];

		make->head.number = keep->number > make->head.number ? keep->number :
				    make->head.number;
		if (keep->error)
			continue;
		if (pvk_tree_is_below(keep->path, path)) {
			*below = true;
			continue;
		}
		above |= pvk_tree_is_below(path, keep->path);
		make->others += keep->ram;
		make->other_records += keep->records;
	}
	make->head.number++;
	return above;
}

static int make_one(struct make *make, int dirfd, int upper, const char *path,
		    const struct pvk_keeps *list)
{
	bool below = false, above = count_others(make, list, path, &below);
	int fd = pvk_tree_open_path(upper, path, O_PATH);
	bool removed = fd == -ENOENT;

	if (fd >= 0)
		close(fd);
	else if (!removed)
		return fd;
	if (removed && !above && !below)
		return pvk_err_set(make->err, -ENOENT, "nothing was written there");
	if (list->count >= PVK_KEEP_MAX)
		return pvk_err_set(make->err, -EFBIG, "%d paths are kept already", PVK_KEEP_MAX);
	if (removed && !above)
		return 0;
	return write_file(make, dirfd, upper, path, removed);
}

int pvk_keep_make(int dirfd, int upper, const char *path, const struct pvk_keep_limit *limit,
		  struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	struct make make = { .limit = limit, .err = &why };
	struct pvk_keeps list;
	int ret;

	ret = pvk_keeps_read(dirfd, &list);
	if (!ret)
		ret = make_one(&make, dirfd, upper, path, &list);
	if (!ret)
		ret = remove_old(dirfd, &list, path);
	pvk_keeps_free(&list);
	make_free(&make);
	if (ret == -EAGAIN)
		pvk_err_set(&why, ret, "was changed while it was read");
	if (!ret)
		return 0;
	return pvk_err_set(err, ret, "/%s: %s", make.path[0] ? make.path : path,
			   why.text[0] ? why.text : strerror(-ret));
}

/* ---- taking back ---- */

int pvk_keep_forget(int dirfd, const char *path, struct pvk_err *err)
{
	char clean[PATH_MAX] = "";
	const char *above = NULL;
	unsigned int n = 0;
	struct pvk_keeps list;
	size_t i;
	int ret;

	ret = pvk_keeps_read(dirfd, &list);
	if (!ret && path[0] == '/' && pvk_tree_clean_path(clean, sizeof(clean), path))
		ret = -EINVAL;
	for (i = 0; i < list.count && !ret; i++) {
		const struct pvk_keep *keep = &list.item[i];

		if (clean[0] ? keep->path && !strcmp(keep->path, clean) :
			       !strcmp(keep->file, path)) {
			ret = unlinkat(dirfd, keep->file, 0) ? -errno : 0;
			n++;
		} else if (clean[0] && keep->path && pvk_tree_is_below(clean, keep->path)) {
			above = keep->path;
		}
	}
	if (!ret && n && fsync(dirfd))
		ret = -errno;
	if (!ret && !n)
		ret = pvk_err_set(err, -ENOENT, above ? "%s: is kept with /%s" :
				  "%s: is not kept", path, above);
	else if (ret)
		pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	pvk_keeps_free(&list);
	return ret;
}
