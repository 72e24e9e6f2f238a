// SPDX-License-Identifier: MIT
/*
 * What tells pvkit-init what to boot: init.conf, a NUL, the command line, a NUL, the words
 * of a store. Whatever they are, texts end, numbers are in their bounds, and a word
 * that is no key of ours changes nothing.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../user/init/conf.h"
#include "../../user/init/store_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what) \
	do { \
		if (!(what)) \
			__builtin_trap(); \
	} while (0)
#define CHECK_TEXT(text) CHECK(strnlen(text, sizeof(text)) < sizeof(text))

/* The next part, up to a NUL or the end. */
static size_t part(const uint8_t **data, size_t *size, const uint8_t **from)
{
	size_t len = strnlen((const char *)*data, *size);

	*from = *data;
	*data += len + (len < *size);
	*size -= len + (len < *size);
	return len;
}

static void check(const struct conf *conf)
{
	struct boot_conf boot;
	int way;

	CHECK(conf->root_wait <= CONF_WAITS_MAX && conf->root_delay <= CONF_WAITS_MAX);
	CHECK(conf->shell_wait <= CONF_WAITS_MAX && conf->failures_limit <= UINT8_MAX);
	CHECK_TEXT(conf->failures_store);
	for (way = 0; way < BOOT_WAYS; way++) {
		conf_boot(conf, (enum boot_way)way, &boot);
		CHECK_TEXT(boot.root);
		CHECK_TEXT(boot.fstype);
		CHECK_TEXT(boot.flags);
		CHECK_TEXT(boot.nbdroot);
		CHECK_TEXT(boot.init);
		CHECK_TEXT(boot.program);
		CHECK_TEXT(boot.union_size);
		CHECK_TEXT(boot.union_plain);
		CHECK(boot.access <= CONF_RW && boot.in_ram <= UNION_YES);
	}
}

static void read_file(struct conf *conf, const uint8_t *text, size_t len)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	pvk_auto_close int fd = memfd_create("init.conf", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf_read(conf, path, &warnings);
}

/* Does it hold a key that means something to us? */
static bool has_key(const struct pvk_cmdline *cmdline)
{
	static const char *const keys[] = {
		"root", "rootfstype", "rootflags", "rootwait", "rootdelay", "ro", "rw", "init",
		"nbdroot",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(keys); i++)
		if (pvk_cmdline_get(cmdline, keys[i], NULL))
			return true;
	for (i = 0; i < cmdline->count; i++)
		if (!strncmp(cmdline->text + cmdline->key[i], "pvkit.", 6))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pvk_cmdline cmdline;
	static struct conf conf, before;
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct store_words words;
	const uint8_t *text;
	char copy[1024];
	size_t len;

	memset(&conf, 0, sizeof(conf));
	conf_init(&conf);
	len = part(&data, &size, &text);
	read_file(&conf, text, len);
	check(&conf);
	before = conf;
	len = part(&data, &size, &text);
	if (!pvk_cmdline_parse(&cmdline, (const char *)text, len)) {
		conf_cmdline(&conf, &cmdline, "/init", &warnings);
		check(&conf);
		if (!has_key(&cmdline))
			CHECK(!memcmp(&before, &conf, sizeof(conf)) && !warnings.count);
	}
	len = part(&data, &size, &text);
	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!store_words_parse(&words, copy, NULL)) {
		CHECK(words.format && words.device[0] && words.setup.n_modes <= PVB_MODES_MAX);
		CHECK_TEXT(words.device);
		CHECK_TEXT(words.medium);
	}
	return 0;
}
