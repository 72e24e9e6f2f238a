/* SPDX-License-Identifier: MIT */
/*
 * modload - modules in and out of the kernel, as modprobe and rmmod do it,
 * over libkmod
 *
 * The differences to modprobe: an `install` line of modprobe.d is not run but
 * reported, and a name is a module's name, never an alias of one.
 *
 * Texts do not name the module that the caller named, which knows it, but any
 * other that they are about.
 */
#ifndef PVKITD_MODLOAD_H
#define PVKITD_MODLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct kmod_ctx;
struct modload;

/*
 * Makes the context, or a new one in its place when modules.dep or modprobe.d
 * changed since. dir NULL: /lib/modules/RELEASE.
 */
int modload_context(struct kmod_ctx **ctx, const char *dir);
void modload_context_free(struct kmod_ctx **ctx);

/* -ENOENT, with a text, when there is neither file nor built-in of this name. */
int modload_find(struct modload **load, struct kmod_ctx *ctx, const char *name,
		 struct pvk_err *err);
void modload_put(struct modload *load);
bool modload_is_builtin(const struct modload *load);
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
int modload_remove(struct kmod_ctx *ctx, const char *name, struct pvk_err *err);

#endif /* PVKITD_MODLOAD_H */
