// SPDX-License-Identifier: MIT
/*
 * pvkit union keep, pvkit union forget
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "confline.h"
#include "keep.h"
#include "ramunion.h"
#include "tree.h"
#include "union.h"

#define RIGHTS	(MS_NOSUID | MS_NODEV)	/* also as pvkit-init leaves the root below */

/* ---- where it is ---- */

/* As pvkit-init has left it. Without a source the directory is just there. */
struct place {
	char source[PATH_MAX], fstype[64], dir[PATH_MAX];
};

static int take_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	struct place *place = arg;
	char *name, *value;

	(void)n;
	(void)err;
	if (!pvk_conf_line(line, &name, &value))
		return 0;
	if (!strcmp(name, "source"))
		snprintf(place->source, sizeof(place->source), "%s", value);
	else if (!strcmp(name, "fstype"))
		snprintf(place->fstype, sizeof(place->fstype), "%s", value);
	else if (!strcmp(name, "dir"))
		snprintf(place->dir, sizeof(place->dir), "%s", value);
	return 0;
}

static int read_place(const char *dir, struct place *place, struct pvk_err *err)
{
	char path[PATH_MAX];
	int ret;

	*place = (struct place){ .dir = "" };
	snprintf(path, sizeof(path), "%s/" PVK_UNION_STATE "/" PVK_UNION_KEEP, dir);
	ret = pvk_conf_read(path, take_line, place, err);
	if (!ret && !place->dir[0])
		ret = pvk_err_set(err, -ENOENT, "no union-keep is configured in init.conf");
	return ret;
}

/*
 * In a namespace of our own, so nobody else sees it and it ends with us. A file system that
 * is mounted elsewhere is as that has it, to be written or not.
 */
static int mount_place(const struct place *place, const char *where, bool write,
		       struct pvk_err *err)
{
	if (mkdir(where, 0700) && errno != EEXIST)
		return pvk_err_set(err, -errno, "%s: %s", where, strerror(errno));
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return pvk_err_set(err, -errno, "a mount of one's own: %s", strerror(errno));
	if (!mount(place->source, where, place->fstype, RIGHTS | (write ? 0 : MS_RDONLY), NULL) ||
	    (errno == EBUSY && !write &&
	     !mount(place->source, where, place->fstype, RIGHTS, NULL)))
		return 0;
	return pvk_err_set(err, -errno, "%s: %s", place->source, errno == EBUSY ?
			   "is mounted elsewhere, and not to be written" : strerror(errno));
}

static int make_dirs(int at, const char *path)
{
	char copy[PATH_MAX], *slash = copy;

	strcpy(copy, path);
	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		if (mkdirat(at, copy, 0700) && errno != EEXIST)
			return -errno;
		*slash++ = '/';
	}
	return mkdirat(at, copy, 0700) && errno != EEXIST ? -errno : 0;
}

static int open_below(const char *where, const char *dir, bool write)
{
	pvk_auto_close int at = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char clean[PATH_MAX] = "";
	int ret = 0;

	if (at < 0)
		return -errno;
	if (pvk_tree_clean_path(clean, sizeof(clean), dir) && strcmp(dir, "/"))
		return -EINVAL;
	if (write && clean[0])
		ret = make_dirs(at, clean);
	return ret ? ret : pvk_tree_open_path(at, clean, O_RDONLY | O_DIRECTORY);
}

static int open_configured(const char *dir, bool write, struct pvk_err *err)
{
	struct place place;
	char where[PATH_MAX] = "/";
	int ret;

	ret = read_place(dir, &place, err);
	if (!ret && place.source[0]) {
		snprintf(where, sizeof(where), "%s/" PVK_UNION_KEEP, dir);
		ret = mount_place(&place, where, write, err);
	}
	if (ret)
		return ret;
	ret = open_below(where, place.dir, write);
	return ret < 0 ? pvk_err_set(err, ret, "%s: %s", place.dir, strerror(-ret)) : ret;
}

int union_kept_open(const struct union_dirs *dirs, bool write, struct pvk_err *err)
{
	int fd;

	if (!dirs->kept) {
		fd = open_configured(dirs->dir, write, err);
	} else {
		fd = open(dirs->kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = pvk_err_set(err, -errno, "%s: %s", dirs->kept, strerror(errno));
	}
	if (fd >= 0 && write && !dirs->kept && !pvk_keep_is_roots(fd, ".")) {
		pvk_err_set(err, -EACCES, "others than root can write what is kept there: "
			    "pvkit-init would leave it out");
		close(fd);
		return -EACCES;
	}
	/* One at a time; who reads may find one that is just being removed. */
	if (fd >= 0 && write && flock(fd, LOCK_EX)) {
		pvk_err_set(err, -errno, "what is kept: %s", strerror(errno));
		close(fd);
		return -EIO;
	}
	return fd;
}

/* ---- keep ---- */

/*
 * Whoever keeps may be killed in the middle, so another process makes the root read-only
 * again when he has ended, in whatever way: then the pipe between them has no writer.
 */
struct opened {
	char lower[PATH_MAX];
	pid_t closer;		/* 0: it was writable before */
	int pipe;
};

#define CLOSE_TRIES	100
#define CLOSE_EVERY_US	10000

/* What a process that was killed had open for writing may be so for a moment still. */
static int close_root(const char *lower)
{
	unsigned int i;

	for (i = 0; i < CLOSE_TRIES; i++) {
		if (!mount(NULL, lower, NULL, MS_REMOUNT | MS_RDONLY | RIGHTS, NULL))
			return 0;
		if (errno != EBUSY)
			break;
		usleep(CLOSE_EVERY_US);
	}
	return -errno;
}

static _Noreturn void closer(const struct opened *root, int fd)
{
	char nothing;

	/* Neither the terminal's signals nor those for each pvkit are for it. */
	setsid();
	prctl(PR_SET_NAME, "union-keep-ro");
	while (read(fd, &nothing, 1) < 0 && errno == EINTR)
		;
	_exit(-close_root(root->lower));
}

static int start_closer(struct opened *root)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	root->closer = fork();
	if (!root->closer) {
		close(fds[1]);
		closer(root, fds[0]);
	}
	close(fds[0]);
	root->pipe = fds[1];
	if (root->closer > 0)
		return 0;
	close(fds[1]);
	return -EAGAIN;
}

static int end_closer(const struct opened *root)
{
	int status;
	pid_t ended;

	if (!root->closer)
		return 0;
	close(root->pipe);
	do
		ended = waitpid(root->closer, &status, 0);
	while (ended < 0 && errno == EINTR);
	return ended > 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : close_root(root->lower);
}

static int open_root(struct opened *root, const char *dir)
{
	struct statvfs fs;
	int ret;

	*root = (struct opened){ .closer = 0 };
	snprintf(root->lower, sizeof(root->lower), "%s/lower", dir);
	if (statvfs(root->lower, &fs))
		return -errno;
	if (!(fs.f_flag & ST_RDONLY))
		return 0;
	ret = start_closer(root);
	if (ret)
		return ret;
	if (mount(NULL, root->lower, NULL, MS_REMOUNT | RIGHTS, NULL))
		ret = -errno;
	/* A squashfs says that it is, and is not. */
	else if (statvfs(root->lower, &fs) || (fs.f_flag & ST_RDONLY))
		ret = -EROFS;
	if (ret)
		end_closer(root);
	return ret;
}

/* In the root itself. */
static int keep_below(struct cli *cli, const char *dir)
{
	struct pvk_err err = { .text = "" };
	struct opened root;
	int status = CLI_OK, ret;

	ret = open_root(&root, dir);
	if (ret) {
		pvk_err_set(&err, ret, "%s: %s", root.lower, ret == -EROFS ?
			    "the root's file system or its medium can't be written, and there "
			    "is no union-keep" : ret == -ENOENT ?
			    "there is none: the root is as it is on its medium" : strerror(-ret));
		return cli_fail("union", ret, &err);
	}
	for (; optind < cli->argc; optind++) {
		ret = pvk_union_keep(dir, cli->argv[optind], &err);
		if (ret)
			status = cli_fail("union", ret, &err);
	}
	ret = end_closer(&root);
	if (!ret)
		return status;
	cli_complain("union", "%s is writable still: %s", root.lower, strerror(-ret));
	return CLI_FAILED;
}

/* One half of the RAM is left, whatever is put back into it. */
static int limit_of(const char *dir, struct pvk_keep_limit *limit, struct pvk_err *err)
{
	struct pvk_union_usage usage;
	int ret = pvk_union_usage(dir, &usage, err);

	if (ret)
		return ret;
	limit->ram = usage.size ? usage.size / 2 : UINT64_MAX;
	limit->records = usage.files ? usage.files / 2 : UINT64_MAX;
	return 0;
}

static int keep_one(const char *path, int kept, int upper, const struct pvk_keep_limit *limit,
		    struct pvk_err *err)
{
	char clean[PATH_MAX];

	if (pvk_tree_clean_path(clean, sizeof(clean), path))
		return pvk_err_set(err, -EINVAL, "%s: wants an absolute path below /", path);
	return pvk_keep_make(kept, upper, clean, limit, err);
}

/* In archives. */
static int keep_aside(struct cli *cli, const char *dir, int kept)
{
	struct pvk_err err = { .text = "" };
	struct pvk_keep_limit limit;
	int status = CLI_OK, upper, ret;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/ram/upper", dir);
	upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = upper < 0 ? pvk_err_set(&err, -errno, "%s: %s", path, strerror(errno)) :
	      limit_of(dir, &limit, &err);
	if (ret)
		status = cli_fail("union", ret, &err);
	for (; !ret && optind < cli->argc; optind++) {
		int one = keep_one(cli->argv[optind], kept, upper, &limit, &err);

		if (one)
			status = cli_fail("union", one, &err);
	}
	if (upper >= 0)
		close(upper);
	return status;
}

/* And that there is a word: CLI_END, or an exit status. */
static int options(struct cli *cli, struct union_dirs *dirs)
{
	int opt, status;

	*dirs = (struct union_dirs){ .dir = PVK_UNION_DIR };
	while ((opt = cli_option(cli, &status)) != CLI_END) {
		if (opt == CLI_EXIT)
			return status;
		if (opt == OPT_UNION)
			dirs->dir = optarg;
		if (opt == OPT_KEPT)
			dirs->kept = optarg;
	}
	return optind == cli->argc ? cli_usage(cli, "which path?") : CLI_END;
}

int verb_union_keep(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	struct union_dirs dirs;
	struct place place;
	int status = options(cli, &dirs), kept;

	if (status != CLI_END)
		return status;
	if (!dirs.kept && read_place(dirs.dir, &place, NULL) == -ENOENT)
		return keep_below(cli, dirs.dir);
	kept = union_kept_open(&dirs, true, &err);
	if (kept < 0)
		return cli_fail("union", kept, &err);
	status = keep_aside(cli, dirs.dir, kept);
	close(kept);
	return status;
}

/* ---- forget ---- */

int verb_union_forget(struct cli *cli)
{
	struct pvk_err err = { .text = "" };
	struct union_dirs dirs;
	int status = options(cli, &dirs), kept, ret;

	if (status != CLI_END)
		return status;
	kept = union_kept_open(&dirs, true, &err);
	if (kept < 0)
		return cli_fail("union", kept, &err);
	for (status = CLI_OK; optind < cli->argc; optind++) {
		ret = pvk_keep_forget(kept, cli->argv[optind], &err);
		if (ret)
			status = cli_fail("union", ret, &err);
	}
	close(kept);
	return status;
}
