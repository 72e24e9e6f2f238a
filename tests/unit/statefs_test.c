// SPDX-License-Identifier: MIT
/*
 * The file system on which an update outlives a power cut: its words, and files on it
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "statefs.h"
#include "tempdir.h"

static struct update_state state;
static struct pvk_err err;

static void test_words(void)
{
	static const struct {
		const char *given, *dir;	/* NULL: refused */
	} table[] = {
		{ "/pvkit", "/pvkit" }, { "/a/b/", "/a/b" }, { "/", "" },
		{ "/a..b/..c", "/a..b/..c" },
		{ "", NULL }, { "a", NULL }, { "/../etc", NULL }, { "/a/..", NULL },
	};
	size_t i;
	int ret;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		ret = update_state_init(&state, "/dev/vdb", "ext4", table[i].given, &err);
		ktap_eq(ret, table[i].dir ? 0 : -EINVAL, "directory \"%s\"", table[i].given);
		if (!ret)
			ktap_str(state.dir, table[i].dir, "as it is put together");
	}
	ktap_eq(update_state_init(&state, "", "ext4", "/", &err), -EINVAL, "no device");
	ktap_eq(update_state_init(&state, "LABEL=a", "auto", "/", &err), 0, "any type");
	ktap_str(state.fstype, "", "is none");
}

static void test_files(void)
{
	char path[PATH_MAX];

	mkdir(path_of("pvkit"), 0755);
	update_state_init(&state, "/dev/vdb", "ext4", "/pvkit", NULL);
	update_state_log(&state, "not mounted");
	update_state_mounted(&state, dir);
	ktap_str(update_state_path(&state, "image-0", path), path_of("pvkit/image-0"),
		 "where a file is");
	ktap_eq(update_state_put(&state, "result", "failed\n", &err), 0, "a file is written");
	ktap_eq(update_state_put(&state, "result", "ok\n", &err), 0, "and anew");
	ktap_str(text_of("pvkit/result"), "ok\n", "as it is now");
	update_state_log(&state, "image %d of %d", 1, 2);
	update_state_log(&state, "%2000s", "long");
	update_state_log(&state, "last");
	ktap_check(!strncmp(text_of("pvkit/log"), "image 1 of 2\n ", 14), "a log");
	ktap_check(strstr(text_of("pvkit/log"), " \nlast\n"), "a line that is too long is cut");
	chmod(path_of("pvkit"), 0777);
	ktap_eq(update_state_put(&state, "result", "ok\n", &err), -EPERM,
		"a directory that others can write to");
	ktap_str(err.text, "state: /pvkit can be written by others than root: chmod go-w",
		 "is refused");
	snprintf(state.dir, sizeof(state.dir), "/missing");
	ktap_eq(update_state_put(&state, "result", "ok\n", &err), -ENOENT, "no such directory");
	ktap_check(strstr(err.text, "/missing"), "is named");
}

int main(void)
{
	tempdir_open();
	ktap_plan(0);
	test_words();
	test_files();
	tempdir_remove("");
	return ktap_finish();
}
