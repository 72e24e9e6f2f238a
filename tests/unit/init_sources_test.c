// SPDX-License-Identifier: MIT
/*
 * pvkit-init's own readers of boot flags: descriptions of stores, stores on nvmem
 * without pv_bootflag, and a U-Boot environment without libubootenv, which has to be
 * read as with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flagsource_int.h"
#include "ktap.h"
#include "store_words.h"
#include "stores.h"
#include "tempdir.h"
#include "ubootenv.h"

static struct pvk_flagconf conf;
static struct pvk_flagsources sources;

/* ---- descriptions ---- */

static void test_words(void)
{
	static const struct {
		const char *what, *text, *error;	/* NULL: it is right */
	} table[] = {
		{ "a magic number", "medium=nvmem device=a offset=0x40 size=4 format=magic "
		  "mode-x=1", NULL },
		{ "words for the module", "medium=mtd device=misc format=log keep count "
		  "rate=3/h panic=\"it fell over\" power", NULL },
		{ "no format", "medium=mtd device=misc", "no format=" },
		{ "no device", "medium=mtd format=log", "no device=" },
		{ "an unknown word", "medium=mtd device=a format=log wraps",
		  "wraps: no such word" },
		{ "a number that is none", "device=a format=log size=4k",
		  "size=4k: no value that it can have" },
		{ "a number that is too large", "device=a format=magic width=256",
		  "width=256: no value that it can have" },
		{ "a format that is none", "device=a format=json",
		  "format=json: no value that it can have" },
		{ "a mode of number 0", "device=a format=magic mode-a=0",
		  "mode-a=0: no value that it can have" },
		{ "a half byte", "device=a%2 format=log", "device=a%2: no value that it can have" },
	};
	struct store_words words;
	struct pvk_err err;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(table); i++) {
		err.text[0] = '\0';
		ktap_eq(store_words_parse(&words, table[i].text, &err),
			table[i].error ? -EINVAL : 0, "words: %s", table[i].what);
		ktap_str(err.text, table[i].error ? table[i].error : "", "words: %s: the text",
			 table[i].what);
	}
	store_words_parse(&words, "medium=mtd device=two%20words offset=0x20 size=64 format=bcb "
			  "slots=4 modes=a,b base=16384", &err);
	ktap_str(words.device, "two words", "a blank in a name");
	ktap_check(words.offset == 0x20 && words.size == 64, "offset and size");
	ktap_check(words.setup.n_slots == 4 && words.setup.n_modes == 2 &&
		   words.setup.base == 16384, "words of the format");
	ktap_str(words.setup.mode[1].name, "b", "the second of two modes");
}

/* ---- stores on nvmem ---- */

static struct pvk_store *given_store(const char *line)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", line);
	pvk_flagconf_init(&conf);
	pvk_flagconf_line(&conf, copy, NULL);
	pvk_flagsources_free(&sources);
	stores_read(&sources, &conf, dir, NULL);
	return sources.count == 1 ? &sources.item[0].store : NULL;
}

static void test_direct(void)
{
	static const char rtc[] = "store.rtc = medium=nvmem device=rtc0 offset=2 size=4 "
				  "format=magic mode-ota=7 mode-recovery=0x52";
	struct pvk_change change = { .force = false };
	uint8_t memory[16] = { 0xaa, 0xaa, 0x52, 0, 0, 0, 0xaa };
	struct pvk_store *store;
	char *left;
	size_t len;

	mkdir(path_of("bus"), 0755);
	mkdir(path_of("bus/nvmem"), 0755);
	mkdir(path_of("bus/nvmem/devices"), 0755);
	mkdir(path_of("bus/nvmem/devices/rtc0"), 0755);
	put_bytes("bus/nvmem/devices/rtc0/nvmem", memory, sizeof(memory));

	store = given_store(rtc);
	ktap_check(store && store->state == PV_BOOTFLAG_STATE_READY, "nvmem: ready");
	ktap_str(store ? store->boot.mode : "", "recovery", "nvmem: its mode");
	ktap_eq(store ? store->offers : 0, PVB_HAS(PVB_MODE), "nvmem: what it can hold");
	pvk_change_word(&change, "mode=ota", NULL);
	ktap_eq(stores_set(store, &conf, dir, &change, NULL), 0, "nvmem: set");
	store = given_store(rtc);
	ktap_str(store ? store->boot.mode : "", "ota", "nvmem: and read again");
	if (!pvk_read_file(AT_FDCWD, path_of("bus/nvmem/devices/rtc0/nvmem"), 64, &left, &len)) {
		ktap_check(len == 16 && !memcmp(left, "\xaa\xaa\7\0\0\0\xaa", 7),
			   "nvmem: nothing else was written");
		free(left);
	}

	store = given_store("store.a = medium=nvmem device=nothing format=magic mode-a=1");
	ktap_check(store && store->state == PV_BOOTFLAG_STATE_ABSENT, "no such device: absent");
	ktap_str(store ? store->text : "", "there is no nvmem nothing", "and why");
	store = given_store("store.a = medium=nvmem device=rtc0 offset=14 size=4 format=magic "
			    "mode-a=1");
	ktap_check(store && store->state == PV_BOOTFLAG_STATE_FAILED, "past the end: failed");
	store = given_store("store.a = medium=nvmem device=../rtc0 format=magic mode-a=1");
	ktap_check(store && store->state == PV_BOOTFLAG_STATE_FAILED,
		   "a name is no path: failed");
	store = given_store("store.a = medium=ram address=0 size=4 device=a format=magic mode-a=1");
	ktap_check(store && store->state == PV_BOOTFLAG_STATE_FAILED,
		   "words of other media: failed");
	store = given_store("store.a = medium=syscon device=a format=magic mode-a=1");
	ktap_str(store ? store->text : "", "medium syscon takes pv_bootflag",
		 "a medium for the module alone");
}

/* ---- the U-Boot environment ---- */

#define ENV_SIZE	8192

/* mkenvimage's, of those words, at that place of env.bin. */
static void given_copy(unsigned int n, const char *text, unsigned int flag)
{
	char command[512], *image;
	uint8_t both[2 * ENV_SIZE];
	size_t len;
	int fd;

	put_file("env.txt", text);
	snprintf(command, sizeof(command), "mkenvimage -r -s %d -o %s/one %s/env.txt", ENV_SIZE,
		 dir, dir);
	if (system(command) || pvk_read_file(AT_FDCWD, path_of("one"), ENV_SIZE, &image, &len))
		ktap_skip_all("no mkenvimage");
	image[4] = (char)flag;
	fd = open(path_of("env.bin"), O_RDWR | O_CREAT, 0644);
	if (fd < 0 || pread(fd, both, sizeof(both), 0) < 0 ||
	    pwrite(fd, image, len, (off_t)n * ENV_SIZE) != (ssize_t)len)
		ktap_fail("a file in a temporary directory");
	close(fd);
	free(image);
}

/* It is read as libubootenv does it. */
static void same_with_library(const char *what, const char *line, uint32_t state)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(512);
	struct pvk_env env = { .config = conf.uboot_env, .lock = path_of("lock") };
	struct pvb_flags flags;
	unsigned int field;
	struct pvk_store *store;
	int ret;

	pvk_flagsources_free(&sources);
	source_env_read(&sources, &conf, NULL);
	store = sources.count == 1 ? &sources.item[0].store : NULL;
	ktap_check(store && store->state == state, "environment: %s: its state", what);
	ktap_str(store ? pvk_flags_line(&store->boot, &buf) : "none", line, "environment: %s",
		 what);
	for (field = 1; field < PVB_FIELDS; field++)
		env.variable[field] = conf.variable[field];
	ret = pvk_env_read(&env, &flags, NULL, NULL, NULL);
	if (ret == -EOPNOTSUPP)
		ktap_skip("built without it", "environment: %s: as with libubootenv", what);
	else
		ktap_check(!ret == (state == PV_BOOTFLAG_STATE_READY) && store &&
			   (ret || pvk_flags_same(&flags, &store->boot)),
			   "environment: %s: as with libubootenv", what);
}

static void test_environment(void)
{
	char text[256], line[512], none[2 * ENV_SIZE];

	pvk_flagconf_init(&conf);
	snprintf(text, sizeof(text), "%s/env.bin 0x0 0x%x\n%s/env.bin 0x%x 0x%x\n", dir, ENV_SIZE,
		 dir, ENV_SIZE, ENV_SIZE);
	put_file("fw_env.config", text);
	snprintf(line, sizeof(line), "uboot-env = %s/fw_env.config", dir);
	pvk_flagconf_line(&conf, line, NULL);
	snprintf(line, sizeof(line), "uboot-env.tries = bootcount");
	pvk_flagconf_line(&conf, line, NULL);
	snprintf(line, sizeof(line), "uboot-env.successful = upgrade_available");
	pvk_flagconf_line(&conf, line, NULL);

	memset(none, 0xff, sizeof(none));
	put_bytes("env.bin", none, sizeof(none));
	same_with_library("never written", "", PV_BOOTFLAG_STATE_EMPTY);
	given_copy(0, "pvkit_mode=ota\npvkit_slot=b\n", 4);
	given_copy(1, "pvkit_mode=recovery\nbootcount=1\nbootlimit=3\nupgrade_available=1\n", 5);
	same_with_library("the newer of two", "mode=recovery tries=2 successful=0",
			  PV_BOOTFLAG_STATE_READY);
	given_copy(0, "pvkit_mode=ota\npvkit_slot=b\n", 6);
	same_with_library("the newer is the first", "mode=ota slot=b", PV_BOOTFLAG_STATE_READY);
	given_copy(0, "xpvkit_mode=a\npvkit_modes=b\n", 7);
	same_with_library("names that look alike", "", PV_BOOTFLAG_STATE_READY);
	put_bytes("env.bin", "\1\2\3\4", 4);
	given_copy(1, "pvkit_mode=recovery\n", 1);
	same_with_library("one of two is damaged", "mode=recovery", PV_BOOTFLAG_STATE_READY);
	memset(none, 0x5a, sizeof(none));
	put_bytes("env.bin", none, sizeof(none));
	same_with_library("none is whole", "", PV_BOOTFLAG_STATE_BROKEN);
	unlink(path_of("env.bin"));
	pvk_flagsources_free(&sources);
	source_env_read(&sources, &conf, NULL);
	ktap_check(sources.count == 1 && sources.item[0].store.state == PV_BOOTFLAG_STATE_ABSENT,
		   "environment: no such device: absent");
}

int main(void)
{
	tempdir_open();
	ktap_plan(0);
	test_words();
	test_direct();
	test_environment();
	pvk_flagsources_free(&sources);
	tempdir_remove("");
	return ktap_finish();
}
