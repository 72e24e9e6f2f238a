// SPDX-License-Identifier: MIT
/*
 * What a program needs to start: the same as readelf and ldd say of every program that is
 * here, as musl's own linker says, and, in made-up roots, by the rules that no program here
 * happens to try.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elffile.h"
#include "fake_elf.h"
#include "ktap.h"
#include "needs.h"
#include "rootpath.h"
#include "util.h"

#define TEXT_MAX	65536
#define LEAST		100	/* files that there are on any machine */
#define SHOWN		5	/* differences */

static char dir[] = "/tmp/pvkit-needs.XXXXXX";

static void shell(const char *command)
{
	if (system(command))
		ktap_fail("%s", command);
}

/* ---- readelf ---- */

struct said {
	char file[PATH_MAX];
	char field[4][4096];		/* interp, soname, rpath, runpath */
	char needed[TEXT_MAX];
};

static void say(const struct said *said, struct pvk_buf *text)
{
	size_t i;

	for (i = 0; i < 4; i++)
		pvk_buf_printf(text, "%s|", said->field[i]);
	pvk_buf_puts(text, said->needed);
}

static void say_elf(const struct pvk_elf *elf, struct pvk_buf *text)
{
	const char *const field[] = { elf->interp, elf->soname, elf->rpath, elf->runpath };
	size_t i;

	for (i = 0; i < 4; i++)
		pvk_buf_printf(text, "%s|", field[i] ? field[i] : "");
	for (i = 0; i < elf->n_needed; i++)
		pvk_buf_printf(text, "%s,", elf->needed[i]);
}

/* false: it differs. What is no ELF file is none for both, and not counted. */
static bool agrees_with_readelf(const struct said *said, unsigned int *count)
{
	pvk_auto_close int fd = open(said->file, O_RDONLY | O_CLOEXEC);
	pvk_auto_buf struct pvk_buf theirs = PVK_BUF_INIT(TEXT_MAX * 2);
	pvk_auto_buf struct pvk_buf ours = PVK_BUF_INIT(TEXT_MAX * 2);
	struct pvk_err err = { .text = "" };
	struct pvk_elf elf;
	int ret;

	say(said, &theirs);
	ret = pvk_elf_read(fd, &elf, &err);
	if (ret == -ENOEXEC && !strcmp(pvk_buf_str(&theirs), "||||"))
		return true;
	++*count;
	if (ret) {
		pvk_buf_puts(&ours, err.text);
	} else {
		say_elf(&elf, &ours);
		pvk_elf_free(&elf);
	}
	return !strcmp(pvk_buf_str(&ours), pvk_buf_str(&theirs)) ||
	       (printf("# %s\n# readelf: %s\n# we:      %s\n", said->file,
		       pvk_buf_str(&theirs), pvk_buf_str(&ours)), false);
}

/* "... [VALUE]" */
static void take_value(const char *line, char open, char close_by, char *value, size_t size)
{
	const char *begin = strchr(line, open), *end = strrchr(line, close_by);

	if (begin && end > begin)
		snprintf(value, size, "%.*s", (int)(end - begin - 1), begin + 1);
}

static void take_readelf(struct said *said, const char *line)
{
	size_t len = strlen(said->needed);
	char value[4096] = "";

	if (strstr(line, "[Requesting program interpreter: ")) {
		take_value(strchr(line, ':'), ' ', ']', said->field[0], sizeof(said->field[0]));
	} else if (strstr(line, "(SONAME)")) {
		take_value(line, '[', ']', said->field[1], sizeof(said->field[1]));
	} else if (strstr(line, "(RPATH)")) {
		take_value(line, '[', ']', said->field[2], sizeof(said->field[2]));
	} else if (strstr(line, "(RUNPATH)")) {
		take_value(line, '[', ']', said->field[3], sizeof(said->field[3]));
	} else if (strstr(line, "(NEEDED)")) {
		take_value(line, '[', ']', value, sizeof(value));
		snprintf(said->needed + len, sizeof(said->needed) - len, "%s,", value);
	}
}

static void test_readelf(void)
{
	FILE *out = popen("find /usr/bin /usr/sbin /usr/lib/*-linux-* -maxdepth 1 -type f "
			  "! -name '*.a' -print0 |"
			  "xargs -0 -n 200 env LC_ALL=C readelf -W -dl /bin/sh 2>/dev/null", "r");
	static struct said said;
	unsigned int count = 0, differ = 0;
	char line[8192];

	while (out && fgets(line, sizeof(line), out)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "File: ", 6) != 0) {
			take_readelf(&said, line);
			continue;
		}
		if (said.file[0] && differ < SHOWN && !agrees_with_readelf(&said, &count))
			differ++;
		memset(&said, 0, sizeof(said));
		snprintf(said.file, sizeof(said.file), "%.*s", PATH_MAX - 1, line + 6);
	}
	if (said.file[0] && !agrees_with_readelf(&said, &count))
		differ++;
	if (out)
		pclose(out);
	ktap_check(count > LEAST && !differ, "readelf agrees on each of %u files", count);
}

/* ---- ldd ---- */

#define FILES_MAX	512

struct found {
	size_t count;
	char *text[FILES_MAX];
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_found(struct found *found, const char *name, const char *path)
{
	char text[PATH_MAX + 64];

	snprintf(text, sizeof(text), "%s%s", path ? path : name, path ? "" : "?");
	if (found->count < FILES_MAX)
		found->text[found->count++] = strdup(text);
}

static void join_found(struct found *found, struct pvk_buf *text)
{
	size_t i;

	qsort(found->text, found->count, sizeof(*found->text), by_text);
	for (i = 0; i < found->count; i++) {
		pvk_buf_printf(text, "%s%s", i ? " " : "", found->text[i]);
		free(found->text[i]);
	}
	found->count = 0;
}

static int note_need(void *arg, const struct pvk_need *need)
{
	add_found(arg, need->name, need->path);
	return 0;
}

static bool agrees_with_ldd(struct pvk_needs *needs, const char *file, struct found *theirs)
{
	pvk_auto_buf struct pvk_buf their_text = PVK_BUF_INIT(TEXT_MAX * 4);
	pvk_auto_buf struct pvk_buf our_text = PVK_BUF_INIT(TEXT_MAX * 4);
	struct pvk_err err = { .text = "" };
	struct found ours = { 0 };

	join_found(theirs, &their_text);
	if (pvk_needs_of(needs, file, note_need, &ours, &err))
		pvk_buf_puts(&our_text, err.text);
	join_found(&ours, &our_text);
	return !strcmp(pvk_buf_str(&our_text), pvk_buf_str(&their_text)) ||
	       (printf("# %s\n# ldd: %s\n# we:  %s\n", file, pvk_buf_str(&their_text),
		       pvk_buf_str(&our_text)), false);
}

/*
 * "	libc.so.6 => /lib/libc.so.6 (0x...)", "	/lib/ld.so (0x...)", "	a => not found";
 * false: no program for it.
 */
static bool take_ldd(struct found *found, char *line)
{
	char *arrow = strstr(line, " => "), *path = arrow ? arrow + 4 : line + 1;

	if (strstr(line, "linux-vdso") || strstr(line, "linux-gate"))
		return true;
	if (strstr(line, "not a dynamic executable") || strstr(line, "statically linked"))
		return false;
	if (arrow)
		*arrow = '\0';
	if (!strncmp(path, "not found", 9))
		path = NULL;
	else
		path[strcspn(path, " \n")] = '\0';
	add_found(found, line + 1, path);
	return true;
}

static void test_ldd(struct pvk_needs *needs)
{
	FILE *out = popen("find /usr/bin /usr/sbin -maxdepth 1 -type f -print0 |"
			  "env -u LD_LIBRARY_PATH -u LD_PRELOAD LC_ALL=C "
			  "xargs -0 -n 200 ldd /bin/sh 2>/dev/null", "r");
	unsigned int count = 0, differ = 0;
	static char file[PATH_MAX], line[8192];
	struct found found = { 0 };
	bool dynamic = false;

	while (out && fgets(line, sizeof(line), out)) {
		if (line[0] == '\t') {
			dynamic = take_ldd(&found, line);
			continue;
		}
		count += dynamic;
		if (dynamic && differ < SHOWN && !agrees_with_ldd(needs, file, &found))
			differ++;
		dynamic = false;
		snprintf(file, sizeof(file), "%.*s", (int)strcspn(line, ":"), line);
	}
	if (dynamic && !agrees_with_ldd(needs, file, &found))
		differ++;
	if (out)
		pclose(out);
	ktap_check(count > LEAST && !differ, "ldd agrees on each of %u programs", count);
}

/* ---- made-up roots ---- */

#define LINKER	"/lib64/ld-linux-x86-64.so.2"
#define MUSL	"/lib/ld-musl-x86_64.so.1"

static int tell_need(void *arg, const struct pvk_need *need)
{
	struct pvk_buf *text = arg;

	pvk_buf_printf(text, "%s%s%s", text->len ? " " : "", need->path ? need->path : need->name,
		       need->path ? "" : "?");
	return 0;
}

/* In the order in which they were told; dir is the root. */
static const char *needs_in_root(const char *program)
{
	static struct pvk_buf text = PVK_BUF_INIT(TEXT_MAX);
	pvk_auto_close int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pvk_err err = { .text = "" };
	struct pvk_needs needs;
	int ret;

	pvk_buf_reset(&text);
	ret = pvk_needs_init(&needs, root, &err);
	if (!ret)
		ret = pvk_needs_of(&needs, program, tell_need, &text, &err);
	if (ret)
		pvk_buf_printf(&text, "(%s: %s)", strerror(-ret), err.text);
	pvk_needs_free(&needs);
	return pvk_buf_str(&text);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(path, 0755))
		ktap_fail("write %s", path);
}

#define ELF(path, ...)	fake_elf_write((path) + 1, &(struct fake_elf){ __VA_ARGS__ })

static void given_root(void)
{
	shell("rm -rf ./* && mkdir -p usr/lib/x86_64-linux-gnu usr/lib64 usr/bin opt/a/lib "
	      "opt/a/bin etc && ln -s usr/lib lib && ln -s usr/lib64 lib64 && ln -s usr/bin bin && "
	      "ln -s /lib/x86_64-linux-gnu/ld.so usr/lib64/ld-linux-x86-64.so.2");
	ELF("/lib/x86_64-linux-gnu/ld.so", .soname = "ld-linux-x86-64.so.2");
	ELF("/lib/x86_64-linux-gnu/libc.so.6", .soname = "libc.so.6",
	    .needed = { "ld-linux-x86-64.so.2" });
}

static void test_glibc(void)
{
	given_root();
	ELF("/bin/p", .interp = LINKER, .needed = { "libc.so.6" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /lib/x86_64-linux-gnu/libc.so.6",
		 "glibc: its own directory; the linker that libc wants is there already");

	ELF("/opt/a/lib/libx.so", .needed = { "libc.so.6" });
	ELF("/opt/a/bin/p", .interp = LINKER, .runpath = "$ORIGIN/../lib", .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"), LINKER
		 " /opt/a/bin/../lib/libx.so /lib/x86_64-linux-gnu/libc.so.6",
		 "DT_RUNPATH with $ORIGIN");
	shell("ln -s /opt/a/bin/p bin/q");
	ktap_str(needs_in_root("/bin/q"), LINKER
		 " /opt/a/bin/../lib/libx.so /lib/x86_64-linux-gnu/libc.so.6",
		 "a program's $ORIGIN is where its symlink leads to");

	ELF("/opt/a/lib/libx.so", .needed = { "liby.so" });
	ELF("/opt/a/lib/liby.so", .soname = NULL);
	ktap_str(needs_in_root("/opt/a/bin/p"), LINKER " /opt/a/bin/../lib/libx.so liby.so?",
		 "DT_RUNPATH is not for what a library wants");
	ELF("/opt/a/bin/p", .interp = LINKER, .rpath = "/none:${ORIGIN}/../lib/",
	    .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"),
		 LINKER " /opt/a/bin/../lib/libx.so /opt/a/bin/../lib/liby.so", "DT_RPATH is");
	ELF("/opt/a/bin/p", .interp = LINKER, .rpath = "/opt/a/lib", .runpath = "/none",
	    .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"), LINKER " libx.so?",
		 "DT_RPATH counts only without DT_RUNPATH");
	ELF("/opt/a/lib/libx.so", .runpath = "/none", .needed = { "liby.so" });
	ELF("/opt/a/bin/p", .interp = LINKER, .rpath = "/opt/a/lib", .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"), LINKER " /opt/a/lib/libx.so liby.so?",
		 "nor does that of those before it, then");
}

static void test_glibc_more(void)
{
	given_root();
	shell("mkdir -p opt/a/lib/x86_64-linux-gnu");
	ELF("/opt/a/lib/x86_64-linux-gnu/libx.so", .soname = "libx.so");
	ELF("/bin/p", .interp = LINKER, .runpath = "/opt/a/$LIB", .needed = { "libx.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /opt/a/lib/x86_64-linux-gnu/libx.so", "$LIB");

	ELF("/lib/libx.so", .machine = EM_386, .is32 = true);
	ELF("/lib/x86_64-linux-gnu/libx.so", .soname = "libx.so");
	ELF("/bin/p", .interp = LINKER, .runpath = "/lib", .needed = { "libx.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /lib/x86_64-linux-gnu/libx.so",
		 "one for another processor is passed over");
	write_text("lib/libx.so", "no library");
	ktap_str(needs_in_root("/bin/p"), LINKER " /lib/x86_64-linux-gnu/libx.so",
		 "so is what is none");

	ELF("/opt/a/lib/libx.so.1", .soname = "libx.so.1");
	ELF("/lib/libz.so", .needed = { "libx.so.1" });
	ELF("/bin/p", .interp = LINKER, .needed = { "/opt/a/lib/libx.so.1", "libz.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /opt/a/lib/libx.so.1 /lib/libz.so",
		 "by a path, and then by the soname of what is loaded");
	shell("ln opt/a/lib/libx.so.1 lib/libx.so.2");
	ELF("/lib/libz.so", .needed = { "libx.so.2" });
	ktap_str(needs_in_root("/bin/p"),
		 LINKER " /opt/a/lib/libx.so.1 /lib/libz.so /lib/libx.so.2",
		 "one file by two names: both are looked for");
	ELF("/bin/p", .interp = LINKER, .nodeflib = true, .needed = { "libz.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " libz.so?",
		 "DF_1_NODEFLIB: not from the usual directories");
	ELF("/bin/p", .interp = "/lib/ld-none.so", .needed = { "libc.so.6" });
	ktap_str(needs_in_root("/bin/p"), "/lib/ld-none.so? libc.so.6?",
		 "a dynamic linker that is not there");
	ELF("/bin/p", .soname = NULL);
	ktap_str(needs_in_root("/bin/p"), "", "a static program needs nothing");
}

/*
 * A root that ldconfig has not been run in, whose dynamic linker is no symlink to where its
 * libraries are, which it knows all the same.
 */
static void test_without_cache(void)
{
	given_root();
	shell("rm usr/lib64/ld-linux-x86-64.so.2 && mkdir -p etc/ld.so.conf.d/more opt/b");
	ELF("/lib64/ld-linux-x86-64.so.2", .soname = "ld-linux-x86-64.so.2");
	ELF("/bin/p", .interp = LINKER, .needed = { "libc.so.6" });
	ktap_str(needs_in_root("/bin/p"), LINKER " libc.so.6?", "no cache, and nothing says where");
	write_text("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n");
	write_text("etc/ld.so.conf.d/x86_64-linux-gnu.conf",
		   "# Multiarch support\n/usr/local/lib/x86_64-linux-gnu\n"
		   "/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n");
	ktap_str(needs_in_root("/bin/p"), LINKER " /lib/x86_64-linux-gnu/libc.so.6",
		 "no cache: where it would be made from");

	write_text("etc/ld.so.conf.d/0.conf",
		   "  include more/* none/*\n  hwcap 0 nosegneg\n/opt/a/lib=libc6 # first\n");
	write_text("etc/ld.so.conf.d/more/x",
		   "opt/c\n/opt/b\ninclude x\ninclude /etc/ld.so.conf\n");
	ELF("/opt/a/lib/libx.so", .soname = "libx.so");
	ELF("/opt/a/lib/liby.so", .soname = "liby.so");
	ELF("/opt/b/libx.so", .soname = "libx.so");
	ELF("/bin/p", .interp = LINKER, .needed = { "libx.so", "liby.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /opt/b/libx.so /opt/a/lib/liby.so",
		 "in its order, with what it includes, which may include each other");
	ELF("/bin/p", .interp = LINKER, .nodeflib = true, .needed = { "libx.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " libx.so?", "but not with DF_1_NODEFLIB");
	ELF("/usr/lib/libx.so", .soname = "libx.so");
	ELF("/bin/p", .interp = LINKER, .needed = { "libx.so" });
	ktap_str(needs_in_root("/bin/p"), LINKER " /lib/libx.so", "the usual ones come first");
}

static void test_machines(void)
{
	static const struct fake_elf machine[] = {
		{ .machine = EM_AARCH64 }, { .machine = EM_ARM, .is32 = true },
		{ .machine = EM_PPC64, .big = true },
		{ .machine = EM_MIPS, .is32 = true, .big = true },
	};
	struct fake_elf elf;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(machine); i++) {
		given_root();
		elf = machine[i];
		fake_elf_write("lib/ld.so.1", &elf);
		elf.needed[0] = "libb.so";
		fake_elf_write("lib/liba.so", &elf);
		elf.needed[0] = NULL;
		fake_elf_write("lib/libb.so", &elf);
		elf.interp = "/lib/ld.so.1";
		elf.needed[0] = "liba.so";
		fake_elf_write("bin/p", &elf);
		ktap_str(needs_in_root("/bin/p"), "/lib/ld.so.1 /lib/liba.so /lib/libb.so",
			 "machine %u, %d bits, %s", elf.machine, elf.is32 ? 32 : 64,
			 elf.big ? "big endian" : "little endian");
	}
	shell("mkdir opt/soft");
	ELF("/opt/soft/libf.so", .machine = EM_ARM, .is32 = true, .flags = EF_ARM_ABI_FLOAT_SOFT);
	ELF("/lib/libf.so", .machine = EM_ARM, .is32 = true, .flags = EF_ARM_ABI_FLOAT_HARD);
	ELF("/lib/ld.so.1", .machine = EM_ARM, .is32 = true);
	ELF("/bin/p", .machine = EM_ARM, .is32 = true, .flags = EF_ARM_ABI_FLOAT_HARD,
	    .interp = "/lib/ld.so.1", .runpath = "/opt/soft", .needed = { "libf.so" });
	ktap_str(needs_in_root("/bin/p"), "/lib/ld.so.1 /lib/libf.so",
		 "ARM: with hardware floats none without");
}

static void test_musl(void)
{
	given_root();
	ELF("/lib/ld-musl-x86_64.so.1", .soname = NULL);
	ELF("/lib/libx.so", .needed = { "libc.musl-x86_64.so.1" });
	ELF("/bin/p", .interp = MUSL, .needed = { "libx.so", "libc.so", "libpthread.so.0" });
	ktap_str(needs_in_root("/bin/p"), MUSL " /lib/libx.so", "musl: libc is the linker");

	ELF("/opt/a/lib/libx.so", .needed = { "liby.so" });
	ELF("/opt/a/lib/liby.so", .soname = NULL);
	ELF("/opt/a/bin/p", .interp = MUSL, .runpath = "$ORIGIN/../lib", .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"),
		 MUSL " /opt/a/bin/../lib/libx.so /opt/a/bin/../lib/liby.so",
		 "musl: DT_RUNPATH is for what a library wants, too");
	ELF("/opt/a/bin/p", .interp = MUSL, .runpath = "/opt/a/lib:/$LIB", .needed = { "libx.so" });
	ktap_str(needs_in_root("/opt/a/bin/p"), MUSL " /lib/libx.so",
		 "musl: a path with $LIB is none");
	write_text("etc/ld-musl-x86_64.path", "/none\n/opt/a/lib\n");
	ELF("/bin/p", .interp = MUSL, .needed = { "libx.so" });
	ktap_str(needs_in_root("/bin/p"), MUSL " /opt/a/lib/libx.so /etc/ld-musl-x86_64.path "
		 "/opt/a/lib/liby.so", "musl: /etc/ld-musl-ARCH.path, which it needs as well");
}

static void test_scripts(void)
{
	given_root();
	ELF("/bin/dash", .interp = LINKER, .needed = { "libc.so.6" });
	shell("ln -s dash bin/sh");
	write_text("bin/s", "#! /bin/sh -e\n");
	ktap_str(needs_in_root("/bin/s"), "/bin/sh " LINKER " /lib/x86_64-linux-gnu/libc.so.6",
		 "a script: its interpreter, and what that needs");
	write_text("bin/t", "#!/bin/s\n");
	ktap_str(needs_in_root("/bin/t"),
		 "/bin/s /bin/sh " LINKER " /lib/x86_64-linux-gnu/libc.so.6",
		 "a script's interpreter may be one");
	ELF("/bin/env", .soname = NULL);
	write_text("bin/e", "#!/usr/bin/env -S A=b dash -x\n");
	ktap_str(needs_in_root("/bin/e"),
		 "/usr/bin/env /usr/bin/dash " LINKER " /lib/x86_64-linux-gnu/libc.so.6",
		 "env: the program that it starts");
	write_text("bin/n", "#!/usr/bin/env none\n");
	ktap_str(needs_in_root("/bin/n"), "/usr/bin/env none?", "env: one that is not there");
	write_text("bin/l", "#!/bin/l\n");
	ktap_str(needs_in_root("/bin/l"), "/bin/l /bin/l /bin/l /bin/l /bin/l"
		 "(Too many levels of symbolic links: /bin/l: a script for a script for a script)",
		 "its own interpreter");
	write_text("bin/x", "echo\n");
	ktap_str(needs_in_root("/bin/x"),
		 "(Exec format error: /bin/x: neither a program nor a script)", "a text");
	ktap_str(needs_in_root("/bin/y"), "(No such file or directory: /bin/y: No such file or "
		 "directory)", "nothing there");
}

/* What musl's linker names when it is asked with --list. */
static void list_by_musl(char *text, size_t size)
{
	FILE *out = popen("/lib/ld-musl-*.so.1 --list \"$PWD\"/bin/p | awk '/libf/ { print $3 }'",
			  "r");

	if (!out || !fgets(text, (int)size, out))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (out)
		pclose(out);
}

static void test_real_musl(void)
{
	pvk_auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(TEXT_MAX);
	char program[PATH_MAX], theirs[PATH_MAX] = " ";
	struct pvk_needs needs;

	shell("rm -rf ./* && mkdir lib bin && echo 'int f(void) { return 1; }' >f.c && "
	      "echo 'int f(void); int main(void) { return f(); }' >p.c && "
	      "musl-gcc -shared -fPIC -Wl,-soname,libf.so.1 -o lib/libf.so.1 f.c && "
	      "musl-gcc -o bin/p p.c lib/libf.so.1 -Wl,-rpath,'$ORIGIN/../lib'");
	snprintf(program, sizeof(program), "%s/bin/p", dir);
	pvk_needs_init(&needs, root, NULL);
	pvk_needs_of(&needs, program, tell_need, &text, NULL);
	pvk_needs_free(&needs);
	list_by_musl(theirs + 1, sizeof(theirs) - 1);
	ktap_str(strchr(pvk_buf_str(&text), ' '), theirs, "musl's own linker agrees");
}

/* ---- /etc/ld.so.cache ---- */

static bool is_c(void *arg, const char *path)
{
	(void)arg;
	return strstr(path, "/libc.so.6");
}

static void test_cache(void)
{
	pvk_auto_close int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_buf struct pvk_buf less = PVK_BUF_INIT(1 << 20);
	struct pvk_ldcache cache;
	const char *path;
	uint32_t at = 0;
	char *data;
	size_t len;

	shell("rm -rf ./* && mkdir -p etc opt/odd && cp /lib/*-linux-gnu*/libc.so.6 opt/odd/ && "
	      "echo /opt/odd >etc/ld.so.conf && /sbin/ldconfig -r .");
	ktap_eq(pvk_ldcache_read(&cache, root), 0, "what ldconfig has written can be read");
	path = pvk_ldcache_next(&cache, "libc.so.6", &at);
	ktap_str(path, "/opt/odd/libc.so.6", "and has the library");
	ktap_check(!pvk_ldcache_next(&cache, "libc.so.6", &at), "once");
	ktap_eq(pvk_ldcache_filter(&cache, is_c, NULL, &less), 0, "an extract");
	pvk_ldcache_free(&cache);
	pvk_buf_take(&less, &data, &len);
	ktap_eq(pvk_ldcache_parse(&cache, data, len), 0, "can be read as well");
	at = 0;
	ktap_str(pvk_ldcache_next(&cache, "libc.so.6", &at), "/opt/odd/libc.so.6",
		 "and has it too");
	pvk_ldcache_free(&cache);
}

/* What glibc itself makes of an extract: what is nowhere else is found by it. */
static void test_extract(void)
{
	pvk_auto_close int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pvk_auto_buf struct pvk_buf less = PVK_BUF_INIT(1 << 20);
	struct pvk_ldcache cache;

	shell("rm -rf ./* && mkdir -p etc opt/odd bin lib64 && cp /bin/true bin/ && "
	      "cp -L \"$(readelf -l /bin/true | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p')\" "
	      "lib64/ && ln -s lib64 lib && cp /lib/*-linux-gnu*/libc.so.6 opt/odd/ && "
	      "echo /opt/odd >etc/ld.so.conf && /sbin/ldconfig -r . && rm etc/ld.so.conf");
	if (pvk_ldcache_read(&cache, root) ||
	    pvk_ldcache_filter(&cache, is_c, NULL, &less)) {
		ktap_fail("an extract");
		return;
	}
	pvk_ldcache_free(&cache);
	shell("rm etc/ld.so.cache && ! chroot . /bin/true 2>/dev/null");
	pvk_replace_file(AT_FDCWD, "etc/ld.so.cache", "etc/new", less.data, less.len, 0644);
	ktap_eq(system("chroot . /bin/true"), 0, "glibc finds a library by an extract alone");
}

static void test_walk(void)
{
	pvk_auto_close int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char real[PATH_MAX];

	shell("rm -rf ./* && mkdir -p usr/lib etc && ln -s usr/lib lib && echo >usr/lib/a && "
	      "ln -s /lib/a etc/b && ln -s ../../../../etc/b usr/c && ln -s self etc/self");
	ktap_eq(pvk_root_walk(root, "/usr/c", real, NULL, NULL), 0, "symlinks are followed");
	ktap_str(real, "/usr/lib/a", "within the root");
	ktap_eq(pvk_root_walk(root, "/etc/self", real, NULL, NULL), -ELOOP, "but not in circles");
	ktap_eq(pvk_root_walk(root, "/etc/none", real, NULL, NULL), 0, "the end may be missing");
	ktap_eq(pvk_root_walk(root, "/none/none", real, NULL, NULL), -ENOENT, "nothing else");
}

/* openat2() gives up with EAGAIN when it meets a ".." while anything is renamed anywhere. */
static void test_busy(void)
{
	pvk_auto_close int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned int i, failed = 0;
	pid_t pid;
	int fd;

	shell("rm -rf ./* && mkdir -p a b && echo >c && echo >r");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!rename("r", "s") && !rename("s", "r"))
			;
		_exit(1);
	}
	for (i = 0; i < 30000; i++) {
		fd = pvk_root_open(root, "/a/../b/../a/../c", O_RDONLY);
		failed += fd < 0;
		if (fd >= 0)
			close(fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ktap_eq(failed, 0, "a path with \"..\", while others rename");
}

int main(void)
{
	pvk_auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pvk_needs needs;

	ktap_plan(52);
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	pvk_needs_init(&needs, root, NULL);
	test_readelf();
	test_ldd(&needs);
	pvk_needs_free(&needs);
	test_glibc();
	test_glibc_more();
	test_without_cache();
	test_machines();
	test_musl();
	test_scripts();
	test_real_musl();
	test_cache();
	test_extract();
	test_walk();
	test_busy();
	shell("rm -rf ./*");
	rmdir(dir);
	return ktap_finish();
}
