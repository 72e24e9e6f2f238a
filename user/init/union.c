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
#include "switch.h"
#include "union.h"
#include "union_keep.h"

#define UPPER		UNION_RAM "/upper"
#define WORK		UNION_RAM "/work"
#define PLAIN		UNION_RAM "/plain"
#define PATH_SIZE	512
#define STATE_MAX	4096
/* What is in upper/ is all of it: pvkit union reads it there. */
#define WHOLE		",redirect_dir=off,metacopy=off"
/* It is looked at each second and, from so many percent on, more often. */
#define OFTEN_FROM	50
#define LOOK_OFTEN_MS	200

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

/* Each directory on the way too, wherever links lead within root. Opens it. */
static int make_path(int root, char *path)
{
	int at = switch_open(root, "/", O_DIRECTORY), next;
	char *slash = path;
	bool more;

	while (at >= 0 && *slash) {
		slash = strchrnul(slash + 1, '/');
		more = *slash;
		*slash = '\0';
		next = switch_open(root, path, O_DIRECTORY);
		if (next == -ENOENT && !mkdirat(at, strrchr(path, '/') + 1, 0755))
			next = switch_open(root, path, O_DIRECTORY);
		if (more)
			*slash = '/';
		close(at);
		at = next;
	}
	return at;
}

static int bind_plain(const char *where, const char *directory, unsigned int n)
{
	pvk_auto_close int root = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC), at = -1;
	char path[PATH_SIZE], from[PATH_SIZE], to[32];
	int ret;

	if (root < 0)
		return -errno;
	if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	at = make_path(root, path);
	if (at < 0)
		return at;
	snprintf(from, sizeof(from), PLAIN "/%u", n);
	snprintf(to, sizeof(to), "/proc/self/fd/%d", at);
	ret = make_like(from, to);
	if (!ret && mount(from, to, NULL, MS_BIND, NULL))
		ret = -errno;
	return ret;
}

/* For `pvkit union status`. */
static int write_state(const char *name, const struct pvk_buf *text)
{
	pvk_auto_close int fd = open(UNION_STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (text->err)
		return text->err;
	return fd < 0 ? -errno :
	       pvk_replace_file(fd, name, ".new", pvk_buf_str(text), text->len, 0644);
}

/* One that can't be had is said; the root is usable without. */
static void bind_plains(const char *where, const char *directories)
{
	char list[sizeof(((struct boot_conf *)NULL)->union_plain)], *rest = list, *one;
	pvk_auto_buf struct pvk_buf told = PVK_BUF_INIT(STATE_MAX);
	unsigned int n = 0;
	int ret;

	strcpy(list, directories);
	mkdir(PLAIN, 0755);
	while ((one = strsep(&rest, " \t"))) {
		if (!*one)
			continue;
		ret = one[0] == '/' && one[1] ? bind_plain(where, one, n) : -EINVAL;
		if (ret)
			say("union-plain %s: %s", one, strerror(-ret));
		else
			pvk_buf_printf(&told, "%u %s\n", n++, one);
	}
	ret = write_state(PVK_UNION_PLAIN_FILE, &told);
	if (ret)
		say(UNION_STATE "/" PVK_UNION_PLAIN_FILE ": %s", strerror(-ret));
}

/*
 * Last of all: plain directories are of the same tmpfs, and are to have what any other
 * has.
 */
static void take_rights(const char *part)
{
	if (mount(NULL, part, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL))
		say("%s: set-user-ID counts there: %s", part, strerror(errno));
}

bool union_is_there(void)
{
	return !access(UPPER, F_OK);
}

int union_mount(const char *where, const struct conf *conf, const struct boot_conf *boot,
		const struct pvk_cmdline *cmdline, struct pvk_err *err)
{
	const char *size = boot->union_size[0] ? boot->union_size : "50%";
	char options[64];
	int ret;

	snprintf(options, sizeof(options), "mode=0700,size=%s", size);
	if ((mkdir(UNION_DIR, 0755) && errno != EEXIST) ||
	    (mkdir(UNION_RAM, 0755) && errno != EEXIST) ||
	    (mkdir(UNION_STATE, 0755) && errno != EEXIST) ||
	    mount("pvkit-union", UNION_RAM, "tmpfs", 0, options))
		return pvk_err_set(err, -errno, "union: a tmpfs of size=%s: %s", size,
				   strerror(errno));
	ret = make_like(UPPER, UNION_LOWER);
	if (!ret && mkdir(WORK, 0755))
		ret = -errno;
	if (ret)
		return pvk_err_set(err, ret, "union: " UNION_RAM ": %s", strerror(-ret));
	union_keep_restore(conf, boot, cmdline, UNION_RAM, UPPER, UNION_LOWER);
	if (mount("pvkit-union", where, "overlay", 0,
		  "lowerdir=" UNION_LOWER ",upperdir=" UPPER ",workdir=" WORK WHOLE))
		return pvk_err_set(err, -errno, "union: %s", errno == ENODEV ?
				   "this kernel has no overlay" : strerror(errno));
	bind_plains(where, boot->union_plain);
	take_rights(UNION_LOWER);
	take_rights(UNION_RAM);
	return 0;
}

/* ---- watching ---- */

/* For the log; a change to the same or a lower level but `ok` is no news there. */
static const char *news_of(enum pvk_union_level before, enum pvk_union_level now)
{
	if (now == PVK_UNION_OK)
		return "has room again";
	if (now < before)
		return NULL;
	return now == PVK_UNION_CRITICAL ? "is about to be full" : "is filling up";
}

static uint64_t uptime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A file that can't be written is said once; the log tells all the same. */
static void tell(int dirfd, struct pvk_union_state *state)
{
	static bool said;
	int ret;

	state->generation++;
	state->uptime_ms = uptime_ms();
	ret = pvk_union_state_write(dirfd, state);
	if (ret && !said)
		say(UNION_STATE "/" PVK_UNION_LEVEL_FILE ": %s", strerror(-ret));
	said |= ret;
}

static int look(int fd, struct pvk_union_usage *usage)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs))
		return -errno;
	pvk_union_usage_of(&fs, usage);
	return 0;
}

/* Of what is scarcer. */
static void tell_log(const char *news, const struct pvk_union_usage *usage, unsigned int percent)
{
	bool bytes = usage->size && usage->used * 100 / usage->size == percent;

	say("the RAM over the root %s: %u %% of %llu %s (pvkit union status)", news, percent,
	    (unsigned long long)(bytes ? usage->size / 1024 : usage->files),
	    bytes ? "KiB" : "inodes");
}

static _Noreturn void watch(int fd, int dirfd, struct pvk_union_state *state)
{
	enum pvk_union_level level;
	unsigned int percent = 0;
	struct timespec pause;
	const char *news;

	for (;;) {
		pause = (struct timespec){ .tv_sec = percent < OFTEN_FROM };
		if (!pause.tv_sec)
			pause.tv_nsec = LOOK_OFTEN_MS * 1000000;
		nanosleep(&pause, NULL);
		if (look(fd, &state->usage))
			continue;
		percent = pvk_union_percent(&state->usage);
		level = pvk_union_level_next(state->level, percent);
		if (level == state->level)
			continue;
		news = news_of(state->level, level);
		if (news)
			tell_log(news, &state->usage, percent);
		state->level = level;
		tell(dirfd, state);
	}
}

/* When memory is short it is to say so, and not to be what is ended for it. */
static void spare_us(void)
{
	pvk_auto_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		say_debug("pvkit-union: the OOM killer does not spare it");
}

void union_watch(void)
{
	pvk_auto_close int fd = open(UNION_RAM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_close int dirfd = open(UNION_STATE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static struct pvk_union_state state;
	pid_t pid;

	if (fd < 0 || dirfd < 0 || look(fd, &state.usage)) {
		say("nobody watches how full the RAM over the root is: %s", strerror(errno));
		return;
	}
	/* Whoever looks finds it there from the beginning. */
	tell(dirfd, &state);
	pid = fork();
	if (!pid) {
		setsid();
		prctl(PR_SET_NAME, "pvkit-union");
		spare_us();
		console_detach();
		watch(fd, dirfd, &state);
	}
	if (pid < 0)
		say("nobody watches how full the RAM over the root is: %s", strerror(errno));
}
