/* SPDX-License-Identifier: MIT */
/*
 * bcb - Android's misc partition: a message to the bootloader, and A/B control
 *
 *	base + 0	bootloader_message, 2048 bytes: command[32], status[32],
 *			recovery[768], stage[32], reserved[1184]
 *	base + 2048	bootloader_control, 32 bytes
 *	backup		a copy of bootloader_control, if there is to be one. U-Boot
 *			has it at CONFIG_ANDROID_AB_BACKUP_OFFSET + 2048
 *	backup - 2048	on flash: a copy of the command, if backup is in another
 *			erase block than base
 *
 * bootloader_control, little-endian:
 *
 *	0  slot_suffix[4]	"a" or "_a": what was booted last, the bootloader's
 *	4  magic		0x42414342
 *	8  version		1
 *	9  2 bytes		nb_slot 3 bits, recovery_tries 3, merge_status 3, free
 *	11 reserved
 *	12 slot_info[4]		priority 4 bits, tries_remaining 3, successful_boot 1;
 *				verity_corrupted 1, free 7
 *	20 reserved[8]
 *	28 CRC-32 of the 28 bytes above
 *
 * The mode is the command: "recovery" is "boot-recovery", "bootloader" is
 * "bootonce-bootloader", see pvb_bcb_command; any other is written, and shown, as
 * it is. The slot is the one of the highest priority, or the one booted last when
 * that has no tries left or is its equal; tries and successful are that slot's.
 * Another slot is chosen by its priority, and its mark of a corrupted verity goes.
 * A misc without A/B control gets one when a slot is set, not before. All other
 * bits stay as they are.
 *
 * U-Boot's ab_select and Android's own control start no slot without tries, proved
 * or not: a proved slot keeps its tries, and gets one if it has none. Where a
 * vendor takes a proved slot with tries for a fault, pvb_setup.proved_bare has
 * its tries taken away. A slot with neither tries nor successful counts as proved.
 *
 * What a cut leaves: the message has no checksum and Android reads one copy. On
 * bytes in place the old command is there, or the new, or none. The A/B control is
 * the old or the new if there is a backup; else it may be broken, and bootloaders
 * then begin anew with slot a. On flash whole erase blocks are rewritten: with an
 * A/B control and a backup in another block the old is there or the new, of command
 * and control, though bootloaders that know of no backup see what is left in the
 * first block; else all of it may be lost, and so may, in any case, the other bytes
 * of the block that was being written. Of the first control that a misc gets there is
 * no old one.
 *
 * Anything else in misc (a file system, a partition table, bytes that are no
 * text where the command is) is foreign, unless an A/B control is whole.
 */
#ifndef PVKIT_BCB_H
#define PVKIT_BCB_H

#include "crc.h"
#include "inplace.h"

#define PVB_BCB_COMMAND		32
#define PVB_BCB_MESSAGE		2048
#define PVB_BCB_CONTROL		32
#define PVB_BCB_SIZE		(PVB_BCB_MESSAGE + PVB_BCB_CONTROL)
#define PVB_BCB_MAGIC		0x42414342u
#define PVB_BCB_TRIES_MAX	7
#define PVB_BCB_PRIORITY_MAX	15
#define PVB_BCB_PATCHES		16

static const struct {
	const char *mode, *command;
} pvb_bcb_command[] = {
	{ "recovery", "boot-recovery" },
	{ "fastboot", "boot-fastboot" },
	{ "rescue", "boot-rescue" },
	{ "quiescent", "boot-quiescent" },
	{ "bootloader", "bootonce-bootloader" },
};

#define PVB_BCB_COMMANDS	PVB_COUNT(pvb_bcb_command)

/* What begins a file system or a partition table, and where. */
static const struct pvb_bcb_sign {
	uint32_t at;
	uint8_t len;
	uint8_t bytes[12];
} pvb_bcb_sign[] = {
	{ 8, 8, "littlefs" },
	{ 512 + 8, 8, "littlefs" },
	{ 4096 + 8, 8, "littlefs" },
	{ 0, 4, "hsqs" },			/* squashfs */
	{ 0, 4, "sqsh" },
	{ 0, 4, "UBI#" },
	{ 0, 4, { 0x31, 0x18, 0x10, 0x06 } },	/* UBIFS */
	{ 0, 2, { 0x85, 0x19 } },		/* JFFS2 */
	{ 0, 2, { 0x19, 0x85 } },
	{ 0, 4, { 0x45, 0x3d, 0xcd, 0x28 } },	/* cramfs */
	{ 0, 8, "-rom1fs-" },
	{ 0, 4, "XFSB" },
	{ 0, 4, "LUKS" },
	{ 0, 8, "ANDROID!" },
	{ 0, 4, { 0xd0, 0x0d, 0xfe, 0xed } },	/* device tree, FIT */
	{ 510, 2, { 0x55, 0xaa } },		/* FAT, partition table */
	{ 512, 8, "EFI PART" },
	{ 512, 8, "LABELONE" },			/* LVM */
	{ 4096, 4, { 0xfc, 0x4e, 0x2b, 0xa9 } },	/* RAID */
	{ 4086, 10, "SWAPSPACE2" },
	{ 1024 + 56, 2, { 0x53, 0xef } },	/* ext2, ext3, ext4 */
	{ 1024, 4, { 0x10, 0x20, 0xf5, 0xf2 } },	/* F2FS */
	{ 1024, 4, { 0xe2, 0xe1, 0xf5, 0xe0 } },	/* EROFS */
	{ 1024 + 6, 2, { 0x34, 0x34 } },	/* NILFS2 */
	{ 32768 + 1, 5, "CD001" },
	{ 65536 + 52, 6, "ReIsEr" },
	{ 65536 + 64, 8, "_BHRfS_M" },		/* btrfs */
};

#define PVB_BCB_SIGNS	PVB_COUNT(pvb_bcb_sign)

enum pvb_bcb_what {
	PVB_BCB_EMPTY,		/* erased, or zeros */
	PVB_BCB_WHOLE,
	PVB_BCB_BROKEN,		/* ours, but its checksum is wrong */
	PVB_BCB_FOREIGN,
	PVB_BCB_LATER,		/* a whole control, of a version that we do not know */
};

/* All that concerns us, as it was found. */
struct pvb_bcb {
	uint8_t command[PVB_BCB_COMMAND];
	uint8_t control[PVB_BCB_CONTROL];
	bool has_control;	/* one of them is whole, and it is this */
	bool from_backup;	/* the first copy is not to be used */
	enum pvb_bcb_what text;		/* of the command */
	enum pvb_bcb_what first;	/* control */
};

static inline uint32_t pvb_bcb_block(const struct pvb_store *store, uint32_t at)
{
	return store->medium.erase ? at / store->medium.erase : 0;
}

/* Is there a copy of the command? */
static inline bool pvb_bcb_twice(const struct pvb_store *store)
{
	const struct pvb_setup *setup = &store->setup;

	return store->medium.erase && setup->backup >= PVB_BCB_MESSAGE &&
	       pvb_bcb_block(store, setup->backup - PVB_BCB_MESSAGE) !=
	       pvb_bcb_block(store, setup->base) &&
	       pvb_bcb_block(store, setup->backup) !=
	       pvb_bcb_block(store, setup->base + PVB_BCB_MESSAGE);
}

/* Do a copy's parts lie in one erase block, or is there none? */
static inline bool pvb_bcb_together(const struct pvb_store *store, uint32_t control)
{
	return pvb_bcb_block(store, control) == pvb_bcb_block(store, control - PVB_BCB_MESSAGE);
}

static inline uint32_t pvb_bcb_slots(const struct pvb_store *store)
{
	return store->setup.n_slots ? store->setup.n_slots : 2;
}

static inline uint32_t pvb_bcb_work(const struct pvb_store *store)
{
	uint32_t least = 2 * pvb_unit(&store->medium);

	if (store->medium.erase > least)
		least = store->medium.erase;
	return least < 512 ? 512 : least;
}

static inline int pvb_bcb_check(const struct pvb_store *store)
{
	const struct pvb_setup *setup = &store->setup;
	const struct pvb_medium *m = &store->medium;
	uint32_t control = setup->base + PVB_BCB_MESSAGE;

	if (setup->base % PVB_BCB_CONTROL || setup->backup % PVB_BCB_CONTROL ||
	    m->erase % PVB_BCB_CONTROL || pvb_bcb_slots(store) > PVB_SLOTS_MAX)
		return -PVB_EINVAL;
	if (m->size < PVB_BCB_SIZE || setup->base > m->size - PVB_BCB_SIZE)
		return -PVB_ENOSPC;
	if (!setup->backup)
		return 0;
	if (setup->backup > m->size - PVB_BCB_CONTROL)
		return -PVB_ENOSPC;
	if (setup->backup >= setup->base && setup->backup <= control)
		return -PVB_EINVAL;
	return 0;
}

static inline uint32_t pvb_bcb_fields(const struct pvb_store *store)
{
	(void)store;
	return PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) |
	       PVB_HAS(PVB_SUCCESSFUL);
}

static inline uint32_t pvb_bcb_guarantee(const struct pvb_store *store)
{
	const struct pvb_setup *setup = &store->setup;

	if (!store->medium.erase)
		return setup->backup ? PVB_REDUNDANT : 0;
	if (!pvb_bcb_twice(store))
		return 0;
	if (pvb_bcb_together(store, setup->backup) &&
	    pvb_bcb_together(store, setup->base + PVB_BCB_MESSAGE))
		return PVB_ATOMIC | PVB_REDUNDANT;
	return PVB_REDUNDANT;
}

/* ---- reading ---- */

/*
 * A text ends with a NUL; what comes after it may be left over from a longer one.
 * The first byte is written last. Erased bytes where the text should end: it was
 * never written to its end.
 */
static inline enum pvb_bcb_what pvb_bcb_text(const uint8_t *p, uint32_t len)
{
	bool ended = false, torn = false;
	uint32_t i;

	for (i = 0; i < len; i++) {
		if (!p[i])
			ended = true;
		else if (p[i] == 0xff)
			torn = torn || !ended;
		else if (p[i] < ' ' || p[i] > '~')
			return PVB_BCB_FOREIGN;
	}
	if (p[0] == 0xff)
		return PVB_BCB_EMPTY;
	return torn ? PVB_BCB_BROKEN : PVB_BCB_WHOLE;
}

/* Is it the control of a later version, or of more slots than there can be? */
static inline bool pvb_bcb_later(const uint8_t *p)
{
	uint32_t nb_slot = p[9] & 7;

	return p[8] > 1 || !nb_slot || nb_slot > PVB_SLOTS_MAX;
}

static inline enum pvb_bcb_what pvb_bcb_control(const uint8_t *p)
{
	if (pvb_all(p, 0, PVB_BCB_CONTROL) || pvb_all(p, 0xff, PVB_BCB_CONTROL))
		return PVB_BCB_EMPTY;
	if (pvb_get32(p + 4) != PVB_BCB_MAGIC)
		return PVB_BCB_FOREIGN;
	if (pvb_get32(p + 28) != pvb_crc32(0, p, 28))
		return PVB_BCB_BROKEN;
	return pvb_bcb_later(p) ? PVB_BCB_LATER : PVB_BCB_WHOLE;
}

static inline int pvb_bcb_get(struct pvb_store *store, uint32_t at, uint8_t *p, uint32_t len)
{
	return store->medium.read(store->medium.arg, at, p, len);
}

/* What the ECC can't correct, as a cut leaves it: is it the error of that place alone? */
static inline bool pvb_bcb_lost(int ret)
{
	return ret == -PVB_EBADMSG || ret == -PVB_EIO;
}

/* The second copy of control and command, where the first is not whole. */
static inline int pvb_bcb_load_backup(struct pvb_store *store, struct pvb_bcb *bcb)
{
	uint8_t control[PVB_BCB_CONTROL], command[PVB_BCB_COMMAND];
	enum pvb_bcb_what text = PVB_BCB_EMPTY;
	uint32_t at = store->setup.backup;
	int ret;

	ret = pvb_bcb_get(store, at, control, sizeof(control));
	if (!ret && pvb_bcb_twice(store)) {
		ret = pvb_bcb_get(store, at - PVB_BCB_MESSAGE, command, sizeof(command));
		text = pvb_bcb_text(command, sizeof(command));
	}
	if (pvb_bcb_lost(ret) && bcb->first == PVB_BCB_WHOLE && bcb->text != PVB_BCB_BROKEN)
		return 0;
	if (ret || pvb_bcb_control(control) != PVB_BCB_WHOLE || bcb->first == PVB_BCB_LATER)
		return ret;
	/* A whole control beside a command that was lost is as old as that. */
	if (bcb->first == PVB_BCB_WHOLE && (bcb->text == PVB_BCB_WHOLE || text != PVB_BCB_WHOLE))
		return 0;
	bcb->has_control = true;
	bcb->from_backup = true;
	pvb_copy(bcb->control, control, sizeof(control));
	if (text == PVB_BCB_WHOLE) {
		bcb->text = text;
		pvb_copy(bcb->command, command, sizeof(command));
	}
	return 0;
}

/* Which sign of something else is there: its index, PVB_BCB_SIGNS for none. */
static inline int pvb_bcb_find_sign(struct pvb_store *store, unsigned int *i)
{
	uint8_t p[sizeof(pvb_bcb_sign[0].bytes)];
	const struct pvb_bcb_sign *sign;
	int ret;

	for (; *i < PVB_BCB_SIGNS; (*i)++) {
		sign = &pvb_bcb_sign[*i];
		if (sign->at + sign->len > store->medium.size)
			continue;
		ret = pvb_bcb_get(store, sign->at, p, sign->len);
		if (ret || pvb_same(p, sign->bytes, sign->len))
			return ret;
	}
	return 0;
}

/* Could all of the message be one: texts and nothing else? */
static inline int pvb_bcb_plain(struct pvb_store *store, bool *plain)
{
	uint8_t p[PVB_BCB_COMMAND];
	uint32_t at, i;
	int ret = 0;

	*plain = true;
	for (at = 0; at < PVB_BCB_MESSAGE && *plain && !ret; at += sizeof(p)) {
		ret = pvb_bcb_get(store, store->setup.base + at, p, sizeof(p));
		for (i = 0; i < sizeof(p) && !ret; i++)
			if (p[i] && p[i] != 0xff && p[i] != '\n' && p[i] != '\t' &&
			    (p[i] < ' ' || p[i] > '~'))
				*plain = false;
	}
	return ret;
}

/* No A/B control is whole: is the message one, and is it ours to write? */
static inline int pvb_bcb_judge(struct pvb_store *store, const struct pvb_bcb *bcb)
{
	uint8_t status[PVB_BCB_COMMAND];
	unsigned int sign = 0;
	bool plain = true;
	int ret;

	ret = pvb_bcb_get(store, store->setup.base + PVB_BCB_COMMAND, status, sizeof(status));
	if (!ret)
		ret = pvb_bcb_find_sign(store, &sign);
	/* Somebody else's bytes behind the message do not concern the mode. */
	if (!ret && bcb->first >= PVB_BCB_FOREIGN)
		ret = pvb_bcb_plain(store, &plain);
	if (ret)
		return ret;
	if (!plain || sign < PVB_BCB_SIGNS || bcb->text == PVB_BCB_FOREIGN ||
	    pvb_bcb_text(status, sizeof(status)) == PVB_BCB_FOREIGN)
		return -PVB_EMEDIUMTYPE;
	if (bcb->first == PVB_BCB_BROKEN || bcb->text == PVB_BCB_BROKEN)
		return -PVB_EBADMSG;
	return bcb->text == PVB_BCB_EMPTY || !bcb->command[0] ? -PVB_ENODATA : 0;
}

/* The first copy. Without a second one, what can't be read there is an error. */
static inline int pvb_bcb_load_first(struct pvb_store *store, struct pvb_bcb *bcb)
{
	uint32_t base = store->setup.base;
	bool twice = pvb_bcb_twice(store);
	int ret;

	ret = pvb_bcb_get(store, base, bcb->command, sizeof(bcb->command));
	bcb->text = ret ? PVB_BCB_BROKEN : pvb_bcb_text(bcb->command, sizeof(bcb->command));
	if (ret && !(twice && pvb_bcb_lost(ret)))
		return ret;
	ret = pvb_bcb_get(store, base + PVB_BCB_MESSAGE, bcb->control, sizeof(bcb->control));
	bcb->first = ret ? PVB_BCB_BROKEN : pvb_bcb_control(bcb->control);
	bcb->has_control = bcb->first == PVB_BCB_WHOLE;
	return ret && !(twice && pvb_bcb_lost(ret)) ? ret : 0;
}

/* 0, or as read() of a format; what is there of command and control is found even so. */
static inline int pvb_bcb_load(struct pvb_store *store, struct pvb_bcb *bcb)
{
	static const struct pvb_bcb nothing;
	int ret;

	*bcb = nothing;
	ret = pvb_bcb_load_first(store, bcb);
	if (!ret && store->setup.backup)
		ret = pvb_bcb_load_backup(store, bcb);
	if (ret || bcb->has_control)
		return ret;
	return pvb_bcb_judge(store, bcb);
}

static inline uint32_t pvb_bcb_n_slots(const uint8_t *control)
{
	return control[9] & 7;
}

static inline uint8_t *pvb_bcb_info(uint8_t *control, uint32_t slot)
{
	return control + 12 + 2 * slot;
}

/* The higher, the better; a corrupted one is worse than any other. */
static inline uint32_t pvb_bcb_rank(const uint8_t *info)
{
	uint32_t priority = info[0] & 15, tries = info[0] >> 4 & 7, proved = info[0] >> 7;

	return (uint32_t)!(info[1] & 1) << 8 | priority << 4 | proved << 3 | tries;
}

/* The slot that slot_suffix names; n_slots for none. */
static inline uint32_t pvb_bcb_booted(const uint8_t *control)
{
	const uint8_t *p = control + (control[0] == '_');
	uint32_t n_slots = pvb_bcb_n_slots(control);

	if (p[0] < 'a' || p[0] >= 'a' + n_slots || p[1])
		return n_slots;
	return p[0] - 'a';
}

static inline uint32_t pvb_bcb_slot(uint8_t *control)
{
	uint32_t n_slots = pvb_bcb_n_slots(control), booted = pvb_bcb_booted(control), best = 0, i;
	uint32_t top, other;

	for (i = 1; i < n_slots; i++)
		if (pvb_bcb_rank(pvb_bcb_info(control, i)) >
		    pvb_bcb_rank(pvb_bcb_info(control, best)))
			best = i;
	if (booted >= n_slots)
		return best;
	top = pvb_bcb_rank(pvb_bcb_info(control, best));
	other = pvb_bcb_rank(pvb_bcb_info(control, booted));
	/* Neither tries nor proved: the bootloader has gone on to another one. */
	if (other >> 8 == top >> 8 && (other >> 4 == top >> 4 || !(top & 15)))
		return booted;
	return best;
}

static inline void pvb_bcb_flags(struct pvb_bcb *bcb, struct pvb_flags *flags)
{
	const char *text = (const char *)bcb->command;
	const uint8_t *info;
	unsigned int i;

	if (bcb->text == PVB_BCB_WHOLE && bcb->command[0]) {
		flags->has |= PVB_HAS(PVB_MODE);
		pvb_text_copy(flags->mode, text, sizeof(flags->mode));
		for (i = 0; i < PVB_BCB_COMMANDS; i++)
			if (pvb_text_same(flags->mode, pvb_bcb_command[i].command))
				pvb_text_copy(flags->mode, pvb_bcb_command[i].mode,
					      sizeof(flags->mode));
	}
	if (!bcb->has_control)
		return;
	flags->has |= PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) | PVB_HAS(PVB_SUCCESSFUL);
	flags->slot = (uint8_t)pvb_bcb_slot(bcb->control);
	info = pvb_bcb_info(bcb->control, flags->slot);
	flags->tries = info[0] >> 4 & 7;
	flags->successful = info[0] >> 7;
}

static inline int pvb_bcb_read(struct pvb_store *store, struct pvb_flags *flags)
{
	static const struct pvb_flags none;
	struct pvb_bcb bcb;
	int ret;

	*flags = none;
	ret = pvb_bcb_load(store, &bcb);
	if (!ret)
		pvb_bcb_flags(&bcb, flags);
	return ret;
}

/* ---- writing ---- */

static inline void pvb_bcb_settle(const struct pvb_store *store, struct pvb_flags *flags)
{
	unsigned int i;

	for (i = 0; i < PVB_BCB_COMMANDS && (flags->has & PVB_HAS(PVB_MODE)); i++)
		if (pvb_text_same(flags->mode, pvb_bcb_command[i].command))
			pvb_text_copy(flags->mode, pvb_bcb_command[i].mode, sizeof(flags->mode));
	if (!(flags->has & PVB_HAS(PVB_SLOT)))
		return;
	if (!(flags->has & PVB_HAS(PVB_TRIES)))
		flags->tries = 0;
	if (!(flags->has & PVB_HAS(PVB_SUCCESSFUL)))
		flags->successful = !(flags->has & PVB_HAS(PVB_TRIES));
	flags->has |= PVB_HAS(PVB_TRIES) | PVB_HAS(PVB_SUCCESSFUL);
	if (flags->successful && store->setup.proved_bare)
		flags->tries = 0;
	else if (flags->successful && !flags->tries)
		flags->tries = 1;
}

/* What is to be written where; in that order. */
struct pvb_bcb_patches {
	unsigned int count;
	struct {
		uint32_t at, len;
		const uint8_t *data;	/* NULL: zeros */
	} patch[PVB_BCB_PATCHES];
};

static inline void pvb_bcb_add(struct pvb_bcb_patches *p, uint32_t at, const uint8_t *data,
			       uint32_t len)
{
	p->patch[p->count].at = at;
	p->patch[p->count].len = len;
	p->patch[p->count++].data = data;
}

/* The command for the mode of flags, over what is there. */
static inline int pvb_bcb_set_command(struct pvb_bcb *bcb, const struct pvb_flags *flags)
{
	static const struct pvb_flags none;
	struct pvb_flags found = none;
	bool mode = flags->has & PVB_HAS(PVB_MODE);
	const char *text = flags->mode;
	unsigned int i;

	pvb_bcb_flags(bcb, &found);
	if (mode == !!(found.has & PVB_HAS(PVB_MODE)) && pvb_text_same(found.mode, text))
		return 0;
	if (!mode && bcb->text == PVB_BCB_EMPTY)
		return 0;
	for (i = 0; mode && text[i]; i++)
		if (i == PVB_BCB_COMMAND - 1 || text[i] < ' ' || text[i] > '~')
			return -PVB_ENOSPC;
	if (mode && !i)
		return -PVB_ENOSPC;
	for (i = 0; i < PVB_BCB_COMMANDS; i++)
		if (mode && pvb_text_same(text, pvb_bcb_command[i].mode))
			text = pvb_bcb_command[i].command;
	pvb_fill(bcb->command, 0, sizeof(bcb->command));
	if (mode)
		pvb_text_copy((char *)bcb->command, text, sizeof(bcb->command));
	return 0;
}

/* A control as U-Boot begins one, of which any slot can be started. */
static inline void pvb_bcb_begin(const struct pvb_store *store, uint8_t *control)
{
	uint32_t i;

	pvb_fill(control, 0, PVB_BCB_CONTROL);
	control[0] = 'a';
	pvb_put32(control + 4, PVB_BCB_MAGIC);
	control[8] = 1;
	control[9] = (uint8_t)pvb_bcb_slots(store);
	for (i = 0; i < pvb_bcb_slots(store); i++)
		pvb_bcb_info(control, i)[0] = PVB_BCB_PRIORITY_MAX | PVB_BCB_TRIES_MAX << 4;
}

/* Makes a slot the one of the highest priority. */
static inline void pvb_bcb_choose(uint8_t *control, uint32_t slot)
{
	uint32_t i;
	uint8_t *info;

	for (i = 0; i < pvb_bcb_n_slots(control); i++) {
		info = pvb_bcb_info(control, i);
		if ((info[0] & 15) == PVB_BCB_PRIORITY_MAX)
			info[0]--;
	}
	info = pvb_bcb_info(control, slot);
	info[0] |= PVB_BCB_PRIORITY_MAX;
	info[1] &= 0xfe;
}

/* The slot part of flags, over what is there. */
static inline int pvb_bcb_set_control(const struct pvb_store *store, struct pvb_bcb *bcb,
				      const struct pvb_flags *flags)
{
	uint8_t *control = bcb->control, *info;
	uint32_t bits;

	if (!(flags->has & PVB_HAS(PVB_SLOT)))
		/* Another slot can be set, but there is no such thing as none. */
		return bcb->has_control || (flags->has & (PVB_HAS(PVB_TRIES) |
		       PVB_HAS(PVB_SUCCESSFUL))) ? -PVB_EOPNOTSUPP : 0;
	if (!bcb->has_control)
		pvb_bcb_begin(store, control);
	if (flags->slot >= pvb_bcb_n_slots(control) || flags->tries > PVB_BCB_TRIES_MAX ||
	    flags->successful > 1)
		return -PVB_ENOSPC;
	if (!bcb->has_control || pvb_bcb_slot(control) != flags->slot)
		pvb_bcb_choose(control, flags->slot);
	info = pvb_bcb_info(control, flags->slot);
	bits = (uint32_t)flags->successful << 7 | (uint32_t)flags->tries << 4;
	info[0] = (uint8_t)((info[0] & 15) | bits);
	/* Used up, or equal to another: only the suffix says that it is this one. */
	if (pvb_bcb_slot(control) != flags->slot)
		control[control[0] == '_'] = (uint8_t)('a' + flags->slot);
	if (pvb_bcb_slot(control) != flags->slot) {
		pvb_fill(control, 0, 4);
		control[0] = (uint8_t)('a' + flags->slot);
	}
	pvb_put32(control + 28, pvb_crc32(0, control, 28));
	bcb->has_control = true;
	return 0;
}

/* Both copies; the one that is whole is not touched before the other one is. */
static inline void pvb_bcb_list(const struct pvb_store *store, const struct pvb_bcb *bcb,
				struct pvb_bcb_patches *p)
{
	uint32_t base = store->setup.base, backup = store->setup.backup;
	unsigned int turn;

	for (turn = 0; turn < 2; turn++) {
		if (turn != bcb->from_backup) {
			pvb_bcb_add(p, base, bcb->command, PVB_BCB_COMMAND);
			if (bcb->has_control)
				pvb_bcb_add(p, base + PVB_BCB_MESSAGE, bcb->control,
					    PVB_BCB_CONTROL);
		} else if (backup && bcb->has_control) {
			pvb_bcb_add(p, backup, bcb->control, PVB_BCB_CONTROL);
			if (pvb_bcb_twice(store))
				pvb_bcb_add(p, backup - PVB_BCB_MESSAGE, bcb->command,
					    PVB_BCB_COMMAND);
		}
	}
}

/*
 * Bytes in place: a text is empty while it is written, by its first byte.
 */
static inline int pvb_bcb_put_text(struct pvb_store *store, uint32_t at, const uint8_t *text)
{
	static const uint8_t nul;
	uint8_t now[PVB_BCB_COMMAND];
	int ret;

	ret = pvb_bcb_get(store, at, now, sizeof(now));
	if (ret || pvb_same(now, text, sizeof(now)))
		return ret;
	if (now[0])
		ret = pvb_put(store, at, &nul, 1);
	if (!ret)
		ret = pvb_put(store, at + 1, text + 1, PVB_BCB_COMMAND - 1);
	if (!ret && text[0])
		ret = pvb_put(store, at, text, 1);
	return ret;
}

static inline int pvb_bcb_put_bytes(struct pvb_store *store, uint32_t at, const uint8_t *data,
				    uint32_t len)
{
	static const uint8_t zeros[PVB_BCB_CONTROL];
	uint8_t now[PVB_BCB_CONTROL];
	uint32_t part;
	int ret = 0;

	while (len && !ret) {
		part = len < sizeof(now) ? len : (uint32_t)sizeof(now);
		ret = pvb_bcb_get(store, at, now, part);
		if (!ret && !pvb_same(now, data ? data : zeros, part))
			ret = pvb_put(store, at, data ? data : zeros, part);
		at += part;
		len -= part;
		data = data ? data + part : NULL;
	}
	return ret;
}

static inline int pvb_bcb_put_here(struct pvb_store *store, const struct pvb_bcb_patches *p,
				   unsigned int i)
{
	uint32_t at = p->patch[i].at, len = p->patch[i].len;

	if (at == store->setup.base && p->patch[i].data)
		return pvb_bcb_put_text(store, at, p->patch[i].data);
	return pvb_bcb_put_bytes(store, at, p->patch[i].data, len);
}

/* The part of a patch that lies in a block: where it begins in both, and its length. */
static inline uint32_t pvb_bcb_overlap(const struct pvb_bcb_patches *p, unsigned int i,
				       uint32_t block, uint32_t size, uint32_t *begin)
{
	uint32_t end = p->patch[i].at + p->patch[i].len;

	*begin = p->patch[i].at > block ? p->patch[i].at : block;
	if (end > block + size)
		end = block + size;
	return *begin < end ? end - *begin : 0;
}

/* Puts all patches of a block into what is in store->work. */
static inline void pvb_bcb_apply(struct pvb_store *store, const struct pvb_bcb_patches *p,
				 uint32_t block, bool *change, bool *erase)
{
	uint32_t size = store->medium.erase, begin, len, k;
	unsigned int i;
	uint8_t *to, v;

	for (i = 0; i < p->count; i++) {
		len = pvb_bcb_overlap(p, i, block, size, &begin);
		to = store->work + (begin - block);
		for (k = 0; k < len; k++) {
			v = p->patch[i].data ? p->patch[i].data[begin - p->patch[i].at + k] : 0;
			*change = *change || to[k] != v;
			*erase = *erase || (to[k] & v) != v;
			to[k] = v;
		}
	}
}

/* Programs [from, to) of the block out of store->work; erased units need no program. */
static inline int pvb_bcb_program(struct pvb_store *store, uint32_t block, uint32_t from,
				  uint32_t to)
{
	const struct pvb_medium *m = &store->medium;
	uint32_t unit = pvb_unit(m), run;
	int ret = 0;

	from = from / unit * unit;
	while (from < to && !ret) {
		for (run = 0; from + run < to; run += unit)
			if (pvb_all(store->work + from + run, 0xff, unit))
				break;
		if (run)
			ret = m->program(m->arg, block + from, store->work + from, run);
		from += run ? run : unit;
	}
	return ret;
}

/* Without an erase: each unit by itself, the first one last unless it only clears. */
static inline int pvb_bcb_program_bits(struct pvb_store *store, const struct pvb_bcb_patches *p,
				       uint32_t block)
{
	uint32_t unit = pvb_unit(&store->medium), begin, len, at, k, count;
	unsigned int i;
	bool clears;
	int ret = 0;

	for (i = 0; i < p->count && !ret; i++) {
		len = pvb_bcb_overlap(p, i, block, store->medium.erase, &begin);
		if (!len)
			continue;
		begin -= block;
		clears = !store->work[begin];
		at = begin / unit * unit;
		count = (begin + len - at + unit - 1) / unit;
		for (k = 0; k < count && !ret; k++) {
			begin = at + (clears ? k : count - 1 - k) * unit;
			ret = pvb_bcb_program(store, block, begin, begin + unit);
		}
	}
	return ret;
}

/* All of a block into store->work; what can't be read is lost, and `erase` set. */
static inline int pvb_bcb_get_block(struct pvb_store *store, uint32_t block, bool *erase)
{
	const struct pvb_medium *m = &store->medium;
	uint32_t unit = pvb_unit(m), at;
	int ret = m->read(m->arg, block, store->work, m->erase);

	if (ret != -PVB_EBADMSG)
		return ret;
	*erase = true;
	for (at = 0; at < m->erase; at += unit) {
		ret = m->read(m->arg, block + at, store->work + at, unit);
		if (ret == -PVB_EBADMSG)
			pvb_fill(store->work + at, 0xff, unit);
		else if (ret)
			return ret;
	}
	return 0;
}

/*
 * An erase that is cut may make another letter of the command, which has no checksum,
 * and leave the control as it was. On NOR the control's checksum goes first, so that
 * the other copy counts from then on; elsewhere it is the ECC that tells.
 */
static inline int pvb_bcb_disown(struct pvb_store *store, uint32_t block)
{
	const struct pvb_medium *m = &store->medium;
	const uint32_t at[] = { store->setup.base + PVB_BCB_MESSAGE, store->setup.backup };
	static const uint8_t zeros[4];
	uint8_t control[PVB_BCB_CONTROL];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 2 && !ret && m->bitwise && pvb_bcb_twice(store); i++) {
		if (pvb_bcb_block(store, at[i]) != block / m->erase)
			continue;
		ret = pvb_bcb_get(store, at[i], control, sizeof(control));
		if (!ret && pvb_bcb_control(control) == PVB_BCB_WHOLE)
			ret = m->program(m->arg, at[i] + 28, zeros, sizeof(zeros));
	}
	return ret;
}

static inline int pvb_bcb_put_block(struct pvb_store *store, const struct pvb_bcb_patches *p,
				    uint32_t block)
{
	const struct pvb_medium *m = &store->medium;
	/* Half a bit's way from one letter is another letter, and has no checksum. */
	bool change = false, erase = !m->bitwise || pvb_bcb_twice(store);
	uint32_t crc;
	int ret;

	ret = m->is_bad ? m->is_bad(m->arg, block) : 0;
	if (ret)
		return ret < 0 ? ret : -PVB_EIO;
	ret = pvb_bcb_get_block(store, block, &erase);
	if (ret)
		return ret;
	pvb_bcb_apply(store, p, block, &change, &erase);
	if (!change)
		return 0;
	crc = pvb_crc32(0, store->work, m->erase);
	if (erase)
		ret = pvb_bcb_disown(store, block);
	if (!ret && erase)
		ret = m->erase_block(m->arg, block);
	if (!ret)
		ret = erase ? pvb_bcb_program(store, block, 0, m->erase) :
			      pvb_bcb_program_bits(store, p, block);
	if (!ret)
		ret = pvb_sync(m);
	if (!ret)
		ret = m->read(m->arg, block, store->work, m->erase);
	return ret || pvb_crc32(0, store->work, m->erase) == crc ? ret : -PVB_EIO;
}

/* Was the block of an earlier patch, and so is done? */
static inline bool pvb_bcb_done(const struct pvb_bcb_patches *p, unsigned int i, uint32_t block,
				uint32_t size)
{
	uint32_t begin;

	while (i--)
		if (pvb_bcb_overlap(p, i, block, size, &begin))
			return true;
	return false;
}

static inline int pvb_bcb_put(struct pvb_store *store, const struct pvb_bcb_patches *p)
{
	uint32_t size = store->medium.erase, block, end;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < p->count && !ret; i++) {
		if (!size) {
			ret = pvb_bcb_put_here(store, p, i);
			continue;
		}
		end = p->patch[i].at + p->patch[i].len;
		for (block = p->patch[i].at / size * size; block < end && !ret; block += size)
			if (!pvb_bcb_done(p, i, block, size))
				ret = pvb_bcb_put_block(store, p, block);
	}
	return ret;
}

/* What is in the way of a forced write becomes zeros; `why` read() refused it. */
static inline int pvb_bcb_wipe(struct pvb_store *store, struct pvb_bcb *bcb, int why,
			       struct pvb_bcb_patches *p)
{
	uint32_t base = store->setup.base;
	unsigned int sign = 0;
	int ret;

	if (bcb->text >= PVB_BCB_BROKEN || why == -PVB_EMEDIUMTYPE) {
		pvb_fill(bcb->command, 0, sizeof(bcb->command));
		bcb->text = PVB_BCB_WHOLE;
	}
	pvb_bcb_add(p, base + PVB_BCB_MESSAGE, NULL, PVB_BCB_CONTROL);
	if (why != -PVB_EMEDIUMTYPE)
		return 0;
	pvb_bcb_add(p, base, NULL, PVB_BCB_MESSAGE);
	for (;; sign++) {
		ret = pvb_bcb_find_sign(store, &sign);
		if (ret || sign == PVB_BCB_SIGNS)
			return ret;
		if (p->count < PVB_BCB_PATCHES - 4)
			pvb_bcb_add(p, pvb_bcb_sign[sign].at, NULL, pvb_bcb_sign[sign].len);
	}
}

static inline int pvb_bcb_write(struct pvb_store *store, const struct pvb_flags *was,
				const struct pvb_flags *flags, bool force)
{
	struct pvb_bcb_patches patches;
	struct pvb_flags want = *flags;
	struct pvb_bcb bcb;
	int ret;

	(void)was;
	if (flags->has & ~pvb_bcb_fields(store))
		return -PVB_EOPNOTSUPP;
	if (store->work_size < pvb_bcb_work(store))
		return -PVB_EINVAL;
	patches.count = 0;
	ret = pvb_bcb_load(store, &bcb);
	if ((ret == -PVB_EMEDIUMTYPE || ret == -PVB_EBADMSG) && force)
		ret = pvb_bcb_wipe(store, &bcb, ret, &patches);
	else if (ret == -PVB_ENODATA)
		ret = 0;
	if (ret)
		return ret;
	if (!bcb.has_control && bcb.first >= PVB_BCB_FOREIGN && !force &&
	    (flags->has & PVB_HAS(PVB_SLOT)))
		return -PVB_EMEDIUMTYPE;
	pvb_bcb_settle(store, &want);
	ret = pvb_bcb_set_command(&bcb, &want);
	if (!ret)
		ret = pvb_bcb_set_control(store, &bcb, &want);
	if (ret)
		return ret;
	pvb_bcb_list(store, &bcb, &patches);
	return pvb_bcb_put(store, &patches);
}

static const struct pvb_format pvb_bcb_format = {
	.name = "bcb",
	.check = pvb_bcb_check,
	.fields = pvb_bcb_fields,
	.read = pvb_bcb_read,
	.write = pvb_bcb_write,
	.guarantee = pvb_bcb_guarantee,
	.work = pvb_bcb_work,
	.settle = pvb_bcb_settle,
};

#endif /* PVKIT_BCB_H */
