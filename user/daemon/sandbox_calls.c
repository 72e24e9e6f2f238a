// SPDX-License-Identifier: MIT
/*
 * The system calls of each role. Names, since what has which number, and what
 * exists at all, differs by architecture: libseccomp knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sandbox.h"

#ifdef PVKIT_SECCOMP

#include <linux/reboot.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Each list: names that end in NUL, then an empty one. */

/* Files, memory, time, waiting, answering on what is open. */
static const char calls_all[] =
	"read\0readv\0pread64\0preadv\0write\0writev\0pwrite64\0pwritev\0lseek\0_llseek\0"
	"open\0openat\0close\0close_range\0dup\0dup2\0dup3\0pipe\0pipe2\0fcntl\0fcntl64\0"
	"stat\0stat64\0lstat\0lstat64\0fstat\0fstat64\0fstatat64\0newfstatat\0statx\0"
	"statfs\0statfs64\0fstatfs\0fstatfs64\0getdents\0getdents64\0getcwd\0"
	"access\0faccessat\0faccessat2\0readlink\0readlinkat\0flock\0fsync\0fdatasync\0umask\0"
	"brk\0munmap\0mremap\0madvise\0"
	"rt_sigaction\0rt_sigprocmask\0rt_sigreturn\0sigreturn\0sigaltstack\0"
	"rt_sigtimedwait\0rt_sigtimedwait_time64\0restart_syscall\0"
	"poll\0ppoll\0ppoll_time64\0select\0_newselect\0pselect6\0pselect6_time64\0"
	"epoll_create\0epoll_create1\0epoll_ctl\0epoll_ctl_old\0epoll_wait\0epoll_pwait\0"
	"epoll_pwait2\0eventfd\0eventfd2\0timerfd_create\0timerfd_settime\0timerfd_settime64\0"
	"clock_gettime\0clock_gettime64\0clock_getres\0clock_getres_time64\0clock_nanosleep\0"
	"clock_nanosleep_time64\0nanosleep\0gettimeofday\0time\0times\0getrusage\0"
	"getpid\0getppid\0gettid\0getuid\0getuid32\0geteuid\0geteuid32\0getgid\0getgid32\0"
	"getegid\0getegid32\0getresuid\0getresuid32\0getresgid\0getresgid32\0capget\0"
	"futex\0futex_time64\0set_robust_list\0set_tid_address\0rseq\0membarrier\0"
	"sched_yield\0sched_getaffinity\0getrandom\0uname\0sysinfo\0getrlimit\0ugetrlimit\0"
	"send\0sendto\0sendmsg\0sendmmsg\0recv\0recvfrom\0recvmsg\0recvmmsg\0recvmmsg_time64\0"
	"shutdown\0getsockopt\0getsockname\0getpeername\0exit\0exit_group\0";

/* connect(): to syslogd, anew when that was restarted. */
static const char calls_front[] =
	"accept\0accept4\0setsockopt\0connect\0sendfile\0sendfile64\0"
	"rename\0renameat\0renameat2\0unlink\0unlinkat\0ftruncate\0ftruncate64\0";

/* What the loader needs beyond that, and what it has to allow its workers. */
static const char calls_loader[] =
	"socketpair\0bind\0fork\0vfork\0wait4\0waitid\0waitpid\0kill\0tgkill\0prctl\0capset\0"
	"seccomp\0landlock_create_ruleset\0landlock_add_rule\0landlock_restrict_self\0"
	"inotify_init\0inotify_init1\0inotify_add_watch\0inotify_rm_watch\0"
	"init_module\0finit_module\0delete_module\0syslog\0mmap\0mmap2\0mprotect\0";

/* Control forks to sync() within a limit, and once more to wait for init. */
static const char calls_control[] =
	"connect\0fork\0vfork\0wait4\0waitpid\0prctl\0setsid\0sync\0mlockall\0unlink\0"
	"unlinkat\0tgkill\0";

/* What of all that is not for these two, besides what they must never do. */
static const char not_front[] =
	"socketpair\0bind\0kill\0wait4\0waitid\0waitpid\0prctl\0seccomp\0"
	"landlock_create_ruleset\0landlock_add_rule\0landlock_restrict_self\0"
	"inotify_init\0inotify_init1\0inotify_add_watch\0inotify_rm_watch\0syslog\0";

static const char not_worker[] =
	"socketpair\0bind\0connect\0setsockopt\0tgkill\0kill\0wait4\0waitid\0waitpid\0prctl\0"
	"rename\0renameat\0renameat2\0unlink\0unlinkat\0ftruncate\0ftruncate64\0seccomp\0"
	"accept\0accept4\0landlock_create_ruleset\0landlock_add_rule\0landlock_restrict_self\0"
	"inotify_init\0inotify_init1\0inotify_add_watch\0inotify_rm_watch\0";

/* Of no use to any of us, and the next step of an intruder. */
static const char never[] =
	"execve\0execveat\0uselib\0ptrace\0process_vm_readv\0process_vm_writev\0kcmp\0pidfd_getfd\0"
	"mount\0umount\0umount2\0move_mount\0open_tree\0fsopen\0fsconfig\0fsmount\0fspick\0"
	"mount_setattr\0pivot_root\0chroot\0unshare\0setns\0mknod\0mknodat\0open_by_handle_at\0"
	"bpf\0perf_event_open\0userfaultfd\0io_uring_setup\0io_uring_enter\0io_uring_register\0"
	"keyctl\0add_key\0request_key\0kexec_load\0kexec_file_load\0swapon\0swapoff\0"
	"acct\0quotactl\0quotactl_fd\0iopl\0ioperm\0modify_ldt\0personality\0vhangup\0"
	"settimeofday\0clock_settime\0clock_settime64\0sethostname\0setdomainname\0"
	"setuid\0setuid32\0setreuid\0setreuid32\0setresuid\0setresuid32\0setfsuid\0setfsuid32\0"
	"setgid\0setgid32\0setregid\0setregid32\0setresgid\0setresgid32\0setfsgid\0setfsgid32\0"
	"setgroups\0setgroups32\0";

static const char never_forking[] = "fork\0vfork\0clone\0capset\0listen\0";
static const char never_but_control[] = "reboot\0";
static const char never_front[] = "init_module\0finit_module\0delete_module\0";

/* Those that begin a namespace. */
#define CLONE_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
			  CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int add(scmp_filter_ctx ctx, uint32_t action, const char *names)
{
	int number, ret;

	for (; *names; names += strlen(names) + 1) {
		number = seccomp_syscall_resolve_name(names);
		/* Newer than this libseccomp: what is not known is not allowed. */
		if (number == __NR_SCMP_ERROR)
			continue;
		/* Calls that this architecture does not have are passed over. */
		ret = seccomp_rule_add(ctx, action, number, 0);
		if (ret)
			return ret;
	}
	return 0;
}

/* As add(), for a call whose argument decides. */
static int add_if(scmp_filter_ctx ctx, uint32_t action, const char *name,
		  struct scmp_arg_cmp arg)
{
	int number = seccomp_syscall_resolve_name(name);

	return number == __NR_SCMP_ERROR ? 0 :
		seccomp_rule_add_array(ctx, action, number, 1, &arg);
}

/* Memory that is to be run, or that is not; who loads no library any more needs no new one. */
static int add_memory(scmp_filter_ctx ctx, uint32_t action, unsigned int prot)
{
	static const char *const names[] = { "mmap", "mmap2", "mprotect" };
	int ret = 0;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(names) && !ret; i++)
		ret = add_if(ctx, action, names[i],
			     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, prot));
	return ret;
}

static int add_ioctls(scmp_filter_ctx ctx)
{
	/* libevent asks how much there is to read, the front whose an interface is. */
	static const unsigned long requests[] = { FIONREAD, FIONBIO, SIOCETHTOOL };
	int ret = 0;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(requests) && !ret; i++)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "ioctl", SCMP_A1(SCMP_CMP_EQ, requests[i]));
	return ret;
}

/*
 * What front and loader may do between them. It is most of the work, and made once
 * for both; what each of them may not do of it is a small filter on top.
 */
static int fill_base(scmp_filter_ctx ctx)
{
	/* Where clone() has its flags, which glibc's fork() is made of. */
	unsigned int flags = seccomp_arch_native() == SCMP_ARCH_S390X ? 1 : 0;
	struct scmp_arg_cmp plain = SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0);
	int ret = add(ctx, SCMP_ACT_ALLOW, calls_all);

	if (!ret)
		ret = add(ctx, SCMP_ACT_ALLOW, calls_front);
	if (!ret)
		ret = add(ctx, SCMP_ACT_ALLOW, calls_loader);
	if (!ret)
		ret = add_ioctls(ctx);
	/* One's own limits. */
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "prlimit64", SCMP_A0(SCMP_CMP_EQ, 0));
	/* The netlink socket anew, when pv_driver was out and is back. */
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "clone", plain);
	if (!ret)
		ret = add(ctx, SCMP_ACT_KILL_PROCESS, never_but_control);
	return ret ? ret : add(ctx, SCMP_ACT_KILL_PROCESS, never);
}

/* Restart and nothing else, in both of its forms; signals to nobody but init. */
static int add_reboot(scmp_filter_ctx ctx)
{
	int ret;

	ret = add_if(ctx, SCMP_ACT_ALLOW, "reboot",
		     SCMP_A2(SCMP_CMP_EQ, LINUX_REBOOT_CMD_RESTART));
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "reboot",
			     SCMP_A2(SCMP_CMP_EQ, LINUX_REBOOT_CMD_RESTART2));
	return ret ? ret : add_if(ctx, SCMP_ACT_ALLOW, "kill", SCMP_A0(SCMP_CMP_EQ, 1));
}

static int fill_control(scmp_filter_ctx ctx)
{
	unsigned int flags = seccomp_arch_native() == SCMP_ARCH_S390X ? 1 : 0;
	struct scmp_arg_cmp plain = SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0);
	int ret = add(ctx, SCMP_ACT_ALLOW, calls_all);

	if (!ret)
		ret = add(ctx, SCMP_ACT_ALLOW, calls_control);
	if (!ret)
		ret = add_memory(ctx, SCMP_ACT_ALLOW, 0);
	if (!ret)
		ret = add_ioctls(ctx);
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ALLOW, "clone", plain);
	if (!ret)
		ret = add_reboot(ctx);
	return ret ? ret : add(ctx, SCMP_ACT_KILL_PROCESS, never);
}

static int fill_front(scmp_filter_ctx ctx)
{
	int ret = add(ctx, SCMP_ACT_ERRNO(ENOSYS), not_front);

	/* abort() signals oneself. */
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ERRNO(ENOSYS), "tgkill",
			     SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
	if (!ret)
		ret = add_memory(ctx, SCMP_ACT_ERRNO(ENOSYS), PROT_EXEC);
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_KILL_PROCESS, "socket",
			     SCMP_A0(SCMP_CMP_GT, AF_UNIX));
	if (!ret)
		ret = add(ctx, SCMP_ACT_KILL_PROCESS, never_front);
	return ret ? ret : add(ctx, SCMP_ACT_KILL_PROCESS, never_forking);
}

static int fill_worker(scmp_filter_ctx ctx)
{
	int ret = add(ctx, SCMP_ACT_ERRNO(ENOSYS), not_worker);

	if (!ret)
		ret = add_if(ctx, SCMP_ACT_ERRNO(ENOSYS), "socket",
			     SCMP_A0(SCMP_CMP_LE, AF_UNIX));
	if (!ret)
		ret = add_if(ctx, SCMP_ACT_KILL_PROCESS, "socket",
			     SCMP_A0(SCMP_CMP_GT, AF_UNIX));
	return ret ? ret : add(ctx, SCMP_ACT_KILL_PROCESS, never_forking);
}

/*
 * Taken out of libseccomp as the kernel wants it, so that a worker takes on
 * what the loader has made, with one system call and no memory of its own.
 */
static int export(scmp_filter_ctx ctx, struct sock_fprog *program)
{
	pvk_auto_close int in = -1;
	char *bytes = NULL;
	size_t len = 0;
	int fds[2];
	int ret;

	/* A filter is at most 4096 instructions: it fits into a pipe. */
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	in = fds[0];
	ret = seccomp_export_bpf(ctx, fds[1]);
	close(fds[1]);
	if (!ret)
		ret = pvk_read_fd(in, BPF_MAXINSNS * sizeof(struct sock_filter), &bytes, &len);
	if (ret)
		return ret;
	program->filter = (struct sock_filter *)(void *)bytes;
	program->len = (unsigned short)(len / sizeof(struct sock_filter));
	return 0;
}

const char *sandbox_calls_missing(void)
{
	return prctl(PR_GET_SECCOMP) < 0 ? "no seccomp in this kernel" : NULL;
}

static int make(struct sock_fprog *program, uint32_t otherwise,
		int (*fill)(scmp_filter_ctx ctx), struct pvk_err *err)
{
	scmp_filter_ctx ctx;
	int ret;

	*program = (struct sock_fprog){ 0 };
	if (sandbox_calls_missing())
		return 0;
	ctx = seccomp_init(otherwise);
	if (!ctx)
		return pvk_err_set(err, -ENOMEM, "seccomp: out of memory");
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A search tree instead of a walk, from 2.5 on. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ret = fill(ctx);
	if (!ret)
		ret = export(ctx, program);
	seccomp_release(ctx);
	/* What it took is not needed again, and would be copied into every process. */
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	return ret ? pvk_err_set(err, ret, "seccomp: %s", strerror(-ret)) : 0;
}

int sandbox_calls_base(struct sock_fprog *program, struct pvk_err *err)
{
	return make(program, SCMP_ACT_ERRNO(ENOSYS), fill_base, err);
}

int sandbox_calls(struct sock_fprog *program, enum sandbox_role role, struct pvk_err *err)
{
	*program = (struct sock_fprog){ 0 };
	if (role == SANDBOX_LOADER)
		return 0;
	if (role == SANDBOX_CONTROL)
		return make(program, SCMP_ACT_ERRNO(ENOSYS), fill_control, err);
	return make(program, SCMP_ACT_ALLOW, role == SANDBOX_FRONT ? fill_front : fill_worker,
		    err);
}

#else

int sandbox_calls_base(struct sock_fprog *program, struct pvk_err *err)
{
	(void)err;
	*program = (struct sock_fprog){ 0 };
	return 0;
}

const char *sandbox_calls_missing(void)
{
	return "built without seccomp";
}

int sandbox_calls(struct sock_fprog *program, enum sandbox_role role, struct pvk_err *err)
{
	(void)role;
	(void)err;
	*program = (struct sock_fprog){ 0 };
	return 0;
}

#endif
