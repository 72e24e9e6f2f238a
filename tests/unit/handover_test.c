// SPDX-License-Identifier: MIT
/*
 * Process 1 is handed over: which one it is, the inittab that busybox gets, and all of it
 * with the real busybox as process 1 of a pid namespace, whose other processes are this
 * program with another word.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"
#include "ktap.h"

#define LOOK_MS		20
#define LONG_MS		60000

static char dir[PATH_MAX / 4] = "/tmp/pvkit-handover.XXXXXX";
static char self[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char path[4][PATH_MAX + 64];
	static unsigned int n;
	char *at = path[n++ % 4];

	snprintf(at, sizeof(path[0]), "%s/%s", dir, name);
	return at;
}

static void put(const char *name, const char *text, const char *mode)
{
	FILE *file = fopen(in_dir(name), mode);

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static char *get(const char *name)
{
	char *text = NULL;

	return pvk_read_file(AT_FDCWD, in_dir(name), 65536, &text, NULL) ? strdup("") : text;
}

static bool has(const char *name, const char *text)
{
	pvk_auto_free char *all = get(name);

	return strstr(all, text);
}

/* ---- which it is ---- */

static void make_init(const char *comm, const char *exe)
{
	mkdir(in_dir("proc"), 0755);
	mkdir(in_dir("proc/1"), 0755);
	unlink(in_dir("proc/1/exe"));
	put("proc/1/comm", comm, "w");
	if (symlink(exe, in_dir("proc/1/exe")))
		abort();
}

static int find(enum pvk_update_init wanted, enum pvk_update_init *init, char *text)
{
	struct pvk_err err = { .text = "" };
	int ret = pvk_handover_find(dir, wanted, init, &err);

	strcpy(text, err.text);
	return ret;
}

static void test_find(void)
{
	enum pvk_update_init init;
	char text[512];

	make_init("init\n", "/sbin/init");
	ktap_eq(find(PVK_INIT_AUTO, &init, text), -EOPNOTSUPP, "another init is refused");
	ktap_check(strstr(text, "process 1 is init (init)"), "and named: %s", text);
	make_init("init\n", "/bin/busybox.nosuid");
	ktap_eq(find(PVK_INIT_AUTO, &init, text), -EOPNOTSUPP, "busybox without an inittab too");
	ktap_check(strstr(text, "/etc/inittab"), "which is said: %s", text);
	mkdir(in_dir("etc"), 0755);
	put("etc/inittab", "", "w");
	ktap_eq(find(PVK_INIT_AUTO, &init, text), 0, "busybox with one");
	ktap_eq(init, PVK_INIT_BUSYBOX, "is known by its program");
	make_init("init\n", "/sbin/init");
	ktap_eq(find(PVK_INIT_BUSYBOX, &init, text), 0, "update.conf counts more");
	mkdir(in_dir("run"), 0755);
	mkdir(in_dir("run/systemd"), 0755);
	mkdir(in_dir("run/systemd/system"), 0755);
	ktap_eq(find(PVK_INIT_AUTO, &init, text), 0, "systemd");
	ktap_eq(init, PVK_INIT_SYSTEMD, "is known by its directory");
}

/* ---- the inittab ---- */

static void test_inittab(void)
{
	static const struct {
		const char *old, *kept;
	} cases[] = {
		{ "", "" },
		{ "::sysinit:/etc/init.d/rcS\n::respawn:/sbin/getty 9600 tty1\n"
		  "::ctrlaltdel:/sbin/reboot\n::restart:/sbin/init\n", "" },
		{ "::shutdown:/etc/init.d/rcK", "::shutdown:/etc/init.d/rcK\n" },
		{ "::shutdown:/bin/umount -a -r\n::shutdown:swapoff -a\n", "" },
		{ "::shutdown:/etc/umount.sh\n::shutdown:/opt/umount/x\n",
		  "::shutdown:/etc/umount.sh\n::shutdown:/opt/umount/x\n" },
		{ "tty1:1:shutdown:sh -c 'a:b'\n", "tty1:1:shutdown:sh -c 'a:b'\n" },
		{ "# ::shutdown:/bin/x\n  ::shutdown:  /bin/y\n", "::shutdown:/bin/y\n" },
		{ "::shutdown:\n::shutdown\nnonsense\n", "" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++) {
		pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(4096);
		pvk_auto_free char *old = strdup(cases[i].old);
		char all[1024];

		snprintf(all, sizeof(all), "%s::restart:/ram/x move\n", cases[i].kept);
		pvk_handover_inittab(old, "/ram/x move", &text);
		ktap_str(pvk_buf_str(&text), all, "inittab %zu", i);
	}
}

/* ---- a real busybox ---- */

/* false: it has not come. */
static bool await(const char *name, const char *text)
{
	int ms;

	for (ms = 0; !has(name, text); ms += LOOK_MS) {
		if (ms > LONG_MS)
			return false;
		poll(NULL, 0, LOOK_MS);
	}
	return true;
}

static void say(void *arg, const char *text)
{
	(void)arg;
	put("log", text, "a");
	put("log", "\n", "a");
}

/* Started by busybox as what it calls when it has booted. */
static int be_pvkit(bool undo)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(4096);
	pvk_auto_free char *old = NULL, *ours = strdup(in_dir("ours"));
	struct pvk_handover handover = {
		.init = PVK_INIT_BUSYBOX, .inittab = ours, .term = 2, .say = say,
	};
	char command[2 * PATH_MAX];
	struct pvk_err err;

	snprintf(command, sizeof(command), "%s --first %s", self, dir);
	if (!await("log", "stubborn is there\n") ||
	    pvk_read_file(AT_FDCWD, PVK_HANDOVER_INITTAB, 4096, &old, NULL) ||
	    pvk_handover_inittab(old, command, &text))
		return 1;
	put("ours", pvk_buf_str(&text), "w");
	if (pvk_handover_prepare(&handover, &err))
		return 1;
	if (undo) {
		/* An entry that comes and goes starts again only if busybox has the old ones. */
		unlink(in_dir("beats"));
		if (pvk_handover_undo(&handover, &err) || !await("beats", "beat"))
			return 1;
		put("log", "undone\n", "a");
	}
	if (undo && pvk_handover_prepare(&handover, &err))
		return 1;
	pvk_handover_end_others(&handover);
	put("log", "ended the others\n", "a");
	if (pvk_handover_go(&handover, &err))
		return 1;
	while (pause())
		;
	return 0;
}

static int be_first(void)
{
	char line[64];

	snprintf(line, sizeof(line), "process %d\n", (int)getpid());
	put("log", line, "a");
	return 0;
}

static void on_term(int sig)
{
	(void)sig;
}

static int be_slow(void)
{
	struct sigaction action = { .sa_handler = on_term };

	sigaction(SIGTERM, &action, NULL);
	put("log", "slow is there\n", "a");
	pause();
	poll(NULL, 0, 300);
	put("log", "slow has ended\n", "a");
	return 0;
}

static int be_stubborn(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	await("log", "slow is there\n");
	put("log", "stubborn is there\n", "a");
	while (pause())
		;
	return 0;
}

static void put_inittab(bool undo)
{
	FILE *file = fopen("/etc/inittab", "w");

	fprintf(file, "::once:%s --slow %s\n::once:%s --stubborn %s\n", self, dir, self, dir);
	fprintf(file, "::respawn:/bin/sh -c 'echo beat >>%s/beats; sleep 0.05'\n", dir);
	fprintf(file, "::once:%s %s %s\n", self, undo ? "--undo" : "--go", dir);
	fprintf(file, "::shutdown:/bin/sh -c 'echo shutdown >>%s/log'\n", dir);
	fprintf(file, "::shutdown:%s/umount -a\n", dir);
	fclose(file);
}

static void become_busybox(const char *busybox, bool undo)
{
	int null = open("/dev/null", O_RDWR);

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL) || mount("etc", "/etc", "tmpfs", 0, NULL))
		_exit(99);
	put_inittab(undo);
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execl(busybox, "init", NULL);
	_exit(98);
}

static int run_busybox(const char *busybox, bool undo)
{
	int status, ms;
	pid_t outer, pid;

	unlink(in_dir("log"));
	put("umount", "#!/bin/sh\necho unmounted >>${0%/*}/log\n", "w");
	chmod(in_dir("umount"), 0755);
	outer = fork();
	if (!outer) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS))
			_exit(97);
		pid = fork();
		if (!pid)
			become_busybox(busybox, undo);
		for (ms = 0; !waitpid(pid, &status, WNOHANG); ms += LOOK_MS) {
			if (ms > 2 * LONG_MS)
				kill(pid, SIGKILL);
			poll(NULL, 0, LOOK_MS);
		}
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 96);
	}
	waitpid(outer, &status, 0);
	return WEXITSTATUS(status);
}

static void test_busybox(bool undo)
{
	static const char *const busybox[] = { "/bin/busybox", "/usr/bin/busybox" };
	const char *there = !access(busybox[0], X_OK) ? busybox[0] : busybox[1];
	pvk_auto_free char *log = NULL;
	int status = run_busybox(there, undo);

	log = get("log");
	ktap_str(log, undo ?
		 "slow is there\nstubborn is there\nundone\nslow has ended\n"
		 "1 process has not ended: handover_test\nended the others\nshutdown\nprocess 1\n" :
		 "slow is there\nstubborn is there\nslow has ended\n"
		 "1 process has not ended: handover_test\nended the others\nshutdown\nprocess 1\n",
		 "%s: those end who can, what is under shutdown runs, and process 1 is our program",
		 undo ? "undone first" : "handed over");
	ktap_eq(status, 0, "whose status is that of process 1");
}

static void remove_all(void)
{
	static const char *const names[] = {
		"log", "ours", "beats", "umount", "etc/inittab", "etc", "proc/1/comm",
		"proc/1/exe", "proc/1", "proc", "run/systemd/system", "run/systemd", "run", "",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(names); i++)
		remove(in_dir(names[i]));
}

/* ---- what systemd looks for ---- */

static void test_show(void)
{
	put("shutdown", "", "w");
	ktap_eq(pvk_handover_show(dir, false, NULL), 0, "what systemd would go to is hidden");
	ktap_check(access(in_dir("shutdown"), F_OK), "it is not found");
	ktap_eq(pvk_handover_show(dir, false, NULL), 0, "hidden already");
	ktap_eq(pvk_handover_show(dir, true, NULL), 0, "and shown");
	ktap_check(!access(in_dir("shutdown"), F_OK), "it is found");
	remove(in_dir("shutdown"));
	ktap_eq(pvk_handover_show(dir, true, NULL), -ENOENT, "one that is gone");
}

int main(int argc, char **argv)
{
	if (argc == 3) {
		strcpy(dir, argv[2]);
		realpath("/proc/self/exe", self);
		if (!strcmp(argv[1], "--first"))
			return be_first();
		if (!strcmp(argv[1], "--slow"))
			return be_slow();
		if (!strcmp(argv[1], "--stubborn"))
			return be_stubborn();
		return be_pvkit(!strcmp(argv[1], "--undo"));
	}
	ktap_plan(27);
	if (!mkdtemp(dir) || !realpath("/proc/self/exe", self))
		abort();
	test_find();
	test_inittab();
	test_show();
	test_busybox(false);
	test_busybox(true);
	remove_all();
	return ktap_finish();
}
