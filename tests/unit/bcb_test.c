// SPDX-License-Identifier: MIT
/*
 * The format bcb: Android's misc, against bytes that were written down by hand from
 * what Android and U-Boot do; what is not ours; and the power cut at every byte.
 */
#include "flagtext.h"
#include "ktap.h"
#include "util.h"

#include <pvkit/bcb.h>

#define BCB	(&pvb_bcb_format)
#define NONE	NULL

/* U-Boot's own default: both slots have priority 15 and 7 tries. */
#define BOTH_NEW	"\x61\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x7f\0\x7f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x0f\x9d\x2a\x67"
/* a: priority 14, 1 try, proved; b: 15, 3 tries. Booted "_a". */
#define B_ON_TRIAL	"_a\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x3f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x34\xe9\x72\xb8"
/* The same, b proved. */
#define B_PROVED	"_a\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\xbf\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\xd6\x06\x01\x3b"
#define B_PROVED_BARE	"_a\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x8f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x62\x42\xd7\x90"
/* b: 15, no tries left. Booted "a": given up; booted "b": in its last try. */
#define B_GIVEN_UP	"a\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x0f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\xa8\xdf\x91\x46"
#define B_LAST_TRY	"b\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x0f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x8f\xd8\x4f\x44"
/* ... and proved in it: U-Boot wants a try to boot it again. */
#define B_LAST_PROVED	"b\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x9f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x01\x0b\x8e\xa1"
#define B_USED_UP	"_b\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x0f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x43\x80\x30\xa0"
#define B_CORRUPTED	"a\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x9e\0\x3f\x01\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x99\x42\xd1\x30"
/* What we begin: b with 3 tries, a as it may be. */
#define B_BEGUN		"a\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x7e\0\x3f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x6f\xfb\xfb\x88"
/* recovery_tries 5, merge_status 7, every free bit in use; then b with 5 tries. */
#define CROWDED		"_a\0\0\x42\x43\x41\x42\x01\xea\xab\x77\xaf\x54\x3e\xa9\xc9\x31\x17\x0e" \
			"\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\x80\xf4\x7b\x06"
#define CROWDED_B	"_a\0\0\x42\x43\x41\x42\x01\xea\xab\x77\xae\x54\x5f\xa8\xc9\x31\x17\x0e" \
			"\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xcb\xd2\x57\x64"
/* Four slots; c has priority 9, 2 tries, proved, and was booted. */
#define FOUR_SLOTS	"c\0\0\0\x42\x43\x41\x42\x01\x04\0\0\x11\0\x03\0\xa9\0\0\0" \
			"\0\0\0\0\0\0\0\0\xeb\xbb\x9b\xc5"
#define VERSION_2	"a\0\0\0\x42\x43\x41\x42\x02\x02\0\0\x7f\0\x7f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\xc5\xd0\x83\xc8"
#define FIVE_SLOTS	"a\0\0\0\x42\x43\x41\x42\x01\x05\0\0\x7f\0\x7f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x44\x16\x14\x2d"
#define BAD_CRC		"a\0\0\0\x42\x43\x41\x42\x01\x02\0\0\x7f\0\x7f\0\0\0\0\0" \
			"\0\0\0\0\0\0\0\0\x0f\x9d\x2a\x68"

static void start(uint32_t size, uint32_t erase, uint32_t write, bool bitwise, uint8_t fill)
{
	sim_init(&sim, &kept, BCB, size, erase, write, bitwise, fill);
}

static void put(const char *command, const char *control)
{
	uint32_t base = kept.setup.base;

	if (command)
		memcpy(sim.data + base, command, strlen(command) + 1);
	if (control)
		memcpy(sim.data + base + 2048, control, 32);
}

/* ---- in place: what is there, what it says, what is set, what is there then ---- */

static const struct {
	const char *what;
	const char *command, *control;	/* before; NULL: zeros */
	const char *says;
	const char *set;
	int ret;
	const char *then_command, *then_control;	/* NULL: as before */
	const char *then;	/* what is read back; NULL: what was set */
} cases[] = {
	{ "recovery", "boot-recovery", NONE, "mode=recovery", "", 0, "", NONE, "error=61" },
	{ "bootloader", "bootonce-bootloader", NONE, "mode=bootloader", "mode=recovery", 0,
	  "boot-recovery", NONE, NULL },
	{ "fastboot", "boot-fastboot", NONE, "mode=fastboot", "mode=bootloader", 0,
	  "bootonce-bootloader", NONE, NULL },
	{ "rescue", NONE, NONE, "error=61", "mode=rescue", 0, "boot-rescue", NONE, NULL },
	{ "a command by its own name", NONE, NONE, "error=61", "mode=boot-fastboot", 0,
	  "boot-fastboot", NONE, "mode=fastboot" },
	{ "a command of somebody else", "boot-factory test", NONE, "mode=boot-factory",
	  "mode=ota", 0, "ota", NONE, NULL },
	{ "the longest", NONE, NONE, "error=61", "mode=abcdefghijklmnopqrstuvwxyz01234", 0,
	  "abcdefghijklmnopqrstuvwxyz01234", NONE, NULL },
	{ "no such field", "boot-recovery", NONE, "mode=recovery", "mode=ota reason=x",
	  -PVB_EOPNOTSUPP, NULL, NONE, "mode=recovery" },
	{ "tries of no slot", NONE, NONE, "error=61", "tries=3", -PVB_EOPNOTSUPP, NULL, NONE,
	  "error=61" },

	{ "U-Boot's default", NONE, BOTH_NEW, "slot=0 tries=7 successful=0",
	  "slot=0 tries=7 successful=0", 0, NULL, NULL, NULL },
	{ "b on trial", "boot-recovery", B_ON_TRIAL,
	  "mode=recovery slot=1 tries=3 successful=0",
	  "mode=recovery slot=1 tries=3 successful=1", 0, NULL, B_PROVED, NULL },
	{ "b in its last try is proved", NONE, B_LAST_TRY, "slot=1 tries=0 successful=0",
	  "slot=1 tries=0 successful=1", 0, NULL, B_LAST_PROVED,
	  "slot=1 tries=1 successful=1" },
	{ "b was given up", NONE, B_GIVEN_UP, "slot=0 tries=1 successful=1",
	  "slot=0 tries=1 successful=1", 0, NULL, NULL, NULL },
	{ "b is used up by us", NONE, B_ON_TRIAL, "slot=1 tries=3 successful=0",
	  "slot=1 tries=0 successful=0", 0, NULL, B_USED_UP, NULL },
	{ "b is corrupted, and becomes whole by being set", NONE, B_CORRUPTED,
	  "slot=0 tries=1 successful=1", "mode=ota slot=1 tries=3 successful=0", 0, "ota", NULL,
	  NULL },
	{ "a slot is set where there was no control", NONE, NONE, "error=61",
	  "slot=1 tries=3 successful=0", 0, NULL, B_BEGUN, NULL },
	{ "all free bits in use", NONE, CROWDED, "slot=0 tries=2 successful=1",
	  "slot=1 tries=5 successful=0", 0, NULL, CROWDED_B, NULL },
	{ "four slots", NONE, FOUR_SLOTS, "slot=2 tries=2 successful=1",
	  "slot=3 tries=7 successful=0", 0, NULL, NULL, NULL },
	{ "a fourth slot of two", NONE, B_ON_TRIAL, "slot=1 tries=3 successful=0",
	  "slot=3 tries=1 successful=0", -PVB_ENOSPC, NULL, B_ON_TRIAL,
	  "slot=1 tries=3 successful=0" },
	{ "eight tries", NONE, B_ON_TRIAL, "slot=1 tries=3 successful=0",
	  "slot=1 tries=8 successful=0", -PVB_ENOSPC, NULL, B_ON_TRIAL,
	  "slot=1 tries=3 successful=0" },
	{ "successful is 0 or 1", NONE, B_ON_TRIAL, "slot=1 tries=3 successful=0",
	  "slot=1 tries=3 successful=2", -PVB_ENOSPC, NULL, B_ON_TRIAL,
	  "slot=1 tries=3 successful=0" },
	{ "there is no such thing as no slot", NONE, B_ON_TRIAL, "slot=1 tries=3 successful=0",
	  "mode=ota", -PVB_EOPNOTSUPP, NULL, B_ON_TRIAL, "slot=1 tries=3 successful=0" },
	{ "a later version of control is left alone", NONE, VERSION_2, "error=61",
	  "slot=1 tries=3 successful=0", -PVB_EMEDIUMTYPE, NULL, VERSION_2, "error=61" },
	{ "five slots are not ours", NONE, FIVE_SLOTS, "error=61", "slot=1", -PVB_EMEDIUMTYPE,
	  NULL, FIVE_SLOTS, "error=61" },
	{ "the mode beside somebody else's control", NONE, VERSION_2, "error=61", "mode=ota", 0,
	  "ota", VERSION_2, NULL },
	{ "a wrong checksum", "boot-recovery", BAD_CRC, "error=74", "mode=ota", -PVB_EBADMSG,
	  NULL, BAD_CRC, "error=74" },
};

static void test_cases(uint32_t base, const char *where)
{
	char says[128];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++) {
		const char *what = cases[i].what, *then = cases[i].then;
		const char *after = cases[i].then_command;
		char command[32] = "";

		if (!after)
			after = cases[i].command;
		start(base + 4096, 0, 1, false, 0);
		kept.setup.base = base;
		put(cases[i].command, cases[i].control);
		snprintf(says, sizeof(says), "%s", cases[i].says);
		if (strstr(what, "somebody else") && cases[i].command)
			snprintf(says, sizeof(says), "mode=%s", cases[i].command);
		ktap_str(read_text(), says, "%s%s: reads", where, what);
		ktap_eq(write_flags(cases[i].set, false), cases[i].ret, "%s%s: set", where, what);
		ktap_str(read_text(), then ? then : cases[i].set, "%s%s: reads back", where, what);
		if (after)
			strcpy(command, after);
		if (!cases[i].ret || cases[i].command)
			ktap_check(!memcmp(sim.data + base, command, 32), "%s%s: the command",
				   where, what);
		if (cases[i].then_control)
			ktap_check(!memcmp(sim.data + base + 2048, cases[i].then_control, 32),
				   "%s%s: the control", where, what);
		sim.programs = 0;
		write_flags(cases[i].set, false);
		ktap_eq(sim.programs, 0, "%s%s: no write when nothing changes", where, what);
	}
}

static void test_settle(void)
{
	struct pvb_flags f;

	start(8192, 0, 1, false, 0);
	parse_flags("mode=boot-recovery slot=1", &f);
	kept.format->settle(&kept, &f);
	ktap_str(flags_text(0, &f), "mode=recovery slot=1 tries=1 successful=1",
		 "a slot alone counts as proved, and has the try that U-Boot wants");
	parse_flags("slot=1 tries=0 successful=1", &f);
	kept.setup.proved_bare = true;
	kept.format->settle(&kept, &f);
	ktap_str(flags_text(0, &f), "slot=1 tries=0 successful=1",
		 "proved_bare: a proved slot has no tries");
	parse_flags("slot=1 tries=3", &f);
	kept.format->settle(&kept, &f);
	ktap_str(flags_text(0, &f), "slot=1 tries=3 successful=0",
		 "a slot with tries is on trial");
	put(NULL, B_ON_TRIAL);
	ktap_eq(write_flags("slot=1 tries=3 successful=1", false), 0, "proved_bare: proved");
	ktap_check(!memcmp(sim.data + 2048, B_PROVED_BARE, 32),
		   "proved_bare: never successful and tries");
}

/* ---- what is not ours ---- */

static const struct {
	const char *what;
	uint32_t at;
	const char *bytes;
	uint32_t len;
	uint8_t fill;
} foreign[] = {
	{ "littlefs", 0, "\x01\0\0\0\xf0\x0f\xff\xf7littlefs\x2f\xe0", 18, 0xff },
	{ "littlefs in the second block", 4096, "\x02\0\0\0\xf0\x0f\xff\xf7littlefs", 16, 0xff },
	{ "a relative of littlefs", 0, "A\0\0\0\xf0\x0f\xff\xf7" "fw", 10, 0xff },
	{ "ext4", 1024 + 56, "\x53\xef\x01\0", 4, 0 },
	{ "squashfs", 0, "hsqs\0\x01", 6, 0 },
	{ "UBI", 0, "UBI#\x01", 5, 0xff },
	{ "JFFS2", 0, "\x85\x19\x03\x20", 4, 0xff },
	{ "FAT, or a partition table", 510, "\x55\xaa", 2, 0 },
	{ "a GPT", 512, "EFI PART", 8, 0 },
	{ "F2FS", 1024, "\x10\x20\xf5\xf2", 4, 0 },
	{ "an Android image", 0, "ANDROID!", 8, 0 },
	{ "a FIT", 0, "\xd0\x0d\xfe\xed", 4, 0 },
	{ "btrfs", 65536 + 64, "_BHRfS_M", 8, 0 },
	{ "an environment of U-Boot", 0, "\x01\x02\x03\x04" "bootcmd=run x", 17, 0 },
	{ "bytes behind an empty message", 2048, "AB0\0\x01", 5, 0 },
	{ "garbage in the status", 40, "\x80\x81", 2, 0 },
};

static void put_foreign(size_t i)
{
	memcpy(sim.data + foreign[i].at, foreign[i].bytes, foreign[i].len);
	if (!strcmp(foreign[i].what, "bytes behind an empty message"))
		sim.data[1000] = 0x80;
}

static void test_foreign(void)
{
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(foreign); i++) {
		const char *what = foreign[i].what;

		start(68 * 1024, 4096, 1, true, foreign[i].fill);
		put_foreign(i);
		ktap_str(read_text(), "error=124", "%s is foreign", what);
		ktap_eq(write_flags("mode=recovery slot=0 tries=1", false), -PVB_EMEDIUMTYPE,
			"%s is not written", what);
		ktap_eq(sim.programs + sim.erases, 0, "%s is left alone", what);
		ktap_eq(write_flags("mode=recovery slot=0 tries=1", true), 0, "%s with force",
			what);
		ktap_str(read_text(), "mode=recovery slot=0 tries=1 successful=0",
			 "%s with force: read back", what);
		ktap_check(!sim.abused, "%s with force: programmed as flash wants it", what);
	}
}

static void test_force_on_broken(void)
{
	start(8192, 0, 1, false, 0);
	put("boot-recovery", BAD_CRC);
	strcpy((char *)sim.data + 64, "recovery\n--wipe_data\n");
	ktap_eq(write_flags("mode=fastboot", true), 0, "a wrong checksum with force");
	ktap_str(read_text(), "mode=fastboot", "a wrong checksum with force: no control is left");
	ktap_str((char *)sim.data + 64, "recovery\n--wipe_data\n",
		 "a wrong checksum with force: the message stays");
}

/* ---- the backup ---- */

static void test_backup(void)
{
	start(16384, 0, 1, false, 0);
	kept.setup.backup = 8192 + 2048;
	put("boot-recovery", BAD_CRC);
	memcpy(sim.data + 8192 + 2048, B_ON_TRIAL, 32);
	ktap_str(read_text(), "mode=recovery slot=1 tries=3 successful=0",
		 "a wrong checksum: the backup says it");
	sim.cut = 20;
	write_flags("mode=recovery slot=1 tries=3 successful=1", false);
	sim_revive(&sim);
	ktap_check(!memcmp(sim.data + 8192 + 2048, B_ON_TRIAL, 32),
		   "the backup stays while the first copy is mended");
	ktap_eq(write_flags("mode=recovery slot=1 tries=3 successful=1", false), 0, "mended");
	ktap_check(!memcmp(sim.data + 2048, B_PROVED, 32) &&
		   !memcmp(sim.data + 8192 + 2048, B_PROVED, 32),
		   "both copies are the new one");
	memcpy(sim.data + 8192 + 2048, B_GIVEN_UP, 32);
	ktap_str(read_text(), "mode=recovery slot=1 tries=3 successful=1",
		 "two whole ones: the first counts, as for U-Boot");
}

/* ---- the power cut at every byte ---- */

struct place {
	const char *what;
	uint32_t size, erase, write;
	bool bitwise;
	uint32_t base, backup;
};

/* Erase blocks no larger than they have to be: every byte of them is a cut. */
static const struct place places[] = {
	{ "NOR, two blocks", 4224, 2112, 1, true, 0, 2112 + 2048 },
	{ "NOR that programs 8 bytes once", 4224, 2112, 8, false, 0, 2112 + 2048 },
	{ "NAND of two blocks", 5120, 2560, 512, false, 0, 2560 + 2048 },
	{ "NAND, base in the second block", 7680, 2560, 512, false, 2560, 2048 },
};

static const struct place in_place = {
	"bytes in place, with a backup", 8192, 0, 1, false, 0, 4096 + 2048
};

static const struct place one_block = {
	"NOR, one block", 8192, 8192, 1, true, 0, 4096 + 2048
};

#define UPDATES	6

static const char *const updates[UPDATES] = {
	"slot=1 tries=3 successful=0",
	"mode=recovery slot=1 tries=3 successful=0",
	"mode=fastboot slot=1 tries=2 successful=0",
	"mode=ota slot=0 tries=7 successful=0",
	"slot=0 tries=7 successful=1",
	"mode=bootloader slot=1 tries=1 successful=1",
};

static void place(const struct place *at)
{
	start(at->size, at->erase, at->write, at->bitwise, at->erase ? 0xff : 0);
	kept.setup.base = at->base;
	kept.setup.backup = at->backup;
	sim.data[at->base + 100] = 'x';
	write_flags("slot=0 tries=1 successful=1", false);
}

/* Text without the mode. */
static const char *slot_part(const char *text)
{
	const char *slot = strstr(text, "slot=");

	return slot ? slot : "";
}

static bool same_mode(const char *a, const char *b)
{
	return slot_part(a) - a == slot_part(b) - b && !strncmp(a, b, (size_t)(slot_part(a) - a));
}

/* One of the two, or (each by itself) the slot of one and the mode of one or none. */
static bool is_of(const char *got, const char *old, const char *new, bool by_itself)
{
	if (!strcmp(got, old) || !strcmp(got, new))
		return true;
	return by_itself &&
	       (!strcmp(slot_part(got), slot_part(old)) ||
		!strcmp(slot_part(got), slot_part(new))) &&
	       (same_mode(got, old) || same_mode(got, new) || slot_part(got) == got);
}

/* The next of a long row: each differs from the one before it. */
static const char *nth_update(unsigned int n, char *text, size_t size)
{
	static const char *const modes[] = { "", "mode=recovery ", "mode=fastboot ", "mode=ota " };

	if (n < UPDATES)
		return updates[n];
	snprintf(text, size, "%sslot=%u tries=%u successful=%u", modes[n / 3 % 4], n / 2 % 2,
		 1 + n % 7, n / 5 % 2);
	return text;
}

/* PVKIT_CUTS=N: N updates are cut at each byte, the block torn in each way in turn. */
static unsigned int updates_wanted(void)
{
	const char *text = getenv("PVKIT_CUTS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static unsigned int tears_of(const struct place *at)
{
	return at->bitwise ? SIM_TEARS_NO_ECC : SIM_TEARS;
}

/* Cuts every update at every byte, or some; the number of third things that were read. */
static long cut_updates(const struct place *at, enum sim_tear tear, unsigned int step, char *third,
			long *cuts)
{
	static uint8_t before[sizeof(sim.data)];
	char old[128], new[128];
	unsigned int count = updates_wanted(), i;
	long thirds = 0, cut, end;
	const char *update;
	char text[128];

	place(at);
	for (i = 0; i < (count ? count : UPDATES); i++) {
		update = nth_update(i, text, sizeof(text));
		memcpy(before, sim.data, at->size);
		snprintf(old, sizeof(old), "%s", read_text());
		snprintf(new, sizeof(new), "%s", update);
		sim.bytes = 0;
		write_flags(update, false);
		end = sim.bytes;
		for (cut = 0; cut < end; cut += step, ++*cuts) {
			memcpy(sim.data, before, at->size);
			sim.cut = cut;
			sim.tear = count ? (enum sim_tear)(i % tears_of(at)) : tear;
			write_flags(update, false);
			sim_revive(&sim);
			if (!is_of(read_text(), old, new, !at->erase)) {
				snprintf(third, 128, "update %u, cut at %ld: %s", i, cut,
					 read_text());
				thirds++;
			} else if (write_flags(update, false) || strcmp(read_text(), new)) {
				snprintf(third, 128, "update %u, cut at %ld, not mended", i, cut);
				thirds++;
			}
		}
		memcpy(sim.data, before, at->size);
		write_flags(update, false);
	}
	return thirds;
}

static void test_cut(void)
{
	static const char *const tears[] = {
		"from its start", "from its end", "noisily", "in one byte",
	};
	char third[128] = "";
	long cuts = 0;
	size_t i;
	unsigned int tear;

	for (i = 0; i < PVK_ARRAY_SIZE(places); i++) {
		for (tear = 0; tear < (updates_wanted() ? 1 : tears_of(&places[i])); tear++) {
			ktap_eq(cut_updates(&places[i], (enum sim_tear)tear,
					    !updates_wanted() && tear < SIM_TEARS && (i || tear) ?
					    7 : 1, third,
					    &cuts),
				0, "%s, a block erased %s: the old or the new %s", places[i].what,
				tears[tear], third);
			ktap_eq(kept.format->guarantee(&kept), PVB_ATOMIC | PVB_REDUNDANT,
				"%s: and that is its guarantee", places[i].what);
			ktap_check(!sim.abused, "%s: programmed as flash wants it", places[i].what);
		}
	}
	ktap_eq(cut_updates(&in_place, SIM_FROM_START, 1, third, &cuts), 0,
		"%s: the slot is the old or the new, the mode too, or none %s", in_place.what,
		third);
	ktap_eq(kept.format->guarantee(&kept), PVB_REDUNDANT, "%s: the guarantee",
		in_place.what);
	ktap_check(cut_updates(&one_block, SIM_FROM_START, 97, third, &cuts) > 0,
		   "%s: all may be lost", one_block.what);
	ktap_eq(kept.format->guarantee(&kept), 0, "%s: no guarantee", one_block.what);
	printf("# %ld cuts\n", cuts);
}

/* A bootloader that counts down in the first copy only leaves a second one that is older. */
static void test_stale_backup(void)
{
	static const char old[] = "slot=1 tries=3 successful=0";
	static const char new[] = "slot=1 tries=3 successful=1";
	long thirds = 0, cuts, cut;

	for (cut = 0, cuts = 1; cut < cuts; cut += 5) {
		place(&places[0]);
		memcpy(sim.data + 2048, B_ON_TRIAL, 32);
		sim.bytes = 0;
		sim.cut = cut ? cut : -1;
		write_flags(new, false);
		cuts = cut ? cuts : sim.bytes;
		sim_revive(&sim);
		thirds += strcmp(read_text(), old) && strcmp(read_text(), new);
	}
	ktap_eq(thirds, 0, "an old backup is made new before the first copy goes, %ld cuts", cuts);
}

static void test_bad_block(void)
{
	place(&places[2]);
	sim.bad = 1;
	ktap_eq(write_flags("slot=1 tries=3 successful=0", false), -PVB_EIO, "a bad block");
	place(&places[0]);
	sim.deaf = true;
	ktap_eq(write_flags("slot=1 tries=3 successful=0", false), -PVB_EIO,
		"flash that does not take it is noticed");
}

int main(void)
{
	ktap_plan(0);
	test_cases(0, "");
	test_cases(16384, "at 16 KiB: ");
	test_settle();
	test_foreign();
	test_force_on_broken();
	test_backup();
	test_cut();
	test_stale_backup();
	test_bad_block();
	return ktap_finish();
}
