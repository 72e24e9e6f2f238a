// SPDX-License-Identifier: MIT
/*
 * The kernel's command line as a source of boot flags: what is a key and what only
 * looks like one.
 */
#include <errno.h>
#include <unistd.h>

#include "cmdline.h"
#include "kernel_args.h"
#include "ktap.h"

static struct pvk_cmdline cmdline;

static const struct {
	const char *what;
	const char *text;
	const char *key;
	const char *value;	/* NULL: not there */
	unsigned int times;
} lookups[] = {
	{ "a value", "ro pvkit.mode=recovery quiet\n", "pvkit.mode", "recovery", 1 },
	{ "the first word", "a=1 b=2", "a", "1", 1 },
	{ "the last word and its newline", "a=1 b=2\n", "b", "2", 1 },
	{ "an empty value", "a= b", "a", "", 1 },
	{ "a word without =", "a b c", "b", "", 1 },
	{ "nothing", "", "a", NULL, 0 },
	{ "blanks alone", "  \t\n", "", NULL, 0 },
	{ "several blanks, and tabs", "a=1 \t  b=2", "b", "2", 1 },
	{ "= in a value", "root=PARTUUID=12-34 x", "root", "PARTUUID=12-34", 1 },
	{ "a key is not the end of another", "xpvkit.mode=1", "pvkit.mode", NULL, 0 },
	{ "nor its beginning", "pvkit.mode2=1 pvkit.mode.x=2", "pvkit.mode", NULL, 0 },
	{ "case counts", "Pvkit.mode=1", "pvkit.mode", NULL, 0 },
	{ "dashes count", "boot_mode=1", "boot-mode", NULL, 0 },
	{ "a label in mtdparts", "mtdparts=nand:1M(pvkit.mode=x),-(b)", "pvkit.mode", NULL, 0 },
	{ "a word in a quoted value", "x=\"a pvkit.mode=1 b\"", "pvkit.mode", NULL, 0 },
	{ "a quoted value", "a=\"x y\" b", "a", "x y", 1 },
	{ "a quoted word", "\"a=x y\" b", "a", "x y", 1 },
	{ "quotes within a value stay", "a=x\"y z\"w b", "a", "x\"y z\"w", 1 },
	{ "a quote that is not closed", "a=\"x b=1", "b", NULL, 0 },
	{ "a quote that is not closed takes the rest", "a=\"x b=1", "a", "x b=1", 1 },
	{ "a value of one quote", "a=\"", "a", "", 1 },
	{ "two quotes", "a=\"\" b", "a", "", 1 },
	{ "the last of several", "a=1 b=2 a=3", "a", "3", 2 },
	{ "the last of several, which is empty", "a=1 a", "a", "", 2 },
	{ "an = in front", "=a=b", "=a", "b", 1 },
	{ "what is init's", "a=1 -- a=2 b=3", "b", NULL, 0 },
	{ "what is init's does not count", "a=1 -- a=2", "a", "1", 1 },
	{ "-- within a word ends nothing", "a--=1 --b c=2", "c", "2", 1 },
	{ "a NUL ends it", "a=1\0b=2", "b", NULL, 0 },
	{ "UTF-8", "a=\xc3\xa4\xc3\xb6 b", "a", "\xc3\xa4\xc3\xb6", 1 },
};

static void test_lookups(void)
{
	unsigned int times;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(lookups); i++) {
		size_t len = strlen(lookups[i].text);

		if (strstr(lookups[i].what, "NUL"))
			len += 4;
		ktap_eq(pvk_cmdline_parse(&cmdline, lookups[i].text, len), 0, "%s: parsed",
			lookups[i].what);
		ktap_str(pvk_cmdline_get(&cmdline, lookups[i].key, &times), lookups[i].value,
			 "%s", lookups[i].what);
		ktap_eq(times, lookups[i].times, "%s: how often", lookups[i].what);
	}
}

/* Every word of every text above as the kernel would take it. */
static void test_as_the_kernel(void)
{
	char copy[256], *rest, *name, *value;
	size_t i, k;

	for (i = 0; i < PVK_ARRAY_SIZE(lookups); i++) {
		pvk_cmdline_parse(&cmdline, lookups[i].text, strlen(lookups[i].text));
		rest = strcpy(copy, lookups[i].text);
		for (k = 0; (rest = kernel_next_arg(rest, &name, &value)); k++) {
			if (k == cmdline.count || strcmp(cmdline.text + cmdline.key[k], name) ||
			    !value != !cmdline.value[k] ||
			    (value && strcmp(cmdline.text + cmdline.value[k], value)))
				break;
			if (!value && !strcmp(name, "--"))
				break;
		}
		ktap_check(!rest || !strcmp(name, "--"), "%s: as the kernel reads it",
			   lookups[i].what);
	}
}

static const struct {
	const char *what;
	const char *text;
	const char *line;	/* the flags */
	const char *warning;
} flags[] = {
	{ "own keys", "pvkit.mode=recovery pvkit.tries=3 pvkit.successful=0",
	  "mode=recovery tries=3 successful=0", NULL },
	{ "Android's slot", "androidboot.slot_suffix=_b", "slot=b", NULL },
	{ "a slot's letter and number", "pvkit.slot=1", "slot=b", NULL },
	{ "the first key that is there counts", "androidboot.mode=charger pvkit.mode=ota",
	  "mode=ota", NULL },
	{ "the second one without the first", "androidboot.mode=charger", "mode=charger", NULL },
	{ "a key that comes twice", "pvkit.mode=a pvkit.mode=b", "mode=b",
	  "pvkit.mode comes 2 times, and the last one counts: \"b\"" },
	{ "a value that can't be", "pvkit.tries=many pvkit.mode=x", "mode=x", "pvkit.tries=many" },
	{ "a slot that can't be", "pvkit.slot=9", "", "pvkit.slot=9" },
	{ "no value", "pvkit.mode", "", "pvkit.mode=" },
	{ "a mode that is too long", "pvkit.mode=abcdefghijklmnopqrstuvwxyz0123456789", "",
	  "pvkit.mode=abc" },
};

static void test_flags(void)
{
	const char *const keys[PVB_FIELDS] = {
		[PVB_MODE] = "pvkit.mode androidboot.mode bootmode",
		[PVB_SLOT] = "pvkit.slot androidboot.slot_suffix",
		[PVB_TRIES] = "  pvkit.tries ", [PVB_SUCCESSFUL] = "pvkit.successful",
		[PVB_REASON] = "",
	};
	struct pvb_flags f;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(flags); i++) {
		pvk_auto_list struct pvk_list warnings = { 0 };
		pvk_auto_buf struct pvk_buf line = PVK_BUF_INIT(1024);

		pvk_cmdline_parse(&cmdline, flags[i].text, strlen(flags[i].text));
		pvk_cmdline_flags(&cmdline, keys, &f, &warnings);
		ktap_str(pvk_flags_line(&f, &line), flags[i].line, "%s", flags[i].what);
		ktap_eq(warnings.count, flags[i].warning ? 1 : 0, "%s: warnings", flags[i].what);
		if (flags[i].warning)
			ktap_check(warnings.count && !strncmp(warnings.item[0], flags[i].warning,
							      strlen(flags[i].warning)),
				   "%s: the warning", flags[i].what);
	}
}

static void test_size(void)
{
	static char text[PVK_CMDLINE_MAX + 2];
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ' ' : 'a';
	ktap_eq(pvk_cmdline_parse(&cmdline, text, PVK_CMDLINE_MAX), 0, "4096 bytes");
	ktap_eq(cmdline.count, PVK_CMDLINE_WORDS, "as many words as there can be");
	text[PVK_CMDLINE_MAX] = '\n';
	ktap_eq(pvk_cmdline_parse(&cmdline, text, PVK_CMDLINE_MAX + 1), 0,
		"4096 bytes and a newline");
	text[PVK_CMDLINE_MAX] = 'b';
	ktap_eq(pvk_cmdline_parse(&cmdline, text, PVK_CMDLINE_MAX + 1), -E2BIG, "4097 bytes");
	ktap_eq(cmdline.count, 0, "4097 bytes: nothing is taken for granted");
}

/* given a file that is longer than any command line but a bootconfig's */
static void test_long_file(void)
{
	char path[] = "/tmp/pvkit-cmdline.XXXXXX";
	static char text[PVK_CMDLINE_MAX + 100];
	struct pvk_err err = { "" };
	int fd = mkstemp(path);

	memset(text, 'x', sizeof(text));
	memcpy(text, "root=/dev/a ", 12);
	memcpy(text + PVK_CMDLINE_MAX - 12, " rw root=/de", 12);
	if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text))
		ktap_fail("a file to read");
	close(fd);
	ktap_eq(pvk_cmdline_read(&cmdline, path, &err), -E2BIG, "a file that is too long");
	ktap_str(pvk_cmdline_get(&cmdline, "root", NULL), "/dev/a",
		 "the words that fit are there, and no part of one");
	ktap_check(pvk_cmdline_get(&cmdline, "rw", NULL), "up to the last that does");
	unlink(path);
}

static void test_file(void)
{
	char path[] = "/tmp/pvkit-cmdline.XXXXXX";
	struct pvk_err err = { "" };
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "a=1 b=\"2 3\"\n", 12) != 12)
		ktap_fail("a file to read");
	close(fd);
	ktap_eq(pvk_cmdline_read(&cmdline, path, &err), 0, "a file");
	ktap_str(pvk_cmdline_get(&cmdline, "b", NULL), "2 3", "a file: the last value");
	unlink(path);
	ktap_eq(pvk_cmdline_read(&cmdline, path, &err), -ENOENT, "no file");
	ktap_check(strstr(err.text, path), "no file: the text names it");
	ktap_eq(pvk_cmdline_read(&cmdline, PVK_CMDLINE_FILE, &err), 0, "this machine's own");
}

int main(void)
{
	ktap_plan(0);
	test_lookups();
	test_as_the_kernel();
	test_flags();
	test_size();
	test_file();
	test_long_file();
	return ktap_finish();
}
