/* SPDX-License-Identifier: MIT */
/*
 * signature - of an image, as minisign, signify and OpenWrt's usign make them
 *
 * Ed25519, checked by libsodium: minisign's own library, of 350 KiB without dependencies
 * and in every distribution for devices, where libcrypto has 4.5 MiB. It is brought in
 * when a signature is checked, as libkmod is (see kmodlib.h): so it is no dependency of
 * pvkit's, and is not among what an update copies to RAM.
 */
#ifndef PVKIT_SIGNATURE_H
#define PVKIT_SIGNATURE_H

#include <stddef.h>

#include "util.h"

#define SIGNATURE_COMMENT	256

/*
 * data: where what it should be the signature of is read, the image or a copy of it.
 * The signature is in IMAGE.minisig or IMAGE.sig. comment gets minisign's trusted one, ""
 * without. -EKEYREJECTED: not that key's, or not of that image; -ENOENT: there is none;
 * -EBADMSG: key or signature are no such files; -ENOPKG: no libsodium.
 */
int signature_check(const char *image, const char *data, const char *key,
		    char comment[SIGNATURE_COMMENT], struct pvk_err *err);

#endif /* PVKIT_SIGNATURE_H */
