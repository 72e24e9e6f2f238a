// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "update.h"

#define SYS		"/sys"
#define PROC		"/proc"
#define BLOCK_BYTES	65536
#define FILESYSTEMS_MAX	65536

const char *update_size(uint64_t bytes, char text[32])
{
	if (bytes < 1024)
		snprintf(text, 32, "%u bytes", (unsigned int)bytes);
	else if (bytes < 1024 * 1024)
		snprintf(text, 32, "%.1f KiB", (double)bytes / 1024);
	else
		snprintf(text, 32, "%.1f MiB", (double)bytes / (1024 * 1024));
	return text;
}

static void check_file(struct update *update, struct update_image *image)
{
	struct stat st;
	char text[32];

	if (stat(image->path, &st)) {
		update_note(update, "image", image->path, UPDATE_FAILED, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		update_note(update, "image", image->path, UPDATE_FAILED, "not a file");
	} else if (!st.st_size) {
		update_note(update, "image", image->path, UPDATE_FAILED, "it is empty");
	} else {
		image->size = (uint64_t)st.st_size;
		/* Whether it lies there already is for the check of the state to say. */
		update_note(update, "image", image->path, UPDATE_OK, "%s, %s",
			    update_size(image->size, text),
			    update_has_state(update) ? "for the state" : "is copied to RAM");
	}
}

static void check_target(struct update *update, struct update_image *image)
{
	struct pvk_err err = { .text = "" };
	char size[32];
	int ubi;

	if (pvk_target_find(SYS, image->target_text, &image->target, &err)) {
		update_note(update, "target", image->target_text, UPDATE_FAILED, "%s", err.text);
		return;
	}
	image->has_target = true;
	update_note(update, "target", image->target_text, UPDATE_OK, "%s, %s",
		    image->target.device, update_size(image->target.size, size));
	ubi = pvk_target_ubi_on(&image->target, SYS);
	if (ubi >= 0 && update->recovery)
		update_note(update, "target", image->target_text, UPDATE_NOTE,
			    "ubi%d lies there: the boot stage detaches it", ubi);
	else if (ubi >= 0)
		update_note(update, "target", image->target_text, UPDATE_FAILED,
			    "ubi%d lies there: name a volume of it, or --recovery", ubi);
	if (image->size && pvk_target_fits(&image->target, image->size, &err))
		update_note(update, "size", image->path, UPDATE_FAILED, "%s", err.text);
	else if (image->size)
		update_note(update, "size", image->path, UPDATE_OK, "fits");
}

/* Something has it for itself, as a file system that is mounted has. */
static bool is_taken(const struct pvk_target *target)
{
	pvk_auto_close int fd = -1;
	char node[96];

	if (target->kind == PVK_TARGET_MTD)
		snprintf(node, sizeof(node), "/dev/mtdblock%d", target->mtd);
	else
		snprintf(node, sizeof(node), "/dev/%.64s", target->device);
	/* Of a volume whoever else would write to it. */
	fd = open(node, (target->kind == PVK_TARGET_UBI ? O_RDWR : O_RDONLY | O_EXCL) | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

/* jffs2 and its kind lie on flash without a block device, and then nobody tells of it. */
static bool may_be_mounted(const struct pvk_target *target)
{
	static const char *const kind[] = { "\tjffs2\n", "\tyaffs", "\tromfs\n", "\tcramfs\n" };
	pvk_auto_free char *text = NULL;
	size_t i;

	if (target->kind != PVK_TARGET_MTD)
		return false;
	if (pvk_read_file(AT_FDCWD, PROC "/filesystems", FILESYSTEMS_MAX, &text, NULL))
		return true;
	for (i = 0; i < PVK_ARRAY_SIZE(kind); i++)
		if (strstr(text, kind[i]))
			return true;
	return false;
}

/*
 * A layer of the root can't be found any more. What is in use, though no mount shows it, is
 * taken for it; the move mounts it once more to follow it, which takes a block device.
 */
static void check_lost(struct update *update, const struct update_image *image,
		       const struct pvk_below *below)
{
	const struct pvk_target *target = &image->target;

	if (!is_taken(target) && may_be_mounted(target)) {
		update_note(update, "root", image->target_text, UPDATE_FAILED,
			    "a layer of the root's overlay, %s, leads nowhere: it may lie there, mount it somewhere",
			    below->lost);
	} else if (!is_taken(target)) {
		update_note(update, "root", image->target_text, UPDATE_OK,
			    "not the root's, as far as can be seen: a layer of its overlay, %s, leads nowhere",
			    below->lost);
	} else if (target->kind == PVK_TARGET_BLOCK && !update->medium[0]) {
		update->root = target->dev;
		snprintf(update->medium, sizeof(update->medium), "%s", target->device);
		update_note(update, "root", image->target_text, UPDATE_NOTE,
			    "%s is in use, and a layer of the root's overlay, %s, leads nowhere: taken for that, the system moves to RAM first",
			    target->device, below->lost);
	} else {
		update_note(update, "root", image->target_text, UPDATE_FAILED,
			    "%s is in use, and a layer of the root's overlay, %s, leads nowhere: mount that somewhere",
			    target->device, below->lost);
	}
}

/* Is it the root's? */
static bool check_root(struct update *update, struct update_image *image)
{
	struct pvk_err err = { .text = "" };
	struct pvk_below below;
	int ret = pvk_target_is_below(&image->target, "/", SYS, PROC, &below, &err);

	if (ret > 0 && !update->medium[0]) {
		update->root = below.dev;
		snprintf(update->medium, sizeof(update->medium), "%s", below.medium);
	}
	if (ret < 0)
		update_note(update, "root", image->target_text, UPDATE_FAILED, "%s", err.text);
	else if (ret)
		update_note(update, "root", image->target_text, UPDATE_NOTE,
			    "%s: the system moves to RAM first", err.text);
	else if (below.lost[0])
		check_lost(update, image, &below);
	else
		update_note(update, "root", image->target_text, UPDATE_OK, "not the root's");
	/* Or taken for it. */
	return ret > 0 || !strcmp(update->medium, image->target.device);
}

static int hash_file(const char *path, unsigned char digest[PVK_SHA256_SIZE])
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	static unsigned char block[BLOCK_BYTES];
	struct pvk_sha256 sha;
	ssize_t n;

	if (fd < 0)
		return -errno;
	pvk_sha256_init(&sha);
	while ((n = read(fd, block, sizeof(block)))) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			pvk_sha256_add(&sha, block, (size_t)n);
	}
	pvk_sha256_end(&sha, digest);
	return 0;
}

static void note_sha256(struct update *update, const struct update_image *image,
			const unsigned char digest[PVK_SHA256_SIZE])
{
	char text[2 * PVK_SHA256_SIZE + 1] = "";
	size_t i;

	for (i = 0; i < PVK_SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	if (strcasecmp(text, image->sha256) != 0)
		update_note(update, "sha256", image->path, UPDATE_FAILED, "it is %s", text);
	else
		update_note(update, "sha256", image->path, UPDATE_OK, "as it should be");
}

static void check_sha256(struct update *update, const struct update_image *image)
{
	unsigned char digest[PVK_SHA256_SIZE] = { 0 };
	int ret = hash_file(image->path, digest);

	if (ret)
		update_note(update, "sha256", image->path, UPDATE_FAILED, "%s", strerror(-ret));
	else
		note_sha256(update, image, digest);
}

static void note_signature(struct update *update, const struct update_image *image, int ret,
			   const char *said)
{
	update_note(update, "signature", image->path, ret ? UPDATE_FAILED : UPDATE_OK, "%s",
		    said[0] ? said : "good");
}

static void check_signature(struct update *update, const struct update_image *image)
{
	char comment[SIGNATURE_COMMENT];
	struct pvk_err err = { .text = "" };
	int ret = signature_check(image->path, image->path, update->key, comment, &err);

	note_signature(update, image, ret, ret ? err.text : comment);
}

void update_judge_copies(struct update *update, const struct update_copies *copies)
{
	const struct update_image *image;
	size_t i;

	for (i = 0; i < update->images; i++) {
		image = &update->image[i];
		if (image->sha256)
			note_sha256(update, image, copies->sha256[i]);
		if (update->key)
			note_signature(update, image, copies->signature[i], copies->said[i]);
	}
}

/* Two images for one place: the second would undo the first. */
static void check_twice(struct update *update, size_t n)
{
	const struct pvk_target *target = &update->image[n].target;
	size_t i;

	for (i = 0; i < n; i++)
		if (update->image[i].has_target &&
		    pvk_target_overlap(&update->image[i].target, target, SYS))
			update_note(update, "target", update->image[n].target_text, UPDATE_FAILED,
				    "%s is the target of %s already, or shares a part with it",
				    target->device, update->image[i].path);
}

void update_check_images(struct update *update)
{
	struct update_image *image;
	size_t i;

	for (i = 0; i < update->images; i++) {
		image = &update->image[i];
		check_file(update, image);
		check_target(update, image);
		if (image->has_target) {
			check_twice(update, i);
			update_check_uses(update, image, check_root(update, image));
		}
		if (update->dry_run && image->sha256)
			check_sha256(update, image);
		if (update->dry_run && update->key)
			check_signature(update, image);
	}
}

void update_check_watchdog(struct update *update)
{
	const struct pvk_watchdog *watchdog = &update->watchdog;
	struct pvk_err err = { .text = "" };

	if (pvk_watchdog_find(SYS, &update->watchdog, &err)) {
		update_note(update, "watchdog", "", UPDATE_NOTE,
			    "%s: nothing resets a machine that hangs", err.text);
		return;
	}
	update_note(update, "watchdog", watchdog->name, UPDATE_OK, "%s, %u s%s", watchdog->identity,
		    watchdog->timeout, watchdog->active ? ", active" : "");
}
