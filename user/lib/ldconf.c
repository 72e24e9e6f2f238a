// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ldconf.h"
#include "rootpath.h"

#define FILE_MAX	65536
#define DEPTH_MAX	4	/* of files that include others */
#define BLANKS		" \t\r"

static int read_conf(int root, const char *path, unsigned int depth, struct pvk_buf *dirs);

/* Of /etc/x.conf and b/PATTERN it is /etc/b. */
static int split(const char *from, const char *name, char *dir, const char **pattern)
{
	const char *slash = strrchr(name, '/'), *end = strrchr(from, '/');
	int n;

	*pattern = slash ? slash + 1 : name;
	if (name[0] == '/')
		n = snprintf(dir, PATH_MAX, "%.*s", (int)(slash - name), name);
	else
		n = snprintf(dir, PATH_MAX, "%.*s/%.*s", (int)(end - from), from,
			     slash ? (int)(slash - name) : 0, name);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int include(int root, const char *from, const char *name, unsigned int depth,
		   struct pvk_buf *dirs)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **entry;
	const char *pattern;
	int n, i, fd, ret = 0;

	if (split(from, name, dir, &pattern))
		return 0;
	fd = pvk_root_open(root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY);
	n = fd < 0 ? -1 : scandirat(fd, ".", &entry, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (!ret && !fnmatch(pattern, entry[i]->d_name, FNM_PERIOD) &&
		    snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name) <
		    (int)sizeof(path))
			ret = read_conf(root, path, depth + 1, dirs);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* "include PATTERN"; "/dir", which may have "=TYPE" behind it; "hwcap ...", which is no more. */
static int take_line(int root, const char *from, char *line, unsigned int depth,
		     struct pvk_buf *dirs)
{
	char *word;
	int ret = 0;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, BLANKS);
	word = strsep(&line, BLANKS "=");
	if (!strcmp(word, "include")) {
		while (!ret && (word = strsep(&line, BLANKS)))
			ret = *word ? include(root, from, word, depth, dirs) : 0;
		return ret;
	}
	return word[0] == '/' ? pvk_buf_printf(dirs, "%s%s", dirs->len ? ":" : "", word) : 0;
}

static int read_conf(int root, const char *path, unsigned int depth, struct pvk_buf *dirs)
{
	pvk_auto_close int fd = pvk_root_open(root, path, O_RDONLY | O_NONBLOCK);
	pvk_auto_free char *text = NULL;
	char *at, *line;
	size_t len;
	int ret = 0;

	if (depth == DEPTH_MAX || fd < 0 || pvk_read_fd(fd, FILE_MAX, &text, &len))
		return 0;
	at = text;
	while (!ret && (line = strsep(&at, "\n")))
		ret = take_line(root, path, line, depth, dirs);
	return ret;
}

int pvk_ldconf_read(int root, struct pvk_buf *dirs)
{
	return read_conf(root, PVK_LDCONF_PATH, 0, dirs);
}
