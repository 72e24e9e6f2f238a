// SPDX-License-Identifier: MIT
/*
 * The flags of an update: which store has them, on a sysfs of ours with pv_bootflag and on
 * nvmem without, and what is written there from its beginning to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "phase.h"
#include "tempdir.h"

static struct update_phase phase;
static struct pvk_err err;
static struct pvk_change change;
static char id[PLAN_ID_LEN + 1];
static uint64_t cursor;

/*
 * Stores come in the order of their inodes, which sysfs numbers as it adds them. Another
 * file system may give a free one of a lower number: that is kept, and another one asked for.
 */
static void make_store(const char *name)
{
	static unsigned int aside;
	static ino_t last;
	unsigned int tries;
	struct stat st;
	char away[32];

	for (tries = 0; tries < 100; tries++) {
		if (mkdir(path_of(name), 0755))
			return;
		if (!stat(path_of(name), &st) && st.st_ino > last) {
			last = st.st_ino;
			return;
		}
		snprintf(away, sizeof(away), "aside-%u", aside++);
		if (rename(path_of(name), path_of(away)))
			break;
	}
	ktap_fail("a store behind the others");
}

/* A store of pv_bootflag that keeps nothing: what is written to `set` stays there. */
static void given_kernel_store(const char *name, const char *offers, const char *state,
			       const char *fields)
{
	char file[128], copy[128], *rest = copy, *word;

	snprintf(file, sizeof(file), "class/pv_bootflag/%s", name);
	make_store(file);
	snprintf(file, sizeof(file), "class/pv_bootflag/%s/offers", name);
	put_file(file, offers);
	snprintf(file, sizeof(file), "class/pv_bootflag/%s/state", name);
	put_file(file, state);
	snprintf(file, sizeof(file), "class/pv_bootflag/%s/set", name);
	put_file(file, "");
	snprintf(copy, sizeof(copy), "%s", fields);
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		snprintf(file, sizeof(file), "class/pv_bootflag/%s/%.*s", name,
			 (int)strcspn(word, "="), word);
		put_file(file, word + strcspn(word, "=") + 1);
	}
}

/* What the store was told since the last time. */
static const char *told(const char *name)
{
	static char *text;
	char file[128];
	size_t len;

	free(text);
	text = NULL;
	snprintf(file, sizeof(file), "class/pv_bootflag/%s/set", name);
	if (pvk_read_file(AT_FDCWD, path_of(file), 512, &text, &len))
		return "no file";
	put_file(file, "");
	return text;
}

static void given_stores(const char *flags_conf)
{
	pvk_auto_list struct pvk_list warnings = { 0 };

	put_file("flags.conf", flags_conf);
	update_phase_close(&phase);
	err.text[0] = '\0';
	ktap_eq(update_phase_open(&phase, path_of("flags.conf"), dir, &warnings, &err), 0,
		"the stores are read");
}

static void given_change(const char *words)
{
	char copy[128], *rest = copy, *word;

	memset(&change, 0, sizeof(change));
	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")))
		if (*word)
			pvk_change_word(&change, word, NULL);
}

#define NO_OTHERS	"cmdline = no\nuboot-env = no\n"
#define ALL		"mode slot tries successful reason cursor phase failures armed"

/* ---- with pv_bootflag ---- */

static void test_choice(void)
{
	given_kernel_store("rtc", "mode reason", "ready", "mode=ota");
	given_kernel_store("old", ALL, "foreign", "");
	given_kernel_store("misc", ALL, "empty", "");
	given_kernel_store("log", ALL, "ready", "");
	given_stores(NO_OTHERS);
	ktap_str(phase.source ? phase.source->store.name : "none", "misc",
		 "the first that holds both, and can be written");
	ktap_eq(update_phase_cut(&phase, id, &cursor, &err), -ENOENT, "nothing was cut");

	given_stores(NO_OTHERS "order = log kernel\n");
	ktap_str(phase.source ? phase.source->store.name : "none", "log",
		 "the order is that of flags.conf");

	given_kernel_store("log", ALL, "ready", "phase=write-1a2b3c4d cursor=4711");
	given_stores(NO_OTHERS);
	ktap_str(phase.source ? phase.source->store.name : "none", "log",
		 "one that has a phase comes before all");
	ktap_eq(update_phase_cut(&phase, id, &cursor, &err), 0, "an update was cut");
	ktap_str(id, "1a2b3c4d", "which it was");
	ktap_eq(cursor, 4711, "and how far");
}

static void test_foreign_phase(void)
{
	static const char *const foreign[] = { "install", "write-", "write-1a2b3c4",
					       "write-1a2b3c4d5", "write-1A2B3C4D" };
	char fields[64];
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(foreign); i++) {
		snprintf(fields, sizeof(fields), "phase=%s", foreign[i]);
		given_kernel_store("log", ALL, "ready", fields);
		given_stores(NO_OTHERS);
		ktap_eq(update_phase_cut(&phase, id, &cursor, &err), -EINVAL, "phase %s: not ours",
			foreign[i]);
		ktap_check(strstr(err.text, foreign[i]) && strstr(err.text, "(log)"),
			   "phase %s: named, and where", foreign[i]);
	}
	given_kernel_store("log", "phase", "ready", "phase=write-1a2b3c4d");
	given_stores(NO_OTHERS);
	ktap_eq(update_phase_cut(&phase, id, &cursor, &err), -EROFS,
		"a phase where no cursor is: can't be resumed");
	ktap_check(strstr(err.text, "by log"), "and where that is");
	given_kernel_store("log", ALL, "ready", "phase=");
}

/* As if the cursor had been set just now, however long a test is kept waiting, or long ago. */
static void given_cursor_set(bool just_now)
{
	phase.cursor_ms += just_now ? 3600000 : -2 * 3600000;
}

static void test_sets(void)
{
	given_kernel_store("misc", "mode", "ready", "");
	given_stores(NO_OTHERS);
	ktap_eq(update_phase_begin(&phase, "no-id", &err), -EINVAL, "an ID that is none");
	ktap_str(told("log"), "", "is not written");
	ktap_eq(update_phase_begin(&phase, "00c0ffee", &err), 0, "an update begins");
	ktap_str(told("log"), "force cursor=\"0\" phase=\"write-00c0ffee\"",
		 "in one transaction, past the rate limit");

	given_cursor_set(true);
	update_phase_cursor(&phase, 16, false);
	ktap_str(told("log"), "", "no cursor within a second");
	given_cursor_set(false);
	update_phase_cursor(&phase, 16, false);
	ktap_str(told("log"), "force cursor=\"16\"", "but after it");
	given_cursor_set(true);
	update_phase_cursor(&phase, 32, false);
	ktap_str(told("log"), "", "and then again not");
	update_phase_cursor(&phase, 32, true);
	ktap_str(told("log"), "force cursor=\"32\"", "but at the end of an image");
	update_phase_cursor(&phase, 32, true);
	ktap_str(told("log"), "", "once");

	update_phase_stopped(&phase, "mtd3: block 17: \"no\xff\"");
	ktap_str(told("log"), "force reason=\"mtd3: block 17: 'no?'\"",
		 "why it stopped, in what a reason may have");
}

static void test_end(void)
{
	given_change("");
	ktap_eq(update_phase_end(&phase, &change, "updated", &err), 0, "an update ends");
	ktap_str(told("log"), "force reason=\"updated\" cursor=\"\" phase=\"\"",
		 "with no phase and a reason");

	given_change("slot=b tries=3 reason=mine");
	ktap_eq(update_phase_end(&phase, &change, "updated", &err), 0, "with flags");
	ktap_str(told("log"),
		 "force slot=\"1\" tries=\"3\" reason=\"mine\" cursor=\"\" phase=\"\"",
		 "all in one transaction");

	given_change("mode=recovery");
	ktap_eq(update_phase_end(&phase, &change, "updated", &err), 0,
		"with a flag of another store");
	ktap_str(told("rtc"), "force mode=\"recovery\"", "which comes before in the order");
	ktap_str(told("log"), "force reason=\"updated\" cursor=\"\" phase=\"\"", "and the phase");

	given_change("phase=write-deadbeef");
	ktap_eq(update_phase_can_end(&phase, &change, &err), -EINVAL, "not a phase of one's own");
	given_kernel_store("log", "cursor phase", "ready", "");
	given_stores(NO_OTHERS);
	given_change("slot=b");
	ktap_eq(update_phase_can_end(&phase, &change, &err), -EOPNOTSUPP, "a flag nobody holds");
	ktap_str(err.text, "slot: no store holds that", "named");
	ktap_eq(update_phase_end(&phase, &change, "updated", &err), -EOPNOTSUPP, "is no end");
	ktap_str(told("log"), "", "and the phase stays");
}

static void test_without(void)
{
	given_kernel_store("log", "phase", "ready", "");
	given_stores(NO_OTHERS);
	ktap_check(!phase.source, "one with a phase alone is none");
	ktap_eq(update_phase_begin(&phase, "00c0ffee", &err), 0, "an update begins all the same");
	update_phase_cursor(&phase, 1, true);
	given_change("mode=ota");
	ktap_eq(update_phase_end(&phase, &change, "updated", &err), 0, "and ends");
	ktap_str(told("rtc"), "force mode=\"ota\"", "with its flags");
	ktap_str(told("log"), "", "and nothing else was written");
}

/* ---- without it ---- */

static void test_direct(void)
{
	static const char store[] = NO_OTHERS
		"store.log = medium=nvmem device=eeprom0 format=log\n";
	char erased[2049];

	tempdir_remove("/class");
	mkdir(path_of("bus"), 0755);
	mkdir(path_of("bus/nvmem"), 0755);
	mkdir(path_of("bus/nvmem/devices"), 0755);
	mkdir(path_of("bus/nvmem/devices/eeprom0"), 0755);
	memset(erased, 0xff, sizeof(erased) - 1);
	erased[sizeof(erased) - 1] = '\0';
	put_file("bus/nvmem/devices/eeprom0/nvmem", erased);

	given_stores(store);
	ktap_check(phase.source, "nvmem: holds them");
	ktap_eq(update_phase_begin(&phase, "0badcafe", &err), 0, "nvmem: begun");
	update_phase_cursor(&phase, UINT64_C(1) << 33, true);
	given_stores(store);
	ktap_eq(update_phase_cut(&phase, id, &cursor, &err), 0, "nvmem: cut");
	ktap_str(id, "0badcafe", "nvmem: its ID");
	ktap_eq(cursor, UINT64_C(1) << 33, "nvmem: its cursor");
	given_change("slot=b tries=2");
	ktap_eq(update_phase_end(&phase, &change, "updated 0badcafe", &err), 0, "nvmem: ended");
	given_stores(store);
	ktap_eq(update_phase_cut(&phase, id, &cursor, &err), -ENOENT, "nvmem: nothing is cut");
	ktap_check(phase.source && phase.source->store.flags.slot == 1 &&
		   !strcmp(phase.source->store.flags.reason, "updated 0badcafe") &&
		   !(phase.source->store.flags.has & PVB_HAS(PVB_CURSOR)),
		   "nvmem: with its flags and a reason");
}

int main(void)
{
	tempdir_open();
	mkdir(path_of("class"), 0755);
	mkdir(path_of("class/pv_bootflag"), 0755);
	ktap_plan(0);
	test_choice();
	test_foreign_phase();
	test_sets();
	test_end();
	test_without();
	test_direct();
	update_phase_close(&phase);
	tempdir_remove("");
	return ktap_finish();
}
