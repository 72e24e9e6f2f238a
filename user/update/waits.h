/* SPDX-License-Identifier: MIT */
/*
 * waits - for what a process waits that can't be ended
 */
#ifndef UPDATE_WAITS_H
#define UPDATE_WAITS_H

#include <stddef.h>

/*
 * "waits in the kernel, in fuse_dev_do_read", of a thread that no signal reaches if there is
 * one. "" if it is gone, or waits for nothing. Returns text.
 */
const char *waits_in(unsigned int pid, char *text, size_t size);

#endif /* UPDATE_WAITS_H */
