// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rootpath.h"

/* As many as the kernel follows. */
#define LINKS_MAX	40
/* For a path with "..", while others mount or rename anything at all. */
#define TRIES_MAX	1000

int pvk_root_open(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};
	unsigned int tries = 0;
	long fd;

	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < TRIES_MAX);
	return fd < 0 ? -errno : (int)fd;
}

struct walk {
	int root;
	char *real;
	char rest[PATH_MAX];
	unsigned int links;
	pvk_root_link_fn fn;
	void *arg;
};

static void go_up(char *real)
{
	char *slash = strrchr(real, '/');

	if (slash)
		*slash = '\0';
}

/* Takes the first part of the rest; "" when there is none. */
static void take_part(char *rest, char *part)
{
	size_t begin = strspn(rest, "/"), len = strcspn(rest + begin, "/");

	memcpy(part, rest + begin, len);
	part[len] = '\0';
	memmove(rest, rest + begin + len, strlen(rest + begin + len) + 1);
}

/* real is a symlink: what it says comes before the rest. */
static int follow(struct walk *walk, const char *target)
{
	size_t len = strlen(target), rest = strlen(walk->rest);
	int ret;

	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if (len + rest + 2 > sizeof(walk->rest))
		return -ENAMETOOLONG;
	ret = walk->fn ? walk->fn(walk->arg, walk->real, target) : 0;
	if (ret)
		return ret;
	memmove(walk->rest + len + 1, walk->rest, rest + 1);
	memcpy(walk->rest, target, len);
	walk->rest[len] = '/';
	if (target[0] == '/')
		walk->real[0] = '\0';
	else
		go_up(walk->real);
	return 0;
}

static int step(struct walk *walk, const char *part)
{
	size_t len = strlen(walk->real);
	char target[PATH_MAX];
	ssize_t n;

	if (!strcmp(part, "."))
		return 0;
	if (!strcmp(part, "..")) {
		go_up(walk->real);
		return 0;
	}
	if (len + strlen(part) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	walk->real[len] = '/';
	strcpy(walk->real + len + 1, part);
	n = readlinkat(walk->root, walk->real + 1, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		return n ? follow(walk, target) : -ENOENT;
	}
	/* No symlink, or nothing there: only the last part may be that. */
	return errno == EINVAL || (errno == ENOENT && !walk->rest[strspn(walk->rest, "/")]) ?
	       0 : -errno;
}

int pvk_root_walk(int root, const char *path, char *real, pvk_root_link_fn fn, void *arg)
{
	struct walk walk = { .root = root, .real = real, .fn = fn, .arg = arg };
	char part[PATH_MAX];
	int ret = 0;

	if (strlen(path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	strcpy(walk.rest, path);
	real[0] = '\0';
	for (take_part(walk.rest, part); !ret && *part; take_part(walk.rest, part))
		ret = step(&walk, part);
	if (!ret && !*real)
		strcpy(real, "/");
	return ret;
}
