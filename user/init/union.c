// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "console.h"
#include "union.h"

#define UPPER		UNION_RAM "/upper"
#define WORK		UNION_RAM "/work"
#define PLAIN		UNION_RAM "/plain"
#define PATH_SIZE	512
/* What is in upper/ is all of it: pvkit union reads it there. */
#define WHOLE		",redirect_dir=off,metacopy=off"
#define LOOK_EVERY_MS	1000
#define CALM		5	/* percent below a mark before it is told again */

/* ---- mounting ---- */

/* A directory with the owner and mode that `like` has; it is all right if it is there. */
static int make_like(const char *path, const char *like)
{
	struct stat st = { .st_mode = 0755 };

	stat(like, &st);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	if (chown(path, st.st_uid, st.st_gid) || chmod(path, st.st_mode & 07777))
		return -errno;
	return 0;
}

/* Each directory on the way too. */
static void make_path(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	mkdir(path, 0755);
}

static int bind_plain(const char *where, const char *directory, unsigned int n)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	int ret;

	if (snprintf(to, sizeof(to), "%s%s", where, directory) >= (int)sizeof(to))
		return -ENAMETOOLONG;
	snprintf(from, sizeof(from), PLAIN "/%u", n);
	make_path(to);
	ret = make_like(from, to);
	if (!ret && mount(from, to, NULL, MS_BIND, NULL))
		ret = -errno;
	return ret;
}

/* One that can't be had is said; the root is usable without. */
static void bind_plains(const char *where, const char *directories)
{
	char list[sizeof(((struct boot_conf *)NULL)->union_plain)], *rest = list, *one;
	unsigned int n = 0;
	int ret;

	strcpy(list, directories);
	mkdir(PLAIN, 0755);
	while ((one = strsep(&rest, " \t"))) {
		if (!*one)
			continue;
		ret = one[0] == '/' ? bind_plain(where, one, n++) : -EINVAL;
		if (ret)
			say("union-plain %s: %s", one, strerror(-ret));
	}
}

int union_mount(const char *where, const struct boot_conf *boot, struct pvk_err *err)
{
	const char *size = boot->union_size[0] ? boot->union_size : "50%";
	char options[64];
	int ret;

	snprintf(options, sizeof(options), "mode=0755,size=%s", size);
	if ((mkdir(UNION_DIR, 0755) && errno != EEXIST) ||
	    (mkdir(UNION_RAM, 0755) && errno != EEXIST) ||
	    mount("pvkit-union", UNION_RAM, "tmpfs", 0, options))
		return pvk_err_set(err, -errno, "union: a tmpfs of size=%s: %s", size,
				   strerror(errno));
	ret = make_like(UPPER, UNION_LOWER);
	if (!ret && mkdir(WORK, 0755))
		ret = -errno;
	if (ret)
		return pvk_err_set(err, ret, "union: " UNION_RAM ": %s", strerror(-ret));
	if (mount("pvkit-union", where, "overlay", 0,
		  "lowerdir=" UNION_LOWER ",upperdir=" UPPER ",workdir=" WORK WHOLE))
		return pvk_err_set(err, -errno, "union: %s", errno == ENODEV ?
				   "this kernel has no overlay" : strerror(errno));
	bind_plains(where, boot->union_plain);
	return 0;
}

/* ---- watching ---- */

const char *union_judge(unsigned int before, unsigned int now)
{
	if (now >= UNION_ALARM && before < UNION_ALARM)
		return "is about to be full";
	if (now >= UNION_WARN && before < UNION_WARN)
		return "is filling up";
	return NULL;
}

/* Of bytes and inodes what is scarcer. */
static unsigned int percent(const struct statvfs *fs)
{
	uint64_t bytes = 0, files = 0;

	if (fs->f_blocks)
		bytes = (fs->f_blocks - fs->f_bavail) * 100 / fs->f_blocks;
	if (fs->f_files)
		files = (fs->f_files - fs->f_ffree) * 100 / fs->f_files;
	return (unsigned int)(bytes > files ? bytes : files);
}

static _Noreturn void watch(int fd)
{
	const struct timespec pause = {
		.tv_sec = LOOK_EVERY_MS / 1000, .tv_nsec = LOOK_EVERY_MS % 1000 * 1000000,
	};
	unsigned int told = 0, now;
	struct statvfs fs;
	const char *what;

	for (;; nanosleep(&pause, NULL)) {
		if (fstatvfs(fd, &fs))
			continue;
		now = percent(&fs);
		what = union_judge(told, now);
		if (what)
			say("the RAM over the root %s: %u %% of %llu KiB (pvkit union status)",
			    what, now, (unsigned long long)fs.f_blocks * fs.f_frsize / 1024);
		/* What hovers about a mark is told once. */
		if (now > told || now + CALM < told)
			told = now;
	}
}

void union_watch(void)
{
	int fd = open(UNION_RAM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;

	if (fd < 0)
		return;
	pid = fork();
	if (!pid) {
		setsid();
		prctl(PR_SET_NAME, "pvkit-union");
		console_detach();
		watch(fd);
	}
	if (pid < 0)
		say("nobody watches how full the RAM over the root is: %s", strerror(errno));
	close(fd);
}
