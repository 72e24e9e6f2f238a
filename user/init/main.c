// SPDX-License-Identifier: MIT
/*
 * pvkit-init - the boot stage: process 1 until the real init is
 *
 * It reads the boot flags, decides what is to be booted, finds and mounts the root of
 * that, makes it the root and execs its init. Read main() for the story.
 * Documentation/boot.md is for those who use it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#include "conf.h"
#include "console.h"
#include "decide.h"
#include "flagsource_int.h"
#include "modules.h"
#include "mtd.h"
#include "root.h"
#include "stores.h"
#include "switch.h"

#define NEW_ROOT	"/newroot"

/* What a kernel with devtmpfs.mount=1 has mounted already is no error. */
static void mount_early(void)
{
	static const struct {
		const char *type, *where, *data;
		unsigned long flags;
	} early[] = {
		{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
		{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(early); i++) {
		mkdir(early[i].where, 0755);
		mount(early[i].type, early[i].where, early[i].type, early[i].flags,
		      early[i].data);
	}
}

static void say_warnings(struct pvk_list *warnings)
{
	size_t i;

	for (i = 0; i < warnings->count; i++)
		say("%s", warnings->item[i]);
	pvk_list_free(warnings);
}

static void read_conf(struct conf *conf, struct pvk_cmdline *cmdline, const char *argv0)
{
	struct pvk_list warnings = { 0 };
	struct pvk_err err = { .text = "" };

	conf_init(conf);
	conf_read(conf, CONF_FILE, &warnings);
	if (pvk_cmdline_read(cmdline, PVK_CMDLINE_FILE, &err))
		pvk_list_warn(&warnings, "%s", err.text);
	conf_cmdline(conf, cmdline, argv0, &warnings);
	console_debug(conf->debug);
	say_warnings(&warnings);
}

/* Every reason, for whoever asks why it is not another's word that counts. */
static void explain(const struct pvk_flagsources *sources)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(512);
	size_t i;

	for (i = 0; i < sources->count; i++)
		say_debug("mode: %s %s", sources->item[i].store.name,
			  pvk_verdict_text(sources, &sources->item[i], PVB_MODE, &text));
}

/* A source that can't be read never stops a boot. */
static void read_sources(struct pvk_flagsources *sources)
{
	static struct pvk_flagconf conf;
	struct pvk_err err = { .text = "" };

	*sources = (struct pvk_flagsources){ 0 };
	if (pvk_flagconf_read(&conf, PVK_FLAGCONF_FILE, &err)) {
		say("%s", err.text);
		pvk_flagconf_init(&conf);
	}
	if (stores_read(sources, &conf, STORES_SYS, &err) ||
	    flagsource_add_others(sources, &conf, &err))
		say("%s", err.text);
	flagsource_sort(sources, &conf);
	explain(sources);
}

/* The end of a boot that failed. */
static _Noreturn void give_up(const struct conf *conf, const struct pvk_err *err)
{
	say("%s", err->text);
	if (conf->shell)
		console_offer_shell(conf->shell_wait);
	sync();
	reboot(RB_AUTOBOOT);
	/* Not even that: process 1 must not end. */
	for (;;)
		pause();
}

static int usage(const char *name, int argc)
{
	fprintf(argc > 1 ? stdout : stderr,
		"%s is started by the kernel, as /init of an initramfs or by init=.\n"
		"See pvkit-init(8).\n", name);
	return argc > 1 ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct pvk_err err = { .text = "" };
	struct pvk_flagsources sources;
	struct decision decision;
	static struct pvk_cmdline cmdline;
	static struct conf conf;
	struct root root;
	int ret;

	if (getpid() != 1)
		return usage(argv[0], argc);
	mount_early();
	console_open();
	read_conf(&conf, &cmdline, argv[0]);
	modules_load(MODULES_FILE, &cmdline);
	mtd_make_partitions(&cmdline, "/sys", "/dev");
	read_sources(&sources);
	decide(&decision, &conf, &sources);
	ret = root_find(&root, &conf, &decision.boot, &cmdline, &err);
	say("%s, %s; root=%s%s%s", boot_way_name(decision.way), decision.why,
	    ret ? decision.boot.root : root.source, !ret && root.fstype[0] ? " " : "",
	    ret ? "" : root.fstype);
	mkdir(NEW_ROOT, 0755);
	if (!ret)
		ret = root_mount(&root, NEW_ROOT, &err);
	if (!ret)
		ret = switch_to(NEW_ROOT, decision.boot.init, &err);
	give_up(&conf, &err);
}
