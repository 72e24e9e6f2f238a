// SPDX-License-Identifier: MIT
/*
 * Lines of /proc/PID/mountinfo, odd ones too, and what an overlay says it lies on.
 */
#include <errno.h>
#include <sys/sysmacros.h>

#include "ktap.h"
#include "mountinfo.h"
#include "util.h"

static char text[4096];
static char *rest;
static struct pvk_mount mount;

static void given(const char *lines)
{
	snprintf(text, sizeof(text), "%s", lines);
	rest = text;
}

static void test_usual(void)
{
	given("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=x\n"
	      "37 36 0:22 / /sys rw - sysfs none rw");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), 0, "a line with optional fields is read");
	ktap_check(mount.id == 36 && mount.parent == 35 && mount.dev == makedev(98, 0),
		   "its numbers");
	ktap_str(mount.root, "/mnt1", "its root");
	ktap_str(mount.point, "/mnt2", "its mount point");
	ktap_str(mount.type, "ext3", "the type, behind any number of optional fields");
	ktap_str(mount.source, "/dev/root", "the source");
	ktap_str(mount.options, "rw,errors=x", "options of the file system, not of the mount");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), 0, "a line without them, and without a newline");
	ktap_str(mount.source, "none", "its source");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), -ENOENT, "then there is no more");
}

static void test_odd(void)
{
	given("1 1 0:5 /a\\040b /mnt/new\\012line\\011tab\\134040 rw - fuse.x\\040y # rw\n");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), 0, "escapes are no end of a word");
	ktap_str(mount.root, "/a b", "a blank");
	ktap_str(mount.point, "/mnt/new\nline\ttab\\040", "newline, tab, and a backslash once");
	ktap_str(mount.type, "fuse.x y", "in a type");
	given("1 1 0:5 / /\\04 rw - t s o\\400p\n");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), 0, "what only looks like an escape");
	ktap_str(mount.point, "/\\04", "stays as it is");
	given("1 1 0:5 / /x rw - -  rw\n");
	ktap_eq(pvk_mountinfo_next(&rest, &mount), 0, "a type that is a hyphen, an empty source");
	ktap_str(mount.source, "", "which is empty");
}

static void test_broken(void)
{
	static const char *const lines[] = {
		"", "1", "1 2 3", "x 2 0:1 / / rw - t s o", "1 2 0-1 / / rw - t s o",
		"1 2 0:1 / / rw t s o", "1 2 0:1 / / rw - t s", "1 2 0:1x / / rw - t s o",
		"99999999999 2 0:1 / / rw - t s o", "-1 2 0:1 / / rw - t s o",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(lines); i++) {
		snprintf(text, sizeof(text), "%s\n7 1 0:1 / / rw - t s o\n", lines[i]);
		rest = text;
		ktap_eq(pvk_mountinfo_next(&rest, &mount), -EBADMSG, "\"%s\" is no mount",
			lines[i]);
		ktap_check(!pvk_mountinfo_next(&rest, &mount) && mount.id == 7,
			   "and the line behind it is one");
	}
}

/* All layers with a bar behind each. */
static const char *layers_of(const char *options)
{
	struct pvk_layers layers = { .rest = options };
	static char all[1024];
	char path[64];

	all[0] = '\0';
	while (pvk_layers_next(&layers, path, sizeof(path))) {
		strcat(all, path);
		strcat(all, "|");
	}
	return all;
}

static void test_layers(void)
{
	ktap_str(layers_of("rw,lowerdir=/a:/b,upperdir=/u,workdir=/w,index=off"), "/a|/b|/u|",
		 "lower directories and the upper one");
	ktap_str(layers_of("lowerdir=/a\\040b:/c\\054d"), "/a b|/c,d|",
		 "blanks and commas are escaped by the kernel");
	ktap_str(layers_of("lowerdir=/a\\134:b:/c"), "/a:b|/c|",
		 "a colon by who mounted it, with a backslash that the kernel escapes");
	ktap_str(layers_of("lowerdir=/a\\:b:/c"), "/a:b|/c|", "or does not");
	ktap_str(layers_of("lowerdir+=/a,lowerdir+=/b:c,datadir+=/d"), "/a|/b:c|/d|",
		 "one in each option");
	ktap_str(layers_of("lowerdir=/a::/d,redirect_dir=on"), "/a|/d|", "data-only layers");
	ktap_str(layers_of("upperdir=/u:v"), "/u:v|", "an upper one is no list");
	ktap_str(layers_of("lowerdir=l/one:l/two"), "l/one|l/two|", "relative paths, as they are");
	ktap_str(layers_of("rw,xlowerdir=/a"), "", "no other option");
	ktap_str(layers_of(""), "", "nothing");
	ktap_str(layers_of("lowerdir="), "", "an empty list");
	ktap_str(layers_of("lowerdir=/a\\"), "/a\\|", "a backslash at the end");
	ktap_str(layers_of("lowerdir=/012345678901234567890123456789012345678901234567890123456789"
			   "0123456789:/b"), "/b|", "one that does not fit is left out");
}

static void test_swaps(void)
{
	char text[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		      "/dev/vda3                               partition\t524284\t0\t-2\n"
		      "/with\\040blank file\t\t1020\t\t0\t\t5\n";
	char *rest = text;

	ktap_str(pvk_swaps_next(&rest), "/dev/vda3", "the first swap is not the heading");
	ktap_str(pvk_swaps_next(&rest), "/with blank", "escapes in the path of a swap");
	ktap_check(!pvk_swaps_next(&rest), "no more swaps");
	ktap_check(!pvk_swaps_next(&rest), "and none when asked again");
}

int main(void)
{
	ktap_plan(0);
	test_usual();
	test_odd();
	test_broken();
	test_layers();
	test_swaps();
	return ktap_finish();
}
