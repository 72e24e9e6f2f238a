// SPDX-License-Identifier: MIT
/*
 * The sockets of pv-ctrl: what is in the way of making one, and those that a
 * service manager hands over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "listen.h"

#define STARTERS	8

static char dir[] = "/tmp/pvkit-listen.XXXXXX";
static struct pvk_err err;

static const char *at(const char *name)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

static bool answers(const char *path)
{
	struct sockaddr_un addr = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = !connect(fd, (struct sockaddr *)&addr, sizeof(addr));

	close(fd);
	return ok;
}

static int bound(const char *path, int type)
{
	struct sockaddr_un addr = address(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		ktap_fail("%s: %s", path, strerror(errno));
	return fd;
}

/* As main() does it, with the lock. */
static int listen_as_main(const char *path)
{
	int lock = listen_lock(dir, &err), fd;

	if (lock < 0)
		return lock;
	fd = listen_at(path, &err);
	close(lock);
	return fd;
}

static void test_paths(void)
{
	struct stat st = { 0 };
	int fd;

	fd = listen_at(at("run/ctl"), &err);
	ktap_check(fd >= 0, "a path whose directory is not there yet");
	ktap_check(answers(at("run/ctl")), "can be connected to");
	stat(at("run/ctl"), &st);
	ktap_eq(st.st_mode & 0777, 0666, "by everybody");
	ktap_eq(listen_at(at("run/ctl"), &err), -EADDRINUSE, "while somebody listens: refused");
	ktap_check(strstr(err.text, "another pvkitd listens there"), "with a text: %s", err.text);
	close(fd);
	fd = listen_at(at("run/ctl"), &err);
	ktap_check(fd >= 0, "what a dead one left behind is replaced");
	close(fd);

	close(open(at("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ktap_eq(listen_at(at("file"), &err), -EEXIST, "a file is not replaced");
}

static void test_lock(void)
{
	struct stat before = { 0 }, after = { 0 };
	int fd = listen_lock(dir, &err);

	ktap_check(fd >= 0, "a lock for who starts");
	stat(at("starting.lock"), &before);
	ktap_eq(before.st_mode & 0777, 0600, "for nobody but its owner");
	ktap_eq(listen_lock(dir, &err), -EWOULDBLOCK, "one at a time has it");
	ktap_check(strstr(err.text, "another pvkitd is just starting"), "with a text: %s",
		   err.text);
	close(fd);
	fd = listen_lock(dir, &err);
	stat(at("starting.lock"), &after);
	ktap_check(fd >= 0 && before.st_ino == after.st_ino,
		   "then it is the next one's, the same file");
	close(fd);

	close(open(at("else"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	unlink(at("starting.lock"));
	(void)!symlink("else", at("starting.lock"));
	ktap_eq(listen_lock(dir, &err), -ELOOP, "a link is not followed to somebody else's");
	unlink(at("starting.lock"));
}

/* One of them, whoever it is; the others say why not. */
static void test_at_once(void)
{
	int gate[2], until[2], status, won = 0, refused = 0, i;
	struct pollfd end;
	char byte;

	if (pipe2(gate, O_CLOEXEC) || pipe2(until, O_CLOEXEC))
		ktap_fail("pipe: %s", strerror(errno));
	fflush(stdout);
	for (i = 0; i < STARTERS; i++) {
		if (fork())
			continue;
		close(gate[1]);
		close(until[1]);
		(void)!read(gate[0], &byte, 1);
		status = listen_as_main(at("once"));
		end = (struct pollfd){ .fd = until[0] };
		/* One that has it keeps it until all others have tried. */
		if (status >= 0)
			poll(&end, 1, 60000);
		_exit(status >= 0 ? 0 : status == -EADDRINUSE || status == -EWOULDBLOCK ? 1 : 2);
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < STARTERS; i++) {
		if (i == STARTERS - 1)
			close(until[1]);
		wait(&status);
		won += WIFEXITED(status) && !WEXITSTATUS(status);
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	close(until[0]);
	ktap_eq(won, 1, "%d started at once: one has the socket", STARTERS);
	ktap_eq(refused, STARTERS - 1, "the others are told");
}

/* ---- two in a row of fixed steps ---- */

#define CLEARS	'u'	/* is about to remove what somebody left behind */
#define BINDS	'b'	/* has found the path free, and is about to take it */
#define SERVES	's'
#define ENDED	'e'

/* A starter in a process of its own, which stops at each step until it is let go. */
struct starter {
	pid_t pid;
	int said_fd, go_fd;
	char at;
	int status;
};

static struct {
	int say_fd, go_fd;
	bool clears;		/* stops at the first CLEARS, too */
	bool binds;
} steps = { -1, -1, false, false };

static void step(char what)
{
	char byte;

	if (write(steps.say_fd, &what, 1) != 1 || read(steps.go_fd, &byte, 1) != 1)
		_exit(3);
}

/* In the place of libc's: where listen.c is between two looks at the same thing. */
int unlink(const char *path)
{
	if (steps.clears)
		step(CLEARS);
	steps.clears = false;
	return unlinkat(AT_FDCWD, path, 0);
}

mode_t umask(mode_t mask)
{
	if (steps.binds)
		step(BINDS);
	steps.binds = false;
	return (mode_t)syscall(SYS_umask, mask);
}

/* Until its next step. */
static char next_step(struct starter *starter)
{
	struct pollfd pfd = { .fd = starter->said_fd, .events = POLLIN };

	if (poll(&pfd, 1, 30000) != 1)
		ktap_fail("a starter hangs after step %c", starter->at);
	if (read(starter->said_fd, &starter->at, 1) == 1)
		return starter->at;
	starter->at = ENDED;
	waitpid(starter->pid, &starter->status, 0);
	return ENDED;
}

static char let_go(struct starter *starter)
{
	if (starter->at == ENDED)
		return ENDED;
	if (write(starter->go_fd, "", 1) != 1)
		ktap_fail("a starter is gone");
	return next_step(starter);
}

static struct starter start(const char *path, bool clears)
{
	struct starter starter = { .at = '-' };
	int said[2], go[2];

	if (pipe2(said, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		ktap_fail("pipe: %s", strerror(errno));
	fflush(stdout);
	starter.pid = fork();
	if (!starter.pid) {
		close(said[0]);
		close(go[1]);
		steps.say_fd = said[1];
		steps.go_fd = go[0];
		steps.clears = clears;
		steps.binds = true;
		if (listen_as_main(path) < 0)
			_exit(1);
		step(SERVES);
		_exit(0);
	}
	close(said[1]);
	close(go[0]);
	starter.said_fd = said[0];
	starter.go_fd = go[1];
	next_step(&starter);
	return starter;
}

static void end(struct starter *starter)
{
	if (starter->at != ENDED) {
		kill(starter->pid, SIGKILL);
		next_step(starter);
	}
	close(starter->said_fd);
	close(starter->go_fd);
}

/*
 * Given what one left that was killed in the middle: of two that come then, the
 * first, which sees it and is slow to act on that, never acts on the second's.
 */
static void test_after_a_crash(void)
{
	struct starter dead, slow, quick;

	close(bound(at("crash"), SOCK_STREAM));
	dead = start(at("crash"), false);
	ktap_eq(dead.at, BINDS, "one is about to make its socket, and is killed");
	end(&dead);
	close(bound(at("crash"), SOCK_STREAM));

	slow = start(at("crash"), true);
	ktap_eq(slow.at, CLEARS, "a slow one is about to remove what is left");
	quick = start(at("crash"), false);
	let_go(&slow);
	ktap_check((slow.at == BINDS) + (quick.at == BINDS) == 1,
		   "a quick one comes: not both go on (they are at %c and %c)", slow.at,
		   quick.at);
	let_go(&slow);
	let_go(&quick);
	ktap_check((slow.at == SERVES) + (quick.at == SERVES) == 1, "one of them serves");
	ktap_check((slow.at == ENDED && WEXITSTATUS(slow.status) == 1) ||
		   (quick.at == ENDED && WEXITSTATUS(quick.status) == 1),
		   "the other is told");
	ktap_check(answers(at("crash")), "the path leads to the one that serves");
	end(&slow);
	end(&quick);
}

/* What comes of LISTEN_FDS in a process of its own whose fd 3 is `fd`. */
static int inherited(int fd, const char *count, bool for_us)
{
	int fds[4], status, n;
	char pid[16];

	fflush(stdout);
	if (!fork()) {
		if (fd >= 0 && fd != 3)
			dup2(fd, 3);
		snprintf(pid, sizeof(pid), "%d", for_us ? (int)getpid() : 1);
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", count, 1);
		n = listen_inherited(fds, 4, &err);
		if (n > 0 && (fds[0] != 3 || !(fcntl(3, F_GETFL) & O_NONBLOCK) ||
			      !(fcntl(3, F_GETFD) & FD_CLOEXEC)))
			n = -100;
		if (getenv("LISTEN_FDS") || getenv("LISTEN_PID"))
			n = -101;
		_exit(n & 0xff);
	}
	wait(&status);
	return (int8_t)WEXITSTATUS(status);
}

static void test_inherited(void)
{
	int fd = bound(at("sd"), SOCK_STREAM);
	int dgram = bound(at("dgram"), SOCK_DGRAM);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ktap_eq(inherited(fd, "1", true), -EINVAL, "a socket that does not listen is refused");
	listen(fd, 1);
	ktap_eq(inherited(fd, "1", true), 1, "one that does is taken over");
	ktap_eq(inherited(fd, "1", false), 0, "but not if it was meant for another process");
	ktap_eq(inherited(fd, "5", true), -E2BIG, "nor more than there is room for");
	ktap_eq(inherited(dgram, "1", true), -EINVAL, "nor one for datagrams");
	listen(tcp, 1);
	ktap_eq(inherited(tcp, "1", true), -EINVAL, "nor one of TCP: no caller would be known");
	close(fd);
	close(dgram);
	close(tcp);
}

static void clean_up(void)
{
	if (!fork()) {
		execlp("rm", "rm", "-rf", dir, NULL);
		_exit(1);
	}
	wait(NULL);
}

int main(void)
{
	ktap_plan(27);
	if (!mkdtemp(dir))
		ktap_fail("%s: %s", dir, strerror(errno));
	test_paths();
	test_lock();
	test_at_once();
	test_after_a_crash();
	test_inherited();
	clean_up();
	return ktap_finish();
}
