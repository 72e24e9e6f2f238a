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
#include <termios.h>
#include <unistd.h>

#include "gate.h"
#include "handover.h"
#include "ktap.h"
#include "verbs.h"

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
		  "::ctrlaltdel:/sbin/reboot\n::restart:/sbin/init\n",
		  "::sysinit:/etc/init.d/rcS\n::respawn:/sbin/getty 9600 tty1\n"
		  "::ctrlaltdel:/sbin/reboot\n" },
		{ "::shutdown:/etc/init.d/rcK", "::shutdown:/etc/init.d/rcK\n" },
		{ "::shutdown:/bin/umount -a -r\nt:1:shutdown: swapoff -a\n",
		  "::shutdown:/ram/x gate /ram/last /bin/umount -a -r\n"
		  "t:1:shutdown:/ram/x gate /ram/last swapoff -a\n" },
		{ "::shutdown:/etc/umount.sh\n::shutdown:/opt/umount/x\n",
		  "::shutdown:/etc/umount.sh\n::shutdown:/opt/umount/x\n" },
		{ "tty1:1:shutdown:sh -c 'a:b'\n", "tty1:1:shutdown:sh -c 'a:b'\n" },
		{ "# ::restart:/bin/x\n\n  ::shutdown:  /bin/y\n",
		  "# ::restart:/bin/x\n::shutdown:  /bin/y\n" },
		{ "::shutdown:\n::restart\nnonsense\n", "::shutdown:\n::restart\nnonsense\n" },
	};
	static const struct pvk_handover_words words = {
		.program = "/ram/x", .gate = { "/ram/first", "/ram/last" }, .plan = "/ram/plan",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++) {
		pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(4096);
		pvk_auto_free char *old = strdup(cases[i].old);
		char all[1024];

		snprintf(all, sizeof(all), "::shutdown:/ram/x gate /ram/first\n%s"
			 "::shutdown:/ram/x gate /ram/last\n::restart:/ram/x move /ram/plan\n",
			 cases[i].kept);
		pvk_handover_inittab(old, &words, &text);
		ktap_str(pvk_buf_str(&text), all, "inittab %zu", i);
	}
}

/* ---- where process 1 waits ---- */

/* One whose program comes from a medium that hangs is still a copy of us, with all we had. */
static void test_copied(const char *path)
{
	struct pvk_handover handover = { .init = PVK_INIT_BUSYBOX, PVK_HANDOVER_NONE };
	pid_t pid;

	handover.shut[PVK_TURN_FIRST] = pvk_gate_make(path);
	ktap_eq(pvk_gate_shut(handover.shut[PVK_TURN_FIRST]), 0, "one that a child has, too");
	pid = fork();
	while (!pid)
		pause();
	pvk_handover_let_go(&handover, PVK_TURN_FIRST);
	ktap_check(!pvk_gate_is_shut(path), "is opened all the same");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_gate(void)
{
	char *path = strdup(in_dir("gate"));
	int fd = pvk_gate_make(path), status = 0;
	pid_t pid;

	ktap_check(fd >= 0 && !pvk_gate_is_shut(path), "a gate is made, and open");
	pvk_gate_wait(path);
	ktap_eq(pvk_gate_shut(fd), 0, "then it is shut");
	ktap_check(pvk_gate_is_shut(path), "which is seen");
	pid = fork();
	if (!pid) {
		close(fd);
		pvk_gate_wait(path);
		_exit(7);
	}
	poll(NULL, 0, LOOK_MS);
	ktap_eq(waitpid(pid, &status, WNOHANG), 0, "who waits there waits");
	close(fd);
	ktap_eq(waitpid(pid, &status, 0), pid, "until who shut it has gone");
	ktap_eq(WEXITSTATUS(status), 7, "and goes on");
	test_copied(path);
	remove(path);
	ktap_check(!pvk_gate_is_shut(path), "one that is not there is open");
	free(path);
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

static int prepare(struct pvk_handover *handover)
{
	const struct pvk_handover_words words = {
		.program = self, .plan = dir, .gate = { handover->gate[0], handover->gate[1] },
	};
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(4096);
	pvk_auto_free char *old = NULL;

	if (pvk_read_file(AT_FDCWD, PVK_HANDOVER_INITTAB, 4096, &old, NULL) ||
	    pvk_handover_inittab(old, &words, &text))
		return 1;
	put("ours", pvk_buf_str(&text), "w");
	handover->was_read = false;
	return pvk_handover_prepare(handover, NULL);
}

/* false: it does not come. */
static bool await_turn(struct pvk_handover *handover, enum pvk_handover_turn turn)
{
	return pvk_handover_is_turn(handover, turn, LONG_MS);
}

static int hand_over(struct pvk_handover *handover)
{
	if (prepare(handover) || !pvk_handover_was_read(handover, LONG_MS))
		return 1;
	/* Until it goes nothing is another one's who was there before. */
	unlink(in_dir("beats"));
	if (!await("beats", "beat") || pvk_handover_go(handover, NULL) ||
	    !await_turn(handover, PVK_TURN_FIRST))
		return 1;
	put("log", "first turn\n", "a");
	pvk_handover_let_go(handover, PVK_TURN_FIRST);
	if (!await_turn(handover, PVK_TURN_LAST))
		return 1;
	put("log", "last turn\n", "a");
	pvk_handover_end_others(handover);
	put("log", "ended the others\n", "a");
	pvk_handover_let_go(handover, PVK_TURN_LAST);
	while (pause())
		;
	return 0;
}

/* Another one's shutdown comes in between: all of it is as it always was. */
static int shut_down(struct pvk_handover *handover)
{
	if (prepare(handover) || !pvk_handover_was_read(handover, LONG_MS))
		return 1;
	kill(1, SIGTERM);
	while (pause())
		;
	return 0;
}

/* Process 1 waits for its entry, which is us; our child is there when it does not any more. */
static int be_busy(struct pvk_handover *handover)
{
	unlink(in_dir("beats"));
	if (prepare(handover) || pvk_handover_was_read(handover, 10 * LOOK_MS) ||
	    pvk_handover_undo(handover, NULL))
		return 1;
	put("log", "not read\n", "a");
	if (fork())
		return 0;
	setsid();
	if (!await("beats", "beat") || !await("log", "stubborn is there\n"))
		return 1;
	return hand_over(handover);
}

/* Started by busybox as what it calls when it has booted. */
static int be_pvkit(const char *how)
{
	pvk_auto_free char *ours = strdup(in_dir("ours")), *first = strdup(in_dir("first"));
	pvk_auto_free char *last = strdup(in_dir("last"));
	struct pvk_handover handover = {
		.init = PVK_INIT_BUSYBOX, .inittab = ours, .gate = { first, last }, .term = 5,
		.say = say, PVK_HANDOVER_NONE
	};

	if (!strcmp(how, "busy"))
		return be_busy(&handover);
	if (!await("log", "stubborn is there\n"))
		return 1;
	if (!strcmp(how, "shutdown"))
		return shut_down(&handover);
	if (strcmp(how, "undo") != 0)
		return hand_over(&handover);
	if (prepare(&handover) || !pvk_handover_was_read(&handover, LONG_MS) ||
	    pvk_handover_undo(&handover, NULL))
		return 1;
	put("log", "undone\n", "a");
	return hand_over(&handover);
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

/* A program that it runs for its end. */
static bool clean_up(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		(void)signal(SIGTERM, SIG_DFL);
		poll(NULL, 0, 300);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status);
}

static int be_slow(void)
{
	struct sigaction action = { .sa_handler = on_term };

	sigaction(SIGTERM, &action, NULL);
	put("log", "slow is there\n", "a");
	pause();
	put("log", clean_up() ? "slow has ended\n" : "slow was not let end\n", "a");
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

static void put_inittab(const char *how)
{
	FILE *file = fopen("/etc/inittab", "w");

	fprintf(file, "::once:%s --slow %s\n::once:%s --stubborn %s\n", self, dir, self, dir);
	fprintf(file, "::respawn:/bin/sh -c 'echo beat >>%s/beats; sleep 0.05'\n", dir);
	fprintf(file, "::%s:%s %s %s\n", strcmp(how, "busy") ? "once" : "wait", self, how, dir);
	fprintf(file, "::shutdown:/bin/sh -c 'echo shutdown >>%s/log'\n", dir);
	fprintf(file, "::shutdown:%s/umount -a\n", dir);
	fprintf(file, "::restart:/bin/sh -c 'echo another >>%s/log'\n", dir);
	fclose(file);
}

static void become_busybox(const char *busybox, const char *how)
{
	int null = open("/dev/null", O_RDWR);

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL) || mount("etc", "/etc", "tmpfs", 0, NULL))
		_exit(99);
	put_inittab(how);
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execl(busybox, "init", NULL);
	_exit(98);
}

/* The exit status of process 1, or 128 and the signal that it ended by. */
static int run_busybox(const char *busybox, const char *how)
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
			become_busybox(busybox, how);
		for (ms = 0; !waitpid(pid, &status, WNOHANG); ms += LOOK_MS) {
			if (ms > 2 * LONG_MS)
				kill(pid, SIGKILL);
			poll(NULL, 0, LOOK_MS);
		}
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	waitpid(outer, &status, 0);
	return WEXITSTATUS(status);
}

#define THERE		"slow is there\nstubborn is there\n"
#define HANDED_OVER						\
	"first turn\nshutdown\nlast turn\nslow has ended\n"	\
	"1 process has not ended: handover_test\nended the others\nprocess 1\n"

static void test_busybox(const char *how, const char *expected, int end, const char *text)
{
	static const char *const busybox[] = { "/bin/busybox", "/usr/bin/busybox" };
	const char *there = !access(busybox[0], X_OK) ? busybox[0] : busybox[1];
	pvk_auto_free char *log = NULL;
	int status = run_busybox(there, how);

	log = get("log");
	/* Who ends in the second that it leaves them says so, if there was time. */
	if (!strcmp(how, "shutdown") && strlen(log) > strlen(expected))
		log[strlen(expected)] = '\0';
	ktap_str(log, expected, "%s: %s", how, text);
	ktap_eq(status, end, "%s: process 1 ends as it should", how);
}

static void remove_all(void)
{
	static const char *const names[] = {
		"log", "ours", "first", "last", "beats", "umount", "etc/inittab", "etc",
		"proc/1/comm", "proc/1/exe", "proc/1", "proc", "run/systemd/system",
		"run/systemd", "run", "",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(names); i++)
		remove(in_dir(names[i]));
}

/* ---- a terminal that takes nothing ---- */

/* How many bytes such a write takes, or an errno; what would wait without end is killed. */
static int write_to(int fd, bool leave)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		alarm(leave ? LONG_MS / 1000 : 1);
		if (leave)
			pvk_handover_leave_terminal(fd);
		_exit(write(fd, "text\n", 5) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_terminal(void)
{
	int own = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty, ends[2];
	static const char full[4096];

	if (own < 0 || grantpt(own) || unlockpt(own) || pipe(ends))
		abort();
	tty = open(ptsname(own), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ktap_eq(write_to(tty, true), 0, "a terminal that is read is written to");
	tcflow(tty, TCOOFF);
	ktap_eq(write_to(tty, false), -SIGALRM, "after Ctrl-S it keeps who writes");
	ktap_eq(write_to(tty, true), EAGAIN, "but not whom process 1 waits for");
	ktap_eq(fcntl(tty, F_GETFL) & O_NONBLOCK, 0, "others who have it open see no change");
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], full, sizeof(full)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	ktap_eq(write_to(ends[1], true), EAGAIN, "likewise a pipe that nobody empties");
	close(ends[0]);
	close(ends[1]);
	close(tty);
	close(own);
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
	if (argc > 2 && !strcmp(argv[1], "gate"))
		return verb_gate(argc - 1, argv + 1);
	if (argc == 3) {
		strcpy(dir, argv[2]);
		realpath("/proc/self/exe", self);
		if (!strcmp(argv[1], "move"))
			return be_first();
		if (!strcmp(argv[1], "--slow"))
			return be_slow();
		if (!strcmp(argv[1], "--stubborn"))
			return be_stubborn();
		return be_pvkit(argv[1]);
	}
	ktap_plan(45);
	if (!mkdtemp(dir) || !realpath("/proc/self/exe", self))
		abort();
	test_find();
	test_inittab();
	test_gate();
	test_show();
	test_terminal();
	test_busybox("go", THERE HANDED_OVER, 0,
		     "what is under shutdown runs, those end who can, and process 1 is ours");
	test_busybox("undo", THERE "undone\n" HANDED_OVER, 0, "likewise, undone before");
	test_busybox("shutdown", THERE "shutdown\nunmounted\n", 128 + SIGHUP,
		     "what unmounts does so, and nobody waits");
	test_busybox("busy", "not read\n" THERE HANDED_OVER, 0,
		     "as long as it waits for one of its own it is not asked, then it is");
	remove_all();
	return ktap_finish();
}
