// SPDX-License-Identifier: MIT
/*
 * The formats of registers, magic and bootcount: against bytes that were written
 * down by hand from what U-Boot and Linux do, and cut at every byte.
 */
#include "flagtext.h"
#include "ktap.h"
#include "util.h"

#include <pvkit/bcb.h>
#include <pvkit/bootcount.h>
#include <pvkit/magic.h>

/* ---- set-ups of the registers ---- */

#define MODE(n, v)	{ .name = n, .magic = v }

static const struct pvb_setup modes32 = {
	.n_modes = 3,
	.mode = { MODE("normal", 0x5242c300), MODE("bootloader", 0x5242c301),
		  MODE("recovery", 0x5242c303) },
};

static const struct pvb_setup modes_be = {
	.big_endian = true,
	.n_modes = 2,
	.mode = { MODE("recovery", 0x11223344), MODE("fastboot", 0x11223344) },
};

static const struct pvb_setup modes16 = {
	.width = 2, .n_modes = 1, .mode = { MODE("ota", 0xbeef) },
};

static const struct pvb_setup modes16_be = {
	.width = 2, .big_endian = true, .n_modes = 1, .mode = { MODE("ota", 0xbeef) },
};

static const struct pvb_setup modes_bits = {
	.width = 1, .mask = 0x30, .n_modes = 2,
	.mode = { MODE("recovery", 0x10), MODE("ota", 0x20) },
};

static const struct pvb_setup rtc = { .form = PVB_BOOTCOUNT_RTC };
static const struct pvb_setup u16_le = { .form = PVB_BOOTCOUNT_U16, .limit = 5 };
static const struct pvb_setup u16_be = { .form = PVB_BOOTCOUNT_U16, .big_endian = true };
static const struct pvb_setup u32_le = { .form = PVB_BOOTCOUNT_U32 };
static const struct pvb_setup u32_be = { .form = PVB_BOOTCOUNT_U32, .big_endian = true };
static const struct pvb_setup u32_wide = { .form = PVB_BOOTCOUNT_U32, .big_endian = true,
					   .limit = 255 };
static const struct pvb_setup words = { .form = PVB_BOOTCOUNT_WORDS, .limit = 255 };
static const struct pvb_setup words_be = { .form = PVB_BOOTCOUNT_WORDS, .big_endian = true };
static const struct pvb_setup ti = { .form = PVB_BOOTCOUNT_TI };
static const struct pvb_setup ti_be = { .form = PVB_BOOTCOUNT_TI, .ti_magic = 0x7e,
					.big_endian = true };

#define MAGIC	&pvb_magic_format
#define COUNT	&pvb_bootcount_format

static void start(const struct pvb_format *format, const struct pvb_setup *setup,
		  const char *bytes, uint32_t size)
{
	sim_init(&sim, &kept, format, size, 0, 1, false, 0);
	memcpy(sim.data, bytes, size);
	kept.setup = *setup;
}

/* A line of `what`: registers before, what they say, what is set, registers after. */
static const struct {
	const char *what;
	const struct pvb_format *format;
	const struct pvb_setup *setup;
	uint32_t size;
	const char *before;
	const char *says;
	const char *set;	/* NULL: nothing */
	int ret;
	const char *after;
	const char *then;	/* what is read back; NULL: what was set */
} registers[] = {
	/* reboot-mode: CPU byte order little-endian unless said otherwise */
	{ "magic: a mode", MAGIC, &modes32, 4, "\x03\xc3\x42\x52", "mode=recovery",
	  "mode=bootloader", 0, "\x01\xc3\x42\x52", NULL },
	{ "magic: normal is no mode", MAGIC, &modes32, 4, "\x00\xc3\x42\x52", "none",
	  "mode=recovery", 0, "\x03\xc3\x42\x52", NULL },
	{ "magic: cleared is what normal says", MAGIC, &modes32, 4, "\x03\xc3\x42\x52",
	  "mode=recovery", "", 0, "\x00\xc3\x42\x52", "none" },
	{ "magic: normal may be asked for", MAGIC, &modes32, 4, "\x03\xc3\x42\x52",
	  "mode=recovery", "mode=normal", 0, "\x00\xc3\x42\x52", "none" },
	{ "magic: power was lost", MAGIC, &modes32, 4, "\0\0\0\0", "none", "mode=recovery", 0,
	  "\x03\xc3\x42\x52", NULL },
	{ "magic: all ones were never written", MAGIC, &modes32, 4, "\xff\xff\xff\xff",
	  "error=61", "mode=recovery", 0, "\x03\xc3\x42\x52", NULL },
	{ "magic: an unknown number", MAGIC, &modes32, 4, "\x4d\x42\x52\x0a",
	  "mode=0xa52424d", "mode=recovery", 0, "\x03\xc3\x42\x52", NULL },
	{ "magic: an unknown number stays", MAGIC, &modes32, 4, "\x4d\x42\x52\x0a",
	  "mode=0xa52424d", "mode=0xa52424d", 0, "\x4d\x42\x52\x0a", NULL },
	{ "magic: no other unknown number is written", MAGIC, &modes32, 4, "\x03\xc3\x42\x52",
	  "mode=recovery", "mode=0x12", -PVB_ENOSPC, "\x03\xc3\x42\x52", "mode=recovery" },
	{ "magic: a mode that is not in the table", MAGIC, &modes32, 4, "\x03\xc3\x42\x52",
	  "mode=recovery", "mode=ota", -PVB_ENOSPC, "\x03\xc3\x42\x52", "mode=recovery" },
	{ "magic: no such field", MAGIC, &modes32, 4, "\x03\xc3\x42\x52", "mode=recovery",
	  "mode=bootloader tries=1", -PVB_EOPNOTSUPP, "\x03\xc3\x42\x52", "mode=recovery" },
	{ "magic: big-endian, and the first of two names", MAGIC, &modes_be, 4,
	  "\x11\x22\x33\x44", "mode=recovery", "", 0, "\0\0\0\0", "none" },
	{ "magic: the second of two names", MAGIC, &modes_be, 4, "\0\0\0\0", "none",
	  "mode=fastboot", 0, "\x11\x22\x33\x44", "mode=recovery" },
	{ "magic: two bytes", MAGIC, &modes16, 4, "\xef\xbe\x77\x88", "mode=ota", "", 0,
	  "\0\0\x77\x88", "none" },
	{ "magic: two bytes, big-endian", MAGIC, &modes16_be, 2, "\0\0", "none", "mode=ota", 0,
	  "\xbe\xef", NULL },
	{ "magic: some bits of one byte", MAGIC, &modes_bits, 1, "\xd5", "mode=recovery",
	  "mode=ota", 0, "\xe5", NULL },
	{ "magic: bits cleared, the others stay", MAGIC, &modes_bits, 1, "\xd5",
	  "mode=recovery", "", 0, "\xc5", "none" },
	{ "magic: an unknown number in some bits", MAGIC,
	  &(const struct pvb_setup) { .width = 1, .mask = 0x70, .n_modes = 1,
				      .mode = { MODE("ota", 0x20) } },
	  1, "\x9f", "mode=0x10", "mode=ota", 0, "\xaf", NULL },

	/* U-Boot's bootcount */
	{ "rtc: one boot of three", COUNT, &rtc, 2, "\x01\xbc", "tries=2", "tries=3", 0,
	  "\x00\xbc", NULL },
	{ "rtc: no magic", COUNT, &rtc, 2, "\x01\x00", "error=61", "tries=1", 0, "\x02\xbc",
	  NULL },
	{ "rtc: an empty register", COUNT, &rtc, 2, "\xff\xff", "error=61", "tries=3", 0,
	  "\x00\xbc", NULL },
	{ "rtc: at the limit", COUNT, &rtc, 2, "\x03\xbc", "tries=0", "", 0, "\x00\xbc",
	  "tries=3" },
	{ "rtc: beyond the limit no tries are none", COUNT, &rtc, 2, "\x09\xbc", "tries=0",
	  "tries=0", 0, "\x09\xbc", NULL },
	{ "rtc: beyond the limit", COUNT, &rtc, 2, "\x09\xbc", "tries=0", "tries=1", 0,
	  "\x02\xbc", NULL },
	{ "rtc: more tries than the limit", COUNT, &rtc, 2, "\x01\xbc", "tries=2", "tries=4",
	  -PVB_ENOSPC, "\x01\xbc", "tries=2" },
	{ "rtc: no successful", COUNT, &rtc, 2, "\x01\xbc", "tries=2", "tries=1 successful=1",
	  -PVB_EOPNOTSUPP, "\x01\xbc", "tries=2" },
	{ "u16: little-endian, limit 5", COUNT, &u16_le, 2, "\x02\xb0", "tries=3", "tries=5", 0,
	  "\x00\xb0", NULL },
	{ "u16: big-endian", COUNT, &u16_be, 2, "\xb0\x02", "tries=1", "tries=2", 0,
	  "\xb0\x01", NULL },
	{ "u32: little-endian", COUNT, &u32_le, 4, "\x02\x00\x01\xb0", "tries=1", "tries=3", 0,
	  "\x00\x00\x01\xb0", NULL },
	{ "u32: big-endian", COUNT, &u32_be, 4, "\xb0\x01\x00\x02", "tries=1", "tries=0", 0,
	  "\xb0\x01\x00\x03", NULL },
	{ "u32: far beyond the limit", COUNT, &u32_le, 4, "\x2c\x01\x01\xb0", "tries=0",
	  "tries=3", 0, "\x00\x00\x01\xb0", NULL },
	{ "u32: far beyond the limit, upper byte first", COUNT, &u32_wide, 4,
	  "\xb0\x01\x01\x2c", "tries=0", "tries=255", 0, "\xb0\x01\x00\x00", NULL },
	{ "u32: half a magic", COUNT, &u32_le, 4, "\x02\x00\x00\xb0", "error=61", "tries=2", 0,
	  "\x01\x00\x01\xb0", NULL },
	{ "words: limit 255", COUNT, &words, 8, "\x01\0\0\0\x41\xc0\x01\xb0", "tries=254",
	  "tries=0", 0, "\xff\0\0\0\x41\xc0\x01\xb0", NULL },
	{ "words: no magic", COUNT, &words, 8, "\x01\0\0\0\0\0\0\0", "error=61", "tries=255", 0,
	  "\0\0\0\0\x41\xc0\x01\xb0", NULL },
	{ "words: big-endian", COUNT, &words_be, 8, "\0\0\0\x01\xb0\x01\xc0\x41", "tries=2",
	  "tries=1", 0, "\0\0\0\x02\xb0\x01\xc0\x41", NULL },
	{ "ti: on trial", COUNT, &ti, 4, "\x01\x01\x02\x0b", "tries=2 successful=0",
	  "tries=2 successful=1", 0, "\x01\x00\x02\x0b", "successful=1" },
	{ "ti: the count is discarded", COUNT, &ti, 4, "\x09\x00\x02\x0b", "successful=1",
	  "tries=2 successful=0", 0, "\x01\x01\x02\x0b", NULL },
	{ "ti: nothing was written", COUNT, &ti, 4, "\0\0\0\0", "error=61", "tries=3", 0,
	  "\0\x01\x02\x0b", "tries=3 successful=0" },
	{ "ti: another version is foreign", COUNT, &ti, 4, "\x01\x01\x03\x0b", "error=124",
	  "tries=3", -PVB_EMEDIUMTYPE, "\x01\x01\x03\x0b", "error=124" },
	{ "ti: a magic of one's own, big-endian", COUNT, &ti_be, 4, "\x7e\x02\x01\x02",
	  "tries=1 successful=0", "tries=3 successful=0", 0, "\x7e\x02\x01\x00", NULL },
};

static void test_registers(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(registers); i++) {
		const char *what = registers[i].what, *then = registers[i].then;

		start(registers[i].format, registers[i].setup, registers[i].before,
		      registers[i].size);
		ktap_eq(kept.format->check(&kept), 0, "%s: can be kept there", what);
		ktap_str(read_text(), registers[i].says, "%s: reads", what);
		ktap_eq(write_flags(registers[i].set, false), registers[i].ret, "%s: set", what);
		ktap_check(!memcmp(sim.data, registers[i].after, registers[i].size),
			   "%s: the bytes", what);
		ktap_str(read_text(), then ? then : registers[i].set, "%s: reads back", what);
		sim.programs = 0;
		write_flags(registers[i].set, false);
		ktap_eq(sim.programs, 0, "%s: no write when nothing changes", what);
	}
}

/* settle() says beforehand what is read afterwards. */
static void test_settle(void)
{
	struct pvb_flags f;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(registers); i++) {
		if (registers[i].ret)
			continue;
		start(registers[i].format, registers[i].setup, registers[i].before,
		      registers[i].size);
		parse_flags(registers[i].set, &f);
		kept.format->settle(&kept, &f);
		ktap_str(flags_text(0, &f),
			 registers[i].then ? registers[i].then : registers[i].set,
			 "%s: settled", registers[i].what);
	}
}

static const struct {
	const char *what;
	const struct pvb_format *format;
	struct pvb_setup setup;
	uint32_t size, erase, write;
	int ret;
} refused[] = {
	{ "magic 0", MAGIC, { .n_modes = 1, .mode = { MODE("a", 0) } }, 4, 0, 1, -PVB_EINVAL },
	{ "magic beyond the width", MAGIC,
	  { .width = 1, .n_modes = 1, .mode = { MODE("a", 0x100) } }, 4, 0, 1, -PVB_EINVAL },
	{ "magic outside of the mask", MAGIC,
	  { .mask = 0xf0, .n_modes = 1, .mode = { MODE("a", 0x18) } }, 4, 0, 1, -PVB_EINVAL },
	{ "mask beyond the width", MAGIC, { .width = 2, .mask = 0x10000 }, 4, 0, 1, -PVB_EINVAL },
	{ "three bytes", MAGIC, { .width = 3 }, 4, 0, 1, -PVB_EINVAL },
	{ "magic on flash", MAGIC, { .width = 4 }, 4096, 4096, 1, -PVB_EINVAL },
	{ "part of a register", MAGIC, { .width = 2 }, 4, 0, 4, -PVB_EINVAL },
	{ "magic in too few bytes", MAGIC, { .width = 4 }, 2, 0, 1, -PVB_ENOSPC },
	{ "a limit above 255", COUNT, { .limit = 256 }, 8, 0, 1, -PVB_EINVAL },
	{ "words in 4 bytes", COUNT, { .form = PVB_BOOTCOUNT_WORDS }, 4, 0, 1, -PVB_ENOSPC },
	{ "a form that is none", COUNT, { .form = PVB_BOOTCOUNT_TI + 1 }, 8, 0, 1, -PVB_EINVAL },
	{ "count on flash", COUNT, { .limit = 3 }, 4096, 4096, 1, -PVB_EINVAL },
	{ "a small misc", &pvb_bcb_format, { .base = 0 }, 2079, 0, 1, -PVB_ENOSPC },
	{ "a base beyond the end", &pvb_bcb_format, { .base = 16384 }, 16384, 0, 1, -PVB_ENOSPC },
	{ "a backup beyond the end", &pvb_bcb_format, { .backup = 4096 }, 4096, 0, 1,
	  -PVB_ENOSPC },
	{ "a backup in the message", &pvb_bcb_format, { .backup = 2048 }, 8192, 0, 1,
	  -PVB_EINVAL },
	{ "five slots", &pvb_bcb_format, { .n_slots = 5 }, 8192, 0, 1, -PVB_EINVAL },
};

static void test_refused(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		sim_init(&sim, &kept, refused[i].format, refused[i].size, refused[i].erase,
			 refused[i].write, true, 0);
		kept.setup = refused[i].setup;
		ktap_eq(kept.format->check(&kept), refused[i].ret, "refused: %s",
			refused[i].what);
		ktap_eq(sim.reads + sim.programs + sim.erases, 0,
			"refused: %s: the medium was not touched", refused[i].what);
	}
}

/* Cut a write of `set` at every byte; says what was read after each that was a third thing. */
static int cut_register(const char *before, uint32_t size, const char *set, char *third)
{
	const struct pvb_format *format = kept.format;
	struct pvb_setup setup = kept.setup;
	char old[128], new[128];
	long cut, cuts = 1;
	int thirds = 0;

	snprintf(old, sizeof(old), "%s", read_text());
	write_flags(set, false);
	snprintf(new, sizeof(new), "%s", read_text());
	cuts = sim.bytes;
	for (cut = 0; cut < cuts; cut++) {
		start(format, &setup, before, size);
		sim.cut = cut;
		write_flags(set, false);
		sim_revive(&sim);
		if (strcmp(read_text(), old) && strcmp(read_text(), new)) {
			snprintf(third, 128, "%s", read_text());
			thirds++;
		}
	}
	return thirds;
}

static void test_cut_registers(void)
{
	static char garbage[64][8];
	char third[128] = "";
	size_t i, k;

	for (i = 0; i < PVK_ARRAY_SIZE(registers); i++) {
		if (registers[i].ret)
			continue;
		start(registers[i].format, registers[i].setup, registers[i].before,
		      registers[i].size);
		if (!(kept.format->guarantee(&kept) & PVB_ATOMIC))
			continue;
		/* An unknown number and the one after it may differ in any byte. */
		if (strstr(registers[i].says, "0x") || strstr(registers[i].what, "power") ||
		    strstr(registers[i].what, "ones"))
			continue;
		ktap_eq(cut_register(registers[i].before, registers[i].size, registers[i].set,
				     third),
			0, "%s: cut at every byte, old or new %s", registers[i].what, third);
	}
	srand(1);
	for (i = 0; i < PVK_ARRAY_SIZE(registers); i++) {
		int bad = 0;

		if (registers[i].format != COUNT || registers[i].ret)
			continue;
		for (k = 0; k < PVK_ARRAY_SIZE(garbage); k++) {
			size_t n;

			for (n = 0; n < 8; n++)
				garbage[k][n] = (char)(rand() % 5 ? rand() :
						       registers[i].after[n % registers[i].size]);
			start(COUNT, registers[i].setup, garbage[k], registers[i].size);
			bad += cut_register(garbage[k], registers[i].size, registers[i].set,
					    third);
		}
		ktap_eq(bad, 0, "%s: cut at every byte over garbage %s", registers[i].what, third);
	}
}

static void test_guarantee(void)
{
	start(MAGIC, &modes32, "\0\0\0\0", 4);
	ktap_eq(kept.format->guarantee(&kept), PVB_ATOMIC,
		"magic: numbers that differ in one byte are atomic on bytes");
	start(MAGIC, &modes_be, "\0\0\0\0", 4);
	ktap_eq(kept.format->guarantee(&kept), 0, "magic: others are not");
	kept.medium.write = 4;
	ktap_eq(kept.format->guarantee(&kept), PVB_ATOMIC,
		"magic: others are where a register is written at once");
}

static void test_read_back(void)
{
	start(MAGIC, &modes32, "\0\0\0\0", 4);
	sim.deaf = true;
	ktap_eq(write_flags("mode=recovery", false), -PVB_EIO,
		"magic: a register that does not take it is noticed");
	start(COUNT, &rtc, "\0\xbc", 2);
	sim.deaf = true;
	ktap_eq(write_flags("tries=1", false), -PVB_EIO,
		"rtc: a register that does not take it is noticed");
}

int main(void)
{
	ktap_plan(0);
	test_registers();
	test_settle();
	test_refused();
	test_cut_registers();
	test_guarantee();
	test_read_back();
	return ktap_finish();
}
