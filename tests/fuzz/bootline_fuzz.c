// SPDX-License-Identifier: MIT
/*
 * A whole command line, given to all of pvkit-init that reads it. What comes of it is
 * compared with what is found here, asked the other way round: not what each word sets,
 * but which word it is that sets each thing. And a line in one word that is no key,
 * inside of an mtdparts label say, sets nothing.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../user/init/decide.h"
#include "../../user/init/modules.h"
#include "../../user/init/nbd_words.h"
#include "../../user/init/net_words.h"
#include "../../user/init/nfs_words.h"
#include "../unit/kernel_args.h"
#include "flagsource_int.h"
#include "mtdparts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what) \
	do { \
		if (!(what)) \
			__builtin_trap(); \
	} while (0)

#define ARGV0	"/init"

/* ---- the words, as the kernel has them ---- */

struct word {
	char *name;
	char *value;		/* NULL: no '=' */
};

static char line[PVK_CMDLINE_MAX + 1];
static struct word word[PVK_CMDLINE_MAX];
static size_t words;

/* Is that a value that it can't have, so that the one before it counts? */
typedef bool (*refuse_fn)(const char *value, size_t size);

static void take_words(const uint8_t *data, size_t size)
{
	char *rest = line;

	memcpy(line, data, size);
	line[size] = '\0';
	size = strlen(line);
	if (size && line[size - 1] == '\n')
		line[size - 1] = '\0';
	words = 0;
	while ((rest = kernel_next_arg(rest, &word[words].name, &word[words].value)))
		words++;
}

/*
 * The last value of name, or other (may be NULL), that is not refused. bare: a word
 * without '=' has one too.
 */
static const char *last(const char *name, const char *other, bool bare, refuse_fn refuse,
			size_t size)
{
	const char *value;
	size_t i;

	for (i = words; i > 0; i--) {
		value = word[i - 1].value;
		if (strcmp(word[i - 1].name, name) &&
		    (!other || strcmp(word[i - 1].name, other)))
			continue;
		if (!value && !bare)
			continue;
		value = value ? value : "";
		if (!refuse || !refuse(value, size))
			return value;
	}
	return NULL;
}

static bool too_long(const char *value, size_t size)
{
	return strlen(value) >= size;
}

static bool own_init(const char *value, size_t size)
{
	return too_long(value, size) || !strcmp(value, ARGV0);
}

static bool no_number(const char *value, size_t max)
{
	size_t n = 0;

	if (!*value)
		return true;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return true;
		n = n > max ? n : n * 10 + (size_t)(*value - '0');
	}
	return n > max;
}

static bool no_interval(const char *value, size_t max)
{
	return no_number(value, max) || !value[strspn(value, "0")];
}

static bool no_yes_no(const char *value, size_t size)
{
	(void)size;
	return *value && strcmp(value, "yes") && strcmp(value, "no");
}

static bool no_guard(const char *value, size_t size)
{
	return strcmp(value, "dry-run") && no_yes_no(value, size);
}

/* ---- what the words say ---- */

/* pvkit.NAME or pvkit.SECTION.NAME, or else what the kernel calls it. */
static const char *said(int way, const char *name, const char *kernel, refuse_fn refuse,
			size_t size)
{
	char whole[64], plain[64];
	const char *value;

	snprintf(whole, sizeof(whole), "pvkit.%s.%s", boot_way_name((enum boot_way)way), name);
	snprintf(plain, sizeof(plain), "pvkit.%s", name);
	if (way != BOOT_NORMAL)
		return last(whole, NULL, true, refuse, size);
	value = last(plain, whole, true, refuse, size);
	if (!value && kernel)
		value = last(kernel, NULL, false, !strcmp(name, "init") ? own_init : refuse, size);
	return value;
}

static void check_text(const char *is, size_t size, int way, const char *name,
		       const char *kernel)
{
	const char *value = said(way, name, kernel, too_long, size);

	CHECK(!strcmp(is, value ? value : ""));
}

static void check_number(unsigned int is, unsigned int otherwise, const char *name,
			 const char *kernel, refuse_fn refuse)
{
	const char *value = last(name, NULL, true, refuse, CONF_WAITS_MAX);

	if (!value && kernel)
		value = last(kernel, NULL, false, no_number, CONF_WAITS_MAX);
	CHECK(is == (value ? strtoul(value, NULL, 10) : otherwise));
}

#define CHECK_TEXT(boot, way, member, name, kernel) \
	check_text((boot)->member, sizeof((boot)->member), way, name, kernel)

/* An ip= with nothing is off: none at all is asked by DHCP. */
static void check_ip(const struct boot_conf *boot, int way)
{
	const char *ours = said(way, "ip", NULL, too_long, sizeof(boot->ip));
	const char *value = said(way, "ip", "ip", too_long, sizeof(boot->ip));

	if (!ours && value && !*value)
		value = "off";
	CHECK(!strcmp(boot->ip, value ? value : ""));
}

static void check_way(const struct boot_conf *boot, int way)
{
	const char *value = said(way, "union", NULL, no_yes_no, 0);

	CHECK_TEXT(boot, way, root, "root", "root");
	CHECK_TEXT(boot, way, fstype, "rootfstype", "rootfstype");
	CHECK_TEXT(boot, way, flags, "rootflags", "rootflags");
	CHECK_TEXT(boot, way, nbdroot, "nbdroot", "nbdroot");
	CHECK_TEXT(boot, way, nfsroot, "nfsroot", "nfsroot");
	check_ip(boot, way);
	CHECK_TEXT(boot, way, init, "init", "init");
	CHECK_TEXT(boot, way, program, "program", NULL);
	CHECK_TEXT(boot, way, union_size, "union-size", NULL);
	CHECK_TEXT(boot, way, union_plain, "union-plain", NULL);
	CHECK_TEXT(boot, way, union_keep, "union-keep", NULL);
	CHECK(boot->in_ram == (!value ? UNION_UNSAID : strcmp(value, "no") ? UNION_YES :
			       UNION_NO));
	value = said(way, "guard", NULL, no_guard, 0);
	CHECK(boot->guard == (!value ? GUARD_UNSAID : !strcmp(value, "dry-run") ? GUARD_DRY_RUN :
			      strcmp(value, "no") ? GUARD_YES : GUARD_NO));
}

static enum conf_access access_said(void)
{
	enum conf_access access = CONF_UNSAID;
	size_t i, ours;

	for (ours = 0; ours < 2; ours++) {
		for (i = 0; i < words; i++) {
			const char *name = word[i].name, *value = word[i].value;

			if (ours) {
				name = strcmp(name, "pvkit.access") &&
				       strcmp(name, "pvkit.normal.access") ? "" : value;
				value = NULL;
			}
			if (name && !value && !strcmp(name, "ro"))
				access = CONF_RO;
			if (name && !value && !strcmp(name, "rw"))
				access = CONF_RW;
		}
	}
	return access;
}

static void check_conf(const struct conf *conf)
{
	const char *value;
	int way;

	for (way = 0; way < BOOT_WAYS; way++)
		check_way(&conf->way[way], way);
	CHECK(conf->way[BOOT_NORMAL].access == access_said());
	value = last("root", NULL, false, NULL, 0);
	CHECK(!strncmp(conf->kernels_root, value ? value : "", sizeof(conf->kernels_root) - 1));
	check_number(conf->root_wait, 30, "pvkit.root-wait", "rootwait", no_number);
	check_number(conf->root_delay, 0, "pvkit.root-delay", "rootdelay", no_number);
	check_number(conf->shell_wait, 5, "pvkit.shell-wait", NULL, no_number);
	check_number(conf->guard_every, 5, "pvkit.guard-every", NULL, no_interval);
	check_number(conf->guard_limit, 20, "pvkit.guard-limit", NULL, no_interval);
	check_number(conf->guard_grace, 5, "pvkit.guard-grace", NULL, no_number);
	value = last("pvkit.shell", NULL, true, no_yes_no, 0);
	CHECK(conf->shell == !(value && !strcmp(value, "no")));
	value = last("pvkit.debug", NULL, true, no_yes_no, 0);
	CHECK(conf->debug == (value && strcmp(value, "no")));
}

/* ---- flags, and what is decided ---- */

/* A value that a field can't have leaves it unset, whatever stood before it. */
static bool flag_said(unsigned int field, const char *name, struct pvb_flags *flags)
{
	const char *value = last(name, NULL, true, NULL, 0);

	*flags = (struct pvb_flags){ 0 };
	return value && !pvk_flags_set(flags, field, value, NULL);
}

static enum boot_way way_said(const struct conf *conf)
{
	const struct boot_conf *resume = &conf->way[BOOT_RESUME];
	struct pvb_flags mode, phase;
	int way = BOOT_NORMAL;

	if (flag_said(PVB_MODE, "pvkit.mode", &mode))
		for (way = BOOT_RESCUE; way && strcmp(mode.mode, boot_way_name((enum boot_way)way));
		     way--)
			;
	if (flag_said(PVB_PHASE, "pvkit.phase", &phase) && way != BOOT_RECOVERY &&
	    way != BOOT_RESCUE)
		way = BOOT_RESUME;
	if (way == BOOT_RESUME && !resume->program[0] && !resume->root[0])
		way = BOOT_RESCUE;
	return (enum boot_way)way;
}

/* Any text of them is read, or refused with a reason. */
static void check_network(const struct boot_conf *boot)
{
	static struct nfs_words nfs;
	struct pvk_err err[3] = { { .text = "" } };
	struct net_words net;
	struct nbd_words nbd;

	CHECK(!net_words_parse(&net, boot->ip, &err[0]) == !err[0].text[0]);
	CHECK(!nfs_words_parse(&nfs, boot->nfsroot, "box", &err[1]) == !err[1].text[0]);
	CHECK(!nbd_words_parse(&nbd, boot->nbdroot, &err[2]) == !err[2].text[0]);
}

static void check_decision(const struct conf *conf, const uint8_t *data, size_t size)
{
	pvk_auto_close int fd = memfd_create("cmdline", MFD_CLOEXEC);
	static const struct failures none;
	struct pvk_flagsources sources = { 0 };
	static struct pvk_flagconf flagconf;
	struct decision decision;
	enum boot_way way;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return;
	pvk_flagconf_init(&flagconf);
	snprintf(flagconf.cmdline_file, sizeof(flagconf.cmdline_file), "/proc/self/fd/%d", fd);
	CHECK(!flagsource_add_others(&sources, &flagconf, NULL) && sources.count == 1);
	decide(&decision, conf, &sources, &none);
	way = way_said(conf);
	CHECK(decision.way == way);
	if (conf->way[way].root[0] || way == BOOT_RESCUE)
		CHECK(!strcmp(decision.boot.root, conf->way[way].root));
	else
		CHECK(!strcmp(decision.boot.root, conf->way[BOOT_NORMAL].root));
	check_network(&decision.boot);
	pvk_flagsources_free(&sources);
}

/* ---- parameters of modules ---- */

static bool is_plain(const char *name)
{
	return *name && *name != '-' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_.-")];
}

/* What stands behind "MODULE." in a word of that module. */
static const char *of_module(const char *name, const char *module)
{
	for (; *module; name++, module++)
		if ((*name == '-' ? '_' : *name) != (*module == '-' ? '_' : *module))
			return NULL;
	return *name == '.' ? name + 1 : NULL;
}

/* The kernel reads them as it would have read them on the line. */
static void check_params(const struct pvk_cmdline *cmdline, const char *module)
{
	pvk_auto_buf struct pvk_buf params = PVK_BUF_INIT(PVK_CMDLINE_MAX);
	char path[64], copy[PVK_CMDLINE_MAX + 1], *rest = copy, *name, *value;
	size_t i;

	snprintf(path, sizeof(path), "/lib/modules/%s.ko", module);
	modules_params(path, cmdline, &params);
	CHECK(!params.err);
	strcpy(copy, pvk_buf_str(&params));
	rest = kernel_next_arg(rest, &name, &value);
	for (i = 0; i < words; i++) {
		const char *wanted = of_module(word[i].name, module);

		if (!wanted || !is_plain(wanted) || !strcmp(word[i].name, "ubi.mtd"))
			continue;
		if (rest && !strcmp(name, wanted) && !value == !word[i].value &&
		    (!value || !strcmp(value, word[i].value)))
			rest = kernel_next_arg(rest, &name, &value);
		else	/* left out, as only the last word of a line can have it */
			CHECK(word[i].value && strchr(word[i].value, '"') && i == words - 1);
	}
	CHECK(!rest);
}

/* ---- all of it ---- */

static void check_mtdparts(const struct pvk_cmdline *cmdline)
{
	const char *want = last("mtdparts", NULL, false, NULL, 0);
	const char *is = pvk_cmdline_value(cmdline, "mtdparts");
	static struct pvk_mtdparts parts;

	CHECK(!want == !is && (!want || !strcmp(want, is)));
	if (is)
		pvk_mtdparts_parse(&parts, is, NULL);
}

/* The whole line as one word, behind what makes it none of ours. */
static void check_hidden(const uint8_t *data, size_t size, const char *before)
{
	size_t len = strlen(before), i;
	static struct pvk_cmdline cmdline;
	pvk_auto_list struct pvk_list warnings = { 0 };
	static struct conf conf, fresh;
	char text[PVK_CMDLINE_MAX];

	if (len + size > sizeof(text))
		return;
	memcpy(text, before, len);
	for (i = 0; i < size; i++)
		text[len + i] = kernel_isspace((char)data[i]) || !data[i] || data[i] == '"' ? ',' :
				(char)data[i];
	pvk_cmdline_parse(&cmdline, text, len + size);
	memset(&conf, 0, sizeof(conf));
	memset(&fresh, 0, sizeof(fresh));
	conf_init(&conf);
	conf_init(&fresh);
	conf_cmdline(&conf, &cmdline, ARGV0, &warnings);
	CHECK(!memcmp(&conf, &fresh, sizeof(conf)) && !warnings.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const modules[] = { "ubi", "block2mtd", "pv_bootflag", "nvme-core" };
	static struct pvk_cmdline cmdline;
	static struct conf conf;
	pvk_auto_list struct pvk_list warnings = { 0 };
	size_t i;

	if (pvk_cmdline_parse(&cmdline, (const char *)data, size))
		return 0;
	take_words(data, strnlen((const char *)data, size));
	memset(&conf, 0, sizeof(conf));
	conf_init(&conf);
	conf_cmdline(&conf, &cmdline, ARGV0, &warnings);
	check_conf(&conf);
	check_decision(&conf, data, strnlen((const char *)data, size));
	check_mtdparts(&cmdline);
	for (i = 0; i < PVK_ARRAY_SIZE(modules); i++)
		check_params(&cmdline, modules[i]);
	check_hidden(data, size, "mtdparts=nand0:1M(");
	check_hidden(data, size, "x");
	check_hidden(data, size, "note=");
	return 0;
}
