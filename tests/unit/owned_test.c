// SPDX-License-Identifier: MIT
/*
 * Files that nobody but root can have put there: what is the matter with one that is not so is
 * told with the directory that it is about.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "owned.h"

static char dir[] = "/tmp/pvkit-owned.XXXXXX";
static int top;
static struct pvk_err err;

static void shell(const char *command)
{
	if (system(command))
		ktap_fail("%s", command);
}

/* As it should be, and then so. */
static void given(const char *command)
{
	shell("chmod -R u=rwX,go= . && chown -hR 0:0 .");
	shell(command);
}

static int opens(const char *path)
{
	int fd = pvk_owned_open(top, path, O_RDONLY, &err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void test_good(void)
{
	given("mkdir -p a/b && echo plan >a/b/plan && chmod 755 a . && chmod 644 a/b/plan");
	ktap_eq(opens("a/b/plan"), 0, "root's, which others can read");
	ktap_eq(opens("/a//b/plan"), 0, "with more '/'");
	ktap_eq(opens(""), 0, "the top itself");
	ktap_eq(opens("a/b/none"), -ENOENT, "one that is not there");
	ktap_str(err.text, "a/b/none: No such file or directory", "is named");
}

static void test_bad(void)
{
	static const struct {
		const char *command, *path, *text;
		int ret;
	} table[] = {
		{ "chown 1000 a/b/plan", "a/b/plan",
		  "a/b/plan is user 1000's, and has to be root's: chown root", -EPERM },
		{ "chown 1000 a", "/a/b/plan",
		  "/a is user 1000's, and has to be root's: chown root", -EPERM },
		{ "chmod g+w a/b", "a/b/plan",
		  "a/b can be written by others than root: chmod go-w", -EPERM },
		{ "chmod o+w a/b/plan", "a/b/plan",
		  "a/b/plan can be written by others than root: chmod go-w", -EPERM },
		{ "chmod 1777 .", "a/b/plan",
		  "/ can be written by others than root: chmod go-w", -EPERM },
		{ "ln -sfn b a/link", "a/link/plan", "a/link: no directory, or a symlink",
		  -ENOTDIR },
		{ "ln -sf plan a/b/link", "a/b/link", "a/b/link: a symlink", -ELOOP },
		{ "true", "a/../a/b/plan", "a/../a/b/plan: with ..", -EINVAL },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		given(table[i].command);
		ktap_eq(opens(table[i].path), table[i].ret, "%s: refused", table[i].command);
		ktap_str(err.text, table[i].text, "%s: why", table[i].command);
	}
}

static void test_make(void)
{
	struct stat st;
	int fd;

	given("true");
	fd = pvk_owned_make_dir(top, "/c/d/", &err);
	ktap_check(fd >= 0, "directories are made");
	ktap_check(!fstat(fd, &st) && (st.st_mode & 07777) == 0700, "root's alone");
	close(fd);
	given("chmod g+w a");
	ktap_eq(pvk_owned_make_dir(top, "a/c", &err), -EPERM, "but none in one that is not");
	ktap_eq(access("a/c", F_OK), -1, "nor is it there then");
}

int main(void)
{
	char command[64];

	if (geteuid())
		ktap_skip_all("takes root: files of others");
	if (!mkdtemp(dir) || chdir(dir))
		ktap_skip_all("no temporary directory");
	top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ktap_plan(0);
	test_good();
	test_bad();
	test_make();
	close(top);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	shell(command);
	return ktap_finish();
}
