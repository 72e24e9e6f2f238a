// SPDX-License-Identifier: MIT
/*
 * A store read, and written, without pv_bootflag: an nvmem device by its file in sysfs,
 * an MTD partition by its character device.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mtd/mtd-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "mtd.h"
#include "store_words.h"
#include "stores.h"

#define WORK_MIN	512

struct direct {
	struct store_words words;
	struct pvb_store core;
	uint32_t at;			/* of the store in what fd is */
	int fd;
	bool writable;
};

/* ---- the medium ---- */

static int medium_read(void *arg, uint32_t at, void *buf, uint32_t len)
{
	struct direct *d = arg;
	uint8_t *to = buf;
	ssize_t n;

	while (len) {
		n = pread(d->fd, to, len, (off_t)d->at + at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -PVB_EIO;
		to += n;
		at += (uint32_t)n;
		len -= (uint32_t)n;
	}
	return 0;
}

static int medium_program(void *arg, uint32_t at, const void *buf, uint32_t len)
{
	struct direct *d = arg;
	ssize_t n = pwrite(d->fd, buf, len, (off_t)d->at + at);

	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -PVB_EIO;
}

static int mtd_erase(void *arg, uint32_t at)
{
	struct direct *d = arg;
	struct erase_info_user64 erase = {
		.start = (uint64_t)d->at + at, .length = d->core.medium.erase,
	};

	return ioctl(d->fd, MEMERASE64, &erase) ? -errno : 0;
}

static int mtd_is_bad(void *arg, uint32_t at)
{
	struct direct *d = arg;
	loff_t where = (loff_t)d->at + at;
	int ret = ioctl(d->fd, MEMGETBADBLOCK, &where);

	/* What has no bad blocks says that it does not know the question. */
	if (ret < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	return ret > 0;
}

static int mtd_mark_bad(void *arg, uint32_t at)
{
	struct direct *d = arg;
	loff_t where = (loff_t)d->at + at;

	return ioctl(d->fd, MEMSETBADBLOCK, &where) ? -errno : 0;
}

static int nvmem_sync(void *arg)
{
	struct direct *d = arg;

	/* sysfs has nothing to sync. */
	return fsync(d->fd) && errno != EINVAL ? -errno : 0;
}

/* The device knows no fsync(), but does it when one that may write is closed. */
static int mtd_sync(void *arg)
{
	struct direct *d = arg;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", d->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return close(fd) ? -errno : 0;
}

/* ---- finding it ---- */

static int open_file(struct direct *d, const char *path, bool write)
{
	d->writable = write;
	d->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	return d->fd < 0 ? -errno : 0;
}

static int open_nvmem(struct direct *d, const char *sys, bool write)
{
	char path[PATH_MAX];
	struct stat st;
	int ret;

	if (strchr(d->words.device, '/'))
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/bus/nvmem/devices/%s/nvmem", sys, d->words.device);
	ret = open_file(d, path, write);
	if (ret)
		return ret;
	if (fstat(d->fd, &st) || st.st_size < d->words.offset || st.st_size > INT32_MAX)
		return -EINVAL;
	d->core.medium.size = (uint32_t)st.st_size - d->words.offset;
	d->core.medium.write = 1;
	d->core.medium.sync = nvmem_sync;
	return 0;
}

static int open_mtd(struct direct *d, const char *sys, const char *dev, bool write)
{
	struct pvb_medium *medium = &d->core.medium;
	int number = mtd_find(sys, d->words.device), ret;
	struct mtd_info_user info;
	char path[PATH_MAX];

	if (number < 0)
		return number;
	snprintf(path, sizeof(path), "%s/mtd%d", dev, number);
	ret = open_file(d, path, write);
	if (ret)
		return ret;
	if (ioctl(d->fd, MEMGETINFO, &info))
		return -errno;
	if (info.size < d->words.offset)
		return -EINVAL;
	medium->size = info.size - d->words.offset;
	medium->write = info.writesize;
	medium->sync = mtd_sync;
	if (!(info.flags & MTD_NO_ERASE) && info.erasesize) {
		medium->erase = info.erasesize;
		medium->erase_block = mtd_erase;
		medium->is_bad = mtd_is_bad;
		medium->mark_bad = mtd_mark_bad;
	}
	medium->bitwise = info.writesize == 1 && (info.flags & MTD_BIT_WRITEABLE);
	return 0;
}

static int open_medium(struct direct *d, const char *sys, const char *dev, bool write,
		       struct pvk_err *err)
{
	struct pvb_medium *medium = &d->core.medium;
	uint32_t unit;
	int ret;

	if (!strcmp(d->words.medium, "nvmem"))
		ret = open_nvmem(d, sys, write);
	else if (!strcmp(d->words.medium, "mtd"))
		ret = open_mtd(d, sys, dev, write);
	else
		return pvk_err_set(err, -EOPNOTSUPP, "medium %s takes pv_bootflag",
				   d->words.medium);
	if (ret == -ENOENT || ret == -ENODEV)
		return pvk_err_set(err, -ENODEV, "there is no %s %s", d->words.medium,
				   d->words.device);
	if (!ret && d->words.size > medium->size)
		ret = -EINVAL;
	if (ret)
		return pvk_err_set(err, ret, "%s %s: %s", d->words.medium, d->words.device,
				   strerror(-ret));
	d->at = d->words.offset;
	if (d->words.size)
		medium->size = d->words.size;
	unit = medium->erase ? medium->erase : 1;
	if (d->at % unit || medium->size % unit || !medium->size)
		return pvk_err_set(err, -EINVAL, "offset and size are no whole erase blocks");
	medium->arg = d;
	medium->read = medium_read;
	medium->program = medium_program;
	return 0;
}

/* ---- the store ---- */

static void direct_close(struct direct *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->core.work);
}

static int direct_open(struct direct *d, const char *words, const char *sys, const char *dev,
		       bool write, struct pvk_err *err)
{
	struct pvb_store *core = &d->core;
	int ret;

	*d = (struct direct){ .fd = -1 };
	ret = store_words_parse(&d->words, words, err);
	if (!ret)
		ret = open_medium(d, sys, dev, write, err);
	if (ret)
		return ret;
	core->setup = d->words.setup;
	core->format = d->words.format;
	core->work_size = core->format->work ? core->format->work(core) : WORK_MIN;
	if (core->work_size < WORK_MIN)
		core->work_size = WORK_MIN;
	if (core->work_size < 2 * core->medium.write)
		core->work_size = 2 * core->medium.write;
	core->work = malloc(core->work_size);
	if (!core->work)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = core->format->check(core);
	return ret ? pvk_err_set(err, ret, "format %s: %s", core->format->name,
				 strerror(-ret)) : 0;
}

static uint32_t state_of(int ret)
{
	switch (ret) {
	case 0:
		return PV_BOOTFLAG_STATE_READY;
	case -ENODEV:
		return PV_BOOTFLAG_STATE_ABSENT;
	case -PVB_ENODATA:
		return PV_BOOTFLAG_STATE_EMPTY;
	case -PVB_EMEDIUMTYPE:
		return PV_BOOTFLAG_STATE_FOREIGN;
	case -PVB_EBADMSG:
		return PV_BOOTFLAG_STATE_BROKEN;
	default:
		return PV_BOOTFLAG_STATE_FAILED;
	}
}

void store_direct_read(struct pvk_store *store, const char *sys, const char *dev)
{
	struct pvk_err err = { .text = "" };
	struct direct d;
	int ret;

	ret = direct_open(&d, store->spec, sys, dev, false, &err);
	if (!ret) {
		store->offers = d.core.format->fields(&d.core);
		ret = d.core.format->read(&d.core, &store->flags);
		if (ret)
			memset(&store->flags, 0, sizeof(store->flags));
		store->boot = store->flags;
	}
	store->state = state_of(ret);
	snprintf(store->medium, sizeof(store->medium), "%s", d.words.medium);
	if (d.words.format)
		snprintf(store->format, sizeof(store->format), "%s", d.words.format->name);
	if (ret && ret != -PVB_ENODATA)
		store->error = -ret;
	snprintf(store->text, sizeof(store->text), "%.*s", (int)sizeof(store->text) - 1,
		 err.text);
	direct_close(&d);
}

int store_direct_set(const struct pvk_store *store, const char *sys, const char *dev,
		     const struct pvk_change *change, struct pvk_err *err)
{
	struct pvb_flags was, flags;
	struct direct d;
	int ret;

	ret = direct_open(&d, store->spec, sys, dev, true, err);
	if (!ret) {
		ret = d.core.format->read(&d.core, &was);
		if (!ret || ret == -PVB_ENODATA) {
			flags = was;
			pvk_change_apply(change, &flags);
			ret = pvk_flags_same(&was, &flags) ? 0 :
			      d.core.format->write(&d.core, &was, &flags, false);
		}
		if (ret)
			pvk_err_set(err, ret, "%s: %s", store->name, strerror(-ret));
	}
	direct_close(&d);
	return ret;
}
