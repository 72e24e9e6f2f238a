// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "stacked.h"
#include "sysattr.h"
#include "targets.h"
#include "tell.h"
#include "write_medium.h"

#define SYS		"/sys"
#define PROC		"/proc"
#define DEV		"/dev"
#define BLOCK		SYS "/class/block"
#define MTD_BLOCK_MAJOR	31
#define USES_MAX	256	/* of one target, each of which goes */
#define DEPTH_MAX	8

static const struct write_env where = { .sys = SYS, .dev = DEV };

void targets_init(struct targets *targets, const struct plan *plan, dev_t session)
{
	uint64_t number = 0;
	struct stat st;
	char node[128];

	*targets = (struct targets){ .plan = plan, .session = session };
	if (major(session) || !plan->medium[0])
		return;
	/* One that counts its own devices (btrfs): by what the plan says it lies on. */
	snprintf(node, sizeof(node), DEV "/%s", plan->medium);
	if (pvk_sysattr_uint(&number, BLOCK "/%s/size", plan->medium) && !stat(node, &st) &&
	    S_ISBLK(st.st_mode))
		targets->session = st.st_rdev;
}

/* Then the module has it, and nobody else. */
static bool is_session(const struct targets *targets, const struct pvk_target *target)
{
	switch (target->kind) {
	case PVK_TARGET_BLOCK:
		return target->dev == targets->session;
	case PVK_TARGET_MTD:
		return makedev(MTD_BLOCK_MAJOR, (unsigned int)target->mtd) == targets->session;
	case PVK_TARGET_UBI:
		break;
	}
	return !strcmp(target->device, targets->plan->medium);
}

static void node_of(const char *device, char *path, size_t size)
{
	char *mark;

	snprintf(path, size, DEV "/%s", device);
	/* cciss!c0d0 of /sys lies in a directory. */
	while ((mark = strchr(path, '!')))
		*mark = '/';
}

/* ---- freeing ---- */

struct found {
	enum pvk_use_kind kind;
	char what[UNDO_PATH];
	dev_t dev;
};

/*
 * What came last goes first: swap to a file, and an overlay, whose layers lead nowhere once
 * they are unmounted, though it has them still.
 */
static int keep_last(void *arg, const struct pvk_use *use)
{
	struct found *found = arg;

	*found = (struct found){ .kind = use->kind, .dev = use->dev };
	snprintf(found->what, sizeof(found->what), "%s", use->what);
	return 0;
}

/* 1: somebody uses it, and who that is lies in *found. */
static int find_use(const struct pvk_target *target, struct found *found, struct pvk_err *err)
{
	int ret;

	found->what[0] = '\0';
	ret = pvk_target_uses(target, SYS, PROC, keep_last, found, err);
	return ret ? ret : found->what[0] != '\0';
}

static int end_use(const struct found *found, struct unmount *unmount, struct pvk_err *err)
{
	struct unmount one = *unmount;
	int ret;

	if (found->kind == PVK_USE_SWAP)
		return stacked_take_swap(found->what, unmount->undo, err);
	tell("%s is unmounted, it is on a target", found->what);
	one.dev = found->dev;
	ret = unmount_others(&one, err);
	if (!ret)
		ret = unmount_last(&one, err);
	unmount->moved = one.moved;
	return ret;
}

static int free_one(const struct pvk_target *target, struct unmount *unmount,
		    struct pvk_err *err)
{
	char node[PATH_MAX];
	struct found found;
	unsigned int n;
	int ret;

	node_of(target->device, node, sizeof(node));
	ret = evict(node, 0, unmount->limits, err);
	for (n = 0; !ret && n < USES_MAX; n++) {
		ret = find_use(target, &found, err);
		if (ret <= 0)
			return ret;
		ret = end_use(&found, unmount, err);
	}
	return ret ? ret : pvk_err_set(err, -EBUSY, "%s: %s comes back again and again",
				       target->device, found.what);
}

int targets_free(const struct targets *targets, struct unmount *unmount, struct pvk_err *err)
{
	struct medium medium;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < targets->plan->images; i++) {
		ret = medium_find(&medium, &targets->plan->image[i], &where, err);
		if (!ret && !is_session(targets, &medium.target))
			ret = free_one(&medium.target, unmount, err);
	}
	return ret;
}

/* ---- having them ---- */

static int keep_fd(struct targets *targets, int fd, const char *device, struct pvk_err *err)
{
	if (targets->n < TARGETS_FDS) {
		targets->fd[targets->n++] = fd;
		return 0;
	}
	close(fd);
	return pvk_err_set(err, -E2BIG, "%s: it has too many parts", device);
}

static int claim_block(struct targets *targets, const char *device, unsigned int depth,
		       struct pvk_err *err);

/* What has it, or a part of it, for itself: all of these. How many there are is added to *n. */
static int claim_parts(struct targets *targets, const char *dir, const char *attr,
		       unsigned int depth, unsigned int *n, struct pvk_err *err)
{
	DIR *entries = opendir(dir);
	struct dirent *entry;
	char path[PATH_MAX];
	int ret = 0;

	while (entries && !ret && (entry = readdir(entries))) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, entry->d_name, attr);
		if (entry->d_name[0] == '.' || access(path, F_OK))
			continue;
		ret = claim_block(targets, entry->d_name, depth + 1, err);
		++*n;
	}
	if (entries)
		closedir(entries);
	return ret;
}

static int claim_above(struct targets *targets, const char *device, unsigned int depth,
		       struct pvk_err *err)
{
	char path[PATH_MAX];
	unsigned int n = 0;
	int ret;

	snprintf(path, sizeof(path), BLOCK "/%s/holders", device);
	ret = claim_parts(targets, path, "dev", depth, &n, err);
	snprintf(path, sizeof(path), BLOCK "/%s", device);
	if (!ret)
		ret = claim_parts(targets, path, "partition", depth, &n, err);
	if (ret || n)
		return ret;
	node_of(device, path, sizeof(path));
	evict_tell(path, 0);
	return pvk_err_set(err, -EBUSY, "%s: somebody has it for himself alone", device);
}

static int claim_block(struct targets *targets, const char *device, unsigned int depth,
		       struct pvk_err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	node_of(device, path, sizeof(path));
	if (!stat(path, &st) && st.st_rdev == targets->session)
		return 0;
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0)
		return keep_fd(targets, fd, device, err);
	if (errno != EBUSY || depth == DEPTH_MAX)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return claim_above(targets, device, depth, err);
}

/* Nobody can have flash for himself, but what lies on its block device holds that. */
static int claim_mtd(struct targets *targets, const struct pvk_target *target,
		     struct pvk_err *err)
{
	char device[32], path[PATH_MAX];

	snprintf(device, sizeof(device), "mtdblock%d", target->mtd);
	node_of(device, path, sizeof(path));
	return access(path, F_OK) ? 0 : claim_block(targets, device, 0, err);
}

/* UBI itself lets only one write, who then has to be alone. */
static int claim_ubi(const struct pvk_target *target, struct pvk_err *err)
{
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];

	node_of(target->device, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? pvk_err_set(err, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int claim_one(struct targets *targets, const struct pvk_target *target,
		     struct pvk_err *err)
{
	struct found found;
	int ret = pvk_target_carries(target, SYS, DEV, err);

	if (ret || is_session(targets, target))
		return ret;
	ret = find_use(target, &found, err);
	if (ret)
		return ret < 0 ? ret : pvk_err_set(err, -EBUSY, "%s is in use: %s",
						   target->device, found.what);
	switch (target->kind) {
	case PVK_TARGET_BLOCK:
		return claim_block(targets, target->device, 0, err);
	case PVK_TARGET_MTD:
		return claim_mtd(targets, target, err);
	case PVK_TARGET_UBI:
		break;
	}
	return claim_ubi(target, err);
}

int targets_claim(struct targets *targets, struct pvk_err *err)
{
	struct medium medium;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < targets->plan->images; i++) {
		ret = medium_find(&medium, &targets->plan->image[i], &where, err);
		if (!ret)
			ret = claim_one(targets, &medium.target, err);
	}
	if (ret)
		targets_let_go(targets);
	return ret;
}

void targets_let_go(struct targets *targets)
{
	while (targets->n)
		close(targets->fd[--targets->n]);
}
