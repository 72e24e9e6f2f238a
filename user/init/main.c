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

#include "child.h"
#include "conf.h"
#include "confline.h"
#include "console.h"
#include "decide.h"
#include "failures.h"
#include "flagsource_int.h"
#include "guard.h"
#include "modules.h"
#include "mtd.h"
#include "root.h"
#include "stores.h"
#include "switch.h"
#include "union.h"

#define PROGRAM_WORDS_MAX	16
#define MEDIUM_MS		10000	/* for one that may be gone */

/* Not where a file system is mounted on another directory of itself: nobody does. */
static bool is_mount_point(const char *path)
{
	struct stat here, root;

	return !stat(path, &here) && !stat("/", &root) && here.st_dev != root.st_dev;
}

/* What the kernel or an initramfs has mounted there stays, with all that is in it. */
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
		if (is_mount_point(early[i].where))
			continue;
		mount(early[i].type, early[i].where, early[i].type, early[i].flags,
		      early[i].data);
	}
}

struct boot {
	struct pvk_cmdline cmdline;
	struct conf conf;
	struct pvk_flagconf flagconf;
	struct pvk_flagsources sources;
	struct failures failures;
	struct decision decision;
	struct root root;
	bool in_initramfs;
	char **argv;
};

static void read_conf(struct boot *boot, const char *argv0)
{
	struct pvk_list warnings = { 0 };
	struct pvk_err err = { .text = "" };
	size_t i;

	conf_init(&boot->conf);
	conf_read(&boot->conf, CONF_FILE, &warnings);
	if (pvk_cmdline_read(&boot->cmdline, PVK_CMDLINE_FILE, &err))
		pvk_list_warn(&warnings, "%s", err.text);
	conf_cmdline(&boot->conf, &boot->cmdline, argv0, &warnings);
	console_debug(boot->conf.debug);
	for (i = 0; i < warnings.count; i++)
		say("%s", warnings.item[i]);
	pvk_list_free(&warnings);
}

/* Every reason, for whoever asks why it is not another's word that counts. */
static void explain(const struct pvk_flagsources *sources, unsigned int field)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(512);
	size_t i;

	for (i = 0; i < sources->count; i++)
		say_debug("%s: %s %s", pvk_field_name(field), sources->item[i].store.name,
			  pvk_verdict_text(sources, &sources->item[i], field, &text));
}

/* A line that can't be is no reason to forget the others. */
static int read_flags_line(void *arg, char *line, unsigned int n, struct pvk_err *err)
{
	if (pvk_flagconf_line(arg, line, err))
		say("%s:%u: %s", PVK_FLAGCONF_FILE, n, err->text);
	return 0;
}

/* Nor does a source that can't be read stop a boot. */
static void read_sources(struct boot *boot)
{
	struct pvk_err err = { .text = "" };

	pvk_flagconf_init(&boot->flagconf);
	if (pvk_conf_read(PVK_FLAGCONF_FILE, read_flags_line, &boot->flagconf, &err))
		say("%s", err.text);
	if (stores_read(&boot->sources, &boot->flagconf, STORES_SYS, &err) ||
	    flagsource_add_others(&boot->sources, &boot->flagconf, &err) ||
	    source_env_read(&boot->sources, &boot->flagconf, &err))
		say("%s", err.text);
	flagsource_sort(&boot->sources, &boot->flagconf);
	explain(&boot->sources, PVB_MODE);
	if (pvk_flagsources_winner(&boot->sources, PVB_PHASE, true))
		explain(&boot->sources, PVB_PHASE);
}

/* The one line. */
static void report(const struct boot *boot, const char *what, const char *where,
		   const char *type)
{
	say("%s, %s; %s%s%s%s", boot_way_name(boot->decision.way), boot->decision.why, what,
	    where, *type ? " " : "", type);
}

/*
 * Started by init= we are on the root that the command line names: it stays, unless
 * another one was decided for.
 */
static bool root_is_here(const struct boot *boot)
{
	return !boot->in_initramfs &&
	       conf_is_kernels_root(&boot->conf, boot->decision.boot.root);
}

/* Ours of an initramfs may have made it already. */
static bool wants_union(const struct boot *boot)
{
	return boot->decision.boot.in_ram == UNION_YES &&
	       !(root_is_here(boot) && union_is_there());
}

static int find_root(struct boot *boot, struct pvk_err *err)
{
	struct root *root = &boot->root;
	int ret;

	if (root_is_here(boot)) {
		report(boot, "root=", boot->decision.boot.root, "as it is");
		return 0;
	}
	ret = root_find(root, &boot->conf, &boot->decision.boot, &boot->cmdline, err);
	report(boot, "root=", ret ? boot->decision.boot.root : root->source, root->fstype);
	return ret;
}

/* The root as it is goes below the union. */
static int mount_union(struct boot *boot, const char *where, struct pvk_err *err)
{
	int ret;

	mkdir(UNION_DIR, 0755);
	mkdir(UNION_LOWER, 0755);
	boot->root.read_only = true;
	if (!root_is_here(boot)) {
		ret = root_mount(&boot->root, UNION_LOWER, err);
		if (ret)
			return ret;
	} else if (mount("/", UNION_LOWER, NULL, MS_BIND, NULL)) {
		return pvk_err_set(err, -errno, "union: %s", strerror(errno));
	} else if (mount(NULL, UNION_LOWER, NULL, MS_REMOUNT | MS_RDONLY, NULL)) {
		say("union: the root below stays writable: %s", strerror(errno));
	}
	ret = union_mount(where, &boot->conf, &boot->decision.boot, &boot->cmdline, err);
	if (!ret)
		union_watch();
	return ret;
}

/* Returns only when it failed. */
static int boot_root(struct boot *boot, struct pvk_err *err)
{
	const struct decision *decision = &boot->decision;
	const char *where = "/", *init;
	bool in_ram = wants_union(boot);
	int ret;

	ret = find_root(boot, err);
	if (ret)
		return ret;
	if (in_ram || !root_is_here(boot))
		where = switch_place();
	if (!where)
		return pvk_err_set(err, -ENOENT, "no directory to mount the root on");
	if (in_ram)
		ret = mount_union(boot, where, err);
	else if (!root_is_here(boot))
		ret = root_mount(&boot->root, where, err);
	if (ret)
		return ret;
	init = switch_find_init(where, decision->boot.init, err);
	if (!init)
		return -ENOENT;
	guard_start(&boot->conf, &decision->boot, in_ram ? UNION_LOWER : where, where,
		    boot->root.source, &boot->sources, &boot->flagconf);
	failures_clear(&boot->failures, &boot->conf, &boot->flagconf, decision->by_failures);
	return switch_to(where, init, boot->argv, err);
}

/* A program of the initramfs takes our place. */
static int boot_program(struct boot *boot, struct pvk_err *err)
{
	char *argv[PROGRAM_WORDS_MAX + 1], *rest = boot->decision.boot.program, *word;
	unsigned int n = 0;

	report(boot, "program ", rest, "");
	while (n < PROGRAM_WORDS_MAX && (word = strsep(&rest, " \t")))
		if (*word)
			argv[n++] = word;
	argv[n] = NULL;
	if (!n)
		return pvk_err_set(err, -EINVAL, "program: there is none but blanks");
	if (access(argv[0], X_OK))
		return pvk_err_set(err, -errno, "%s: %s", argv[0], strerror(errno));
	/* Whether an update comes on is for that to say that goes on with it. */
	if (boot->decision.way != BOOT_RESUME)
		failures_clear(&boot->failures, &boot->conf, &boot->flagconf,
			       boot->decision.by_failures);
	console_close();
	execv(argv[0], argv);
	return pvk_err_set(err, -errno, "%s: %s", argv[0], strerror(errno));
}

static int boot_shell(struct boot *boot, struct pvk_err *err)
{
	if (boot->conf.shell) {
		report(boot, "a shell, whose end reboots", "", "");
		if (!console_shell())
			return pvk_err_set(err, 0, "the shell has ended");
	}
	return pvk_err_set(err, -ENOENT, "no root to rescue it with, and no shell%s",
			   boot->conf.shell ? " in the initramfs" : ": shell = no");
}

static void sync_all(void *arg)
{
	(void)arg;
	sync();
}

static _Noreturn void restart(void)
{
	child_do(sync_all, NULL, MEDIUM_MS);
	reboot(RB_AUTOBOOT);
	/* Not even that: process 1 must not end. */
	for (;;)
		pause();
}

/* The end of a boot that failed. */
static _Noreturn void give_up(struct boot *boot, const struct pvk_err *err)
{
	say("%s", err->text);
	failures_add(&boot->failures, &boot->conf, &boot->flagconf, err->text);
	if (boot->conf.shell)
		console_offer_shell(boot->conf.shell_wait);
	restart();
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
	static struct boot boot;
	int ret;

	if (guard_is(argv[0]))
		guard_main();
	if (getpid() != 1)
		return usage(argv[0], argc);
	boot.argv = argv;
	boot.in_initramfs = switch_in_initramfs();
	mount_early();
	console_open();
	read_conf(&boot, argv[0]);
	modules_load(MODULES_FILE, &boot.cmdline);
	mtd_make_partitions(&boot.cmdline, "/sys", "/dev");
	read_sources(&boot);
	failures_find(&boot.failures, &boot.sources, &boot.conf);
	decide(&boot.decision, &boot.conf, &boot.sources, &boot.failures);
	if (boot.decision.boot.program[0])
		ret = boot_program(&boot, &err);
	else if (boot.decision.way == BOOT_RESCUE && !boot.decision.boot.root[0])
		ret = boot_shell(&boot, &err);
	else
		ret = boot_root(&boot, &err);
	if (!ret)
		restart();
	give_up(&boot, &err);
}
