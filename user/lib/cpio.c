// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cpio.h"

#define HEADER_SIZE	110
#define TRAILER		"TRAILER!!!"
/* Numbers are eight hex digits. */
#define FILE_SIZE_MAX	UINT32_MAX

struct link {
	dev_t dev;
	ino_t ino;
	uint32_t number;
};

struct packer {
	struct pvk_cpio *cpio;
	struct pvk_err *err;
	struct link *link;	/* files with several names, as they were met */
	size_t links;
	uint32_t last;		/* inode number that was given */
	size_t top;		/* bytes of path that are not in the archive */
	char path[PATH_MAX];
};

static int fail(const struct packer *p, int code, const char *what)
{
	return pvk_err_set(p->err, code, "%s: %s", p->path, what);
}

static int fail_errno(const struct packer *p)
{
	int code = errno ? -errno : -EIO;

	return fail(p, code, strerror(-code));
}

static int put(struct packer *p, const void *data, size_t len)
{
	int ret = 0;

	if (p->cpio->write && len)
		ret = p->cpio->write(p->cpio->arg, data, len);
	if (ret)
		return pvk_err_set(p->err, ret, "writing: %s", strerror(-ret));
	p->cpio->size += len;
	return 0;
}

/* Names and data end at a multiple of 4 bytes. */
static int put_padding(struct packer *p)
{
	return put(p, "\0\0\0", -p->cpio->size & 3);
}

static int put_header(struct packer *p, const struct stat *st, const char *name, uint32_t number,
		      uint32_t size)
{
	const struct pvk_cpio *cpio = p->cpio;
	uint32_t mtime = st->st_mtime < 0 ? 0 : st->st_mtime > UINT32_MAX ? UINT32_MAX :
			 (uint32_t)st->st_mtime;
	unsigned int name_size = (unsigned int)strlen(name) + 1;
	/* File systems count a folder's differently; the kernel asks for two or more. */
	unsigned int links = S_ISDIR(st->st_mode) || st->st_nlink > 1 ? 2 : 1;
	char header[HEADER_SIZE + 1];
	int ret;

	if (cpio->newest && mtime > cpio->newest)
		mtime = cpio->newest;
	/* The medium that it lies on is nobody's business, and would differ. */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", number,
		 st->st_mode, cpio->owner ? st->st_uid : 0, cpio->owner ? st->st_gid : 0,
		 links, mtime, size, 0, 0, major(st->st_rdev), minor(st->st_rdev), name_size, 0);
	ret = put(p, header, HEADER_SIZE);
	if (!ret)
		ret = put(p, name, name_size);
	return ret ? ret : put_padding(p);
}

/* The number of an inode; *first: no other name of it was there before. */
static int number_of(struct packer *p, const struct stat *st, uint32_t *number, bool *first)
{
	size_t i;

	*first = true;
	if (p->cpio->files++ == PVK_CPIO_FILES)
		return fail(p, -E2BIG, "more files than an archive may hold");
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2) {
		*number = ++p->last;
		return 0;
	}
	for (i = 0; i < p->links; i++) {
		if (p->link[i].ino == st->st_ino && p->link[i].dev == st->st_dev) {
			*number = p->link[i].number;
			*first = false;
			return 0;
		}
	}
	if (pvk_grow((void **)&p->link, p->links, sizeof(*p->link), PVK_CPIO_FILES))
		return fail(p, -ENOMEM, "out of memory");
	*number = ++p->last;
	p->link[p->links++] = (struct link){ st->st_dev, st->st_ino, *number };
	return 0;
}

static int put_data(struct packer *p, int fd, uint64_t size)
{
	char data[64 * 1024];
	ssize_t n;
	int ret;

	while (size) {
		n = read(fd, data, size < sizeof(data) ? (size_t)size : sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(p);
		if (!n)
			return fail(p, -EBUSY, "became shorter while it was read");
		ret = put(p, data, (size_t)n);
		if (ret)
			return ret;
		size -= (uint64_t)n;
	}
	return 0;
}

static int pack_regular(struct packer *p, int dirfd, const char *name, const struct stat *st)
{
	pvk_auto_close int fd = -1;
	struct stat now;
	uint32_t number;
	bool first;
	int ret;

	if (st->st_size > FILE_SIZE_MAX)
		return fail(p, -EFBIG, "4 GiB or larger, which a cpio archive can't hold");
	ret = number_of(p, st, &number, &first);
	if (!ret)
		ret = put_header(p, st, p->path + p->top, number,
				 first ? (uint32_t)st->st_size : 0);
	if (ret || !first || !st->st_size)
		return ret;
	if (!p->cpio->write) {
		p->cpio->size += (uint64_t)st->st_size;
		return put_padding(p);
	}
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now))
		return fail_errno(p);
	if (now.st_ino != st->st_ino || now.st_size != st->st_size)
		return fail(p, -EBUSY, "changed while it was read");
	ret = put_data(p, fd, (uint64_t)st->st_size);
	return ret ? ret : put_padding(p);
}

static int pack_symlink(struct packer *p, int dirfd, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	uint32_t number;
	ssize_t len;
	bool first;
	int ret;

	len = readlinkat(dirfd, name, target, sizeof(target));
	if (len < 0)
		return fail_errno(p);
	ret = number_of(p, st, &number, &first);
	if (!ret)
		ret = put_header(p, st, p->path + p->top, number, (uint32_t)len);
	if (!ret)
		ret = put(p, target, (size_t)len);
	return ret ? ret : put_padding(p);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int pack_folder(struct packer *p, int fd, unsigned int depth);

static int pack_entry(struct packer *p, int dirfd, const char *name, unsigned int depth)
{
	pvk_auto_close int fd = -1;
	struct stat st;
	uint32_t number;
	bool first;
	int ret;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return fail_errno(p);
	if (S_ISREG(st.st_mode))
		return pack_regular(p, dirfd, name, &st);
	if (S_ISLNK(st.st_mode))
		return pack_symlink(p, dirfd, name, &st);
	ret = number_of(p, &st, &number, &first);
	if (!ret)
		ret = put_header(p, &st, p->path + p->top, number, 0);
	if (ret || !S_ISDIR(st.st_mode))
		return ret;
	if (depth == PVK_CPIO_DEPTH)
		return fail(p, -E2BIG, "deeper than a tree may be");
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(p);
	return pack_folder(p, fd, depth + 1);
}

static int pack_folder(struct packer *p, int fd, unsigned int depth)
{
	size_t len = strlen(p->path), room = sizeof(p->path) - len;
	struct dirent **entry = NULL;
	int n = scandirat(fd, ".", &entry, no_dots, by_bytes), i, ret = 0;

	if (n < 0)
		return fail_errno(p);
	for (i = 0; i < n; i++) {
		if (!ret && snprintf(p->path + len, room, "/%s", entry[i]->d_name) >= (int)room)
			ret = fail(p, -ENAMETOOLONG, strerror(ENAMETOOLONG));
		if (!ret)
			ret = pack_entry(p, fd, entry[i]->d_name, depth);
		free(entry[i]);
	}
	free(entry);
	p->path[len] = '\0';
	return ret;
}

int pvk_cpio_pack(struct pvk_cpio *cpio, const char *dir, struct pvk_err *err)
{
	struct packer p = { .cpio = cpio, .err = err };
	struct stat none = { .st_nlink = 1 };
	pvk_auto_close int fd = -1;
	int ret;

	cpio->size = 0;
	cpio->files = 0;
	if (snprintf(p.path, sizeof(p.path), "%s", dir) >= (int)sizeof(p.path))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: %s", dir, strerror(ENAMETOOLONG));
	p.top = strlen(dir) + 1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(&p);
	ret = pack_folder(&p, fd, 1);
	if (!ret)
		ret = put_header(&p, &none, TRAILER, 0, 0);
	free(p.link);
	return ret;
}
