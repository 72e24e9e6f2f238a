// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reserved memory as a medium: it survives a reset, not the loss of power, and a
 * reset only where the firmware leaves it alone.
 *
 * Mapped uncached: what lies in a cache at the moment of the reset is lost.
 */

#include <linux/errno.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/string.h>

#include "../compat.h"
#include "media.h"
#include "pv_bootflag.h"

/**
 * struct pvf_ram - a ram store's own
 * @address: where it begins
 * @placed: an address was given, and may be 0
 * @size: its bytes
 * @power: the author vouches for a battery
 * @at: where it is mapped while attached
 */
struct pvf_ram {
	u64 address;
	bool placed;
	u32 size;
	bool power;
	u8 *at;
};

static int pvf_ram_read(void *arg, u32 at, void *buf, u32 len)
{
	struct pvf_ram *r = arg;

	memcpy(buf, r->at + at, len);
	return 0;
}

static int pvf_ram_program(void *arg, u32 at, const void *buf, u32 len)
{
	struct pvf_ram *r = arg;
	const u8 *from = buf;

	/* A register's width at once: a reset does not tear it. */
	if (!((r->address | at | len) % 4)) {
		for (; len; len -= 4, at += 4, from += 4)
			WRITE_ONCE(*(u32 *)(r->at + at), get_unaligned((const u32 *)from));
	} else {
		memcpy(r->at + at, from, len);
	}
	/* in memory before what is written next, and before whatever resets us */
	wmb();
	return 0;
}

static int pvf_ram_panic(struct pvf_store *store)
{
	return pvf_ram_program(store->priv, store->panic_at, store->panic_image,
			       store->panic_size);
}

static int pvf_ram_word(struct pvf_store *store, const char *key, const char *value,
			const char **why)
{
	struct pvf_ram *r = store->priv;

	if (!strcmp(key, "address")) {
		r->placed = true;
		return pvf_word_u64(value, &r->address, why);
	}
	if (!strcmp(key, "size"))
		return pvf_word_u32(value, &r->size, why);
	if (!strcmp(key, "power"))
		return pvf_word_flag(value, &r->power, why);
	return -ENOENT;
}

#ifdef CONFIG_OF
static int pvf_ram_from_node(struct pvf_store *store, struct device_node *node,
			     const char **why)
{
	struct pvf_ram *r = store->priv;
	struct device_node *memory = of_parse_phandle(node, "memory-region", 0);
	struct resource res;
	int err;

	if (!memory) {
		*why = "no memory-region";
		return -EINVAL;
	}
	err = of_address_to_resource(memory, 0, &res);
	of_node_put(memory);
	if (err || resource_size(&res) > U32_MAX) {
		*why = "the memory-region has no address and size of its own";
		return -EINVAL;
	}
	r->address = res.start;
	r->placed = true;
	r->size = resource_size(&res);
	r->power = pvf_node_flag(node, "power");
	return 0;
}
#else
#define pvf_ram_from_node NULL
#endif

static int pvf_ram_check(struct pvf_store *store, const char **why)
{
	struct pvf_ram *r = store->priv;

	if (!r->placed || !r->size)
		*why = "medium=ram wants address= and size=, of memory that is reserved";
	else if (r->address + r->size - 1 < r->address ||
		 r->address + r->size - 1 > (phys_addr_t)-1)
		*why = "address and size are beyond the end of memory";
	else
		return 0;
	return -EINVAL;
}

static int pvf_ram_attach(struct pvf_store *store, const char **why)
{
	struct pvf_ram *r = store->priv;

	if (region_intersects(r->address, r->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		*why = "this memory is in use by the kernel: reserve it, with no-map";
		return -EBUSY;
	}
	if (!request_mem_region(r->address, r->size, "pv_bootflag")) {
		*why = "this memory belongs to another driver, see /proc/iomem";
		return -EBUSY;
	}
	r->at = memremap(r->address, r->size, MEMREMAP_WC);
	if (!r->at) {
		release_mem_region(r->address, r->size);
		*why = "this memory can't be mapped";
		return -ENOMEM;
	}
	store->core.medium = (struct pvb_medium){
		.arg = r,
		.size = r->size,
		.write = (r->address | r->size) % 4 ? 1 : 4,
		.read = pvf_ram_read,
		.program = pvf_ram_program,
	};
	store->medium_guarantee = PV_BOOTFLAG_GUARANTEE_PANIC |
		(r->power ? PV_BOOTFLAG_GUARANTEE_POWER : PV_BOOTFLAG_GUARANTEE_WARM);
	return 0;
}

static int pvf_ram_where(const struct pvf_store *store, char *buf, size_t size)
{
	const struct pvf_ram *r = store->priv;

	snprintf(buf, size, "ram %llx", r->address);
	return 0;
}

static void pvf_ram_detach(struct pvf_store *store)
{
	struct pvf_ram *r = store->priv;

	if (!r->at)
		return;
	memunmap(r->at);
	release_mem_region(r->address, r->size);
	r->at = NULL;
}

static void pvf_ram_free(struct pvf_store *store)
{
}

const struct pvf_medium_ops pvf_ram_ops = {
	.name = "ram",
	.priv_size = sizeof(struct pvf_ram),
	.word = pvf_ram_word,
	.from_node = pvf_ram_from_node,
	.check = pvf_ram_check,
	.attach = pvf_ram_attach,
	.where = pvf_ram_where,
	.detach = pvf_ram_detach,
	.free = pvf_ram_free,
	.panic = pvf_ram_panic,
};
