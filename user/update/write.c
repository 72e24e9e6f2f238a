// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "owned.h"
#include "write_medium.h"
#include "write.h"

#define TELL_MS		1000
#define CHECK_BYTES	(256 * 1024)
#define CHUNK_MAX	(16u << 20)
#define AHEAD		(4 << 20)	/* of the image, that the kernel reads meanwhile */
#define RESUME_BYTES	(1 << 20)	/* that are compared before the cursor */
#define PASSES		3		/* of writing, as long as read-back finds something */

struct writer {
	const struct plan *plan;
	struct write_env env;
	size_t n;			/* which image */
	const struct plan_image *image;
	int fd;				/* it */
	struct medium medium;
	unsigned char *buf, *other;	/* medium.chunk bytes each */
	struct write_progress progress;
	uint64_t told_ms, kept_ms;
	bool stop;
};

const char *write_step_name(enum write_step step)
{
	static const char *const names[] = { "check", "resume", "write", "erase", "verify" };

	return pvk_name_of(names, PVK_ARRAY_SIZE(names), step);
}

/* One from the top of its file system was not copied there. NULL: it is in no state. */
static const char *state_of(const struct plan_image *image, const struct write_env *env)
{
	if (image->path[0] == '/')
		return NULL;
	return image->path[strlen(PLAN_STATE_PREFIX)] == '/' ? env->state_top : env->state;
}

int write_image_path(const struct plan_image *image, const struct write_env *env, char *path,
		     size_t size)
{
	const char *dir = state_of(image, env);
	int len;

	if (image->path[0] == '/')
		len = snprintf(path, size, "%s", image->path);
	else if (dir)
		len = snprintf(path, size, "%s/%s", dir, image->path + strlen(PLAN_STATE_PREFIX));
	else
		return -ENOENT;
	return len < (int)size ? 0 : -ENAMETOOLONG;
}

static void init(struct writer *w, const struct plan *plan, const struct write_env *env)
{
	*w = (struct writer){ .plan = plan, .env = *env, .fd = -1 };
	if (!w->env.sys)
		w->env.sys = "/sys";
	if (!w->env.dev)
		w->env.dev = "/dev";
	w->kept_ms = clock_ms();
}

/* ---- what is told ---- */

static void tell(struct writer *w)
{
	w->progress.now_ms = clock_ms();
	w->told_ms = w->progress.now_ms;
	if (w->env.progress && w->env.progress(w->env.arg, &w->progress))
		w->stop = true;
}

static void begin(struct writer *w, enum write_step step, uint64_t done, uint64_t total)
{
	w->progress = (struct write_progress){
		.step = step, .image = w->n, .done = done, .total = total, .began_at = done,
		.began_ms = clock_ms(), .device = w->medium.target.device,
	};
	tell(w);
}

/* -ECANCELED: somebody asks for a stop. */
static int go_on(struct writer *w, uint64_t done, struct pvk_err *err)
{
	w->progress.done = done;
	if (done == w->progress.total || clock_ms() - w->told_ms >= TELL_MS)
		tell(w);
	return w->stop ? pvk_err_set(err, -ECANCELED, "stopped, as asked for") : 0;
}

void medium_say(const struct medium *medium, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int len;

	if (!medium->env->say)
		return;
	len = snprintf(line, sizeof(line), "%s: ", medium->target.device);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, ap);
	va_end(ap);
	medium->env->say(medium->env->arg, line);
}

/*
 * So many bytes of the image are written. Its last unit is kept back until it is verified.
 * One that can't go on in the middle is not begun until then.
 */
static int keep_cursor(struct writer *w, uint64_t bytes, struct pvk_err *err)
{
	uint64_t cursor = plan_cursor(w->plan, w->n, w->medium.resumes ? bytes : 0);
	uint64_t last = plan_cursor(w->plan, w->n, w->image->size) - 1;
	int ret = w->medium.ops->flush(&w->medium, err);

	w->kept_ms = clock_ms();
	if (ret || !w->env.cursor)
		return ret;
	return w->env.cursor(w->env.arg, cursor < last ? cursor : last, err);
}

/* ---- the image ---- */

/* In the state: nobody else put it there, and no symlink leads elsewhere. */
static int open_owned(const struct writer *w, struct pvk_err *err)
{
	const char *name = w->image->path + strlen(PLAN_STATE_PREFIX);
	const char *path = state_of(w->image, &w->env);
	pvk_auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pvk_err why = { .text = "" };
	int fd;

	if (dir < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	fd = pvk_owned_open(dir, name, O_RDONLY | O_NONBLOCK, &why);
	return fd < 0 ? pvk_err_set(err, fd, "state: %s", why.text) : fd;
}

static int open_image(struct writer *w, struct pvk_err *err)
{
	bool in_state = w->image->path[0] != '/';
	char path[PATH_MAX];
	struct stat st;
	int ret;

	ret = write_image_path(w->image, &w->env, path, sizeof(path));
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", w->image->path, strerror(-ret));
	if (in_state && w->env.owned) {
		ret = open_owned(w, err);
		if (ret < 0)
			return ret;
		w->fd = ret;
	} else {
		w->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (w->fd < 0 || fstat(w->fd, &st))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pvk_err_set(err, -EINVAL, "%s: not a file", path);
	if ((uint64_t)st.st_size != w->image->size)
		return pvk_err_set(err, -EBADMSG, "%s: %" PRIu64 " bytes, it should be %" PRIu64,
				   path, (uint64_t)st.st_size, w->image->size);
	return 0;
}

static void close_image(struct writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static int read_image(struct writer *w, uint64_t offset, unsigned char *data, size_t len,
		      struct pvk_err *err)
{
	size_t have = 0;
	ssize_t n;

	/* Without waiting: the kernel reads on while this is written. */
	posix_fadvise(w->fd, (off_t)(offset + len), AHEAD, POSIX_FADV_WILLNEED);
	while (have < len) {
		n = pread(w->fd, data + have, len - have, (off_t)(offset + have));
		if (n > 0)
			have += (size_t)n;
		else if (!n)
			return pvk_err_set(err, -EBADMSG, "%s: it ends at %" PRIu64,
					   w->image->path, offset + have);
		else if (errno != EINTR)
			return pvk_err_set(err, -errno, "%s: at %" PRIu64 ": %s", w->image->path,
					   offset + have, strerror(errno));
	}
	return 0;
}

static size_t part(uint64_t offset, uint64_t end, size_t most)
{
	return end - offset < most ? (size_t)(end - offset) : most;
}

/* buf: of size bytes. -EBADMSG: it is not what the plan says. */
static int check_sum(struct writer *w, unsigned char *buf, size_t size, struct pvk_err *err)
{
	unsigned char digest[PVK_SHA256_SIZE];
	uint64_t offset, len = w->image->size;
	struct pvk_sha256 sha;
	size_t n;
	int ret;

	pvk_sha256_init(&sha);
	for (offset = 0; offset < len; offset += n) {
		n = part(offset, len, size);
		ret = read_image(w, offset, buf, n, err);
		if (ret)
			return ret;
		pvk_sha256_add(&sha, buf, n);
		ret = go_on(w, offset + n, err);
		if (ret)
			return ret;
	}
	pvk_sha256_end(&sha, digest);
	if (memcmp(digest, w->image->sha256, sizeof(digest)) != 0)
		return pvk_err_set(err, -EBADMSG, "%s: its checksum is not the plan's",
				   w->image->path);
	return 0;
}

static int check_one(struct writer *w, unsigned char *buf, struct pvk_err *err)
{
	int ret = medium_find(&w->medium, w->image, &w->env, err);

	if (!ret)
		ret = open_image(w, err);
	if (!ret) {
		begin(w, WRITE_CHECK, 0, w->image->size);
		ret = check_sum(w, buf, CHECK_BYTES, err);
	}
	close_image(w);
	return ret;
}

static int find_place(const struct plan *plan, uint64_t cursor, size_t *image, uint64_t *offset,
		      struct pvk_err *err)
{
	int ret = plan_place(plan, cursor, image, offset);

	return ret ? pvk_err_set(err, ret, "a cursor of %" PRIu64 ", and the plan ends at %" PRIu64,
				 cursor, plan_units(plan)) : 0;
}

int write_check(const struct plan *plan, uint64_t cursor, const struct write_env *env,
		struct pvk_err *err)
{
	pvk_auto_free unsigned char *buf = malloc(CHECK_BYTES);
	struct writer w;
	uint64_t offset;
	int ret;

	init(&w, plan, env);
	if (!buf)
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	ret = find_place(plan, cursor, &w.n, &offset, err);
	for (; !ret && w.n < plan->images; w.n++) {
		w.image = &plan->image[w.n];
		ret = check_one(&w, buf, err);
	}
	return ret;
}

/* ---- the medium ---- */

/*
 * By its name; where the plan knows more, it has to be that, and a disk that has another name
 * by now is found all the same.
 */
static int find_target(struct medium *medium, const struct plan_image *image,
		       struct pvk_err *err)
{
	struct pvk_identity identity = {
		.text = image->identity, .partuuid = image->partuuid, .size = image->room,
	};
	struct pvk_target *target = &medium->target, other;
	const char *sys = medium->env->sys, *dev = medium->env->dev;
	bool known = image->identity || image->partuuid;
	int ret = pvk_target_find(sys, image->target, target, err), others = -ENODEV;

	if (!known && (ret || !medium->env->other_boot || !image->room))
		return ret;
	if (!known)
		identity.like = target->device;
	else if (!ret && !pvk_target_is(sys, dev, target, &identity))
		ret = -ENODEV;
	if (image->kind == PVK_TARGET_BLOCK && (ret || medium->env->other_boot))
		others = pvk_target_by_identity(sys, dev, &identity, &other, err);
	if (others == -ENOTUNIQ || !ret)
		return others == -ENOTUNIQ ? others : 0;
	if (others)
		return pvk_err_set(err, -ENXIO, "%s is not %s, or not there", image->target,
				   image->identity ? image->identity : image->partuuid);
	*target = other;
	medium_say(medium, "is %s of the plan, by another name", image->target);
	return 0;
}

static int check_target(const struct pvk_target *target, const struct plan_image *image,
			const char *sys, struct pvk_err *err)
{
	int ubi = pvk_target_ubi_on(target, sys);

	if (ubi >= 0)
		return pvk_err_set(err, -EBUSY, "%s: ubi%d lies there, and would write in between",
				   target->device, ubi);
	if (target->kind != image->kind)
		return pvk_err_set(err, -ENXIO, "%s is %s, the plan has %s", target->device,
				   pvk_target_kind_name(target->kind),
				   pvk_target_kind_name(image->kind));
	/* A block of flash that went bad since is no other flash. */
	if (image->room && target->size != image->room &&
	    (target->kind != PVK_TARGET_MTD || target->size > image->room))
		return pvk_err_set(err, -ENXIO, "%s has %" PRIu64 " bytes, the plan has %" PRIu64,
				   target->device, target->size, image->room);
	if (image->block && target->block != image->block)
		return pvk_err_set(err, -ENXIO, "%s has blocks of %" PRIu32 ", the plan has %"
				   PRIu32, target->device, target->block, image->block);
	return 0;
}

int medium_find(struct medium *medium, const struct plan_image *image,
		const struct write_env *env, struct pvk_err *err)
{
	static const struct medium_ops *const ops[] = {
		[PVK_TARGET_MTD] = &medium_mtd,
		[PVK_TARGET_UBI] = &medium_ubi,
		[PVK_TARGET_BLOCK] = &medium_block,
	};
	int ret;

	*medium = (struct medium){ .env = env, .image = image->size, .fd = -1 };
	ret = find_target(medium, image, err);
	if (ret)
		return ret;
	medium->ops = ops[medium->target.kind];
	ret = check_target(&medium->target, image, env->sys, err);
	return ret ? ret : pvk_target_fits(&medium->target, image->size, err);
}

int medium_open_node(const struct medium *medium, int flags, struct pvk_err *err)
{
	const struct pvk_target *target = &medium->target;
	mode_t type = target->kind == PVK_TARGET_BLOCK ? S_IFBLK : S_IFCHR;
	char path[PATH_MAX], *mark;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", medium->env->dev, target->device);
	/* cciss!c0d0 of /sys lies in a directory. */
	while ((mark = strchr(path, '!')))
		*mark = '/';
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!fstat(fd, &st) && (st.st_mode & S_IFMT) == type && st.st_rdev == target->dev)
		return fd;
	close(fd);
	return pvk_err_set(err, -ENXIO, "%s: not the device of that name", path);
}

static void close_medium(struct writer *w)
{
	free(w->buf);
	free(w->other);
	w->buf = NULL;
	w->other = NULL;
	if (w->medium.ops)
		w->medium.ops->close(&w->medium);
	w->medium.ops = NULL;
}

static int open_medium(struct writer *w, struct pvk_err *err)
{
	struct medium *medium = &w->medium;
	int ret = medium_find(medium, w->image, &w->env, err);

	if (!ret)
		ret = medium->ops->open(medium, err);
	if (ret) {
		/* What it has opened it has closed. */
		medium->ops = NULL;
		return ret;
	}
	if (medium->chunk > CHUNK_MAX)
		return pvk_err_set(err, -EFBIG, "%s: blocks of %zu bytes",
				   medium->target.device, medium->chunk);
	if (posix_memalign((void **)&w->buf, medium->align, medium->chunk) ||
	    posix_memalign((void **)&w->other, medium->align, medium->chunk))
		return pvk_err_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	return 0;
}

/* ---- the steps ---- */

static int write_from(struct writer *w, uint64_t offset, struct pvk_err *err)
{
	uint64_t end = w->image->size;
	size_t n;
	int ret;

	begin(w, WRITE_WRITE, offset, end);
	for (; offset < end; offset += n) {
		n = part(offset, end, w->medium.chunk);
		ret = go_on(w, offset, err);
		if (!ret)
			ret = read_image(w, offset, w->buf, n, err);
		if (!ret)
			ret = w->medium.ops->write(&w->medium, w->buf, n, err);
		if (ret) {
			/* So far it is good: that may be of use, and is no other error. */
			keep_cursor(w, offset, NULL);
			return ret;
		}
		if (clock_ms() - w->kept_ms >= TELL_MS)
			ret = keep_cursor(w, offset + n, err);
		if (ret)
			return ret;
	}
	ret = keep_cursor(w, end, err);
	return ret ? ret : go_on(w, end, err);
}

static int erase_behind(struct writer *w, struct pvk_err *err)
{
	uint64_t from, at, end;
	int ret;

	if (!w->medium.ops->erase)
		return 0;
	w->medium.ops->behind(&w->medium, &at, &end);
	if (at < end)
		begin(w, WRITE_ERASE, 0, end - at);
	for (from = at; at < end;) {
		ret = w->medium.ops->erase(&w->medium, &at, err);
		if (!ret)
			ret = go_on(w, at < end ? at - from : end - from, err);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * -EBADMSG: not the same as the image at *offset, or could not be read there. -EUCLEAN: it is
 * the image that has changed.
 */
static int compare(struct writer *w, uint64_t *offset, uint64_t end, struct pvk_sha256 *sha,
		   struct pvk_err *err)
{
	const char *device = w->medium.target.device;
	struct pvk_err why = { .text = "" };
	size_t n;
	int ret;

	for (; *offset < end; *offset += n) {
		n = part(*offset, end, w->medium.chunk);
		ret = read_image(w, *offset, w->other, n, err);
		if (ret)
			return ret == -EBADMSG ? -EUCLEAN : ret;
		if (w->medium.ops->read(&w->medium, *offset, w->buf, n, &why))
			return pvk_err_set(err, -EBADMSG, "%s", why.text);
		if (memcmp(w->buf, w->other, n) != 0)
			return pvk_err_set(err, -EBADMSG, "%s: at %" PRIu64 " there is not what "
					   "was written", device, *offset);
		if (sha)
			pvk_sha256_add(sha, w->buf, n);
		ret = go_on(w, *offset + n, err);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * As compare(), and with the plan's checksum of it all. If nothing differs from the image and
 * yet it has another checksum, the image has changed, or does so now.
 */
static int verify(struct writer *w, uint64_t *offset, struct pvk_err *err)
{
	unsigned char digest[PVK_SHA256_SIZE];
	struct pvk_err why = { .text = "" };
	struct pvk_sha256 sha;
	int ret;

	pvk_sha256_init(&sha);
	*offset = 0;
	begin(w, WRITE_VERIFY, 0, w->image->size);
	ret = compare(w, offset, w->image->size, &sha, err);
	if (ret && ret != -EBADMSG)
		return ret;
	if (!ret) {
		pvk_sha256_end(&sha, digest);
		if (!memcmp(digest, w->image->sha256, sizeof(digest)))
			return 0;
		pvk_err_set(err, 0, "%s: it is not the image, read back",
			    w->medium.target.device);
	}
	/* Whose fault is it? What was found first is what err tells. */
	ret = check_sum(w, w->other, w->medium.chunk, &why);
	if (!ret)
		return -EBADMSG;
	return pvk_err_set(err, ret == -EBADMSG ? -EUCLEAN : ret, "%s: %s",
			   w->medium.target.device, why.text);
}

/*
 * Where to go on: what is before is on the medium, or it is begun anew. A cursor that tells
 * more than the medium has would be found at the end, too, but so the time is not lost.
 */
static int find_start(struct writer *w, uint64_t *offset, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	uint64_t from, at;
	int ret = w->medium.ops->seek(&w->medium, offset, err);

	if (ret || !*offset)
		return ret;
	from = *offset < RESUME_BYTES ? 0 : *offset - RESUME_BYTES;
	from -= from % w->medium.chunk;
	at = from;
	begin(w, WRITE_RESUME, from, *offset);
	ret = compare(w, &at, *offset, NULL, &why);
	if (!ret)
		return 0;
	if (ret != -EBADMSG)
		return pvk_err_set(err, ret, "%s", why.text);
	medium_say(&w->medium, "before the cursor: %s: written from the beginning", why.text);
	*offset = 0;
	return w->medium.ops->seek(&w->medium, offset, err);
}

/* Where read-back found something: from there anew. */
static int go_back(struct writer *w, uint64_t *offset, uint64_t *before, struct pvk_err *err)
{
	int ret = 0;

	if (*offset == *before && w->medium.ops->distrust)
		ret = w->medium.ops->distrust(&w->medium, *offset, err);
	*before = *offset;
	if (!ret)
		ret = w->medium.ops->seek(&w->medium, offset, err);
	/* Cut off now it has to begin there. */
	return ret ? ret : keep_cursor(w, *offset, err);
}

static int write_passes(struct writer *w, uint64_t offset, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	uint64_t before = UINT64_MAX;
	unsigned int pass;
	int ret;

	for (pass = 1;; pass++) {
		ret = write_from(w, offset, err);
		if (!ret && pass == 1)
			ret = erase_behind(w, err);
		if (ret)
			return ret;
		why.text[0] = '\0';
		ret = verify(w, &offset, &why);
		if (!ret)
			return 0;
		if (ret != -EBADMSG || pass == PASSES)
			return pvk_err_set(err, ret, "%s", why.text);
		medium_say(&w->medium, "%s: written anew from there", why.text);
		ret = go_back(w, &offset, &before, err);
		if (ret)
			return ret;
	}
}

static int write_one(struct writer *w, uint64_t offset, struct pvk_err *err)
{
	int ret = open_image(w, err);

	if (!ret)
		ret = open_medium(w, err);
	if (!ret)
		ret = find_start(w, &offset, err);
	if (!ret)
		ret = write_passes(w, offset, err);
	if (!ret && w->env.cursor)
		ret = w->env.cursor(w->env.arg, plan_cursor(w->plan, w->n, w->image->size), err);
	close_medium(w);
	close_image(w);
	return ret == -EUCLEAN ? -EBADMSG : ret;
}

int write_images(const struct plan *plan, uint64_t cursor, const struct write_env *env,
		 struct pvk_err *err)
{
	struct writer w;
	uint64_t offset;
	int ret;

	init(&w, plan, env);
	ret = find_place(plan, cursor, &w.n, &offset, err);
	for (; !ret && w.n < plan->images; w.n++, offset = 0) {
		w.image = &plan->image[w.n];
		ret = write_one(&w, offset, err);
	}
	return ret;
}
