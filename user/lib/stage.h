/* SPDX-License-Identifier: MIT */
/*
 * stage - the small root in RAM that the running system moves to
 *
 * First it is said what belongs into it; each program brings what it needs to start. Then it
 * is known how large it becomes, and whether there is memory for it. Then it is made, and
 * each program is run in it once: all that while the old root is untouched.
 *
 * Everything lies where it lies in the root. A symlink that is met on the way to a file is
 * made too, with the same text, and nothing else of its directory: so a path that leads to a
 * file in the root leads to the same one there. A file with several names (hard links, or a
 * library that several programs want) is there once. If /etc/ld.so.cache was needed to find
 * a library, there is one with just these entries. And there is a directory /proc.
 */
#ifndef PVK_STAGE_H
#define PVK_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

#define PVK_STAGE_FILES_MAX	65536
#define PVK_STAGE_TRY_MS	5000

struct pvk_stage;

/* What there is below root, which is "/" but in tests. */
int pvk_stage_open(struct pvk_stage **out, const char *root, struct pvk_err *err);
/* NULL is fine. What was made stays. */
void pvk_stage_close(struct pvk_stage *stage);

/*
 * A program with all that it needs: "NAME[:LINK...]", a name in the usual directories or a
 * path; each LINK, a path, becomes a symlink to it unless there is something. word: what
 * it is tried with ("--help" for NULL), "-": not at all.
 */
int pvk_stage_program(struct pvk_stage *stage, const char *spec, const char *word,
		      struct pvk_err *err);
/* A file, or a directory with all below it that is on the same file system. */
int pvk_stage_data(struct pvk_stage *stage, const char *path, struct pvk_err *err);
/* An empty directory, "/proc". */
int pvk_stage_dir(struct pvk_stage *stage, const char *path, mode_t mode, struct pvk_err *err);

/* update.conf: `copy-bin PROGRAM[:LINK...] [WORD]`, `copy-data PATH`; the rest: updateconf.h */
int pvk_stage_conf(struct pvk_stage *stage, const char *path, struct pvk_err *err);
/* RAMFS_COPY_BIN and RAMFS_COPY_DATA, blanks between. */
int pvk_stage_env(struct pvk_stage *stage, struct pvk_err *err);

struct pvk_stage_plan {
	uint64_t bytes;		/* of files, each once */
	uint64_t memory;	/* that they take: whole pages, and what the kernel keeps of each */
	uint64_t limit;		/* of the tmpfs, with the reserve */
	uint32_t inodes;
	uint32_t files;
	uint32_t symlinks;
	uint32_t directories;
	uint32_t programs;
};

/* reserve: bytes that are to be written there later. */
int pvk_stage_plan(struct pvk_stage *stage, uint64_t reserve, struct pvk_stage_plan *plan,
		   struct pvk_err *err);
/* The nth program, as it is called; NULL past the last. */
const char *pvk_stage_program_at(const struct pvk_stage *stage, size_t n);

struct pvk_stage_room {
	uint64_t needed;
	uint64_t available;	/* MemAvailable */
};

/*
 * Is there RAM for that and keep bytes besides? -ENOMEM: no, and the text says how much is
 * missing. meminfo: NULL for the kernel's.
 */
int pvk_stage_room(const struct pvk_stage_plan *plan, uint64_t reserve, uint64_t keep,
		   const char *meminfo, struct pvk_stage_room *room, struct pvk_err *err);

/* Mounts a tmpfs on dir and fills it. If that fails it is gone again. */
int pvk_stage_make(struct pvk_stage *stage, const char *dir, const struct pvk_stage_plan *plan,
		   struct pvk_err *err);
int pvk_stage_take_down(const char *dir);

enum pvk_trial_result {
	PVK_TRIAL_RUNS,		/* ended with status 0 */
	PVK_TRIAL_STATUS,	/* with another one: it was loaded, and ran */
	PVK_TRIAL_NOT_EXECUTED,	/* the kernel did not start it; value: errno */
	PVK_TRIAL_NOT_LOADED,	/* its dynamic linker missed something */
	PVK_TRIAL_SIGNAL,	/* it was ended by one; value: which */
	PVK_TRIAL_TIMEOUT,	/* it did not end */
};

struct pvk_trial {
	const char *program;
	const char *word;
	enum pvk_trial_result result;
	int value;
	char text[256];		/* why, or what it said first; may be "" */
};

/* Was it shown to start? */
static inline bool pvk_trial_ok(const struct pvk_trial *trial)
{
	return trial->result == PVK_TRIAL_RUNS || trial->result == PVK_TRIAL_STATUS;
}

const char *pvk_trial_name(enum pvk_trial_result result);

/* Other than 0 ends it, and is returned. */
typedef int (*pvk_trial_fn)(void *arg, const struct pvk_trial *trial);

/*
 * Runs each program in dir, where they were made: with no capability, no network and
 * nothing that it could write to, so that one that takes the word for something else does
 * no harm. It takes CAP_SYS_ADMIN.
 */
int pvk_stage_try(const struct pvk_stage *stage, const char *dir, pvk_trial_fn fn, void *arg,
		  struct pvk_err *err);

#endif /* PVK_STAGE_H */
