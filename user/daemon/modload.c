// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "kmsg.h"
#include "modline.h"
#include "modload.h"

/* How often a load starts over because a dependency was removed under it. */
#define TRIES_MAX	3
#define HOLDERS_MAX	8
/* What libkmod gives to the kernel: a line, and what modprobe.d has before it. */
#define OPTIONS_MAX	4096

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

struct modload {
	const struct modload_env *env;
	struct kmod_ctx *ctx;
	struct kmod_module *mod;
	struct kmod_list *info;		/* of modinfo; NULL if there is none */
	bool has_info;			/* it was asked for */
	bool builtin;
};

/* ---- context ---- */

static void no_log(void *data, int priority, const char *file, int line, const char *fn,
		   const char *format, va_list args)
{
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	(void)format;
	(void)args;
}

/* dir, or its directory for this kernel if only that has an index. */
static void choose_path(const char *dir, char path[PATH_MAX])
{
	struct utsname uts;

	if (snprintf(path, PATH_MAX, "%s/modules.dep.bin", dir) >= PATH_MAX ||
	    !access(path, F_OK) || uname(&uts) ||
	    snprintf(path, PATH_MAX, "%s/%s", dir, uts.release) >= PATH_MAX || access(path, F_OK))
		snprintf(path, PATH_MAX, "%s", dir);
}

static int refresh_one(struct modload_env *env, struct kmod_ctx **ctx, const char *dir)
{
	if (*ctx && kmod_validate_resources(*ctx) == KMOD_RESOURCES_OK)
		return 0;
	if (*ctx)
		kmod_unref(*ctx);
	errno = 0;
	*ctx = kmod_new(dir, env->config);
	if (!*ctx)
		return errno ? -errno : -ENOMEM;
	kmod_set_log_fn(*ctx, no_log, NULL);
	/* Without an index each look-up reads the files, which serves as well. */
	kmod_load_resources(*ctx);
	return 0;
}

void modload_release(struct modload_env *env)
{
	unsigned int i;

	for (i = 0; i < MODLOAD_DIRS_MAX; i++) {
		if (env->kmod[i])
			kmod_unref(env->kmod[i]);
		env->kmod[i] = NULL;
	}
}

/* FNV-1a: not against somebody who writes to modprobe.d, who needs no trick. */
static void hash(uint64_t *stamp, const void *data, size_t len)
{
	const unsigned char *byte = data;

	while (len--)
		*stamp = (*stamp ^ *byte++) * UINT64_C(0x100000001b3);
}

/*
 * What is there but closed to us: a sandbox knows only what was there before it,
 * and not where links lead. libkmod passes over it in silence.
 */
static void note_closed(struct modload_env *env, const char *dir, const char *name)
{
	snprintf(env->closed, sizeof(env->closed), "%s%s%s", dir, name[0] ? "/" : "", name);
}

static bool is_closed(int dirfd, const char *name)
{
	pvk_auto_close int fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 && errno == EACCES;
}

static void stamp_dir(struct modload_env *env, uint64_t *stamp, const char *path)
{
	const struct dirent *entry;
	struct stat st;
	DIR *dir;

	dir = opendir(path);
	if (!dir) {
		if (errno == EACCES)
			note_closed(env, path, "");
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0))
			continue;
		if (is_closed(dirfd(dir), entry->d_name))
			note_closed(env, path, entry->d_name);
		hash(stamp, entry->d_name, strlen(entry->d_name) + 1);
		hash(stamp, &st.st_ino, sizeof(st.st_ino));
		hash(stamp, &st.st_size, sizeof(st.st_size));
		hash(stamp, &st.st_mtim, sizeof(st.st_mtim));
		hash(stamp, &st.st_ctim, sizeof(st.st_ctim));
	}
	closedir(dir);
}

/*
 * libkmod notices a file that comes or goes, by its directory's time, but not
 * one that is written in place.
 */
static uint64_t stamp_config(struct modload_env *env)
{
	static const char *const usual[] = {
		"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
		"/usr/lib/modprobe.d", "/lib/modprobe.d", NULL,
	};
	const char *const *path = env->config ? env->config : usual;
	uint64_t stamp = UINT64_C(0xcbf29ce484222325);

	env->closed[0] = '\0';
	for (; *path; path++)
		stamp_dir(env, &stamp, *path);
	return stamp;
}

int modload_refresh(struct modload_env *env, struct pvk_list *warnings)
{
	uint64_t stamp = stamp_config(env);
	char path[PATH_MAX];
	unsigned int i;
	int ret = 0;

	if (stamp != env->stamp)
		modload_release(env);
	if (env->closed[0])
		pvk_list_warn(warnings, "%s can't be read and does not count", env->closed);
	env->stamp = stamp;
	if (!env->n_dirs)
		return refresh_one(env, &env->kmod[0], NULL);
	for (i = 0; i < env->n_dirs && !ret; i++) {
		choose_path(env->dir[i], path);
		/* Mounted since, perhaps. */
		if (env->kmod[i] && strcmp(path, env->path[i])) {
			kmod_unref(env->kmod[i]);
			env->kmod[i] = NULL;
		}
		strcpy(env->path[i], path);
		ret = refresh_one(env, &env->kmod[i], path);
	}
	return ret;
}

/* ---- one module ---- */

/* 1: there is a module of this name; 0: there is none. */
static int look_in(struct modload *load, struct kmod_ctx *ctx, const char *name)
{
	int ret;

	ret = kmod_module_new_from_name(ctx, name, &load->mod);
	if (ret)
		return ret;
	load->ctx = ctx;
	/* Asking for the state goes to sysfs: not for a module that has a file. */
	load->builtin = !kmod_module_get_path(load->mod) &&
			kmod_module_get_initstate(load->mod) == KMOD_MODULE_BUILTIN;
	if (load->builtin || kmod_module_get_path(load->mod))
		return 1;
	kmod_module_unref(load->mod);
	load->mod = NULL;
	return 0;
}

static int not_found(const struct modload_env *env, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf where = PVK_BUF_INIT(400);
	unsigned int i;

	for (i = 0; i < MODLOAD_DIRS_MAX; i++)
		if (env->kmod[i])
			pvk_buf_printf(&where, "%s%s", i ? " or " : "",
				       kmod_get_dirname(env->kmod[i]));
	return pvk_err_set(err, -ENOENT, "no such module under %s", pvk_buf_str(&where));
}

int modload_find(struct modload **load, struct modload_env *env, const char *name,
		 struct pvk_err *err)
{
	struct modload *l;
	unsigned int i;
	int ret = 0;

	l = calloc(1, sizeof(*l));
	if (!l)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	l->env = env;
	for (i = 0; i < MODLOAD_DIRS_MAX && !ret; i++)
		if (env->kmod[i])
			ret = look_in(l, env->kmod[i], name);
	if (ret > 0) {
		*load = l;
		return 0;
	}
	free(l);
	return ret ? pvk_err_set(err, ret, "%s", strerror(-ret)) : not_found(env, err);
}

void modload_put(struct modload *load)
{
	if (!load)
		return;
	kmod_module_info_free_list(load->info);
	kmod_module_unref(load->mod);
	free(load);
}

bool modload_is_builtin(const struct modload *load)
{
	return load->builtin;
}

/* Reading it takes longer than all else here: only for a line with parameters. */
static const struct kmod_list *get_info(struct modload *load)
{
	if (!load->has_info && kmod_module_get_info(load->mod, &load->info) < 0)
		load->info = NULL;
	load->has_info = true;
	return load->info;
}

bool modload_has_info(struct modload *load)
{
	return get_info(load);
}

bool modload_knows_param(void *arg, const char *module, const char *param)
{
	const struct kmod_list *info = get_info(arg);
	const struct kmod_list *at;
	char name[PVK_PARAM_NAME_MAX + 1];
	const char *key, *value;
	size_t len;

	(void)module;
	kmod_list_foreach(at, info) {
		key = kmod_module_info_get_key(at);
		if (strcmp(key, "parm") && strcmp(key, "parmtype"))
			continue;
		value = kmod_module_info_get_value(at);
		len = strcspn(value, ":");
		if (len >= sizeof(name))
			continue;
		memcpy(name, value, len);
		name[len] = '\0';
		if (pvk_dash_equal(name, param))
			return true;
	}
	return false;
}

/* ---- insert ---- */

/* libkmod's callbacks before an insertion carry no argument of ours. */
static struct probe {
	struct modload *load;
	char current[PVK_MODULE_NAME_MAX + 1];	/* the last one that was tried */
	char path[PATH_MAX];			/* its file */
	char options[OPTIONS_MAX];		/* and what it was given */
	bool options_cut;
	bool given;		/* the module itself was tried */
	char *params;
	size_t params_size;
	struct pvk_list *warnings;
} *probe;

static void about_to_insert(struct kmod_module *mod, bool install, const char *options)
{
	const char *name = kmod_module_get_name(mod);
	const char *path = kmod_module_get_path(mod);
	const char *command = kmod_module_get_install_commands(mod);

	(void)install;
	snprintf(probe->current, sizeof(probe->current), "%s", name);
	snprintf(probe->path, sizeof(probe->path), "%s", path ? path : "");
	probe->options_cut = snprintf(probe->options, sizeof(probe->options), "%s",
				      options ? options : "") >= OPTIONS_MAX;
	kmsg_mark(probe->load->env->kmsg);
	if (command)
		pvk_list_warn(probe->warnings, "%s: install line of modprobe.d not run: %s",
			      name, command);
	if (strcmp(name, kmod_module_get_name(probe->load->mod)))
		return;
	probe->given = true;
	snprintf(probe->params, probe->params_size, "%s", probe->options);
}

/*
 * In the place of an install line. KMOD_PROBE_IGNORE_COMMAND does not do: it is
 * about the module alone, not its dependencies, whose line libkmod then gives to
 * a shell, and it leaves out the module's soft dependencies.
 */
static int insert_instead(struct kmod_module *mod, const char *command, void *data)
{
	(void)command;
	(void)data;
	if (probe->options_cut)
		return -E2BIG;
	return kmod_module_insert_module(mod, 0, probe->options);
}

static bool resident(const struct kmod_module *mod)
{
	int state = kmod_module_get_initstate(mod);

	return state == KMOD_MODULE_LIVE || state == KMOD_MODULE_BUILTIN;
}

static bool dependency_missing(struct kmod_module *mod)
{
	struct kmod_list *deps = kmod_module_get_dependencies(mod);
	struct kmod_module *dep;
	struct kmod_list *at;
	bool missing = false;

	kmod_list_foreach(at, deps) {
		dep = kmod_module_get_module(at);
		missing |= !resident(dep);
		kmod_module_unref(dep);
	}
	kmod_module_unref_list(deps);
	return missing;
}

/*
 * Somebody removed a dependency between its insertion and the module's
 * (unknown symbol), or another load of the same module, which this one waited
 * for, failed (EBUSY since 6.5).
 */
static bool worth_another_try(int ret)
{
	if (ret == -EBUSY)
		return true;
	return ret == -ENOENT && dependency_missing(probe->load->mod);
}

/* NULL if the file is not compressed. */
static const char *compression(int fd)
{
	static const struct {
		const char *name, *magic;
		size_t len;
	} kinds[] = {
		{ "gzip", "\x1f\x8b", 2 },
		{ "xz", "\xfd" "7zXZ", 6 },
		{ "zstd", "\x28\xb5\x2f\xfd", 4 },
	};
	char head[6];
	size_t i;

	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		return NULL;
	for (i = 0; i < PVK_ARRAY_SIZE(kinds); i++)
		if (!memcmp(head, kinds[i].magic, kinds[i].len))
			return kinds[i].name;
	return NULL;
}

/*
 * A libkmod that was built without a compression hands the file to the kernel
 * as it is, or says ENOSYS. The kernel may know how to unpack it, since 5.17. 0
 * if the module was inserted that way; else ret, and *kind if this was why.
 */
static int insert_compressed(int ret, const char **kind)
{
	pvk_auto_close int fd = -1;

	*kind = NULL;
	if ((ret != -ENOEXEC && ret != -ENOSYS && ret != -EOPNOTSUPP) || probe->options_cut)
		return ret;
	fd = open(probe->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ret;
	*kind = compression(fd);
	if (!*kind)
		return ret;
	if (!syscall(SYS_finit_module, fd, probe->options, MODULE_INIT_COMPRESSED_FILE) ||
	    errno == EEXIST)
		return 0;
	/* It was unpacked, and something else is wrong. */
	if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOEXEC) {
		*kind = NULL;
		return -errno;
	}
	return ret;
}

static const char *reason(int error)
{
	switch (error) {
	case ENOENT:
		return "unknown symbol in module";
	case ENOEXEC:
		return "not a module of this kernel's format, architecture or version";
	case EBADMSG:
	case EKEYREJECTED:
		return "signature was rejected";
	case ENOKEY:
		return "signed with a key that the kernel does not have";
	case EPERM:
		return "not permitted (modules_disabled, lockdown or no CAP_SYS_MODULE)";
	case EINVAL:
		return "invalid module or parameter";
	case EBUSY:
		return "another load of it is under way";
	default:
		return strerror(error);
	}
}

static int insert_failed(int ret, const char *kind, struct pvk_err *err)
{
	bool own = probe->given || !probe->current[0];
	const char *needs = own ? "" : "needs ", *colon = own ? "" : ": ";
	const char *name = own ? "" : probe->current;
	char why[256];

	if (probe->current[0] &&
	    kmsg_reason(probe->load->env->kmsg, probe->current, -ret, why, sizeof(why),
			probe->warnings))
		return pvk_err_set(err, ret, "%s%s%s%s", needs, name, colon, why);
	if (kind)
		return pvk_err_set(err, ret, "%s%s%scompressed with %s, which neither this "
				   "libkmod nor the kernel unpacks", needs, name, colon, kind);
	return pvk_err_set(err, ret, "%s%s%s%s", needs, name, colon, reason(-ret));
}

/* *kind: how the file that failed is compressed, if that is why. */
static int probe_insert(struct kmod_module *mod, const char *args, const char **kind)
{
	char unpacked[PATH_MAX] = "";
	int ret, tries = 0;

	for (;;) {
		probe->current[0] = '\0';
		probe->given = false;
		ret = kmod_module_probe_insert_module(mod, 0, args, insert_instead, NULL,
						      about_to_insert);
		*kind = NULL;
		if (ret >= 0)
			return ret;
		if (worth_another_try(ret) && ++tries < TRIES_MAX)
			continue;
		/* Each module once: then the next one fails, or none. */
		if (!strcmp(unpacked, probe->path))
			return ret;
		ret = insert_compressed(ret, kind);
		if (ret || probe->given)
			return ret;
		strcpy(unpacked, probe->path);
	}
}

/* An alias line for a module's name makes modprobe load another one. */
static void report_alias(struct modload *load, struct pvk_list *warnings)
{
	const char *name = kmod_module_get_name(load->mod), *to;
	struct kmod_config_iter *iter = kmod_config_get_aliases(load->ctx);

	while (iter && kmod_config_iter_next(iter)) {
		to = kmod_config_iter_get_value(iter);
		if (!fnmatch(kmod_config_iter_get_key(iter), name, 0) && strcmp(to, name))
			pvk_list_warn(warnings, "alias line of modprobe.d not followed: %s is %s",
				      name, to);
	}
	if (iter)
		kmod_config_iter_free_iter(iter);
}

int modload_insert(struct modload *load, const char *args, char *params, size_t params_size,
		   struct pvk_list *warnings, struct pvk_err *err)
{
	struct probe p = {
		.load = load,
		.params = params,
		.params_size = params_size,
		.warnings = warnings,
	};
	const char *kind;
	int ret = 0;

	params[0] = '\0';
	report_alias(load, warnings);
	if (!load->builtin) {
		probe = &p;
		ret = probe_insert(load->mod, args, &kind);
		if (ret)
			ret = insert_failed(ret, kind, err);
		else if (p.given)
			kmsg_reason(load->env->kmsg, p.current, 0, NULL, 0, warnings);
		probe = NULL;
	}
	if (!ret && !p.given && args[0])
		pvk_list_warn(warnings, "%s, its parameters stay as they are",
			      load->builtin ? "built in" : "loaded already");
	return ret;
}

/* ---- remove ---- */

static void read_word(const char *path, char *word, size_t size)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, word, size - 1);

	word[n > 0 ? n : 0] = '\0';
	word[strcspn(word, "\n")] = '\0';
}

/* Adds "a, b and 3 more", or nothing. */
static void list_holders(const char *name, struct pvk_buf *buf)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/module/%s/holders", name);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (n++ < HOLDERS_MAX)
			pvk_buf_printf(buf, "%s%s", n > 1 ? ", " : "", entry->d_name);
	}
	closedir(dir);
	if (n > HOLDERS_MAX)
		pvk_buf_printf(buf, " and %u more", n - HOLDERS_MAX);
}

/* The kernel says EWOULDBLOCK for what is in use, EBUSY for what can't go at all. */
static int remove_failed(struct kmod_module *mod, int ret, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf holders = PVK_BUF_INIT(200);
	const char *name = kmod_module_get_name(mod);
	char path[PATH_MAX], refcnt[16];

	if (ret == -EBUSY)
		return pvk_err_set(err, ret, "%s",
				   kmod_module_get_initstate(mod) == KMOD_MODULE_LIVE ?
				   "can't be removed, it has no exit function" :
				   "is just being initialised or removed");
	if (ret != -EWOULDBLOCK)
		return pvk_err_set(err, ret, "%s", strerror(-ret));
	list_holders(name, &holders);
	if (holders.len)
		return pvk_err_set(err, -EBUSY, "in use by %s", pvk_buf_str(&holders));
	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	read_word(path, refcnt, sizeof(refcnt));
	return pvk_err_set(err, -EBUSY, "in use, reference count %s", refcnt);
}

int modload_remove(struct modload_env *env, const char *name, struct pvk_list *warnings,
		   struct pvk_err *err)
{
	struct kmod_module *mod;
	const char *command;
	int ret;

	if (!pvk_module_name_ok(name))
		return pvk_err_set(err, -EINVAL, "not a module name");
	ret = kmod_module_new_from_name(env->kmod[0], name, &mod);
	if (ret)
		return pvk_err_set(err, ret, "%s", strerror(-ret));
	command = kmod_module_get_remove_commands(mod);
	if (command)
		pvk_list_warn(warnings, "%s: remove line of modprobe.d not run: %s", name,
			      command);
	ret = kmod_module_remove_module(mod, 0);
	if (ret == -ENOENT)
		ret = 0;
	if (ret)
		ret = remove_failed(mod, ret, err);
	kmod_module_unref(mod);
	return ret;
}
