/* SPDX-License-Identifier: MIT */
/*
 * kmodlib - libkmod for the one verb that wants it
 *
 * Brought in when it is used and not linked: with the libcrypto that Debian's is linked
 * with, every verb would take twice as long to start. A note in the program says so to
 * packagers' tools, which do not see it otherwise (.note.dlopen).
 */
#ifndef PVKIT_KMODLIB_H
#define PVKIT_KMODLIB_H

#include <libkmod.h>

#include "util.h"

#define KMODLIB_NAME	"libkmod.so.2"

/* All that is called; each is named as there. */
#define KMODLIB_FUNCTIONS(f)		\
	f(kmod_new)			\
	f(kmod_unref)			\
	f(kmod_set_log_priority)	\
	f(kmod_list_next)		\
	f(kmod_module_new_from_name)	\
	f(kmod_module_new_from_path)	\
	f(kmod_module_get_info)		\
	f(kmod_module_info_get_key)	\
	f(kmod_module_info_get_value)	\
	f(kmod_module_info_free_list)	\
	f(kmod_module_unref)

#define KMODLIB_POINTER(name)	__typeof__(name) *name;

struct kmodlib {
	KMODLIB_FUNCTIONS(KMODLIB_POINTER)
};

/* NULL: it is not there (-ENOPKG), or lacks something. It stays until the end. */
const struct kmodlib *kmodlib_open(struct pvk_err *err);

#endif /* PVKIT_KMODLIB_H */
