// SPDX-License-Identifier: MIT
/*
 * The metadata stores: which keys and values there can be, who sees what, and
 * that a crash or a failing disk at any step leaves the old value or the new.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ktap.h"
#include "meta.h"

static char root[] = "/tmp/pvk-meta-XXXXXX";
static int rootfd = -1;

/*
 * Stand-ins for the calls that make a value durable: they note their order,
 * fail when told, or end the process as a power cut would.
 */
static struct {
	char log[256];
	int step;		/* of the steps below */
	int fail_at;		/* -1: none */
	bool die;		/* at fail_at, instead of failing */
} disk = { .fail_at = -1 };

static bool disk_fails(const char *what)
{
	size_t len = strlen(disk.log);

	snprintf(disk.log + len, sizeof(disk.log) - len, "%s%s", len ? " " : "", what);
	if (disk.step++ != disk.fail_at)
		return false;
	if (disk.die)
		kill(getpid(), SIGKILL);
	errno = EIO;
	return true;
}

int fsync(int fd)
{
	struct stat st;

	fstat(fd, &st);
	if (disk_fails(S_ISDIR(st.st_mode) ? "sync-dir" : "sync-file"))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int renameat(int olddir, const char *old, int newdir, const char *new)
{
	if (disk_fails("rename"))
		return -1;
	return (int)syscall(SYS_renameat2, olddir, old, newdir, new, 0);
}

static void disk_reset(int fail_at, bool die)
{
	memset(&disk, 0, sizeof(disk));
	disk.fail_at = fail_at;
	disk.die = die;
}

/* A fresh store below root. */
static struct pvk_meta *new_store(void)
{
	static int count;
	struct pvk_meta *meta = NULL;
	char name[16];

	snprintf(name, sizeof(name), "store%d", count++);
	if (pvk_meta_open(&meta, rootfd, name, 0)) {
		printf("Bail out! no store in %s\n", root);
		exit(1);
	}
	return meta;
}

static const char *last_store(const char *file)
{
	static char path[64];
	int count = 0;

	for (;; count++) {
		snprintf(path, sizeof(path), "store%d", count);
		if (faccessat(rootfd, path, F_OK, 0))
			break;
	}
	snprintf(path, sizeof(path), "store%d/%s", count - 1, file);
	return path;
}

static void put_file(const char *path, const char *text)
{
	int fd = openat(rootfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		printf("# can't write %s\n", path);
	close(fd);
}

static void put_file_of(const char *path, off_t size)
{
	int fd = openat(rootfd, path, O_WRONLY | O_CREAT, 0600);

	if (ftruncate(fd, size))
		printf("# can't size %s\n", path);
	close(fd);
}

static int set(struct pvk_meta *meta, const char *key, const char *value)
{
	return pvk_meta_set(meta, key, value, strlen(value));
}

/* The value, or the error's name, in a buffer of its own. */
static const char *get(struct pvk_meta *meta, const char *key)
{
	static struct pvk_buf buf = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	int ret;

	pvk_buf_reset(&buf);
	ret = pvk_meta_get(meta, key, &buf);
	return ret ? strerrorname_np(-ret) : pvk_buf_str(&buf);
}

static const char *list(struct pvk_meta *meta)
{
	static char text[1024];
	pvk_auto_keys struct pvk_keys keys = { 0 };
	size_t i, len = 0;

	text[0] = '\0';
	if (pvk_meta_list(meta, &keys))
		return "error";
	for (i = 0; i < keys.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					keys.key[i]);
	return text;
}

/* ---- a store's life ---- */

static void test_life(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();

	ktap_str(get(meta, "a"), "ENOENT", "a new store is empty");
	ktap_str(list(meta), "", "and lists nothing");
	ktap_eq(pvk_meta_delete(meta, "a"), -ENOENT, "there is nothing to delete");
	ktap_eq(set(meta, "drivers.iwlwifi.opts", "power_save=1"), 0, "a key is set");
	ktap_str(get(meta, "drivers.iwlwifi.opts"), "power_save=1", "and read");
	ktap_eq(set(meta, "drivers.iwlwifi.opts", "x"), 0, "it is replaced");
	ktap_str(get(meta, "drivers.iwlwifi.opts"), "x", "as a whole");
	set(meta, "b", "2");
	set(meta, "B", "1");
	ktap_str(list(meta), "B b drivers.iwlwifi.opts", "keys are listed, sorted by bytes");
	ktap_eq(pvk_meta_delete(meta, "b"), 0, "a key is deleted");
	ktap_str(list(meta), "B drivers.iwlwifi.opts", "the others stay");
}

static void test_bytes(void)
{
	static const char odd[] = "q\"q s s\nl$x\\\0n\xff";
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	pvk_auto_meta struct pvk_meta *meta = new_store();

	ktap_eq(pvk_meta_set(meta, "a", odd, sizeof(odd) - 1), 0,
		"quotes, spaces, newlines, '$', NUL and non-UTF-8 are just bytes of a value");
	pvk_meta_get(meta, "a", &buf);
	ktap_check(buf.len == sizeof(odd) - 1 && !memcmp(buf.data, odd, buf.len),
		   "they come back as they were");
}

static void test_value_limits(void)
{
	char value[PVK_META_VALUE_MAX + 1];
	pvk_auto_meta struct pvk_meta *meta = new_store();

	memset(value, 'v', sizeof(value));
	ktap_eq(pvk_meta_set(meta, "a", value, PVK_META_VALUE_MAX), 0, "a value of 4096 bytes");
	ktap_eq(strlen(get(meta, "a")), PVK_META_VALUE_MAX, "is read whole");
	ktap_eq(pvk_meta_set(meta, "a", value, sizeof(value)), -EFBIG, "of 4097 is refused");
	ktap_eq(strlen(get(meta, "a")), PVK_META_VALUE_MAX, "and the old one stays");
	ktap_eq(pvk_meta_set(meta, "a", "", 0), -EINVAL, "an empty value is refused");
	value[PVK_META_VALUE_MAX] = '\0';
	put_file(last_store("b"), value);
	ktap_eq(strlen(get(meta, "b")), PVK_META_VALUE_MAX, "somebody else's file is read as well");
	put_file(last_store("b"), "");
	ktap_str(get(meta, "b"), "", "an empty one too");
	put_file_of(last_store("b"), PVK_META_VALUE_MAX + 1);
	ktap_str(get(meta, "b"), "EFBIG", "but not one that is too large");
}

static const struct {
	const char *key;
	bool ok;
} keys[] = {
	{ "a", true }, { "a.b.c", true }, { "a..b", true }, { "a.", true },
	{ "A-z_0+1@2:3", true }, { ":", true }, { "-", true }, { "a:", true },
	{ "", false }, { ".", false }, { "..", false }, { ".new", false }, { ".a", false },
	{ "a/b", false }, { "../a", false }, { "/etc/shadow", false }, { "a b", false },
	{ "a\n", false }, { "a\tb", false }, { "a%2fb", false }, { "a$", false }, { "a}", false },
	{ "\xc3\xa9", false }, { "a:-b", false }, { ":-", false },
};

static void test_keys(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();
	char longest[PVK_META_KEY_MAX + 2];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(keys); i++) {
		bool refused = set(meta, keys[i].key, "v") == -EINVAL &&
			       !strcmp(get(meta, keys[i].key), "EINVAL") &&
			       pvk_meta_delete(meta, keys[i].key) == -EINVAL;
		bool works = !set(meta, keys[i].key, "v") && !strcmp(get(meta, keys[i].key), "v");

		if (!ktap_check(keys[i].ok ? works : refused, "key %zu is %s", i,
				keys[i].ok ? "taken" : "refused by set, get and delete"))
			ktap_print_value("key:", keys[i].key);
	}
	memset(longest, 'k', sizeof(longest));
	longest[PVK_META_KEY_MAX] = '\0';
	ktap_eq(set(meta, longest, "v"), 0, "a key of 255 bytes");
	ktap_str(get(meta, longest), "v", "is read");
	longest[PVK_META_KEY_MAX] = 'k';
	longest[PVK_META_KEY_MAX + 1] = '\0';
	ktap_eq(set(meta, longest, "v"), -EINVAL, "of 256 is refused");
}

static void test_many(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();
	pvk_auto_keys struct pvk_keys all = { 0 };
	char key[16];
	int i;

	for (i = 0; i < PVK_META_KEYS_MAX; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		put_file(last_store(key), "v");
	}
	ktap_eq(set(meta, "one-more", "v"), -ENOSPC, "a store takes 1024 keys, no more");
	ktap_eq(set(meta, "k7", "w"), 0, "those in it can be replaced");
	ktap_eq(pvk_meta_list(meta, &all), 0, "and listed");
	ktap_eq(all.count, PVK_META_KEYS_MAX, "all");
	pvk_meta_delete(meta, "k0");
	ktap_eq(set(meta, "one-more", "v"), 0, "after a deletion there is room");
	put_file(last_store("k0"), "v");
	ktap_eq(pvk_meta_list(meta, &(struct pvk_keys){ 0 }), -E2BIG,
		"more files than that, by somebody else, are not listed in part");
}

static void test_much(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();
	static char value[PVK_META_VALUE_MAX + 2];
	const int most = PVK_META_STORE_MAX / PVK_META_VALUE_MAX;
	char key[16];
	int i;

	memset(value, 'v', PVK_META_VALUE_MAX);
	for (i = 0; i < most; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		put_file(last_store(key), value);
	}
	ktap_eq(set(meta, "one-more", "v"), -ENOSPC, "a store takes 1 MiB of values, no more");
	value[0] = 'w';
	ktap_eq(set(meta, "k7", value), 0, "those in it can be replaced");
	ktap_eq(set(meta, "k7", "v"), 0, "by less too");
	ktap_eq(set(meta, "one-more", "v"), 0, "which makes room");
	value[PVK_META_VALUE_MAX] = 'v';
	put_file(last_store("huge"), value);
	ktap_eq(set(meta, "again-one", "v"), 0, "a file that is no value takes none of it");
}

static void test_foreign_files(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();

	put_file("secret", "s3cret");
	put_file(last_store(".hidden"), "x");
	put_file(last_store("a b"), "x");
	put_file(last_store("good"), "g");
	mkdirat(rootfd, last_store("dir"), 0700);
	symlinkat("../secret", rootfd, last_store("link"));
	mkfifoat(rootfd, last_store("fifo"), 0600);
	ktap_str(list(meta), "good", "only files with a key's name are keys");
	ktap_str(get(meta, "link"), "ENOENT", "a link out of the store is not followed");
	ktap_str(get(meta, "dir"), "ENOENT", "a directory is no value");
	ktap_str(get(meta, "fifo"), "ENOENT", "nor is a FIFO, which does not hang the reader");
	ktap_eq(set(meta, "link", "v"), 0, "setting a key that is a link");
	ktap_str(get(meta, "link"), "v", "replaces the link");
}

static void test_readonly(void)
{
	struct pvk_meta *meta = NULL;

	ktap_eq(pvk_meta_open(&meta, rootfd, "absent", PVK_META_READONLY), 0,
		"a reader opens a store that is not there");
	ktap_str(get(meta, "a"), "ENOENT", "finds it empty");
	ktap_str(list(meta), "", "lists nothing");
	ktap_eq(set(meta, "a", "v"), -EROFS, "can't set");
	ktap_eq(pvk_meta_delete(meta, "a"), -EROFS, "or delete");
	ktap_check(faccessat(rootfd, "absent", F_OK, 0), "and made no directory");
	pvk_meta_close(meta);
	ktap_eq(pvk_meta_open(&meta, rootfd, "no/parent", 0), -ENOENT,
		"a writer makes the directory, not its parents");
	ktap_eq(pvk_meta_open(&meta, rootfd, "secret", 0), -ENOTDIR, "a file is no store");
}

/* ---- durability ---- */

static void test_order(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();

	disk_reset(-1, false);
	set(meta, "a", "v");
	ktap_str(disk.log, "sync-file rename sync-dir",
		 "a value is synced, then takes the key's place, then the directory is synced");
	disk_reset(-1, false);
	set(meta, "a", "v");
	ktap_str(disk.log, "sync-dir", "a value that is set already is not written again");
	disk_reset(-1, false);
	pvk_meta_delete(meta, "a");
	ktap_str(disk.log, "sync-dir", "a deletion is synced too");
	disk_reset(-1, false);
}

static const char *const steps[] = { "syncing the file", "renaming", "syncing the directory" };
/* What is there after a fault at that step. */
static const char *const after[] = { "old", "old", "new" };

static void test_faults(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(steps); i++) {
		pvk_auto_meta struct pvk_meta *meta = new_store();

		set(meta, "a", "old");
		disk_reset((int)i, false);
		ktap_eq(set(meta, "a", "new"), -EIO, "an error while %s is told", steps[i]);
		disk_reset(-1, false);
		ktap_str(get(meta, "a"), after[i], "after an error while %s", steps[i]);
		ktap_check(faccessat(rootfd, last_store(".new"), F_OK, 0),
			   "after an error while %s nothing is left behind", steps[i]);
		ktap_eq(set(meta, "a", "new"), 0, "after an error while %s it works again",
			steps[i]);
	}
}

static void test_crashes(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(steps); i++) {
		pvk_auto_meta struct pvk_meta *meta = new_store(), *next = NULL;
		bool left = i < 2;
		char dir[64];
		int status = 0;
		pid_t pid;

		set(meta, "a", "old");
		pid = fork();
		if (!pid) {
			disk_reset((int)i, true);
			_exit(set(meta, "a", "new") ? 1 : 0);
		}
		waitpid(pid, &status, 0);
		ktap_check(WIFSIGNALED(status), "a writer is killed while %s", steps[i]);
		ktap_str(get(meta, "a"), after[i], "killed while %s: the value", steps[i]);
		ktap_str(list(meta), "a", "killed while %s: no part of one is seen", steps[i]);
		ktap_eq(!faccessat(rootfd, last_store(".new"), F_OK, 0), left,
			"killed while %s: a file is left over: %s", steps[i], left ? "yes" : "no");

		snprintf(dir, sizeof(dir), "%s", last_store("."));
		pvk_meta_open(&next, rootfd, dir, 0);
		ktap_check(faccessat(rootfd, last_store(".new"), F_OK, 0),
			   "killed while %s: the next to open the store clears it away", steps[i]);
		ktap_eq(set(next, "a", "newer"), 0, "killed while %s: and can write", steps[i]);
	}
}

static void test_left_over(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();

	put_file(last_store(".new"), "left over");
	ktap_eq(set(meta, "a", "v"), 0, "given a dead writer's file, one that lives on writes");
	ktap_str(get(meta, "a"), "v", "what it means to");
	symlinkat("../victim", rootfd, last_store(".new"));
	ktap_eq(set(meta, "a", "w"), 0, "given a link in its place, it writes");
	ktap_check(faccessat(rootfd, "victim", F_OK, 0), "and not through the link");
}

static void test_lock(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();
	int lock = openat(rootfd, last_store("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status = -1;
	pid_t pid;

	flock(lock, LOCK_EX);
	pid = fork();
	if (!pid) {
		close(lock);
		_exit(set(meta, "a", "v") ? 1 : 0);
	}
	usleep(200 * 1000);
	ktap_eq(waitpid(pid, &status, WNOHANG), 0, "a writer waits for the one that has the lock");
	ktap_str(get(meta, "a"), "ENOENT", "a reader does not");
	flock(lock, LOCK_UN);
	waitpid(pid, &status, 0);
	ktap_check(WIFEXITED(status) && !WEXITSTATUS(status), "then it writes");
	ktap_str(get(meta, "a"), "v", "its value");
	close(lock);
}

/* Two writers and a reader; one writer is killed again and again. */
static void write_forever(struct pvk_meta *meta, char c)
{
	char value[PVK_META_VALUE_MAX];

	memset(value, c, sizeof(value));
	for (;; value[0] ^= 1) {
		memset(value + 1, value[0], sizeof(value) - 1);
		pvk_meta_set(meta, "a", value, sizeof(value));
	}
}

static pid_t start_writer(const char *dir, char c)
{
	struct pvk_meta *meta = NULL;
	pid_t pid = fork();

	if (!pid) {
		if (!pvk_meta_open(&meta, rootfd, dir, 0))
			write_forever(meta, c);
		_exit(1);
	}
	return pid;
}

static bool value_whole(struct pvk_meta *meta)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(PVK_META_VALUE_MAX);
	size_t i;

	if (pvk_meta_get(meta, "a", &buf) || buf.len != PVK_META_VALUE_MAX)
		return false;
	for (i = 1; i < buf.len; i++)
		if (buf.data[i] != buf.data[0])
			return false;
	return true;
}

static void test_race(void)
{
	pvk_auto_meta struct pvk_meta *meta = new_store();
	char start[PVK_META_VALUE_MAX], dir[64];
	int round, i, torn = 0, ended = 0;
	pid_t steady, victim;

	snprintf(dir, sizeof(dir), "%s", last_store("."));
	memset(start, 'z', sizeof(start));
	pvk_meta_set(meta, "a", start, sizeof(start));
	steady = start_writer(dir, 'A');
	for (round = 0; round < 20; round++) {
		victim = start_writer(dir, 'Q');
		for (i = 0; i < 50; i++)
			torn += !value_whole(meta);
		usleep((useconds_t)(round * 500));
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
	ended = waitpid(steady, NULL, WNOHANG);
	kill(steady, SIGKILL);
	waitpid(steady, NULL, 0);
	ktap_eq(torn, 0, "two writers, one killed 20 times: every reading is one whole value");
	ktap_eq(ended, 0, "the other writer goes on");
	ktap_eq(set(meta, "a", "v"), 0, "nobody's lock stays behind");
}

/* ---- who sees what ---- */

static const struct {
	const char *who;
	struct pvk_caller caller;
	const char *key;
	bool may;
} rights[] = {
	{ "nobody known", { 0 }, "drivers.a", false },
	{ "nobody with mgmt", { .mgmt = true }, "drivers.a", false },
	{ "the host", { .host = true }, "web.a", true },
	{ "mgmt", { .name = "web", .mgmt = true }, "db.a", true },
	{ "a container", { .name = "web" }, "web.a", true },
	{ "a container", { .name = "web" }, "web.a.b", true },
	{ "a container", { .name = "web" }, "drivers.iwlwifi.opts", true },
	{ "a container", { .name = "web" }, "db.a", false },
	{ "a container", { .name = "web" }, "web", false },
	{ "a container", { .name = "web" }, "web2.a", false },
	{ "a container", { .name = "web" }, "we.a", false },
	{ "a container", { .name = "web" }, "drivers", false },
	{ "a container", { .name = "web" }, "driversx", false },
	{ "a container", { .name = "web" }, "xdrivers.a", false },
	{ "a container", { .name = "web" }, "Web.a", false },
	{ "a container without a name", { .name = "" }, ".a", false },
};

static void test_rights(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(rights); i++)
		ktap_eq(pvk_meta_may_read(&rights[i].caller, rights[i].key), rights[i].may,
			"%s %s %s", rights[i].who, rights[i].may ? "reads" : "does not read",
			rights[i].key);
	ktap_check(pvk_meta_may_write(&(struct pvk_caller){ .host = true }), "the host writes");
	ktap_check(pvk_meta_may_write(&(struct pvk_caller){ .name = "web", .mgmt = true }),
		   "mgmt writes");
	ktap_check(!pvk_meta_may_write(&(struct pvk_caller){ .name = "web" }),
		   "a container does not, its own keys neither");
	ktap_check(!pvk_meta_may_write(&(struct pvk_caller){ .mgmt = true }),
		   "nobody known does not");
}

static void remove_root(void)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(void)
{
	ktap_plan(0);
	if (mkdtemp(root))
		rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0) {
		printf("Bail out! no directory in /tmp: %s\n", strerror(errno));
		return 1;
	}
	test_life();
	test_bytes();
	test_value_limits();
	test_keys();
	test_many();
	test_much();
	test_foreign_files();
	test_readonly();
	test_order();
	test_faults();
	test_crashes();
	test_left_over();
	test_lock();
	test_race();
	test_rights();
	remove_root();
	return ktap_finish();
}
