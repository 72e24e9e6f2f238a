// SPDX-License-Identifier: MIT
/*
 * The child: every process, once. What is asked of a file is what the kernel has of it in
 * memory; nothing of it is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders_int.h"

#define PIDS_MAX	(4u << 20)	/* the kernel's own bound */
#define KTHREADD	2
#define PF_KTHREAD	0x00200000
#define DIRENTS_SIZE	(32u << 10)
#define MAPS_SIZE	(64u << 10)
#define SEEN_MAX	256		/* files of one process's mappings that are told apart */

/* Of a directory, as the kernel has it. */
struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

bool hold_enter(struct hold_scan *scan, enum hold_stage stage, uint32_t number)
{
	uint64_t where = hold_key(stage, number);
	uint32_t i;

	for (i = 0; i < scan->shared->n_skip; i++)
		if (scan->shared->skip[i] == where)
			return false;
	atomic_store_explicit(&scan->shared->stage, stage, memory_order_relaxed);
	atomic_store_explicit(&scan->shared->number, number, memory_order_relaxed);
	hold_tick(scan);
	return true;
}

int hold_read(int at, const char *path, size_t max, char **text, size_t *len)
{
	pvk_auto_close int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : pvk_read_fd(fd, max, text, len);
}

/* --- telling ----------------------------------------------------------------- */

/* The parent takes what is there, and lets us go on. */
static int hand_over(struct hold_scan *scan)
{
	char word = 'r';

	if (send(scan->wire, &word, 1, MSG_NOSIGNAL) != 1 || recv(scan->wire, &word, 1, 0) != 1)
		return -EPIPE;
	hold_tick(scan);
	return 0;
}

static void count(struct pvk_holders_sum *sum, const struct pvk_holder *holder)
{
	sum->holders++;
	sum->guesses += holder->guess;
}

int hold_tell(struct hold_scan *scan, struct pvk_holder *holder, const struct hold_fs *fs)
{
	const char *via = fs ? fs->via : "";
	size_t comm = strlen(holder->comm) + 1, what = strlen(holder->what) + 1;
	size_t size = sizeof(struct hold_record) + comm + what + strlen(via) + 1;
	struct hold_shared *shared = scan->shared;
	struct hold_record record;
	char *to;
	int ret;

	if (shared->out_len + size > HOLD_OUT_SIZE) {
		ret = hand_over(scan);
		if (ret)
			return ret;
	}
	record = (struct hold_record){ .size = size, .holder = *holder, .has_via = *via };
	to = shared->out + shared->out_len;
	memcpy(to, &record, sizeof(record));
	to += sizeof(record);
	memcpy(to, holder->comm, comm);
	memcpy(to + comm, holder->what, what);
	strcpy(to + comm + what, via);
	count(&shared->sum, holder);
	/* Last, for we may be killed at any time. */
	atomic_thread_fence(memory_order_release);
	shared->out_len += size;
	return 0;
}

/* --- of a process ------------------------------------------------------------- */

/* The nth number of the line, counted from the state, which is 0. */
static uint64_t stat_field(const char *line, unsigned int nth)
{
	while (nth-- && line)
		line = strchr(line + 1, ' ');
	return line ? strtoull(line, NULL, 10) : 0;
}

/* A name may have blanks and parentheses: it ends with the last one. */
int hold_know(struct hold_process *process)
{
	pvk_auto_free char *text = NULL;
	char *from, *to;
	size_t len;
	int ret;

	if (process->known)
		return 0;
	ret = hold_read(process->dir, "stat", 4096, &text, &len);
	if (ret || !text)
		return ret;
	from = strchr(text, '(');
	to = strrchr(text, ')');
	if (!from || !to || to < from || to[1] != ' ')
		return -EBADMSG;
	*to = '\0';
	snprintf(process->comm, sizeof(process->comm), "%s", from + 1);
	process->kernel = stat_field(to + 1, 6) & PF_KTHREAD;
	process->start = stat_field(to + 1, 19);
	process->known = true;
	return 0;
}

static int tell(struct hold_process *process, struct pvk_holder *holder,
		const struct hold_fs *fs)
{
	holder->pid = process->pid;
	holder->tid = process->tid;
	holder->comm = process->comm;
	/* It ends just now: what it held it holds no more. */
	if (hold_know(process))
		return 0;
	holder->start = process->start;
	return hold_tell(process->scan, holder, fs);
}

/* Where link leads is what the process has there, too: then it has been told. */
static bool is_told(const struct hold_process *process, const char *link, const char *what)
{
	char text[HOLD_WHAT_MAX];
	ssize_t len;

	if (!process->first)
		return false;
	len = readlinkat(process->first->dir, link, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	return len > 0 && !strcmp(text, what);
}

/* link: what of the process's directory it is, "fd/3", whose text is told. */
static int found(struct hold_process *process, enum pvk_holder_kind kind, int fd,
		 const char *link, const struct hold_fs *fs, bool guess)
{
	char what[HOLD_WHAT_MAX] = "";
	struct pvk_holder holder = { .kind = kind, .fd = fd, .guess = guess, .what = what };
	ssize_t len = readlinkat(process->dir, link, what, sizeof(what) - 1);

	what[len > 0 ? len : 0] = '\0';
	return is_told(process, link, what) ? 0 : tell(process, &holder, fs);
}

/* It could not be asked where that leads. Nothing that says so is for gone. */
static int not_asked(struct hold_process *process, const char *link, int error)
{
	char what[64];
	struct pvk_holder holder = {
		.kind = PVK_HOLD_STUCK, .fd = -1, .guess = true, .what = what,
	};

	if (error == -ENOENT || error == -ESRCH || error == -EBADF || error == -ESTALE)
		return 0;
	if (error == -EACCES || error == -EPERM) {
		process->scan->denied = true;
		return 0;
	}
	snprintf(what, sizeof(what), "%s: %s", link, strerror(-error));
	process->scan->shared->sum.stuck++;
	return tell(process, &holder, NULL);
}

/* cwd, root, exe: 1 if it is there, 0 if not, or a negative errno. */
static int look_at_link(struct hold_process *process, enum pvk_holder_kind kind,
			const char *link, struct hold_inode *stx)
{
	struct hold_scan *scan = process->scan;
	const struct hold_fs *fs;
	bool guess = false;
	int ret = hold_stat(process->dir, link, stx);

	hold_tick(scan);
	if (ret)
		return not_asked(process, link, ret);
	fs = hold_fs_of(scan, stx, process->dir, link, &guess);
	if (!fs)
		return 1;
	if (!guess)
		hold_count_mount(scan, fs, stx->mnt);
	ret = found(process, kind, -1, link, fs, guess);
	return ret ? ret : 1;
}

/* --- its files --------------------------------------------------------------- */

static int look_at_fd(struct hold_process *process, const char *name)
{
	struct hold_scan *scan = process->scan;
	enum pvk_holder_kind kind = PVK_HOLD_FD;
	struct pvk_holder socket = { .kind = PVK_HOLD_FD, .fd = atoi(name) };
	const struct hold_fs *fs;
	bool guess = false;
	struct hold_inode stx;
	char link[32];
	int ret = hold_stat(process->files, name, &stx);

	hold_tick(scan);
	snprintf(link, sizeof(link), "fd/%s", name);
	if (ret)
		return not_asked(process, link, ret);
	if (scan->nsfs && stx.dev == scan->nsfs)
		return hold_visit_fd(process, name);
	fs = hold_fs_of_socket(scan, process->pid, &stx, &socket.what);
	if (fs)
		return tell(process, &socket, fs);
	fs = hold_fs_of(scan, &stx, process->files, name, &guess);
	if (fs && !guess)
		hold_count_mount(scan, fs, stx.mnt);
	else if (!fs && hold_is_node(scan, &stx))
		kind = PVK_HOLD_DEVICE;
	else if (!fs)
		return 0;
	return found(process, kind, socket.fd, link, fs, guess);
}

/* Calls fn for each entry that begins with a digit. */
static int each_number(int dir, int (*fn)(void *arg, const char *name), void *arg)
{
	char buf[DIRENTS_SIZE] __attribute__((aligned(8)));
	const struct entry *entry;
	long len, at;
	int ret = 0;

	while (!ret && (len = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (at = 0; at < len && !ret; at += entry->len) {
			entry = (const struct entry *)(buf + at);
			if (entry->name[0] >= '0' && entry->name[0] <= '9')
				ret = fn(arg, entry->name);
		}
	}
	return ret;
}

static int look_at_name(void *arg, const char *name)
{
	return look_at_fd(arg, name);
}

static int look_at_files(struct hold_process *process)
{
	int ret;

	process->files = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->files < 0)
		return errno == EACCES || errno == EPERM ? -EACCES : 0;
	ret = each_number(process->files, look_at_name, process);
	close(process->files);
	return ret;
}

/* --- its mappings ------------------------------------------------------------- */

/*
 * By maps and not by map_files: a few reads in place of a look-up for each area, and its
 * numbers are the superblock's, so that btrfs needs no thought.
 */
struct mappings {
	struct hold_process *process;
	uint64_t exe_ino;		/* told already */
	const struct hold_fs *exe_fs;
	const struct hold_fs *asked;	/* whose mount has been, last */
	struct {
		dev_t dev;
		uint64_t ino;
	} seen[SEEN_MAX];
	unsigned int n_seen;
};

static bool seen_before(struct mappings *maps, dev_t dev, uint64_t ino)
{
	unsigned int i, n = maps->n_seen < SEEN_MAX ? maps->n_seen : SEEN_MAX;

	for (i = 0; i < n; i++)
		if (maps->seen[i].ino == ino && maps->seen[i].dev == dev)
			return true;
	maps->seen[maps->n_seen % SEEN_MAX].dev = dev;
	maps->seen[maps->n_seen++ % SEEN_MAX].ino = ino;
	return false;
}

/* What can be asked about an area, with more rights: its mount, and the device it is of. */
static bool ask_area(const struct mappings *maps, const char *line, struct hold_inode *stx)
{
	unsigned long long from, to;
	char link[64], *end;

	/* There without the leading zeroes that they have here. */
	from = strtoull(line, &end, 16);
	to = *end == '-' ? strtoull(end + 1, NULL, 16) : 0;
	snprintf(link, sizeof(link), "map_files/%llx-%llx", from, to);
	return !hold_stat(maps->process->dir, link, stx);
}

static int take_mapping(struct mappings *maps, const char *line, const char *path, dev_t dev,
			uint64_t ino)
{
	struct hold_process *process = maps->process;
	struct hold_scan *scan = process->scan;
	const struct hold_fs *fs = hold_fs_of_dev(scan, dev);
	struct pvk_holder holder = { .kind = PVK_HOLD_MAPPING, .fd = -1, .what = path };
	struct hold_inode stx;
	bool asked;

	if (fs && fs == maps->exe_fs && ino == maps->exe_ino)
		return 0;
	if ((!fs && strncmp(path, "/dev/", 5)) || seen_before(maps, dev, ino))
		return 0;
	/* One for all: it is about mounts that are held, and libraries are of the same. */
	asked = (!fs || maps->asked != fs) && ask_area(maps, line, &stx);
	if (!fs && (!asked || !hold_is_node(scan, &stx)))
		return 0;
	if (!fs)
		holder.kind = PVK_HOLD_DEVICE;
	else if (asked)
		hold_count_mount(scan, fs, stx.mnt);
	maps->asked = fs;
	return tell(process, &holder, fs);
}

/* "7f00-7f10 r-xp 00001000 08:01 123    /lib/x": addresses, rights, offset, dev, inode. */
static int take_area(struct mappings *maps, char *line)
{
	char *at = line, *end;
	unsigned long maj, min;
	uint64_t ino;
	int i;

	for (i = 0; i < 3; i++) {
		at = strchr(at, ' ');
		if (!at++)
			return 0;
	}
	maj = strtoul(at, &end, 16);
	if (*end != ':')
		return 0;
	min = strtoul(end + 1, &end, 16);
	ino = strtoull(end, &end, 10);
	if (!ino)
		return 0;
	return take_mapping(maps, line, end + strspn(end, " "),
			    makedev((unsigned int)maj, (unsigned int)min), ino);
}

/* Whole lines of the text; returns how much is left over, or a negative errno. */
static ssize_t take_areas(struct mappings *maps, char *text, size_t len)
{
	char *end, *at = text;
	int ret;

	while ((end = memchr(at, '\n', len - (size_t)(at - text)))) {
		*end = '\0';
		ret = take_area(maps, at);
		if (ret)
			return ret;
		at = end + 1;
	}
	len -= (size_t)(at - text);
	memmove(text, at, len);
	return (ssize_t)len;
}

static int look_at_mappings(struct hold_process *process, const struct hold_inode *exe)
{
	pvk_auto_close int fd = openat(process->dir, "maps", O_RDONLY | O_CLOEXEC);
	struct mappings maps = { .process = process };
	char text[MAPS_SIZE];
	ssize_t len, left = 0;
	bool guess = false;

	if (fd < 0)
		return errno == EACCES || errno == EPERM ? -EACCES : 0;
	if (exe) {
		maps.exe_fs = hold_fs_of(process->scan, exe, process->dir, "exe", &guess);
		maps.exe_ino = exe->ino;
	}
	while ((len = read(fd, text + left, sizeof(text) - (size_t)left)) > 0) {
		hold_tick(process->scan);
		left = take_areas(&maps, text, (size_t)(len + left));
		if (left < 0)
			return (int)left;
		/* No line is as long as that. */
		if ((size_t)left == sizeof(text))
			return -EBADMSG;
	}
	return 0;
}

/* --- its threads -------------------------------------------------------------- */

/*
 * They have the files and directories of the first, nearly always: what is asked of each is
 * only whether so. A thread may have called unshare(), and where the first has ended while
 * others go on, it has nothing any more.
 */
static bool shares(const struct hold_scan *scan, uint32_t one, uint32_t other, int what)
{
	if (scan->from->proc)
		return false;
	return !syscall(SYS_kcmp, (pid_t)one, (pid_t)other, what, 0, 0);
}

/* A kernel without CONFIG_KCMP can't say. */
static bool can_compare(const struct hold_scan *scan)
{
	return shares(scan, (uint32_t)getpid(), (uint32_t)getpid(), KCMP_FILES);
}

static int look_at_mm(struct hold_process *process)
{
	struct hold_inode exe;
	int ret = look_at_link(process, PVK_HOLD_TEXT, "exe", &exe);

	return ret < 0 ? ret : look_at_mappings(process, ret ? &exe : NULL);
}

static int look_at_fs(struct hold_process *process)
{
	struct hold_inode stx;
	int ret = look_at_link(process, PVK_HOLD_CWD, "cwd", &stx);

	if (ret >= 0)
		ret = look_at_link(process, PVK_HOLD_ROOT, "root", &stx);
	return ret < 0 ? ret : 0;
}

struct threads {
	const struct hold_process *first;
	bool orphans;		/* the first has ended: their memory has not been looked at */
	uint32_t last;		/* one that has its own, and others may have it with it */
};

static bool is_known(const struct threads *threads, uint32_t tid, int what)
{
	const struct hold_process *first = threads->first;

	return shares(first->scan, first->pid, tid, what) ||
	       (threads->last && shares(first->scan, threads->last, tid, what));
}

static int look_at_thread(void *arg, const char *name)
{
	struct threads *threads = arg;
	const struct hold_process *first = threads->first;
	struct hold_process thread = {
		.scan = first->scan, .pid = first->pid, .tid = (uint32_t)strtoul(name, NULL, 10),
		.first = first,
	};
	char path[32];
	bool fs, files;
	int ret = 0;

	hold_tick(first->scan);
	if (thread.tid == thread.pid)
		return 0;
	fs = !is_known(threads, thread.tid, KCMP_FS);
	files = !is_known(threads, thread.tid, KCMP_FILES);
	if (!fs && !files)
		return 0;
	snprintf(path, sizeof(path), "task/%s", name);
	thread.dir = openat(first->dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (thread.dir < 0)
		return 0;
	if (threads->orphans)
		ret = look_at_mm(&thread);
	threads->orphans = false;
	if (!ret && fs)
		ret = look_at_fs(&thread);
	if (!ret && files)
		ret = look_at_files(&thread);
	threads->last = thread.tid;
	close(thread.dir);
	return ret;
}

static int look_at_threads(struct hold_process *process, bool orphans)
{
	struct threads threads = { .first = process, .orphans = orphans };
	pvk_auto_close int dir = -1;
	struct hold_inode stx;

	/* Two links and one for each. */
	if (hold_stat(process->dir, "task", &stx) || stx.nlink <= 3)
		return 0;
	dir = openat(process->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? 0 : each_number(dir, look_at_thread, &threads);
}

/* --- all of them -------------------------------------------------------------- */

/*
 * Kernel threads share the directories of the first of them, which go along when the root
 * is moved. Only one that has its own is told of, where that can be asked.
 */
static int look_at_kernel_thread(struct hold_process *process)
{
	const struct hold_scan *scan = process->scan;

	if (process->pid != KTHREADD &&
	    (!can_compare(scan) || shares(scan, KTHREADD, process->pid, KCMP_FS)))
		return 0;
	return look_at_fs(process);
}

static int look_inside(struct hold_process *process)
{
	struct hold_inode exe;
	int has_exe = look_at_link(process, PVK_HOLD_TEXT, "exe", &exe);
	int ret = 0;

	if (has_exe < 0)
		return has_exe;
	if (!has_exe && !hold_know(process) && process->kernel)
		return look_at_kernel_thread(process);
	ret = look_at_fs(process);
	if (!ret)
		ret = look_at_files(process);
	if (!ret)
		ret = look_at_mappings(process, has_exe ? &exe : NULL);
	return ret ? ret : look_at_threads(process, !has_exe);
}

static int look_at(struct hold_scan *scan, uint32_t pid)
{
	struct hold_process process = { .scan = scan, .pid = pid, .tid = pid };
	char name[16];
	int ret;

	if (!hold_enter(scan, HOLD_AT_PROCESS, pid))
		return 0;
	snprintf(name, sizeof(name), "%u", pid);
	process.dir = openat(scan->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process.dir < 0)
		return 0;
	scan->denied = false;
	ret = look_inside(&process);
	close(process.dir);
	scan->shared->sum.processes++;
	if (ret == -EACCES || ret == -EPERM) {
		scan->denied = true;
		ret = 0;
	}
	scan->shared->sum.denied += scan->denied;
	return ret;
}

static int take_pid(void *arg, const char *name)
{
	struct hold_scan *scan = arg;
	uint32_t pid = (uint32_t)strtoul(name, NULL, 10);
	int ret;

	if ((pid_t)pid == scan->self)
		return 0;
	ret = pvk_grow((void **)&scan->pid, scan->n_pids, sizeof(*scan->pid), PIDS_MAX);
	if (!ret)
		scan->pid[scan->n_pids++] = pid;
	return ret;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static int list_processes(struct hold_scan *scan)
{
	int ret = each_number(scan->proc, take_pid, scan);

	if (scan->n_pids)
		qsort(scan->pid, scan->n_pids, sizeof(*scan->pid), by_number);
	return ret;
}

static int report(struct hold_scan *scan)
{
	struct hold_shared *shared = scan->shared;
	size_t i;
	int ret = 0;

	if (!shared->told) {
		ret = hold_tell_mounts(scan);
		if (!ret)
			ret = hold_tell_pieces(scan);
		shared->told = true;
	}
	for (i = 0; i < scan->n_pids && !ret; i++)
		if (scan->pid[i] > shared->resume)
			ret = look_at(scan, scan->pid[i]);
	return ret;
}

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Its memory goes with it. */
int hold_child(const struct pvk_holders *holders, int wire)
{
	struct hold_scan *scan = calloc(1, sizeof(*scan));
	struct hold_inode stx;
	int ret;

	if (!scan)
		return -ENOMEM;
	scan->from = &holders->from;
	scan->shared = holders->shared;
	scan->wire = wire;
	scan->self = holders->from.proc ? -1 : getpid();
	hold_enter(scan, HOLD_AT_NOTHING, 0);
	scan->proc = open_dir(holders->texts[0]);
	scan->sys = open_dir(holders->texts[1]);
	scan->devices = open_dir(holders->texts[2]);
	if (scan->proc < 0)
		return -errno;
	if (!hold_stat(scan->proc, "self/ns/mnt", &stx))
		scan->nsfs = stx.dev;
	ret = list_processes(scan);
	if (!ret)
		ret = hold_read_mounts(scan);
	if (ret)
		return ret;
	hold_settle_target(scan);
	if (!scan->shared->dev && !scan->shared->n_nodes)
		return -ENODEV;
	hold_find_nodes(scan);
	ret = hold_stack(scan);
	if (!ret)
		ret = hold_find_sockets(scan);
	return ret ? ret : report(scan);
}
