// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "drivers_check.h"
#include "kmodlib.h"

#define INDEX_BYTES_MAX	(64 * 1024 * 1024)
#define MODULES_MAX	65536
#define WORDS_MAX	65536
#define NEAREST_MAX	3
#define WALK_FDS_MAX	16

/* --- words ----------------------------------------------------------------- */

int words_add(struct words *words, const char *text, size_t len)
{
	int ret = pvk_grow((void **)&words->item, words->count, sizeof(*words->item), WORDS_MAX);

	if (ret)
		return ret;
	words->item[words->count] = strndup(text, len);
	return words->item[words->count++] ? 0 : -ENOMEM;
}

bool words_have(const struct words *words, const char *text)
{
	size_t i;

	for (i = 0; i < words->count; i++)
		if (pvk_dash_equal(words->item[i], text))
			return true;
	return false;
}

void words_print(const struct words *words, size_t max, struct pvk_buf *buf)
{
	size_t i;

	for (i = 0; i < words->count && i < max; i++)
		pvk_buf_printf(buf, "%s%s", i ? ", " : "", words->item[i]);
	if (words->count > max)
		pvk_buf_printf(buf, " and %zu more", words->count - max);
}

void words_free(struct words *words)
{
	size_t i;

	for (i = 0; i < words->count; i++)
		free(words->item[i]);
	free(words->item);
	*words = (struct words){ 0 };
}

unsigned int words_distance(const char *a, const char *b)
{
	unsigned int row[PVK_PARAM_NAME_MAX + 1], above, left, best;
	size_t i, k, n = strlen(b);

	if (n >= PVK_ARRAY_SIZE(row))
		return UINT_MAX;
	for (k = 0; k <= n; k++)
		row[k] = (unsigned int)k;
	for (i = 0; a[i]; i++) {
		above = row[0]++;
		for (k = 0; k < n; k++) {
			best = above + (a[i] != b[k]);
			left = row[k] + 1;
			above = row[k + 1];
			if (left < best)
				best = left;
			if (above + 1 < best)
				best = above + 1;
			row[k + 1] = best;
		}
	}
	return row[n];
}

unsigned int words_tolerance(const char *name)
{
	return (unsigned int)(strlen(name) + 1) / 3;
}

/* --- modules.dep, modules.builtin ------------------------------------------ */

/* "kernel/net/cfg80211.ko.xz" to "cfg80211"; false for what is no module. */
static bool name_of_path(const char *path, size_t len, char name[TREE_NAME_ROOM])
{
	const char *base = memrchr(path, '/', len);
	size_t i, n;

	base = base ? base + 1 : path;
	n = len - (size_t)(base - path);
	for (i = 0; i < n && i < TREE_NAME_ROOM - 1; i++) {
		if (n - i >= 3 && !memcmp(base + i, ".ko", 3) && (n - i == 3 || base[i + 3] == '.'))
			break;
		name[i] = base[i] == '-' ? '_' : base[i];
	}
	name[i] = '\0';
	return i && n - i >= 3 && !memcmp(base + i, ".ko", 3);
}

static int add_module(struct tree *tree, const char *path, size_t len, const char *deps)
{
	struct tree_module *module;
	char name[TREE_NAME_ROOM];
	int ret;

	if (!name_of_path(path, len, name))
		return 0;
	ret = pvk_grow((void **)&tree->module, tree->count, sizeof(*module), MODULES_MAX);
	if (ret)
		return ret;
	module = &tree->module[tree->count++];
	*module = (struct tree_module){ .name = strdup(name) };
	if (deps) {
		module->path = strndup(path, len);
		module->deps = strdup(deps);
	}
	return module->name && (!deps || (module->path && module->deps)) ? 0 : -ENOMEM;
}

static int read_index(struct tree *tree, int dirfd, const char *file, bool builtin)
{
	pvk_auto_free char *text = NULL;
	char *rest, *line, *colon;
	int ret = pvk_read_file(dirfd, file, INDEX_BYTES_MAX, &text, NULL);

	rest = text;
	while (!ret && (line = strsep(&rest, "\n"))) {
		colon = strchr(line, ':');
		if (builtin)
			ret = add_module(tree, line, strlen(line), NULL);
		else if (colon)
			ret = add_module(tree, line, (size_t)(colon - line), colon + 1);
	}
	return ret;
}

/* A module that is built in and has a file too is the file: it stands first. */
static int by_name(const void *a, const void *b)
{
	const struct tree_module *x = a, *y = b;
	int ret = strcmp(x->name, y->name);

	return ret ? ret : !x->path - !y->path;
}

struct tree_module *tree_find(const struct tree *tree, const char *name)
{
	size_t low = 0, high = tree->count, mid;
	char wanted[TREE_NAME_ROOM];
	size_t i;

	for (i = 0; name[i] && i < TREE_NAME_ROOM - 1; i++)
		wanted[i] = name[i] == '-' ? '_' : name[i];
	wanted[i] = '\0';
	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(tree->module[mid].name, wanted) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < tree->count && !strcmp(tree->module[low].name, wanted) ?
	       &tree->module[low] : NULL;
}

struct tree_module *tree_find_path(const struct tree *tree, const char *path, size_t len)
{
	char name[TREE_NAME_ROOM];

	return name_of_path(path, len, name) ? tree_find(tree, name) : NULL;
}

/* --- where it is ----------------------------------------------------------- */

static bool has_index(const char *dir)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/modules.dep", dir);

	return len < (int)sizeof(path) && !access(path, F_OK);
}

/* The one directory that there is, else -ENOENT or, of several, -EINVAL. */
static int only_release(const char *dir, char *release, size_t size, struct pvk_err *err)
{
	const struct dirent *entry;
	DIR *d = opendir(dir);
	int found = 0;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && !found++)
			snprintf(release, size, "%s", entry->d_name);
	if (d)
		closedir(d);
	if (found > 1)
		return pvk_err_set(err, -EINVAL, "%s holds several kernels: which --kernel?", dir);
	return found ? 0 : pvk_err_set(err, -ENOENT, "%s holds no modules", dir);
}

static int below_sysroot(struct tree *tree, const char *dir, const char *release,
			 struct pvk_err *err)
{
	/* The last as pvkitd takes it. */
	static const char *const below[] = { "lib/modules", "usr/lib/modules", "." };
	char path[PATH_MAX], name[NAME_MAX + 1];
	size_t i;
	int ret;

	for (i = 0; i < PVK_ARRAY_SIZE(below); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, below[i]) >= (int)sizeof(path))
			return pvk_err_set(err, -ENAMETOOLONG, "%s: path too long", dir);
		if (access(path, F_OK))
			continue;
		snprintf(name, sizeof(name), "%s", release ? release : "");
		if (below[i][0] == '.')
			snprintf(path, sizeof(path), "%s", dir);
		ret = release ? 0 : only_release(path, name, sizeof(name), err);
		if (ret && below[i][0] != '.')
			return ret;
		if (snprintf(tree->dir, sizeof(tree->dir), "%s/%s", path, name) >=
		    (int)sizeof(tree->dir))
			return pvk_err_set(err, -ENAMETOOLONG, "%s: path too long", dir);
		if (below[i][0] != '.' || has_index(tree->dir))
			return 0;
	}
	snprintf(tree->dir, sizeof(tree->dir), "%s", dir);
	return 0;
}

static int find_dir(struct tree *tree, const char *dir, const char *release,
		    struct pvk_err *err)
{
	struct utsname uts;
	struct stat st;

	if (!dir) {
		uname(&uts);
		snprintf(tree->dir, sizeof(tree->dir), "/lib/modules/%s",
			 release ? release : uts.release);
	} else if (stat(dir, &st) || !S_ISDIR(st.st_mode)) {
		return pvk_err_set(err, -ENOENT, "%s: no such directory", dir);
	} else if (strlen(dir) >= sizeof(tree->dir)) {
		return pvk_err_set(err, -ENAMETOOLONG, "%s: path too long", dir);
	} else if (has_index(dir)) {
		strcpy(tree->dir, dir);
	} else {
		return below_sysroot(tree, dir, release, err);
	}
	return 0;
}

/* SYSROOT/lib/modules/RELEASE, with usr/ in it or not. */
static void find_sysroot(struct tree *tree, const char *release)
{
	static const char *const tails[] = { "/usr/lib/modules", "/lib/modules" };
	char *path = realpath(tree->dir, NULL), *slash;
	size_t i, len, n;

	slash = path ? strrchr(path, '/') : NULL;
	if (slash) {
		*slash = '\0';
		snprintf(tree->release, sizeof(tree->release), "%s", slash + 1);
		len = strlen(path);
		for (i = 0; i < PVK_ARRAY_SIZE(tails) && !tree->has_sysroot; i++) {
			n = strlen(tails[i]);
			if (len < n || strcmp(path + len - n, tails[i]) != 0)
				continue;
			snprintf(tree->sysroot, sizeof(tree->sysroot), "%.*s", (int)(len - n),
				 path);
			tree->has_sysroot = true;
		}
	}
	/* A folder of any name says nothing of the kernel. */
	if (!tree->has_sysroot)
		tree->release[0] = '\0';
	if (release)
		snprintf(tree->release, sizeof(tree->release), "%s", release);
	free(path);
}

/* --- files that modules.dep does not know, or not any more ----------------- */

/* What nftw(), which has no argument of ours, is about. */
static struct walk {
	struct tree *tree;
	struct timespec made;	/* modules.dep */
} *walk;

static int look_at_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const struct timespec *when = &st->st_mtim, *made = &walk->made;
	struct tree *tree = walk->tree;
	char name[TREE_NAME_ROOM];

	(void)at;
	/* `build` and `source` lead out of it as links, which are not followed. */
	if (type != FTW_F || !S_ISREG(st->st_mode) || !name_of_path(path, strlen(path), name))
		return 0;
	if (!tree->newer[0] && (when->tv_sec > made->tv_sec ||
				(when->tv_sec == made->tv_sec && when->tv_nsec > made->tv_nsec)))
		snprintf(tree->newer, sizeof(tree->newer), "%s", path);
	return tree_find(tree, name) ? 0 : words_add(&tree->lost, name, strlen(name));
}

static int look_at_files(struct tree *tree)
{
	struct walk mine = { .tree = tree };
	char index[PATH_MAX + 16];
	struct stat st = { 0 };
	int ret;

	snprintf(index, sizeof(index), "%s/modules.dep", tree->dir);
	(void)stat(index, &st);
	mine.made = st.st_mtim;
	walk = &mine;
	ret = nftw(tree->dir, look_at_file, WALK_FDS_MAX, FTW_PHYS);
	walk = NULL;
	return ret == -1 ? -errno : ret;
}

int tree_open(struct tree *tree, const char *dir, const char *release, struct pvk_err *err)
{
	static const char *no_config;
	pvk_auto_close int fd = -1;
	int ret = find_dir(tree, dir, release, err);

	if (ret)
		return ret;
	find_sysroot(tree, release);
	fd = open(tree->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", tree->dir, strerror(errno));
	tree->kmod = kmodlib_open(err);
	if (!tree->kmod)
		return -ENOPKG;
	tree->ctx = tree->kmod->kmod_new(tree->dir, &no_config);
	if (!tree->ctx)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	tree->kmod->kmod_set_log_priority(tree->ctx, 0);
	ret = read_index(tree, fd, "modules.dep", false);
	if (!ret || ret == -ENOENT)
		ret = read_index(tree, fd, "modules.builtin", true);
	if (ret && ret != -ENOENT)
		return pvk_err_set(err, ret, "%s: %s", tree->dir, strerror(-ret));
	if (tree->count)
		qsort(tree->module, tree->count, sizeof(*tree->module), by_name);
	ret = look_at_files(tree);
	return ret ? pvk_err_set(err, ret, "%s: %s", tree->dir, strerror(-ret)) : 0;
}

static void free_info(struct tree_info *info)
{
	if (!info)
		return;
	words_free(&info->param);
	words_free(&info->firmware);
	words_free(&info->softdep);
	free(info->vermagic);
	free(info);
}

void tree_close(struct tree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++) {
		free(tree->module[i].name);
		free(tree->module[i].path);
		free(tree->module[i].deps);
		words_free(&tree->module[i].users);
		free_info(tree->module[i].info);
	}
	free(tree->module);
	words_free(&tree->lost);
	if (tree->ctx)
		tree->kmod->kmod_unref(tree->ctx);
	*tree = (struct tree){ 0 };
}

/* --- modinfo --------------------------------------------------------------- */

static int take_info(struct tree_info *info, const char *key, const char *value)
{
	if (!strcmp(key, "parm") || !strcmp(key, "parmtype"))
		return words_add(&info->param, value, strcspn(value, ":"));
	if (!strcmp(key, "firmware"))
		return words_add(&info->firmware, value, strlen(value));
	if (!strcmp(key, "softdep"))
		return words_add(&info->softdep, value, strlen(value));
	if (!strcmp(key, "sig_id"))
		info->is_signed = true;
	if (!strcmp(key, "vermagic") && !info->vermagic)
		info->vermagic = strdup(value);
	return 0;
}

static int open_module(struct tree *tree, const struct tree_module *module,
		       struct kmod_module **mod)
{
	char path[2 * PATH_MAX];

	if (!module->path)
		return tree->kmod->kmod_module_new_from_name(tree->ctx, module->name, mod);
	snprintf(path, sizeof(path), "%s%s%s", module->path[0] == '/' ? "" : tree->dir,
		 module->path[0] == '/' ? "" : "/", module->path);
	return tree->kmod->kmod_module_new_from_path(tree->ctx, path, mod);
}

static int read_info(struct tree *tree, const struct tree_module *module,
		     struct tree_info *info)
{
	const struct kmodlib *kmod = tree->kmod;
	struct kmod_list *list = NULL, *at;
	struct kmod_module *mod;
	int ret = open_module(tree, module, &mod);

	if (ret)
		return ret;
	ret = kmod->kmod_module_get_info(mod, &list);
	if (ret > 0)
		ret = 0;
	for (at = list; at && !ret; at = kmod->kmod_list_next(list, at))
		ret = take_info(info, kmod->kmod_module_info_get_key(at),
				kmod->kmod_module_info_get_value(at));
	kmod->kmod_module_info_free_list(list);
	kmod->kmod_module_unref(mod);
	return ret;
}

const struct tree_info *tree_info(struct tree *tree, struct tree_module *module)
{
	if (!module->info) {
		module->info = calloc(1, sizeof(*module->info));
		if (module->info)
			module->info->err = read_info(tree, module, module->info);
	}
	return module->info;
}

/* --- what one may have meant ----------------------------------------------- */

void tree_nearest(const struct tree *tree, const char *name, struct words *names)
{
	unsigned int limit = words_tolerance(name), wanted, d;
	char plain[TREE_NAME_ROOM];
	size_t i;

	for (i = 0; name[i] && i < TREE_NAME_ROOM - 1; i++)
		plain[i] = name[i] == '-' ? '_' : name[i];
	plain[i] = '\0';
	for (wanted = 1; wanted <= limit && !names->count; wanted++)
		for (i = 0; i < tree->count && names->count < NEAREST_MAX; i++) {
			d = words_distance(plain, tree->module[i].name);
			if (d == wanted && !words_have(names, tree->module[i].name))
				words_add(names, tree->module[i].name,
					  strlen(tree->module[i].name));
		}
}
