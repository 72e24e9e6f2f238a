// SPDX-License-Identifier: MIT
/*
 * Mount namespaces that no process is in, which a descriptor or a bind mount keeps: what is
 * mounted there is in no mountinfo but that of who enters. The child does, and comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "holders_int.h"

#define NS_MAX	65536

static bool is_known(const struct hold_scan *scan, uint64_t ino)
{
	size_t i;

	for (i = 0; i < scan->n_ns; i++)
		if (scan->ns[i].ino == ino)
			return true;
	return false;
}

/* What is mounted where fd leads; NULL if we may not see that. */
static char *read_inside(struct hold_scan *scan, int fd)
{
	pvk_auto_close int home = openat(scan->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;

	if (home < 0 || setns(fd, CLONE_NEWNS))
		return NULL;
	if (hold_read(scan->proc, "self/mountinfo", HOLD_TEXT_MAX, &text, &len))
		text = NULL;
	return setns(home, CLONE_NEWNS) ? NULL : text;
}

static int tell_inside(struct hold_scan *scan, const struct hold_ns *ns, char *text)
{
	struct pvk_mount mount;
	const struct hold_fs *fs;
	int ret = 0;

	while (!ret && (ret = pvk_mountinfo_next(&text, &mount)) != -ENOENT) {
		fs = ret ? NULL : hold_fs_of_dev(scan, mount.dev);
		ret = fs ? hold_tell_mount(scan, ns, &mount, fs) : 0;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int visit(struct hold_scan *scan, int fd, uint64_t ino, uint32_t pid)
{
	struct hold_ns ns = { .ino = ino, .pid = pid };
	pvk_auto_free char *text = NULL;

	if (pvk_grow((void **)&scan->ns, scan->n_ns, sizeof(*scan->ns), NS_MAX))
		return 0;
	scan->ns[scan->n_ns++] = ns;
	text = read_inside(scan, fd);
	return text ? tell_inside(scan, &ns, text) : 0;
}

/* "mnt:[4026531832]"; 0 for what is none, or one that we know. */
static uint64_t unknown_ns(const struct hold_scan *scan, const char *text)
{
	uint64_t ino = strncmp(text, "mnt:[", 5) ? 0 : strtoull(text + 5, NULL, 10);

	return ino && !is_known(scan, ino) ? ino : 0;
}

int hold_visit_fd(struct hold_process *process, const char *name)
{
	char text[64] = "";
	pvk_auto_close int fd = -1;
	uint64_t ino;

	if (readlinkat(process->files, name, text, sizeof(text) - 1) < 0)
		return 0;
	ino = unknown_ns(process->scan, text);
	if (!ino)
		return 0;
	fd = openat(process->files, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 0 : visit(process->scan, fd, ino, process->pid);
}

int hold_visit_mount(struct hold_scan *scan, const struct hold_row *row)
{
	uint64_t ino = strcmp(row->mount.type, "nsfs") ? 0 : unknown_ns(scan, row->mount.root);
	uint32_t pid = scan->ns[row->ns].pid;
	pvk_auto_close int path = -1;
	pvk_auto_close int fd = -1;
	char name[32];

	if (!ino)
		return 0;
	path = hold_open_in(scan, pid, row->mount.point);
	snprintf(name, sizeof(name), "self/fd/%d", path);
	fd = path < 0 ? -1 : openat(scan->proc, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 0 : visit(scan, fd, ino, pid);
}
