// SPDX-License-Identifier: MIT
/*
 * What a bootloader makes of include/pvkit/log.h: which slot to start, from a log on
 * flash at a fixed address. Compiled and linked without a libc by
 * tests/unit/bootlog_matrix_test.sh, and an example of use.
 */
#include <pvkit/log.h>

static int flash_read(void *arg, uint32_t at, void *buf, uint32_t len)
{
	const volatile uint8_t *flash = arg;
	uint8_t *to = buf;
	uint32_t i;

	for (i = 0; i < len; i++)
		to[i] = flash[at + i];
	return 0;
}

int boot_slot(void *flash, uint32_t size);

int boot_slot(void *flash, uint32_t size)
{
	static uint8_t work[512];
	static struct pvb_flags flags;
	static struct pvb_store store;

	store.medium.arg = flash;
	store.medium.size = size;
	store.medium.erase = 65536;
	store.medium.write = 1;
	store.medium.read = flash_read;
	store.work = work;
	store.work_size = sizeof(work);
	if (pvb_log_read(&store, &flags))
		return 0;
	return pvb_slot_to_start(&flags, 2);
}
