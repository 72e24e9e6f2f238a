/* SPDX-License-Identifier: MIT */
/*
 * elffile - what a program, a library or a script needs to be started, read from its file
 *
 * Of 32 and 64 bits and both byte orders, whatever this program is itself. The file may be
 * anything: each length in it is bounded before it is believed, and nothing is mapped, so a
 * file that becomes shorter meanwhile is an error and no SIGBUS.
 */
#ifndef PVK_ELFFILE_H
#define PVK_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define PVK_ELF_NEEDED_MAX	256	/* libraries that one file names */
#define PVK_ELF_TEXT_MAX	4096	/* bytes of a name or a search path */

struct pvk_elf {
	bool is64;
	bool big;		/* byte order */
	bool nodeflib;		/* DF_1_NODEFLIB: not from the usual directories */
	uint16_t type;		/* ET_EXEC, ET_DYN, ... */
	uint16_t machine;	/* EM_* */
	uint32_t flags;
	char *interp;		/* the dynamic linker; NULL: none, as of all that may be NULL */
	char *soname;
	char *rpath;
	char *runpath;
	char **needed;
	size_t n_needed;
};

/*
 * -ENOEXEC: it is no ELF file; -EBADMSG: one that is broken. What it got has to be freed
 * only if it returned 0.
 */
int pvk_elf_read(int fd, struct pvk_elf *elf, struct pvk_err *err);
void pvk_elf_free(struct pvk_elf *elf);
/* Can this library be loaded into that program? */
bool pvk_elf_fits(const struct pvk_elf *library, const struct pvk_elf *program);

/* The first line of a script, as the kernel reads it. */
#define PVK_SCRIPT_LINE	256

struct pvk_script {
	char interp[PVK_SCRIPT_LINE];
	char arg[PVK_SCRIPT_LINE];	/* all of the rest, "" for none */
};

/* -ENOEXEC: the kernel would not take it for a script. */
int pvk_script_read(int fd, struct pvk_script *script);

#endif /* PVK_ELFFILE_H */
