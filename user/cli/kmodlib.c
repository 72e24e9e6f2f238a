// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "dlopennote.h"
#include "kmodlib.h"

DLOPEN_NOTE("[{\"soname\":[\"" KMODLIB_NAME "\"],"
	    "\"feature\":\"drivers-check\","
	    "\"description\":\"pvkit drivers check\","
	    "\"priority\":\"recommended\"}]");

static const struct {
	const char *name;
	size_t at;
} functions[] = {
#define KMODLIB_PLACE(name)	{ #name, offsetof(struct kmodlib, name) },
	KMODLIB_FUNCTIONS(KMODLIB_PLACE)
};

const struct kmodlib *kmodlib_open(struct pvk_err *err)
{
	static struct kmodlib lib;
	void *handle, *found;
	size_t i;

	if (lib.kmod_new)
		return &lib;
	handle = dlopen(KMODLIB_NAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		pvk_err_set(err, -ENOPKG, "wants libkmod: %s", dlerror());
		return NULL;
	}
	/* kmod_new, by which all are known to be there, is the first and set last */
	for (i = PVK_ARRAY_SIZE(functions); i-- > 0;) {
		found = dlsym(handle, functions[i].name);
		if (!found) {
			pvk_err_set(err, -ENOPKG, KMODLIB_NAME " has no %s", functions[i].name);
			dlclose(handle);
			return NULL;
		}
		*(void **)((char *)&lib + functions[i].at) = found;
	}
	return &lib;
}
