// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of a system controller as a medium, by device tree only: the node is a
 * child of the controller's or names it with `regmap`; `offset` is the first
 * register, `mask` the bits of each that are ours.
 *
 * Four bytes a register, least significant first whatever the processor: a number
 * of four bytes, little-endian, is the register's value. Bits that are not ours
 * read as 0 and stay as they are.
 */

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/mfd/syscon.h>
#include <linux/of.h>
#include <linux/regmap.h>
#include <linux/string.h>

#include "media.h"
#include "pv_bootflag.h"

#define PVF_SYSCON_SIZE_MAX	4096

/**
 * struct pvf_syscon - a syscon store's own
 * @controller: its node
 * @offset: of the first register
 * @size: bytes, four a register
 * @mask: bits of each that are ours
 * @atomic: the board's author vouches that it can be written in a panic
 * @power: and that it keeps its content without power
 * @map: while attached
 */
struct pvf_syscon {
	struct device_node *controller;
	u32 offset;
	u32 size;
	u32 mask;
	bool atomic;
	bool power;
	struct regmap *map;
};

static int pvf_syscon_get(const struct pvf_syscon *s, u32 at, u32 *value)
{
	int err = regmap_read(s->map, s->offset + at, value);

	if (!err)
		*value &= s->mask;
	return err;
}

static int pvf_syscon_read(void *arg, u32 at, void *buf, u32 len)
{
	u8 *to = buf;
	u32 value;
	int err;

	for (; len; len--, at++) {
		err = pvf_syscon_get(arg, at & ~3u, &value);
		if (err)
			return err;
		*to++ = value >> 8 * (at & 3);
	}
	return 0;
}

/* Each register is written once, with all that changes in it. */
static int pvf_syscon_program(void *arg, u32 at, const void *buf, u32 len)
{
	const struct pvf_syscon *s = arg;
	const u8 *from = buf;
	u32 reg, mask, value;
	int err;

	while (len) {
		reg = at & ~3u;
		mask = 0;
		value = 0;
		for (; len && (at & ~3u) == reg; len--, at++, from++) {
			mask |= 0xffu << 8 * (at & 3);
			value |= (u32)*from << 8 * (at & 3);
		}
		err = regmap_update_bits(s->map, s->offset + reg, mask & s->mask, value);
		if (err)
			return err;
	}
	return 0;
}

static int pvf_syscon_panic(struct pvf_store *store)
{
	struct pvf_syscon *s = store->priv;

	if (!s->atomic)
		return -EOPNOTSUPP;
	return pvf_syscon_program(s, store->panic_at, store->panic_image, store->panic_size);
}

static int pvf_syscon_word(struct pvf_store *store, const char *key, const char *value,
			   const char **why)
{
	return -ENOENT;
}

static int pvf_syscon_from_node(struct pvf_store *store, struct device_node *node,
				const char **why)
{
	struct pvf_syscon *s = store->priv;

	of_node_put(s->controller);
	s->controller = of_parse_phandle(node, "regmap", 0);
	if (!s->controller)
		s->controller = of_get_parent(node);
	if (of_property_read_u32(node, "offset", &s->offset)) {
		*why = "no offset";
		return -EINVAL;
	}
	s->mask = U32_MAX;
	s->size = 4;
	of_property_read_u32(node, "mask", &s->mask);
	pvf_node_u32(node, "size", &s->size);
	s->atomic = pvf_node_flag(node, "atomic");
	s->power = pvf_node_flag(node, "power");
	return 0;
}

static int pvf_syscon_check(struct pvf_store *store, const char **why)
{
	struct pvf_syscon *s = store->priv;

	if (!s->controller)
		*why = "medium=syscon is described in the device tree only";
	else if (!s->size || s->size % 4 || s->size > PVF_SYSCON_SIZE_MAX || s->offset % 4)
		*why = "offset and size are multiples of 4, size at most 4096";
	else if (s->offset > U32_MAX - s->size)
		*why = "offset and size are beyond the end";
	else if (!s->mask)
		*why = "mask leaves no bit";
	else
		return 0;
	return -EINVAL;
}

static int pvf_syscon_attach(struct pvf_store *store, const char **why)
{
	struct pvf_syscon *s = store->priv;

	s->map = syscon_node_to_regmap(s->controller);
	if (IS_ERR(s->map)) {
		*why = "the system controller has no register map";
		return PTR_ERR(s->map) == -EPROBE_DEFER ? -ENODEV : PTR_ERR(s->map);
	}
	store->core.medium = (struct pvb_medium){
		.arg = s,
		.size = s->size,
		.write = 4,
		.read = pvf_syscon_read,
		.program = pvf_syscon_program,
	};
	store->medium_guarantee = s->power ? PV_BOOTFLAG_GUARANTEE_POWER :
					     PV_BOOTFLAG_GUARANTEE_WARM;
	if (s->atomic)
		store->medium_guarantee |= PV_BOOTFLAG_GUARANTEE_PANIC;
	return 0;
}

static int pvf_syscon_where(const struct pvf_store *store, char *buf, size_t size)
{
	const struct pvf_syscon *s = store->priv;

	snprintf(buf, size, "syscon %x %x %pOF", s->offset, s->mask, s->controller);
	return 0;
}

static void pvf_syscon_detach(struct pvf_store *store)
{
}

static void pvf_syscon_free(struct pvf_store *store)
{
	struct pvf_syscon *s = store->priv;

	of_node_put(s->controller);
}

const struct pvf_medium_ops pvf_syscon_ops = {
	.name = "syscon",
	.priv_size = sizeof(struct pvf_syscon),
	.word = pvf_syscon_word,
	.from_node = pvf_syscon_from_node,
	.check = pvf_syscon_check,
	.attach = pvf_syscon_attach,
	.where = pvf_syscon_where,
	.detach = pvf_syscon_detach,
	.free = pvf_syscon_free,
	.panic = pvf_syscon_panic,
};
