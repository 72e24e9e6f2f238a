/* SPDX-License-Identifier: MIT */
/*
 * types - what the on-media formats need of a C compiler, and nothing else
 *
 * The headers beside this one are compiled into the kernel, into programs and
 * into bootloaders: no libc, no allocation, no global state, no errno. Integers
 * on media are read and written a byte at a time, so that neither alignment nor
 * the byte order of the processor counts.
 */
#ifndef PVKIT_TYPES_H
#define PVKIT_TYPES_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/*
 * Errors, returned negative. In the kernel they are its own, which differ between
 * processors; elsewhere the values that most have, there may be no errno.
 */
#ifdef __KERNEL__
#define PVB_EIO		EIO		/* the medium failed */
#define PVB_ENODEV	ENODEV		/* the medium is gone */
#define PVB_EINVAL	EINVAL		/* a set-up that can't be */
#define PVB_ENOSPC	ENOSPC		/* the value does not fit into this format or medium */
#define PVB_EROFS	EROFS		/* the medium can't be written */
#define PVB_ENODATA	ENODATA		/* nothing was ever written: erased, or as it was made */
#define PVB_EBADMSG	EBADMSG		/* ours, but no copy of it is whole */
#define PVB_EOPNOTSUPP	EOPNOTSUPP	/* this format has no such field */
#define PVB_EMEDIUMTYPE	EMEDIUMTYPE	/* foreign: holds what is not ours */
#else
#define PVB_EIO		5
#define PVB_ENODEV	19
#define PVB_EINVAL	22
#define PVB_ENOSPC	28
#define PVB_EROFS	30
#define PVB_ENODATA	61
#define PVB_EBADMSG	74
#define PVB_EOPNOTSUPP	95
#define PVB_EMEDIUMTYPE	124
#endif

static inline uint16_t pvb_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t pvb_get32(const uint8_t *p)
{
	return pvb_get16(p) | (uint32_t)pvb_get16(p + 2) << 16;
}

static inline uint64_t pvb_get64(const uint8_t *p)
{
	return pvb_get32(p) | (uint64_t)pvb_get32(p + 4) << 32;
}

static inline void pvb_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v & 0xff);
	p[1] = (uint8_t)(v >> 8);
}

static inline void pvb_put32(uint8_t *p, uint32_t v)
{
	pvb_put16(p, (uint16_t)(v & 0xffff));
	pvb_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void pvb_put64(uint8_t *p, uint64_t v)
{
	pvb_put32(p, (uint32_t)(v & 0xffffffff));
	pvb_put32(p + 4, (uint32_t)(v >> 32));
}

#endif /* PVKIT_TYPES_H */
