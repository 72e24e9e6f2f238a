// SPDX-License-Identifier: MIT
/*
 * Boot flags as people and JSON write them; flags.conf; and of several sources which
 * one decided a boot, and which slot runs.
 */
#include <errno.h>
#include <inttypes.h>

#include "confline.h"
#include "flagsource.h"
#include "ktap.h"
#include "slot.h"

/* ---- words ---- */

static void test_words(void)
{
	static const struct {
		const char *what, *word, *line;	/* line NULL: refused with `text` */
		const char *text;
	} table[] = {
		{ "a mode", "mode=recovery", "mode=recovery", NULL },
		{ "a slot by its letter", "slot=b", "slot=b", NULL },
		{ "a slot by its number", "slot=3", "slot=d", NULL },
		{ "the largest cursor", "cursor=18446744073709551615",
		  "cursor=18446744073709551615", NULL },
		{ "a text with blanks is shown in quotes", "reason=key held", "reason=\"key held\"",
		  NULL },
		{ "a value with an equals sign", "reason=a=b", "reason=a=b", NULL },
		{ "a slot past the last", "slot=e", NULL, "slot: \"e\" is not a slot, a to d" },
		{ "a slot's number past the last", "slot=4", NULL, "slot: 4 is more than 3" },
		{ "too many tries", "tries=256", NULL, "tries: 256 is more than 255" },
		{ "a sign", "tries=-1", NULL, "tries: \"-1\" is not a number" },
		{ "a number and more", "tries=3x", NULL, "tries: \"3x\" is not a number" },
		{ "a cursor past the largest", "cursor=18446744073709551616", NULL,
		  "cursor: \"18446744073709551616\" is not a number" },
		{ "successful is 0 or 1", "successful=2", NULL, "successful: 2 is more than 1" },
		{ "a mode in capitals", "mode=Ota", "mode=Ota", NULL },
		{ "a mode with a slash", "mode=a/b", NULL,
		  "mode: \"a/b\" has characters other than "
		  "A-Z, a-z, 0-9, '.', '_' and '-'" },
		{ "a mode that is too long", "mode=12345678901234567890123456789012", NULL,
		  "mode: longer than 31 bytes" },
		{ "a reason with a newline", "reason=a\nb", NULL,
		  "reason: \"a\nb\" has characters other than printable UTF-8" },
		{ "a reason that a terminal obeys", "reason=a\xc2\x9b" "2J", NULL,
		  "reason: \"a\xc2\x9b" "2J\" has characters other than printable UTF-8" },
		{ "a reason beyond ASCII", "reason=n\xc3\xa4", "reason=n\xc3\xa4", NULL },
		{ "no such field", "colour=red", NULL, "colour: there is no such field" },
		{ "no equals sign", "mode", NULL, "mode: wants FIELD=VALUE" },
	};
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(1024);
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		struct pvk_change change = { 0 };
		struct pvk_err err = { .text = "" };
		int ret = pvk_change_word(&change, table[i].word, &err);

		if (table[i].line)
			ktap_str(ret ? err.text : pvk_flags_line(&change.set, &line),
				 table[i].line, "%s", table[i].what);
		else
			ktap_str(ret ? err.text : "taken", table[i].text, "%s is refused",
				 table[i].what);
	}
}

static void test_change(void)
{
	struct pvk_change change = { 0 };
	pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(1024);
	struct pvb_flags flags = { 0 }, same;

	pvk_flags_set(&flags, PVB_MODE, "recovery", NULL);
	pvk_flags_set_number(&flags, PVB_TRIES, 3, NULL);
	pvk_change_word(&change, "mode=", NULL);
	pvk_change_word(&change, "slot=b", NULL);
	ktap_eq(pvk_change_word(&change, "mode=ota", NULL), -EEXIST,
		"a field that is cleared can't be set in one change");
	ktap_eq(pvk_change_fields(&change), PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT),
		"a change is about what it sets and clears");
	same = flags;
	pvk_change_apply(&change, &flags);
	ktap_str(pvk_flags_line(&flags, &line), "slot=b tries=3",
		 "a change sets and clears, and leaves the rest alone");
	ktap_check(!pvk_flags_same(&flags, &same), "what differs is not the same");
	same = flags;
	strcpy(same.mode, "left over");
	ktap_check(pvk_flags_same(&flags, &same), "what a field that is not set holds is nothing");
	ktap_str(pvk_field_names(PVB_HAS(PVB_MODE) | PVB_HAS(PVB_SLOT) | PVB_HAS(PVB_TRIES), &line),
		 "mode, slot and tries", "names of fields as a sentence has them");
}

/* ---- JSON ---- */

static int change_of(const char *text, struct pvk_change *change, struct pvk_err *err)
{
	json_auto struct json_doc *doc = NULL;

	*change = (struct pvk_change){ 0 };
	if (json_parse(text, strlen(text), NULL, &doc, NULL))
		return -EBADMSG;
	return pvk_change_json(change, json_root(doc), err);
}

static void test_json(void)
{
	static const struct {
		const char *json, *text;
	} refused[] = {
		{ "[]", "wants an object of fields, not an array" },
		{ "{\"mode\":1}", "mode: wants a text, or null" },
		{ "{\"tries\":\"3\"}", "tries: wants a whole number, or null" },
		{ "{\"tries\":1.5}", "tries: wants a whole number, or null" },
		{ "{\"slot\":true}", "slot: wants \"a\" to \"d\", 0 to 3, or null" },
		{ "{\"mode\":\"a\\u0000b\"}", "mode: wants a text, or null" },
		{ "{\"colour\":null}", "colour: there is no such field" },
		{ "{\"reason\":\"\"}", "reason: empty" },
	};
	json_auto_out struct json_out out = JSON_OUT_INIT(1024);
	pvk_auto_free char *text = NULL;
	struct pvk_change change;
	struct pvk_err err;
	size_t i;

	ktap_eq(change_of("{\"mode\":\"ota\",\"slot\":1,\"tries\":null,\"cursor\":"
			  "18446744073709551615}", &change, &err), 0, "an object of fields");
	ktap_eq(change.clear, PVB_HAS(PVB_TRIES), "null unsets one");
	json_out_object(&out);
	pvk_flags_json(&out, &change.set);
	json_out_end(&out);
	json_out_take(&out, &text, NULL);
	ktap_str(text, "{\"mode\":\"ota\",\"slot\":\"b\",\"cursor\":18446744073709551615}",
		 "and as it is written");
	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		err.text[0] = '\0';
		change_of(refused[i].json, &change, &err);
		ktap_str(err.text, refused[i].text, "%s is refused", refused[i].json);
	}
}

/* ---- flags.conf ---- */

static void test_conf(void)
{
	static struct pvk_flagconf conf;
	static const char *const lines[] = {
		"# what counts more comes first", "",
		"  order = cmdline misc  kernel uboot-env # so",
		"uboot-env /etc/u-boot.config", "uboot-env.mode=bootmode", "uboot-env.tries=",
		"cmdline.slot = rootslot androidboot.slot_suffix",
		"gpio.recovery = gpiochip0 17 active-low mode=recovery reason=key",
	};
	static const struct {
		const char *line, *text;
	} refused[] = {
		{ "colour red", "colour: unknown setting" },
		{ "cmdline maybe", "cmdline: \"maybe\" is neither yes nor no" },
		{ "cmdline.colour = x", "cmdline.colour: there is no field colour" },
		{ "uboot-env = fw_env.config",
		  "uboot-env: \"fw_env.config\" is neither \"no\" nor an absolute path" },
		{ "uboot-env.mode = two words",
		  "uboot-env.mode: \"two words\" is not one variable" },
		{ "gpio.x = gpiochip0", "gpio.x: wants CHIP LINE [active-low] FIELD=VALUE..." },
		{ "gpio.x = gpiochip0 70000 mode=a", "gpio.x: 70000 is no line's number" },
		{ "gpio.x = any 3 mode=a", "gpio.x: wants CHIP LINE [active-low] FIELD=VALUE..." },
		{ "gpio.x = gpiochip0 1 mode=", "gpio.x: mode= wants a value" },
		{ "gpio.a/b = gpiochip0 1 mode=a", "gpio.a/b: \"a/b\" is no name" },
		{ "gpio.recovery = gpiochip0 1 mode=a", "gpio.recovery: given twice" },
	};
	char line[256];
	size_t i;
	int ret = 0;

	pvk_flagconf_init(&conf);
	ktap_str(conf.variable[PVB_SLOT], "pvkit_slot", "a variable's default name");
	ktap_str(conf.key[PVB_MODE], "pvkit.mode", "a key's default name");
	for (i = 0; i < PVK_ARRAY_SIZE(lines) && !ret; i++) {
		snprintf(line, sizeof(line), "%s", lines[i]);
		ret = pvk_flagconf_line(&conf, line, NULL);
	}
	ktap_eq(ret, 0, "lines of all kinds");
	ktap_eq(conf.n_order, 4, "the order");
	ktap_str(conf.order[1], "misc", "in its order");
	ktap_str(conf.uboot_env, "/etc/u-boot.config", "where the environment is");
	ktap_str(conf.variable[PVB_MODE], "bootmode", "a variable's name");
	ktap_str(conf.variable[PVB_TRIES], "", "a field that is not kept there");
	ktap_str(conf.key[PVB_SLOT], "rootslot androidboot.slot_suffix", "several keys");
	ktap_eq(conf.n_gpios, 1, "a GPIO line");
	ktap_eq(conf.gpio[0].line, 17, "its number");
	ktap_check(conf.gpio[0].active_low, "its level");
	ktap_eq(conf.gpio[0].flags.has, PVB_HAS(PVB_MODE) | PVB_HAS(PVB_REASON), "what it says");
	for (i = 0; i < PVK_ARRAY_SIZE(refused); i++) {
		struct pvk_err err = { .text = "" };

		snprintf(line, sizeof(line), "%s", refused[i].line);
		pvk_flagconf_line(&conf, line, &err);
		ktap_str(err.text, refused[i].text, "refused: %s", refused[i].line);
	}
}

/* ---- a file of lines ---- */

static char told[256];

static int tell(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%u:%s|", n, line);
	return strcmp(line, arg) ? 0 : pvk_err_set(err, -EPROTO, "not this");
}

static int read_lines(const char *path, const char *text, size_t len, struct pvk_err *err)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(text, 1, len, file) != len || fclose(file))
		return -EIO;
	told[0] = '\0';
	return pvk_conf_read(path, tell, "bad", err);
}

static void test_conf_file(void)
{
	char path[] = "/tmp/pvkit-conf.XXXXXX", want[128];
	struct pvk_err err = { .text = "" };
	int fd = mkstemp(path);

	close(fd);
	ktap_eq(read_lines(path, "a\n\nlast", 7, &err), 0, "a file");
	ktap_str(told, "1:a|2:|3:last|", "line by line, to an end without a newline");
	ktap_eq(read_lines(path, "\xef\xbb\xbf" "a\n\xef\xbb\xbf", 8, &err), 0,
		"one with a byte order mark");
	ktap_str(told, "1:a|2:\xef\xbb\xbf|", "has it in its beginning alone");
	ktap_eq(read_lines(path, "a\nbad\nc\n", 8, &err), -EPROTO, "a line that is refused");
	snprintf(want, sizeof(want), "%s:2: not this", path);
	ktap_str(err.text, want, "says where, and why");
	ktap_str(told, "1:a|2:bad|", "and is the last");
	ktap_eq(read_lines(path, "a\nb\0c\nd\n", 8, &err), -EINVAL, "what a power cut leaves");
	snprintf(want, sizeof(want), "%s:2: a NUL byte: it is no text, or was cut off", path);
	ktap_str(err.text, want, "is not taken for the end");
	ktap_str(told, "", "and nothing of it counts");
	unlink(path);
	ktap_eq(pvk_conf_read(path, tell, "bad", &err), 0, "a file that is not there has no lines");
	ktap_eq(pvk_conf_read("/dev/null/x", tell, "bad", &err), -ENOTDIR, "another error is one");
}

/* ---- who decided ---- */

/* A source as the list has it: "misc kernel ready offers mode,slot boot mode=ota". */
static void source(struct pvk_flagsource *of, enum pvk_source_kind kind, const char *name,
		   uint32_t state, uint32_t offers, const char *boot)
{
	struct pvk_change change = { 0 };

	*of = (struct pvk_flagsource){
		.kind = kind,
		.writable = kind == PVK_SOURCE_KERNEL || kind == PVK_SOURCE_UBOOT_ENV,
		.store = { .state = state, .offers = offers },
	};
	snprintf(of->store.name, sizeof(of->store.name), "%s", name);
	if (boot)
		pvk_change_word(&change, boot, NULL);
	of->store.boot = change.set;
	of->store.flags = change.set;
}

#define HAS_MODE	PVB_HAS(PVB_MODE)

static void test_verdicts(void)
{
	struct pvk_flagsource item[10];
	struct pvk_flagsources list = { .item = item, .count = PVK_ARRAY_SIZE(item) };
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(1024);
	static const char *const want[] = {
		"unset: had no value for it", "not-offered: cannot hold this field",
		"absent: absent: its medium is not there", "empty: empty: nothing was ever written",
		"foreign: foreign: littlefs", "broken: broken: no copy of it is whole",
		"failed: failed: Input/output error",
		"won: said ota, and comes first",
		"lower: said recovery, but comes after misc", "unset: had no value for it",
	};
	char got[256];
	size_t i;

	source(&item[0], PVK_SOURCE_GPIO, "gpio:key", PV_BOOTFLAG_STATE_READY, HAS_MODE, NULL);
	source(&item[1], PVK_SOURCE_KERNEL, "count", PV_BOOTFLAG_STATE_READY, PVB_HAS(PVB_TRIES),
	       "tries=1");
	source(&item[2], PVK_SOURCE_KERNEL, "late", PV_BOOTFLAG_STATE_ABSENT, HAS_MODE, NULL);
	source(&item[3], PVK_SOURCE_KERNEL, "new", PV_BOOTFLAG_STATE_EMPTY, HAS_MODE, NULL);
	source(&item[4], PVK_SOURCE_KERNEL, "fs", PV_BOOTFLAG_STATE_FOREIGN, HAS_MODE, NULL);
	strcpy(item[4].store.text, "littlefs");
	source(&item[5], PVK_SOURCE_KERNEL, "torn", PV_BOOTFLAG_STATE_BROKEN, HAS_MODE, NULL);
	source(&item[6], PVK_SOURCE_KERNEL, "i2c", PV_BOOTFLAG_STATE_FAILED, HAS_MODE, NULL);
	item[6].store.error = EIO;
	source(&item[7], PVK_SOURCE_KERNEL, "misc", PV_BOOTFLAG_STATE_ABSENT, HAS_MODE, "mode=ota");
	source(&item[8], PVK_SOURCE_UBOOT_ENV, "uboot-env", PV_BOOTFLAG_STATE_READY, HAS_MODE,
	       "mode=recovery");
	source(&item[9], PVK_SOURCE_KERNEL, "since", PV_BOOTFLAG_STATE_READY, HAS_MODE, NULL);
	pvk_flags_set(&item[9].store.flags, PVB_MODE, "ota", NULL);

	for (i = 0; i < list.count; i++) {
		snprintf(got, sizeof(got), "%s: %s",
			 pvk_verdict_name(pvk_flagsource_verdict(&list, &item[i], PVB_MODE)),
			 pvk_verdict_text(&list, &item[i], PVB_MODE, &text));
		ktap_str(got, want[i], "%s", item[i].store.name);
	}
	ktap_check(!pvk_flagsources_winner(&list, PVB_SLOT, true), "nobody said a slot");
}

static void test_choice(void)
{
	struct pvk_flagsource item[3];
	struct pvk_flagsources list = { .item = item, .count = PVK_ARRAY_SIZE(item) };

	source(&item[0], PVK_SOURCE_CMDLINE, "cmdline", PV_BOOTFLAG_STATE_READY, PVB_ALL_FIELDS,
	       NULL);
	source(&item[1], PVK_SOURCE_KERNEL, "rtc", PV_BOOTFLAG_STATE_READY, HAS_MODE, NULL);
	source(&item[2], PVK_SOURCE_KERNEL, "misc", PV_BOOTFLAG_STATE_READY, PVB_ALL_FIELDS, NULL);
	ktap_check(pvk_flagsource_for(&list, HAS_MODE) == &item[1],
		   "a mode goes to the first that can be written");
	ktap_check(pvk_flagsource_for(&list, HAS_MODE | PVB_HAS(PVB_SLOT)) == &item[2],
		   "mode and slot to the first that holds both");
	ktap_check(pvk_flagsource_find(&list, "misc") == &item[2], "found by name");
	ktap_check(!pvk_flagsource_find(&list, "nvram"), "or not");
	ktap_check(pvk_flagsource_reserved("gpio:x") && pvk_flagsource_reserved("cmdline") &&
		   !pvk_flagsource_reserved("misc"), "names that no store may have");
}

/* ---- slots ---- */

static void test_slots(void)
{
	struct pvk_flagsource item[2];
	struct pvk_flagsources list = { .item = item, .count = 1 };
	struct pvk_store *store = &item[0].store;

	source(&item[0], PVK_SOURCE_KERNEL, "misc", PV_BOOTFLAG_STATE_READY, PVB_ALL_FIELDS,
	       "slot=b");
	source(&item[1], PVK_SOURCE_CMDLINE, "cmdline", PV_BOOTFLAG_STATE_READY, PVB_ALL_FIELDS,
	       "slot=a");
	ktap_eq(pvk_slot_booted(&list, store), 1, "the slot that was set at boot runs");
	list.count = 2;
	ktap_eq(pvk_slot_booted(&list, store), 0, "unless the command line says another");
	list.count = 1;

	pvk_flags_set_number(&store->boot, PVB_TRIES, 0, NULL);
	ktap_eq(pvk_slot_booted(&list, store), -ENODATA,
		"the last try, or gone back: a bootloader that counts does not say");
	strcpy(store->spec, "medium=mtd device=misc format=log panic=\"does not count slots=3 \"");
	ktap_eq(pvk_slot_booted(&list, store), -ENODATA, "words between quotes are no words");
	ktap_eq(pvk_slot_count(store), 2, "not for the number of slots either");
	strcpy(store->spec, "medium=mtd device=misc format=log panic=\"x y\" count");
	ktap_eq(pvk_slot_booted(&list, store), 0,
		"no tries left means the other slot where the module counts");
	strcpy(store->spec, "format=bcb counter=1 slots=3");
	strcpy(store->format, "bcb");
	ktap_eq(pvk_slot_count(store), 3, "as many slots as the description says");
	ktap_eq(pvk_slot_booted(&list, store), 1,
		"bcb's is the slot that was booted; a word that begins alike is another word");

	store->flags = store->boot;
	pvk_flags_set_number(&store->flags, PVB_TRIES, 2, NULL);
	ktap_eq(pvk_slot_next(store), 1, "a slot with tries left is next");
	ktap_eq(pvk_slot_may_be_good(store, 1), PVK_SLOT_MAY, "and may be called good");
	ktap_eq(pvk_slot_may_be_good(store, 0), PVK_SLOT_OTHER, "but not by another that runs");
	ktap_eq(pvk_slot_may_be_good(store, -ENODATA), PVK_SLOT_UNKNOWN,
		"nor when it is not known what runs");
	pvk_flags_set_number(&store->flags, PVB_SUCCESSFUL, 1, NULL);
	ktap_eq(pvk_slot_may_be_good(store, 1), PVK_SLOT_ALREADY, "it is so already");
	store->flags.has = PVB_HAS(PVB_TRIES);
	ktap_eq(pvk_slot_may_be_good(store, -ENODATA), PVK_SLOT_MAY, "where there are no slots");
	store->offers = PVB_HAS(PVB_SLOT);
	ktap_eq(pvk_slot_may_be_good(store, 1), PVK_SLOT_CANT, "a store without such a field");
	store->boot.has = 0;
	ktap_eq(pvk_slot_booted(&list, store), -ENODATA, "nobody said what runs");
}

/*
 * A bootloader counts down, and at the end starts the slot before. With no tries left
 * the store says the same in the last boot of the new slot and in the first of the old
 * one; to call it good in the second would start what has failed, for ever.
 */
static void test_given_up(void)
{
	struct pvk_flagsource item;
	struct pvk_flagsources list = { .item = &item, .count = 1 };
	struct pvk_store *store = &item.store;

	source(&item, PVK_SOURCE_UBOOT_ENV, "uboot-env", PV_BOOTFLAG_STATE_READY, PVB_ALL_FIELDS,
	       "slot=b");
	pvk_flags_set_number(&store->boot, PVB_TRIES, 0, NULL);
	store->flags = store->boot;
	ktap_eq(pvk_slot_may_be_good(store, pvk_slot_booted(&list, store)), PVK_SLOT_GIVEN_UP,
		"no tries left: which slot runs nobody knows, and none is called good");
	ktap_eq(pvk_slot_may_be_good(store, 1), PVK_SLOT_MAY, "unless the command line says it");
	ktap_eq(pvk_slot_may_be_good(store, 0), PVK_SLOT_OTHER, "which may be the other one");
	store->boot.has = PVB_HAS(PVB_TRIES);
	store->flags = store->boot;
	ktap_eq(pvk_slot_may_be_good(store, 0), PVK_SLOT_GIVEN_UP,
		"where boots are counted of no slot no slot's name helps");
	pvk_flags_set_number(&store->boot, PVB_TRIES, 1, NULL);
	store->flags = store->boot;
	ktap_eq(pvk_slot_may_be_good(store, -ENODATA), PVK_SLOT_MAY,
		"with one left it may be good");
	pvk_flags_set_number(&store->boot, PVB_TRIES, 0, NULL);
	pvk_flags_set_number(&store->boot, PVB_SUCCESSFUL, 1, NULL);
	store->flags = store->boot;
	ktap_eq(pvk_slot_may_be_good(store, -ENODATA), PVK_SLOT_ALREADY,
		"of what was good before the tries say nothing");
}

int main(void)
{
	ktap_plan(0);
	test_words();
	test_change();
	test_json();
	test_conf();
	test_conf_file();
	test_verdicts();
	test_choice();
	test_slots();
	test_given_up();
	return ktap_finish();
}
