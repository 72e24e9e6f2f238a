/* SPDX-License-Identifier: MIT */
/*
 * medium - what a format asks of that which it is kept on
 *
 * Offsets are bytes from the store's own beginning. Two kinds: flash that is
 * erased by blocks and programmed by write units (erase != 0), and bytes that
 * are rewritten in place (erase == 0: RTC registers, system controllers, RAM).
 */
#ifndef PVKIT_MEDIUM_H
#define PVKIT_MEDIUM_H

#include "types.h"

#define PVB_WRITE_UNIT_MAX	16384	/* largest page of NAND that there is */

struct pvb_medium {
	void *arg;		/* for the functions */
	uint32_t size;		/* bytes; of flash a multiple of erase */
	uint32_t erase;		/* bytes of an erase block; 0: rewritten in place */
	uint32_t write;		/* bytes of a write unit; 1 on NOR that programs bytes */
	bool bitwise;		/* a unit may be programmed again to clear further bits */

	/*
	 * 0, or negative. Bits that the medium could correct are no error; erased
	 * flash reads as 0xFF.
	 */
	int (*read)(void *arg, uint32_t at, void *buf, uint32_t len);
	/* at and len: multiples of write. Rewrites in place where erase == 0. */
	int (*program)(void *arg, uint32_t at, const void *buf, uint32_t len);
	/* The block that begins at `at`. NULL where erase == 0. */
	int (*erase_block)(void *arg, uint32_t at);
	/* Is the block at `at` bad: 1, 0 or negative. NULL: no block ever is. */
	int (*is_bad)(void *arg, uint32_t at);
	/* An erase or program failed for good there. NULL: can't be marked. */
	int (*mark_bad)(void *arg, uint32_t at);
	/* What was programmed and erased is on the medium for good. NULL: it is at once. */
	int (*sync)(void *arg);
};

#endif /* PVKIT_MEDIUM_H */
