// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tree.h"

int pvk_tree_open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int pvk_tree_open_path(int at, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, at, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int pvk_tree_remove(int at, const char *name, unsigned int depth)
{
	struct dirent *entry;
	int fd, ret = 0;
	DIR *dir;

	if (!unlinkat(at, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = depth < PVK_TREE_DEPTH_MAX ? pvk_tree_open_dir(at, name) : -ELOOP;
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	while (dir && !ret && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = pvk_tree_remove(fd, entry->d_name, depth + 1);
	if (dir)
		closedir(dir);
	else
		close(fd);
	return !ret && unlinkat(at, name, AT_REMOVEDIR) ? -errno : ret;
}

int pvk_tree_clean_path(char *clean, size_t size, const char *path)
{
	char copy[PATH_MAX], *rest = copy, *part;
	size_t len = 0;

	if (path[0] != '/' || strlen(path) >= sizeof(copy) || strlen(path) >= size)
		return -EINVAL;
	strcpy(copy, path);
	clean[0] = '\0';
	while ((part = strsep(&rest, "/"))) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, ".."))
			return -EINVAL;
		len += (size_t)snprintf(clean + len, size - len, "%s%s", len ? "/" : "", part);
	}
	return len ? 0 : -EINVAL;
}

bool pvk_tree_path_ok(const char *path)
{
	size_t len;

	for (;; path += len + 1) {
		len = strcspn(path, "/");
		if (!len || len > NAME_MAX || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[len])
			return true;
	}
}

bool pvk_tree_is_below(const char *path, const char *of)
{
	size_t len = strlen(of);

	return !strncmp(path, of, len) && (!path[len] || path[len] == '/');
}
