// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "clock.h"
#include "console.h"
#include "root.h"

#define LOOK_EVERY_MS	20
#define SAY_AFTER_MS	1000
#define TYPES_MAX	4096

static const struct root_kind *const kinds[] = {
	/* Before they are taken for the names of disks. */
	&root_nbd,
	&root_nfs,
	&root_block,
	&root_mtd,
	&root_ubi,
};

static const struct root_kind *kind_of(const char *root)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(kinds); i++)
		if (kinds[i]->takes(root))
			return kinds[i];
	return NULL;
}

long root_left_ms(const struct root *root)
{
	int64_t left = root->deadline_ms - clock_ms();

	return left > 0 ? (long)left : 0;
}

/* Buses are still looked through, and modules do so in the background. */
static int wait_for(const struct root_kind *kind, struct root *root, unsigned int seconds,
		    struct pvk_err *err)
{
	int64_t begin = clock_ms(), waited;
	bool said = false;
	int ret;

	root->deadline_ms = begin + seconds * INT64_C(1000);
	for (;;) {
		ret = kind->find(root, err);
		waited = clock_ms() - begin;
		if ((ret != -ENOENT && ret != -ENODEV) || !root_left_ms(root))
			return ret;
		if (!said && waited >= SAY_AFTER_MS) {
			say("waiting up to %u s for root=%s", seconds, root->boot->root);
			said = true;
		}
		clock_sleep_ms(LOOK_EVERY_MS);
	}
}

int root_find(struct root *root, const struct conf *conf, const struct boot_conf *boot,
	      const struct pvk_cmdline *cmdline, struct pvk_err *err)
{
	const struct root_kind *kind = kind_of(boot->root);

	*root = (struct root){
		.boot = boot,
		.cmdline = cmdline,
		/* As the kernel has it: read-only unless it is told otherwise. */
		.read_only = boot->access != CONF_RW,
	};
	if (!boot->root[0])
		return pvk_err_set(err, -EINVAL, "no root: neither root= nor %s names one",
				   CONF_FILE);
	if (!kind)
		return pvk_err_set(err, -EINVAL, "root=%s: of no kind that is known", boot->root);
	snprintf(root->fstype, sizeof(root->fstype), "%s", boot->fstype);
	sleep(conf->root_delay);
	return wait_for(kind, root, conf->root_wait, err);
}

/* ---- mounting ---- */

static int mount_as(const struct root *root, const char *type, const char *where)
{
	unsigned long flags = root->read_only ? MS_RDONLY : 0;

	if (!mount(root->source, where, type, flags, root->boot->flags))
		return 0;
	/* A medium that can't be written, as the kernel does it. */
	if (errno == EACCES || errno == EROFS)
		if (!mount(root->source, where, type, flags | MS_RDONLY, root->boot->flags))
			return 0;
	return -errno;
}

/* Tries types from a list with commas, of which the first that is right is kept. */
static int mount_any(struct root *root, const char *types, const char *where)
{
	char type[ROOT_TYPE_SIZE];
	int ret = -ENODEV, one;
	size_t len;

	for (; *types; types += len + (types[len] == ',')) {
		len = strcspn(types, ",");
		if (!len || len >= sizeof(type))
			continue;
		memcpy(type, types, len);
		type[len] = '\0';
		one = mount_as(root, type, where);
		if (!one) {
			strcpy(root->fstype, type);
			return 0;
		}
		/* What says most: not "I am no such file system". */
		if (ret == -ENODEV || (one != -EINVAL && one != -ENODEV))
			ret = one;
	}
	return ret;
}

/* Every type for a device that the kernel has, with commas between. */
static int types_of_kernel(char *types, size_t size)
{
	pvk_auto_close int fd = open("/proc/filesystems", O_RDONLY | O_CLOEXEC);
	char text[TYPES_MAX], *rest = text, *line;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	types[0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (line[0] == '\t' && len < size)
			len += (size_t)snprintf(types + len, size - len, "%s,", line + 1);
	return 0;
}

int root_mount_device(struct root *root, const char *where, struct pvk_err *err)
{
	char types[TYPES_MAX] = "";
	int ret;

	if (root->fstype[0])
		snprintf(types, sizeof(types), "%s", root->fstype);
	else if (types_of_kernel(types, sizeof(types)))
		say("/proc/filesystems can't be read");
	ret = mount_any(root, types, where);
	if (ret)
		return pvk_err_set(err, ret, "root=%s: %s as %s: %s", root->boot->root,
				   root->source, root->fstype[0] ? root->fstype : "any type",
				   ret == -ENODEV ? "this kernel has no such file system" :
				   strerror(-ret));
	return 0;
}

int root_mount(struct root *root, const char *where, struct pvk_err *err)
{
	const struct root_kind *kind = kind_of(root->boot->root);

	return kind->mount ? kind->mount(root, where, err) : root_mount_device(root, where, err);
}
