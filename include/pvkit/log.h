/* SPDX-License-Identifier: MIT */
/*
 * log - our own format, and its reader
 *
 * Documentation/bootflag-log.md says what lies where and why. A bootloader
 * compiles this header and calls pvb_log_read(); what writes is in log_write.h.
 *
 * On flash: erase blocks, each with a header and then records, appended in slots
 * of equal size; the whole record with the highest sequence number counts. On
 * media that are rewritten in place: two copies, written in turn.
 */
#ifndef PVKIT_LOG_H
#define PVKIT_LOG_H

#include "bytes.h"
#include "crc.h"
#include "format.h"

#define PVB_LOG_VERSION		1
#define PVB_LOG_NOWHERE		0xffffffffu	/* for an offset: there is none */

/* --- items: what records and copies hold --------------------------------- */

/* The fields by their number, and the short forms that copies of few bytes take. */
#define PVB_LOG_END		0	/* no more items */
#define PVB_LOG_MODE_CODE	29	/* one byte: the number that the set-up gives a mode */
#define PVB_LOG_AB		30	/* one byte: slot:2, successful:1, tries:5 */
#define PVB_LOG_AB_TRIES_MAX	31

struct pvb_log_item {
	unsigned int id;
	uint32_t len;
	const uint8_t *value;
	uint32_t next;		/* where the one after it begins */
};

/* The item at `at`. 1; 0: no more; -PVB_EBADMSG: it does not end in time. */
static inline int pvb_log_item(const uint8_t *items, uint32_t size, uint32_t at,
			       struct pvb_log_item *item)
{
	if (at >= size || items[at] == PVB_LOG_END)
		return 0;
	item->id = items[at] >> 3;
	item->len = items[at] & 7;
	at++;
	if (item->len == 7) {
		if (at >= size)
			return -PVB_EBADMSG;
		item->len = items[at++];
	}
	if (item->len > size - at)
		return -PVB_EBADMSG;
	item->value = items + at;
	item->next = at + item->len;
	return 1;
}

static inline bool pvb_log_items_ok(const uint8_t *items, uint32_t size)
{
	struct pvb_log_item item;
	uint32_t at;
	int ret;

	for (at = 0; (ret = pvb_log_item(items, size, at, &item)) > 0; at = item.next)
		;
	return !ret;
}

static inline bool pvb_log_number(const struct pvb_log_item *item, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;
	uint32_t i;

	if (item->len > 8)
		return false;
	for (i = item->len; i > 0; i--)
		n = n << 8 | item->value[i - 1];
	*number = n;
	return n <= max;
}

static inline bool pvb_log_small(const struct pvb_log_item *item, uint8_t max, uint8_t *to)
{
	uint64_t n;

	if (!pvb_log_number(item, max, &n))
		return false;
	*to = (uint8_t)n;
	return true;
}

static inline bool pvb_log_text(const struct pvb_log_item *item, uint32_t max, char *to)
{
	uint32_t i;

	if (!item->len || item->len > max)
		return false;
	for (i = 0; i < item->len; i++)
		if (!item->value[i])
			return false;
	for (i = 0; i < item->len && item->value[i]; i++)
		to[i] = (char)item->value[i];
	to[i] = '\0';
	return true;
}

/* The number of mode `i` of the set-up; where it gives none, its place in the list. */
static inline uint32_t pvb_log_mode_code(const struct pvb_setup *setup, unsigned int i)
{
	return setup->mode[i].magic ? setup->mode[i].magic : i + 1;
}

/* A number that the set-up has no name for is shown as it is: 0x52. */
static inline void pvb_log_name_code(const struct pvb_setup *setup, uint8_t code, char *to)
{
	static const char digits[] = "0123456789abcdef";
	unsigned int i, j;

	for (i = 0; i < setup->n_modes && i < PVB_MODES_MAX; i++) {
		if (pvb_log_mode_code(setup, i) != code)
			continue;
		for (j = 0; j < PVB_MODE_MAX && setup->mode[i].name[j]; j++)
			to[j] = setup->mode[i].name[j];
		to[j] = '\0';
		return;
	}
	to[0] = '0';
	to[1] = 'x';
	to[2] = digits[code >> 4];
	to[3] = digits[code & 15];
	to[4] = '\0';
}

static inline bool pvb_log_take_ab(const struct pvb_log_item *item, struct pvb_flags *flags)
{
	if (item->len != 1)
		return false;
	flags->slot = item->value[0] & 3;
	flags->successful = item->value[0] >> 2 & 1;
	flags->tries = item->value[0] >> 3;
	flags->has |= PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_SUCCESSFUL) | PVB_HAS(PVB_TRIES);
	return true;
}

static inline bool pvb_log_take_field(const struct pvb_log_item *item, struct pvb_flags *flags)
{
	switch (item->id) {
	case PVB_MODE:
		return pvb_log_text(item, PVB_MODE_MAX, flags->mode);
	case PVB_SLOT:
		return pvb_log_small(item, PVB_SLOTS_MAX - 1, &flags->slot);
	case PVB_TRIES:
		return pvb_log_small(item, 255, &flags->tries);
	case PVB_SUCCESSFUL:
		return pvb_log_small(item, 1, &flags->successful);
	case PVB_REASON:
		return pvb_log_text(item, PVB_REASON_MAX, flags->reason);
	case PVB_CURSOR:
		return pvb_log_number(item, ~(uint64_t)0, &flags->cursor);
	case PVB_PHASE:
		return pvb_log_text(item, PVB_PHASE_MAX, flags->phase);
	case PVB_FAILURES:
		return pvb_log_small(item, 255, &flags->failures);
	case PVB_ARMED:
		return pvb_log_small(item, 1, &flags->armed);
	default:
		return false;
	}
}

/* Takes an item into the flags. false: not one that this version understands. */
static inline bool pvb_log_take(const struct pvb_setup *setup, const struct pvb_log_item *item,
				struct pvb_flags *flags)
{
	switch (item->id) {
	case PVB_LOG_AB:
		return pvb_log_take_ab(item, flags);
	case PVB_LOG_MODE_CODE:
		if (item->len != 1 || !item->value[0])
			return false;
		pvb_log_name_code(setup, item->value[0], flags->mode);
		flags->has |= PVB_HAS(PVB_MODE);
		return true;
	default:
		if (!pvb_log_take_field(item, flags))
			return false;
		flags->has |= PVB_HAS(item->id);
		return true;
	}
}

/* One by one: assigning the struct would have the compiler call memset(). */
static inline void pvb_log_no_flags(struct pvb_flags *flags)
{
	flags->has = 0;
	flags->slot = 0;
	flags->tries = 0;
	flags->successful = 0;
	flags->failures = 0;
	flags->armed = 0;
	flags->cursor = 0;
	flags->mode[0] = '\0';
	flags->reason[0] = '\0';
	flags->phase[0] = '\0';
}

static inline void pvb_log_decode(const struct pvb_setup *setup, const uint8_t *items,
				  uint32_t size, struct pvb_flags *flags)
{
	struct pvb_log_item item;
	uint32_t at;

	pvb_log_no_flags(flags);
	for (at = 0; pvb_log_item(items, size, at, &item) > 0; at = item.next)
		pvb_log_take(setup, &item, flags);
}

/* --- reading ------------------------------------------------------------- */

#define PVB_LOG_RECORD_MAX	256u	/* a record with its head, and a copy */
#define PVB_LOG_UNREADABLE	1

/* What is read lies in the upper half of `work`; a writer has its image in the lower. */
static inline uint8_t *pvb_log_buf(const struct pvb_store *store)
{
	return store->work + store->work_size / 2;
}

/*
 * 0; PVB_LOG_UNREADABLE: the medium can't tell what is there. Other errors are not of
 * that place: whoever went on would find an older record.
 */
static inline int pvb_log_fetch(const struct pvb_store *store, uint32_t at, uint32_t len)
{
	int ret = store->medium.read(store->medium.arg, at, pvb_log_buf(store), len);

	return ret == -PVB_EIO || ret == -PVB_EBADMSG ? PVB_LOG_UNREADABLE : ret;
}

/* Does everything there read as erased: 1, 0 or negative. */
static inline int pvb_log_erased(const struct pvb_store *store, uint32_t at, uint32_t len)
{
	uint32_t half = store->work_size / 2;
	uint32_t n;
	int ret;

	for (; len; at += n, len -= n) {
		n = len < half ? len : half;
		ret = pvb_log_fetch(store, at, n);
		if (ret)
			return ret < 0 ? ret : 0;
		if (!pvb_all(pvb_log_buf(store), 0xff, n))
			return 0;
	}
	return 1;
}

/* Numbers go round: the later of two is less than half of all ahead. */
static inline bool pvb_log_later(uint32_t a, uint32_t b)
{
	return a != b && a - b < 0x80000000u;
}

/* --- two copies, rewritten in place -------------------------------------- */

#define PVB_LOG_COPY_MIN	8u
#define PVB_LOG_TINY		32u	/* copies below: CRC-16, short forms of items */
#define PVB_LOG_COPY_MARK	0x6c70u	/* "pl" */

/* How a copy is laid out: CRC, head, items. */
struct pvb_log_copy {
	uint32_t size;
	uint32_t crc;		/* bytes of it; the head begins here */
	uint32_t items;		/* and ends here */
};

static inline void pvb_log_copy_layout(const struct pvb_medium *medium, struct pvb_log_copy *copy)
{
	uint32_t unit = medium->write;

	copy->size = medium->size / 2 < PVB_LOG_RECORD_MAX ? medium->size / 2 : PVB_LOG_RECORD_MAX;
	copy->size -= copy->size % unit;
	copy->crc = copy->size < PVB_LOG_TINY ? 2 : 4;
	copy->items = copy->size < PVB_LOG_TINY ? 3 : 8;
}

/*
 * The CRC goes over a prefix that is not stored, so that a tiny copy needs no
 * mark of its own. All zeros and all ones are never right: they say that a copy
 * is being written.
 */
static inline uint32_t pvb_log_copy_crc(const struct pvb_log_copy *copy, const uint8_t *p)
{
	uint32_t ones = copy->crc == 2 ? 0xffff : 0xffffffff;
	uint32_t crc;

	if (copy->crc == 2)
		crc = pvb_crc16(p + 2, copy->size - 2) ^ 0x5056u;
	else
		crc = pvb_crc32(0, p + 4, copy->size - 4);
	if (!crc)
		return 1;
	return crc == ones ? ones - 1 : crc;
}

static inline uint32_t pvb_log_copy_stored_crc(const struct pvb_log_copy *copy, const uint8_t *p)
{
	return copy->crc == 2 ? pvb_get16(p) : pvb_get32(p);
}

static inline uint8_t pvb_log_copy_seq(const struct pvb_log_copy *copy, const uint8_t *p)
{
	return p[copy->items - 1];
}

static inline bool pvb_log_copy_whole(const struct pvb_log_copy *copy, const uint8_t *p)
{
	if (pvb_log_copy_stored_crc(copy, p) != pvb_log_copy_crc(copy, p) ||
	    !pvb_log_items_ok(p + copy->items, copy->size - copy->items))
		return false;
	return copy->crc == 2 ||
	       (pvb_get16(p + 4) == PVB_LOG_COPY_MARK && p[6] == PVB_LOG_VERSION);
}

static inline bool pvb_log_copy_blank(const struct pvb_log_copy *copy, const uint8_t *p)
{
	return (p[0] == 0 || p[0] == 0xff) && pvb_all(p, p[0], copy->size);
}

/*
 * Can it be what a cut left of the very first record, written over `blank` bytes?
 * First the head changes, then the items, then the CRC; the bits of the byte that
 * was written last may be any between the old and the new.
 */
static inline bool pvb_log_copy_begun(const struct pvb_log_copy *copy, const uint8_t *p,
				      uint8_t blank)
{
	const uint8_t head[4] = { (uint8_t)(PVB_LOG_COPY_MARK & 0xff),
				  (uint8_t)(PVB_LOG_COPY_MARK >> 8), PVB_LOG_VERSION, 1 };
	uint32_t n = copy->items - copy->crc;
	uint32_t crc, i;
	bool head_whole = pvb_same(p + copy->crc, head + 4 - n, n);

	if (pvb_all(p, blank, copy->crc)) {
		if (head_whole)
			return true;
		for (i = 0; i < n; i++)
			if ((p[copy->crc + i] ^ blank) & ~(head[4 - n + i] ^ blank))
				return false;
		return pvb_all(p + copy->items, blank, copy->size - copy->items);
	}
	crc = pvb_log_copy_crc(copy, p) ^ (blank ? 0xffffffff : 0);
	return head_whole &&
	       !((pvb_log_copy_stored_crc(copy, p) ^ (blank ? 0xffffffff : 0)) & ~crc);
}

/* Neither copy is whole; which of the reasons? */
static inline int pvb_log_copies_judge(const struct pvb_log_copy *copy, const uint8_t *a,
				       const uint8_t *b)
{
	const uint8_t *other = pvb_log_copy_blank(copy, b) ? a : b;
	const uint8_t *blank = other == a ? b : a;

	if (pvb_log_copy_blank(copy, blank) &&
	    (pvb_log_copy_blank(copy, other) || pvb_log_copy_begun(copy, other, blank[0])))
		return -PVB_ENODATA;
	if (copy->crc == 4 && (pvb_get16(a + 4) == PVB_LOG_COPY_MARK ||
			       pvb_get16(b + 4) == PVB_LOG_COPY_MARK))
		return -PVB_EBADMSG;
	return -PVB_EMEDIUMTYPE;
}

/*
 * The copy that counts: its offset in `newest`; or why none does. The first is read
 * into the lower half of work, the second into the upper.
 */
static inline int pvb_log_copies_find(const struct pvb_store *store,
				      const struct pvb_log_copy *copy, uint32_t *newest)
{
	const struct pvb_medium *medium = &store->medium;
	const uint8_t *a = store->work, *b = pvb_log_buf(store);
	bool a_whole, b_whole;
	uint8_t ahead;
	int ret;

	if (copy->size < PVB_LOG_COPY_MIN)
		return -PVB_EINVAL;
	ret = medium->read(medium->arg, 0, store->work, copy->size);
	if (ret >= 0)
		ret = medium->read(medium->arg, copy->size, pvb_log_buf(store), copy->size);
	if (ret < 0)
		return ret;
	a_whole = pvb_log_copy_whole(copy, a);
	b_whole = pvb_log_copy_whole(copy, b);
	if (!a_whole && !b_whole)
		return pvb_log_copies_judge(copy, a, b);
	ahead = (uint8_t)(pvb_log_copy_seq(copy, b) - pvb_log_copy_seq(copy, a));
	*newest = !a_whole || (b_whole && ahead && ahead < 0x80) ? copy->size : 0;
	return 0;
}

static inline int pvb_log_copies_read(struct pvb_store *store, struct pvb_flags *flags)
{
	const uint8_t *p = store->work;
	struct pvb_log_copy copy;
	uint32_t newest;
	int ret;

	pvb_log_copy_layout(&store->medium, &copy);
	ret = pvb_log_copies_find(store, &copy, &newest);
	if (ret)
		return ret;
	if (newest)
		p = pvb_log_buf(store);
	pvb_log_decode(&store->setup, p + copy.items, copy.size - copy.items, flags);
	return 0;
}

/* --- flash: blocks ------------------------------------------------------- */

#define PVB_LOG_SLOT		32u	/* the smallest slot, and a block's header */
#define PVB_LOG_HEADERS		8u	/* slots that the first header of all may be in */

enum pvb_log_kind {
	PVB_LOG_BAD,		/* marked so: not to be touched */
	PVB_LOG_ERASED,		/* no header; erased, or half erased */
	PVB_LOG_BROKEN,		/* something, but not a whole header */
	PVB_LOG_OTHER,		/* a log of another version or on other blocks */
	PVB_LOG_WHOLE
};

struct pvb_log_block {
	enum pvb_log_kind kind;
	uint32_t at;
	uint32_t remains;	/* bytes of first headers that were cut, from `at` on */
	uint32_t slot;		/* bytes of a slot */
	uint32_t base;		/* sequence number of the first record that it was begun for */
	uint32_t erases;	/* how often it was erased, as far as is known */
};

/* One record; its items are behind the head. */
struct pvb_log_record {
	uint32_t at;		/* PVB_LOG_NOWHERE: none */
	uint32_t seq;
	uint32_t len;		/* of the items */
	uint32_t base;		/* of its block; of a full scan only */
};

#define PVB_LOG_HEAD		16u
#define PVB_LOG_ITEMS_MAX	(PVB_LOG_RECORD_MAX - PVB_LOG_HEAD)
#define PVB_LOG_RECORD_MARK	0x7270u	/* "pr" */

static inline uint32_t pvb_log_slot_size(const struct pvb_medium *medium)
{
	return (PVB_LOG_SLOT + medium->write - 1) / medium->write * medium->write;
}

static inline const uint8_t *pvb_log_magic(void)
{
	static const uint8_t magic[8] = { 'p', 'v', 'k', 'i', 't', 'l', 'o', 'g' };

	return magic;
}

/* The header of a block, 32 bytes of it read: what does it say? */
static inline enum pvb_log_kind pvb_log_header(const struct pvb_medium *medium, const uint8_t *p,
					       struct pvb_log_block *block)
{
	uint32_t slot = pvb_get16(p + 10);

	if (pvb_all(p, 0xff, PVB_LOG_SLOT))
		return PVB_LOG_ERASED;
	if (!pvb_same(p, pvb_log_magic(), 8) || pvb_get32(p + 28) != pvb_crc32(0, p, 28))
		return PVB_LOG_BROKEN;
	if (p[8] != PVB_LOG_VERSION || pvb_get32(p + 12) != medium->erase ||
	    slot < PVB_LOG_SLOT || slot > medium->erase / 2)
		return PVB_LOG_OTHER;
	block->slot = slot;
	block->base = pvb_get32(p + 16);
	block->erases = pvb_get32(p + 20);
	return PVB_LOG_WHOLE;
}

/* A block's header. */
static inline void pvb_log_make_header(const struct pvb_medium *medium, uint32_t base,
				       uint32_t erases, uint8_t *p)
{
	const uint8_t *magic = pvb_log_magic();
	uint32_t i;

	for (i = 0; i < 8; i++)
		p[i] = magic[i];
	p[8] = PVB_LOG_VERSION;
	p[9] = 0;
	pvb_put16(p + 10, (uint16_t)pvb_log_slot_size(medium));
	pvb_put32(p + 12, medium->erase);
	pvb_put32(p + 16, base);
	pvb_put32(p + 20, erases);
	pvb_put32(p + 24, 0);
	pvb_put32(p + 28, pvb_crc32(0, p, 28));
}

/*
 * What a cut may leave of the first header of all: nothing that can be read, or not
 * all of its bits. `void_too`: or a slot that was given up, between others of them.
 */
static inline bool pvb_log_header_begun(const struct pvb_medium *medium, const uint8_t *p,
					bool void_too)
{
	uint8_t first[PVB_LOG_SLOT];
	uint32_t i;

	if (void_too && pvb_all(p, 0, PVB_LOG_SLOT))
		return true;
	pvb_log_make_header(medium, 1, 0, first);
	/* how often the block was erased, and with it the CRC, may be another */
	for (i = 0; i < 20; i++)
		if (first[i] & ~p[i])
			return false;
	return true;
}

static inline int pvb_log_bad(const struct pvb_store *store, uint32_t at)
{
	return store->medium.is_bad ? store->medium.is_bad(store->medium.arg, at) : 0;
}

/*
 * The header is in the first slot, but for the first block of all, which is not erased
 * to be begun: there it may follow others that were cut.
 */
static inline int pvb_log_block_at(const struct pvb_store *store, uint32_t at,
				   struct pvb_log_block *block)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium), end = medium->erase;
	int ret = pvb_log_bad(store, at);

	block->kind = PVB_LOG_BAD;
	block->at = at;
	block->remains = 0;
	block->slot = slot;
	block->base = 0;
	block->erases = 0;
	if (ret)
		return ret < 0 ? ret : 0;
	if (end > PVB_LOG_HEADERS * slot)
		end = PVB_LOG_HEADERS * slot;
	for (; block->remains < end; block->remains += slot) {
		block->kind = PVB_LOG_BROKEN;
		ret = pvb_log_fetch(store, at + block->remains, PVB_LOG_SLOT);
		if (ret < 0)
			return ret;
		if (!ret)
			block->kind = pvb_log_header(medium, pvb_log_buf(store), block);
		if (!ret && (block->kind != PVB_LOG_BROKEN ||
			     !pvb_log_header_begun(medium, pvb_log_buf(store), block->remains)))
			break;
	}
	if (block->kind == PVB_LOG_ERASED && block->remains)
		block->kind = PVB_LOG_BROKEN;
	return 0;
}

/* Where its first record goes, whether or not it still has a header. */
static inline uint32_t pvb_log_first_in(const struct pvb_log_block *block)
{
	return block->at + block->slot + (block->kind == PVB_LOG_WHOLE ? block->remains : 0);
}

/* --- flash: records in a block ------------------------------------------- */

/* It goes on from where the record is: an item that looks like one is none. */
static inline uint32_t pvb_log_head_crc(const struct pvb_medium *medium, uint32_t at,
					const uint8_t *p)
{
	return pvb_crc32(at % medium->erase, p, 12);
}

/* Is there a whole record at `at` that ends by `end`: 1, 0 or negative. */
static inline int pvb_log_record_at(const struct pvb_store *store, uint32_t at, uint32_t end,
				    struct pvb_log_record *record)
{
	const uint8_t *p = pvb_log_buf(store);
	uint32_t len;
	int ret;

	ret = pvb_log_fetch(store, at, PVB_LOG_SLOT);
	if (ret)
		return ret < 0 ? ret : 0;
	len = pvb_get16(p + 2);
	if (pvb_get16(p) != PVB_LOG_RECORD_MARK || len > PVB_LOG_ITEMS_MAX ||
	    PVB_LOG_HEAD + len > end - at ||
	    pvb_get32(p + 12) != pvb_log_head_crc(&store->medium, at, p))
		return 0;
	if (PVB_LOG_HEAD + len > PVB_LOG_SLOT) {
		ret = pvb_log_fetch(store, at, PVB_LOG_HEAD + len);
		if (ret)
			return ret < 0 ? ret : 0;
	}
	if (pvb_get32(p + 8) != pvb_crc32(0, p + PVB_LOG_HEAD, len) ||
	    !pvb_log_items_ok(p + PVB_LOG_HEAD, len))
		return 0;
	record->at = at;
	record->seq = pvb_get32(p + 4);
	record->len = len;
	return 1;
}

static inline uint32_t pvb_log_span(uint32_t slot, uint32_t len)
{
	return (PVB_LOG_HEAD + len + slot - 1) / slot * slot;
}

/*
 * Slots are used from the first to the last, none is left out, and no used one
 * reads as erased: the first free one is found by halving. 0 or negative.
 */
static inline int pvb_log_free_in(const struct pvb_store *store, const struct pvb_log_block *block,
				  uint32_t *free)
{
	uint32_t low = (pvb_log_first_in(block) - block->at) / block->slot;
	uint32_t high = store->medium.erase / block->slot, middle;
	int ret;

	while (low < high) {
		middle = low + (high - low) / 2;
		ret = pvb_log_erased(store, block->at + middle * block->slot, block->slot);
		if (ret < 0)
			return ret;
		if (ret)
			high = middle;
		else
			low = middle + 1;
	}
	*free = block->at + low * block->slot;
	return 0;
}

/* The last whole record before `free`: 1, 0 or negative. What is torn is stepped over. */
static inline int pvb_log_last_before(const struct pvb_store *store,
				      const struct pvb_log_block *block, uint32_t free,
				      struct pvb_log_record *record)
{
	uint32_t at;
	int ret;

	for (at = free; at > pvb_log_first_in(block);) {
		at -= block->slot;
		ret = pvb_log_record_at(store, at, free, record);
		if (ret)
			return ret;
	}
	return 0;
}

static inline int pvb_log_last_in(const struct pvb_store *store, const struct pvb_log_block *block,
				  struct pvb_log_record *record)
{
	uint32_t free;
	int ret = pvb_log_free_in(store, block, &free);

	return ret ? ret : pvb_log_last_before(store, block, free, record);
}

/* --- flash: which block -------------------------------------------------- */

static inline uint32_t pvb_log_blocks(const struct pvb_medium *medium)
{
	return medium->size / medium->erase;
}

/*
 * Blocks are begun in order, round and round, so that those from the first one up
 * to the newest have rising numbers and all after it lower ones: halving again.
 * What follows the newest may be erased, so an erased block counts as after it; a
 * broken or bad one tells nothing, and the next is asked. 1; 0: no block has a
 * header; or negative.
 */
static inline int pvb_log_newest_block(const struct pvb_store *store, struct pvb_log_block *newest)
{
	uint32_t erase = store->medium.erase, low, high, middle, n;
	struct pvb_log_block block;
	int ret;

	high = pvb_log_blocks(&store->medium);
	newest->kind = PVB_LOG_BAD;
	for (low = 0; low < high && newest->kind != PVB_LOG_WHOLE; low++) {
		ret = pvb_log_block_at(store, low * erase, newest);
		if (ret)
			return ret;
	}
	if (newest->kind != PVB_LOG_WHOLE)
		return 0;
	/* `newest` is at low - 1 or before; it is not at high or after. */
	while (low < high) {
		middle = low + (high - low) / 2;
		for (n = middle; n < high; n++) {
			ret = pvb_log_block_at(store, n * erase, &block);
			if (ret)
				return ret;
			if (block.kind == PVB_LOG_WHOLE || block.kind == PVB_LOG_ERASED)
				break;
		}
		if (n == high || block.kind == PVB_LOG_ERASED ||
		    pvb_log_later(newest->base, block.base)) {
			high = middle;
		} else {
			*newest = block;
			low = n + 1;
		}
	}
	return 1;
}

#define PVB_LOG_AHEAD	4	/* blocks looked at beyond the newest */

/*
 * Does what follows the newest block bear out that it is? 1 or 0: not in order, an
 * erase may have failed there, or a header; every record is to be looked at then.
 */
static inline int pvb_log_in_order(const struct pvb_store *store,
				   const struct pvb_log_block *newest, uint32_t seq)
{
	const struct pvb_medium *medium = &store->medium;
	struct pvb_log_record record;
	struct pvb_log_block block;
	uint32_t at = newest->at;
	int left = PVB_LOG_AHEAD;
	int ret;

	while (left) {
		at = at + medium->erase < medium->size ? at + medium->erase : 0;
		if (at == newest->at)
			break;
		ret = pvb_log_block_at(store, at, &block);
		if (ret)
			return ret;
		if (block.kind == PVB_LOG_BAD)
			continue;
		left--;
		if (block.kind == PVB_LOG_OTHER ||
		    (block.kind == PVB_LOG_WHOLE && !pvb_log_later(newest->base, block.base)))
			return 0;
		if (block.kind != PVB_LOG_BROKEN)
			continue;
		/* its header may have been lost after records were written */
		ret = pvb_log_last_in(store, &block, &record);
		if (ret < 0 || (ret && pvb_log_later(record.seq, seq)))
			return ret < 0 ? ret : 0;
	}
	return 1;
}

/*
 * The newest record, by way of the newest block. A block that was begun and has no
 * whole record yet leaves the last one of the block before. 1; 0: not to be found
 * that way; or negative.
 */
static inline int pvb_log_find_quickly(struct pvb_store *store, struct pvb_log_record *record)
{
	const struct pvb_medium *medium = &store->medium;
	struct pvb_log_block newest, block;
	bool in_newest;
	int ret;

	ret = pvb_log_newest_block(store, &newest);
	if (ret <= 0)
		return ret;
	ret = pvb_log_free_in(store, &newest, &store->log.next);
	if (ret)
		return ret;
	store->log.block = newest.at;
	store->log.slot = newest.slot;
	store->log.seq = newest.base;
	store->log.erases = newest.erases;
	block = newest;
	ret = pvb_log_last_before(store, &newest, store->log.next, record);
	while (!ret) {
		block.at = (block.at ? block.at : medium->size) - medium->erase;
		if (block.at == newest.at)
			return 0;
		ret = pvb_log_block_at(store, block.at, &block);
		if (ret || (block.kind != PVB_LOG_WHOLE && block.kind != PVB_LOG_BAD))
			return ret;
		if (block.kind == PVB_LOG_WHOLE)
			ret = pvb_log_last_in(store, &block, record);
	}
	if (ret < 0)
		return ret;
	/* records of a block have its number or later ones, those before earlier ones */
	in_newest = block.at == newest.at;
	if (in_newest == pvb_log_later(newest.base, record->seq))
		return 0;
	return pvb_log_in_order(store, &newest, record->seq);
}

/*
 * The next place from `place` on where a record may begin, by reading as much at
 * once as there is room for. 1; 0: none; or negative.
 */
static inline int pvb_log_next_mark(const struct pvb_store *store, uint32_t slot, uint32_t *place,
				    uint32_t end)
{
	uint32_t half = store->work_size / 2, n, i;
	int ret;

	for (; end - *place >= slot; *place += n) {
		n = end - *place < half ? end - *place : half;
		n -= n % slot;
		ret = n ? pvb_log_fetch(store, *place, n) : PVB_LOG_UNREADABLE;
		if (ret < 0)
			return ret;
		if (ret) {
			/* one page may spoil it for all */
			n = slot;
			ret = pvb_log_fetch(store, *place, PVB_LOG_SLOT);
			if (ret < 0)
				return ret;
			if (ret)
				continue;
		}
		for (i = 0; i < n; i += slot) {
			if (pvb_get16(pvb_log_buf(store) + i) != PVB_LOG_RECORD_MARK)
				continue;
			*place += i;
			return 1;
		}
	}
	return 0;
}

/* Of two with one number, which a cut may leave, the one in the newer block or place. */
static inline bool pvb_log_newer(const struct pvb_log_record *a, const struct pvb_log_record *b)
{
	if (a->seq != b->seq)
		return pvb_log_later(a->seq, b->seq);
	return !pvb_log_later(b->base, a->base);
}

/* The newest record of a block if it is newer than that known. 0 or negative. */
static inline int pvb_log_scan_block(struct pvb_store *store, const struct pvb_log_block *block,
				     struct pvb_log_record *newest)
{
	uint32_t place = pvb_log_first_in(block), end = block->at + store->medium.erase;
	struct pvb_log_record record;
	int ret;

	while ((ret = pvb_log_next_mark(store, block->slot, &place, end)) > 0) {
		ret = pvb_log_record_at(store, place, end, &record);
		if (ret < 0)
			return ret;
		place += ret ? pvb_log_span(block->slot, record.len) : block->slot;
		record.base = block->base;
		if (!ret || (newest->at != PVB_LOG_NOWHERE && !pvb_log_newer(&record, newest)))
			continue;
		*newest = record;
		/* something is out of order: the next record begins a block */
		store->log.block = block->at;
		store->log.slot = block->slot;
		store->log.next = end;
	}
	return ret;
}

/*
 * The newest record, by looking at every place where one can be: not in a block that
 * is erased at least in part, what is left there was too old to be kept. 1, 0 or
 * negative.
 */
static inline int pvb_log_find_slowly(struct pvb_store *store, struct pvb_log_record *newest)
{
	struct pvb_log_block block, good;
	unsigned int n_good = 0;
	uint32_t at;
	int ret;

	newest->at = PVB_LOG_NOWHERE;
	for (at = 0; at < store->medium.size; at += store->medium.erase) {
		ret = pvb_log_block_at(store, at, &block);
		if (ret)
			return ret;
		if (block.kind == PVB_LOG_OTHER)
			return -PVB_EMEDIUMTYPE;
		if (block.kind == PVB_LOG_BAD)
			continue;
		good = block;
		n_good++;
		if (block.kind == PVB_LOG_ERASED)
			continue;
		if (block.kind == PVB_LOG_WHOLE && pvb_log_later(block.base, store->log.seq))
			store->log.seq = block.base;
		ret = pvb_log_scan_block(store, &block, newest);
		if (ret)
			return ret;
	}
	if (newest->at == PVB_LOG_NOWHERE)
		return 0;
	/* of one block there is no order, and no other to begin */
	ret = n_good == 1 ? pvb_log_free_in(store, &good, &store->log.next) : 0;
	return ret ? ret : 1;
}

/* --- flash: no record is whole ------------------------------------------- */

struct pvb_log_census {
	unsigned int whole;	/* blocks with a header */
	unsigned int ours;	/* blocks with our magic and a broken header */
	unsigned int begun;	/* blocks that a cut may have left at the first header */
	unsigned int unreadable;
	unsigned int foreign;
	bool lost;		/* records were whole once */
};

/* A block without a header: are first ones that were cut all that is in it? */
static inline int pvb_log_count_broken(const struct pvb_store *store,
				       const struct pvb_log_block *block,
				       struct pvb_log_census *census)
{
	int readable, erased;

	erased = pvb_log_erased(store, block->at + block->remains,
				store->medium.erase - block->remains);
	if (erased < 0)
		return erased;
	readable = pvb_log_fetch(store, block->at, PVB_LOG_SLOT);
	if (readable < 0)
		return readable;
	if (erased)
		census->begun++;
	else if (readable == PVB_LOG_UNREADABLE)
		census->unreadable++;
	else if (pvb_same(pvb_log_buf(store), pvb_log_magic(), 8))
		census->ours++;
	else
		census->foreign++;
	return 0;
}

/* Was a record other than the first begun there? Then the first was whole once. */
static inline bool pvb_log_not_first(const struct pvb_store *store, uint32_t at)
{
	const uint8_t *p = pvb_log_buf(store);

	return pvb_get16(p) == PVB_LOG_RECORD_MARK && pvb_get32(p + 4) != 1 &&
	       pvb_get32(p + 12) == pvb_log_head_crc(&store->medium, at, p);
}

/*
 * A block with a header and no whole record: nothing but the remains of the first one
 * ever? Each start that writes to it leaves a slot of zeros, so that there are no more
 * remains in a row than of one record, and of what zeros were to go over.
 */
static inline int pvb_log_count_whole(const struct pvb_store *store,
				      const struct pvb_log_block *block,
				      struct pvb_log_census *census)
{
	uint32_t at, end = block->at + store->medium.erase, torn = 0;
	int ret;

	census->whole++;
	if (block->base != 1)
		census->lost = true;
	for (at = pvb_log_first_in(block); end - at >= block->slot; at += block->slot) {
		ret = pvb_log_fetch(store, at, PVB_LOG_SLOT);
		if (ret < 0)
			return ret;
		if (!ret && pvb_all(pvb_log_buf(store), 0, PVB_LOG_SLOT))
			torn = 0;
		else if (ret || !pvb_all(pvb_log_buf(store), 0xff, PVB_LOG_SLOT))
			torn += block->slot;
		if (torn >= PVB_LOG_RECORD_MAX + 4 * block->slot ||
		    (!ret && pvb_log_not_first(store, at)))
			census->lost = true;
	}
	return 0;
}

static inline int pvb_log_count(const struct pvb_store *store, uint32_t at,
				struct pvb_log_census *census)
{
	struct pvb_log_block block;
	int ret = pvb_log_block_at(store, at, &block);

	if (ret)
		return ret;
	switch (block.kind) {
	case PVB_LOG_WHOLE:
		return pvb_log_count_whole(store, &block, census);
	case PVB_LOG_BROKEN:
		return pvb_log_count_broken(store, &block, census);
	case PVB_LOG_ERASED:
		ret = pvb_log_erased(store, at, store->medium.erase);
		census->foreign += !ret;
		return ret < 0 ? ret : 0;
	case PVB_LOG_OTHER:
		return -PVB_EMEDIUMTYPE;
	default:
		return 0;
	}
}

/* No record is whole: why? */
static inline int pvb_log_judge(const struct pvb_store *store)
{
	struct pvb_log_census census = { .whole = 0 };
	uint32_t at;
	int ret;

	for (at = 0; at < store->medium.size; at += store->medium.erase) {
		ret = pvb_log_count(store, at, &census);
		if (ret)
			return ret;
	}
	if (census.lost || census.ours)
		return -PVB_EBADMSG;
	if (census.whole)
		return -PVB_ENODATA;
	if (census.foreign)
		return -PVB_EMEDIUMTYPE;
	return census.unreadable ? -PVB_EIO : -PVB_ENODATA;
}

/* --- flash: all of it ---------------------------------------------------- */

/* As pvb_log_find(); log.seq becomes the number of the newest header, if there is one. */
static inline int pvb_log_look(struct pvb_store *store, struct pvb_log_record *record,
			       bool *headers)
{
	int ret;

	store->log.known = false;
	store->log.block = PVB_LOG_NOWHERE;
	store->log.slot = 0;
	store->log.next = 0;
	store->log.seq = 0;
	store->log.erases = 0;
	store->log.newest = PVB_LOG_NOWHERE;
	store->log.doubtful = true;
	ret = pvb_log_find_quickly(store, record);
	*headers = store->log.block != PVB_LOG_NOWHERE;
	if (!ret)
		ret = pvb_log_find_slowly(store, record);
	return ret ? ret : pvb_log_judge(store);
}

/*
 * Looks for the newest record and leaves in store->log where the next one goes. Its
 * number is beyond any that a cut may have left behind, which may yet turn out whole.
 */
static inline int pvb_log_find(struct pvb_store *store, struct pvb_log_record *record)
{
	struct pvb_log_state *log = &store->log;
	bool headers;
	int ret = pvb_log_look(store, record, &headers);

	if (ret == -PVB_ENODATA) {
		log->seq = headers ? log->seq - 1 : 0;
		log->known = true;
	}
	if (ret < 0)
		return ret;
	log->newest = record->at;
	log->len = record->len;
	if (!headers || pvb_log_later(record->seq, log->seq))
		log->seq = record->seq;
	log->seq++;
	log->known = true;
	return 0;
}

static inline bool pvb_log_geometry_ok(const struct pvb_store *store)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t least = 2 * PVB_LOG_RECORD_MAX;

	if (2 * medium->write > least)
		least = 2 * medium->write;
	return medium->write && medium->write <= PVB_WRITE_UNIT_MAX && medium->size &&
	       store->work && store->work_size >= least &&
	       (!medium->erase || (medium->size % medium->erase == 0 &&
				   medium->erase / 2 >= pvb_log_slot_size(medium)));
}

/**
 * pvb_log_read - what the store says
 * @store: medium, set-up and work are to be filled in, log is to be zero
 * @flags: what it says
 *
 * Return: 0; -PVB_ENODATA: nothing was ever written; -PVB_EMEDIUMTYPE: holds what
 * is not ours; -PVB_EBADMSG: ours, and no record is whole; -PVB_EINVAL: no log can be
 * there; or what the medium says.
 */
static inline int pvb_log_read(struct pvb_store *store, struct pvb_flags *flags)
{
	struct pvb_log_record record;
	int ret;

	pvb_log_no_flags(flags);
	if (!pvb_log_geometry_ok(store))
		return -PVB_EINVAL;
	if (!store->medium.erase)
		return pvb_log_copies_read(store, flags);
	ret = pvb_log_find(store, &record);
	if (ret)
		return ret;
	ret = pvb_log_fetch(store, record.at, PVB_LOG_HEAD + record.len);
	if (ret)
		return ret < 0 ? ret : -PVB_EIO;
	pvb_log_decode(&store->setup, pvb_log_buf(store) + PVB_LOG_HEAD, record.len, flags);
	return 0;
}

#endif /* PVKIT_LOG_H */
