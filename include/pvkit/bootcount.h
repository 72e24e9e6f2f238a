/* SPDX-License-Identifier: MIT */
/*
 * bootcount - the boots that U-Boot counts in a register
 *
 * U-Boot adds one at each boot and takes its altbootcmd when the count is above
 * bootlimit. The field is `tries`, bootlimit less the count: 0 means that the
 * next boot is the alternative one, or that the limit was passed already. Five
 * forms, at the beginning of the store:
 *
 *	RTC	2 bytes: count, 0xBC
 *	U16	2 bytes: 0xB0 << 8 | count
 *	U32	4 bytes: 0xB001 << 16 | count
 *	WORDS	4 bytes count, 4 bytes 0xB001C041
 *	TI	4 bytes: magic << 24 | 2 << 16 | upgrade_available << 8 | count
 *
 * RTC is the same on every processor; the numbers of the others are in U-Boot's
 * byte order. Without the magic there is no count, and U-Boot starts at 0 like us.
 *
 * Clearing `tries` makes the count 0. TI alone has `successful`, which is
 * upgrade_available the other way round: while nothing is on trial the count means
 * nothing and no tries are read. TI's registers are behind a lock of their own
 * (KICK0R, KICK1R): to open it is the business of the medium's driver.
 *
 * Every change is written such that a cut at any byte leaves the old value or the
 * new, in two steps where one would not do.
 */
#ifndef PVKIT_BOOTCOUNT_H
#define PVKIT_BOOTCOUNT_H

#include "inplace.h"

#define PVB_BOOTCOUNT_LIMIT	3	/* where none is set */
#define PVB_BOOTCOUNT_MAGIC	0xb001c041u
#define PVB_TI_VERSION		2
#define PVB_TI_MAGIC		0x0b
#define PVB_TI_AVAILABLE	0xff00u

/* What is in the register, or is to be. */
struct pvb_bootcount {
	bool valid;			/* the magic is there */
	bool idle;			/* TI: nothing is on trial */
	uint32_t count;
};

static inline uint32_t pvb_bootcount_limit(const struct pvb_store *store)
{
	return store->setup.limit ? store->setup.limit : PVB_BOOTCOUNT_LIMIT;
}

static inline uint32_t pvb_bootcount_width(const struct pvb_store *store)
{
	switch (store->setup.form) {
	case PVB_BOOTCOUNT_RTC:
	case PVB_BOOTCOUNT_U16:
		return 2;
	default:
		return 4;
	}
}

static inline bool pvb_bootcount_big(const struct pvb_store *store)
{
	return store->setup.big_endian && store->setup.form != PVB_BOOTCOUNT_RTC;
}

/* The bits of the first number that count. */
static inline uint32_t pvb_bootcount_bits(const struct pvb_store *store)
{
	switch (store->setup.form) {
	case PVB_BOOTCOUNT_U32:
		return 0xffff;
	case PVB_BOOTCOUNT_WORDS:
		return 0xffffffff;
	default:
		return 0xff;
	}
}

/* The bits of the first number that do not, as they have to be; upgrade_available is 0. */
static inline uint32_t pvb_bootcount_magic(const struct pvb_store *store)
{
	uint32_t ti = store->setup.ti_magic ? store->setup.ti_magic : PVB_TI_MAGIC;

	switch (store->setup.form) {
	case PVB_BOOTCOUNT_RTC:
		return 0xbc00;
	case PVB_BOOTCOUNT_U16:
		return 0xb000;
	case PVB_BOOTCOUNT_U32:
		return 0xb0010000;
	case PVB_BOOTCOUNT_TI:
		return ti << 24 | PVB_TI_VERSION << 16;
	default:
		return 0;
	}
}

static inline uint32_t pvb_bootcount_size(const struct pvb_store *store)
{
	return store->setup.form == PVB_BOOTCOUNT_WORDS ? 8 : pvb_bootcount_width(store);
}

static inline int pvb_bootcount_check(const struct pvb_store *store)
{
	if (store->medium.erase || store->setup.form > PVB_BOOTCOUNT_TI ||
	    pvb_bootcount_limit(store) > 0xff ||
	    pvb_bootcount_width(store) % pvb_unit(&store->medium))
		return -PVB_EINVAL;
	return store->medium.size < pvb_bootcount_size(store) ? -PVB_ENOSPC : 0;
}

static inline uint32_t pvb_bootcount_fields(const struct pvb_store *store)
{
	uint32_t fields = PVB_HAS(PVB_TRIES);

	if (store->setup.form == PVB_BOOTCOUNT_TI)
		fields |= PVB_HAS(PVB_SUCCESSFUL);
	return fields;
}

static inline uint32_t pvb_bootcount_guarantee(const struct pvb_store *store)
{
	(void)store;
	return PVB_ATOMIC;
}

/* One number of the register; index 1 is the magic of WORDS. */
static inline int pvb_bootcount_get(struct pvb_store *store, unsigned int index, uint32_t *v)
{
	uint32_t width = pvb_bootcount_width(store);
	uint8_t raw[4];
	int ret;

	ret = store->medium.read(store->medium.arg, index * width, raw, width);
	if (!ret)
		*v = pvb_get_number(raw, width, pvb_bootcount_big(store));
	return ret;
}

static inline int pvb_bootcount_put(struct pvb_store *store, unsigned int index, uint32_t v)
{
	uint32_t width = pvb_bootcount_width(store), now = 0;
	uint8_t raw[4];
	int ret;

	ret = pvb_bootcount_get(store, index, &now);
	if (ret || now == v)
		return ret;
	pvb_put_number(raw, width, pvb_bootcount_big(store), v);
	return pvb_put(store, index * width, raw, width);
}

static inline int pvb_bootcount_load(struct pvb_store *store, struct pvb_bootcount *found)
{
	uint32_t bits = pvb_bootcount_bits(store), v = 0, magic = PVB_BOOTCOUNT_MAGIC, rest;
	int ret;

	ret = pvb_bootcount_get(store, 0, &v);
	if (!ret && store->setup.form == PVB_BOOTCOUNT_WORDS)
		ret = pvb_bootcount_get(store, 1, &magic);
	if (ret)
		return ret;
	rest = v & ~bits;
	found->idle = false;
	if (store->setup.form == PVB_BOOTCOUNT_TI) {
		found->idle = !(v & PVB_TI_AVAILABLE);
		rest &= ~PVB_TI_AVAILABLE;
		/* Another version may mean anything by the other bytes. */
		if (rest >> 24 == pvb_bootcount_magic(store) >> 24 &&
		    rest != pvb_bootcount_magic(store))
			return -PVB_EMEDIUMTYPE;
	}
	found->valid = rest == pvb_bootcount_magic(store) && magic == PVB_BOOTCOUNT_MAGIC;
	found->count = v & bits;
	return 0;
}

static inline uint32_t pvb_bootcount_tries(const struct pvb_store *store, uint32_t count)
{
	uint32_t limit = pvb_bootcount_limit(store);

	return count < limit ? limit - count : 0;
}

static inline int pvb_bootcount_read(struct pvb_store *store, struct pvb_flags *flags)
{
	static const struct pvb_flags none;
	struct pvb_bootcount found;
	int ret;

	*flags = none;
	ret = pvb_bootcount_load(store, &found);
	if (ret)
		return ret;
	if (!found.valid)
		return -PVB_ENODATA;
	flags->has = pvb_bootcount_fields(store);
	if (found.idle) {
		flags->has = PVB_HAS(PVB_SUCCESSFUL);
		flags->successful = 1;
		return 0;
	}
	flags->tries = (uint8_t)pvb_bootcount_tries(store, found.count);
	return 0;
}

static inline void pvb_bootcount_settle(const struct pvb_store *store, struct pvb_flags *flags)
{
	bool tries = flags->has & PVB_HAS(PVB_TRIES);

	if (store->setup.form == PVB_BOOTCOUNT_TI) {
		if (!(flags->has & PVB_HAS(PVB_SUCCESSFUL)))
			flags->successful = !tries;
		flags->has |= PVB_HAS(PVB_SUCCESSFUL);
		if (flags->successful) {
			flags->has &= ~PVB_HAS(PVB_TRIES);
			flags->tries = 0;
			return;
		}
	}
	if (!tries)
		flags->tries = (uint8_t)pvb_bootcount_limit(store);
	flags->has |= PVB_HAS(PVB_TRIES);
}

/*
 * From no count, or one that means nothing, to `v`: the count first, then what
 * makes it valid. A number's first byte may well be its magic.
 */
static inline int pvb_bootcount_begin(struct pvb_store *store, bool valid, uint32_t v)
{
	uint32_t hidden = v & pvb_bootcount_bits(store);
	int ret;

	if (store->setup.form == PVB_BOOTCOUNT_TI)
		hidden = v & (valid ? ~PVB_TI_AVAILABLE : 0x00ffffff);
	ret = pvb_bootcount_put(store, 0, hidden);
	if (!ret)
		ret = pvb_bootcount_put(store, 0, v);
	if (!ret && store->setup.form == PVB_BOOTCOUNT_WORDS)
		ret = pvb_bootcount_put(store, 1, PVB_BOOTCOUNT_MAGIC);
	return ret;
}

/*
 * A count of more than a byte is far above the limit and stays so while its upper
 * bytes do: they go last. v has none.
 */
static inline int pvb_bootcount_change(struct pvb_store *store, uint32_t count, uint32_t v)
{
	int ret = 0;

	if (count > 0xff)
		ret = pvb_bootcount_put(store, 0, v | (count & ~0xffu));
	return ret ? ret : pvb_bootcount_put(store, 0, v);
}

static inline int pvb_bootcount_write(struct pvb_store *store, const struct pvb_flags *was,
				      const struct pvb_flags *flags, bool force)
{
	uint32_t limit = pvb_bootcount_limit(store), v = pvb_bootcount_magic(store);
	struct pvb_bootcount found;
	struct pvb_flags want = *flags;
	int ret;

	(void)was;
	if (flags->has & ~pvb_bootcount_fields(store))
		return -PVB_EOPNOTSUPP;
	pvb_bootcount_settle(store, &want);
	if (want.tries > limit || want.successful > 1)
		return -PVB_ENOSPC;
	found.idle = true;
	found.valid = false;
	found.count = 0;
	ret = pvb_bootcount_load(store, &found);
	if (ret && !(ret == -PVB_EMEDIUMTYPE && force))
		return ret;
	/* The count stays: it means nothing then, and one byte is to be changed. */
	if (want.successful && found.valid)
		return pvb_bootcount_put(store, 0, v | found.count);
	if (want.successful)
		return pvb_bootcount_begin(store, false, v);
	if (store->setup.form == PVB_BOOTCOUNT_TI)
		v |= 1u << 8;
	if (!found.valid || found.idle)
		return pvb_bootcount_begin(store, found.valid, v | (limit - want.tries));
	/* A count beyond the limit says no more than one at it. */
	if (pvb_bootcount_tries(store, found.count) == want.tries)
		return 0;
	return pvb_bootcount_change(store, found.count, v | (limit - want.tries));
}

static const struct pvb_format pvb_bootcount_format = {
	.name = "bootcount",
	.check = pvb_bootcount_check,
	.fields = pvb_bootcount_fields,
	.read = pvb_bootcount_read,
	.write = pvb_bootcount_write,
	.guarantee = pvb_bootcount_guarantee,
	.settle = pvb_bootcount_settle,
};

#endif /* PVKIT_BOOTCOUNT_H */
