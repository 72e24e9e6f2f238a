// SPDX-License-Identifier: MIT
/*
 * A socket that is bound to a path holds the file system which that is on, though its
 * descriptor says nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "holders_int.h"

#define NETS_MAX	4096
#define SOCKETS_MAX	65536
#define TEXT_MAX	(8u << 20)

static int add_socket(struct hold_scan *scan, uint64_t ino, const char *path)
{
	struct hold_socket *socket;
	int ret = pvk_grow((void **)&scan->socket, scan->n_sockets, sizeof(*socket),
			   SOCKETS_MAX);

	if (ret)
		return ret;
	socket = &scan->socket[scan->n_sockets++];
	*socket = (struct hold_socket){ .ino = ino, .path = strdup(path) };
	return socket->path ? 0 : -ENOMEM;
}

/* "0000: 00000002 00000000 00010000 0001 01 12345 /run/x": the seventh, and the rest. */
static int take_socket(struct hold_scan *scan, char *line)
{
	uint64_t ino;
	char *path;
	int i;

	for (i = 0; i < 6; i++) {
		line = strchrnul(line, ' ');
		line += strspn(line, " ");
	}
	ino = strtoull(line, &path, 10);
	/* One that was bound by a relative path can't be found again. */
	return path[0] == ' ' && path[1] == '/' ? add_socket(scan, ino, path + 1) : 0;
}

/* 1: the process has ended. */
static int read_sockets(struct hold_scan *scan, uint32_t pid)
{
	pvk_auto_free char *text = NULL;
	char name[32], *rest, *line;
	size_t len;
	int ret = 0;

	snprintf(name, sizeof(name), "%u/net/unix", pid);
	ret = hold_read(scan->proc, name, TEXT_MAX, &text, &len);
	if (ret == -EFBIG)
		scan->shared->sum.cut = true;
	if (ret)
		return ret == -ENOENT || ret == -ESRCH || ret == -EINVAL;
	for (rest = text; !ret && (line = strsep(&rest, "\n"));)
		ret = take_socket(scan, line);
	return ret;
}

static int by_ino(const void *a, const void *b)
{
	const struct hold_socket *left = a, *right = b;

	return (left->ino > right->ino) - (left->ino < right->ino);
}

/* One network namespace after the other, each by the first process that is in it. */
int hold_find_sockets(struct hold_scan *scan)
{
	pvk_auto_free uint64_t *nets = NULL;
	size_t i, j, n = 0;
	char name[32], text[64];
	uint64_t ino;
	ssize_t len;
	int ret = 0;

	for (i = 0; i < scan->n_pids && !ret; i++) {
		hold_tick(scan);
		snprintf(name, sizeof(name), "%u/ns/net", scan->pid[i]);
		len = readlinkat(scan->proc, name, text, sizeof(text) - 1);
		text[len > 0 ? len : 0] = '\0';
		if (strncmp(text, "net:[", 5))
			continue;
		ino = strtoull(text + 5, NULL, 10);
		for (j = 0; j < n && nets[j] != ino; j++)
			;
		if (j < n)
			continue;
		ret = pvk_grow((void **)&nets, n, sizeof(*nets), NETS_MAX);
		if (!ret) {
			nets[n++] = ino;
			ret = read_sockets(scan, scan->pid[i]);
			/* Another one of it may be there yet. */
			n -= ret == 1;
			ret = ret < 0 ? ret : 0;
		}
	}
	if (ret == -EBADMSG) {
		scan->shared->sum.cut = true;
		ret = 0;
	}
	if (scan->n_sockets)
		qsort(scan->socket, scan->n_sockets, sizeof(*scan->socket), by_ino);
	return ret;
}

/* In one network namespace there are paths of several mount namespaces. */
const struct hold_fs *hold_fs_of_socket(struct hold_scan *scan, uint32_t pid,
					const struct hold_inode *stx, const char **path)
{
	struct hold_socket key = { .ino = stx->ino }, *socket;
	pvk_auto_close int fd = -1;
	bool guess = false;
	struct hold_inode file;

	if (!S_ISSOCK(stx->mode) || !scan->n_sockets)
		return NULL;
	socket = bsearch(&key, scan->socket, scan->n_sockets, sizeof(*socket), by_ino);
	if (!socket)
		return NULL;
	*path = socket->path;
	fd = hold_open_in(scan, pid, socket->path);
	if (fd < 0 || hold_stat(fd, "", &file) || !S_ISSOCK(file.mode))
		return NULL;
	return hold_fs_of(scan, &file, fd, "", &guess);
}
