// SPDX-License-Identifier: MIT
/*
 * Which program pvkit-init hands over to
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "switch.h"

static char root[PATH_MAX];
static struct pvk_err err;

static const char *at(const char *path)
{
	static char full[2 * PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

/* given a root, which must lie beside us: one program may be a link to this one */
static void given_root(void)
{
	ssize_t n = readlink("/proc/self/exe", root, sizeof(root) - sizeof(".XXXXXX"));

	strcpy(root + (n < 0 ? 0 : n), ".XXXXXX");
	ktap_check(mkdtemp(root), "a directory for a root");
	mkdir(at("/sbin"), 0755);
	mkdir(at("/bin"), 0755);
}

/* and a program in it */
static void given_program(const char *path, mode_t mode)
{
	int fd = open(at(path), O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd >= 0)
		close(fd);
}

static void given_ourselves(const char *path)
{
	unlink(at(path));
	ktap_check(!linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, at(path), AT_SYMLINK_FOLLOW),
		   "%s is this program", path);
}

static const char *found(const char *init)
{
	const char *path;

	err.text[0] = '\0';
	path = switch_find_init(root, init, &err);
	return path ? path : "none";
}

static void test_list(void)
{
	given_program("/bin/sh", 0755);
	ktap_str(found(""), "none", "a shell is no init");
	ktap_str(err.text, "the root has no program /sbin/init", "what is missing is said");
	given_program("/bin/init", 0755);
	given_program("/sbin/init", 0644);
	ktap_str(found(""), "/bin/init", "what can't be executed is passed by");
	chmod(at("/sbin/init"), 0755);
	ktap_str(found(""), "/sbin/init", "the first of the list");
	ktap_str(found("/bin/sh"), "/bin/sh", "a shell that was asked for");
	ktap_str(found("/sbin/other"), "none", "one that was asked for and is not there");
	ktap_str(err.text, "the root has no program /sbin/other", "that, too, is said");
}

static void test_links(void)
{
	ktap_check(!symlink("/bin/sh", at("/sbin/link")), "a link from the root on");
	ktap_str(found("/sbin/link"), "/sbin/link", "links lead within the root");
	unlink(at("/bin/sh"));
	ktap_str(found("/sbin/link"), "none", "and not to what is outside");
}

static void test_ourselves(void)
{
	given_ourselves("/sbin/init");
	ktap_str(found(""), "/bin/init", "pvkit-init does not go on with itself");
	unlink(at("/bin/init"));
	ktap_str(found(""), "none", "and ends where there is nothing else");
	ktap_str(err.text, "/sbin/init is pvkit-init itself: init= must name another",
		 "that is said");
	ktap_str(found("/sbin/init"), "none", "nor where it was asked to");
}

int main(void)
{
	ktap_plan(0);
	given_root();
	test_list();
	test_links();
	test_ourselves();
	unlink(at("/sbin/link"));
	unlink(at("/sbin/init"));
	rmdir(at("/sbin"));
	rmdir(at("/bin"));
	rmdir(root);
	return ktap_finish();
}
