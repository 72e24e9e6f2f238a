// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "keep.h"
#include "tree.h"

#define FILES_MAX	(4u * 1024 * 1024)

struct pvk_keep_index {
	uint64_t *hash;		/* sorted */
	size_t count;
	const struct pvk_keeps *list;
	const struct pvk_keep *keep;
	int upper;
	int (*gone)(void *arg, const char *path);
	void *arg;
};

/* FNV-1a. Two files that are alike in it are one in 2^64 / n^2. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3u;
	return hash;
}

/* What counts as the same: see same() in ramunion.c. */
static uint64_t hash_of(const char *path, const struct pvk_keep_record_head *head)
{
	bool plain = S_ISREG(head->mode), timed = plain || S_ISLNK(head->mode);
	uint64_t words[] = {
		head->mode, head->uid, head->gid, head->major, head->minor,
		timed ? (uint64_t)head->sec : 0, timed ? head->nsec : 0,
		plain ? head->size : 0, head->flags & PVK_KEEP_OPAQUE,
	};

	return mix(mix(0xcbf29ce484222325u, path, strlen(path)), words, sizeof(words));
}

/* A whiteout is one whatever else it is: overlayfs links all of them to one. */
static bool is_whiteout(const struct pvk_keep_record_head *head)
{
	return S_ISCHR(head->mode) && !head->major && !head->minor;
}

static void make_whiteout(struct pvk_keep_record_head *head)
{
	if (is_whiteout(head))
		*head = (struct pvk_keep_record_head){ .mode = S_IFCHR };
}

static int tell_gone(struct pvk_keep_index *index, const struct pvk_keep_record *record)
{
	int fd = pvk_tree_open_path(index->upper, record->path, O_PATH);

	if (fd >= 0)
		close(fd);
	if ((fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP) ||
	    record->head.flags & PVK_KEEP_ON_THE_WAY || is_whiteout(&record->head))
		return 0;
	return index->gone(index->arg, record->path);
}

static int add(void *arg, const struct pvk_keep_record *record)
{
	struct pvk_keep_record_head head = record->head;
	struct pvk_keep_index *index = arg;
	int ret;

	if (pvk_keeps_later(index->list, record->path, index->keep->number))
		return 0;
	ret = tell_gone(index, record);
	if (ret)
		return ret;
	ret = pvk_grow((void **)&index->hash, index->count, sizeof(*index->hash), FILES_MAX);
	if (ret)
		return ret;
	make_whiteout(&head);
	/* Another name of a file is as large as that, which is not said here. */
	if (head.flags & PVK_KEEP_LINK)
		head.size = 0;
	index->hash[index->count++] = hash_of(record->path, &head);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

int pvk_keep_index_new(struct pvk_keep_index **out, int dirfd, const struct pvk_keeps *list,
		       int upper, int (*gone)(void *arg, const char *path), void *arg)
{
	struct pvk_keep_index *index = calloc(1, sizeof(*index));
	size_t i;
	int ret = 0;

	if (!index)
		return -ENOMEM;
	*index = (struct pvk_keep_index){ .list = list, .upper = upper, .gone = gone, .arg = arg };
	for (i = 0; i < list->count && !ret; i++) {
		index->keep = &list->item[i];
		if (!index->keep->error && !index->keep->old)
			ret = pvk_keep_each(dirfd, index->keep, add, index);
	}
	if (ret) {
		pvk_keep_index_free(index);
		return ret;
	}
	if (index->count)
		qsort(index->hash, index->count, sizeof(*index->hash), compare);
	*out = index;
	return 0;
}

void pvk_keep_index_free(struct pvk_keep_index *index)
{
	if (!index)
		return;
	free(index->hash);
	free(index);
}

bool pvk_keep_index_has(const struct pvk_keep_index *index, const char *path,
			const struct stat *st, bool opaque)
{
	struct pvk_keep_record_head head = {
		.mode = st->st_mode, .uid = st->st_uid, .gid = st->st_gid,
		.sec = st->st_mtim.tv_sec, .nsec = (uint32_t)st->st_mtim.tv_nsec,
		.size = (uint64_t)st->st_size, .flags = opaque ? PVK_KEEP_OPAQUE : 0,
	};
	uint64_t hash;

	if (!index->count)
		return false;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		head.major = major(st->st_rdev);
		head.minor = minor(st->st_rdev);
	}
	make_whiteout(&head);
	hash = hash_of(path, &head);
	if (bsearch(&hash, index->hash, index->count, sizeof(hash), compare))
		return true;
	if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
		return false;
	head.size = 0;
	hash = hash_of(path, &head);
	return bsearch(&hash, index->hash, index->count, sizeof(hash), compare);
}
