/* SPDX-License-Identifier: MIT */
/*
 * ubootenv - the U-Boot environment as a place for boot flags
 *
 * libubootenv reads and writes it, as fw_printenv and fw_setenv of libubootenv-tool
 * do. What it leaves to its caller is done here:
 *
 *  - Both lock files are taken, u-boot-tools' and libubootenv's: they do not know
 *    of each other. Where the directory of one is missing, as early in the boot, it
 *    is made; without locks nothing is written.
 *  - Where no copy has a right checksum, nothing is written: the environment would
 *    become one of our variables and no others, and the board might not boot. With
 *    force it does, after what was there has been kept in a file.
 *  - On NOR, where a flag of 1 or 0 says which copy counts, some pairs of flags are
 *    taken differently by different readers (pvk_env_flags_ambiguous()). Where they are
 *    found, and the copies differ, nothing is read and nothing written. With force the
 *    library's choice counts, after both were kept. None is left behind.
 *  - Where one copy of two is damaged, or can't be read at all, which the library takes
 *    for the end, the other one counts, and the next write makes two of them again.
 *  - Nothing else is erased: not what shares the last block of flash with a copy, and
 *    not what lies behind its share where that has too few good blocks.
 *  - What would not fit is refused before anything is written, all fields are one
 *    write, none is done when nothing changes, and what was written is read back, from
 *    the medium, after an fsync() that was asked how it went.
 *
 * A variable holds its field as text (a slot as its letter), but for U-Boot's own:
 * "bootcount" for tries is the count up to "bootlimit", and "upgrade_available" for
 * successful is 0 when it is 1.
 */
#ifndef PVK_UBOOTENV_H
#define PVK_UBOOTENV_H

#include <stdbool.h>

#include "flags.h"
#include "util.h"

#define PVK_ENV_CONFIG		"/etc/fw_env.config"
#define PVK_ENV_LOCK_TOOLS	"/run/fw_printenv.lock"
#define PVK_ENV_LOCK_LIBRARY	"/var/lock/fw_printenv.lock"
#define PVK_ENV_SIZE_MAX	(1024 * 1024)	/* bytes of a copy */

struct pvk_env {
	const char *config;		/* NULL: PVK_ENV_CONFIG */
	const char *variable[PVB_FIELDS];	/* NULL or "": the field is not kept */
	const char *keep;		/* directory for what force overwrites; NULL: none */
	int timeout_ms;			/* for the locks; 0: 10 s */
	const char *lock;		/* u-boot-tools' own; NULL: PVK_ENV_LOCK_TOOLS */
	const char *library_lock;	/* NULL: PVK_ENV_LOCK_LIBRARY, the only one it takes */
};

struct pvk_env_info {
	bool redundant;
	uint32_t guarantee;		/* PVB_ATOMIC, PVB_REDUNDANT: format.h */
	uint32_t fields;		/* PVB_HAS() of those that are kept */
	uint32_t generation;		/* another one whenever they say something else */
	char where[256];		/* the devices, with a blank between */
};

/*
 * What it says. A variable with a value that its field can't have is a warning.
 * info and warnings may be NULL. With a text:
 *   -ENOENT  no config    -ENODATA  never written    -EBADMSG  no copy is whole
 *   -ENODEV  no such device    -EINVAL  a config that can't be
 *   -EOPNOTSUPP  built without libubootenv
 */
int pvk_env_read(const struct pvk_env *env, struct pvb_flags *flags, struct pvk_env_info *info,
		 struct pvk_list *warnings, struct pvk_err *err);

/*
 * Carries out a change, all of it under the locks. Beside those above:
 *   -EAGAIN  not the generation of the change: somebody has set a field meanwhile
 *   -EOPNOTSUPP  a field that is not kept    -ENOSPC  no room
 *   -EBUSY  a lock is held by somebody else    -ENOLCK  a lock can't be had
 *   -EPERM  a variable that U-Boot's .flags protect
 *   -EEXIST  flash that something else shares    -EIO  a write that came to nothing
 * What force has kept is named in warnings.
 */
int pvk_env_change(const struct pvk_env *env, const struct pvk_change *change,
		   struct pvk_list *warnings, struct pvk_err *err);

/* Two flags on NOR of which not all readers make the same. */
bool pvk_env_flags_ambiguous(uint8_t first, uint8_t second);

#endif /* PVK_UBOOTENV_H */
