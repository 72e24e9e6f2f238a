// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "genl.h"
#include "rootpath.h"
#include "stage_int.h"

#define BLOCK_BYTES	65536
#define BUSY_MS		5000
#define AGAIN_MS	20

static int fail(struct pvk_err *err, const struct stage_item *item, int code)
{
	return pvk_err_set(err, code, "%s: %s", item->path, code == -EBUSY ?
			   "changed while it was copied" : strerror(-code));
}

/* As many bytes as it had when the room for it was counted, no more and no less. */
static int copy_data(int from, int to, uint64_t size)
{
	static char block[BLOCK_BYTES];
	uint64_t len = 0;
	ssize_t n, done, part;

	for (;;) {
		n = read(from, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : len == size ? 0 : -EBUSY;
		len += (uint64_t)n;
		if (len > size)
			return -EBUSY;
		for (done = 0; done < n; done += part) {
			part = write(to, block + done, (size_t)(n - done));
			if (part < 0 && errno != EINTR)
				return -errno;
			part = part < 0 ? 0 : part;
		}
	}
}

static int make_copy(const struct pvk_stage *stage, int dir, const struct stage_item *item)
{
	pvk_auto_close int from = pvk_root_open(stage->root, item->path,
						O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	pvk_auto_close int to = -1;
	struct stat st;
	int ret;

	if (from < 0)
		return from;
	if (fstat(from, &st))
		return -errno;
	if (st.st_dev != item->dev || st.st_ino != item->ino)
		return -EBUSY;
	to = openat(dir, item->path + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (to < 0)
		return -errno;
	ret = copy_data(from, to, item->size);
	/* Owner before mode: a change of owner takes set-user-ID away. */
	return !ret && (fchown(to, item->uid, item->gid) || fchmod(to, item->mode)) ? -errno : ret;
}

static int make_dir(int dir, const struct stage_item *item)
{
	const char *name = item->path + 1;

	return mkdirat(dir, name, 0700) ||
	       fchownat(dir, name, item->uid, item->gid, AT_SYMLINK_NOFOLLOW) ||
	       fchmodat(dir, name, item->mode, 0) ? -errno : 0;
}

static int make_symlink(int dir, const struct stage_item *item)
{
	return symlinkat(item->target, dir, item->path + 1) ||
	       fchownat(dir, item->path + 1, item->uid, item->gid, AT_SYMLINK_NOFOLLOW) ?
	       -errno : 0;
}

static int make_item(const struct pvk_stage *stage, int dir, const struct stage_item *item)
{
	switch (item->kind) {
	case STAGE_DIR:
		return make_dir(dir, item);
	case STAGE_SYMLINK:
		return make_symlink(dir, item);
	case STAGE_FILE:
		break;
	}
	if (item->same)
		return linkat(dir, item->same->path + 1, dir, item->path + 1, 0) ? -errno : 0;
	return make_copy(stage, dir, item);
}

/* /etc may be a symlink: it is followed as one is inside, not to what is outside. */
static int make_cache(const struct pvk_stage *stage, int dir)
{
	pvk_auto_close int etc = pvk_root_open(dir, "/etc", O_RDONLY | O_DIRECTORY);

	return etc < 0 ? etc : pvk_replace_file(etc, PVK_LDCACHE_NAME, PVK_LDCACHE_NAME "~",
						stage->cache.data, stage->cache.len, 0644);
}

static int make_all(const struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	pvk_auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = dir < 0 ? pvk_err_set(err, -errno, "%s: %s", path, strerror(errno)) : 0;
	size_t i;

	for (i = 0; !ret && i < stage->count; i++) {
		ret = make_item(stage, dir, stage->item[i]);
		if (ret)
			return fail(err, stage->item[i], ret);
	}
	if (ret || !stage->cache.len)
		return ret;
	ret = make_cache(stage, dir);
	return ret ? pvk_err_set(err, ret, "%s: %s", PVK_LDCACHE_PATH, strerror(-ret)) : 0;
}

int pvk_stage_make(struct pvk_stage *stage, const char *dir, const struct pvk_stage_plan *plan,
		   struct pvk_err *err)
{
	char options[128];
	int ret;

	snprintf(options, sizeof(options), "mode=0755,size=%" PRIu64 ",nr_inodes=%u", plan->limit,
		 plan->inodes);
	if (mount("pvkit-update", dir, "tmpfs", MS_NODEV | MS_NOSUID, options))
		return pvk_err_set(err, -errno, "mounting a tmpfs on %s: %s", dir,
				   strerror(errno));
	ret = make_all(stage, dir, err);
	if (ret)
		pvk_stage_take_down(dir);
	return ret;
}

/* A process that was forked, and killed before it came to be another program, has it a moment. */
int pvk_stage_take_down(const char *dir)
{
	int64_t end = pvk_now_ms() + BUSY_MS;

	while (umount2(dir, UMOUNT_NOFOLLOW)) {
		if (errno != EBUSY || pvk_now_ms() >= end)
			return -errno;
		poll(NULL, 0, AGAIN_MS);
	}
	return 0;
}
