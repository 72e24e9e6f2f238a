/* SPDX-License-Identifier: MIT */
/*
 * needs - all the files without which a program does not start
 *
 * Found as its dynamic linker would find them, without running it:
 *
 *   glibc  what is loaded by that name or soname already; DT_RPATH of the library and of
 *          those that wanted it, if there is no DT_RUNPATH; DT_RUNPATH of the library;
 *          /etc/ld.so.cache; the directory of the dynamic linker's and /lib, /usr/lib
 *   musl   what is loaded already; DT_RUNPATH or DT_RPATH of the library and of those that
 *          wanted it; /etc/ld-musl-ARCH.path, or /lib, /usr/local/lib, /usr/lib
 *
 * A library for another processor or word size is passed over, as it is there. Of a script
 * it is its interpreter with all that needs, and the program that "env" is to start.
 * Not found this way: what a program opens with dlopen(), LD_LIBRARY_PATH,
 * /etc/ld.so.preload, and variants of a library for a certain kind of processor.
 */
#ifndef PVK_NEEDS_H
#define PVK_NEEDS_H

#include <limits.h>
#include <stdbool.h>

#include "ldcache.h"
#include "util.h"

#define PVK_NEEDS_MAX	512	/* libraries of one program */

enum pvk_need_kind {
	PVK_NEED_LINKER,	/* the dynamic linker */
	PVK_NEED_LIBRARY,
	PVK_NEED_PROGRAM,	/* what a script is run by */
	PVK_NEED_LIST,		/* musl's, of directories */
};

struct pvk_need {
	enum pvk_need_kind kind;
	const char *name;	/* as it is asked for */
	const char *path;	/* where it was found; NULL: nowhere */
	const char *by;		/* the file that wants it */
	bool by_cache;		/* found by /etc/ld.so.cache */
};

/* Other than 0 ends it, and is returned. */
typedef int (*pvk_need_fn)(void *arg, const struct pvk_need *need);

struct pvk_needs {
	int root;			/* a descriptor, not its own */
	bool has_cache;
	struct pvk_ldcache cache;
	/* Without one: what it would be made from, as "/lib/x86_64-linux-gnu:/usr/local/lib". */
	struct pvk_buf conf;
	/* Of libraries that are asked for by themselves: the last program's. */
	char linker[PATH_MAX];
};

int pvk_needs_init(struct pvk_needs *needs, int root, struct pvk_err *err);
void pvk_needs_free(struct pvk_needs *needs);
/*
 * What that file needs, each name once, itself not. -ENOEXEC: neither an ELF file nor a script.
 * What is not found is told with a path of NULL and is no error here.
 */
int pvk_needs_of(struct pvk_needs *needs, const char *path, pvk_need_fn fn, void *arg,
		 struct pvk_err *err);
/* A program by name, in the usual directories, or by path; -ENOENT. path: PATH_MAX bytes. */
int pvk_needs_which(const struct pvk_needs *needs, const char *name, char *path);

#endif /* PVK_NEEDS_H */
