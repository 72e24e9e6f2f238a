/* SPDX-License-Identifier: MIT */
/*
 * A tree that looks like /sys as far as modules, drivers, devices and network
 * interfaces go, and the uevents that tell of them.
 */
#ifndef PVKIT_TESTS_FAKE_SYSFS_H
#define PVKIT_TESTS_FAKE_SYSFS_H

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char sysfs_root[128];

__attribute__((format(printf, 1, 2)))
static inline const char *sysfs_path(const char *fmt, ...)
{
	static char path[4][512];
	static unsigned int at;
	va_list ap;
	int n;

	/* Never the machine's own. */
	if (!sysfs_root[0])
		abort();
	at = (at + 1) % 4;
	n = snprintf(path[at], sizeof(path[at]), "%s/", sysfs_root);
	va_start(ap, fmt);
	vsnprintf(path[at] + n, sizeof(path[at]) - (size_t)n, fmt, ap);
	va_end(ap);
	return path[at];
}

/* With all directories above it. */
static inline void sysfs_dir(const char *path)
{
	char copy[512], *slash;

	snprintf(copy, sizeof(copy), "%s", path);
	for (slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
	mkdir(copy, 0755);
}

static inline void sysfs_link(const char *target, const char *path)
{
	if (symlink(target, path))
		perror(path);
}

static inline void sysfs_new(const char *root)
{
	snprintf(sysfs_root, sizeof(sysfs_root), "%s", root);
	sysfs_dir(sysfs_path("class/net"));
	sysfs_dir(sysfs_path("module"));
}

static inline int sysfs_remove_one(const char *path, const struct stat *st, int type,
				   struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void sysfs_remove(const char *path)
{
	nftw(path, sysfs_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void sysfs_module(const char *module)
{
	sysfs_dir(sysfs_path("module/%s/holders", module));
}

static inline void sysfs_holder(const char *module, const char *holder)
{
	sysfs_link(sysfs_path("module/%s", holder),
		   sysfs_path("module/%s/holders/%s", module, holder));
}

/* On the bus "b", called as its module is. */
static inline void sysfs_driver(const char *module)
{
	sysfs_dir(sysfs_path("bus/b/drivers/%s", module));
	sysfs_dir(sysfs_path("module/%s/drivers", module));
	sysfs_link(sysfs_path("bus/b/drivers/%s", module),
		   sysfs_path("module/%s/drivers/b:%s", module, module));
	sysfs_link(sysfs_path("module/%s", module),
		   sysfs_path("bus/b/drivers/%s/module", module));
	fclose(fopen(sysfs_path("bus/b/drivers/%s/bind", module), "w"));
}

static inline void sysfs_device(const char *device, const char *driver)
{
	sysfs_dir(sysfs_path("devices/%s", device));
	sysfs_link(sysfs_path("bus/b/drivers/%s", driver),
		   sysfs_path("devices/%s/driver", device));
	sysfs_link(sysfs_path("devices/%s", device),
		   sysfs_path("bus/b/drivers/%s/%s", driver, device));
}

/* Of a device, or of none (NULL). */
static inline void sysfs_interface(const char *interface, const char *device)
{
	sysfs_dir(sysfs_path("devices/net/%s", interface));
	if (device)
		sysfs_link(sysfs_path("devices/%s", device),
			   sysfs_path("devices/net/%s/device", interface));
	sysfs_link(sysfs_path("devices/net/%s", interface),
		   sysfs_path("class/net/%s", interface));
}

static inline void sysfs_uevent(int fd, const char *action, const char *subsystem)
{
	char msg[512];
	int n = snprintf(msg, sizeof(msg), "%s@/devices/x%cACTION=%s%cDEVPATH=/devices/x%c"
			 "SUBSYSTEM=%s%cSEQNUM=1", action, 0, action, 0, 0, subsystem, 0);

	if (send(fd, msg, (size_t)n + 1, MSG_NOSIGNAL) < 0)
		perror("uevent");
}

#endif /* PVKIT_TESTS_FAKE_SYSFS_H */
