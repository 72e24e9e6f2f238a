// SPDX-License-Identifier: MIT
/*
 * The small root in RAM: what belongs into it and how large it is, from made-up roots; that
 * it is made as planned, or not at all; and what comes out when programs of this machine
 * are tried in it, which takes root and happens in a mount namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_elf.h"
#include "ktap.h"
#include "stage.h"

#define LINKER	"/lib/ld.so"
#define ELF(path, ...)	fake_elf_write("root" path, &(struct fake_elf){ __VA_ARGS__ })

static char dir[] = "/tmp/pvkit-stage.XXXXXX";
static struct pvk_stage *stage;
static struct pvk_stage_plan plan;
static struct pvk_err err;

static void shell(const char *command)
{
	if (system(command))
		ktap_fail("%s", command);
}

static const char *output_of(const char *command)
{
	static char text[4096];
	FILE *out = popen(command, "r");
	size_t n = out ? fread(text, 1, sizeof(text) - 1, out) : 0;

	text[n] = '\0';
	if (out)
		pclose(out);
	return text;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) || chmod(path, 0755))
		ktap_fail("write %s", path);
}

static void open_stage(const char *root)
{
	pvk_stage_close(stage);
	stage = NULL;
	err.text[0] = '\0';
	if (pvk_stage_open(&stage, root, &err))
		ktap_fail("open %s: %s", root, err.text);
}

static int make(void)
{
	int ret = pvk_stage_plan(stage, 0, &plan, &err);

	return ret ? ret : pvk_stage_make(stage, "ram", &plan, &err);
}

/* The text that came with the error, when there had to be one. */
static const char *error_of(int ret)
{
	return ret ? err.text : "no error";
}

/* A root that is merged into usr, with a program by a symlink and a library by two. */
static void given_root(void)
{
	shell("rm -rf root && mkdir -p root/usr/lib root/usr/bin root/etc/app/sub root/opt && "
	      "ln -s usr/lib root/lib && ln -s usr/bin root/bin && "
	      "ln -s /usr/lib/ld-2.so root/usr/lib/ld.so && "
	      "ln -s libc-2.so root/usr/lib/libc.so && chmod 750 root/etc/app");
	ELF("/usr/lib/ld-2.so", .soname = "ld.so");
	ELF("/usr/lib/libc-2.so", .soname = "libc.so");
	ELF("/usr/bin/tool", .interp = LINKER, .needed = { "libc.so" });
	open_stage("root");
}

static void test_what_belongs_to_it(void)
{
	given_root();
	ktap_eq(pvk_stage_program(stage, "/bin/tool", NULL, &err), 0, "a program by its path");
	ktap_eq(make(), 0, "it is made");
	ktap_str(output_of("cd ram && find . -mindepth 1 -printf '%P%y%l\\n' | sort | "
			   "tr '\\n' ' '"),
		 "binlusr/bin liblusr/lib procd usr/bin/toolf usr/bind usr/lib/ld-2.sof "
		 "usr/lib/ld.sol/usr/lib/ld-2.so usr/lib/libc-2.sof usr/lib/libc.sollibc-2.so "
		 "usr/libd usrd ", "with its libraries, and the symlinks that lead to them");
	ktap_eq(plan.bytes, 3 * 4096, "the bytes of three files");
	ktap_eq(plan.limit, 3 * 4096, "and no more than their pages");
	ktap_eq(system("cmp -s root/usr/bin/tool ram/usr/bin/tool"), 0, "the same bytes");
	ktap_str(output_of("stat -c '%a' ram/usr/bin/tool ram/usr/lib | tr '\\n' ' '"), "755 755 ",
		 "and modes");
	shell("(cd ram && : >../busy && exec sleep 0.3) & until [ -e busy ]; do sleep 0.01; done");
	ktap_eq(pvk_stage_take_down("ram"), 0, "it is taken down, as soon as nobody is there");
	ktap_str(output_of("ls ram"), "", "and gone");

	given_root();
	ktap_eq(pvk_stage_program(stage, "tool:/bin/t:/sbin/u", NULL, &err), 0,
		"a program by its name, with links");
	pvk_stage_program(stage, "tool", NULL, &err);
	ktap_str(pvk_stage_program_at(stage, 2), "/sbin/u", "which are programs too");
	ktap_check(!pvk_stage_program_at(stage, 3), "and one named twice is one");
	make();
	ktap_str(output_of("readlink ram/usr/bin/t ram/sbin/u | tr '\\n' ' '"),
		 "/usr/bin/tool /usr/bin/tool ", "links lead to it, wherever they are");
	pvk_stage_take_down("ram");
}

static void test_data(void)
{
	given_root();
	shell("cd root/etc/app && echo a >a && ln a b && ln -s ../../opt/none c && "
	      "echo d >sub/d && mkfifo f && chmod 640 a && mkdir sub/empty");
	ELF("/etc/app/plugin.so", .needed = { "libc.so" });
	ktap_eq(pvk_stage_data(stage, "/etc/app", &err), 0, "a directory with all that is in it");
	ktap_eq(pvk_stage_data(stage, "/etc/app/sub/d", &err), 0, "a file that is in it already");
	ktap_eq(pvk_stage_dir(stage, "/tmp", 01777, &err), 0, "a directory that is not there");
	ktap_eq(make(), 0, "they are made");
	ktap_str(output_of("cd ram && find etc tmp -printf '%P%y%m%n ' | tr ' ' '\\n' | sort | "
			   "tr '\\n' ' '"),
		 "app/af6402 app/bf6402 app/cl7771 app/plugin.sof7551 app/sub/df6441 "
		 "app/sub/emptyd7552 app/subd7553 appd7503 d17772 d7553 ",
		 "hard links are kept, and a symlink that leads nowhere");
	ktap_eq(access("ram/usr/lib/libc-2.so", F_OK), 0, "a library among them has its own");
	ktap_check(plan.bytes < 3 * 4096 + 5000, "a hard link is not counted twice");
	pvk_stage_take_down("ram");
	ktap_str(error_of(pvk_stage_data(stage, "/etc/none", &err)),
		 "/etc/none: No such file or directory", "data that is not there");
	ktap_str(error_of(pvk_stage_data(stage, "etc", &err)), "etc: a path begins with a /",
		 "no path");
	ktap_str(error_of(pvk_stage_data(stage, "/etc/app/f", &err)), "/etc/app/f: not a file",
		 "a FIFO");
}

/* Firmware for another processor, half a file: nobody is to run it here. */
static void test_data_is_data(void)
{
	given_root();
	ELF("/etc/app/dsp.elf", .machine = EM_386, .is32 = true, .interp = "/lib/ld-none.so",
	    .needed = { "libdsp.so" });
	ELF("/etc/app/wants.so", .needed = { "libc.so", "libnone.so" });
	ELF("/etc/app/broken.so", .needed = { "libc.so" });
	shell("cd root/etc/app && truncate -s 80 broken.so && printf '\\177ELFrest' >none.so");
	ktap_str(error_of(pvk_stage_data(stage, "/etc/app", &err)), "no error",
		 "data that is for another processor, broken, or wants what is not there");
	ktap_eq(make(), 0, "is taken");
	ktap_str(output_of("cd ram/etc/app && ls -p | grep -v / | tr '\n' ' '"),
		 "broken.so dsp.elf none.so wants.so ", "as it is");
	ktap_eq(access("ram/usr/lib/libc-2.so", F_OK), 0, "with what is there of what it wants");
	pvk_stage_take_down("ram");
	ktap_str(error_of(pvk_stage_data(stage, "/etc/app/broken.so", &err)), "no error",
		 "and so is one that is named by itself");
}

static void test_missing(void)
{
	given_root();
	ktap_str(error_of(pvk_stage_program(stage, "none", NULL, &err)),
		 "none: there is no such program", "no such program");
	ELF("/usr/lib/libx.so", .needed = { "liby.so" });
	ELF("/usr/bin/tool", .interp = LINKER, .needed = { "libx.so" });
	ktap_str(error_of(pvk_stage_program(stage, "tool", NULL, &err)),
		 "/lib/libx.so needs the library liby.so, which is not there",
		 "a library of a library");
	write_text("root/usr/bin/s", "#!/bin/none\n");
	ktap_str(error_of(pvk_stage_program(stage, "s", NULL, &err)),
		 "/usr/bin/s needs the interpreter /bin/none, which is not there",
		 "a script's interpreter");
	ELF("/usr/bin/tool", .interp = "/lib/ld-none.so");
	ktap_str(error_of(pvk_stage_program(stage, "tool", NULL, &err)),
		 "/usr/bin/tool needs the dynamic linker /lib/ld-none.so, which is not there",
		 "a dynamic linker");
}

static void test_conf(void)
{
	given_root();
	write_text("conf", "# ours\ncopy-bin /bin/tool:/bin/t -V\ncopy-data = /etc/app\n");
	ktap_eq(pvk_stage_conf(stage, "conf", &err), 0, "update.conf");
	ktap_str(pvk_stage_program_at(stage, 1), "/bin/t", "with a program's links");
	make();
	ktap_eq(access("ram/etc/app/sub", F_OK), 0, "and data");
	pvk_stage_take_down("ram");
	write_text("conf", "\ncopy-bin none\n");
	ktap_str(error_of(pvk_stage_conf(stage, "conf", &err)),
		 "conf:2: none: there is no such program", "a wrong line is named");
	write_text("conf", "copy bin\n");
	ktap_str(error_of(pvk_stage_conf(stage, "conf", &err)), "conf:1: copy: no such setting",
		 "no such setting");
	write_text("conf", "copy-data\n");
	ktap_str(error_of(pvk_stage_conf(stage, "conf", &err)), "conf:1: copy-data wants a path",
		 "a setting without a value");
	ktap_eq(pvk_stage_conf(stage, "none", &err), 0, "no update.conf is an empty one");

	given_root();
	setenv("RAMFS_COPY_BIN", " tool:/bin/t ", 1);
	setenv("RAMFS_COPY_DATA", "/etc/app\n/etc", 1);
	ktap_eq(pvk_stage_env(stage, &err), 0, "RAMFS_COPY_BIN and RAMFS_COPY_DATA");
	ktap_str(pvk_stage_program_at(stage, 1), "/bin/t", "mean the same");
	setenv("RAMFS_COPY_DATA", "/none", 1);
	ktap_str(error_of(pvk_stage_env(stage, &err)),
		 "RAMFS_COPY_DATA: /none: No such file or directory", "and a wrong one is named");
	unsetenv("RAMFS_COPY_BIN");
	unsetenv("RAMFS_COPY_DATA");
}

static void test_room(void)
{
	struct pvk_stage_room room = { 0 };

	given_root();
	pvk_stage_program(stage, "tool", NULL, &err);
	pvk_stage_plan(stage, 1 << 20, &plan, &err);
	ktap_eq(plan.limit, 3 * 4096 + (1 << 20), "the tmpfs has room for the reserve");
	write_text("meminfo", "MemTotal: 65536 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");
	ktap_eq(pvk_stage_room(&plan, 1 << 20, 4 << 20, "meminfo", &room, &err), 0,
		"there is memory for it");
	ktap_eq(room.available, 8 << 20, "it is what the kernel says");
	ktap_eq(room.needed, plan.memory + (5 << 20), "and what there is to do");
	ktap_eq(pvk_stage_room(&plan, 1 << 20, 9 << 20, "meminfo", &room, &err), -ENOMEM,
		"there is not");
	ktap_str(err.text, "2.0 MiB of memory are missing: 0.0 MiB for the files, 10.0 MiB to work "
		 "with, and 8.0 MiB are available", "and how much is missing is told");
	write_text("meminfo", "MemTotal: 65536 kB\n");
	ktap_eq(pvk_stage_room(&plan, 0, 0, "meminfo", &room, &err), -ENODATA,
		"a kernel that does not say");
}

/* Never half of it. */
static void test_not_made(void)
{
	given_root();
	pvk_stage_program(stage, "tool", NULL, &err);
	pvk_stage_plan(stage, 0, &plan, &err);
	shell("echo more >>root/usr/bin/tool");
	ktap_eq(pvk_stage_make(stage, "ram", &plan, &err), -EBUSY, "a file that grew meanwhile");
	ktap_str(err.text, "/usr/bin/tool: changed while it was copied", "is named");
	ktap_str(output_of("ls ram"), "", "and nothing is left mounted");
	shell("cp root/usr/bin/tool root/t && mv root/t root/usr/bin/tool");
	ktap_eq(pvk_stage_make(stage, "ram", &plan, &err), -EBUSY, "a file that was replaced");
	plan.limit = 4096;
	given_root();
	pvk_stage_program(stage, "tool", NULL, &err);
	plan.inodes = 64;
	ktap_eq(pvk_stage_make(stage, "ram", &plan, &err), -ENOSPC, "a tmpfs that is full");
	ktap_str(output_of("ls ram"), "", "is gone too");
	ktap_eq(pvk_stage_make(stage, "none", &plan, &err), -ENOENT, "nowhere to mount it");
}

/* ---- programs of this machine ---- */

static int note_trial(void *arg, const struct pvk_trial *trial)
{
	struct pvk_buf *text = arg;

	pvk_buf_printf(text, "%s: %s", trial->program, pvk_trial_name(trial->result));
	if (trial->result != PVK_TRIAL_RUNS)
		pvk_buf_printf(text, " (%d: %s)", trial->value, trial->text);
	pvk_buf_putc(text, '\n');
	return 0;
}

static const char *try_all(void)
{
	static struct pvk_buf text = PVK_BUF_INIT(65536);

	pvk_buf_reset(&text);
	if (pvk_stage_try(stage, "ram", note_trial, &text, &err))
		pvk_buf_puts(&text, err.text);
	return pvk_buf_str(&text);
}

static void add_script(const char *name, const char *text)
{
	char path[256], spec[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	write_text(path, text);
	snprintf(spec, sizeof(spec), "%s:/%s", path, name);
	if (pvk_stage_program(stage, spec, NULL, &err))
		ktap_fail("%s: %s", name, err.text);
}

/* By the short name alone, which does not change from run to run. */
static const char *try_script(const char *name, const char *text)
{
	static char result[1024];
	char begin[64];
	const char *at;

	open_stage("/");
	add_script(name, text);
	if (make())
		return err.text;
	snprintf(begin, sizeof(begin), "\n/%s: ", name);
	at = strstr(try_all(), begin);
	snprintf(result, sizeof(result), "%.*s", at ? (int)strcspn(at + 1, "\n") : 0,
		 at ? at + 1 : "");
	pvk_stage_take_down("ram");
	return result;
}

static void test_real_programs(void)
{
	open_stage("/");
	pvk_stage_program(stage, "true", NULL, &err);
	pvk_stage_program(stage, "/bin/false", "no", &err);
	pvk_stage_program(stage, "sh", "-n", &err);
	pvk_stage_program(stage, "busybox", NULL, &err);
	pvk_stage_program(stage, "cat", "-", &err);
	ktap_eq(make(), 0, "programs of this machine");
	ktap_str(try_all(), "/usr/bin/true: runs\n/bin/false: runs, status not 0 (1: )\n"
		 "/usr/bin/sh: runs\n/usr/bin/busybox: runs\n",
		 "each is run once, but for one with \"-\"");
	ktap_eq(system("chroot ram /bin/sh -c '/bin/cat /bin/sh | /usr/bin/cmp - /bin/sh' "
		       "2>/dev/null; test $? = 127"), 0, "what was not staged is not there");

	shell("rm -f ram/lib/*/libc.so.6 ram/usr/lib/*/libc.so.6");
	ktap_check(strstr(try_all(), "/usr/bin/true: cannot be loaded (127: /usr/bin/true: error "
			  "while loading shared libraries: libc.so.6: "),
		   "a library that is missing: the linker's words");
	shell("rm -f ram/lib64/ld-linux* ram/lib/ld-linux*");
	ktap_check(strstr(try_all(), "/usr/bin/true: cannot be executed (2: its dynamic linker or "
			  "interpreter is missing)\n"), "no dynamic linker");
	ktap_check(strstr(try_all(), "/usr/bin/busybox: runs\n"), "a static program runs yet");
	shell("rm -f ram/usr/bin/busybox; echo >ram/usr/bin/true");
	ktap_check(strstr(try_all(), "/usr/bin/busybox: cannot be executed (2: No such file or "
			  "directory)\n"), "no program");
	ktap_check(strstr(try_all(), "/usr/bin/true: cannot be executed (8: Exec format error)\n"),
		   "none that the kernel knows");
	pvk_stage_take_down("ram");
}

static void test_musl_program(void)
{
	char path[256];

	shell("rm -rf m && mkdir m && echo 'int f(void) { return 0; }' >m/f.c && "
	      "echo 'int f(void); int main(void) { return f(); }' >m/p.c && "
	      "musl-gcc -shared -fPIC -Wl,-soname,libf.so -o m/libf.so m/f.c && "
	      "musl-gcc -o m/p m/p.c m/libf.so -Wl,-rpath,'$ORIGIN'");
	open_stage("/");
	snprintf(path, sizeof(path), "%s/m/p", dir);
	ktap_eq(pvk_stage_program(stage, path, NULL, &err), 0, "a program with musl");
	make();
	ktap_check(strstr(try_all(), "/m/p: runs\n"), "runs in it");
	shell("find ram -name libf.so -delete");
	ktap_check(strstr(try_all(), "/m/p: cannot be loaded (127: Error loading shared library "
			  "libf.so: "), "and says what it misses");
	pvk_stage_take_down("ram");
}

/* A library in a directory that glibc knows by ld.so.cache alone. */
static void test_cached_library(void)
{
	shell("rm -rf root && mkdir -p root/etc root/opt/odd root/bin root/lib64 && "
	      "cp /bin/true root/bin/ && ln -s lib64 root/lib && "
	      "cp -L \"$(readelf -l /bin/true | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p')\" "
	      "root/lib64/ && cp /lib/*-linux-gnu*/libc.so.6 root/opt/odd/ && "
	      "echo /opt/odd >root/etc/ld.so.conf && /sbin/ldconfig -r root");
	open_stage("root");
	ktap_eq(pvk_stage_program(stage, "/bin/true", NULL, &err), 0,
		"a library that ld.so.cache leads to");
	make();
	ktap_str(try_all(), "/bin/true: runs\n", "is found in the RAM as well");
	ktap_check(plan.limit > plan.bytes && plan.limit < plan.bytes + 4 * 4096,
		   "by an extract that is small, and counted");
	pvk_stage_take_down("ram");
}

/* /etc elsewhere: the root's "/data" is not that of whoever makes the small one. */
static void test_etc_elsewhere(void)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "mkdir data && echo ours >data/ld.so.cache && mkdir -p root%1$s && "
		 "mv root/etc root%1$s/data && ln -s %1$s/data root/etc", dir);
	shell(command);
	open_stage("root");
	ktap_eq(pvk_stage_program(stage, "/bin/true", NULL, &err), 0, "an /etc that is a symlink");
	ktap_eq(make(), 0, "it is made");
	ktap_str(output_of("cat data/ld.so.cache; ls data"), "ours\nld.so.cache\n",
		 "nothing is written to where the symlink leads outside");
	ktap_str(try_all(), "/bin/true: runs\n", "inside the library is found");
	pvk_stage_take_down("ram");
	shell("rm -r data");
}

/* musl's list of directories, without which it looks in the usual ones. */
static void test_musl_list(void)
{
	given_root();
	shell("mkdir root/opt/m");
	ELF("/usr/lib/ld-musl-x86_64.so.1", .soname = NULL);
	ELF("/opt/m/libx.so", .soname = NULL);
	ELF("/usr/bin/tool", .interp = "/lib/ld-musl-x86_64.so.1", .needed = { "libx.so" });
	write_text("root/etc/ld-musl-x86_64.path", "/opt/m\n");
	ktap_eq(pvk_stage_program(stage, "tool", NULL, &err), 0, "a library by musl's own list");
	make();
	ktap_eq(access("ram/opt/m/libx.so", F_OK), 0, "is there");
	ktap_eq(access("ram/etc/ld-musl-x86_64.path", F_OK), 0, "and so is the list");
	pvk_stage_take_down("ram");
}

/* Asked for by one name, and by another one that is a symlink to the same file. */
static void test_second_name(void)
{
	given_root();
	shell("ln -s libc.so root/usr/lib/libpthread.so");
	ELF("/usr/bin/tool", .interp = LINKER, .needed = { "libc.so", "libpthread.so" });
	ktap_eq(pvk_stage_program(stage, "tool", NULL, &err), 0, "a library by two names");
	make();
	ktap_eq(access("ram/lib/libpthread.so", F_OK), 0, "is found by both");
	ktap_eq(plan.bytes, 3 * 4096, "and is there once");
	pvk_stage_take_down("ram");
}

static void test_trials(void)
{
	ktap_str(try_script("ends", "#!/bin/sh\necho oh >&2\nexit 3\n"),
		 "/ends: runs, status not 0 (3: oh)", "a status, and the first words");
	ktap_str(try_script("killed", "#!/bin/sh\nkill -SEGV $$\n"),
		 "/killed: ended by a signal (11: Segmentation fault)", "a signal");
	ktap_str(try_script("hangs", "#!/bin/sh\nwhile :; do read x; done\n"),
		 "/hangs: does not end (0: it had not ended after 5 s)", "one that does not end");
	ktap_str(try_script("word", "#!/bin/sh\n[ \"$*\" = --help ]\n"), "/word: runs",
		 "it gets its word");
	ktap_str(try_script("rights", "#!/bin/sh\nwhile read -r k v; do\n"
			    "case $k in CapEff:|CapPrm:) [ \"$v\" = 0000000000000000 ] || "
			    "exit 3;; esac\n"
			    "done </proc/self/status\n"),
		 "/rights: runs", "it has no capability");
	ktap_str(try_script("writes", "#!/bin/sh\n: >/there\n"),
		 "/writes: runs, status not 0 (2: /writes: 2: cannot create /there: Read-only "
		 "file system)", "it cannot write");
	ktap_str(try_script("kernel", "#!/bin/sh\n: >/proc/sys/kernel/hostname\n"),
		 "/kernel: runs, status not 0 (2: /kernel: 2: cannot create "
		 "/proc/sys/kernel/hostname: Read-only file system)",
		 "nor tell the kernel anything");
	ktap_str(try_script("first", "#!/bin/sh\n[ $$ != 1 ] && [ $PPID = 1 ]\n"), "/first: runs",
		 "it is not process 1");
	ktap_str(try_script("leaves", "#!/bin/sh\nwhile :; do :; done 2>/dev/null &\n"),
		 "/leaves: runs", "one that leaves something running");
	ktap_str(output_of("pgrep -f [/]leaves"), "", "which is ended");
}

int main(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		ktap_skip_all("takes root: a mount namespace of its own");
	ktap_plan(90);
	umask(022);
	setenv("LC_ALL", "C", 1);
	if (!mkdtemp(dir) || chdir(dir) || mkdir("ram", 0755))
		return 1;
	test_what_belongs_to_it();
	test_data();
	test_data_is_data();
	test_missing();
	test_conf();
	test_room();
	test_not_made();
	test_real_programs();
	test_musl_program();
	test_cached_library();
	test_etc_elsewhere();
	test_musl_list();
	test_second_name();
	test_trials();
	pvk_stage_close(stage);
	shell("rm -rf ./*");
	rmdir(dir);
	return ktap_finish();
}
