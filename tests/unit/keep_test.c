// SPDX-License-Identifier: MIT
/*
 * What is kept of a union's upper layer: what is put back is what there was, what is
 * damaged is left out, and what was kept later counts. Directories stand for the layers and
 * for the file system that it is kept on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "keep.h"
#include "ktap.h"
#include "pvkit/crc.h"
#include "tree.h"
#include "union_keep.h"

#define TRUSTED	"trusted.pvkit_test"
#define OPAQUE	"trusted.overlay.opaque"

static const struct pvk_keep_limit plenty = { .ram = 1 << 30, .records = 1 << 20 };
static char dir[] = "/tmp/pvkit-keep.XXXXXX";
static int kept = -1, upper = -1, lower = -1, back = -1;

static void shell(const char *command)
{
	if (system(command))
		ktap_fail(command);
}

static int open_dir(const char *name)
{
	return open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* All empty; the commands fill upper and lower. */
static void given(const char *commands)
{
	if (kept >= 0) {
		close(kept);
		close(upper);
		close(lower);
		close(back);
	}
	shell("rm -rf kept upper lower back && mkdir kept upper lower back");
	shell(commands);
	kept = open_dir("kept");
	upper = open_dir("upper");
	lower = open_dir("lower");
	back = open_dir("back");
}

static int keep(const char *path)
{
	struct pvk_err err = { .text = "" };

	return pvk_keep_make(kept, upper, path, &plenty, &err);
}

/* As at a boot: how many were put back; the first error. */
static int restore(int *error)
{
	struct pvk_keeps list;
	size_t i;
	int n = 0, ret;

	shell("rm -rf back/* back/.[!.]*");
	*error = pvk_keeps_read(kept, &list);
	for (i = 0; i < list.count; i++) {
		if (list.item[i].old)
			continue;
		ret = pvk_keep_check(kept, &list.item[i]);
		if (!ret)
			ret = pvk_keep_restore(kept, &list.item[i], back, lower);
		n += !ret;
		if (ret && !*error)
			*error = ret;
	}
	pvk_keeps_free(&list);
	return n;
}

static void when_restored(int paths, const char *name)
{
	int error;

	ktap_eq(restore(&error), paths, "%s", name);
	ktap_eq(error, 0, "%s: without an error", name);
}

static bool there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static bool whiteout(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISCHR(st.st_mode) && !st.st_rdev;
}

static const char *text_of(const char *path)
{
	static char text[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* ---- all kinds of file ---- */

static void test_kinds(void)
{
	struct stat st = { 0 }, other = { 0 };
	char value[8] = "";
	bool attrs;

	given("mkdir -p upper/a/d/deep upper/a/empty && chmod 1710 upper/a/d && "
	      "echo text >upper/a/d/file && ln upper/a/d/file upper/a/two && "
	      ": >upper/a/nothing && chown 12:34 upper/a/d/file && chmod 6754 upper/a/d/file && "
	      "touch -d @1234567890.123456789 upper/a/d/file && ln -s ../x upper/a/link && "
	      "mkfifo -m 640 upper/a/fifo && mknod -m 604 upper/a/node b 7 300 && "
	      "mknod upper/a/gone c 0 0 && head -c 200000 /dev/urandom >upper/a/large && "
	      "mkdir -m 711 lower/a");
	attrs = !setxattr("upper/a/d/file", TRUSTED, "v\0w", 3, 0) &&
		!setxattr("upper/a/d/deep", OPAQUE, "y", 1, 0) &&
		!setxattr("upper/a/d/file", "trusted.overlay.origin", "x", 1, 0);
	ktap_eq(keep("a"), 0, "a directory with all kinds of file is kept");
	when_restored(1, "it is put back");
	lstat("back/a/d/file", &st);
	ktap_eq(st.st_mode & 07777, 06754, "mode, with set-user-ID");
	ktap_check(st.st_uid == 12 && st.st_gid == 34, "owner and group");
	ktap_check(st.st_mtim.tv_sec == 1234567890 && st.st_mtim.tv_nsec == 123456789,
		   "the time of its last change");
	ktap_str(text_of("back/a/d/file"), "text\n", "its content");
	lstat("back/a/two", &other);
	ktap_check(st.st_ino == other.st_ino && st.st_nlink == 2, "two names are one file");
	lstat("back/a/d", &st);
	ktap_eq(st.st_mode, S_IFDIR | 01710, "a directory's mode");
	ktap_check(there("back/a/d/deep") && there("back/a/empty"), "empty ones");
	ktap_eq(lstat("back/a/nothing", &st) || st.st_size, 0, "an empty file");
	ktap_eq(readlink("back/a/link", value, sizeof(value)), 4, "a link that leads nowhere");
	lstat("back/a/fifo", &st);
	ktap_eq(st.st_mode, S_IFIFO | 0640, "a pipe");
	lstat("back/a/node", &st);
	ktap_check(st.st_mode == (S_IFBLK | 0604) && st.st_rdev == makedev(7, 300), "a node");
	ktap_check(whiteout("back/a/gone"), "that something was removed");
	ktap_eq(system("cmp -s upper/a/large back/a/large"), 0, "a large file, byte by byte");
	if (!attrs) {
		ktap_skip("no such attributes here", "extended attributes");
		return;
	}
	ktap_check(getxattr("back/a/d/file", TRUSTED, value, sizeof(value)) == 3 &&
		   !memcmp(value, "v\0w", 3), "an extended attribute, which may have a NUL");
	ktap_check(getxattr("back/a/d/deep", OPAQUE, value, 1) == 1 && value[0] == 'y',
		   "a directory that hides the root's");
	ktap_eq(getxattr("back/a/d/file", "trusted.overlay.origin", value, 8), -1,
		"but nothing else of overlayfs");
}

static void test_way(void)
{
	struct stat st = { 0 };

	given("mkdir -p upper/a/b upper/x/y lower/a/b && echo 1 >upper/a/b/f && "
	      "echo 2 >upper/x/y/f && echo 3 >upper/x/other && chmod 750 upper/x && "
	      "chmod 701 lower/a && chown 5:6 lower/a");
	ktap_check(!keep("a/b/f") && !keep("x/y/f"), "two files deep below are kept");
	when_restored(2, "they are put back");
	stat("back/a", &st);
	ktap_check((st.st_mode & 07777) == 0701 && st.st_uid == 5,
		   "a directory on the way is as the root has it");
	stat("back/x", &st);
	ktap_eq(st.st_mode & 07777, 0750, "or as it was, where the root has none");
	ktap_check(!there("back/x/other"), "what lies beside is not kept");
}

/* ---- what comes later ---- */

static void test_later(void)
{
	given("mkdir -p upper/a/b && echo 1 >upper/a/f && echo 1 >upper/a/b/g");
	keep("a");
	shell("echo 2 >upper/a/b/g; rm upper/a/f; echo new >upper/a/b/h");
	ktap_eq(keep("a/b"), 0, "a part of what is kept is kept again");
	when_restored(2, "both are put back");
	ktap_str(text_of("back/a/b/g"), "2\n", "the later one counts");
	ktap_str(text_of("back/a/f"), "1\n", "for that part");
	ktap_eq(keep("a/f"), 0, "a file that is kept and was removed is kept: as removed");
	when_restored(3, "that is put back");
	ktap_check(whiteout("back/a/f"), "and it is not there");

	shell("cp kept/*2.keep part; rm upper/a/b/h");
	ktap_eq(keep("a"), 0, "all of it is kept again");
	when_restored(1, "the parts are gone");
	ktap_check(!there("back/a/b/h") && !there("back/a/f"), "with what they had");
	shell("cp part kept/; mv kept/part kept/0000000000000002.keep; echo half >kept/.new");
	when_restored(1, "where a cut has left an old part there, it does not count");
	ktap_check(!there("back/a/b/h"), "nor what it has");
	ktap_eq(keep("a"), 0, "after that it can be kept");
	ktap_check(!there("kept/.new") && !there("kept/0000000000000002.keep"),
		   "and what the cut has left is removed");

	shell("rm -r upper/a");
	ktap_eq(keep("a"), 0, "what was made and removed is kept");
	when_restored(0, "which is to forget it");
	ktap_eq(keep("a"), -ENOENT, "what was never written can't be kept");
}

/* A removal that is kept, and then something in its place: the rest stays removed. */
static void test_in_place(void)
{
	char value = 0;

	given("mkdir -p upper lower/a && : >lower/a/old && mknod upper/a c 0 0");
	keep("a");
	shell("rm upper/a && mkdir -p upper/a && echo 1 >upper/a/f");
	keep("a/f");
	when_restored(2, "a file in a directory that was removed before");
	ktap_str(text_of("back/a/f"), "1\n", "is there");
	ktap_check(getxattr("back/a", OPAQUE, &value, 1) == 1 && value == 'y',
		   "and what the root has there stays removed");
}

static void test_forget(void)
{
	struct pvk_err err = { .text = "" };

	given("mkdir -p upper/a && echo 1 >upper/a/f && echo 2 >upper/g");
	keep("a");
	keep("g");
	ktap_eq(pvk_keep_forget(kept, "/a/f", &err), -ENOENT, "a part can't be forgotten");
	ktap_str(err.text, "/a/f: is kept with /a", "which is said");
	ktap_eq(pvk_keep_forget(kept, "/nothing", &err), -ENOENT, "nor what is not kept");
	ktap_eq(pvk_keep_forget(kept, "/a/../g", &err), -EINVAL, "nor what is no path");
	ktap_eq(pvk_keep_forget(kept, "//a/", &err), 0, "what was kept can");
	when_restored(1, "the other one is put back");
	ktap_check(!there("back/a") && there("back/g"), "and that one alone");
	shell("echo junk >kept/junk.keep");
	ktap_eq(pvk_keep_forget(kept, "junk.keep", &err), 0, "a file that is none by its name");
}

static void test_limit(void)
{
	const struct pvk_keep_limit limit = { .ram = 3 * PVK_KEEP_PAGE, .records = 6 };
	struct pvk_err err = { .text = "" };

	given("mkdir upper/a upper/b && echo 1 >upper/a/f && echo 2 >upper/a/g && "
	      "head -c 4097 /dev/zero >upper/b/h && mkdir upper/c upper/c/1 upper/c/2 upper/c/3");
	ktap_eq(pvk_keep_make(kept, upper, "a", &limit, &err), 0, "two pages of three are kept");
	ktap_eq(pvk_keep_make(kept, upper, "b/h", &limit, &err), -EFBIG, "two more don't fit");
	ktap_eq(pvk_keep_make(kept, upper, "c", &limit, &err), -EFBIG, "nor four files more");
	ktap_eq(pvk_keep_make(kept, upper, "a", &limit, &err), 0,
		"what takes the place of itself does");
	ktap_check(!there("kept/.new"), "nothing is left of what did not");
	when_restored(1, "and the one that did is there");
}

/* ---- damage ---- */

static size_t read_archive(const char *path, char *data, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, data, size);

	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static void write_archive(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		ktap_fail("an archive in a temporary directory");
	close(fd);
}

#define ONE	"kept/0000000000000001.keep"

static void test_damage(void)
{
	static char good[8192], bad[8192];
	unsigned int missed = 0, cut = 0;
	size_t len, i;
	int error;

	given("mkdir -p upper/a && echo text >upper/a/f && ln -s x upper/a/l");
	keep("a");
	len = read_archive(ONE, good, sizeof(good));
	ktap_check(len > 200 && len < sizeof(good), "a small archive");
	for (i = 0; i < len; i++) {
		memcpy(bad, good, len);
		bad[i] ^= (char)(1 << i % 8);
		write_archive(ONE, bad, len);
		missed += restore(&error) != 0;
	}
	ktap_eq(missed, 0, "whichever byte of it is damaged, it is left out as a whole");
	for (i = 0; i < len; i++) {
		write_archive(ONE, good, i);
		cut += restore(&error) != 0;
	}
	ktap_eq(cut, 0, "and wherever it is cut");
	ktap_eq(system("test -z \"$(ls -A back)\""), 0, "nothing of any was put anywhere");
	write_archive(ONE, good, len);
	when_restored(1, "whole, it is put back");
}

/* What a hostile file says, with checksums that are right. */
static void seal(char *data, size_t len)
{
	struct pvk_keep_head head;
	size_t skip = offsetof(struct pvk_keep_head, number);

	memcpy(&head, data, sizeof(head));
	head.body_crc = pvb_crc32(0, data + sizeof(head) + head.path_len,
				  len - sizeof(head) - head.path_len);
	head.crc = pvb_crc32(0, (char *)&head + skip, sizeof(head) - skip);
	head.crc = pvb_crc32(head.crc, data + sizeof(head), head.path_len);
	memcpy(data, &head, sizeof(head));
}

/* to: as long as from */
static void refused(const char *good, size_t len, const char *from, const char *to,
		    const char *name)
{
	static char bad[8192];
	int error, n;
	char *at;

	memcpy(bad, good, len);
	at = memmem(bad, len, from, strlen(from));
	if (!at)
		ktap_fail(from);
	memcpy(at, to, strlen(from));
	seal(bad, len);
	write_archive(ONE, bad, len);
	n = restore(&error);
	ktap_check(!n && error && !there("back/a") && !rmdir("victim"), "%s", name);
	mkdir("victim", 0700);
}

static void test_hostile(void)
{
	static char good[8192];
	size_t len;

	given("mkdir -p upper/a/victim victim && rm -f victim/file && "
	      "echo text >upper/a/victim/file && echo linked >upper/a/xy && "
	      "ln upper/a/xy upper/a/yz");
	keep("a");
	len = read_archive(ONE, good, sizeof(good));
	refused(good, len, "a/victim/file", "../victim/fil", "a path that leads out");
	refused(good, len, "a/victim/file", "/victim/file2", "one that begins at the root");
	refused(good, len, "a/victim/file", "a/./ictim/fil", "one with a dot in it");
	refused(good, len, "a/victim/file", "b/victim/file", "one that is not below the archive's");
	refused(good, len, "a/victim/file", "a/victim\0file", "one with a NUL");
	refused(good, len, "a/victim/file", "a/missing/fil", "one without a directory for it");
}

static void test_hostile_head(void)
{
	struct pvk_keep_head head;
	static char data[8192];
	size_t len;
	int error;

	given("echo 1 >upper/f");
	keep("f");
	len = read_archive(ONE, data, sizeof(data));
	memcpy(&head, data, sizeof(head));
	head.path_len = UINT32_MAX;
	memcpy(data, &head, sizeof(head));
	write_archive(ONE, data, len);
	ktap_eq(restore(&error), 0, "a path that is longer than the file");
	head.path_len = 1;
	head.body = UINT64_MAX - sizeof(head);
	memcpy(data, &head, sizeof(head));
	write_archive(ONE, data, len);
	ktap_eq(restore(&error), 0, "more records than the file has");
}

/* ---- what is told of it ---- */

static char gone[64];

static int note_gone(void *arg, const char *path)
{
	(void)arg;
	snprintf(gone + strlen(gone), sizeof(gone) - strlen(gone), "%s ", path);
	return 0;
}

static bool has(const struct pvk_keep_index *index, const char *path)
{
	char full[64];
	struct stat st;

	snprintf(full, sizeof(full), "upper/%s", path);
	return !lstat(full, &st) && pvk_keep_index_has(index, path, &st, false);
}

static void test_index(void)
{
	struct pvk_keep_index *index = NULL;
	struct pvk_keeps list;

	given("mkdir -p upper/a && echo 1 >upper/a/same && echo 1 >upper/a/other && "
	      "echo 1 >upper/a/gone && mknod upper/a/removed c 0 0 && echo 1 >upper/a/two && "
	      "ln upper/a/two upper/a/three");
	keep("a");
	shell("echo 2 >>upper/a/other; rm upper/a/gone; echo 3 >upper/a/new; "
	      "rm upper/a/removed; mknod -m 0 upper/a/removed c 0 0");
	pvk_keeps_read(kept, &list);
	ktap_eq(pvk_keep_index_new(&index, kept, &list, upper, note_gone, NULL), 0,
		"what is kept is read");
	ktap_str(gone, "a/gone ", "what was removed since is told");
	ktap_check(has(index, "a") && has(index, "a/same"), "what is as it was is kept");
	ktap_check(has(index, "a/two") && has(index, "a/three"), "by each of its names");
	ktap_check(has(index, "a/removed"), "one removal is as good as another");
	ktap_check(!has(index, "a/other") && !has(index, "a/new"), "what is not, is not");
	pvk_keep_index_free(index);
	pvk_keeps_free(&list);
}

/* ---- where it is ---- */

static void test_split(void)
{
	static const struct {
		const char *text, *device, *dir;
	} cases[] = {
		{ "LABEL=data:/keep", "LABEL=data", "/keep" },
		{ "/dev/mmcblk0p4:/", "/dev/mmcblk0p4", "/" },
		{ "ubi0:data:/a/b", "ubi0:data", "/a/b" },
		{ "31:5:/keep", "31:5", "/keep" },
		{ "LABEL=a:/b:/c", "LABEL=a:/b", "/c" },
		{ "/keep", NULL, NULL }, { ":/keep", NULL, NULL }, { "LABEL=data", NULL, NULL },
		{ "LABEL=data:keep", NULL, NULL }, { "LABEL=far-too-long:/keep", NULL, NULL },
	};
	const char *where;
	char device[16];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++) {
		bool is = union_keep_split(cases[i].text, device, sizeof(device), &where);

		if (!cases[i].device) {
			ktap_check(!is, "union-keep = %s is none", cases[i].text);
			continue;
		}
		ktap_check(is && !strcmp(device, cases[i].device) && !strcmp(where, cases[i].dir),
			   "union-keep = %s is a device and a directory", cases[i].text);
	}
}

/* ---- who has put it there ---- */

static void test_others(void)
{
	struct pvk_keeps list;
	char file[128];

	given("mkdir upper/etc && echo root:: >upper/etc/shadow && chmod 700 kept");
	ktap_eq(keep("etc/shadow"), 0, "a path is kept");
	if (pvk_keeps_read(kept, &list) || list.count != 1)
		ktap_fail("one archive is there");
	snprintf(file, sizeof(file), "kept/%s", list.item[0].file);
	ktap_check(pvk_keep_is_roots(kept, ".") && pvk_keep_is_roots(kept, list.item[0].file),
		   "by root, in a directory of root's: nobody else can write it");
	shell("chmod 775 kept");
	ktap_check(pvk_keep_is_roots(kept, "."), "nor in one of root's group");
	chown(file, 1000, 0);
	ktap_check(!pvk_keep_is_roots(kept, list.item[0].file), "an archive of somebody else's");
	chown(file, 0, 0);
	chmod(file, 0602);
	ktap_check(!pvk_keep_is_roots(kept, list.item[0].file), "one that all can write");
	shell("chmod 1777 kept");
	ktap_check(!pvk_keep_is_roots(kept, "."), "a directory that all can write");
	shell("chmod 770 kept && chgrp 100 kept");
	ktap_check(!pvk_keep_is_roots(kept, "."), "one that a group can write");
	shell("chmod 700 kept && chown 1000 kept");
	ktap_check(!pvk_keep_is_roots(kept, "."), "one of somebody else's");
	pvk_keeps_free(&list);
}

int main(void)
{
	char command[64];

	ktap_plan(0);
	if (!mkdtemp(dir) || chdir(dir))
		ktap_skip_all("no temporary directory");
	umask(022);
	if (mknod("whiteout", S_IFCHR, 0) || chown("whiteout", 1, 1))
		ktap_skip_all("this needs to be root");
	test_kinds();
	test_way();
	test_later();
	test_in_place();
	test_forget();
	test_limit();
	test_damage();
	test_hostile();
	test_hostile_head();
	test_index();
	test_split();
	test_others();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	shell(command);
	return ktap_finish();
}
