/* SPDX-License-Identifier: MIT */
/*
 * modload - modules in and out of the kernel, as modprobe and rmmod do it,
 * over libkmod
 *
 * The differences to modprobe: `install` and `remove` lines of modprobe.d are
 * not run but reported, and a name is a module's name, never an alias of one;
 * where modprobe.d has an alias of that name, this is reported too.
 *
 * Texts do not name the module that the caller named, which knows it, but any
 * other that they are about.
 */
#ifndef PVKITD_MODLOAD_H
#define PVKITD_MODLOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define MODLOAD_DIRS_MAX	4

struct kmod_ctx;
struct modload;

/* Zeroed but for what is to be set first. */
struct modload_env {
	/*
	 * Where modules are: DIR, or DIR/RELEASE if DIR itself has no index.
	 * The first that has a module counts, and what that depends on comes
	 * from there. n_dirs 0: /lib/modules/RELEASE.
	 */
	const char *dir[MODLOAD_DIRS_MAX];
	unsigned int n_dirs;
	int kmsg;		/* see kmsg.h; -1: none */
	/* Of modprobe.d, NULL-terminated; NULL: the system's. For tests. */
	const char *const *config;

	/* private */
	uint64_t stamp;		/* of modprobe.d */
	char closed[PATH_MAX];		/* a place of modprobe.d that can't be read, or "" */
	struct kmod_ctx *kmod[MODLOAD_DIRS_MAX];
	char path[MODLOAD_DIRS_MAX][PATH_MAX];
};

/*
 * Reads modules.dep and modprobe.d, anew where they have changed since. What of
 * modprobe.d can't be read is a warning: its options do not count.
 */
int modload_refresh(struct modload_env *env, struct pvk_list *warnings);
void modload_release(struct modload_env *env);

/* -ENOENT, with a text, when there is neither file nor built-in of this name. */
int modload_find(struct modload **load, struct modload_env *env, const char *name,
		 struct pvk_err *err);
void modload_put(struct modload *load);
bool modload_is_builtin(const struct modload *load);
/* Its modinfo can be read; if not, nothing is known of its parameters. */
bool modload_has_info(struct modload *load);
/* A pvk_policy.known: arg is the struct modload of the line's module. */
bool modload_knows_param(void *arg, const char *module, const char *param);

/*
 * Loads the module after what it depends on. Success when it is live
 * afterwards, whoever loaded it. params gets what was given to the kernel for
 * this module, options of modprobe.d included. On failure the text names the
 * dependency if it was one that failed.
 */
int modload_insert(struct modload *load, const char *args, char *params, size_t params_size,
		   struct pvk_list *warnings, struct pvk_err *err);

/*
 * Removes exactly this module. Success when it is not there. The text names
 * who holds it.
 */
int modload_remove(struct modload_env *env, const char *name, struct pvk_list *warnings,
		   struct pvk_err *err);

#endif /* PVKITD_MODLOAD_H */
