// SPDX-License-Identifier: MIT
/*
 * The RAM over a read-only root: what counts as a change, and that a path which is kept
 * is none any more. The two parts are directories here, with whiteouts as overlayfs
 * makes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ktap.h"
#include "ramunion.h"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[4][256];
	static unsigned int n;

	snprintf(path[++n % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[n % 4];
}

static void remove_all(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		perror(command);
}

static void make_dir(const char *name, mode_t mode)
{
	mkdir(path_of(name), mode);
	chmod(path_of(name), mode);
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ktap_fail("a file in a temporary directory");
	fchmod(fd, mode);
	close(fd);
}

static const char *read_text(const char *name)
{
	static char text[64];
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void given_tree(void)
{
	static const char *const dirs[] = {
		"lower", "lower/etc", "lower/var", "lower/var/old", "ram", "ram/upper",
		"ram/upper/etc", "ram/upper/new", "ram/upper/new/deep", "ram/upper/var",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(dirs); i++)
		make_dir(dirs[i], 0755);
	make_file("lower/etc/hosts", "old", 0644);
	make_file("lower/etc/gone", "here", 0644);
	make_file("lower/var/old/file", "x", 0644);
	symlink("a", path_of("lower/etc/link"));
	make_file("ram/upper/etc/hosts", "newer", 04750);
	symlink("b", path_of("ram/upper/etc/link"));
	make_file("ram/upper/new/deep/file", "text", 0600);
	if (mknod(path_of("ram/upper/etc/gone"), S_IFCHR, makedev(0, 0)) ||
	    mknod(path_of("ram/upper/var/old"), S_IFCHR, makedev(0, 0)) ||
	    mknod(path_of("ram/upper/etc/never"), S_IFCHR, makedev(0, 0)))
		ktap_skip_all("whiteouts can't be made here");
}

static char lines[16][128];
static unsigned int n_lines;

static int take(void *arg, const struct pvk_union_entry *entry)
{
	(void)arg;
	if (n_lines < PVK_ARRAY_SIZE(lines))
		snprintf(lines[n_lines++], sizeof(lines[0]), "%s %s %llu",
			 pvk_union_change_name(entry->change), entry->path,
			 (unsigned long long)entry->size);
	return 0;
}

static bool listed(const char *line)
{
	unsigned int i;

	for (i = 0; i < n_lines; i++)
		if (!strcmp(lines[i], line))
			return true;
	return false;
}

static void when_listed(void)
{
	n_lines = 0;
	ktap_eq(pvk_union_walk(dir, NULL, take, NULL, NULL), 0, "it can be listed");
}

static void test_walk(void)
{
	when_listed();
	ktap_eq(n_lines, 7, "seven changes");
	ktap_check(listed("changed /etc/hosts 5"), "a changed file, with its size");
	ktap_check(listed("changed /etc/link 0"), "a changed link");
	ktap_check(listed("removed /etc/gone 0"), "a removed file");
	ktap_check(listed("removed /var/old 0"), "a removed directory");
	ktap_check(listed("new /new/ 0") && listed("new /new/deep/ 0"), "new directories");
	ktap_check(listed("new /new/deep/file 4"), "a new file in one");
	ktap_check(!listed("removed /etc/never 0"), "what was made and removed is nothing");
}

static void test_keep(void)
{
	struct pvk_err err = { .text = "" };
	struct stat st = { 0 };

	ktap_eq(pvk_union_keep(dir, "/etc/hosts", NULL), 0, "a file is kept");
	ktap_str(read_text("lower/etc/hosts"), "newer", "with its text");
	stat(path_of("lower/etc/hosts"), &st);
	ktap_eq(st.st_mode & 07777, 04750, "and its mode");
	when_listed();
	ktap_check(!listed("changed /etc/hosts 5") && n_lines == 6, "and is no change any more");
	ktap_eq(pvk_union_keep(dir, "//new/./deep/", NULL), 0, "a new directory is kept");
	ktap_str(read_text("lower/new/deep/file"), "text", "with what is in it");
	ktap_eq(pvk_union_keep(dir, "/etc", NULL), 0, "a directory is kept");
	ktap_eq(access(path_of("lower/etc/gone"), F_OK), -1, "what was removed in it is gone");
	ktap_eq(pvk_union_keep(dir, "/var/old", NULL), 0, "a removal is kept");
	ktap_eq(access(path_of("lower/var/old"), F_OK), -1, "of a directory, with all in it");
	when_listed();
	ktap_eq(n_lines, 0, "nothing would be lost now");

	make_dir("ram/upper/var", 0755);
	make_file("lower/var/hidden", "x", 0644);
	if (setxattr(path_of("ram/upper/var"), "trusted.overlay.opaque", "y", 1, 0)) {
		ktap_skip("no such attribute here", "an opaque directory is kept");
	} else {
		pvk_union_keep(dir, "/var", NULL);
		ktap_eq(access(path_of("lower/var/hidden"), F_OK), -1,
			"an opaque directory is kept: what it hid is gone");
	}
	ktap_eq(pvk_union_keep(dir, "/nothing", &err), -ENOENT, "what was not written");
	ktap_str(err.text, "/nothing: nothing was written there", "has a text");
	ktap_eq(pvk_union_keep(dir, "etc", NULL), -EINVAL, "a relative path");
	ktap_eq(pvk_union_keep(dir, "/etc/../x", NULL), -EINVAL, "one with ..");
	ktap_eq(pvk_union_keep(dir, "/", NULL), -EINVAL, "all of it");
	ktap_eq(pvk_union_keep("/nonexistent", "/etc", NULL), -ENOENT, "no union");
}

/* From an empty union to a full one and back. */
static void test_level(void)
{
	static const struct {
		unsigned int percent;
		enum pvk_union_level level;
	} steps[] = {
		{ 0, PVK_UNION_OK }, { 79, PVK_UNION_OK }, { 80, PVK_UNION_WARNING },
		{ 76, PVK_UNION_WARNING }, { 75, PVK_UNION_WARNING }, { 74, PVK_UNION_OK },
		{ 79, PVK_UNION_OK }, { 94, PVK_UNION_WARNING }, { 95, PVK_UNION_CRITICAL },
		{ 90, PVK_UNION_CRITICAL }, { 89, PVK_UNION_WARNING },
		{ 100, PVK_UNION_CRITICAL }, { 3, PVK_UNION_OK }, { 100, PVK_UNION_CRITICAL },
	};
	enum pvk_union_level level = PVK_UNION_OK;
	char name[64];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(steps); i++) {
		level = pvk_union_level_next(level, steps[i].percent);
		snprintf(name, sizeof(name), "step %zu: the level at %u of 100", i,
			 steps[i].percent);
		ktap_str(pvk_union_level_name(level), pvk_union_level_name(steps[i].level), name);
	}
}

static void test_percent(void)
{
	ktap_eq(pvk_union_percent(&(struct pvk_union_usage){ 1000, 810, 100, 3 }), 81,
		"of bytes, where they are scarcer");
	ktap_eq(pvk_union_percent(&(struct pvk_union_usage){ 1000, 10, 100, 97 }), 97,
		"of inodes, where those are");
	ktap_eq(pvk_union_percent(&(struct pvk_union_usage){ 0, 0, 0, 0 }), 0,
		"a tmpfs without limits is never full");
}

/* What pvkit-union writes is what programs read. */
static void test_state(void)
{
	const struct pvk_union_state out = {
		.level = PVK_UNION_CRITICAL, .generation = UINT32_MAX,
		.uptime_ms = UINT64_C(1) << 40, .usage = { UINT64_MAX, UINT64_MAX - 1, 7, 6 },
	};
	struct pvk_union_state in = { .generation = 1 };
	struct pvk_err err = { .text = "" };
	int fd;

	ktap_eq(pvk_union_state_open(dir, &err), -ENOENT, "no state: there is no union");
	make_dir("state", 0755);
	fd = pvk_union_state_open(dir, &err);
	ktap_eq(pvk_union_state_read(fd, &in, &err), -ENOENT, "nor is there a level");
	ktap_eq(pvk_union_state_write(fd, &out), 0, "the largest numbers there are");
	ktap_eq(pvk_union_state_read(fd, &in, &err), 0, "are read");
	ktap_eq(memcmp(&in, &out, sizeof(in)), 0, "as they were written");
	make_file("state/level", "{\"level\":\"brim\",\"generation\":1}", 0644);
	ktap_eq(pvk_union_state_read(fd, &in, &err), -EBADMSG, "a level that is none");
	make_file("state/level", "{\"level\":", 0644);
	ktap_check(pvk_union_state_read(fd, &in, &err) < 0, "half a file");
	close(fd);
}

static int take_plain(void *arg, const char *path, uint64_t bytes, uint64_t files)
{
	(void)arg;
	snprintf(lines[n_lines++ % PVK_ARRAY_SIZE(lines)], sizeof(lines[0]), "%s %s %llu", path,
		 bytes >= 4 ? "some" : "none", (unsigned long long)files);
	return 0;
}

static void test_plain(void)
{
	n_lines = 0;
	ktap_eq(pvk_union_plain(dir, take_plain, NULL, NULL), 0, "nothing is RAM alone");
	ktap_eq(n_lines, 0, "and none is told of");
	make_dir("ram/plain", 0755);
	make_dir("ram/plain/0", 0755);
	make_dir("ram/plain/1", 0755);
	make_dir("ram/plain/1/sub", 0755);
	make_file("ram/plain/1/sub/file", "text", 0600);
	make_file("state/plain", "0 /var/lib/empty\n1 /srv/with blank\n", 0644);
	ktap_eq(pvk_union_plain(dir, take_plain, NULL, NULL), 0, "two directories are");
	ktap_str(lines[0], "/var/lib/empty none 0", "an empty one");
	ktap_str(lines[1], "/srv/with blank some 2", "one with a directory and a file in it");
}

/* ---- many files ---- */

#define MANY	100000

static unsigned int told;

static int count(void *arg, const struct pvk_union_entry *entry)
{
	(void)arg;
	(void)entry;
	told++;
	return 0;
}

static int gone(void *arg, const char *path)
{
	(void)arg;
	(void)path;
	told++;
	return 0;
}

static unsigned int changes(const struct pvk_keep_index *kept)
{
	told = 0;
	return pvk_union_walk(dir, kept, count, NULL, NULL) ? 0 : told;
}

/* given a union of its own, in memory where there is such a place: disks take a minute */
static void given_many(void)
{
	char name[64];
	int i;

	snprintf(dir, sizeof(dir), "%s/pvkit-ramunion.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir))
		ktap_fail("a temporary directory");
	make_dir("lower", 0755);
	make_dir("ram", 0755);
	make_dir("ram/upper", 0755);
	make_dir("ram/upper/many", 0755);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "ram/upper/many/%d", i / 1000);
		if (!(i % 1000))
			make_dir(name, 0755);
		snprintf(name, sizeof(name), "ram/upper/many/%d/%d", i / 1000, i);
		close(open(path_of(name), O_WRONLY | O_CREAT, 0644));
	}
}

static void test_many(void)
{
	const struct pvk_keep_limit limit = { .ram = 1 << 20, .records = 2 * MANY };
	struct pvk_keep_index *index = NULL;
	struct pvk_keeps list;
	char disk[sizeof(dir)];
	int kept, upper;

	strcpy(disk, dir);
	given_many();
	ktap_eq(changes(NULL), MANY + MANY / 1000 + 1, "100,000 files are listed");
	make_dir("kept", 0755);
	kept = open(path_of("kept"), O_RDONLY | O_DIRECTORY);
	upper = open(path_of("ram/upper"), O_RDONLY | O_DIRECTORY);
	ktap_eq(pvk_keep_make(kept, upper, "many", &limit, NULL), 0, "and kept");
	pvk_keeps_read(kept, &list);
	ktap_eq(pvk_keep_index_new(&index, kept, &list, upper, gone, NULL), 0, "and looked up");
	ktap_eq(changes(index), 0, "none of them is a change any more");
	pvk_keep_index_free(index);
	pvk_keeps_free(&list);
	close(upper);
	close(kept);
	remove_all();
	strcpy(dir, disk);
}

/* ---- whoever owns a directory changes what is in it ---- */

static atomic_bool done;

static void *exchange(void *arg)
{
	int fd = *(const int *)arg;

	/* Not without a pause: who keeps is to have his turn. */
	while (!done && !usleep(50))
		renameat2(fd, "a", fd, "b", RENAME_EXCHANGE);
	return NULL;
}

/* given a program of root's, and a user who has a file of his own in its place at times */
static void test_another_by_that_name(void)
{
	unsigned int i, kept = 0, wrong = 0;
	pthread_t thread;
	struct stat st;
	int fd;

	make_dir("ram/upper/home", 0755);
	make_file("ram/upper/home/a", "root's", 04755);
	make_file("ram/upper/home/b", "own", 0644);
	fd = open(path_of("ram/upper/home"), O_RDONLY | O_DIRECTORY);
	if (fd < 0 || pthread_create(&thread, NULL, exchange, &fd))
		ktap_fail("a thread");
	for (i = 0; i < 2000; i++) {
		if (pvk_union_keep(dir, "/home/a", NULL))
			continue;
		kept++;
		stat(path_of("lower/home/a"), &st);
		wrong += (st.st_mode & 04000) && strcmp(read_text("lower/home/a"), "root's");
	}
	done = true;
	pthread_join(thread, NULL);
	close(fd);
	ktap_check(kept, "one or the other is kept");
	ktap_eq(wrong, 0, "never one with the rights of the other");
}

static void test_node(void)
{
	struct stat st = { 0 };
	mode_t mask = umask(077);

	mkfifo(path_of("ram/upper/etc/fifo"), 0600);
	chmod(path_of("ram/upper/etc/fifo"), 0666);
	ktap_eq(pvk_union_keep(dir, "/etc/fifo", NULL), 0, "a pipe is kept");
	umask(mask);
	stat(path_of("lower/etc/fifo"), &st);
	ktap_eq(st.st_mode, S_IFIFO | 0666, "with its mode, whatever our umask");
}

/* given descriptors for the directory, and then for more and more of what is done with it */
static void test_few_descriptors(void)
{
	struct rlimit all, few;
	unsigned int done_anyway = 0, n;
	int ret;

	make_dir("ram/upper/few", 0755);
	make_file("ram/upper/few/file", "text", 0644);
	getrlimit(RLIMIT_NOFILE, &all);
	few = all;
	for (n = 3; n < 12; n++) {
		few.rlim_cur = n;
		setrlimit(RLIMIT_NOFILE, &few);
		ret = pvk_union_keep(dir, "/few", NULL);
		setrlimit(RLIMIT_NOFILE, &all);
		done_anyway += !ret && access(path_of("lower/few/file"), F_OK);
	}
	ktap_eq(ret, 0, "with enough of them a directory is kept");
	ktap_eq(done_anyway, 0, "with too few it is never said to be, without what is in it");
}

int main(void)
{
	ktap_plan(0);
	snprintf(dir, sizeof(dir), "/tmp/pvkit-ramunion.XXXXXX");
	if (!mkdtemp(dir))
		ktap_skip_all("no temporary directory");
	given_tree();
	test_walk();
	test_keep();
	test_level();
	test_percent();
	test_state();
	test_plain();
	test_many();
	test_node();
	test_few_descriptors();
	test_another_by_that_name();
	remove_all();
	return ktap_finish();
}
