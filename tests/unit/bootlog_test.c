// SPDX-License-Identifier: MIT
/*
 * The log format apart from power cuts: what it holds, what it makes of media that are
 * not its own, of failing blocks and flipped bits, and how much it reads and writes.
 */
#include "ktap.h"
#include "bootlog.h"

#define NOR(n, block)	{ .size = (n) * (block), .erase = (block), .write = 1, .bitwise = true }
#define NAND(n)		{ .size = (n) * 16384, .erase = 16384, .write = 2048 }

static const struct sim nor4 = NOR(4, 512);
static const struct sim nand8 = NAND(8);
static const struct sim tiny = { .size = 16, .write = 1 };
static const struct sim copies = { .size = 512, .write = 1 };

static void given(struct bootlog *log, const struct sim *like)
{
	bootlog_init(log, like, like->erase ? 0xff : 0);
	memset(log->sim.dirty, 1, log->sim.n_blocks);
}

static struct pvb_flags mode(const char *name)
{
	struct pvb_flags flags = { .has = PVB_HAS(PVB_MODE) };

	strcpy(flags.mode, name);
	return flags;
}

static struct pvb_flags tries(unsigned int n)
{
	return (struct pvb_flags){ .has = PVB_HAS(PVB_TRIES), .tries = (uint8_t)n };
}

static bool says(struct bootlog *log, const struct pvb_flags *want)
{
	char text[2][300];
	struct pvb_flags got;
	int ret = bootlog_read(log, &got);

	if (!ret && bootlog_same(&got, want))
		return true;
	printf("# expected: %s\n", bootlog_text(want, text[0], sizeof(text[0])));
	printf("# got:      %d, %s\n", ret, bootlog_text(&got, text[1], sizeof(text[1])));
	return false;
}

/* Writes updates `from` to `to` - 1; the number of those that went wrong. */
static unsigned int updates(struct bootlog *log, unsigned int from, unsigned int to)
{
	struct pvb_flags flags;
	unsigned int bad = 0;

	for (; from < to; from++) {
		bootlog_flags(from, pvb_log_room(&log->store.medium), &flags);
		bad += !!bootlog_write(log, &flags, false);
	}
	return bad;
}

static void full_flags(struct pvb_flags *flags)
{
	memset(flags, 0, sizeof(*flags));
	flags->has = PVB_ALL_FIELDS;
	flags->slot = PVB_SLOTS_MAX - 1;
	flags->tries = 255;
	flags->successful = 1;
	flags->failures = 255;
	flags->armed = 1;
	flags->cursor = ~(uint64_t)0;
	memset(flags->mode, 'm', PVB_MODE_MAX);
	memset(flags->reason, 0xe4, PVB_REASON_MAX);
	memset(flags->phase, 'p', PVB_PHASE_MAX);
}

static void test_limits(const char *what, const struct sim *like)
{
	struct pvb_flags flags;
	struct bootlog log;

	given(&log, like);
	full_flags(&flags);
	ktap_eq(bootlog_write(&log, &flags, false), 0, "%s: each field at its largest", what);
	ktap_check(says(&log, &flags), "%s: and it reads so", what);
	memset(&flags, 0, sizeof(flags));
	flags.has = PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_CURSOR);
	ktap_eq(bootlog_write(&log, &flags, false), 0, "%s: zeros", what);
	ktap_check(says(&log, &flags), "%s: are not the same as nothing", what);
	flags.has = 0;
	ktap_eq(bootlog_write(&log, &flags, false), 0, "%s: nothing at all", what);
	ktap_check(says(&log, &flags), "%s: reads as set once, and empty", what);
	flags.has = PVB_HAS(PVB_SLOT);
	flags.slot = PVB_SLOTS_MAX;
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_EINVAL, "%s: no slot e", what);
	bootlog_free(&log);
}

static void test_tiny(void)
{
	struct pvb_flags flags, old;
	struct bootlog log;

	given(&log, &tiny);
	ktap_eq(pvb_log_check(&log.store), 0, "16 bytes are enough");
	ktap_eq(pvb_log_fields(&log.store),
		PVB_ALL_FIELDS & ~(PVB_HAS(PVB_REASON) | PVB_HAS(PVB_PHASE) | PVB_HAS(PVB_CURSOR)),
		"16 bytes: all fields but reason, phase and cursor");
	flags = (struct pvb_flags){ .slot = 3, .tries = 31, .successful = 1,
		.has = PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES) |
		       PVB_HAS(PVB_SUCCESSFUL) };
	strcpy(flags.mode, "bootloader");
	ktap_eq(bootlog_write(&log, &flags, false), 0,
		"16 bytes: mode, slot, tries and successful together");
	ktap_check(says(&log, &flags), "16 bytes: and it reads so");
	old = flags;
	flags.has |= PVB_HAS(PVB_FAILURES);
	flags.failures = 200;
	log.sim.programs = 0;
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_ENOSPC, "16 bytes: no failures beside");
	ktap_eq((int)log.sim.programs, 0, "16 bytes: found before anything is written");
	ktap_check(says(&log, &old), "16 bytes: so all is as it was");
	flags = mode("0x52");
	ktap_eq(bootlog_write(&log, &flags, false), 0, "16 bytes: a mode by its number");
	ktap_check(says(&log, &flags), "16 bytes: reads as that number");
	flags = mode("ab");
	ktap_eq(bootlog_write(&log, &flags, false), 0, "16 bytes: a short text");
	ktap_check(says(&log, &flags), "16 bytes: reads as that text");
	flags = mode("no-such-mode");
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_ENOSPC, "16 bytes: not a long one");
	flags.has = PVB_HAS(PVB_REASON);
	strcpy(flags.reason, "x");
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_EOPNOTSUPP, "16 bytes: nor a reason");
	log.store.setup.mode[1].magic = 1;
	ktap_eq(pvb_log_check(&log.store), -PVB_EINVAL, "two modes with one number are refused");
	bootlog_free(&log);
}

static void test_geometry(void)
{
	static const struct {
		struct sim like;
		int ret;
	} cases[] = {
		{ { .size = 15, .write = 1 }, -PVB_ENOSPC },
		{ { .size = 16, .write = 1 }, 0 },
		{ { .size = 16, .write = 0 }, -PVB_EINVAL },
		{ { .size = 0, .write = 1 }, -PVB_EINVAL },
		{ NOR(1, 256), -PVB_ENOSPC },
		{ NOR(1, 288), 0 },
		{ { .size = 1000, .erase = 512, .write = 1 }, -PVB_EINVAL },
		{ { .size = 4096, .erase = 4096, .write = 4096 }, -PVB_ENOSPC },
		{ { .size = 8192, .erase = 8192, .write = 4096 }, 0 },
		{ { .size = 1 << 20, .erase = 1 << 20, .write = 32768 }, -PVB_EINVAL },
	};
	struct pvb_store store;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(&store, 0, sizeof(store));
		store.medium.size = cases[i].like.size;
		store.medium.erase = cases[i].like.erase;
		store.medium.write = cases[i].like.write;
		ktap_eq(pvb_log_check(&store), cases[i].ret, "size %u, erase %u, write %u",
			store.medium.size, store.medium.erase, store.medium.write);
	}
}

/* --- what a newer version wrote ------------------------------------------ */

/* A record as a newer version would write it: `items` in place of ours. */
static void plant(struct bootlog *log, const uint8_t *items, uint32_t len)
{
	struct pvb_flags none = { .has = 0 };
	uint8_t *p;

	bootlog_write(log, &none, false);
	p = log->sim.now.bytes + log->store.log.newest;
	memcpy(p + 16, items, len);
	pvb_put16(p + 2, (uint16_t)len);
	pvb_put32(p + 8, pvb_crc32(0, p + 16, len));
	pvb_put32(p + 12, pvb_log_head_crc(&log->store.medium, log->store.log.newest, p));
	bootlog_restart(log);
}

/* Is there such an item in the newest record? */
static bool has_item(struct bootlog *log, unsigned int id, const char *value)
{
	struct pvb_log_record record;
	struct pvb_log_item item;
	const uint8_t *items = log->sim.now.bytes;
	uint32_t at = 0;

	bootlog_restart(log);
	if (pvb_log_find(&log->store, &record))
		return false;
	items += record.at + 16;
	for (; pvb_log_item(items, record.len, at, &item) > 0; at = item.next)
		if (item.id == id && item.len == strlen(value) &&
		    !memcmp(item.value, value, item.len))
			return true;
	return false;
}

static void test_unknown_items(void)
{
	static const uint8_t items[] = { 20 << 3 | 3, 'n', 'e', 'w', PVB_MODE << 3 | 3, 'o', 't',
					 'a', PVB_TRIES << 3 | 2, '\1', '\1' };
	struct pvb_flags flags = mode("ota");
	struct bootlog log;

	given(&log, &nor4);
	plant(&log, items, sizeof(items));
	ktap_check(says(&log, &flags), "items that this version does not know are passed over");
	flags = mode("recovery");
	ktap_eq(bootlog_write(&log, &flags, false), 0, "a write over them");
	ktap_check(has_item(&log, 20, "new"), "keeps an item that is not known");
	ktap_check(has_item(&log, PVB_TRIES, "\1\1"), "and a value beyond what is known");
	flags = tries(3);
	ktap_eq(bootlog_write(&log, &flags, false), 0, "a write of that field");
	ktap_check(!has_item(&log, PVB_TRIES, "\1\1") && says(&log, &flags), "replaces it");
	full_flags(&flags);
	ktap_eq(bootlog_write(&log, &flags, false), 0, "a write of everything");
	ktap_check(has_item(&log, 20, "new"), "still has room for it");
	bootlog_free(&log);
}

static void test_unknown_too_long(void)
{
	uint8_t items[] = { 20 << 3 | 7, 200, [2 ... 201] = 'x', 21 << 3 | 1, 'y' };
	struct pvb_flags flags;
	struct bootlog log;

	given(&log, &nor4);
	plant(&log, items, sizeof(items));
	full_flags(&flags);
	ktap_eq(bootlog_write(&log, &flags, false), 0, "what is known goes before what is not");
	ktap_check(says(&log, &flags) && has_item(&log, 21, "y"),
		   "an unknown item without room goes, one that fits stays");
	bootlog_free(&log);
}

/* --- media that hold something else -------------------------------------- */

/* The start of a littlefs superblock pair: revision, a tag, its name. */
static void make_littlefs(uint8_t *p, uint32_t size)
{
	(void)size;
	memcpy(p, "\1\0\0\0\360\17\377\367littlefs/\340\0\20", 20);
}

static void make_text(uint8_t *p, uint32_t size)
{
	memset(p, 0xff, size);
	memcpy(p + size - 20, "serial=0001", 11);
}

static void make_zeros(uint8_t *p, uint32_t size)
{
	memset(p, 0, size);
}

static void make_random(uint8_t *p, uint32_t size)
{
	uint32_t i, x = 1;

	for (i = 0; i < size; i++) {
		x = x * 1103515245 + 12345;
		p[i] = (uint8_t)(x >> 16);
	}
}

/* Ours, with other erase blocks. */
static void make_other_blocks(uint8_t *p, uint32_t size)
{
	struct pvb_medium medium = { .size = size, .erase = size, .write = 1 };

	pvb_log_make_header(&medium, 7, 1, p);
}

/* Ours, of a version to come. */
static void make_newer(uint8_t *p, uint32_t size)
{
	struct pvb_medium medium = { .size = size, .erase = 512, .write = 1 };

	pvb_log_make_header(&medium, 7, 1, p);
	p[8] = PVB_LOG_VERSION + 1;
	pvb_put32(p + 28, pvb_crc32(0, p, 28));
}

/* Ours, and all records overwritten. */
static void make_garbage_after(uint8_t *p, uint32_t size)
{
	struct pvb_medium medium = { .size = size, .erase = 512, .write = 1 };

	make_random(p, size);
	pvb_log_make_header(&medium, 1, 0, p);
}

/* Ours, once: numbers say that there were records, and there are none. */
static void make_bare_header(uint8_t *p, uint32_t size)
{
	struct pvb_medium medium = { .size = size, .erase = 512, .write = 1 };

	pvb_log_make_header(&medium, 100, 1, p + 512);
}

static void make_broken_header(uint8_t *p, uint32_t size)
{
	make_bare_header(p, size);
	p[512 + 9] ^= 1;
	p[512 + 200] = 0;
}

/* What a cut leaves of the first header, but somebody has written behind it. */
static void make_text_after_remains(uint8_t *p, uint32_t size)
{
	(void)size;
	memcpy(p, "pvkit", 5);
	memcpy(p + 70, "serial=0001", 11);
}

/* A second record says that the first was whole once. */
static void make_rotten_records(uint8_t *p, uint32_t size)
{
	struct pvb_medium medium = { .size = size, .erase = 512, .write = 1 };

	pvb_log_make_header(&medium, 1, 0, p);
	memset(p + 32, 0x20, 32);
	memset(p + 64, 0, 32);
	pvb_put16(p + 64, PVB_LOG_RECORD_MARK);
	pvb_put32(p + 68, 2);
	pvb_put32(p + 72, 0x12345678);
	pvb_put32(p + 76, pvb_log_head_crc(&medium, 64, p + 64));
}

static const struct {
	const char *name;
	void (*make)(uint8_t *p, uint32_t size);
	int ret;
} contents[] = {
	{ "littlefs", make_littlefs, -PVB_EMEDIUMTYPE },
	{ "a text at the end", make_text, -PVB_EMEDIUMTYPE },
	{ "zeros", make_zeros, -PVB_EMEDIUMTYPE },
	{ "noise", make_random, -PVB_EMEDIUMTYPE },
	{ "a log on larger blocks", make_other_blocks, -PVB_EMEDIUMTYPE },
	{ "a log of a newer version", make_newer, -PVB_EMEDIUMTYPE },
	{ "a log with noise for records", make_garbage_after, -PVB_EBADMSG },
	{ "a log without its records", make_bare_header, -PVB_EBADMSG },
	{ "a log with a broken header alone", make_broken_header, -PVB_EBADMSG },
	{ "a text behind a torn header", make_text_after_remains, -PVB_EMEDIUMTYPE },
	{ "a log of rotten records", make_rotten_records, -PVB_EBADMSG },
};

static void test_contents(size_t i)
{
	struct pvb_flags flags = mode("ota");
	struct bootlog log;
	struct pvb_flags got;

	given(&log, &nor4);
	contents[i].make(log.sim.now.bytes, log.sim.size);
	ktap_eq(bootlog_read(&log, &got), contents[i].ret, "%s: is not read", contents[i].name);
	ktap_eq(bootlog_write(&log, &flags, false), contents[i].ret, "%s: nor written",
		contents[i].name);
	ktap_eq((int)(log.sim.programs + log.sim.erases + log.sim.marked), 0,
		"%s: not a bit of it", contents[i].name);
	ktap_eq(bootlog_write(&log, &flags, true), 0, "%s: by force it is", contents[i].name);
	ktap_check(says(&log, &flags), "%s: and reads so", contents[i].name);
	ktap_eq(updates(&log, 0, 200), 0, "%s: and goes on from there", contents[i].name);
	bootlog_free(&log);
}

static void test_copies_contents(void)
{
	struct pvb_flags flags = mode("ota"), got;
	struct bootlog log;

	given(&log, &copies);
	ktap_eq(bootlog_read(&log, &got), -PVB_ENODATA, "copies: zeros are as the maker left them");
	make_littlefs(log.sim.now.bytes, 512);
	ktap_eq(bootlog_read(&log, &got), -PVB_EMEDIUMTYPE, "copies: littlefs is foreign");
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_EMEDIUMTYPE, "copies: and not written");
	ktap_eq((int)log.sim.programs, 0, "copies: not a byte of it");
	ktap_eq(bootlog_write(&log, &flags, true), 0, "copies: by force it is");
	ktap_check(says(&log, &flags), "copies: and reads so");
	log.sim.now.bytes[20] ^= 1;
	ktap_eq(bootlog_read(&log, &got), -PVB_EBADMSG, "copies: ours, and none is whole");
	bootlog_free(&log);
}

/* --- one block ----------------------------------------------------------- */

static void test_one_block(const char *what, const struct sim *like, uint8_t bad)
{
	struct pvb_flags flags, last;
	struct bootlog log;
	unsigned int n = 0;
	int ret;

	given(&log, like);
	if (bad)
		log.sim.now.block[1] = SIM_BAD;
	do {
		last = flags;
		flags = tries(n++ & 255);
		log.sim.n_ops = 0;
		ret = bootlog_write(&log, &flags, false);
	} while (!ret && n < 1000);
	ktap_eq(ret, -PVB_ENOSPC, "%s: full after %u updates, which is said", what, n - 1);
	ktap_eq((int)(log.sim.n_ops + log.sim.erases), 0, "%s: and nothing was erased", what);
	ktap_check(says(&log, &last), "%s: the last ones are there", what);
	ktap_eq(bootlog_write(&log, &flags, true), 0, "%s: force erases it", what);
	ktap_check(says(&log, &flags), "%s: and the new ones are there", what);
	log.store.setup.wrap = true;
	ktap_eq(updates(&log, 0, 1000), 0, "%s: with wrap it is erased each time", what);
	bootlog_free(&log);
}

static void test_guarantee(void)
{
	static const struct sim one = NOR(1, 512);
	struct bootlog log;

	given(&log, &one);
	ktap_eq(pvb_log_guarantee(&log.store), PVB_ATOMIC, "an only block is atomic");
	log.store.setup.wrap = true;
	ktap_eq(pvb_log_guarantee(&log.store), 0, "but not with wrap");
	bootlog_free(&log);
	given(&log, &nor4);
	log.store.setup.wrap = true;
	ktap_eq(pvb_log_guarantee(&log.store), PVB_ATOMIC, "four blocks are either way");
	bootlog_free(&log);
}

/* --- failing media ------------------------------------------------------- */

static void test_failing_block(const char *what, const struct sim *like, uint8_t how,
			       unsigned int n_bad)
{
	struct pvb_flags flags;
	struct bootlog log;
	unsigned int n, lost = 0;

	given(&log, like);
	updates(&log, 0, 20);
	for (n = 0; n < n_bad; n++)
		log.sim.now.block[2 + n] |= how;
	for (n = 20; n < 300; n++) {
		bootlog_flags(n, 240, &flags);
		bootlog_restart(&log);
		lost += bootlog_write(&log, &flags, false) || !says(&log, &flags);
	}
	ktap_eq(lost, 0, "%s: no update is lost", what);
	ktap_eq((int)log.sim.marked, like->no_marks ? 0 : (int)n_bad, "%s: marked bad", what);
	ktap_check(!log.sim.violations, "%s: and nothing done that flash forbids (%s)", what,
		   log.sim.violation ? log.sim.violation : "-");
	bootlog_free(&log);
}

/* Old or new, and the next update works, when the medium is back? */
static bool error_is_survived(const struct sim *like, int error, unsigned int before,
			      unsigned int after, bool *done)
{
	struct pvb_flags old, flags, got;
	struct bootlog log;
	bool ok;
	int ret;

	given(&log, like);
	updates(&log, 0, before);
	bootlog_read(&log, &old);
	full_flags(&flags);
	log.sim.error = error;
	log.sim.error_after = after;
	ret = bootlog_write(&log, &flags, false);
	*done = !ret;
	ok = (!ret || ret == error) && !log.sim.marked;
	log.sim.error = 0;
	ok = ok && !bootlog_read(&log, &got) &&
	     (bootlog_same(&got, ret ? &old : &flags) || bootlog_same(&got, &flags)) &&
	     !bootlog_write(&log, &flags, false) && says(&log, &flags);
	bootlog_free(&log);
	return ok;
}

/* The medium goes, or can't be written: no block is marked bad for that. */
static void test_medium_error(const char *what, const struct sim *like, int error,
			      unsigned int before, unsigned int ops)
{
	unsigned int after, survived = 0;
	bool done = false;

	for (after = 0; !done && after < 100; after++)
		survived += error_is_survived(like, error, before, after, &done);
	ktap_eq(after - 1, ops, "%s: the update takes so many operations", what);
	ktap_eq(survived, after, "%s: error %d in any of them", what, error);
}

static void test_ones(void)
{
	struct pvb_flags old = mode("ota"), flags;
	struct bootlog log;

	given(&log, &nor4);
	bootlog_write(&log, &old, false);
	full_flags(&flags);
	memset(flags.reason, 0xff, PVB_REASON_MAX);
	ktap_eq(bootlog_write(&log, &flags, false), -PVB_ENOSPC,
		"a text that would fill a slot with ones, as erased, is refused");
	ktap_check(says(&log, &old), "and all is as it was");
	bootlog_free(&log);
}

static int read_fails(void *arg, uint32_t at, void *buf, uint32_t len)
{
	(void)arg, (void)at, (void)buf, (void)len;
	return -12;
}

static void test_read_error(void)
{
	struct pvb_flags flags;
	struct bootlog log;

	given(&log, &nor4);
	updates(&log, 0, 5);
	log.store.medium.read = read_fails;
	ktap_eq(bootlog_read(&log, &flags), -12,
		"a read that fails for want of memory is not taken for an older record");
	bootlog_free(&log);
}

/* Bit by bit: how often do old, new or neither flags come? */
static void flip(struct bootlog *log, uint32_t from, uint32_t to, const struct pvb_flags *old,
		 const struct pvb_flags *new, unsigned int count[3])
{
	struct pvb_flags got;
	uint32_t i;

	for (i = from * 8; i < to * 8; i++) {
		log->sim.now.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (bootlog_read(log, &got))
			count[2]++;
		else if (bootlog_same(&got, new))
			count[1]++;
		else
			count[bootlog_same(&got, old) ? 0 : 2]++;
		log->sim.now.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void test_flipped_bits(void)
{
	struct pvb_flags old = mode("recovery"), new = mode("ota");
	unsigned int count[3] = { 0 };
	struct bootlog log;
	uint32_t newest;

	given(&log, &nor4);
	updates(&log, 0, 38);
	bootlog_write(&log, &old, false);
	bootlog_write(&log, &new, false);
	newest = log.store.log.newest;
	flip(&log, newest, newest + 16 + 4, &old, &new, count);
	ktap_eq(count[0], 160, "each flipped bit of the newest record brings the one before");
	count[0] = 0;
	flip(&log, newest + 20, newest + 32, &old, &new, count);
	ktap_eq(count[1], 96, "but those after its items do not count");
	count[1] = 0;
	newest -= newest % 512;
	flip(&log, newest, newest + 32, &old, &new, count);
	ktap_eq(count[1], 256, "a flipped bit of its block's header loses nothing");
	count[1] = 0;
	flip(&log, 0, newest, &old, &new, count);
	flip(&log, newest + 512, log.sim.size, &old, &new, count);
	ktap_eq(count[1], (log.sim.size - 512) * 8, "nor does one anywhere in another block");
	flip(&log, log.store.log.next, newest + 512, &old, &new, count);
	ktap_eq(count[2], 0, "nor one in what is erased yet");
	bootlog_free(&log);
}

/* --- numbers ------------------------------------------------------------- */

static void test_wrap_around(void)
{
	struct pvb_flags flags;
	struct bootlog log;
	unsigned int n, lost = 0;

	given(&log, &nor4);
	log.store.log = (struct pvb_log_state){
		.known = true, .block = PVB_LOG_NOWHERE, .newest = PVB_LOG_NOWHERE,
		.seq = 0xffffff80,
	};
	for (n = 0; n < 500; n++) {
		bootlog_flags(n, 240, &flags);
		lost += bootlog_write(&log, &flags, false) || !says(&log, &flags);
	}
	ktap_check(log.store.log.seq < 0x1000, "numbers went round");
	ktap_eq(lost, 0, "and no update was lost");
	bootlog_free(&log);
	given(&log, &tiny);
	for (n = 0, lost = 0; n < 1000; n++) {
		flags = tries(n % 32);
		lost += bootlog_write(&log, &flags, false) || !says(&log, &flags);
	}
	ktap_eq(lost, 0, "copies, whose number is one byte, neither");
	bootlog_free(&log);
}

/* Reads that it takes to find the newest record of a full partition, at its worst. */
static unsigned long reads_of(uint32_t size)
{
	struct sim like = { .size = size, .erase = 4096, .write = 1, .bitwise = true };
	unsigned int n, all = size / 32 * 3 / 2;
	struct pvb_flags flags;
	unsigned long most = 0;
	struct bootlog log;

	given(&log, &like);
	for (n = 0; n < all; n++) {
		flags = tries(n & 255);
		if (bootlog_write(&log, &flags, false))
			return 0;
		if (n % 1021 || n < size / 32)
			continue;
		log.sim.reads = 0;
		if (!says(&log, &flags))
			return 0;
		most = log.sim.reads > most ? log.sim.reads : most;
		/* as who wrote it knows */
		log.store.log.doubtful = false;
	}
	bootlog_free(&log);
	return most;
}

static void test_reads(void)
{
	unsigned long reads[5];
	unsigned int i;

	for (i = 0; i < 5; i++) {
		reads[i] = reads_of(65536u << i);
		printf("# %u KiB: %lu reads\n", 64 << i, reads[i]);
	}
	ktap_check(reads[0] && reads[0] < 24, "64 KiB: %lu reads find the newest record", reads[0]);
	for (i = 1; i < 5; i++)
		ktap_check(reads[i] && reads[i] <= reads[0] + i,
			   "%u KiB: %lu reads, one more for twice the size", 64 << i, reads[i]);
}

/* 10,000 updates of one flag. */
static void test_wear(void)
{
	struct sim nor = NOR(4, 65536);
	struct sim nand = { .size = 8 * 131072, .erase = 131072, .write = 2048 };
	struct pvb_flags flags;
	struct bootlog log;
	unsigned int n;

	given(&log, &nor);
	for (n = 0; n < 10000; n++) {
		flags = tries(n & 255);
		bootlog_write(&log, &flags, false);
	}
	printf("# NOR, 64 KiB: %lu erases, %lu bytes programmed\n", log.sim.erases,
	       log.sim.programmed);
	ktap_check(log.sim.erases <= 10000 / 2047, "NOR: an erase for 2,047 updates");
	bootlog_free(&log);
	given(&log, &nand);
	for (n = 0; n < 10000; n++) {
		flags = tries(n & 255);
		bootlog_write(&log, &flags, false);
	}
	printf("# NAND, 64 pages: %lu erases, %lu bytes programmed\n", log.sim.erases,
	       log.sim.programmed);
	ktap_check(log.sim.erases <= 10000 / 63, "NAND: an erase for 63 updates");
	bootlog_free(&log);
}

int main(void)
{
	static const struct sim one = NOR(1, 512), two = NOR(2, 512);
	static const struct sim no_marks = { .size = 4096, .erase = 512, .write = 1,
					     .bitwise = true, .no_marks = true };
	size_t i;

	ktap_plan(0);
	test_limits("NOR", &nor4);
	test_limits("NAND", &nand8);
	test_limits("copies", &copies);
	test_tiny();
	test_geometry();
	test_unknown_items();
	test_unknown_too_long();
	for (i = 0; i < sizeof(contents) / sizeof(*contents); i++)
		test_contents(i);
	test_copies_contents();
	test_one_block("one block", &one, 0);
	test_one_block("two blocks, one bad", &two, 1);
	test_guarantee();
	test_failing_block("NAND, a block's programs fail", &nand8, SIM_WORN, 1);
	test_failing_block("NAND, two blocks' erases fail", &nand8, SIM_STUCK, 2);
	test_failing_block("NOR, a block's programs fail", &no_marks, SIM_WORN, 1);
	test_failing_block("NOR, two blocks' erases fail", &no_marks, SIM_STUCK, 2);
	test_medium_error("NOR, gone", &nor4, -PVB_ENODEV, 35, 8);
	test_medium_error("NOR, gone at a new block", &nor4, -PVB_ENODEV, 22, 9);
	test_medium_error("NAND, read-only", &nand8, -PVB_EROFS, 21, 3);
	test_ones();
	test_read_error();
	test_flipped_bits();
	test_wrap_around();
	test_reads();
	test_wear();
	return ktap_finish();
}
