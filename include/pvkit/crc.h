/* SPDX-License-Identifier: MIT */
/*
 * crc - the two checksums of the on-media formats
 *
 * Records are tens of bytes long: a table of 16 words and half a byte at a time
 * is fast enough, and small enough for a bootloader's first stage.
 */
#ifndef PVKIT_CRC_H
#define PVKIT_CRC_H

#include "types.h"

/*
 * CRC-32 as in zlib, Ethernet and U-Boot: polynomial 0x04C11DB7 reflected, preset
 * and inverted with ones. Begin with 0; what is returned goes on with more data.
 */
static inline uint32_t pvb_crc32(uint32_t crc, const void *data, size_t len)
{
	static const uint32_t of_nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = (const uint8_t *)data;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		crc = of_nibble[crc & 15] ^ crc >> 4;
		crc = of_nibble[crc & 15] ^ crc >> 4;
	}
	return ~crc;
}

/*
 * CRC-16 of CCITT: polynomial 0x1021, not reflected, preset with ones. For where
 * four bytes of checksum are too many: finds any three flipped bits.
 */
static inline uint16_t pvb_crc16(const void *data, size_t len)
{
	const uint8_t *p = (const uint8_t *)data;
	unsigned int crc = 0xffff;
	int i;

	while (len--) {
		crc ^= (unsigned int)*p++ << 8;
		for (i = 0; i < 8; i++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
	}
	return (uint16_t)crc;
}

#endif /* PVKIT_CRC_H */
