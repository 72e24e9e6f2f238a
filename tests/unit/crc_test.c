// SPDX-License-Identifier: MIT
/*
 * The checksums of the on-media formats are those that others compute.
 */
#include "ktap.h"
#include <pvkit/crc.h>

int main(void)
{
	static const char digits[] = "123456789";
	uint8_t block[32];
	unsigned int i;

	ktap_plan(6);
	/* the check values of the catalogues of CRCs */
	ktap_eq(pvb_crc32(0, digits, 9), 0xcbf43926, "CRC-32 of the digits");
	ktap_eq(pvb_crc16(digits, 9), 0x29b1, "CRC-16 of the digits");
	ktap_eq(pvb_crc32(pvb_crc32(0, digits, 4), digits + 4, 5), 0xcbf43926,
		"CRC-32 in two parts");
	ktap_eq(pvb_crc32(0, digits, 0), 0, "CRC-32 of nothing");
	ktap_eq(pvb_crc16(digits, 0), 0xffff, "CRC-16 of nothing");
	for (i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)i;
	ktap_eq(pvb_crc32(0, block, sizeof(block)), 0x91267e8a, "CRC-32 of 0 to 31, as Ethernet's");
	return ktap_finish();
}
