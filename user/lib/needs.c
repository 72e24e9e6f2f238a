// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "elffile.h"
#include "ldconf.h"
#include "needs.h"
#include "rootpath.h"

#define SCRIPTS_MAX	5	/* interpreters that are scripts; the kernel's limit */
#define PATHS_MAX	65536	/* bytes of a search path, expanded */
#define MUSL_PATHS	"/lib:/usr/local/lib:/usr/lib"
#define PROGRAM_PATHS	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define NOBODY		SIZE_MAX

struct object {
	char *path;
	struct pvk_elf elf;
	dev_t dev;
	ino_t ino;
	size_t by;		/* who wanted it first */
	char *name;		/* by which it was */
};

/* One program with all that is loaded into it; object 0 is the program. */
struct process {
	struct pvk_needs *needs;
	struct object *object;
	size_t count;
	bool musl;
	const char *linker;	/* NULL: it has none */
	char lib[PATH_MAX];	/* "lib/x86_64-linux-gnu": what $LIB is */
	bool by_cache;		/* the last one was found so */
	bool told_list;		/* musl's list of directories */
	pvk_need_fn fn;
	void *arg;
	struct pvk_err *err;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- search paths ---- */

/* Where the file lies, without the "/" at the end. */
static int origin_of(const struct process *process, size_t i, char *origin)
{
	const char *path = process->object[i].path;
	char *slash;
	int ret = 0;

	/* A program asks the kernel for its own, a library takes it as it was found. */
	if (!i)
		ret = pvk_root_walk(process->needs->root, path, origin, NULL, NULL);
	else
		snprintf(origin, PATH_MAX, "%s", path);
	slash = strrchr(origin, '/');
	if (!ret && slash)
		*slash = '\0';
	return ret;
}

/* Is it $NAME or ${NAME}? Its length, or 0. */
static size_t is_token(const char *text, const char *name)
{
	size_t len = strlen(name);

	if (text[1] == '{')
		return !strncmp(text + 2, name, len) && text[2 + len] == '}' ? len + 3 : 0;
	return !strncmp(text + 1, name, len) && !pvk_isalnum((unsigned char)text[1 + len]) &&
	       text[1 + len] != '_' ? len + 1 : 0;
}

/* -ELOOP: musl takes a path with a token that it does not know for none. */
static int expand_token(const struct process *process, size_t i, const char **text,
			struct pvk_buf *out)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): addresses come as numbers */
	const char *platform = (const char *)getauxval(AT_PLATFORM);
	char origin[PATH_MAX];
	size_t len;
	int ret;

	len = is_token(*text, "ORIGIN");
	if (len) {
		*text += len;
		ret = origin_of(process, i, origin);
		return ret ? ret : pvk_buf_puts(out, origin);
	}
	if (process->musl)
		return -ELOOP;
	len = is_token(*text, "LIB");
	if (len) {
		*text += len;
		return pvk_buf_puts(out, process->lib);
	}
	len = is_token(*text, "PLATFORM");
	if (len) {
		*text += len;
		return pvk_buf_puts(out, platform ? platform : "");
	}
	return pvk_buf_putc(out, *(*text)++);
}

static int expand(const struct process *process, size_t i, const char *text, struct pvk_buf *out)
{
	int ret = 0;

	while (!ret && *text) {
		if (*text == '$')
			ret = expand_token(process, i, &text, out);
		else
			ret = pvk_buf_putc(out, *text++);
	}
	if (ret == -ELOOP)
		pvk_buf_reset(out);
	return ret == -ELOOP ? 0 : ret;
}

/* ---- what is loaded ---- */

static void free_object(struct object *object)
{
	pvk_elf_free(&object->elf);
	free(object->path);
	free(object->name);
}

/* Opens it if it can be loaded. 1: nothing there, or nothing for this program. */
static int open_object(const struct process *process, const char *path, struct object *object)
{
	pvk_auto_close int fd = pvk_root_open(process->needs->root, path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	int ret;

	*object = (struct object){ 0 };
	if (fd < 0)
		return 1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 1;
	ret = pvk_elf_read(fd, &object->elf, NULL);
	if (ret)
		return ret == -ENOMEM ? ret : 1;
	if (process->count && !pvk_elf_fits(&object->elf, &process->object[0].elf)) {
		pvk_elf_free(&object->elf);
		return 1;
	}
	object->dev = st.st_dev;
	object->ino = st.st_ino;
	object->path = strdup(path);
	if (!object->path)
		pvk_elf_free(&object->elf);
	return object->path ? 0 : -ENOMEM;
}

static int tell(const struct process *process, enum pvk_need_kind kind, const char *name,
		const char *path, size_t by)
{
	const struct pvk_need need = {
		.kind = kind, .name = name, .path = path, .by = process->object[by].path,
		.by_cache = path && process->by_cache,
	};

	return process->fn(process->arg, &need);
}

/*
 * Takes the object. One that is there already is loaded once; what it needs has been asked
 * for, but the other name has to lead to it as well.
 */
static int add_object(struct process *process, struct object *object, const char *name, size_t by)
{
	const struct object *other;
	int ret;
	size_t i;

	for (i = 0; i < process->count; i++) {
		other = &process->object[i];
		if (other->dev == object->dev && other->ino == object->ino)
			pvk_elf_free(&object->elf);
	}
	ret = pvk_grow((void **)&process->object, process->count, sizeof(*object), PVK_NEEDS_MAX);
	if (!ret) {
		object->by = by;
		object->name = strdup(name);
		ret = object->name ? 0 : -ENOMEM;
	}
	if (ret) {
		free_object(object);
		return ret == -EBADMSG ? pvk_err_set(process->err, -E2BIG,
						     "needs too many libraries") : ret;
	}
	process->object[process->count++] = *object;
	return 0;
}

/* 1: not there. */
static int load_path(struct process *process, const char *path, const char *name, size_t by)
{
	struct object object;
	int ret = open_object(process, path, &object);

	if (ret)
		return ret;
	ret = add_object(process, &object, name, by);
	return ret ? ret : tell(process, PVK_NEED_LIBRARY, name, path, by);
}

/* 1: in none of these directories, which have colons (of a file: newlines too) between. */
static int load_from(struct process *process, const char *paths, const char *name, size_t by)
{
	char path[PATH_MAX];
	int ret = 1, n;
	size_t len;

	for (; ret == 1 && *paths; paths += len + (paths[len] != '\0')) {
		len = strcspn(paths, ":\n");
		/* Not from where we happen to be. */
		if (paths[0] != '/')
			continue;
		n = snprintf(path, sizeof(path), "%.*s%s%s", (int)len, paths,
			     paths[len - 1] == '/' ? "" : "/", name);
		if (n < (int)sizeof(path))
			ret = load_path(process, path, name, by);
	}
	return ret;
}

static int load_by_rpath(struct process *process, const char *rpath, size_t of, const char *name,
			 size_t by)
{
	pvk_auto_buf struct pvk_buf paths = PVK_BUF_INIT(PATHS_MAX);
	int ret;

	if (!rpath)
		return 1;
	ret = expand(process, of, rpath, &paths);
	return ret ? ret : load_from(process, pvk_buf_str(&paths), name, by);
}

/* ---- glibc ---- */

static bool is_usual(const struct process *process, const char *path)
{
	size_t len = (size_t)(base_name(path) - path);
	char dirs[4][PATH_MAX + 16];
	size_t i;

	snprintf(dirs[0], sizeof(dirs[0]), "/%s/", process->lib);
	snprintf(dirs[1], sizeof(dirs[1]), "/usr/%s/", process->lib);
	strcpy(dirs[2], "/lib/");
	strcpy(dirs[3], "/usr/lib/");
	for (i = 0; i < PVK_ARRAY_SIZE(dirs); i++)
		if (strlen(dirs[i]) == len && !strncmp(path, dirs[i], len))
			return true;
	return false;
}

static int load_by_cache(struct process *process, const char *name, size_t by)
{
	bool nodeflib = process->object[by].elf.nodeflib;
	const char *path;
	uint32_t at = 0;
	int ret = 1;

	process->by_cache = true;
	while (ret == 1 && process->needs->has_cache &&
	       (path = pvk_ldcache_next(&process->needs->cache, name, &at)))
		if (!nodeflib || !is_usual(process, path))
			ret = load_path(process, path, name, by);
	process->by_cache = false;
	return ret;
}

static int load_usual(struct process *process, const char *name, size_t by)
{
	char paths[3 * PATH_MAX];

	if (process->object[by].elf.nodeflib)
		return 1;
	snprintf(paths, sizeof(paths), "/%s:/usr/%s:/lib:/usr/lib", process->lib, process->lib);
	return load_from(process, paths, name, by);
}

/* DT_RPATH counts for what is loaded further on, too, DT_RUNPATH does not. */
static int load_by_rpaths(struct process *process, const char *name, size_t by)
{
	const struct pvk_elf *elf = &process->object[by].elf;
	size_t at = by;
	int ret = 1;

	if (elf->runpath)
		return 1;
	for (; ret == 1 && at != NOBODY; at = process->object[at].by) {
		elf = &process->object[at].elf;
		if (!elf->runpath)
			ret = load_by_rpath(process, elf->rpath, at, name, by);
	}
	return ret;
}

static int load_glibc(struct process *process, const char *name, size_t by)
{
	int ret = load_by_rpaths(process, name, by);

	if (ret == 1)
		ret = load_by_rpath(process, process->object[by].elf.runpath, by, name, by);
	if (ret == 1)
		ret = load_by_cache(process, name, by);
	if (ret == 1)
		ret = load_usual(process, name, by);
	/*
	 * A distribution's glibc has directories of its own built in, which nothing tells but
	 * that they are in the list as well. Whether it does look there is seen by trying it.
	 */
	if (ret == 1 && !process->object[by].elf.nodeflib)
		ret = load_from(process, pvk_buf_str(&process->needs->conf), name, by);
	return ret;
}

/* ---- musl ---- */

/* What it is itself, whatever a program that is linked elsewhere calls it. */
static bool is_musl_itself(const char *name)
{
	static const char *const own[] = { "c", "pthread", "rt", "m", "dl", "util", "xnet" };
	size_t i, len;

	if (strncmp(name, "lib", 3) != 0)
		return false;
	len = strcspn(name + 3, ".");
	for (i = 0; name[3 + len] && i < PVK_ARRAY_SIZE(own); i++)
		if (strlen(own[i]) == len && !strncmp(name + 3, own[i], len))
			return true;
	return false;
}

/* Once, and if it led to anything. */
static int tell_list(struct process *process, const char *path, size_t by)
{
	if (process->told_list)
		return 0;
	process->told_list = true;
	return tell(process, PVK_NEED_LIST, path, path, by);
}

/* /lib/ld-musl-ARCH.so.1: /etc/ld-musl-ARCH.path */
static int load_musl_usual(struct process *process, const char *name, size_t by)
{
	const char *linker = process->linker ? process->linker : process->needs->linker;
	pvk_auto_free char *paths = NULL;
	pvk_auto_close int fd = -1;
	char path[PATH_MAX];
	size_t len;
	int ret;

	linker = base_name(linker);
	snprintf(path, sizeof(path), "/etc/%.*s.path", (int)strcspn(linker, "."), linker);
	fd = pvk_root_open(process->needs->root, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || pvk_read_fd(fd, PATHS_MAX, &paths, &len))
		return load_from(process, MUSL_PATHS, name, by);
	ret = load_from(process, paths, name, by);
	return ret ? ret : tell_list(process, path, by);
}

static int load_musl(struct process *process, const char *name, size_t by)
{
	const struct pvk_elf *elf;
	size_t at = by;
	int ret = 1;

	if (is_musl_itself(name))
		return 0;
	for (; ret == 1 && at != NOBODY; at = process->object[at].by) {
		elf = &process->object[at].elf;
		ret = load_by_rpath(process, elf->runpath ? elf->runpath : elf->rpath, at, name,
				    by);
	}
	return ret == 1 ? load_musl_usual(process, name, by) : ret;
}

/* ---- a program ---- */

static bool is_loaded(const struct process *process, const char *name)
{
	const struct object *object;
	size_t i;

	for (i = 0; i < process->count; i++) {
		object = &process->object[i];
		if ((object->name && !strcmp(object->name, name)) ||
		    (!process->musl && object->elf.soname && !strcmp(object->elf.soname, name)))
			return true;
	}
	return false;
}

static int load(struct process *process, const char *wanted, size_t by)
{
	pvk_auto_buf struct pvk_buf expanded = PVK_BUF_INIT(PATH_MAX);
	const char *name;
	int ret;

	ret = expand(process, by, wanted, &expanded);
	if (ret)
		return ret;
	name = process->musl ? wanted : pvk_buf_str(&expanded);
	if (is_loaded(process, name))
		return 0;
	if (strchr(name, '/'))
		ret = load_path(process, name, name, by);
	else
		ret = process->musl ? load_musl(process, name, by) :
				      load_glibc(process, name, by);
	return ret == 1 ? tell(process, PVK_NEED_LIBRARY, name, NULL, by) : ret;
}

/* The dynamic linker is loaded already when it begins to work. */
static int load_linker(struct process *process)
{
	const char *linker = process->object[0].elf.interp;
	char real[PATH_MAX], *slash;
	struct object object;
	int ret;

	process->linker = linker;
	if (linker)
		snprintf(process->needs->linker, sizeof(process->needs->linker), "%s", linker);
	else
		linker = process->needs->linker;
	process->musl = !strncmp(base_name(linker), "ld-musl", strlen("ld-musl"));
	strcpy(process->lib, "lib");
	if (!*linker || pvk_root_walk(process->needs->root, linker, real, NULL, NULL))
		strcpy(real, "/lib/");
	slash = strrchr(real, '/');
	*slash = '\0';
	if (slash != real)
		strcpy(process->lib, real + (strncmp(real, "/usr/", 5) ? 1 : 5));
	if (!process->linker)
		return 0;
	ret = open_object(process, linker, &object);
	if (ret)
		return ret == 1 ? tell(process, PVK_NEED_LINKER, linker, NULL, 0) : ret;
	ret = add_object(process, &object, linker, 0);
	return ret ? ret : tell(process, PVK_NEED_LINKER, linker, linker, 0);
}

static int needs_of_elf(struct pvk_needs *needs, const char *path, int fd, pvk_need_fn fn,
			void *arg, struct pvk_err *err)
{
	struct process process = { .needs = needs, .fn = fn, .arg = arg, .err = err };
	struct object object = { .by = NOBODY };
	size_t i, k;
	int ret;

	ret = pvk_elf_read(fd, &object.elf, err);
	if (ret)
		return ret;
	object.path = strdup(path);
	ret = pvk_grow((void **)&process.object, 0, sizeof(object), PVK_NEEDS_MAX);
	if (!object.path || ret) {
		free_object(&object);
		return -ENOMEM;
	}
	process.object[process.count++] = object;
	/* Nothing is loaded into a program that is linked statically. */
	ret = object.elf.interp || object.elf.n_needed ? load_linker(&process) : 0;
	for (i = 0; !ret && i < process.count; i++)
		for (k = 0; !ret && k < process.object[i].elf.n_needed; k++)
			ret = load(&process, process.object[i].elf.needed[k], i);
	for (i = 0; i < process.count; i++)
		free_object(&process.object[i]);
	free(process.object);
	return ret;
}

/* ---- scripts ---- */

static int needs_of(struct pvk_needs *needs, const char *path, unsigned int depth,
		    pvk_need_fn fn, void *arg, struct pvk_err *err);

static int tell_program(struct pvk_needs *needs, const char *name, const char *by,
			unsigned int depth, pvk_need_fn fn, void *arg, struct pvk_err *err)
{
	struct pvk_need need = { .kind = PVK_NEED_PROGRAM, .name = name, .by = by };
	char path[PATH_MAX];
	int ret;

	if (!pvk_needs_which(needs, name, path))
		need.path = path;
	ret = fn(arg, &need);
	if (ret || !need.path)
		return ret;
	return needs_of(needs, path, depth + 1, fn, arg, err);
}

static int needs_of_script(struct pvk_needs *needs, const struct pvk_script *script,
			   const char *path, unsigned int depth, pvk_need_fn fn, void *arg,
			   struct pvk_err *err)
{
	char rest[PVK_SCRIPT_LINE], *at = rest, *word;
	int ret;

	if (depth == SCRIPTS_MAX)
		return pvk_err_set(err, -ELOOP, "%s: a script for a script for a script", path);
	ret = tell_program(needs, script->interp, path, depth, fn, arg, err);
	if (ret || strcmp(base_name(script->interp), "env") != 0)
		return ret;
	strcpy(rest, script->arg);
	while ((word = strsep(&at, " \t")))
		if (*word && *word != '-' && !strchr(word, '='))
			return tell_program(needs, word, path, depth, fn, arg, err);
	return 0;
}

static int needs_of(struct pvk_needs *needs, const char *path, unsigned int depth,
		    pvk_need_fn fn, void *arg, struct pvk_err *err)
{
	pvk_auto_close int fd = pvk_root_open(needs->root, path, O_RDONLY | O_NONBLOCK);
	struct pvk_err why = { .text = "" };
	struct pvk_script script;
	int ret;

	if (fd < 0)
		return pvk_err_set(err, fd, "%s: %s", path, strerror(-fd));
	ret = pvk_script_read(fd, &script);
	if (!ret)
		return needs_of_script(needs, &script, path, depth, fn, arg, err);
	ret = needs_of_elf(needs, path, fd, fn, arg, &why);
	if (ret == -ENOEXEC)
		return pvk_err_set(err, ret, "%s: neither a program nor a script", path);
	if (ret && why.text[0])
		pvk_err_set(err, ret, "%s: %s", path, why.text);
	return ret;
}

int pvk_needs_of(struct pvk_needs *needs, const char *path, pvk_need_fn fn, void *arg,
		 struct pvk_err *err)
{
	return needs_of(needs, path, 0, fn, arg, err);
}

static bool is_program(const struct pvk_needs *needs, const char *path)
{
	pvk_auto_close int fd = pvk_root_open(needs->root, path, O_PATH);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

int pvk_needs_which(const struct pvk_needs *needs, const char *name, char *path)
{
	const char *paths = PROGRAM_PATHS;
	size_t len;
	int n;

	if (strchr(name, '/')) {
		n = snprintf(path, PATH_MAX, "%s", name);
		return name[0] == '/' && n < PATH_MAX && is_program(needs, path) ? 0 : -ENOENT;
	}
	for (; *name && *paths; paths += len + (paths[len] != '\0')) {
		len = strcspn(paths, ":");
		n = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, paths, name);
		if (n < PATH_MAX && is_program(needs, path))
			return 0;
	}
	return -ENOENT;
}

int pvk_needs_init(struct pvk_needs *needs, int root, struct pvk_err *err)
{
	int ret;

	*needs = (struct pvk_needs){ .root = root, .conf = PVK_BUF_INIT(PATHS_MAX) };
	ret = pvk_ldcache_read(&needs->cache, root);
	/* One of another C library's, or none: it is not read then. */
	needs->has_cache = !ret;
	if (ret && ret != -ENOMEM)
		ret = pvk_ldconf_read(root, &needs->conf);
	return ret == -ENOMEM ? pvk_err_set(err, ret, "out of memory") : 0;
}

void pvk_needs_free(struct pvk_needs *needs)
{
	pvk_ldcache_free(&needs->cache);
	pvk_buf_free(&needs->conf);
}
