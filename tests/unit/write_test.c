// SPDX-License-Identifier: MIT
/*
 * The engine that writes images, over media of memory that fail as they are told to: what
 * the cursor says, when an image counts as written, and that nothing else ever does. The
 * real media: write_block_test.c, tests/selftests/pivot/write.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "fake_sysfs.h"
#include "ktap.h"
#include "write_medium.h"
#include "progress.h"

#define CHUNK	4096
#define SIZE	(3 * PLAN_UNIT + 1000)	/* of the image: four units */
#define ROOM	(8 * PLAN_UNIT)
#define NEVER	UINT64_MAX

static char dir[] = "/tmp/pvkit-write.XXXXXX", image_path[64];
static unsigned char image[SIZE];
static struct plan plan;
static struct pvk_err err;

/* ---- the medium ---- */

static struct fake {
	unsigned char data[ROOM];
	uint64_t at;
	uint64_t flip;		/* a byte that a write there leaves wrong ... */
	unsigned int flips;	/* ... so often */
	uint64_t fails;		/* a write there fails */
	uint64_t changes_image;	/* with a write there the image's file changes ... */
	uint64_t changes_at;	/* ... at this byte */
	unsigned int seeks, distrusts, flushes, closes;
	bool resumes;
} fake;

static int fake_open(struct medium *medium, struct pvk_err *e)
{
	(void)e;
	medium->chunk = CHUNK;
	medium->align = sizeof(void *);
	medium->resumes = fake.resumes;
	return 0;
}

static int fake_seek(struct medium *medium, uint64_t *offset, struct pvk_err *e)
{
	(void)medium;
	(void)e;
	fake.seeks++;
	fake.at = fake.resumes ? *offset / CHUNK * CHUNK : 0;
	*offset = fake.at;
	return 0;
}

static void change_image(uint64_t at)
{
	int fd = open(image_path, O_WRONLY | O_CLOEXEC);
	unsigned char c = image[at] ^ 1;

	if (pwrite(fd, &c, 1, (off_t)at) != 1)
		perror(image_path);
	close(fd);
}

static bool in(uint64_t what, size_t len)
{
	return what >= fake.at && what < fake.at + len;
}

static int fake_write(struct medium *medium, unsigned char *data, size_t len,
		      struct pvk_err *e)
{
	(void)medium;
	if (in(fake.fails, len))
		return pvk_err_set(e, -EIO, "it fails at %u", (unsigned int)fake.fails);
	memcpy(fake.data + fake.at, data, len);
	if (in(fake.flip, len) && fake.flips) {
		fake.flips--;
		fake.data[fake.flip] ^= 1;
	}
	if (in(fake.changes_image, len))
		change_image(fake.changes_at);
	fake.at += len;
	return 0;
}

static int fake_flush(struct medium *medium, struct pvk_err *e)
{
	(void)medium;
	(void)e;
	fake.flushes++;
	return 0;
}

static int fake_read(struct medium *medium, uint64_t offset, unsigned char *data, size_t len,
		     struct pvk_err *e)
{
	(void)medium;
	(void)e;
	if (offset % CHUNK)
		return -EINVAL;
	memcpy(data, fake.data + offset, len);
	return 0;
}

static int fake_distrust(struct medium *medium, uint64_t offset, struct pvk_err *e)
{
	(void)medium;
	(void)e;
	fake.distrusts += offset == fake.flip / CHUNK * CHUNK;
	return 0;
}

static void fake_close(struct medium *medium)
{
	(void)medium;
	fake.closes++;
}

#define FAKE { \
	.open = fake_open, .seek = fake_seek, .write = fake_write, .flush = fake_flush, \
	.read = fake_read, .distrust = fake_distrust, .close = fake_close, \
}

/* In place of the real ones, which the linker then leaves out. */
const struct medium_ops medium_mtd = FAKE, medium_ubi = FAKE, medium_block = FAKE;

/* ---- who asks for it ---- */

static struct asker {
	uint64_t cursor;
	unsigned int cursors, steps, lines;
	bool backwards;
	enum write_step stop;	/* in that step ... */
	bool stops;
	int keeps;		/* what keeping the cursor returns */
	char line[256];
} asker;

static int on_progress(void *arg, const struct write_progress *now)
{
	(void)arg;
	asker.steps |= 1u << now->step;
	return asker.stops && now->step == asker.stop;
}

static int on_cursor(void *arg, uint64_t cursor, struct pvk_err *e)
{
	(void)arg;
	if (asker.keeps)
		return pvk_err_set(e, asker.keeps, "it can't be kept");
	asker.backwards |= cursor < asker.cursor;
	asker.cursor = cursor;
	asker.cursors++;
	return 0;
}

static void on_line(void *arg, const char *line)
{
	(void)arg;
	asker.lines++;
	snprintf(asker.line, sizeof(asker.line), "%s", line);
}

static struct write_env env = {
	.sys = sysfs_root, .progress = on_progress, .cursor = on_cursor, .say = on_line,
};

static void write_image(void)
{
	FILE *file = fopen(image_path, "we");
	size_t i;

	for (i = 0; i < SIZE; i++)
		image[i] = (unsigned char)(i * 7 + (i >> 8));
	if (!file || fwrite(image, 1, SIZE, file) != SIZE || fclose(file))
		ktap_fail("the image is written");
}

static void given(void)
{
	struct plan_image one = {
		.path = image_path, .size = SIZE, .kind = PVK_TARGET_MTD, .target = "root",
		.room = ROOM, .block = CHUNK,
	};
	struct pvk_sha256 sha;

	write_image();
	pvk_sha256_init(&sha);
	pvk_sha256_add(&sha, image, SIZE);
	pvk_sha256_end(&sha, one.sha256);
	plan_free(&plan);
	plan_add_image(&plan, &one, NULL);
	memset(&fake, 0, sizeof(fake));
	fake.flip = NEVER;
	fake.fails = NEVER;
	fake.changes_image = NEVER;
	fake.resumes = true;
	memset(&asker, 0, sizeof(asker));
	asker.cursor = 99;
	env.state = NULL;
	err.text[0] = '\0';
}

static void attr(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		ktap_fail("write %s", path);
}

/* A disk with a number of its own, and its second partition. */
static void make_disk(const char *disk, const char *serial)
{
	sysfs_dir(sysfs_path("devices/%s/%s2", disk, disk));
	attr(sysfs_path("devices/%s/serial", disk), serial);
	attr(sysfs_path("devices/%s/size", disk), "4096");
	attr(sysfs_path("devices/%s/%s2/size", disk, disk), "2048");
	attr(sysfs_path("devices/%s/%s2/start", disk, disk), "1024");
	attr(sysfs_path("devices/%s/%s2/partition", disk, disk), "2");
	sysfs_dir(sysfs_path("class/block"));
	sysfs_link(sysfs_path("devices/%s", disk), sysfs_path("class/block/%s", disk));
	sysfs_link(sysfs_path("devices/%s/%s2", disk, disk),
		   sysfs_path("class/block/%s2", disk));
}

static void make_flash(void)
{
	char size[16];

	snprintf(size, sizeof(size), "%u", ROOM);
	sysfs_dir(sysfs_path("class/mtd/mtd0"));
	attr(sysfs_path("class/mtd/mtd0/name"), "root");
	attr(sysfs_path("class/mtd/mtd0/size"), size);
	attr(sysfs_path("class/mtd/mtd0/erasesize"), "4096");
	attr(sysfs_path("class/mtd/mtd0/flags"), "0x400");
}

static bool written(void)
{
	return !memcmp(fake.data, image, SIZE);
}

/* ---- tests ---- */

static void test_written(void)
{
	given();
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "an image and a target are in order");
	ktap_check(asker.steps == 1u << WRITE_CHECK && !fake.seeks, "nothing was written for that");
	asker.cursor = 0;
	ktap_eq(write_images(&plan, 0, &env, &err), 0, "an image is written");
	ktap_check(written(), "it is on the medium");
	ktap_eq(asker.cursor, 4, "the cursor is at its end");
	ktap_check(!asker.backwards && asker.cursors >= 2 && fake.flushes, "and came there");
	ktap_check(asker.steps & 1u << WRITE_VERIFY, "by reading back");
	ktap_eq(fake.closes, 1, "the medium is closed");
}

static void refused(int want, const char *why, const char *what)
{
	ktap_eq(write_check(&plan, 0, &env, &err), want, "%s is refused", what);
	ktap_check(strstr(err.text, why), "%s: %s", what, why);
	if (!strstr(err.text, why))
		ktap_print_value("got:", err.text);
}

static void test_refused(void)
{
	given();
	change_image(SIZE - 1);
	refused(-EBADMSG, "its checksum is not the plan's", "an image that was changed");
	given();
	plan.image[0].size--;
	refused(-EBADMSG, "bytes, it should be", "an image of another size");
	given();
	plan_set(&plan.image[0].path, "state:image");
	refused(-ENOENT, "No such file", "an image in a state that is not mounted");
	env.state = dir;
	env.owned = true;
	chmod(image_path, 0666);
	refused(-EPERM, "image can be written by others than root", "one that others can write");
	chmod(image_path, 0644);
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "and is found in one that is");
	plan_set(&plan.image[0].path, "state:/image");
	refused(-ENOENT, "No such file", "one at the top of a state that is not known");
	env.state_top = dir;
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "and it is found there");
	env.state_top = NULL;
	given();
	plan.image[0].room = ROOM - CHUNK;
	refused(-ENXIO, "bytes, the plan has", "flash that has become larger");
	plan.image[0].room = ROOM + CHUNK;
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "but not one with a bad block more");
	given();
	plan.image[0].block = 2 * CHUNK;
	refused(-ENXIO, "blocks of", "flash of another kind");
	given();
	plan.image[0].kind = PVK_TARGET_BLOCK;
	refused(-ENXIO, "is mtd, the plan has block", "a target of another kind");
	given();
	plan_set(&plan.image[0].identity, "data");
	refused(-ENXIO, "root is not data", "flash of another name");
	given();
	ktap_eq(write_check(&plan, 5, &env, &err), -ERANGE, "a cursor past the end");
	plan_set(&plan.image[0].path, "/nowhere");
	ktap_eq(write_check(&plan, 4, &env, &err), 0, "an image that is through isn't looked for");
}

/* At the next boot what was vda is vdb, and there is no /dev/vda2 here at all. */
static void test_other_name(void)
{
	char identity[PVK_TARGET_IDENTITY];
	struct pvk_target target = { .kind = PVK_TARGET_BLOCK, .device = "vdb2" };

	make_disk("vda", "one");
	make_disk("vdb", "two");
	pvk_target_identity(sysfs_root, &target, identity);
	ktap_str(identity, "two@1024", "a partition is known by its disk and its place");
	snprintf(target.device, sizeof(target.device), "vdb");
	pvk_target_identity(sysfs_root, &target, identity);
	ktap_str(identity, "two@0", "a disk by its number");
	given();
	plan.image[0].kind = PVK_TARGET_BLOCK;
	plan.image[0].block = 0;
	plan.image[0].room = 2048 * 512;
	plan_set(&plan.image[0].target, "/dev/no-such-disk2");
	plan_set(&plan.image[0].identity, "two@1024");
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "so it is found by another name");
	ktap_str(asker.line, "vdb2: is /dev/no-such-disk2 of the plan, by another name",
		 "and that is told");
	plan_set(&plan.image[0].identity, "three@1024");
	refused(-ENXIO, "is not three@1024, or not there", "a disk that is gone");
}

/* With a table of partitions that is known by that number. */
static void make_table(const char *disk, unsigned char number)
{
	unsigned char sector[512] = { [440] = number, [450] = 0x83, [510] = 0x55, [511] = 0xaa };
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, disk);
	file = fopen(path, "we");
	if (!file || fwrite(sector, sizeof(sector), 1, file) != 1 || fclose(file))
		ktap_fail("write %s", path);
}

/* Two that say the same of themselves, as cheap ones do. */
static void test_two_alike(void)
{
	make_disk("vdc", "two");
	make_table("vdb", 1);
	make_table("vdc", 2);
	env.dev = dir;
	given();
	plan.image[0].kind = PVK_TARGET_BLOCK;
	plan.image[0].block = 0;
	plan.image[0].room = 2048 * 512;
	plan_set(&plan.image[0].target, "/dev/no-such-disk2");
	plan_set(&plan.image[0].identity, "two@1024");
	refused(-ENOTUNIQ, "are alike", "one of two disks that are alike");
	ktap_check(strstr(err.text, "vdb2") && strstr(err.text, "vdc2"), "both are told");
	plan_set(&plan.image[0].partuuid, "00000002-02");
	asker.line[0] = '\0';
	ktap_eq(write_check(&plan, 0, &env, &err), 0, "their partition tables tell them apart");
	ktap_str(asker.line, "vdc2: is /dev/no-such-disk2 of the plan, by another name",
		 "it is the one of that table");
	plan_set(&plan.image[0].partuuid, "00000003-02");
	refused(-ENXIO, "is not two@1024, or not there", "neither");
	env.dev = NULL;
}

static void test_read_back(void)
{
	given();
	fake.flip = 2 * PLAN_UNIT + 5;
	fake.flips = 1;
	ktap_eq(write_images(&plan, 0, &env, &err), 0, "a bad write is found and written anew");
	ktap_check(written() && asker.lines == 1 && !fake.distrusts, "and told of");
	ktap_check(asker.backwards && asker.cursor == 4, "the cursor went back meanwhile");
	given();
	fake.flip = 2 * PLAN_UNIT + 5;
	fake.flips = 99;
	ktap_eq(write_images(&plan, 0, &env, &err), -EBADMSG, "one that is bad each time is told");
	ktap_check(asker.cursor < 4, "the cursor isn't at the end then");
	ktap_eq(fake.distrusts, 1, "the medium was asked to leave that place out");
	ktap_str(err.text, "mtd0: at 131072 there is not what was written", "which it says");
	given();
	fake.changes_image = 2 * PLAN_UNIT;
	ktap_eq(write_images(&plan, 0, &env, &err), -EBADMSG,
		"an image that changes while it is written is not called done");
	ktap_check(strstr(err.text, "its checksum is not the plan's"), "that it was it is said");
	ktap_check(asker.cursor < 4 && !asker.lines, "and it isn't written anew");
	given();
	fake.changes_image = PLAN_UNIT;
	fake.changes_at = SIZE - 1;
	ktap_eq(write_images(&plan, 0, &env, &err), -EBADMSG,
		"nor one that changes before it is written, which nothing differs from");
	ktap_check(asker.cursor < 4, "its cursor isn't at the end");
}

static void test_ends(void)
{
	given();
	fake.fails = PLAN_UNIT;
	ktap_eq(write_images(&plan, 0, &env, &err), -EIO, "a medium's error ends it");
	ktap_str(err.text, "it fails at 65536", "with its text");
	ktap_eq(fake.closes, 1, "and it is closed");
	given();
	asker.keeps = -EROFS;
	ktap_eq(write_images(&plan, 0, &env, &err), -EROFS, "so does a cursor that can't be kept");
	given();
	asker.stops = true;
	asker.stop = WRITE_WRITE;
	ktap_eq(write_images(&plan, 0, &env, &err), -ECANCELED, "it can be stopped");
	ktap_eq(asker.cursor, 0, "the cursor says where");
	given();
	asker.stops = true;
	asker.stop = WRITE_VERIFY;
	ktap_eq(write_images(&plan, 0, &env, &err), -ECANCELED, "while it reads back, too");
	ktap_eq(asker.cursor, 3, "then the last unit is not done");
}

static void test_resumed(void)
{
	given();
	memcpy(fake.data, image, 2 * PLAN_UNIT);
	fake.fails = 2 * PLAN_UNIT - 1;
	ktap_eq(write_images(&plan, 2, &env, &err), 0, "it goes on at a cursor");
	ktap_check(written(), "all of it is there");
	ktap_check(asker.steps & 1u << WRITE_RESUME, "what is before was compared");
	given();
	memcpy(fake.data, image, 2 * PLAN_UNIT);
	fake.data[PLAN_UNIT] ^= 1;
	ktap_eq(write_images(&plan, 2, &env, &err), 0, "a cursor that tells too much");
	ktap_check(written() && strstr(asker.line, "written from the beginning"),
		   "is not relied on");
	given();
	fake.resumes = false;
	asker.cursor = 0;
	ktap_eq(write_images(&plan, 2, &env, &err), 0, "a medium that can't go on in the middle");
	ktap_check(written() && !asker.backwards, "begins anew");
	given();
	fake.resumes = false;
	asker.stops = true;
	asker.stop = WRITE_VERIFY;
	ktap_eq(write_images(&plan, 0, &env, &err), -ECANCELED, "stopped before its end");
	ktap_eq(asker.cursor, 0, "its cursor is at its beginning");
}

static void test_two(void)
{
	struct plan_image second;

	given();
	second = plan.image[0];
	plan_add_image(&plan, &second, NULL);
	ktap_eq(write_images(&plan, 0, &env, &err), 0, "two images");
	ktap_eq(asker.cursor, 8, "have one cursor");
	ktap_eq(fake.closes, 2, "each its medium");
	fake.closes = 0;
	ktap_eq(write_images(&plan, 4, &env, &err), 0, "from the second one on");
	ktap_eq(fake.closes, 1, "that alone");
}

static void test_text(void)
{
	struct write_progress now = {
		.step = WRITE_WRITE, .done = 3 << 20, .total = 12 << 20, .began_ms = 1000,
		.now_ms = 3000, .began_at = 1 << 20, .device = "mtd3",
	};
	char text[PROGRESS_TEXT];

	given();
	ktap_str(progress_text(&plan, &now, text),
		 "write 1/1 mtd3 25 % of 12.0 MiB, 1024 KiB/s, 0:09 left", "progress in a line");
	now.done = now.total;
	ktap_str(progress_text(&plan, &now, text), "write 1/1 mtd3 100 % of 12.0 MiB, 5632 KiB/s",
		 "at the end");
	now.now_ms = now.began_ms;
	ktap_str(progress_text(&plan, &now, text), "write 1/1 mtd3 100 % of 12.0 MiB",
		 "no rate of no time");
	now.done = UINT64_MAX / 3;
	now.total = UINT64_MAX / 2;
	ktap_check(strstr(progress_text(&plan, &now, text), " 66 % of "), "of very much");
	now.done = 0;
	now.total = 0;
	ktap_check(strstr(progress_text(&plan, &now, text), " 100 % of 0 bytes"), "of nothing");
}

static void sum(const char *what, const char *text, size_t times, const char *want)
{
	unsigned char digest[PVK_SHA256_SIZE];
	char hex[2 * PVK_SHA256_SIZE + 1];
	struct pvk_sha256 sha;
	size_t i;

	pvk_sha256_init(&sha);
	for (i = 0; i < times; i++)
		pvk_sha256_add(&sha, text, strlen(text));
	pvk_sha256_end(&sha, digest);
	for (i = 0; i < PVK_SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	ktap_str(hex, want, "SHA-256 of %s", what);
}

static void test_sha256(void)
{
	sum("nothing", "", 1,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sum("abc", "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sum("two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sum("a million times a", "aaaaaaaaaa", 100000,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
	char root[64];

	ktap_plan(0);
	if (!ktap_check(mkdtemp(dir), "a directory is made"))
		return ktap_finish();
	snprintf(image_path, sizeof(image_path), "%s/image", dir);
	snprintf(root, sizeof(root), "%s/sys", dir);
	sysfs_new(root);
	make_flash();
	test_written();
	test_refused();
	test_other_name();
	test_two_alike();
	test_read_back();
	test_ends();
	test_resumed();
	test_two();
	test_text();
	test_sha256();
	plan_free(&plan);
	sysfs_remove(root);
	unlink(image_path);
	rmdir(dir);
	return ktap_finish();
}
