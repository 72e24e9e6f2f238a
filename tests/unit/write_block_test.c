// SPDX-License-Identifier: MIT
/*
 * Images onto a real block device, a loop device over a file: what is behind them, a last
 * sector that is theirs in part, a device that is too small to keep what it promises, and
 * one that somebody holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "ktap.h"
#include "loopdev.h"
#include "write.h"

#define DISK	(4u << 20)
#define SIZE	((2u << 20) + 12345)
#define FULL	(1u << 20)	/* of the file system that the disk lies on */

static char dir[] = "/tmp/pvkit-disk.XXXXXX", image_path[64], disk_path[64];
static unsigned char image[SIZE], disk[DISK];
static struct plan plan;
static struct pvk_err err;
static uint64_t cursor;

static int on_cursor(void *arg, uint64_t now, struct pvk_err *e)
{
	(void)arg;
	(void)e;
	cursor = now;
	return 0;
}

static struct write_env env = { .cursor = on_cursor, .exclusive = true };

static void write_file(const char *path, const unsigned char *data, size_t len)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(data, 1, len, file) != len || fclose(file))
		ktap_fail("write %s", path);
}

static void given_image(void)
{
	struct plan_image one = {
		.path = image_path, .size = SIZE, .kind = PVK_TARGET_BLOCK, .target = loop_path,
		.room = DISK,
	};
	struct pvk_sha256 sha;
	size_t i;

	for (i = 0; i < SIZE; i++)
		image[i] = (unsigned char)(i * 7 + (i >> 8));
	write_file(image_path, image, SIZE);
	pvk_sha256_init(&sha);
	pvk_sha256_add(&sha, image, SIZE);
	pvk_sha256_end(&sha, one.sha256);
	plan_init(&plan);
	plan_add_image(&plan, &one, NULL);
}

static bool read_disk(void)
{
	pvk_auto_close int fd = open(disk_path, O_RDONLY | O_CLOEXEC);

	return pread(fd, disk, DISK, 0) == DISK;
}

static void test_written(void)
{
	unsigned char all[2] = { 0xa5, 0x5a };
	size_t i;

	for (i = 0; i < DISK; i++)
		disk[i] = all[i % 2];
	write_file(disk_path, disk, DISK);
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "image and disk are in order");
	ktap_eq(write_images(&plan, 0, &env, &err), 0, "the image is written");
	ktap_eq(cursor, 33, "the cursor is at the end");
	ktap_check(read_disk() && !memcmp(disk, image, SIZE), "it is on the disk");
	for (i = SIZE; i < DISK && disk[i] == all[i % 2]; i++)
		;
	ktap_eq(i, DISK, "what is behind it is as it was, from the same sector on");
	ktap_eq(write_images(&plan, 17, &env, &err), 0, "it goes on where it is told");
}

static void test_held(int loop)
{
	pvk_auto_close int holder = open(loop_path, O_RDWR | O_EXCL | O_CLOEXEC);

	ktap_check(holder >= 0 && loop >= 0, "somebody has the disk for himself");
	cursor = 99;
	ktap_eq(write_images(&plan, 0, &env, &err), -EBUSY, "it is not written then");
	ktap_eq(cursor, 99, "not a byte of it");
	env.exclusive = false;
	ktap_eq(write_images(&plan, 0, &env, &err), 0, "unless it was he who asked");
	env.exclusive = true;
}

static void test_other_size(void)
{
	plan.image[0].room = DISK / 2;
	ktap_eq(write_check(&plan, 0, &env, &err), -ENXIO, "another disk than the plan's");
	plan.image[0].room = 0;
	plan.image[0].size = DISK + 1;
	ktap_eq(write_check(&plan, 0, &env, &err), -EFBIG, "a disk that is too small");
	plan.image[0].size = SIZE;
}

static void test_bad_sector(void)
{
	int ret = write_images(&plan, 0, &env, &err);

	/* Which of them is the file system's below. */
	ktap_check(ret == -EIO || ret == -ENOSPC, "a disk that can't take all of it: %d", ret);
	ktap_check(strstr(err.text, "writing sector ") || strstr(err.text, "get to the medium"),
		   "says where: %s", err.text);
	ktap_check(cursor && cursor < 17, "the cursor is before that: %u", (unsigned int)cursor);
}

/* The second disk: its file is longer than there is room for it. */
static int given_full_disk(void)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%u", FULL);
	/* Nobody else has to see it, and it ends with this process. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", dir, "tmpfs", 0, options))
		return -1;
	write_file(disk_path, disk, 0);
	return truncate(disk_path, DISK) ? -1 : given_loop(disk_path);
}

int main(void)
{
	int loop;

	if (geteuid() || !mkdtemp(dir))
		ktap_skip_all("wants to be root, for loop devices");
	snprintf(image_path, sizeof(image_path), "%s.image", dir);
	snprintf(disk_path, sizeof(disk_path), "%s/disk", dir);
	write_file(disk_path, disk, DISK);
	loop = given_loop(disk_path);
	if (loop < 0) {
		unlink(disk_path);
		rmdir(dir);
		ktap_skip_all("no loop device can be had here");
	}
	ktap_plan(0);
	given_image();
	test_written();
	test_held(loop);
	test_other_size();
	close(loop);
	plan_free(&plan);
	unlink(disk_path);

	loop = given_full_disk();
	if (ktap_check(loop >= 0, "a disk without room for all that it has")) {
		given_image();
		test_bad_sector();
		close(loop);
	}
	plan_free(&plan);
	umount2(dir, MNT_DETACH);
	unlink(image_path);
	rmdir(dir);
	return ktap_finish();
}
