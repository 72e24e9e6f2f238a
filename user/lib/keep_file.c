// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "keep.h"
#include "pvkit/crc.h"
#include "tree.h"

#define BLOCK_BYTES	16384

static bool read_all(int fd, void *to, size_t len, uint64_t at)
{
	return pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static int open_file(int dirfd, const char *file)
{
	int fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* ---- heads ---- */

static uint32_t head_crc(const struct pvk_keep_head *head, const char *path)
{
	size_t skip = offsetof(struct pvk_keep_head, number);
	uint32_t crc = pvb_crc32(0, (const char *)head + skip, sizeof(*head) - skip);

	return pvb_crc32(crc, path, head->path_len);
}

/* path has room for PATH_MAX. */
static int read_head(int fd, struct pvk_keep_head *head, char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !read_all(fd, head, sizeof(*head), 0) ||
	    head->magic != PVK_KEEP_MAGIC || !head->path_len || head->path_len >= PATH_MAX ||
	    !read_all(fd, path, head->path_len, sizeof(*head)) ||
	    head->crc != head_crc(head, path) ||
	    (uint64_t)st.st_size != sizeof(*head) + head->path_len + head->body)
		return -EBADMSG;
	path[head->path_len] = '\0';
	return strlen(path) == head->path_len && pvk_tree_path_ok(path) ? 0 : -EBADMSG;
}

static void read_keep(int dirfd, struct pvk_keep *keep)
{
	pvk_auto_close int fd = open_file(dirfd, keep->file);
	struct pvk_keep_head head;
	char path[PATH_MAX];

	keep->error = fd < 0 ? fd : read_head(fd, &head, path);
	if (keep->error)
		return;
	keep->path = strdup(path);
	if (!keep->path)
		keep->error = -ENOMEM;
	keep->number = head.number;
	keep->ram = head.ram;
	keep->records = head.records;
}

static bool is_archive(const char *name)
{
	size_t len = strlen(name), suffix = strlen(PVK_KEEP_SUFFIX);

	return len > suffix && len < sizeof(((struct pvk_keep *)NULL)->file) &&
	       !strcmp(name + len - suffix, PVK_KEEP_SUFFIX);
}

static int compare(const void *a, const void *b)
{
	const struct pvk_keep *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

bool pvk_keeps_later(const struct pvk_keeps *list, const char *path, uint64_t number)
{
	size_t i;

	for (i = list->count; i-- && list->item[i].number > number;)
		if (!list->item[i].error && pvk_tree_is_below(path, list->item[i].path))
			return true;
	return false;
}

static int fill(int dirfd, DIR *dir, struct pvk_keeps *list)
{
	struct dirent *entry;
	int ret;

	while ((entry = readdir(dir))) {
		if (!is_archive(entry->d_name))
			continue;
		ret = pvk_grow((void **)&list->item, list->count, sizeof(*list->item),
			       PVK_KEEP_MAX);
		if (ret)
			return ret;
		list->item[list->count] = (struct pvk_keep){ .error = 0 };
		strcpy(list->item[list->count].file, entry->d_name);
		read_keep(dirfd, &list->item[list->count++]);
	}
	return 0;
}

int pvk_keeps_read(int dirfd, struct pvk_keeps *list)
{
	int fd = pvk_tree_open_dir(dirfd, "."), ret;
	DIR *dir;
	size_t i;

	*list = (struct pvk_keeps){ .count = 0 };
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	ret = fill(dirfd, dir, list);
	closedir(dir);
	if (list->count)
		qsort(list->item, list->count, sizeof(*list->item), compare);
	for (i = 0; i < list->count; i++)
		list->item[i].old = !list->item[i].error &&
				    pvk_keeps_later(list, list->item[i].path,
						    list->item[i].number);
	/* More than there may be: those that were read count all the same. */
	return ret == -EBADMSG ? 0 : ret;
}

void pvk_keeps_free(struct pvk_keeps *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->item[i].path);
	free(list->item);
	*list = (struct pvk_keeps){ .count = 0 };
}

/* ---- records ---- */

/* Opens it again, and finds what was found before. */
static int open_body(int dirfd, const struct pvk_keep *keep, struct pvk_keep_head *head,
		     uint64_t *at)
{
	int fd = keep->error ? keep->error : open_file(dirfd, keep->file), ret;
	char path[PATH_MAX];

	if (fd < 0)
		return fd;
	ret = read_head(fd, head, path);
	if (!ret && (head->number != keep->number || strcmp(path, keep->path)))
		ret = -EBADMSG;
	if (ret) {
		close(fd);
		return ret;
	}
	*at = sizeof(*head) + head->path_len;
	return fd;
}

bool pvk_keep_is_roots(int dirfd, const char *file)
{
	struct stat st;

	return !fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) && !st.st_uid &&
	       !(st.st_mode & 0002) && (!st.st_gid || !(st.st_mode & 0020));
}

int pvk_keep_check(int dirfd, const struct pvk_keep *keep)
{
	struct pvk_keep_head head;
	char block[BLOCK_BYTES];
	uint32_t crc = 0;
	uint64_t at, left;
	size_t len;
	pvk_auto_close int fd = open_body(dirfd, keep, &head, &at);

	if (fd < 0)
		return fd;
	for (left = head.body; left; left -= len, at += len) {
		len = left < sizeof(block) ? (size_t)left : sizeof(block);
		if (!read_all(fd, block, len, at))
			return -EBADMSG;
		crc = pvb_crc32(crc, block, len);
	}
	return crc == head.body_crc ? 0 : -EBADMSG;
}

/* Whole, and within what is left; what it says of itself is looked at. */
static int read_record(int fd, struct pvk_keep_record *record, uint64_t at, uint64_t left)
{
	struct pvk_keep_record_head *head = &record->head;
	uint64_t rest;

	if (left < sizeof(*head) || !read_all(fd, head, sizeof(*head), at))
		return -EBADMSG;
	at += sizeof(*head);
	left -= sizeof(*head);
	rest = (uint64_t)head->path_len + head->attrs_len;
	if (!head->path_len || head->path_len >= sizeof(record->path) ||
	    head->attrs_len > sizeof(record->attrs) || rest > left || head->size > left - rest ||
	    !read_all(fd, record->path, head->path_len, at) ||
	    !read_all(fd, record->attrs, head->attrs_len, at + head->path_len))
		return -EBADMSG;
	record->path[head->path_len] = '\0';
	record->fd = fd;
	record->at = at + rest;
	return strlen(record->path) == head->path_len && pvk_tree_path_ok(record->path) ?
	       0 : -EBADMSG;
}

/* The path itself and what is below it, and directories on the way to it. */
static bool belongs(const struct pvk_keep *keep, const struct pvk_keep_record *record)
{
	if (record->head.flags & PVK_KEEP_ON_THE_WAY)
		return S_ISDIR(record->head.mode) && strcmp(keep->path, record->path) &&
		       pvk_tree_is_below(keep->path, record->path);
	return pvk_tree_is_below(record->path, keep->path);
}

int pvk_keep_each(int dirfd, const struct pvk_keep *keep,
		  int (*fn)(void *arg, const struct pvk_keep_record *record), void *arg)
{
	static struct pvk_keep_record record;
	struct pvk_keep_head head;
	uint64_t at, end;
	int ret = 0;
	pvk_auto_close int fd = open_body(dirfd, keep, &head, &at);

	if (fd < 0)
		return fd;
	for (end = at + head.body; at < end && !ret; at = record.at + record.head.size) {
		ret = read_record(fd, &record, at, end - at);
		if (!ret && !belongs(keep, &record))
			ret = -EBADMSG;
		if (!ret)
			ret = fn(arg, &record);
	}
	return ret;
}
