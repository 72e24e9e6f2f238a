/* SPDX-License-Identifier: MIT */
/*
 * log_write - the writer of our own format
 *
 * Documentation/bootflag-log.md gives the rules that it keeps. As freestanding as
 * log.h; the kernel module and the tests compile the same.
 *
 * A test that defines PVB_LOG_MUTANT_NO_READ_BACK or PVB_LOG_MUTANT_NO_OLD_COPY
 * takes out one of the two rules that the format stands on, to see that its
 * power cuts notice. Nothing else may define them.
 */
#ifndef PVKIT_LOG_WRITE_H
#define PVKIT_LOG_WRITE_H

#include "inplace.h"
#include "log.h"

/* --- items --------------------------------------------------------------- */

struct pvb_log_out {
	uint8_t *items;
	uint32_t size;
	uint32_t len;
	bool full;
};

static inline void pvb_log_out_item(struct pvb_log_out *out, unsigned int id, const uint8_t *value,
				    uint32_t len)
{
	uint32_t head = len < 7 ? 1 : 2;

	if (len > 255 || out->size - out->len < head + len) {
		out->full = true;
		return;
	}
	out->items[out->len] = (uint8_t)(id << 3 | (len < 7 ? len : 7));
	if (head == 2)
		out->items[out->len + 1] = (uint8_t)len;
	pvb_copy(out->items + out->len + head, value, len);
	out->len += head + len;
}

static inline void pvb_log_out_number(struct pvb_log_out *out, unsigned int id, uint64_t number)
{
	uint8_t value[8];
	uint32_t len;

	pvb_put64(value, number);
	for (len = 8; len && !value[len - 1]; len--)
		;
	pvb_log_out_item(out, id, value, len);
}

static inline void pvb_log_out_text(struct pvb_log_out *out, unsigned int id, const char *text,
				    uint32_t max)
{
	uint32_t len;

	for (len = 0; len < max && text[len]; len++)
		;
	pvb_log_out_item(out, id, (const uint8_t *)text, len);
}

/* The one-byte number of a mode, or 0. */
static inline uint8_t pvb_log_code_of(const struct pvb_setup *setup, const char *mode)
{
	char name[PVB_MODE_MAX + 1];
	unsigned int i;

	for (i = 0; i < setup->n_modes && i < PVB_MODES_MAX; i++)
		if (pvb_text_same(setup->mode[i].name, mode))
			return pvb_log_mode_code(setup, i) < 256 ?
				(uint8_t)pvb_log_mode_code(setup, i) : 0;
	for (i = 1; mode[0] == '0' && mode[1] == 'x' && i < 256; i++) {
		pvb_log_name_code(setup, (uint8_t)i, name);
		if (pvb_text_same(name, mode))
			return (uint8_t)i;
	}
	return 0;
}

#define PVB_LOG_AB_FIELDS	(PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) | PVB_HAS(PVB_SUCCESSFUL))

static inline void pvb_log_out_slot(struct pvb_log_out *out, const struct pvb_flags *flags,
				    bool tiny)
{
	uint8_t ab = (uint8_t)(flags->slot | flags->successful << 2 | flags->tries << 3);

	if (tiny && (flags->has & PVB_LOG_AB_FIELDS) == PVB_LOG_AB_FIELDS &&
	    flags->tries <= PVB_LOG_AB_TRIES_MAX) {
		pvb_log_out_item(out, PVB_LOG_AB, &ab, 1);
		return;
	}
	if (flags->has & PVB_HAS(PVB_SLOT))
		pvb_log_out_number(out, PVB_SLOT, flags->slot);
	if (flags->has & PVB_HAS(PVB_TRIES))
		pvb_log_out_number(out, PVB_TRIES, flags->tries);
	if (flags->has & PVB_HAS(PVB_SUCCESSFUL))
		pvb_log_out_number(out, PVB_SUCCESSFUL, flags->successful);
}

static inline void pvb_log_out_flags(struct pvb_log_out *out, const struct pvb_setup *setup,
				     const struct pvb_flags *flags, bool tiny)
{
	uint8_t code;

	if (flags->has & PVB_HAS(PVB_MODE)) {
		code = tiny ? pvb_log_code_of(setup, flags->mode) : 0;
		if (code)
			pvb_log_out_item(out, PVB_LOG_MODE_CODE, &code, 1);
		else
			pvb_log_out_text(out, PVB_MODE, flags->mode, PVB_MODE_MAX);
	}
	pvb_log_out_slot(out, flags, tiny);
	if (flags->has & PVB_HAS(PVB_FAILURES))
		pvb_log_out_number(out, PVB_FAILURES, flags->failures);
	if (flags->has & PVB_HAS(PVB_ARMED))
		pvb_log_out_number(out, PVB_ARMED, flags->armed);
	if (flags->has & PVB_HAS(PVB_CURSOR))
		pvb_log_out_number(out, PVB_CURSOR, flags->cursor);
	if (flags->has & PVB_HAS(PVB_PHASE))
		pvb_log_out_text(out, PVB_PHASE, flags->phase, PVB_PHASE_MAX);
	if (flags->has & PVB_HAS(PVB_REASON))
		pvb_log_out_text(out, PVB_REASON, flags->reason, PVB_REASON_MAX);
}

/*
 * What a newer version wrote and this one does not understand goes along, in its
 * order, as far as there is room; but not what now has a value that we know.
 */
static inline void pvb_log_out_unknown(struct pvb_log_out *out, const struct pvb_setup *setup,
				       const struct pvb_flags *flags, const uint8_t *old,
				       uint32_t size)
{
	bool full = out->full;
	struct pvb_log_item item;
	struct pvb_flags taken;
	uint32_t at;

	pvb_log_no_flags(&taken);
	for (at = 0; pvb_log_item(old, size, at, &item) > 0; at = item.next) {
		if (pvb_log_take(setup, &item, &taken))
			continue;
		if (item.id < PVB_FIELDS && (flags->has & PVB_HAS(item.id)))
			continue;
		pvb_log_out_item(out, item.id, item.value, item.len);
	}
	out->full = full;
}

static inline bool pvb_log_valid(const struct pvb_flags *flags)
{
	return (!(flags->has & PVB_HAS(PVB_SLOT)) || flags->slot < PVB_SLOTS_MAX) &&
	       (!(flags->has & PVB_HAS(PVB_SUCCESSFUL)) || flags->successful <= 1) &&
	       (!(flags->has & PVB_HAS(PVB_ARMED)) || flags->armed <= 1) &&
	       (!(flags->has & PVB_HAS(PVB_MODE)) || flags->mode[0]) &&
	       (!(flags->has & PVB_HAS(PVB_REASON)) || flags->reason[0]) &&
	       (!(flags->has & PVB_HAS(PVB_PHASE)) || flags->phase[0]);
}

/* --- what can be kept ---------------------------------------------------- */

/* Bytes for items. */
static inline uint32_t pvb_log_room(const struct pvb_medium *medium)
{
	struct pvb_log_copy copy;

	if (medium->erase)
		return PVB_LOG_ITEMS_MAX;
	pvb_log_copy_layout(medium, &copy);
	return copy.size - copy.items;
}

static inline uint32_t pvb_log_work(const struct pvb_store *store)
{
	/* the more at once, the faster a medium is looked through */
	return 2 * store->medium.write > 4096 ? 2 * store->medium.write : 4096;
}

static inline int pvb_log_check(const struct pvb_store *store)
{
	const struct pvb_medium *medium = &store->medium;
	const struct pvb_setup *setup = &store->setup;
	struct pvb_log_copy copy;
	unsigned int i, j;

	if (!medium->write || medium->write > PVB_WRITE_UNIT_MAX || !medium->size)
		return -PVB_EINVAL;
	for (i = 0; i < setup->n_modes; i++)
		for (j = 0; j < i; j++)
			if (pvb_log_mode_code(setup, i) == pvb_log_mode_code(setup, j))
				return -PVB_EINVAL;
	if (!medium->erase) {
		pvb_log_copy_layout(medium, &copy);
		return copy.size < PVB_LOG_COPY_MIN ? -PVB_ENOSPC : 0;
	}
	if (medium->size % medium->erase || medium->erase % medium->write)
		return -PVB_EINVAL;
	if (medium->size < medium->erase ||
	    medium->erase - pvb_log_slot_size(medium) < PVB_LOG_RECORD_MAX)
		return -PVB_ENOSPC;
	return 0;
}

/*
 * A field is offered where its largest value would fit by itself, a mode always;
 * of a reason some words.
 */
static inline uint32_t pvb_log_fields(const struct pvb_store *store)
{
	uint32_t room = pvb_log_room(&store->medium);
	uint32_t fields = PVB_ALL_FIELDS;

	if (room < 2 + 8)
		fields &= ~PVB_HAS(PVB_CURSOR);
	if (room < 2 + PVB_PHASE_MAX)
		fields &= ~(PVB_HAS(PVB_PHASE) | PVB_HAS(PVB_REASON));
	return fields;
}

/* Of an only block that is erased when it is full nothing is left while it is. */
static inline uint32_t pvb_log_guarantee(const struct pvb_store *store)
{
	const struct pvb_medium *medium = &store->medium;

	return medium->erase && medium->size == medium->erase && store->setup.wrap ? 0 : PVB_ATOMIC;
}

/* --- two copies ---------------------------------------------------------- */

/* The units of the image that hold its bytes `from` to `to`. */
static inline int pvb_log_copy_program(struct pvb_store *store, uint32_t at, uint32_t from,
				       uint32_t to)
{
	const struct pvb_medium *medium = &store->medium;

	from -= from % medium->write;
	to += (medium->write - to % medium->write) % medium->write;
	return medium->program(medium->arg, at + from, store->work + from, to - from);
}

/*
 * The image in the lower half of work goes over the copy whose bytes are `old`. Its
 * CRC is made void, by bytes of `blank`, before anything else changes and right after
 * everything has: no cut leaves a CRC beside bytes that it might fit by chance.
 */
static inline int pvb_log_copy_replace(struct pvb_store *store, const struct pvb_log_copy *copy,
				       uint32_t at, const uint8_t *old, uint8_t blank)
{
	uint8_t *image = store->work;
	uint8_t fresh[PVB_LOG_RECORD_MAX];
	int ret;

	pvb_copy(fresh, image, copy->size);
	pvb_copy(image, old, copy->size);
	pvb_fill(image, blank, copy->crc);
	ret = pvb_log_copy_program(store, at, 0, copy->crc);
	if (ret < 0)
		return ret;
	pvb_copy(image + copy->crc, fresh + copy->crc, copy->items - copy->crc);
	ret = pvb_log_copy_program(store, at, copy->crc, copy->items);
	if (ret < 0)
		return ret;
	pvb_copy(image + copy->items, fresh + copy->items, copy->size - copy->items);
	ret = pvb_log_copy_program(store, at, copy->items, copy->size);
	if (ret < 0)
		return ret;
	ret = pvb_sync(&store->medium);
	if (ret < 0)
		return ret;
	pvb_copy(image, fresh, copy->crc);
	ret = pvb_log_copy_program(store, at, 0, copy->crc);
	return ret < 0 ? ret : pvb_sync(&store->medium);
}

static inline void pvb_log_copy_finish(const struct pvb_log_copy *copy, uint8_t *image, uint8_t seq)
{
	uint32_t crc;

	if (copy->crc == 4) {
		pvb_put16(image + 4, PVB_LOG_COPY_MARK);
		image[6] = PVB_LOG_VERSION;
	}
	image[copy->items - 1] = seq;
	crc = pvb_log_copy_crc(copy, image);
	if (copy->crc == 4)
		pvb_put32(image, crc);
	else
		pvb_put16(image, (uint16_t)crc);
}

/* Does the medium hold at `at` what the image begins with: 0; -PVB_EIO: no; or negative. */
static inline int pvb_log_read_back(const struct pvb_store *store, uint32_t at, uint32_t len)
{
#ifdef PVB_LOG_MUTANT_NO_READ_BACK
	return 0;
#endif
	int ret = pvb_log_fetch(store, at, len);

	if (ret < 0)
		return ret;
	return ret || !pvb_same(pvb_log_buf(store), store->work, len) ? -PVB_EIO : 0;
}

/* The image of the next copy, with what of the newest one is to be kept. 0 or -PVB_ENOSPC. */
static inline int pvb_log_make_copy(struct pvb_store *store, const struct pvb_log_copy *copy,
				    const struct pvb_flags *flags, const uint8_t *old)
{
	uint32_t room = copy->size - copy->items;
	struct pvb_log_out out = { .items = store->work + copy->items, .size = room };
	uint8_t seq = old ? pvb_log_copy_seq(copy, old) : 0;

	pvb_fill(store->work, 0, copy->size);
	pvb_log_out_flags(&out, &store->setup, flags, copy->size < PVB_LOG_TINY);
	if (old)
		pvb_log_out_unknown(&out, &store->setup, flags, old + copy->items, room);
	if (out.full)
		return -PVB_ENOSPC;
	pvb_log_copy_finish(copy, store->work, (uint8_t)(seq + 1));
	return 0;
}

static inline int pvb_log_copies_write(struct pvb_store *store, const struct pvb_flags *flags,
				       bool force)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t newest = PVB_LOG_NOWHERE, at;
	uint8_t *old = pvb_log_buf(store);
	struct pvb_log_copy copy;
	uint8_t blank = 0;
	int ret;

	pvb_log_copy_layout(medium, &copy);
	ret = pvb_log_copies_find(store, &copy, &newest);
	if (ret && ret != -PVB_ENODATA &&
	    !(force && (ret == -PVB_EBADMSG || ret == -PVB_EMEDIUMTYPE)))
		return ret;
	/* nothing but the first record, and that was cut: its blank is the other copy's */
	if (ret == -PVB_ENODATA)
		blank = old[0];
	if (newest == 0)
		pvb_copy(old, store->work, copy.size);
	ret = pvb_log_make_copy(store, &copy, flags, newest == PVB_LOG_NOWHERE ? NULL : old);
	if (ret)
		return ret;
#ifdef PVB_LOG_MUTANT_NO_OLD_COPY
	at = newest == PVB_LOG_NOWHERE ? 0 : newest;
#else
	at = newest == 0 ? copy.size : 0;
#endif
	ret = medium->read(medium->arg, at, old, copy.size);
	if (ret >= 0 && pvb_log_copy_blank(&copy, old))
		blank = old[0];
	if (ret >= 0)
		ret = pvb_log_copy_replace(store, &copy, at, old, blank);
	return ret < 0 ? ret : pvb_log_read_back(store, at, copy.size);
}

/* --- flash --------------------------------------------------------------- */

/* What became of an attempt; below 0 no other place would be better. */
enum pvb_log_attempt {
	PVB_LOG_DONE,
	PVB_LOG_FULL,		/* no room there; nothing was written */
	PVB_LOG_UNFIT,		/* what was written does not read back, or is not free */
	PVB_LOG_FAILED		/* the medium says that it can't be written there */
};

/* Only this one is of that place: a medium that is gone or read-only has no bad blocks. */
static inline int pvb_log_outcome(int ret)
{
	if (ret == -PVB_EIO)
		return PVB_LOG_FAILED;
	return ret < 0 ? ret : PVB_LOG_DONE;
}

/*
 * Slot by slot, in order: a cut then leaves one slot in doubt, and those after it
 * erased. The image is as long as the slots are.
 */
static inline int pvb_log_program(const struct pvb_store *store, uint32_t at, uint32_t len)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium), done;
	int ret;

	for (done = 0; done < len; done += slot) {
		ret = medium->program(medium->arg, at + done, store->work + done, slot);
		if (ret < 0)
			return pvb_log_outcome(ret);
	}
	return PVB_LOG_DONE;
}

/*
 * The image of a record but for the checksum of its head; what its last slot has left
 * is zero. Its span, or -PVB_ENOSPC.
 */
static inline int pvb_log_make_record(struct pvb_store *store, const struct pvb_flags *flags,
				      const uint8_t *old, uint32_t old_len, uint32_t seq)
{
	uint8_t *image = store->work;
	struct pvb_log_out out = { .items = image + PVB_LOG_HEAD, .size = PVB_LOG_ITEMS_MAX };
	uint32_t slot = pvb_log_slot_size(&store->medium), span, i;

	pvb_log_out_flags(&out, &store->setup, flags, false);
	pvb_log_out_unknown(&out, &store->setup, flags, old, old_len);
	if (out.full)
		return -PVB_ENOSPC;
	span = pvb_log_span(slot, out.len);
	pvb_fill(image + PVB_LOG_HEAD + out.len, 0, span - PVB_LOG_HEAD - out.len);
	pvb_put16(image, PVB_LOG_RECORD_MARK);
	pvb_put16(image + 2, (uint16_t)out.len);
	pvb_put32(image + 4, seq);
	pvb_put32(image + 8, pvb_crc32(0, image + PVB_LOG_HEAD, out.len));
	/* a used slot that reads as erased would hide what follows */
	for (i = 0; i < span; i += slot)
		if (pvb_all(image + i, 0xff, slot))
			return -PVB_ENOSPC;
	return (int)span;
}

/*
 * After an attempt whose remains may read as whole one day: what is acknowledged is
 * later. Not of the very first record, whose number says that none is lost.
 */
static inline void pvb_log_renumber(struct pvb_store *store)
{
	uint8_t *seq = store->work + 4;

	if (store->log.newest != PVB_LOG_NOWHERE)
		pvb_put32(seq, pvb_get32(seq) + 1);
}

/*
 * The record of the image at `at`. Synced before it is read back: what is in some
 * cache is not written; and read back before anything is done that counts on it.
 */
static inline int pvb_log_place(const struct pvb_store *store, uint32_t at, uint32_t span)
{
	uint32_t len = PVB_LOG_HEAD + pvb_get16(store->work + 2);
	int ret;

	pvb_put32(store->work + 12, pvb_log_head_crc(&store->medium, at, store->work));
	ret = pvb_log_program(store, at, span);
	if (ret)
		return ret;
	ret = pvb_sync(&store->medium);
	if (ret < 0)
		return pvb_log_outcome(ret);
	ret = pvb_log_read_back(store, at, len);
	return ret == -PVB_EIO ? PVB_LOG_UNFIT : ret;
}

/*
 * A cut in the middle of a program may leave bits that read as erased today and not
 * tomorrow. After a start nobody knows, so the next place is given up: zeros leave
 * nothing in doubt.
 */
static inline int pvb_log_burn(struct pvb_store *store)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium);
	uint8_t *zeros = pvb_log_buf(store);
	int ret;

	if (!store->log.doubtful)
		return PVB_LOG_DONE;
	pvb_fill(zeros, 0, slot);
	ret = medium->program(medium->arg, store->log.next, zeros, slot);
	if (ret < 0 && ret != -PVB_EIO)
		return ret;
	ret = pvb_log_erased(store, store->log.next, slot);
	if (ret)
		return ret < 0 ? ret : PVB_LOG_UNFIT;
	store->log.next += slot;
	store->log.doubtful = false;
	return PVB_LOG_DONE;
}

static inline uint32_t pvb_log_block_end(const struct pvb_store *store, uint32_t at)
{
	return at - at % store->medium.erase + store->medium.erase;
}

static inline int pvb_log_append(struct pvb_store *store, uint32_t span)
{
	struct pvb_log_state *log = &store->log;
	uint32_t slot = pvb_log_slot_size(&store->medium), end;
	int ret;

	if (log->block == PVB_LOG_NOWHERE || log->slot != slot)
		return PVB_LOG_FULL;
	end = log->block + store->medium.erase;
	if (end - log->next < span + (log->doubtful ? slot : 0))
		return PVB_LOG_FULL;
	/* the first time all that follows: halving may have been led astray */
	ret = log->doubtful ? pvb_log_erased(store, log->next + slot, end - log->next - slot) :
			      pvb_log_erased(store, log->next, span);
	if (ret <= 0)
		return ret < 0 ? ret : PVB_LOG_UNFIT;
	ret = pvb_log_burn(store);
	if (ret)
		return ret;
	return pvb_log_place(store, log->next, span);
}

/*
 * The header goes where the block begins, but the image is the record's: it is put
 * into the half that what is read comes to.
 */
static inline int pvb_log_place_header(const struct pvb_store *store, uint32_t at, uint32_t head,
				       uint32_t base, uint32_t erases)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium);
	uint8_t *image = pvb_log_buf(store);
	struct pvb_log_block block;
	int ret;

	pvb_fill(image, 0xff, slot);
	pvb_log_make_header(medium, base, erases, image);
	ret = medium->program(medium->arg, at + head, image, slot);
	if (ret < 0)
		return pvb_log_outcome(ret);
	ret = pvb_sync(&store->medium);
	if (ret < 0)
		return pvb_log_outcome(ret);
	ret = pvb_log_block_at(store, at, &block);
	if (ret)
		return ret;
	return block.kind == PVB_LOG_WHOLE && block.base == base ? PVB_LOG_DONE : PVB_LOG_UNFIT;
}

/*
 * A header is written when the erase is over and on the medium: it says so. What
 * was written so far is synced before the erase, which may take the last record
 * but one; what the newest record replaces must be safe by then.
 */
static inline int pvb_log_erase(const struct pvb_store *store, uint32_t at)
{
	const struct pvb_medium *medium = &store->medium;
	int ret = pvb_sync(&store->medium);

	if (ret >= 0)
		ret = medium->erase_block(medium->arg, at);
	if (ret >= 0)
		ret = pvb_sync(&store->medium);
	return pvb_log_outcome(ret);
}

/* A block that can't be used: it must not look like one that is erased or newest. */
static inline void pvb_log_give_up(const struct pvb_store *store, uint32_t at)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium);

	if (medium->mark_bad && medium->mark_bad(medium->arg, at) >= 0)
		return;
	if (!medium->bitwise && pvb_log_erased(store, at, slot) != 1)
		return;
	pvb_fill(pvb_log_buf(store), 0, slot);
	medium->program(medium->arg, at, pvb_log_buf(store), slot);
}

/* Begins the block at `at`, from its slot at `head` on, with the record of the image. */
static inline int pvb_log_begin(struct pvb_store *store, uint32_t at, uint32_t head, uint32_t span,
				bool erase)
{
	uint32_t slot = pvb_log_slot_size(&store->medium);
	uint32_t seq = pvb_get32(store->work + 4);
	uint32_t erases = store->log.erases;
	struct pvb_log_block old;
	int ret;

	ret = pvb_log_block_at(store, at, &old);
	if (ret)
		return ret;
	if (old.kind == PVB_LOG_BAD)
		return PVB_LOG_FULL;
	if (erase) {
		erases = old.kind == PVB_LOG_WHOLE ? old.erases + 1 : erases ? erases : 1;
		ret = pvb_log_erase(store, at);
	}
	if (!ret)
		ret = pvb_log_place_header(store, at, head, seq, erases);
	if (!ret)
		ret = pvb_log_place(store, at + head + slot, span);
	if (ret == PVB_LOG_FAILED)
		pvb_log_give_up(store, at);
	if (ret)
		return ret;
	store->log.block = at;
	store->log.slot = slot;
	store->log.next = at + head + slot;
	store->log.erases = erases;
	store->log.doubtful = false;
	return PVB_LOG_DONE;
}

/*
 * A medium that came erased throughout is taken to be erased: its first block is
 * begun without another erase, which a cut could make look foreign. So is a block
 * that a cut has left at just that: the bits of its header are cleared again, or,
 * where they can't be, it gets another one behind.
 */
static inline int pvb_log_begin_first(struct pvb_store *store, uint32_t span)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t slot = pvb_log_slot_size(medium), most = PVB_LOG_HEADERS * slot, at, head;
	int outcome = PVB_LOG_FULL, ret;
	struct pvb_log_block block;

	if (most > medium->erase - span)
		most = medium->erase - span;
	for (at = 0; at < medium->size && outcome; at += medium->erase) {
		ret = pvb_log_block_at(store, at, &block);
		if (ret)
			return ret;
		head = medium->bitwise ? 0 : block.remains;
		if (head + slot > most)
			continue;
		ret = pvb_log_erased(store, at + head, medium->erase - head);
		if (ret < 0)
			return ret;
		if (!ret && !medium->bitwise)
			continue;
		outcome = pvb_log_begin(store, at, head, span, false);
		if (outcome < 0)
			return outcome;
	}
	return outcome;
}

/*
 * The next good block after that which is written, round and round; never the one
 * that holds the newest record.
 */
static inline int pvb_log_begin_next(struct pvb_store *store, uint32_t span)
{
	const struct pvb_medium *medium = &store->medium;
	uint32_t n = pvb_log_blocks(medium), at = store->log.block, keep = store->log.newest;
	int outcome = PVB_LOG_FULL, ret;

#ifdef PVB_LOG_MUTANT_NO_OLD_COPY
	keep = PVB_LOG_NOWHERE;
	at = at == PVB_LOG_NOWHERE ? 0 : at + medium->size - medium->erase;
#endif
	if (at == PVB_LOG_NOWHERE)
		at = medium->size - medium->erase;
	if (keep != PVB_LOG_NOWHERE)
		keep -= keep % medium->erase;
	while (n--) {
		at = (at + medium->erase) % medium->size;
		if (at == keep)
			continue;
		ret = pvb_log_begin(store, at, 0, span, true);
		if (ret <= 0)
			return ret;
		if (ret == PVB_LOG_FULL)
			continue;
		outcome = ret;
		pvb_log_renumber(store);
	}
	return outcome;
}

/*
 * Over what is foreign or broken: all of it goes, so that nothing of it is ever
 * taken for newer than what comes.
 */
static inline int pvb_log_erase_all(struct pvb_store *store)
{
	const struct pvb_medium *medium = &store->medium;
	struct pvb_log_block block;
	uint32_t at;
	int ret;

	for (at = 0; at < medium->size; at += medium->erase) {
		ret = pvb_log_block_at(store, at, &block);
		if (ret)
			return ret;
		if (block.kind == PVB_LOG_BAD)
			continue;
		ret = pvb_log_erase(store, at);
		if (ret < 0)
			return ret;
		if (ret)
			pvb_log_give_up(store, at);
	}
	store->log.block = PVB_LOG_NOWHERE;
	store->log.newest = PVB_LOG_NOWHERE;
	store->log.seq = 0;
	store->log.erases = 1;
	return 0;
}

/* Where the state of the log is not known: finds it, or makes room by force. */
static inline int pvb_log_ready(struct pvb_store *store, bool force, bool *erase_all)
{
	struct pvb_log_record record;
	int ret = store->log.known ? 0 : pvb_log_find(store, &record);

	*erase_all = force && (ret == -PVB_EMEDIUMTYPE || ret == -PVB_EBADMSG);
	return ret == -PVB_ENODATA || *erase_all ? 0 : ret;
}

/* The image of the next record, with what of the newest one is to be kept. */
static inline int pvb_log_next_record(struct pvb_store *store, const struct pvb_flags *flags)
{
	const struct pvb_log_state *log = &store->log;
	uint32_t old_len = log->newest == PVB_LOG_NOWHERE ? 0 : log->len;
	int ret;

	if (old_len) {
		ret = pvb_log_fetch(store, log->newest, PVB_LOG_HEAD + old_len);
		if (ret)
			return ret < 0 ? ret : -PVB_EIO;
	}
	return pvb_log_make_record(store, flags, pvb_log_buf(store) + PVB_LOG_HEAD, old_len,
				   log->seq + 1);
}

/* In a block that is to be begun. As pvb_log_attempt, or below 0. */
static inline int pvb_log_put_elsewhere(struct pvb_store *store, uint32_t span, bool force)
{
	const struct pvb_log_state *log = &store->log;
	int ret = PVB_LOG_FULL;

	if (log->block == PVB_LOG_NOWHERE)
		ret = pvb_log_begin_first(store, span);
	if (ret > 0)
		ret = pvb_log_begin_next(store, span);
	if (ret != PVB_LOG_FULL || log->newest == PVB_LOG_NOWHERE ||
	    !(force || store->setup.wrap))
		return ret;
	/* there is no other block: the one and only copy goes, as was asked for */
	return pvb_log_begin(store, log->newest - log->newest % store->medium.erase, 0, span,
			     true);
}

/* Writes the image, wherever it can be. 0, or negative. */
static inline int pvb_log_put_record(struct pvb_store *store, uint32_t span, bool force)
{
	uint32_t before = store->log.block;
	int first, ret;

	first = pvb_log_append(store, span);
	if (first <= 0)
		return first;
	if (first != PVB_LOG_FULL)
		pvb_log_renumber(store);
	ret = pvb_log_put_elsewhere(store, span, force);
	if (ret < 0)
		return ret;
	/* what that block holds is elsewhere now */
	if (!ret && first == PVB_LOG_FAILED && before != store->log.block)
		pvb_log_give_up(store, before);
	if (ret == PVB_LOG_FULL && first == PVB_LOG_FULL)
		return -PVB_ENOSPC;
	return ret ? -PVB_EIO : 0;
}

static inline int pvb_log_flash_write(struct pvb_store *store, const struct pvb_flags *flags,
				      bool force)
{
	struct pvb_log_state *log = &store->log;
	bool erase_all;
	int span, ret;

	ret = pvb_log_ready(store, force, &erase_all);
	if (ret)
		return ret;
	span = pvb_log_next_record(store, flags);
	if (span < 0)
		return span;
	log->known = false;
	ret = erase_all ? pvb_log_erase_all(store) : 0;
	if (!ret)
		ret = pvb_log_put_record(store, (uint32_t)span, force);
	if (ret)
		return ret;
	log->newest = log->next;
	log->next += (uint32_t)span;
	log->len = pvb_get16(store->work + 2);
	log->seq = pvb_get32(store->work + 4);
	log->known = true;
	return 0;
}

/**
 * pvb_log_write - have the store say something else
 * @store: as for pvb_log_read(); its log as the last call has left it, or zero
 * @was: what it says; not used
 * @flags: what it is to say
 * @force: also over what is foreign or broken, and by erasing the only block
 *
 * Return: 0, the new flags are on the medium for good and have been read back;
 * -PVB_EOPNOTSUPP, -PVB_ENOSPC: they can't be kept, or the only block is full, and
 * nothing was written; -PVB_EMEDIUMTYPE, -PVB_EBADMSG: not without @force;
 * -PVB_EIO: they could not be written anywhere, the old ones are there as before.
 */
static inline int pvb_log_write(struct pvb_store *store, const struct pvb_flags *was,
				const struct pvb_flags *flags, bool force)
{
	(void)was;
	if (!pvb_log_geometry_ok(store) || pvb_log_check(store) || !pvb_log_valid(flags))
		return -PVB_EINVAL;
	if (flags->has & ~pvb_log_fields(store))
		return -PVB_EOPNOTSUPP;
	if (!store->medium.erase)
		return pvb_log_copies_write(store, flags, force);
	return pvb_log_flash_write(store, flags, force);
}

static const struct pvb_format pvb_log_format = {
	.name = "log",
	.check = pvb_log_check,
	.fields = pvb_log_fields,
	.read = pvb_log_read,
	.write = pvb_log_write,
	.guarantee = pvb_log_guarantee,
	.work = pvb_log_work,
};

#endif /* PVKIT_LOG_WRITE_H */
