/* SPDX-License-Identifier: MIT */
/*
 * magic - a number that stands for a mode, as in Linux's reboot-mode
 *
 * One, two or four bytes at the beginning of the store, in either byte order, or
 * some bits of them: the bits outside of the mask are somebody else's and stay.
 * Each mode has a number, given as mode-NAME. No mode's number is 0.
 *
 * No mode: what mode-normal says, where it is given; else the bits are 0, as they
 * are after power was lost. So "normal" is read as no mode, and setting it is
 * clearing. Where two modes share a number, the first is what is read.
 *
 * A number that is no mode's is read as the mode "0x1234": with no checksum, a
 * bootloader's word that we were not told of looks like any other. Setting a mode
 * replaces it, as the kernel's own driver does; see pvb_magic_known() for whoever
 * clears modes unasked. All bits one, as an empty register has it, is no value.
 *
 * A cut between two bytes of a number leaves neither the old one nor the new. The
 * guarantee is atomic where a number is written at once, and where no two of the
 * store's numbers differ in more than a byte.
 */
#ifndef PVKIT_MAGIC_H
#define PVKIT_MAGIC_H

#include "inplace.h"

#define PVB_MODE_NORMAL	"normal"

static inline uint32_t pvb_magic_width(const struct pvb_setup *setup)
{
	return setup->width ? setup->width : 4;
}

static inline uint32_t pvb_magic_bits(const struct pvb_setup *setup)
{
	return 0xffffffffu >> (32 - 8 * pvb_magic_width(setup));
}

static inline uint32_t pvb_magic_mask(const struct pvb_setup *setup)
{
	return setup->mask ? setup->mask : pvb_magic_bits(setup);
}

/* The mode of that name, or NULL. */
static inline const struct pvb_mode *pvb_mode_named(const struct pvb_setup *setup,
						    const char *name)
{
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		if (pvb_text_same(setup->mode[i].name, name))
			return &setup->mode[i];
	return NULL;
}

/* The first mode of that number, or NULL. */
static inline const struct pvb_mode *pvb_mode_numbered(const struct pvb_setup *setup,
						       uint32_t magic)
{
	unsigned int i;

	for (i = 0; i < setup->n_modes; i++)
		if (setup->mode[i].magic == magic)
			return &setup->mode[i];
	return NULL;
}

/* What says "no mode". */
static inline uint32_t pvb_magic_none(const struct pvb_setup *setup)
{
	const struct pvb_mode *normal = pvb_mode_named(setup, PVB_MODE_NORMAL);

	return normal ? normal->magic : 0;
}

/* Is it a mode of this store, and not the text of an unknown number? */
static inline bool pvb_magic_known(const struct pvb_setup *setup, const char *mode)
{
	return pvb_mode_named(setup, mode);
}

/* "0x1f", without leading zeros. */
static inline void pvb_magic_text(char text[11], uint32_t v)
{
	int shift = 28;

	*text++ = '0';
	*text++ = 'x';
	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*text++ = "0123456789abcdef"[v >> shift & 15];
	*text = '\0';
}

static inline int pvb_magic_check(const struct pvb_store *store)
{
	const struct pvb_setup *setup = &store->setup;
	uint32_t width = pvb_magic_width(setup);
	unsigned int i;

	if (store->medium.erase || setup->n_modes > PVB_MODES_MAX ||
	    (width != 1 && width != 2 && width != 4) || width % pvb_unit(&store->medium) ||
	    (setup->mask & ~pvb_magic_bits(setup)))
		return -PVB_EINVAL;
	for (i = 0; i < setup->n_modes; i++)
		if (!setup->mode[i].magic || (setup->mode[i].magic & ~pvb_magic_mask(setup)))
			return -PVB_EINVAL;
	return store->medium.size < width ? -PVB_ENOSPC : 0;
}

static inline uint32_t pvb_magic_fields(const struct pvb_store *store)
{
	(void)store;
	return PVB_HAS(PVB_MODE);
}

static inline bool pvb_magic_one_byte(uint32_t a, uint32_t b)
{
	uint32_t differ = a ^ b, i;
	unsigned int bytes = 0;

	for (i = 0; i < 32; i += 8)
		bytes += (differ >> i & 0xff) != 0;
	return bytes <= 1;
}

static inline uint32_t pvb_magic_guarantee(const struct pvb_store *store)
{
	const struct pvb_setup *setup = &store->setup;
	unsigned int i, j;

	if (pvb_magic_width(setup) <= pvb_unit(&store->medium))
		return PVB_ATOMIC;
	for (i = 0; i < setup->n_modes; i++) {
		if (!pvb_magic_one_byte(setup->mode[i].magic, pvb_magic_none(setup)))
			return 0;
		for (j = 0; j < i; j++)
			if (!pvb_magic_one_byte(setup->mode[i].magic, setup->mode[j].magic))
				return 0;
	}
	return PVB_ATOMIC;
}

static inline int pvb_magic_read_raw(struct pvb_store *store, uint32_t *v)
{
	uint32_t width = pvb_magic_width(&store->setup);
	uint8_t raw[4];
	int ret;

	ret = store->medium.read(store->medium.arg, 0, raw, width);
	if (!ret)
		*v = pvb_get_number(raw, width, store->setup.big_endian);
	return ret;
}

static inline int pvb_magic_read(struct pvb_store *store, struct pvb_flags *flags)
{
	static const struct pvb_flags none;
	const struct pvb_setup *setup = &store->setup;
	uint32_t mask = pvb_magic_mask(setup), v = 0;
	const struct pvb_mode *mode;
	int ret;

	*flags = none;
	ret = pvb_magic_read_raw(store, &v);
	if (ret)
		return ret;
	v &= mask;
	if (!v || v == pvb_magic_none(setup))
		return 0;
	mode = pvb_mode_numbered(setup, v);
	if (!mode && v == mask)
		return -PVB_ENODATA;
	if (mode)
		pvb_text_copy(flags->mode, mode->name, sizeof(flags->mode));
	else
		pvb_magic_text(flags->mode, v);
	flags->has = PVB_HAS(PVB_MODE);
	return 0;
}

/* The number of flags; `now` is what is there. */
static inline int pvb_magic_number(const struct pvb_store *store, const struct pvb_flags *flags,
				   uint32_t now, uint32_t *v)
{
	const struct pvb_mode *mode;
	char text[11];

	if (flags->has & ~PVB_HAS(PVB_MODE))
		return -PVB_EOPNOTSUPP;
	*v = pvb_magic_none(&store->setup);
	if (!(flags->has & PVB_HAS(PVB_MODE)))
		return 0;
	mode = pvb_mode_named(&store->setup, flags->mode);
	if (mode) {
		*v = mode->magic;
		return 0;
	}
	/* An unknown number may stay, but none is written. */
	pvb_magic_text(text, now);
	*v = now;
	return pvb_text_same(flags->mode, text) ? 0 : -PVB_ENOSPC;
}

static inline int pvb_magic_write(struct pvb_store *store, const struct pvb_flags *was,
				  const struct pvb_flags *flags, bool force)
{
	uint32_t mask = pvb_magic_mask(&store->setup), raw = 0, v;
	int ret;

	(void)was;
	(void)force;
	ret = pvb_magic_read_raw(store, &raw);
	if (!ret)
		ret = pvb_magic_number(store, flags, raw & mask, &v);
	if (ret)
		return ret;
	return pvb_put_changed(store, 0, pvb_magic_width(&store->setup), raw, (raw & ~mask) | v);
}

static inline void pvb_magic_settle(const struct pvb_store *store, struct pvb_flags *flags)
{
	const struct pvb_mode *mode;

	if (!(flags->has & PVB_HAS(PVB_MODE)))
		return;
	mode = pvb_mode_named(&store->setup, flags->mode);
	if (!mode)
		return;
	if (mode->magic == pvb_magic_none(&store->setup)) {
		flags->has &= ~PVB_HAS(PVB_MODE);
		flags->mode[0] = '\0';
		return;
	}
	mode = pvb_mode_numbered(&store->setup, mode->magic);
	pvb_text_copy(flags->mode, mode->name, sizeof(flags->mode));
}

static const struct pvb_format pvb_magic_format = {
	.name = "magic",
	.check = pvb_magic_check,
	.fields = pvb_magic_fields,
	.read = pvb_magic_read,
	.write = pvb_magic_write,
	.guarantee = pvb_magic_guarantee,
	.settle = pvb_magic_settle,
};

#endif /* PVKIT_MAGIC_H */
