// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "ubootenv.h"

#ifdef PVKIT_UBOOTENV

#include <fcntl.h>
#include <libuboot.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <pvkit/crc.h>
#include <pvkit/format.h>

#include "ubootcopy.h"
#include "ubootfield.h"

#define TIMEOUT_MS	10000
#define POLL_MS		20
#define KEPT_MAX	100

struct session {
	const struct pvk_env *env;
	struct ubootcopies copies;
	struct uboot_ctx *ctx;
	int lock;
	bool whole;		/* what the context holds is what the environment says */
};

static const char *config_of(const struct pvk_env *env)
{
	return env->config ? env->config : PVK_ENV_CONFIG;
}

/* What errors are about. */
static const char *first_path(const struct session *s)
{
	return s->copies.copy[0].path;
}

/* ---- locks ---- */

/* The directory of a lock; where that is a link its target. */
static void make_directory(const char *path)
{
	char dir[PATH_MAX], target[PATH_MAX];
	char *slash;
	ssize_t n;

	if (strlen(path) >= sizeof(dir))
		return;
	strcpy(dir, path);
	*strrchr(dir, '/') = '\0';
	n = readlink(dir, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		/* It begins where the link lies, or with the root. */
		slash = target[0] == '/' ? dir : strrchr(dir, '/') + 1;
		if (slash - dir + n >= (ssize_t)sizeof(dir))
			return;
		strcpy(slash, target);
	}
	mkdir(dir, 0755);
}

/*
 * Not made anew if it is there: in a directory that anybody may write to, the kernel
 * (fs.protected_regular) has nobody, not even root, open somebody else's file with
 * O_CREAT; and whoever came first, with fw_printenv as well, made it.
 */
static int open_lock(const char *path)
{
	const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd;

	fd = open(path, flags);
	if (fd < 0 && errno == ENOENT)
		fd = open(path, flags | O_CREAT, 0666);
	if (fd < 0 && errno == ENOENT) {
		make_directory(path);
		fd = open(path, flags | O_CREAT, 0666);
	}
	return fd < 0 ? -errno : fd;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* An open and locked file, or negative. */
static int take_lock(const char *path, int timeout_ms, struct pvk_err *err)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	int64_t end = now_ms() + (timeout_ms ? timeout_ms : TIMEOUT_MS);
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

static void library_close(struct session *s)
{
	if (s->ctx) {
		libuboot_close(s->ctx);
		libuboot_exit(s->ctx);
	}
	s->ctx = NULL;
}

static void session_close(struct session *s)
{
	library_close(s);
	ubootcopies_free(&s->copies);
	if (s->lock >= 0)
		close(s->lock);
}

/* -ENODATA: no copy is whole. -EIO: it gives up where one of two can't be read. */
static int library_open(struct session *s, struct pvk_err *err)
{
	int ret;

	if (libuboot_initialize(&s->ctx, NULL) < 0)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	if (libuboot_read_config(s->ctx, config_of(s->env)) < 0) {
		library_close(s);
		return pvk_err_set(err, -EINVAL, "%s: libubootenv can't use it", config_of(s->env));
	}
	ret = libuboot_open(s->ctx);
	return ret ? pvk_err_set(err, ret, "%s: %s", first_path(s), strerror(-ret)) : 0;
}

/* Why nothing whole was found, and what is to be done. */
static int explain_broken(struct session *s, struct pvk_err *err)
{
	const struct ubootcopy *c = s->copies.copy;
	bool blank = true, unread = false;
	unsigned int i;

	for (i = 0; i < s->copies.count; i++) {
		blank = blank && ubootcopy_blank(&c[i]);
		unread = unread || c[i].error;
	}
	if (blank)
		return pvk_err_set(err, -ENODATA,
				   "%s: the U-Boot environment was never saved; U-Boot's saveenv does",
				   c->path);
	return pvk_err_set(err, -EBADMSG,
			   "%s%s%s: no U-Boot environment with a right checksum%s%s; is %s right? U-Boot's saveenv makes it whole, force begins one of these flags alone",
			   c->path, s->copies.count > 1 ? ", " : "",
			   s->copies.count > 1 ? c[1].path : "", unread ? ": " : "",
			   unread ? ubootcopy_why(c->error ? c : c + 1) : "", config_of(s->env));
}

/* What the library would have read, had it gone on without the copy that it can't read. */
static int take_variables(struct session *s, const struct ubootcopy *copy, struct pvk_err *err)
{
	const char *entry = NULL, *value;

	while ((entry = ubootcopies_next(&s->copies, copy, entry))) {
		pvk_auto_free char *name = NULL;

		value = strchr(entry, '=');
		if (!value)
			continue;
		name = strndup(entry, (size_t)(value - entry));
		if (!name || libuboot_set_env(s->ctx, name, value + 1))
			return pvk_err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* Which copy counts, and is that known? */
static int judge(struct session *s, int ret, struct pvk_err *err)
{
	const struct ubootcopy *c = s->copies.copy;
	int current = ubootcopies_current(&s->copies);

	if (!s->ctx || c->kind == UBOOTCOPY_OTHER)
		return ret;
	if (ubootcopies_ambiguous(&s->copies))
		return pvk_err_set(err, -EBADMSG,
				   "%s, %s: flags %u and %u: not all readers take the same copy; force keeps both in files and goes on with the %s",
				   c[0].path, c[1].path, c[0].data[4], c[1].data[4],
				   current ? "second" : "first");
	if (!ret)
		return 0;
	if (current < 0)
		return explain_broken(s, err);
	return ret == -EIO ? take_variables(s, &c[current], err) : ret;
}

/* Reads all, with the locks if they are wanted; -ENODATA and -EBADMSG leave it open. */
static int session_open(struct session *s, bool lock, struct pvk_err *err)
{
	int ret;

	s->lock = -1;
	ret = ubootcopies_config(&s->copies, config_of(s->env), err);
	if (ret)
		return ret;
	/* Who may only read goes without: a copy that is being written is then missing. */
	ret = take_locks(s, lock ? err : NULL);
	if (ret && (lock || ret == -EBUSY))
		return ret;
	ubootcopies_read(&s->copies);
	ret = judge(s, library_open(s, err), err);
	s->whole = !ret;
	return ret;
}

/* ---- fields and variables ---- */

static const char *variable_of(const struct pvk_env *env, unsigned int field)
{
	const char *name = env->variable[field];

	return name && *name ? name : NULL;
}

static char *get_variable(void *ctx, const char *name)
{
	return libuboot_get_env(ctx, name);
}

static void get_fields(struct session *s, struct pvb_flags *flags, struct pvk_list *warnings)
{
	ubootfield_read(get_variable, s->ctx, s->env->variable, flags, warnings);
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
	info->redundant = s->copies.count == UBOOTCOPIES_MAX;
	info->guarantee = info->redundant ? PVB_ATOMIC | PVB_REDUNDANT : 0;
	for (i = 1; i < PVB_FIELDS; i++)
		if (variable_of(s->env, i))
			info->fields |= PVB_HAS(i);
	snprintf(info->where, sizeof(info->where), "%.120s%s%.120s", first_path(s),
		 info->redundant ? " " : "", info->redundant ? s->copies.copy[1].path : "");
}

static void warn_of_damage(struct session *s, struct pvk_list *warnings)
{
	const struct ubootcopy *damaged = ubootcopies_damaged(&s->copies);

	if (damaged)
		pvk_list_warn(warnings,
			      "%s at 0x%llx: this copy of two %s%s; the next set mends it",
			      damaged->path, (unsigned long long)damaged->offset,
			      damaged->error ? "can't be read: " :
			      ubootcopy_blank(damaged) ? "was never written" :
			      "has a wrong checksum",
			      damaged->error ? ubootcopy_why(damaged) : "");
}

int pvk_env_read(const struct pvk_env *env, struct pvb_flags *flags, struct pvk_env_info *info,
		 struct pvk_list *warnings, struct pvk_err *err)
{
	struct session s = { .env = env, .lock = -1 };
	int ret;

	memset(flags, 0, sizeof(*flags));
	ret = session_open(&s, false, err);
	if (!ret) {
		get_fields(&s, flags, warnings);
		warn_of_damage(&s, warnings);
	}
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
	if (field == PVB_SUCCESSFUL && !strcmp(name, UBOOT_UPGRADE)) {
		strcpy(text, change->set.successful ? "0" : "1");
		return 0;
	}
	if (field == PVB_TRIES && !strcmp(name, UBOOT_BOOTCOUNT)) {
		if (!ubootfield_number(get_variable, s->ctx, UBOOT_BOOTLIMIT, &limit))
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
			return pvk_err_set(err, -EOPNOTSUPP, "tries: %s is not set",
					   UBOOT_BOOTLIMIT);
		if (ret)
			return pvk_err_set(err, -ENOSPC, "tries: more than %s", UBOOT_BOOTLIMIT);
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
	size_t room = s->copies.copy[0].size - ubootcopies_head(&s->copies);
	size_t used = 1, marks = sizeof(".flags=");
	bool may_have_flags = false;
	void *entry = NULL;
	unsigned int i;

	for (i = 0; i < s->copies.count; i++) {
		const struct ubootcopy *c = &s->copies.copy[i];

		may_have_flags = may_have_flags || !c->data ||
				 ubootcopies_value(&s->copies, c, ".flags");
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

static int keep_copy(const char *dir, unsigned int n, const struct ubootcopy *c,
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
	for (i = 0; i < s->copies.count; i++) {
		const struct ubootcopy *c = &s->copies.copy[i];

		if (!c->data) {
			pvk_list_warn(warnings, "%s: nothing of it could be read", c->path);
			continue;
		}
		ret = keep_copy(s->env->keep, i, c, warnings);
		if (ret)
			return pvk_err_set(err, ret, "%s can't be kept in %s: %s", c->path,
					   s->env->keep, strerror(-ret));
	}
	return 0;
}

/* The library takes up nothing as long as it can't read all. */
static int make_readable(struct session *s, struct pvk_err *err)
{
	bool erased = false;
	unsigned int i;
	int ret;

	for (i = 0; i < s->copies.count; i++) {
		if (!s->copies.copy[i].error)
			continue;
		ret = ubootcopy_erase(&s->copies.copy[i], err);
		if (ret)
			return ret;
		erased = true;
	}
	if (!erased)
		return 0;
	ubootcopies_read(&s->copies);
	library_close(s);
	ret = library_open(s, err);
	return ret == -ENODATA ? 0 : ret;
}

/* The copy that the library would write; NULL: we can't tell. */
static const struct ubootcopy *target_of(const struct session *s)
{
	const struct ubootcopy *c = s->copies.copy;

	if (c->kind == UBOOTCOPY_OTHER)
		return NULL;
	return s->copies.count == UBOOTCOPIES_MAX && ubootcopies_current(&s->copies) <= 0 ?
		c + 1 : c;
}

/* Is what is there fit to be written over: 0, or why not? */
static int check_base(struct session *s, int ret, bool force, struct pvk_list *warnings,
		      struct pvk_err *err)
{
	if ((ret == -ENODATA || ret == -EBADMSG) && force)
		ret = keep_copies(s, warnings, err);
	return ret ? ret : make_readable(s, err);
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

/* Does the copy that counts now say all that the library was told, and to every reader? */
static bool is_written(struct session *s)
{
	const struct ubootcopy *c;
	void *entry = NULL;
	const char *value;
	int current;

	ubootcopies_read(&s->copies);
	current = ubootcopies_current(&s->copies);
	if (current < 0 || ubootcopies_ambiguous(&s->copies))
		return false;
	c = &s->copies.copy[current];
	while ((entry = libuboot_iterator(s->ctx, entry))) {
		value = ubootcopies_value(&s->copies, c, libuboot_getname(entry));
		if (!value || strcmp(value, libuboot_getvalue(entry)))
			return false;
	}
	return true;
}

/*
 * The library does not look at what its fsync() returns. An error is told once to each
 * that had the file open before: so this one is.
 */
static int store(struct session *s, struct pvk_err *err)
{
	const struct ubootcopy *target = target_of(s);
	pvk_auto_close int fd = -1;
	int ret;

	ret = target ? ubootcopy_check(target, err) : 0;
	if (ret)
		return ret;
	if (target && target->kind == UBOOTCOPY_FILE)
		fd = open(target->device, O_RDONLY | O_CLOEXEC);
	if (libuboot_env_store(s->ctx))
		return pvk_err_set(err, -EIO, "%s: the write failed", (target ? target :
				   s->copies.copy)->path);
	if (fd >= 0 && fsync(fd))
		return pvk_err_set(err, -errno, "%s: %s", target->path, strerror(errno));
	if (target && !is_written(s))
		return pvk_err_set(err, -EIO, "%s: something else is read back", target->path);
	return 0;
}

/* Another slot has proved nothing yet. */
static struct pvk_change with_proof(struct session *s, const struct pvk_change *change)
{
	struct pvk_change whole = *change;
	struct pvb_flags now = { .has = 0 };

	if (s->whole)
		get_fields(s, &now, NULL);
	if (pvb_proof_ends(&now, &change->set, pvk_change_fields(change))) {
		whole.set.has |= PVB_HAS(PVB_SUCCESSFUL);
		whole.set.successful = 0;
	}
	return whole;
}

int pvk_env_change(const struct pvk_env *env, const struct pvk_change *change,
		   struct pvk_list *warnings, struct pvk_err *err)
{
	struct session s = { .env = env, .lock = -1 };
	const struct ubootcopy *damaged;
	struct pvk_change whole;
	int ret;

	ret = session_open(&s, true, err);
	/* What can't be read is no reason to write anything but our fields. */
	if (!ret || s.ctx)
		ret = check_base(&s, ret, change->force, warnings, err);
	if (!ret)
		ret = check_generation(&s, change, err);
	if (!ret) {
		whole = with_proof(&s, change);
		ret = set_fields(&s, &whole, err);
	}
	/* Nothing new: a copy that is damaged is mended all the same. */
	damaged = ubootcopies_damaged(&s.copies);
	if (ret > 0 || (!ret && damaged)) {
		ret = check_room(&s, err);
		if (!ret)
			ret = store(&s, err);
		if (!ret && damaged)
			pvk_list_warn(warnings,
				      "%s at 0x%llx: this copy of two was damaged, and is mended",
				      damaged->path, (unsigned long long)damaged->offset);
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
