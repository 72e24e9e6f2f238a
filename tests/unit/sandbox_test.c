// SPDX-License-Identifier: MIT
/*
 * The sandbox of each role, tried out in a child of its own: what must fail,
 * how, and what must go on working. As a table, which is the policy to read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/reboot.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "sandbox.h"

#define KILLED	-1	/* by SIGSYS */

static char root[] = "/tmp/pvkit-sandbox.XXXXXX";
static struct config config;
static int landlock;	/* its version; 0: this kernel has none */

static const char *at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* ---- what is tried: 0, or why it failed ---- */

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int try_socket(int domain, int type)
{
	return socket(domain, type | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

/* What the one of a row came to. */
static int tried;

#define TRY(name, expression) static void name(void) { tried = (expression); }
#define FAILS(expression) ((expression) < 0 ? errno : 0)

TRY(read_passwd, try_open("/etc/passwd", O_RDONLY))
TRY(read_key, try_open(at("user-meta/key"), O_RDONLY))
TRY(new_key, try_open(at("user-meta/new"), O_WRONLY | O_CREAT))
TRY(device_key, try_open(at("device-meta/new"), O_WRONLY | O_CREAT))
TRY(read_bsp, try_open(at("bsp/drivers.json"), O_RDONLY))
TRY(read_linked, try_open(at("bsp/modparam.json"), O_RDONLY))
TRY(read_through_link, try_open(at("user-meta/link/passwd"), O_RDONLY))
TRY(new_in_tmp, try_open("/tmp/pvkit-sandbox-outside", O_WRONLY | O_CREAT))
TRY(read_sys, try_open("/sys", O_RDONLY | O_DIRECTORY))
TRY(write_sys, try_open("/sys/kernel/uevent_seqnum", O_WRONLY))
TRY(read_libraries, try_open("/usr/lib", O_RDONLY | O_DIRECTORY))
TRY(read_own_proc, try_open("/proc/self/status", O_RDONLY))
TRY(read_others_proc, try_open("/proc/1/status", O_RDONLY))
TRY(read_others_memory, try_open("/proc/1/mem", O_RDONLY))
TRY(truncate_key, FAILS(truncate(at("user-meta/key"), 0)))
TRY(make_directory, FAILS(mkdir(at("user-meta/dir"), 0700)))
TRY(make_link, FAILS(symlink("/etc", at("user-meta/link2"))))
TRY(unix_dgram, try_socket(AF_UNIX, SOCK_DGRAM))
TRY(inet, try_socket(AF_INET, SOCK_STREAM))
TRY(inet6, try_socket(AF_INET6, SOCK_DGRAM))
TRY(packet, try_socket(AF_PACKET, SOCK_RAW))
TRY(genetlink, FAILS(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC)))
TRY(new_userns, FAILS(unshare(CLONE_NEWUSER)))
TRY(cloned_userns, FAILS(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)))
TRY(cloned_by_clone3, FAILS(syscall(SYS_clone3, NULL, 0)))
TRY(trace, FAILS(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
TRY(mount_it, FAILS(mount("none", "/mnt", "tmpfs", 0, NULL)))
TRY(bpf_prog, FAILS(syscall(SYS_bpf, 0, NULL, 0)))
TRY(add_a_key, FAILS(syscall(SYS_add_key, NULL, NULL, NULL, 0, 0)))
TRY(uring, FAILS(syscall(SYS_io_uring_setup, 1, NULL)))
TRY(fault, FAILS(syscall(SYS_userfaultfd, 0)))
TRY(by_handle, FAILS(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)))
TRY(become_root, FAILS(syscall(SYS_setresuid, 0, 0, 0)))
TRY(device_node, FAILS(mknod(at("user-meta/node"), S_IFCHR | 0600, 0)))
TRY(steal_terminal, FAILS(ioctl(STDIN_FILENO, TIOCSTI, "x")))
TRY(not_listed, FAILS(syscall(SYS_mincore, NULL, 0, NULL)))
TRY(limit_of_others, FAILS(syscall(SYS_prlimit64, 1, 0, NULL, NULL)))
TRY(listen_on, FAILS(listen(-1, 1)))
TRY(signal_init, FAILS(kill(1, 0)))
TRY(signal_other, FAILS(kill(getpid(), 0)))
TRY(new_state, try_open(at("state/new"), O_WRONLY | O_CREAT))

/* With a number that the kernel takes for a slip of a program that runs wild. */
#define REBOOT(cmd) FAILS(syscall(SYS_reboot, 0UL, 0UL, (unsigned long)(cmd), NULL))

TRY(restart, REBOOT(LINUX_REBOOT_CMD_RESTART))
TRY(restart_into, REBOOT(LINUX_REBOOT_CMD_RESTART2))
TRY(halt, REBOOT(LINUX_REBOOT_CMD_HALT))
TRY(cad_on, REBOOT(LINUX_REBOOT_CMD_CAD_ON))

static int do_run_program(void)
{
	execl("/bin/true", "true", NULL);
	return errno;
}

static int do_fork_one(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int do_replace_registered(void)
{
	char from[PATH_MAX];
	int ret = try_open(at("drivers.registered.new"), O_WRONLY | O_CREAT | O_TRUNC);

	if (ret)
		return ret;
	strcpy(from, at("drivers.registered.new"));
	return FAILS(rename(from, at("drivers.registered")));
}

static int do_replace_key(void)
{
	char from[PATH_MAX];
	int ret = try_open(at("user-meta/.new"), O_WRONLY | O_CREAT | O_EXCL);

	if (ret)
		return ret;
	strcpy(from, at("user-meta/.new"));
	return FAILS(rename(from, at("user-meta/key2")));
}

static int do_runnable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int do_ordinary_life(void)
{
	struct timespec pause = { .tv_nsec = 1000 };
	char *p = malloc(100000);
	DIR *dir;

	if (!p)
		return ENOMEM;
	memset(p, 1, 100000);
	free(p);
	dir = opendir("/sys");
	if (!dir || !readdir(dir))
		return errno;
	closedir(dir);
	return FAILS(nanosleep(&pause, NULL));
}

TRY(run_program, do_run_program())
TRY(fork_one, do_fork_one())
TRY(replace_registered, do_replace_registered())
TRY(replace_key, do_replace_key())
TRY(runnable_memory, do_runnable_memory())
TRY(ordinary_life, do_ordinary_life())

static const struct {
	const char *what;
	void (*fn)(void);
	int want[4];		/* front, loader, worker, control; EACCES is Landlock's doing */
} tries[] = {
	{ "memory, time, a directory", ordinary_life, { 0, 0, 0, 0 } },
	/* files */
	{ "read /etc/passwd", read_passwd, { EACCES, EACCES, EACCES, EACCES } },
	{ "read a key", read_key, { 0, 0, 0, EACCES } },
	{ "write a new key", new_key, { 0, 0, EACCES, EACCES } },
	{ "write a new key of the device", device_key, { 0, 0, EACCES, EACCES } },
	{ "replace a key", replace_key, { 0, 0, EACCES, EACCES } },
	{ "read drivers.json", read_bsp, { EACCES, 0, 0, EACCES } },
	{ "read a BSP file that is a link", read_linked, { EACCES, 0, 0, EACCES } },
	{ "replace drivers.registered", replace_registered, { EACCES, 0, EACCES, EACCES } },
	{ "read /etc through a link in a store", read_through_link,
	  { EACCES, EACCES, EACCES, EACCES } },
	{ "make a file in /tmp", new_in_tmp, { EACCES, EACCES, EACCES, EACCES } },
	{ "read /sys", read_sys, { 0, 0, 0, 0 } },
	{ "write a file of /sys", write_sys, { EACCES, EACCES, EACCES, EACCES } },
	{ "read /usr/lib", read_libraries, { EACCES, 0, 0, EACCES } },
	{ "read /proc/self", read_own_proc, { 0, 0, 0, EACCES } },
	{ "read /proc/1", read_others_proc, { EACCES, 0, 0, EACCES } },
	{ "read the memory of process 1", read_others_memory, { EACCES, EACCES, EACCES, EACCES } },
	{ "truncate by name", truncate_key, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "make a directory", make_directory, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "make a link", make_link, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "make a device node", device_node, { KILLED, KILLED, KILLED, KILLED } },
	{ "write a file of the state", new_state, { EACCES, 0, EACCES, 0 } },
	/* sockets */
	{ "socket to syslogd", unix_dgram, { 0, 0, ENOSYS, 0 } },
	{ "socket of TCP", inet, { KILLED, ENOSYS, KILLED, ENOSYS } },
	{ "socket of UDP over IPv6", inet6, { KILLED, ENOSYS, KILLED, ENOSYS } },
	{ "packet socket", packet, { KILLED, ENOSYS, KILLED, ENOSYS } },
	{ "netlink socket", genetlink, { KILLED, 0, KILLED, ENOSYS } },
	{ "listen", listen_on, { KILLED, ENOSYS, KILLED, ENOSYS } },
	/* processes */
	{ "execute a program", run_program, { KILLED, KILLED, KILLED, KILLED } },
	{ "fork", fork_one, { KILLED, 0, KILLED, 0 } },
	{ "a user namespace by unshare()", new_userns, { KILLED, KILLED, KILLED, KILLED } },
	{ "a user namespace by clone()", cloned_userns, { KILLED, ENOSYS, KILLED, ENOSYS } },
	{ "clone3(), whose flags no filter sees", cloned_by_clone3,
	  { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "be traced", trace, { KILLED, KILLED, KILLED, KILLED } },
	{ "become root", become_root, { KILLED, KILLED, KILLED, KILLED } },
	{ "limits of another process", limit_of_others, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "memory to write and run", runnable_memory, { ENOSYS, 0, 0, ENOSYS } },
	{ "reboot", restart, { KILLED, KILLED, KILLED, EINVAL } },
	{ "reboot into a mode", restart_into, { KILLED, KILLED, KILLED, EINVAL } },
	{ "halt", halt, { KILLED, KILLED, KILLED, ENOSYS } },
	{ "let Ctrl-Alt-Del reboot at once", cad_on, { KILLED, KILLED, KILLED, ENOSYS } },
	{ "signal a process that is not init", signal_other, { ENOSYS, 0, ENOSYS, ENOSYS } },
	/* the kernel's wide doors */
	{ "mount", mount_it, { KILLED, KILLED, KILLED, KILLED } },
	{ "bpf()", bpf_prog, { KILLED, KILLED, KILLED, KILLED } },
	{ "add_key()", add_a_key, { KILLED, KILLED, KILLED, KILLED } },
	{ "io_uring", uring, { KILLED, KILLED, KILLED, KILLED } },
	{ "userfaultfd()", fault, { KILLED, KILLED, KILLED, KILLED } },
	{ "open a file by its handle", by_handle, { KILLED, KILLED, KILLED, KILLED } },
	{ "push a character into a terminal", steal_terminal, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "a call that is on no list", not_listed, { ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
};

/* ---- the children ---- */

#define NOT_ENTERED	250

#define ENDED_BY_SIGSYS	251

static void enter(const struct sandbox *sandbox)
{
	struct pvk_err err;

	if (!sandbox_enter(sandbox, &err))
		return;
	dprintf(STDOUT_FILENO, "# %s\n", err.text);
	_exit(NOT_ENTERED);
}

static void prepare(struct sandbox *sandbox, enum sandbox_role role)
{
	struct pvk_err err;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!sandbox_prepare(sandbox, role, &config, &err))
		return;
	dprintf(STDOUT_FILENO, "# %s\n", err.text);
	_exit(NOT_ENTERED);
}

/* A worker is a child of the loader: it has both. */
static int as_worker(void (*fn)(void))
{
	struct sandbox worker, own;
	int status;
	pid_t pid;

	prepare(&worker, SANDBOX_WORKER);
	prepare(&own, SANDBOX_LOADER);
	enter(&own);
	pid = fork();
	if (!pid) {
		enter(&worker);
		fn();
		_exit(tried);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return NOT_ENTERED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? ENDED_BY_SIGSYS : NOT_ENTERED;
}

static int as_other(enum sandbox_role role, void (*fn)(void))
{
	struct sandbox sandbox;

	prepare(&sandbox, role);
	enter(&sandbox);
	sandbox_free(&sandbox);
	fn();
	return tried;
}

/* What fn says inside, KILLED, or -2 and something on standard output. */
static int inside(enum sandbox_role role, void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(role == SANDBOX_WORKER ? as_worker(fn) : as_other(role, fn));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -2;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == ENDED_BY_SIGSYS ? KILLED : WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? KILLED : -2;
}

static void test_table(void)
{
	static const char *const who[] = { "front", "loader", "worker", "control" };
	size_t i, role;

	for (i = 0; i < PVK_ARRAY_SIZE(tries); i++) {
		for (role = 0; role < PVK_ARRAY_SIZE(who); role++) {
			if (!landlock && tries[i].want[role] == EACCES)
				ktap_skip("no Landlock in this kernel", "%s: %s", who[role],
					  tries[i].what);
			else
				ktap_eq(inside(role, tries[i].fn), tries[i].want[role], "%s: %s",
					who[role], tries[i].what);
		}
	}
}

/* Other processes of the same user, which root's are. */
static void test_signals(void)
{
	if (landlock >= 6) {
		ktap_eq(inside(SANDBOX_LOADER, signal_init), EPERM,
			"the loader signals nobody but its workers");
	} else {
		ktap_skip("Landlock before version 6",
			  "the loader signals nobody but its workers");
	}
	ktap_eq(inside(SANDBOX_WORKER, signal_init), ENOSYS, "a worker signals nobody");
	ktap_eq(inside(SANDBOX_FRONT, signal_init), ENOSYS, "nor does the front");
	ktap_eq(inside(SANDBOX_CONTROL, signal_init), 0, "control signals init");
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		ktap_fail("%s: %s", path, strerror(errno));
	close(fd);
}

static void make_root(void)
{
	static const char *const dirs[] = { "user-meta", "device-meta", "bsp", "state" };
	size_t i;

	if (!mkdtemp(root))
		ktap_fail("mkdtemp: %s", strerror(errno));
	for (i = 0; i < PVK_ARRAY_SIZE(dirs); i++)
		if (mkdir(at(dirs[i]), 0700))
			ktap_fail("%s: %s", dirs[i], strerror(errno));
	write_file(at("user-meta/key"));
	write_file(at("bsp/drivers.json"));
	if (symlink("/etc", at("user-meta/link")) ||
	    symlink("/etc/group", at("bsp/modparam.json")))
		ktap_fail("links: %s", strerror(errno));
}

static void remove_root(void)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("rm", "rm", "-rf", root, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const char *missing = sandbox_calls_missing();

	if (missing)
		ktap_skip_all(missing);
	ktap_plan((int)PVK_ARRAY_SIZE(tries) * 4 + 4);
	landlock = (int)syscall(444, NULL, 0, 1);
	if (landlock < 0)
		landlock = 0;
	make_root();
	snprintf(config.root, sizeof(config.root), "%s", root);
	snprintf(config.state, sizeof(config.state), "%s/state", root);
	test_table();
	test_signals();
	remove_root();
	return ktap_finish();
}
