// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "modline.h"
#include "modload.h"

/* How often a load starts over because a dependency was removed under it. */
#define TRIES_MAX	3
#define HOLDERS_MAX	8

struct modload {
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

void modload_context_free(struct kmod_ctx **ctx)
{
	if (*ctx)
		kmod_unref(*ctx);
	*ctx = NULL;
}

int modload_context(struct kmod_ctx **ctx, const char *dir)
{
	if (*ctx && kmod_validate_resources(*ctx) == KMOD_RESOURCES_OK)
		return 0;
	modload_context_free(ctx);
	*ctx = kmod_new(dir, NULL);
	if (!*ctx)
		return errno ? -errno : -ENOMEM;
	kmod_set_log_fn(*ctx, no_log, NULL);
	/* Without an index each look-up reads the files, which serves as well. */
	kmod_load_resources(*ctx);
	return 0;
}

/* ---- one module ---- */

int modload_find(struct modload **load, struct kmod_ctx *ctx, const char *name,
		 struct pvk_err *err)
{
	struct modload *l;
	int ret;

	l = calloc(1, sizeof(*l));
	if (!l)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = kmod_module_new_from_name(ctx, name, &l->mod);
	if (ret) {
		free(l);
		return pvk_err_set(err, ret, "%s", strerror(-ret));
	}
	/* Asking for the state goes to sysfs: not for a module that has a file. */
	l->builtin = !kmod_module_get_path(l->mod) &&
		     kmod_module_get_initstate(l->mod) == KMOD_MODULE_BUILTIN;
	if (!l->builtin && !kmod_module_get_path(l->mod)) {
		ret = pvk_err_set(err, -ENOENT, "no such module under %s",
				  kmod_get_dirname(ctx));
		modload_put(l);
		return ret;
	}
	*load = l;
	return 0;
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
	const char *options;	/* its own, valid until it is done with */
	bool given;		/* the module itself was tried */
	char *params;
	size_t params_size;
	struct pvk_list *warnings;
} *probe;

static void about_to_insert(struct kmod_module *mod, bool install, const char *options)
{
	const char *name = kmod_module_get_name(mod);
	const char *command = kmod_module_get_install_commands(mod);

	(void)install;
	snprintf(probe->current, sizeof(probe->current), "%s", name);
	probe->options = options;
	if (command)
		pvk_list_warn(probe->warnings, "%s: install line of modprobe.d not run: %s",
			      name, command);
	if (strcmp(name, kmod_module_get_name(probe->load->mod)))
		return;
	probe->given = true;
	snprintf(probe->params, probe->params_size, "%s", options);
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

static const char *reason(int error)
{
	switch (error) {
	case ENOENT:
		return "unknown symbol in module";
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

static int insert_failed(int ret, struct pvk_err *err)
{
	if (probe->given || !probe->current[0])
		return pvk_err_set(err, ret, "%s", reason(-ret));
	return pvk_err_set(err, ret, "needs %s: %s", probe->current, reason(-ret));
}

static int probe_insert(struct kmod_module *mod, const char *args)
{
	int ret, tries = 0;

	do {
		probe->current[0] = '\0';
		probe->given = false;
		ret = kmod_module_probe_insert_module(mod, 0, args, insert_instead, NULL,
						      about_to_insert);
	} while (ret < 0 && worth_another_try(ret) && ++tries < TRIES_MAX);
	return ret;
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
	int ret = 0;

	params[0] = '\0';
	if (!load->builtin) {
		probe = &p;
		ret = probe_insert(load->mod, args);
		if (ret)
			ret = insert_failed(ret, err);
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

int modload_remove(struct kmod_ctx *ctx, const char *name, struct pvk_err *err)
{
	struct kmod_module *mod;
	int ret;

	if (!pvk_module_name_ok(name))
		return pvk_err_set(err, -EINVAL, "not a module name");
	ret = kmod_module_new_from_name(ctx, name, &mod);
	if (ret)
		return pvk_err_set(err, ret, "%s", strerror(-ret));
	ret = kmod_module_remove_module(mod, 0);
	if (ret == -ENOENT)
		ret = 0;
	if (ret)
		ret = remove_failed(mod, ret, err);
	kmod_module_unref(mod);
	return ret;
}
