/* SPDX-License-Identifier: MIT */
/*
 * format - what all formats of a store have in common
 *
 * A format is a table of four functions. None allocates; what one needs
 * between calls is in struct pvb_store, what it needs to work with is the
 * caller's buffer.
 */
#ifndef PVKIT_FORMAT_H
#define PVKIT_FORMAT_H

#include "flags.h"
#include "medium.h"

#define PVB_MODES_MAX	16

struct pvb_mode {
	char name[PVB_MODE_MAX + 1];
	uint32_t magic;			/* of formats that keep a number; never 0 */
};

enum pvb_bootcount_form {
	PVB_BOOTCOUNT_RTC,	/* 2 bytes: the count, then 0xBC */
	PVB_BOOTCOUNT_U16,	/* 2 bytes: 0xB0 in the upper one */
	PVB_BOOTCOUNT_U32,	/* 4 bytes: 0xB001 in the upper half */
	PVB_BOOTCOUNT_WORDS,	/* 8 bytes: the count, then 0xB001C041 */
	PVB_BOOTCOUNT_TI,	/* 4 bytes: count, upgrade_available, 2, magic */
};

/* How a format is laid out in this store; what is 0 takes the format's default. */
struct pvb_setup {
	bool big_endian;		/* magic, bootcount: U-Boot on a big-endian CPU */
	uint8_t width;			/* magic: 1, 2 or 4 bytes (4) */
	uint32_t mask;			/* magic: bits that are ours, the others stay (all) */
	enum pvb_bootcount_form form;	/* bootcount */
	uint8_t ti_magic;		/* bootcount, TI: upper byte (0x0b) */
	uint32_t limit;			/* bootcount: U-Boot's bootlimit; tries = limit - count */
	uint32_t base;			/* bcb: where bootloader_message begins (0) */
	uint32_t backup;		/* bcb: where the copy of the A/B control is (none) */
	bool proved_bare;		/* bcb: successful takes the tries away; see bcb.h */
	bool wrap;			/* log: an only block is erased when it is full */
	uint8_t n_slots;		/* 2 */
	uint8_t n_modes;
	struct pvb_mode mode[PVB_MODES_MAX];
};

struct pvb_store;

/* What a format promises of a store. */
#define PVB_ATOMIC	(1u << 0)	/* cut anywhere, the old fields are there or the new */
#define PVB_REDUNDANT	(1u << 1)	/* a second copy holds what a failing first one loses */

struct pvb_format {
	const char *name;
	/* Can it be kept there: 0, -PVB_EINVAL or -PVB_ENOSPC. Touches no medium. */
	int (*check)(const struct pvb_store *store);
	/* PVB_HAS() of the fields that it can hold, given set-up and medium. */
	uint32_t (*fields)(const struct pvb_store *store);
	/*
	 * Reads everything anew. -PVB_ENODATA: never written (empty flags);
	 * -PVB_EMEDIUMTYPE: foreign, to be left alone; -PVB_EBADMSG: ours and broken.
	 */
	int (*read)(struct pvb_store *store, struct pvb_flags *flags);
	/*
	 * Makes the medium say `flags`, of which read() found `was` last; all of
	 * them or, cut at any byte, none where the guarantee says atomic. With
	 * `force` also over what is foreign or broken. -PVB_EOPNOTSUPP and
	 * -PVB_ENOSPC before anything is written.
	 */
	int (*write)(struct pvb_store *store, const struct pvb_flags *was,
		     const struct pvb_flags *flags, bool force);

	/* The following may be NULL. PVB_ATOMIC, ...; NULL: neither. */
	uint32_t (*guarantee)(const struct pvb_store *store);
	/*
	 * Bytes of pvb_store.work that it needs on this medium; NULL: what is said
	 * there is enough.
	 */
	uint32_t (*work)(const struct pvb_store *store);
	/*
	 * Makes of flags what read() will say of them once they are written: two
	 * modes may have one number, a count may not count. To be asked before
	 * comparing with what was read. NULL: they are read as they were written.
	 */
	void (*settle)(const struct pvb_store *store, struct pvb_flags *flags);
};

/* What a log remembers of where it is; log.h. All zero: look for it. */
struct pvb_log_state {
	bool known;
	uint32_t block;			/* offset of the erase block that is written, or the copy */
	uint32_t slot;			/* bytes of a slot there */
	uint32_t next;			/* offset of the next free place */
	uint32_t seq;			/* the next record has one more */
	uint32_t newest;		/* offset of the newest record */
	uint32_t len;			/* bytes of its items */
	uint32_t erases;		/* of the block that is written, as far as is known */
	bool doubtful;			/* a cut may have left weak bits in the next place */
};

struct pvb_store {
	struct pvb_medium medium;
	struct pvb_setup setup;
	const struct pvb_format *format;
	/* For reading and writing: at least 512 bytes, and two write units of the medium. */
	uint8_t *work;
	uint32_t work_size;
	struct pvb_log_state log;
};

#endif /* PVKIT_FORMAT_H */
