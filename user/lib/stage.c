// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "rootpath.h"
#include "stage_int.h"
#include "tree.h"

#define PROGRAMS_MAX	1024
#define CACHED_MAX	4096
#define CACHE_MAX	(1u << 20)
#define MIB		(1024.0 * 1024.0)
/* Of a file, a directory or a symlink in RAM, on 64 bits: inode and dentry. */
#define INODE_BYTES	1024
/* A symlink up to there needs no page. */
#define SHORT_SYMLINK	128
/* For what is made there later. */
#define INODES_SPARE	64

static int no_memory(struct pvk_err *err)
{
	return pvk_err_set(err, -ENOMEM, "out of memory");
}

/* ---- items ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct stage_item *)a)->path, ((const struct stage_item *)b)->path);
}

static int by_inode(const void *a, const void *b)
{
	const struct stage_item *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static const struct stage_item *find_item(const struct pvk_stage *stage, const char *path)
{
	const struct stage_item key = { .path = (char *)path };
	struct stage_item **found = tfind(&key, (void *const *)&stage->by_path, by_path);

	return found ? *found : NULL;
}

static void free_item(struct stage_item *item)
{
	if (item) {
		free(item->path);
		free(item->target);
	}
	free(item);
}

/* The inode's first name, which may be this one. */
static int find_same(struct pvk_stage *stage, struct stage_item *item)
{
	struct stage_item **first;

	if (item->kind != STAGE_FILE)
		return 0;
	first = tsearch(item, &stage->by_inode, by_inode);
	if (!first)
		return -ENOMEM;
	item->same = *first == item ? NULL : *first;
	return 0;
}

static int add_item(struct pvk_stage *stage, enum stage_kind kind, const char *path,
		    const char *target, const struct stat *st, struct pvk_err *err)
{
	struct stage_item *item;
	int ret;

	ret = pvk_grow((void **)&stage->item, stage->count, sizeof(*stage->item),
		       PVK_STAGE_FILES_MAX);
	if (ret == -EBADMSG)
		return pvk_err_set(err, -E2BIG, "%s: more than %u files", path,
				   PVK_STAGE_FILES_MAX);
	item = calloc(1, sizeof(*item));
	if (ret || !item)
		goto none;
	*item = (struct stage_item){
		.kind = kind, .path = strdup(path), .target = target ? strdup(target) : NULL,
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid,
		.size = kind == STAGE_FILE ? (uint64_t)st->st_size : 0,
		.dev = st->st_dev, .ino = st->st_ino,
	};
	if (!item->path || (target && !item->target) || find_same(stage, item))
		goto none;
	stage->item[stage->count++] = item;
	return tsearch(item, &stage->by_path, by_path) ? 0 : no_memory(err);
none:
	free_item(item);
	return no_memory(err);
}

static int add_dir(struct pvk_stage *stage, const char *path, mode_t mode, struct pvk_err *err)
{
	struct stat st;

	if (find_item(stage, path))
		return 0;
	if (fstatat(stage->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		st = (struct stat){ .st_mode = S_IFDIR | mode };
	return add_item(stage, STAGE_DIR, path, NULL, &st, err);
}

static int add_parents(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	char parent[PATH_MAX];
	const char *slash;
	int ret = 0;

	for (slash = strchr(path + 1, '/'); !ret && slash; slash = strchr(slash + 1, '/')) {
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		ret = add_dir(stage, parent, 0755, err);
	}
	return ret;
}

static int add_symlink(struct pvk_stage *stage, const char *path, const char *target,
		       struct pvk_err *err)
{
	struct stat st;
	int ret;

	if (find_item(stage, path))
		return 0;
	if (fstatat(stage->root, path + 1, &st, AT_SYMLINK_NOFOLLOW))
		st = (struct stat){ .st_mode = 0777 };
	ret = add_parents(stage, path, err);
	return ret ? ret : add_item(stage, STAGE_SYMLINK, path, target, &st, err);
}

struct adding {
	struct pvk_stage *stage;
	struct pvk_err *err;
	bool data;		/* of which what is not there is not wanted */
	bool failed;		/* something that is there could not be added */
};

static int met_symlink(void *arg, const char *path, const char *target)
{
	struct adding *to = arg;

	return add_symlink(to->stage, path, target, to->err);
}

/* Adds the symlinks on the way; real has PATH_MAX bytes. */
static int walk(struct pvk_stage *stage, const char *path, char *real, struct pvk_err *err)
{
	struct pvk_err why = { .text = "" };
	struct adding to = { .stage = stage, .err = &why };
	int ret;

	strcpy(real, "/");
	if (path[0] != '/')
		return pvk_err_set(err, -EINVAL, "%s: a path begins with a /", path);
	ret = pvk_root_walk(stage->root, path, real, met_symlink, &to);
	return ret ? pvk_err_set(err, ret, "%s: %s", path, why.text[0] ? why.text :
							   strerror(-ret)) : 0;
}

static int add_tree(struct pvk_stage *stage, const char *path, unsigned int depth,
		    struct pvk_err *err);

/* real: no part of it is a symlink. */
static int add_file(struct pvk_stage *stage, const char *real, const struct stat *st,
		    struct pvk_err *err)
{
	int ret;

	if (find_item(stage, real))
		return 0;
	ret = add_parents(stage, real, err);
	if (!ret)
		ret = add_item(stage, STAGE_FILE, real, NULL, st, err);
	return ret;
}

static int add_path(struct pvk_stage *stage, const char *path, bool deep, struct pvk_err *err)
{
	char real[PATH_MAX];
	struct stat st;
	int ret;

	ret = walk(stage, path, real, err);
	if (ret)
		return ret;
	if (fstatat(stage->root, real[1] ? real + 1 : ".", &st, AT_SYMLINK_NOFOLLOW))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode))
		return add_file(stage, real, &st, err);
	if (!deep || !S_ISDIR(st.st_mode))
		return pvk_err_set(err, -EINVAL, "%s: not a file", path);
	return add_tree(stage, real, 0, err);
}

/* ---- what it needs ---- */

static int note_cached(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	size_t i;

	for (i = 0; i < stage->n_cached; i++)
		if (!strcmp(stage->cached[i], path))
			return 0;
	if (pvk_grow((void **)&stage->cached, stage->n_cached, sizeof(*stage->cached),
		     CACHED_MAX))
		return no_memory(err);
	stage->cached[stage->n_cached] = strdup(path);
	return stage->cached[stage->n_cached++] ? 0 : no_memory(err);
}

static int add_need(void *arg, const struct pvk_need *need)
{
	static const char *const kind[] = {
		[PVK_NEED_LINKER] = "dynamic linker",
		[PVK_NEED_LIBRARY] = "library",
		[PVK_NEED_PROGRAM] = "interpreter",
		[PVK_NEED_LIST] = "list",
	};
	struct adding *to = arg;
	int ret = 0;

	if (!need->path && to->data)
		return 0;
	if (!need->path)
		return pvk_err_set(to->err, -ENOENT, "%s needs the %s %s, which is not there",
				   need->by, kind[need->kind], need->name);
	if (need->by_cache)
		ret = note_cached(to->stage, need->path, to->err);
	if (!ret)
		ret = add_path(to->stage, need->path, false, to->err);
	to->failed = ret;
	return ret;
}

static int add_needs(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	struct adding arg = { .stage = stage, .err = err };

	return pvk_needs_of(&stage->needs, path, add_need, &arg, err);
}

/* ---- programs ---- */

static int note_program(struct pvk_stage *stage, const char *path, const char *word,
			struct pvk_err *err)
{
	struct stage_program *program;
	size_t i;

	if (word && !strcmp(word, "-"))
		return 0;
	for (i = 0; i < stage->programs; i++)
		if (!strcmp(stage->program[i].path, path))
			return 0;
	if (pvk_grow((void **)&stage->program, stage->programs, sizeof(*program), PROGRAMS_MAX))
		return no_memory(err);
	program = &stage->program[stage->programs++];
	program->path = strdup(path);
	program->word = strdup(word ? word : "--help");
	return program->path && program->word ? 0 : no_memory(err);
}

/* A name of it that may be none in the root. */
static int add_link(struct pvk_stage *stage, const char *link, const char *program,
		    struct pvk_err *err)
{
	char parent[PATH_MAX], real[PATH_MAX];
	const char *name = strrchr(link, '/');
	size_t len;
	int ret;

	if (link[0] != '/' || !name[1] || strlen(link) >= sizeof(parent))
		return pvk_err_set(err, -EINVAL, "%s: the path of a link begins with a /", link);
	snprintf(parent, sizeof(parent), "%.*s", name == link ? 1 : (int)(name - link), link);
	ret = walk(stage, parent, real, err);
	if (ret)
		return ret;
	len = strlen(real);
	if (len + strlen(name) >= sizeof(real))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: %s", link, strerror(ENAMETOOLONG));
	strcpy(real + (len > 1 ? len : 0), name);
	return add_symlink(stage, real, program, err);
}

int pvk_stage_program(struct pvk_stage *stage, const char *spec, const char *word,
		      struct pvk_err *err)
{
	pvk_auto_free char *copy = strdup(spec);
	char path[PATH_MAX], *rest = copy, *name;
	int ret;

	if (!copy)
		return no_memory(err);
	name = strsep(&rest, ":");
	if (pvk_needs_which(&stage->needs, name, path))
		return pvk_err_set(err, -ENOENT, "%s: there is no such program", name);
	ret = add_path(stage, path, false, err);
	if (!ret)
		ret = add_needs(stage, path, err);
	if (!ret)
		ret = note_program(stage, path, word, err);
	while (!ret && (name = strsep(&rest, ":"))) {
		if (!*name)
			continue;
		ret = add_link(stage, name, path, err);
		if (!ret)
			ret = note_program(stage, name, word, err);
	}
	return ret;
}

/* ---- data ---- */

/*
 * A library or program among them comes with what it needs, as far as that is there: one
 * that is broken, for another processor, or wants what this root does not have is data like
 * any other.
 */
static int add_data_needs(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	pvk_auto_close int fd = pvk_root_open(stage->root, path, O_RDONLY | O_NONBLOCK);
	struct adding arg = { .stage = stage, .err = err, .data = true };
	char magic[4];
	int ret;

	if (fd < 0)
		return pvk_err_set(err, fd, "%s: %s", path, strerror(-fd));
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "\177ELF", sizeof(magic)) != 0)
		return 0;
	ret = pvk_needs_of(&stage->needs, path, add_need, &arg, NULL);
	if (ret == -ENOMEM)
		return no_memory(err);
	return arg.failed ? ret : 0;
}

static int add_entry(struct pvk_stage *stage, const char *path, dev_t dev, unsigned int depth,
		     struct pvk_err *err)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t len;
	int ret;

	if (fstatat(stage->root, path + 1, &st, AT_SYMLINK_NOFOLLOW))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISLNK(st.st_mode)) {
		len = readlinkat(stage->root, path + 1, target, sizeof(target) - 1);
		if (len < 0)
			return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
		target[len] = '\0';
		return add_symlink(stage, path, target, err);
	}
	if (S_ISDIR(st.st_mode) && st.st_dev == dev)
		return add_tree(stage, path, depth + 1, err);
	if (!S_ISREG(st.st_mode))
		return 0;
	ret = add_file(stage, path, &st, err);
	return ret ? ret : add_data_needs(stage, path, err);
}

static int add_entries(struct pvk_stage *stage, DIR *dir, const char *path, unsigned int depth,
		       struct pvk_err *err)
{
	struct dirent *entry;
	char child[PATH_MAX];
	struct stat st;
	int ret = 0;

	if (fstat(dirfd(dir), &st))
		return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (!ret && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(child, sizeof(child), "%s/%s", path[1] ? path : "",
			     entry->d_name) >= (int)sizeof(child))
			return pvk_err_set(err, -ENAMETOOLONG, "%s: %s", path,
					   strerror(ENAMETOOLONG));
		ret = add_entry(stage, child, st.st_dev, depth, err);
	}
	return ret;
}

static int add_tree(struct pvk_stage *stage, const char *path, unsigned int depth,
		    struct pvk_err *err)
{
	int fd, ret;
	DIR *dir;

	if (depth == PVK_TREE_DEPTH_MAX)
		return pvk_err_set(err, -ELOOP, "%s: too deep", path);
	ret = path[1] ? add_parents(stage, path, err) : 0;
	if (!ret && path[1])
		ret = add_dir(stage, path, 0755, err);
	if (ret)
		return ret;
	fd = pvk_root_open(stage->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return pvk_err_set(err, fd, "%s: %s", path, strerror(-fd));
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return no_memory(err);
	}
	ret = add_entries(stage, dir, path, depth, err);
	closedir(dir);
	return ret;
}

int pvk_stage_data(struct pvk_stage *stage, const char *path, struct pvk_err *err)
{
	char real[PATH_MAX];
	struct stat st;
	int ret = add_path(stage, path, true, err);

	if (!ret)
		ret = walk(stage, path, real, err);
	if (!ret && !fstatat(stage->root, real + 1, &st, 0) && S_ISREG(st.st_mode))
		ret = add_data_needs(stage, path, err);
	return ret;
}

int pvk_stage_dir(struct pvk_stage *stage, const char *path, mode_t mode, struct pvk_err *err)
{
	char real[PATH_MAX];
	int ret = walk(stage, path, real, err);

	if (!ret && real[1])
		ret = add_parents(stage, real, err);
	return ret || !real[1] ? ret : add_dir(stage, real, mode, err);
}

/* ---- how much it is ---- */

static bool is_cached(void *arg, const char *path)
{
	const struct pvk_stage *stage = arg;
	size_t i;

	for (i = 0; i < stage->n_cached; i++)
		if (!strcmp(stage->cached[i], path))
			return true;
	return false;
}

static int make_cache(struct pvk_stage *stage, struct pvk_err *err)
{
	int ret;

	pvk_buf_reset(&stage->cache);
	if (!stage->n_cached)
		return 0;
	ret = pvk_stage_dir(stage, "/etc", 0755, err);
	if (!ret && pvk_ldcache_filter(&stage->needs.cache, is_cached, stage, &stage->cache))
		ret = no_memory(err);
	return ret;
}

static uint64_t in_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static void count_item(const struct stage_item *item, struct pvk_stage_plan *plan)
{
	plan->inodes++;
	if (item->kind == STAGE_DIR) {
		plan->directories++;
	} else if (item->kind == STAGE_SYMLINK) {
		plan->symlinks++;
		if (strlen(item->target) >= SHORT_SYMLINK)
			plan->limit += in_pages(1);
	} else {
		plan->files++;
		plan->bytes += item->same ? 0 : item->size;
		plan->limit += item->same ? 0 : in_pages(item->size);
	}
}

int pvk_stage_plan(struct pvk_stage *stage, uint64_t reserve, struct pvk_stage_plan *plan,
		   struct pvk_err *err)
{
	int ret = make_cache(stage, err);
	size_t i;

	*plan = (struct pvk_stage_plan){ .programs = (uint32_t)stage->programs };
	/* Without it musl does not find a library by $ORIGIN. */
	if (!ret)
		ret = pvk_stage_dir(stage, "/proc", 0555, err);
	if (ret)
		return ret;
	for (i = 0; i < stage->count; i++)
		count_item(stage->item[i], plan);
	if (stage->cache.len) {
		plan->files++;
		plan->inodes++;
		plan->bytes += stage->cache.len;
		plan->limit += in_pages(stage->cache.len);
	}
	plan->memory = plan->limit + (uint64_t)plan->inodes * INODE_BYTES;
	plan->limit += in_pages(reserve);
	plan->inodes += INODES_SPARE;
	return 0;
}

const char *pvk_stage_program_at(const struct pvk_stage *stage, size_t n)
{
	return n < stage->programs ? stage->program[n].path : NULL;
}

/* MemAvailable, in bytes. */
static int read_available(const char *meminfo, uint64_t *available, struct pvk_err *err)
{
	static const char key[] = "MemAvailable:";
	pvk_auto_free char *text = NULL;
	const char *at;
	int ret;

	ret = pvk_read_file(AT_FDCWD, meminfo, 65536, &text, NULL);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", meminfo, strerror(-ret));
	at = strstr(text, key);
	if (!at)
		return pvk_err_set(err, -ENODATA, "%s: no MemAvailable", meminfo);
	*available = strtoull(at + strlen(key), NULL, 10) * 1024;
	return 0;
}

int pvk_stage_room(const struct pvk_stage_plan *plan, uint64_t reserve, uint64_t keep,
		   const char *meminfo, struct pvk_stage_room *room, struct pvk_err *err)
{
	uint64_t more = in_pages(reserve) + keep;
	int ret = read_available(meminfo ? meminfo : "/proc/meminfo", &room->available, err);

	if (ret)
		return ret;
	room->needed = plan->memory + more;
	if (room->needed <= room->available)
		return 0;
	return pvk_err_set(err, -ENOMEM, "%.1f MiB of memory are missing: %.1f MiB for the files, "
			   "%.1f MiB to work with, and %.1f MiB are available",
			   (double)(room->needed - room->available) / MIB,
			   (double)plan->memory / MIB, (double)more / MIB,
			   (double)room->available / MIB);
}

/* ---- begin and end ---- */

static void keep_node(void *node)
{
	(void)node;
}

void pvk_stage_close(struct pvk_stage *stage)
{
	size_t i;

	if (!stage)
		return;
	tdestroy(stage->by_path, keep_node);
	tdestroy(stage->by_inode, keep_node);
	for (i = 0; i < stage->count; i++)
		free_item(stage->item[i]);
	free(stage->item);
	for (i = 0; i < stage->programs; i++) {
		free(stage->program[i].path);
		free(stage->program[i].word);
	}
	free(stage->program);
	for (i = 0; i < stage->n_cached; i++)
		free(stage->cached[i]);
	free(stage->cached);
	pvk_buf_free(&stage->cache);
	pvk_needs_free(&stage->needs);
	if (stage->root >= 0)
		close(stage->root);
	free(stage);
}

int pvk_stage_open(struct pvk_stage **out, const char *root, struct pvk_err *err)
{
	struct pvk_stage *stage = calloc(1, sizeof(*stage));
	int ret;

	if (!stage)
		return no_memory(err);
	pvk_buf_init(&stage->cache, CACHE_MAX);
	stage->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = stage->root < 0 ? pvk_err_set(err, -errno, "%s: %s", root, strerror(errno)) :
				pvk_needs_init(&stage->needs, stage->root, err);
	if (ret) {
		pvk_stage_close(stage);
		return ret;
	}
	*out = stage;
	return 0;
}
