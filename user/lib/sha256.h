/* SPDX-License-Identifier: MIT */
/*
 * sha256 - SHA-256 (FIPS 180-4)
 *
 * Of our own because pvkit-init wants it, too, which has no library but C's, and because
 * the kernel's (AF_ALG) is a module that a device need not have.
 */
#ifndef PVK_SHA256_H
#define PVK_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define PVK_SHA256_SIZE	32

struct pvk_sha256 {
	uint32_t state[8];
	uint64_t len;
	unsigned char block[64];
};

void pvk_sha256_init(struct pvk_sha256 *sha);
void pvk_sha256_add(struct pvk_sha256 *sha, const void *data, size_t len);
void pvk_sha256_end(struct pvk_sha256 *sha, unsigned char digest[PVK_SHA256_SIZE]);

#endif /* PVK_SHA256_H */
