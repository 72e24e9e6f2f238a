// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "meta.h"

#define NEW_FILE	".new"

struct pvk_meta {
	int dirfd;		/* -1: no such directory, read-only */
	bool readonly;
};

bool pvk_meta_key_ok(const char *key)
{
	size_t i;

	if (!key[0] || key[0] == '.' || strstr(key, ":-"))
		return false;
	for (i = 0; key[i]; i++)
		if (i == PVK_META_KEY_MAX ||
		    (!pvk_isalnum((unsigned char)key[i]) && !strchr("._+@:-", key[i])))
			return false;
	return true;
}

bool pvk_meta_may_read(const struct pvk_caller *caller, const char *key)
{
	size_t len;

	if (caller->host)
		return true;
	if (!caller->name)
		return false;
	if (caller->mgmt || !strncmp(key, "drivers.", 8))
		return true;
	len = strlen(caller->name);
	return len && !strncmp(key, caller->name, len) && key[len] == '.';
}

bool pvk_meta_may_write(const struct pvk_caller *caller)
{
	return caller->host || (caller->name && caller->mgmt);
}

/*
 * A lock belongs to the open file, which a fork shares: one on meta->dirfd
 * would outlive a writer for as long as any process that it forked, or that
 * forked it. So each lock opens the directory anew. Returns an fd, whose
 * closing unlocks, or a negative errno.
 */
static int lock_dir(const struct pvk_meta *meta)
{
	int fd = openat(meta->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int open_dir(struct pvk_meta *meta, int dirfd, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	meta->dirfd = openat(dirfd, path, flags);
	if (meta->dirfd >= 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	if (meta->readonly)
		return 0;
	if (mkdirat(dirfd, path, 0700) && errno != EEXIST)
		return -errno;
	meta->dirfd = openat(dirfd, path, flags);
	return meta->dirfd < 0 ? -errno : 0;
}

int pvk_meta_open(struct pvk_meta **out, int dirfd, const char *path, unsigned int flags)
{
	struct pvk_meta *meta = calloc(1, sizeof(*meta));
	pvk_auto_close int lock = -1;
	int ret;

	if (!meta)
		return -ENOMEM;
	meta->dirfd = -1;
	meta->readonly = flags & PVK_META_READONLY;
	ret = open_dir(meta, dirfd, path);
	if (!ret && !meta->readonly) {
		lock = lock_dir(meta);
		ret = lock < 0 ? lock : 0;
	}
	if (ret) {
		pvk_meta_close(meta);
		return ret;
	}
	if (!meta->readonly)
		unlinkat(meta->dirfd, NEW_FILE, 0);
	*out = meta;
	return 0;
}

void pvk_meta_close(struct pvk_meta *meta)
{
	if (!meta)
		return;
	if (meta->dirfd >= 0)
		close(meta->dirfd);
	free(meta);
}

int pvk_meta_get(struct pvk_meta *meta, const char *key, struct pvk_buf *buf)
{
	pvk_auto_free char *value = NULL;
	pvk_auto_close int fd = -1;
	struct stat st;
	size_t len;
	int ret;

	if (!pvk_meta_key_ok(key))
		return -EINVAL;
	if (meta->dirfd < 0)
		return -ENOENT;
	/* Only files that set() could have made: a link would lead out of the store. */
	fd = openat(meta->dirfd, key, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	ret = pvk_read_fd(fd, PVK_META_VALUE_MAX, &value, &len);
	if (ret)
		return ret;
	return pvk_buf_add(buf, value, len);
}

static bool is_set(struct pvk_meta *meta, const char *key, const void *value, size_t len)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_META_VALUE_MAX);

	return !pvk_meta_get(meta, key, &buf) && buf.len == len && !memcmp(buf.data, value, len);
}

/* Calls fn for each file that has a key's name; ends at the first that is not 0. */
static int visit_keys(struct pvk_meta *meta, int (*fn)(void *arg, const char *key, size_t size),
		      void *arg)
{
	struct dirent *entry;
	struct stat st;
	int fd, ret = 0;
	DIR *dir;

	/* A description of its own: the offset of meta->dirfd is shared with forks. */
	fd = openat(meta->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while (!ret && (errno = 0, entry = readdir(dir))) {
		if (!pvk_meta_key_ok(entry->d_name))
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		ret = fn(arg, entry->d_name, (size_t)st.st_size);
	}
	if (!ret && errno)
		ret = -errno;
	closedir(dir);
	return ret;
}

struct room {
	const char *key;	/* the one that is to be set */
	size_t count;		/* of the others */
	size_t bytes;		/* of their values */
};

static int count_key(void *arg, const char *key, size_t size)
{
	struct room *room = arg;

	if (!strcmp(key, room->key))
		return 0;
	room->count++;
	/* What is larger was not made here, and is not read. */
	if (size <= PVK_META_VALUE_MAX)
		room->bytes += size;
	return 0;
}

/* -ENOSPC if `key` would be one too many, or its value the byte too much. */
static int room_for(struct pvk_meta *meta, const char *key, size_t len)
{
	struct room room = { .key = key };
	int ret = visit_keys(meta, count_key, &room);

	if (ret)
		return ret;
	return room.count < PVK_META_KEYS_MAX && room.bytes + len <= PVK_META_STORE_MAX ?
		0 : -ENOSPC;
}

static int sync_dir(struct pvk_meta *meta)
{
	return fsync(meta->dirfd) ? -errno : 0;
}

static int set_locked(struct pvk_meta *meta, const char *key, const void *value, size_t len)
{
	int ret;

	/* The directory all the same: an earlier set may have failed just there. */
	if (is_set(meta, key, value, len))
		return sync_dir(meta);
	ret = room_for(meta, key, len);
	return ret ? ret : pvk_replace_file(meta->dirfd, key, NEW_FILE, value, len, 0600);
}

int pvk_meta_set(struct pvk_meta *meta, const char *key, const void *value, size_t len)
{
	pvk_auto_close int lock = -1;

	if (!pvk_meta_key_ok(key) || !len)
		return -EINVAL;
	if (len > PVK_META_VALUE_MAX)
		return -EFBIG;
	if (meta->readonly)
		return -EROFS;
	lock = lock_dir(meta);
	return lock < 0 ? lock : set_locked(meta, key, value, len);
}

int pvk_meta_delete(struct pvk_meta *meta, const char *key)
{
	pvk_auto_close int lock = -1;

	if (!pvk_meta_key_ok(key))
		return -EINVAL;
	if (meta->readonly)
		return -EROFS;
	lock = lock_dir(meta);
	if (lock < 0)
		return lock;
	return unlinkat(meta->dirfd, key, 0) ? -errno : sync_dir(meta);
}

static int add_key(void *arg, const char *key, size_t size)
{
	struct pvk_keys *keys = arg;

	(void)size;
	if (keys->count == PVK_META_KEYS_MAX)
		return -E2BIG;
	keys->key[keys->count] = strdup(key);
	if (!keys->key[keys->count])
		return -ENOMEM;
	keys->count++;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int pvk_meta_list(struct pvk_meta *meta, struct pvk_keys *keys)
{
	int ret;

	*keys = (struct pvk_keys){ 0 };
	if (meta->dirfd < 0)
		return 0;
	keys->key = calloc(PVK_META_KEYS_MAX, sizeof(*keys->key));
	if (!keys->key)
		return -ENOMEM;
	ret = visit_keys(meta, add_key, keys);
	if (ret)
		pvk_keys_free(keys);
	else if (keys->count)
		qsort(keys->key, keys->count, sizeof(*keys->key), compare_keys);
	return ret;
}

void pvk_keys_free(struct pvk_keys *keys)
{
	size_t i;

	for (i = 0; i < keys->count; i++)
		free(keys->key[i]);
	free(keys->key);
	*keys = (struct pvk_keys){ 0 };
}
