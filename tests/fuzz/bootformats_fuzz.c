// SPDX-License-Identifier: MIT
/*
 * Formats that bootloaders read, over any bytes: the input is the format, its
 * set-up, flags, and what the medium holds. What was written is what is read; what
 * is refused leaves the medium as it was; bits that are not the format's stay.
 */
#include <stdint.h>

#include "../lib/medium.h"

#include <pvkit/bcb.h>
#include <pvkit/bootcount.h>
#include <pvkit/magic.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOOT_BACKUP	(4096 + 2048)
#define BOOT_HEAD	12

static struct sim boot_sim;
static struct pvb_store boot_store;
static uint8_t boot_before[8192];

static void boot_expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static bool boot_same(const struct pvb_flags *a, const struct pvb_flags *b)
{
	return a->has == b->has && a->slot == b->slot && a->tries == b->tries &&
	       a->successful == b->successful && !strcmp(a->mode, b->mode);
}

/* Fields that are not set have no value. */
static void boot_flags(const uint8_t *in, struct pvb_flags *f)
{
	static const char *const modes[] = { "recovery", "boot-recovery", "ota", "normal", "b",
					     "0x1f", "A B", "" };

	memset(f, 0, sizeof(*f));
	f->has = in[0] & (PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) |
			  PVB_HAS(PVB_SUCCESSFUL));
	if (in[0] & 0x80)
		f->has |= PVB_HAS(PVB_REASON);
	if (f->has & PVB_HAS(PVB_MODE))
		strcpy(f->mode, modes[in[1] & 7]);
	if (f->has & PVB_HAS(PVB_SLOT))
		f->slot = in[2] & 7;
	if (f->has & PVB_HAS(PVB_TRIES))
		f->tries = in[3];
	if (f->has & PVB_HAS(PVB_SUCCESSFUL))
		f->successful = in[4] & 3;
}

static void boot_setup(const uint8_t *in)
{
	static const struct pvb_mode modes[] = {
		{ "recovery", 0x31 }, { "ota", 0x32 }, { "b", 0x32 }, { "normal", 0x30 },
	};
	struct pvb_setup *setup = &boot_store.setup;

	setup->big_endian = in[0] & 1;
	setup->width = in[0] >> 1 & 7;
	setup->mask = in[0] & 0x10 ? 0x3f : 0;
	setup->form = (enum pvb_bootcount_form)(in[1] & 7);
	setup->limit = in[2];
	setup->proved_bare = in[0] & 0x20;
	setup->backup = in[0] & 0x40 ? BOOT_BACKUP : 0;
	setup->n_slots = in[1] >> 3 & 7;
	setup->n_modes = in[1] >> 6;
	memcpy(setup->mode, modes, sizeof(modes));
}

/* A control whose checksum is right, or nothing much of it is ever tried. */
static void boot_mend(uint8_t *control)
{
	memcpy(control + 4, "BCAB\x01", 5);
	pvb_put32(control + 28, pvb_crc32(0, control, 28));
}

/* Of a control that was whole: what of each byte may have changed? */
static void boot_check_control(const uint8_t *was, const uint8_t *is, unsigned int slot)
{
	unsigned int i;

	boot_expect(pvb_bcb_control(is) == PVB_BCB_WHOLE);
	boot_expect(pvb_same(was + 4, is + 4, 8));
	boot_expect(pvb_same(was + 20, is + 20, 8));
	for (i = 0; i < PVB_SLOTS_MAX; i++) {
		const uint8_t *a = was + 12 + 2 * i, *b = is + 12 + 2 * i;

		if (i == slot) {
			boot_expect(!((a[1] ^ b[1]) & 0xfe));
			continue;
		}
		boot_expect(a[1] == b[1] && !((a[0] ^ b[0]) & 0xf0));
		boot_expect(a[0] == b[0] || ((a[0] & 15) == 15 && (b[0] & 15) == 14));
	}
}

static void boot_check_bcb(const struct pvb_flags *set)
{
	const uint8_t *was = boot_before, *is = boot_sim.data;
	uint32_t end = boot_store.setup.backup ? BOOT_BACKUP : 8192;

	boot_expect(pvb_same(was + 32, is + 32, 2048 - 32));
	boot_expect(pvb_same(was + 2080, is + 2080, 2016));
	if (!boot_store.medium.erase || !boot_store.setup.backup)
		boot_expect(pvb_same(was + 4096, is + 4096, end - 4096));
	boot_expect(pvb_same(was + 4128, is + 4128, 2048 - 32));
	if (pvb_bcb_control(was + 2048) == PVB_BCB_WHOLE)
		boot_check_control(was + 2048, is + 2048, set->slot);
}

static void boot_check_register(void)
{
	uint32_t width = pvb_magic_width(&boot_store.setup), mask, was, is;

	if (boot_store.format == &pvb_bootcount_format) {
		boot_expect(pvb_same(boot_before + pvb_bootcount_size(&boot_store),
				     boot_sim.data + pvb_bootcount_size(&boot_store), 56));
		return;
	}
	mask = ~pvb_magic_mask(&boot_store.setup);
	was = pvb_get_number(boot_before, width, boot_store.setup.big_endian);
	is = pvb_get_number(boot_sim.data, width, boot_store.setup.big_endian);
	boot_expect((was & mask) == (is & mask));
	boot_expect(pvb_same(boot_before + width, boot_sim.data + width, 60));
}

static void boot_write(const struct pvb_flags *was, struct pvb_flags *set, bool force)
{
	const struct pvb_format *format = boot_store.format;
	struct pvb_flags got;
	int ret;

	memcpy(boot_before, boot_sim.data, sizeof(boot_before));
	ret = format->write(&boot_store, was, set, force);
	boot_expect(!boot_sim.abused);
	if (ret) {
		boot_expect(!memcmp(boot_before, boot_sim.data, sizeof(boot_before)));
		return;
	}
	format->settle(&boot_store, set);
	ret = format->read(&boot_store, &got);
	boot_expect(!ret || (ret == -PVB_ENODATA && !set->has));
	boot_expect(boot_same(&got, set));
	if (format != &pvb_bcb_format)
		boot_check_register();
	else if (!force)
		boot_check_bcb(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pvb_format *const formats[] = {
		&pvb_magic_format, &pvb_bootcount_format, &pvb_bcb_format, &pvb_bcb_format,
	};
	static const struct pvb_flags none;
	struct pvb_flags was, set;
	bool bcb, flash;
	int ret;

	if (size < BOOT_HEAD)
		return 0;
	bcb = formats[data[0] & 3] == &pvb_bcb_format;
	flash = bcb && (data[0] & 4);
	sim_init(&boot_sim, &boot_store, formats[data[0] & 3], bcb ? 8192 : 64,
		 flash ? 4096 : 0, flash && (data[0] & 8) ? 512 : 1, !(data[0] & 8),
		 data[0] & 0x10 ? 0xff : 0);
	boot_setup(data + 1);
	boot_flags(data + 4, &set);
	data += BOOT_HEAD;
	size -= BOOT_HEAD;
	if (bcb && size > 32) {
		memcpy(boot_sim.data + 2048, data, 32);
		if (data[8] & 0x80)
			boot_mend(boot_sim.data + 2048);
		if (data[8] & 0x40)
			memcpy(boot_sim.data + BOOT_BACKUP, boot_sim.data + 2048, 32);
		data += 32;
		size -= 32;
	}
	memcpy(boot_sim.data, data, size < 2048 ? size : 2048);
	if (boot_store.format->check(&boot_store))
		return 0;
	ret = boot_store.format->read(&boot_store, &was);
	boot_expect(!ret || ret == -PVB_ENODATA || ret == -PVB_EMEDIUMTYPE ||
		    ret == -PVB_EBADMSG);
	boot_expect(!ret || boot_same(&was, &none));
	boot_expect(memchr(was.mode, 0, sizeof(was.mode)));
	boot_write(&was, &set, false);
	boot_write(&was, &set, true);
	return 0;
}
