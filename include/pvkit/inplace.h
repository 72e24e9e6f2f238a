/* SPDX-License-Identifier: MIT */
/*
 * inplace - write bytes where they are, on media without erase blocks
 *
 * Registers may be written in units of several bytes only: what else is in a
 * unit is read first and stays. What was written is read back.
 */
#ifndef PVKIT_INPLACE_H
#define PVKIT_INPLACE_H

#include "bytes.h"
#include "format.h"

static inline uint32_t pvb_unit(const struct pvb_medium *medium)
{
	return medium->write ? medium->write : 1;
}

static inline int pvb_sync(const struct pvb_medium *medium)
{
	return medium->sync ? medium->sync(medium->arg) : 0;
}

/* Whole units: `span` bytes at `begin`, which cover [at, at + len). */
static inline int pvb_put_units(struct pvb_store *store, uint32_t begin, uint32_t span,
				uint32_t at, const uint8_t *data, uint32_t len)
{
	const struct pvb_medium *m = &store->medium;
	uint8_t *again = store->work + span;
	int ret = 0;

	if (span != len)
		ret = m->read(m->arg, begin, store->work, span);
	if (ret)
		return ret;
	pvb_copy(store->work + (at - begin), data, len);
	ret = m->program(m->arg, begin, store->work, span);
	if (!ret)
		ret = pvb_sync(m);
	if (!ret)
		ret = m->read(m->arg, begin, again, span);
	if (!ret && !pvb_same(store->work, again, span))
		ret = -PVB_EIO;
	return ret;
}

/*
 * Writes len bytes at `at`, from the first to the last; uses store->work. -PVB_EIO
 * also when something else is read back.
 */
static inline int pvb_put(struct pvb_store *store, uint32_t at, const uint8_t *data, uint32_t len)
{
	uint32_t unit = pvb_unit(&store->medium), most = store->work_size / 2 / unit * unit;
	uint32_t begin, span, part;
	int ret = 0;

	if (!most)
		return -PVB_EINVAL;
	while (len && !ret) {
		begin = at / unit * unit;
		part = most - (at - begin);
		if (part > len)
			part = len;
		span = (at - begin + part + unit - 1) / unit * unit;
		ret = pvb_put_units(store, begin, span, at, data, part);
		at += part;
		data += part;
		len -= part;
	}
	return ret;
}

/* As pvb_put() for a number, if it is not there already. `was` is what is there. */
static inline int pvb_put_changed(struct pvb_store *store, uint32_t at, uint32_t width,
				  uint32_t was, uint32_t v)
{
	uint8_t raw[4];

	if (was == v)
		return 0;
	pvb_put_number(raw, width, store->setup.big_endian, v);
	return pvb_put(store, at, raw, width);
}

#endif /* PVKIT_INPLACE_H */
