// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "ubootenv.h"

bool pvk_env_flags_ambiguous(uint8_t first, uint8_t second)
{
	/* 255 is erased or the highest count, 0 obsolete or the count after it. */
	return (first == 0xff || first == 0) && (second == 0xff || second == 0) &&
	       (first || second);
}

#ifdef PVKIT_UBOOTENV

#include <fcntl.h>
#include <libuboot.h>
#include <limits.h>
#include <mtd/mtd-user.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include <pvkit/crc.h>
#include <pvkit/format.h>

#define TIMEOUT_MS	10000
#define POLL_MS		20
#define COPIES		2
#define KEPT_MAX	100
#define LINE_SIZE	1024

/* U-Boot's own names: what they hold is not the field as it is. */
#define BOOTCOUNT	"bootcount"
#define BOOTLIMIT	"bootlimit"
#define UPGRADE		"upgrade_available"

/* One copy as it lies there, seen without the library. */
struct copy {
	char path[PATH_MAX];
	long long offset;
	size_t size;
	uint8_t *data;		/* NULL: could not be read */
	bool plain;		/* the bytes lie one after the other: no NAND, no UBI */
	bool nor;
};

struct session {
	const struct pvk_env *env;
	struct copy copy[COPIES];
	unsigned int copies;
	struct uboot_ctx *ctx;
	int lock;
	bool whole;		/* the library has found an environment */
};

/* ---- the copies, without the library ---- */

static const char *config_of(const struct pvk_env *env)
{
	return env->config ? env->config : PVK_ENV_CONFIG;
}

static int parse_config(struct session *s, struct pvk_err *err)
{
	pvk_auto_free char *text = NULL;
	const char *config = config_of(s->env);
	char *rest, *line;
	int ret;

	ret = pvk_read_file(AT_FDCWD, config, 64 * 1024, &text, NULL);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", config, strerror(-ret));
	rest = text;
	while (s->copies < COPIES && (line = strsep(&rest, "\n"))) {
		struct copy *c = &s->copy[s->copies];
		char path[LINE_SIZE];

		if (line[0] == '#' || strlen(line) >= sizeof(path) ||
		    sscanf(line, "%s %lli %zx", path, &c->offset, &c->size) < 3)
			continue;
		if (!c->size || c->size > PVK_ENV_SIZE_MAX)
			return pvk_err_set(err, -EINVAL, "%s: %s: a size of 0x%zx", config, path,
					   c->size);
		strcpy(c->path, path);
		s->copies++;
	}
	if (!s->copies)
		return pvk_err_set(err, -EINVAL, "%s: no line DEVICE OFFSET SIZE", config);
	if (s->copies == COPIES && s->copy[0].size != s->copy[1].size)
		return pvk_err_set(err, -EINVAL, "%s: the copies differ in size", config);
	return 0;
}

static void read_copy(struct copy *c)
{
	pvk_auto_close int fd = open(c->path, O_RDONLY | O_CLOEXEC);
	struct mtd_info_user mtd;
	struct stat st;
	size_t done = 0;
	off_t at;
	ssize_t n;

	free(c->data);
	c->data = NULL;
	if (fd < 0 || fstat(fd, &st))
		return;
	c->plain = !S_ISCHR(st.st_mode);
	if (S_ISCHR(st.st_mode) && !ioctl(fd, MEMGETINFO, &mtd))
		c->nor = mtd.type == MTD_NORFLASH;
	c->plain = c->plain || c->nor;
	if (S_ISBLK(st.st_mode))
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	at = c->offset < 0 ? lseek(fd, 0, SEEK_END) + c->offset : c->offset;
	c->data = malloc(c->size);
	while (c->data && done < c->size) {
		n = pread(fd, c->data + done, c->size - done, at + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(c->data);
			c->data = NULL;
			return;
		}
		done += (size_t)n;
	}
}

static size_t head_size(const struct session *s)
{
	return s->copies == COPIES ? 5 : 4;
}

/* In the byte order of the target, which is ours. */
static bool crc_right(const struct session *s, const struct copy *c)
{
	size_t head = head_size(s);
	uint32_t crc;

	memcpy(&crc, c->data, sizeof(crc));
	return crc == pvb_crc32(0, c->data + head, c->size - head);
}

static bool is_blank(const struct copy *c)
{
	size_t i;

	for (i = 0; i < c->size; i++)
		if (c->data[i] != c->data[0])
			return false;
	return c->data[0] == 0xff || c->data[0] == 0;
}

/* The value of a variable, or NULL. */
static const char *raw_value(const struct session *s, const struct copy *c, const char *name)
{
	const char *p = (const char *)c->data + head_size(s);
	const char *end = (const char *)c->data + c->size;
	size_t len = strlen(name);

	while (p < end && *p) {
		size_t n = strnlen(p, (size_t)(end - p));

		if (p + n == end)
			return NULL;
		if (n > len && p[len] == '=' && !memcmp(p, name, len))
			return p + len + 1;
		p += n + 1;
	}
	return NULL;
}

/* ---- locks ---- */

/* The directory of a lock; of one that is a link its target. */
static void make_directory(const char *path)
{
	char dir[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	if (strlen(path) >= sizeof(dir))
		return;
	strcpy(dir, path);
	*strrchr(dir, '/') = '\0';
	n = readlink(dir, target, sizeof(target) - 1);
	if (n > 0 && target[0] == '/') {
		target[n] = '\0';
		strcpy(dir, target);
	}
	mkdir(dir, 0755);
}

static int open_lock(const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, fd;

	fd = open(path, flags, 0666);
	if (fd < 0 && errno == ENOENT) {
		make_directory(path);
		fd = open(path, flags, 0666);
	}
	return fd < 0 ? -errno : fd;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* An open and locked file, or negative. */
static int take_lock(const char *path, int timeout_ms, struct pvk_err *err)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	long end = now_ms() + (timeout_ms ? timeout_ms : TIMEOUT_MS);
	int fd = open_lock(path);

	if (fd < 0)
		return pvk_err_set(err, -ENOLCK, "%s: %s", path, strerror(-fd));
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			close(fd);
			return pvk_err_set(err, -ENOLCK, "%s: %s", path, strerror(errno));
		}
		if (now_ms() >= end) {
			close(fd);
			return pvk_err_set(err, -EBUSY, "%s: held by another program", path);
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

/*
 * Ours is u-boot-tools'. The library takes its own when it opens, waits for ever,
 * and goes on without where it can't: so both are tried before.
 */
static int take_locks(struct session *s, struct pvk_err *err)
{
	const struct pvk_env *env = s->env;
	int fd;

	s->lock = take_lock(env->lock ? env->lock : PVK_ENV_LOCK_TOOLS, env->timeout_ms, err);
	if (s->lock < 0)
		return s->lock;
	fd = take_lock(env->library_lock ? env->library_lock : PVK_ENV_LOCK_LIBRARY,
		       env->timeout_ms, err);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- a session ---- */

static void session_close(struct session *s)
{
	unsigned int i;

	if (s->ctx) {
		libuboot_close(s->ctx);
		libuboot_exit(s->ctx);
	}
	for (i = 0; i < COPIES; i++)
		free(s->copy[i].data);
	if (s->lock >= 0)
		close(s->lock);
}

/* Why the library found nothing whole. */
static int explain_broken(struct session *s, struct pvk_err *err)
{
	bool blank = true;
	unsigned int i;

	for (i = 0; i < s->copies; i++)
		blank = blank && s->copy[i].data && is_blank(&s->copy[i]);
	if (blank)
		return pvk_err_set(err, -ENODATA,
				   "%s: the U-Boot environment was never saved", s->copy[0].path);
	return pvk_err_set(err, -EBADMSG, "%s%s%s: no U-Boot environment with a right checksum",
			   s->copy[0].path, s->copies == COPIES ? ", " : "",
			   s->copies == COPIES ? s->copy[1].path : "");
}

/* Reads all, with the locks if they are wanted; -ENODATA and -EBADMSG leave it open. */
static int session_open(struct session *s, bool lock, struct pvk_err *err)
{
	unsigned int i;
	int ret;

	s->lock = -1;
	ret = parse_config(s, err);
	if (ret)
		return ret;
	/* Who may only read goes without: a copy that is being written is then missing. */
	ret = take_locks(s, lock ? err : NULL);
	if (ret && (lock || ret == -EBUSY))
		return ret;
	for (i = 0; i < s->copies; i++)
		read_copy(&s->copy[i]);
	if (libuboot_initialize(&s->ctx, NULL) < 0)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	if (libuboot_read_config(s->ctx, config_of(s->env)) < 0)
		return pvk_err_set(err, -EINVAL, "%s: %s", config_of(s->env),
				   access(s->copy[0].path, F_OK) && !strchr(s->copy[0].path, ':') ?
				   "its device is not there" : "libubootenv can't use it");
	ret = libuboot_open(s->ctx);
	s->whole = !ret;
	if (ret == -ENODATA)
		return explain_broken(s, err);
	return ret ? pvk_err_set(err, ret, "%s: %s", s->copy[0].path, strerror(-ret)) : 0;
}

/* ---- fields and variables ---- */

static const char *variable_of(const struct pvk_env *env, unsigned int field)
{
	const char *name = env->variable[field];

	return name && *name ? name : NULL;
}

static bool get_number(struct session *s, const char *name, unsigned long *v)
{
	pvk_auto_free char *value = libuboot_get_env(s->ctx, name);
	char *end;

	if (!value || *value < '0' || *value > '9')
		return false;
	errno = 0;
	*v = strtoul(value, &end, 10);
	return !errno && !*end;
}

static int get_field(struct session *s, unsigned int field, const char *name,
		     struct pvb_flags *flags, struct pvk_err *err)
{
	pvk_auto_free char *value = NULL;
	unsigned long count, limit;

	if (field == PVB_TRIES && !strcmp(name, BOOTCOUNT)) {
		if (!get_number(s, BOOTLIMIT, &limit) || !limit)
			return 0;
		if (!get_number(s, BOOTCOUNT, &count))
			count = 0;
		count = count < limit ? limit - count : 0;
		return pvk_flags_set_number(flags, field, count, err);
	}
	value = libuboot_get_env(s->ctx, name);
	if (!value || !*value)
		return 0;
	if (field == PVB_SUCCESSFUL && !strcmp(name, UPGRADE))
		return pvk_flags_set_number(flags, field, !strcmp(value, "0"), err);
	return pvk_flags_set(flags, field, value, err);
}

static void get_fields(struct session *s, struct pvb_flags *flags, struct pvk_list *warnings)
{
	struct pvk_err why = { .text = "" };
	const char *name;
	unsigned int i;

	for (i = 1; i < PVB_FIELDS; i++) {
		name = variable_of(s->env, i);
		if (name && get_field(s, i, name, flags, &why))
			pvk_list_warn(warnings, "%s of the U-Boot environment: %s", name,
				      why.text);
	}
}

/* The environment counts no changes: a checksum of what the fields say. */
static uint32_t generation_of(const struct pvb_flags *flags)
{
	uint32_t crc = pvb_crc32(0, &flags->has, sizeof(flags->has));
	char text[PVK_FLAG_TEXT_SIZE];
	unsigned int i;

	for (i = 1; i < PVB_FIELDS; i++) {
		pvk_flags_text(flags, i, text);
		crc = pvb_crc32(crc, text, strlen(text) + 1);
	}
	return crc;
}

static void tell(const struct session *s, const struct pvb_flags *flags,
		 struct pvk_env_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->generation = generation_of(flags);
	info->redundant = s->copies == COPIES;
	info->guarantee = info->redundant ? PVB_ATOMIC | PVB_REDUNDANT : 0;
	for (i = 1; i < PVB_FIELDS; i++)
		if (variable_of(s->env, i))
			info->fields |= PVB_HAS(i);
	snprintf(info->where, sizeof(info->where), "%.120s%s%.120s", s->copy[0].path,
		 info->redundant ? " " : "", info->redundant ? s->copy[1].path : "");
}

int pvk_env_read(const struct pvk_env *env, struct pvb_flags *flags, struct pvk_env_info *info,
		 struct pvk_list *warnings, struct pvk_err *err)
{
	struct session s = { .env = env, .lock = -1 };
	int ret;

	memset(flags, 0, sizeof(*flags));
	ret = session_open(&s, false, err);
	if (!ret)
		get_fields(&s, flags, warnings);
	if (info)
		tell(&s, flags, info);
	session_close(&s);
	return ret;
}

/* ---- writing ---- */

/* The text of a variable; NULL: it is to go. -ENODATA: it can't be said. */
static int variable_text(struct session *s, const struct pvk_change *change, unsigned int field,
			 const char *name, char text[PVK_FLAG_TEXT_SIZE], bool *gone)
{
	unsigned long limit;

	*gone = !(change->set.has & PVB_HAS(field));
	if (*gone)
		return 0;
	if (field == PVB_SUCCESSFUL && !strcmp(name, UPGRADE)) {
		strcpy(text, change->set.successful ? "0" : "1");
		return 0;
	}
	if (field == PVB_TRIES && !strcmp(name, BOOTCOUNT)) {
		if (!get_number(s, BOOTLIMIT, &limit))
			return -ENODATA;
		if (change->set.tries > limit)
			return -ERANGE;
		snprintf(text, PVK_FLAG_TEXT_SIZE, "%lu", limit - change->set.tries);
		return 0;
	}
	pvk_flags_text(&change->set, field, text);
	return 0;
}

/* Changes one variable in memory. 1: it was another one before. */
static int set_variable(struct session *s, const char *name, const char *text,
			struct pvk_err *err)
{
	pvk_auto_free char *now = libuboot_get_env(s->ctx, name);
	int ret;

	if (!now == !text && (!now || !strcmp(now, text)))
		return 0;
	ret = libuboot_set_env(s->ctx, name, text);
	if (ret == -EPERM)
		return pvk_err_set(err, ret, "%s: protected by U-Boot's .flags", name);
	return ret ? pvk_err_set(err, ret, "%s: %s", name, strerror(-ret)) : 1;
}

/* The number of variables that have changed. */
static int set_fields(struct session *s, const struct pvk_change *change, struct pvk_err *err)
{
	uint32_t fields = pvk_change_fields(change);
	char text[PVK_FLAG_TEXT_SIZE];
	int changed = 0, ret;
	const char *name;
	unsigned int i;
	bool gone;

	for (i = 1; i < PVB_FIELDS; i++) {
		if (!(fields & PVB_HAS(i)))
			continue;
		name = variable_of(s->env, i);
		if (!name)
			return pvk_err_set(err, -EOPNOTSUPP,
					   "%s is not kept in the U-Boot environment",
					   pvk_field_name(i));
		ret = variable_text(s, change, i, name, text, &gone);
		if (ret == -ENODATA)
			return pvk_err_set(err, -EOPNOTSUPP, "tries: %s is not set", BOOTLIMIT);
		if (ret)
			return pvk_err_set(err, -ENOSPC, "tries: more than %s", BOOTLIMIT);
		ret = set_variable(s, name, gone ? NULL : text, err);
		if (ret < 0)
			return ret;
		changed += ret;
	}
	return changed;
}

/* Would it fit? The library does not look when it writes .flags. */
static int check_room(struct session *s, struct pvk_err *err)
{
	size_t room = s->copy[0].size - head_size(s), used = 1, marks = sizeof(".flags=");
	bool may_have_flags = false;
	void *entry = NULL;
	unsigned int i;

	for (i = 0; i < s->copies; i++) {
		const struct copy *c = &s->copy[i];

		may_have_flags = may_have_flags || !c->data || !c->plain ||
				 raw_value(s, c, ".flags");
	}
	while ((entry = libuboot_iterator(s->ctx, entry))) {
		used += strlen(libuboot_getname(entry)) + strlen(libuboot_getvalue(entry)) + 2;
		marks += strlen(libuboot_getname(entry)) + 4;
	}
	if (may_have_flags)
		used += marks;
	return used <= room ? 0 : pvk_err_set(err, -ENOSPC,
		"the U-Boot environment has %zu bytes, and %zu would be needed", room, used);
}

static int keep_copy(const char *dir, unsigned int n, const struct copy *c,
		     struct pvk_list *warnings)
{
	char path[PATH_MAX];
	int fd = -1, i, ret = 0;

	for (i = 0; fd < 0 && i < KEPT_MAX; i++) {
		if (snprintf(path, sizeof(path), "%s/uboot-env-%u.%d", dir, n, i) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	if (write(fd, c->data, c->size) != (ssize_t)c->size || fsync(fd))
		ret = errno ? -errno : -EIO;
	close(fd);
	if (ret)
		unlink(path);
	else
		pvk_list_warn(warnings, "%s: what was there is in %s", c->path, path);
	return ret;
}

/* What can't be read as an environment is kept before it goes. */
static int keep_copies(struct session *s, struct pvk_list *warnings, struct pvk_err *err)
{
	unsigned int i;
	int ret;

	if (!s->env->keep)
		return pvk_err_set(err, -ENOENT, "no directory to keep what is there in");
	for (i = 0; i < s->copies; i++) {
		ret = s->copy[i].data ? keep_copy(s->env->keep, i, &s->copy[i], warnings) : -EIO;
		if (ret)
			return pvk_err_set(err, ret, "%s can't be kept in %s: %s",
					   s->copy[i].path, s->env->keep, strerror(-ret));
	}
	return 0;
}

/* Is what is there fit to be written over: 0, or why not? */
static int check_base(struct session *s, int ret, bool force, struct pvk_list *warnings,
		      struct pvk_err *err)
{
	const struct copy *c = s->copy;

	if (ret == -ENODATA || ret == -EBADMSG)
		return force ? keep_copies(s, warnings, err) : ret;
	if (ret || force || s->copies < COPIES || !c[0].nor || !c[0].data || !c[1].data ||
	    !crc_right(s, &c[0]) || !crc_right(s, &c[1]))
		return ret;
	if (pvk_env_flags_ambiguous(c[0].data[4], c[1].data[4]))
		return pvk_err_set(err, -EBADMSG,
				   "%s, %s: flags %u and %u: not all readers take the same copy",
				   c[0].path, c[1].path, c[0].data[4], c[1].data[4]);
	return 0;
}

/* Has somebody set a field since the caller looked? Nobody can now, with the locks. */
static int check_generation(struct session *s, const struct pvk_change *change,
			    struct pvk_err *err)
{
	struct pvb_flags now = { .has = 0 };

	if (!change->has_generation)
		return 0;
	if (s->whole)
		get_fields(s, &now, NULL);
	if (generation_of(&now) == change->generation)
		return 0;
	return pvk_err_set(err, -EAGAIN, "the U-Boot environment has changed meanwhile");
}

/* One of the copies has to be whole now, and say all that the library was told. */
static int read_back(struct session *s, struct pvk_err *err)
{
	void *entry;
	unsigned int i;
	bool same;

	for (i = 0; i < s->copies; i++) {
		struct copy *c = &s->copy[i];

		read_copy(c);
		if (!c->data || !c->plain)
			return 0;
		same = crc_right(s, c);
		for (entry = NULL; same && (entry = libuboot_iterator(s->ctx, entry));) {
			const char *value = raw_value(s, c, libuboot_getname(entry));

			same = value && !strcmp(value, libuboot_getvalue(entry));
		}
		if (same)
			return 0;
	}
	return pvk_err_set(err, -EIO, "%s: something else is read back", s->copy[0].path);
}

int pvk_env_change(const struct pvk_env *env, const struct pvk_change *change,
		   struct pvk_list *warnings, struct pvk_err *err)
{
	struct session s = { .env = env, .lock = -1 };
	int ret;

	ret = session_open(&s, true, err);
	/* What can't be read is no reason to write anything but our fields. */
	if (!ret || s.ctx)
		ret = check_base(&s, ret, change->force, warnings, err);
	if (!ret)
		ret = check_generation(&s, change, err);
	if (!ret)
		ret = set_fields(&s, change, err);
	if (ret > 0) {
		ret = check_room(&s, err);
		if (!ret && libuboot_env_store(s.ctx))
			ret = pvk_err_set(err, -EIO, "%s: the write failed", s.copy[0].path);
		if (!ret)
			ret = read_back(&s, err);
	}
	session_close(&s);
	return ret;
}

#else /* !PVKIT_UBOOTENV */

int pvk_env_read(const struct pvk_env *env, struct pvb_flags *flags, struct pvk_env_info *info,
		 struct pvk_list *warnings, struct pvk_err *err)
{
	(void)env;
	(void)warnings;
	memset(flags, 0, sizeof(*flags));
	if (info)
		memset(info, 0, sizeof(*info));
	return pvk_err_set(err, -EOPNOTSUPP, "built without libubootenv");
}

int pvk_env_change(const struct pvk_env *env, const struct pvk_change *change,
		   struct pvk_list *warnings, struct pvk_err *err)
{
	(void)env;
	(void)change;
	(void)warnings;
	return pvk_err_set(err, -EOPNOTSUPP, "built without libubootenv");
}

#endif /* PVKIT_UBOOTENV */
