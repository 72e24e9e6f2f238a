/* SPDX-License-Identifier: MIT */
/*
 * ldconf - the directories that /etc/ld.so.conf names
 *
 * ldconfig makes /etc/ld.so.cache from them. Where that is not (yet) there, they still tell
 * which directories a distribution has for its libraries, as Debian's of one for each kind
 * of processor, which its dynamic linker knows by itself.
 */
#ifndef PVK_LDCONF_H
#define PVK_LDCONF_H

#include "util.h"

#define PVK_LDCONF_PATH	"/etc/ld.so.conf"

/*
 * Adds them to dirs in their order, with colons between, and takes what "include" names, by
 * a pattern in its last part. What is not there, or can't be read, names none. -ENOMEM, or
 * -ENOSPC: dirs has no room for more.
 */
int pvk_ldconf_read(int root, struct pvk_buf *dirs);

#endif /* PVK_LDCONF_H */
