// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "attr.h"
#include "console.h"
#include "mtd.h"
#include "mtdparts.h"

#define NAME_SIZE	128
#define DEVICES_MAX	256

struct mtd {
	unsigned int number;
	bool partition;
	uint64_t offset;	/* of a partition */
	uint64_t size;
	char name[NAME_SIZE];
};

struct mtd_list {
	size_t count;
	struct mtd device[DEVICES_MAX];
};

static int read_mtd(const char *sys, const char *entry, struct mtd *mtd)
{
	const char *number = entry + strlen("mtd");
	char text[32];

	/* mtd0, but neither mtd0ro nor mtdblock0 */
	if (strncmp(entry, "mtd", strlen("mtd")) || !pvk_take_uint(&number, &mtd->number) ||
	    *number)
		return -ENODEV;
	if (attr_read(mtd->name, sizeof(mtd->name), "%s/class/mtd/%s/name", sys, entry) ||
	    attr_read(text, sizeof(text), "%s/class/mtd/%s/size", sys, entry))
		return -ENODEV;
	mtd->size = strtoull(text, NULL, 10);
	mtd->partition = !attr_read(text, sizeof(text), "%s/class/mtd/%s/offset", sys, entry);
	mtd->offset = mtd->partition ? strtoull(text, NULL, 10) : 0;
	return 0;
}

static void read_all(struct mtd_list *list, const char *sys)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	list->count = 0;
	snprintf(path, sizeof(path), "%s/class/mtd", sys);
	dir = opendir(path);
	while (dir && list->count < DEVICES_MAX && (entry = readdir(dir)))
		if (!read_mtd(sys, entry->d_name, &list->device[list->count]))
			list->count++;
	if (dir)
		closedir(dir);
}

int mtd_find(const char *sys, const char *name)
{
	static struct mtd_list list;
	int found = -ENODEV;
	size_t i;

	read_all(&list, sys);
	for (i = 0; i < list.count; i++)
		if (!strcmp(list.device[i].name, name) &&
		    (found < 0 || list.device[i].number < (unsigned int)found))
			found = (int)list.device[i].number;
	return found;
}

/* ---- partitions ---- */

static bool is_there(const struct mtd_list *list, const char *name,
		     const struct pvk_mtdpart *part)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->device[i].partition && !strcmp(list->device[i].name, name) &&
		    list->device[i].offset == part->offset && list->device[i].size == part->size)
			return true;
	return false;
}

static void add_partition(int fd, const struct mtd *mtd, const char *name,
			  const struct pvk_mtdpart *part)
{
	struct blkpg_partition what = {
		.start = (long long)part->offset, .length = (long long)part->size,
	};
	struct blkpg_ioctl_arg arg = {
		.op = BLKPG_ADD_PARTITION, .datalen = sizeof(what), .data = &what,
	};

	/* The kernel cuts it, and it would be found by another name. */
	if (strlen(name) >= sizeof(what.devname)) {
		say("mtdparts: partition %s: longer than %zu bytes", name,
		    sizeof(what.devname) - 1);
		return;
	}
	strcpy(what.devname, name);
	if (ioctl(fd, BLKPG, &arg))
		say("mtdparts: %s: partition %s: %s", mtd->name, name, strerror(errno));
	else
		say_debug("mtdparts: %s: partition %s at 0x%" PRIx64 ", 0x%" PRIx64 " bytes",
			  mtd->name, name, part->offset, part->size);
}

static void divide(const struct mtd_list *list, const struct mtd *mtd,
		   const struct pvk_mtdparts *parts, const char *dev)
{
	static struct pvk_mtdpart table[PVK_MTDPARTS_MAX];
	pvk_auto_list struct pvk_list warnings = { 0 };
	char path[PATH_MAX], name[PVK_MTDPART_NAME_SIZE];
	pvk_auto_close int fd = -1;
	size_t n, i;

	n = pvk_mtdparts_table(parts, mtd->name, mtd->size, table, PVK_ARRAY_SIZE(table),
			       &warnings);
	for (i = 0; i < n; i++) {
		if ((table[i].flags & PVK_MTDPART_OUTSIDE) ||
		    is_there(list, pvk_mtdpart_name(parts, &table[i], name), &table[i]))
			continue;
		snprintf(path, sizeof(path), "%s/mtd%u", dev, mtd->number);
		/* For reading: a chip that can't be written has partitions too. */
		if (fd < 0)
			fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			say("%s: %s", path, strerror(errno));
			return;
		}
		add_partition(fd, mtd, name, &table[i]);
	}
	for (i = 0; fd >= 0 && i < warnings.count; i++)
		say("%s", warnings.item[i]);
}

void mtd_make_partitions(const struct pvk_cmdline *cmdline, const char *sys, const char *dev)
{
	static struct pvk_mtdparts parts;
	static bool said, divided[DEVICES_MAX];
	static struct mtd_list list;
	const char *text = pvk_cmdline_value(cmdline, "mtdparts");
	struct pvk_err err = { .text = "" };
	size_t i;

	if (!text)
		return;
	if (pvk_mtdparts_parse(&parts, text, &err) && !said) {
		say("%s", err.text);
		said = true;
	}
	read_all(&list, sys);
	for (i = 0; i < list.count; i++) {
		unsigned int number = list.device[i].number;

		/* What failed once is not tried, and not complained of, at each look. */
		if (list.device[i].partition || number >= DEVICES_MAX || divided[number])
			continue;
		divided[number] = true;
		divide(&list, &list.device[i], &parts, dev);
	}
}
