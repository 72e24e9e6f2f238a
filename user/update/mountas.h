/* SPDX-License-Identifier: MIT */
/*
 * mountas - what mount(2) has to be told for a mount to be again as mountinfo has it
 *
 * Which of what the kernel shows is the mount's, which is the file system's and so the same
 * for all its mounts, and which it shows but does not take.
 */
#ifndef UPDATE_MOUNTAS_H
#define UPDATE_MOUNTAS_H

#include <stdbool.h>
#include <stddef.h>

#include "mountinfo.h"

/* Of the mount, as MS_REMOUNT | MS_BIND takes them: MS_NOSUID, and MS_RDONLY for it alone. */
unsigned long mountas_flags(const struct pvk_mount *mount);
/* Of the file system: MS_RDONLY, MS_SYNCHRONOUS. */
unsigned long mountas_fs_flags(const struct pvk_mount *mount);
/* What is left are options of that type of file system; "" if they have no room. */
void mountas_data(const struct pvk_mount *mount, char *data, size_t size);

/* Is it one of these, which have commas between? */
bool mountas_has(const char *words, const char *word);

#endif /* UPDATE_MOUNTAS_H */
