// SPDX-License-Identifier: MIT
/*
 * The sockets of pv-ctrl: what is in the way of making one, and those that a
 * service manager hands over.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static void test_paths(void)
{
	struct stat st = { 0 };
	int fd;

	fd = listen_at(at("run/ctl"), &err);
	ktap_check(fd >= 0, "a path whose directory is not there yet");
	ktap_check(answers(at("run/ctl")), "can be connected to");
	stat(at("run/ctl"), &st);
	ktap_eq(st.st_mode & 0777, 0666, "by everybody");
	ktap_check(access(at("run/ctl.lock"), F_OK), "and the lock is gone");
	ktap_eq(listen_at(at("run/ctl"), &err), -EADDRINUSE, "while somebody listens: refused");
	ktap_check(strstr(err.text, "another pvkitd listens there"), "with a text: %s", err.text);
	close(fd);
	fd = listen_at(at("run/ctl"), &err);
	ktap_check(fd >= 0, "what a dead one left behind is replaced");
	close(fd);

	close(bound(at("dead.lock"), SOCK_STREAM));
	fd = listen_at(at("dead"), &err);
	ktap_check(fd >= 0, "so is the lock of one that died just then");
	close(fd);

	close(open(at("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ktap_eq(listen_at(at("file"), &err), -EEXIST, "a file is not replaced");
	ktap_check(access(at("file.lock"), F_OK), "and leaves no lock either");
}

/* One of them, whoever it is; the others say why not. */
static void test_at_once(void)
{
	int gate[2], status, won = 0, refused = 0, i;
	char byte;

	if (pipe2(gate, O_CLOEXEC))
		ktap_fail("pipe: %s", strerror(errno));
	fflush(stdout);
	for (i = 0; i < STARTERS; i++) {
		if (fork())
			continue;
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		status = listen_at(at("once"), &err);
		if (status >= 0)
			sleep(5);
		_exit(status >= 0 ? 0 : status == -EADDRINUSE ? 1 : 2);
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < STARTERS; i++) {
		wait(&status);
		won += WIFEXITED(status) && !WEXITSTATUS(status);
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	ktap_eq(won, 1, "%d started at once: one has the socket", STARTERS);
	ktap_eq(refused, STARTERS - 1, "the others are told");
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
	ktap_plan(18);
	if (!mkdtemp(dir))
		ktap_fail("%s: %s", dir, strerror(errno));
	test_paths();
	test_at_once();
	test_inherited();
	clean_up();
	return ktap_finish();
}
