/* SPDX-License-Identifier: MIT */
/*
 * A temporary directory for a test on the host: made by tempdir_open(), which skips the
 * whole program if there can be none, and removed with all that is in it.
 */
#ifndef PVKIT_TESTS_UNIT_TEMPDIR_H
#define PVKIT_TESTS_UNIT_TEMPDIR_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "util.h"

static char dir[64];

static inline void tempdir_open(void)
{
	strcpy(dir, "/tmp/pvkit_test.XXXXXX");
	if (!mkdtemp(dir))
		ktap_skip_all("no temporary directory");
}

/* What lies there under a name, "" for all of it. */
static inline void tempdir_remove(const char *below)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", dir, below);
	if (system(command))
		ktap_fail("files of a temporary directory removed");
}

/* Good until the fourth call after it. */
static inline const char *path_of(const char *name)
{
	static char path[4][256];
	static unsigned int n;

	snprintf(path[++n % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[n % 4];
}

static inline void put_bytes(const char *name, const void *data, size_t len)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		ktap_fail("a file in a temporary directory");
	close(fd);
}

static inline void put_file(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

/* Good until the next call. */
static inline const char *text_of(const char *name)
{
	static char *text;
	size_t len;

	free(text);
	text = NULL;
	return pvk_read_file(AT_FDCWD, path_of(name), 4096, &text, &len) ? "no file" : text;
}

#endif
