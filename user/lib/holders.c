// SPDX-License-Identifier: MIT
/*
 * The caller's side: the child that looks, and what becomes of it when it hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holders_int.h"
#include "json_out.h"
#include "pivot.h"

#define STALL_MS	2000
#define PATIENCE	30	/* times as much for a child that gets no processor */
#define MTD_CHAR_MAJOR	90
#define MTD_BLOCK_MAJOR	31

/* --- which file system ------------------------------------------------------ */

static bool is_ubi(const struct pvk_holders *holders, dev_t dev)
{
	char path[PATH_MAX], to[256];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/dev/char/%u:%u/subsystem", holders->texts[1],
		 major(dev), minor(dev));
	len = readlink(path, to, sizeof(to) - 1);
	if (len < 0)
		return false;
	to[len] = '\0';
	return len >= 4 && !strcmp(to + len - 4, "/ubi");
}

static void add_node(struct hold_shared *shared, mode_t type, dev_t dev)
{
	shared->node[shared->n_nodes++] = (struct hold_node){ .type = type, .dev = dev };
}

/* A node stands for what lies on its device. false: it is none of a medium. */
static bool take_node(struct pvk_holders *holders, const struct hold_inode *stx)
{
	struct hold_shared *shared = holders->shared;
	dev_t dev = stx->rdev;

	if (S_ISBLK(stx->mode))
		shared->dev = dev;
	else if (!S_ISCHR(stx->mode))
		return false;
	else if (major(dev) == MTD_CHAR_MAJOR)
		shared->dev = makedev(MTD_BLOCK_MAJOR, minor(dev) / 2);
	else if (!is_ubi(holders, dev))
		return false;
	add_node(shared, stx->mode & S_IFMT, dev);
	return true;
}

static int take_target(struct pvk_holders *holders, struct pvk_err *err)
{
	const struct pvk_holders_from *from = &holders->from;
	struct hold_shared *shared = holders->shared;
	pvk_auto_close int fd = -1;
	struct hold_inode stx;
	int ret;

	if (!from->path && from->dev) {
		shared->dev = from->dev;
		return 0;
	}
	ret = hold_stat(from->path ? AT_FDCWD : from->fd, from->path ? from->path : "", &stx);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", from->path ? from->path : "descriptor",
				   strerror(-ret));
	if (take_node(holders, &stx))
		return 0;
	shared->stat_dev = stx.dev;
	shared->mnt = stx.mnt;
	if (from->path)
		fd = open(from->path, O_PATH | O_CLOEXEC);
	shared->btrfs = hold_btrfs_id(from->path ? fd : from->fd, &shared->fsid);
	return 0;
}

int pvk_holders_open(struct pvk_holders **out, const struct pvk_holders_from *from,
		     struct pvk_err *err)
{
	const char *const texts[] = {
		from->proc ? from->proc : "/proc", from->sys ? from->sys : "/sys",
		from->devices ? from->devices : "/dev",
	};
	struct pvk_holders *holders = calloc(1, sizeof(*holders));
	size_t i;
	int ret = -ENOMEM;

	if (!holders)
		return pvk_err_set(err, ret, "out of memory");
	holders->from = *from;
	holders->shared = mmap(NULL, sizeof(*holders->shared), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (holders->shared == MAP_FAILED)
		holders->shared = NULL;
	for (i = 0; i < PVK_ARRAY_SIZE(texts); i++) {
		holders->texts[i] = strdup(texts[i]);
		if (!holders->texts[i] || !holders->shared)
			goto fail;
	}
	ret = take_target(holders, err);
	if (ret)
		goto out;
	*out = holders;
	return 0;
fail:
	pvk_err_set(err, ret, "out of memory");
out:
	pvk_holders_close(holders);
	return ret;
}

void pvk_holders_close(struct pvk_holders *holders)
{
	size_t i;

	if (!holders)
		return;
	if (holders->shared)
		munmap(holders->shared, sizeof(*holders->shared));
	for (i = 0; i < PVK_ARRAY_SIZE(holders->texts); i++)
		free(holders->texts[i]);
	free(holders);
}

dev_t pvk_holders_dev(const struct pvk_holders *holders)
{
	return holders->shared->dev;
}

const char *pvk_holders_type(const struct pvk_holders *holders)
{
	return holders->shared->type;
}

const char *pvk_holders_medium(const struct pvk_holders *holders)
{
	return holders->shared->medium;
}

/* --- the child -------------------------------------------------------------- */

struct child {
	pid_t pid;
	int wire;
};

/*
 * The descriptors of the caller go first: one may be that of a session, which ends with its
 * last descriptor and must not live on here if the caller dies.
 */
static void __attribute__((noreturn)) be_child(struct pvk_holders *holders, int wire,
					       pid_t parent)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifdef PVKIT_SANITIZED
	if (wire > 3)
		syscall(SYS_close_range, 3, wire - 1, 0);
#else
	if (wire > 0)
		syscall(SYS_close_range, 0, wire - 1, 0);
#endif
	syscall(SYS_close_range, wire + 1, ~0u, 0);
	if (getppid() == parent) {
		holders->shared->error = hold_child(holders, wire);
		holders->shared->done = true;
	}
	_exit(0);
}

static int start_child(struct pvk_holders *holders, struct child *child)
{
	pid_t self = getpid();
	int wire[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire))
		return -errno;
	holders->shared->done = false;
	holders->shared->out_len = 0;
	child->pid = fork();
	if (!child->pid)
		be_child(holders, wire[1], self);
	close(wire[1]);
	child->wire = wire[0];
	if (child->pid > 0)
		return 0;
	close(wire[0]);
	return -EAGAIN;
}

/* One that waits in the kernel for a server ends when that lets it: not waited for then. */
static void end_child(struct child *child)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	unsigned int i;

	kill(child->pid, SIGKILL);
	close(child->wire);
	for (i = 0; i < 500 && !waitpid(child->pid, NULL, WNOHANG); i++)
		nanosleep(&moment, NULL);
}

/* --- what it says ----------------------------------------------------------- */

struct reader {
	struct pvk_holders *holders;
	pvk_holder_fn fn;
	void *arg;
};

static int take_record(struct reader *reader, const char *at, size_t *size)
{
	struct hold_record record;
	struct pvk_holder *holder = &record.holder;

	memcpy(&record, at, sizeof(record));
	*size = record.size;
	holder->comm = at + sizeof(record);
	holder->what = holder->comm + strlen(holder->comm) + 1;
	holder->via = record.has_via ? holder->what + strlen(holder->what) + 1 : NULL;
	return reader->fn(reader->arg, holder);
}

static int take_records(struct reader *reader)
{
	struct hold_shared *shared = reader->holders->shared;
	size_t at, size;
	int ret = 0;

	for (at = 0; at < shared->out_len && !ret; at += size)
		ret = take_record(reader, shared->out + at, &size);
	shared->out_len = 0;
	return ret;
}

/* Does it wait in the kernel? One that only gets no processor is not stuck. */
static bool is_waiting(const struct child *child)
{
	pvk_auto_free char *text = NULL;
	const char *end;
	char path[32];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child->pid);
	if (hold_read(AT_FDCWD, path, 4096, &text, &len) || !text)
		return true;
	end = strrchr(text, ')');
	return !end || end[1] != ' ' || end[2] != 'R';
}

/* Not one tick for so long. Time in which the caller was busy does not count. */
static int wait_for_child(struct pvk_holders *holders, const struct child *child)
{
	int limit = holders->from.stall_ms ? (int)holders->from.stall_ms : STALL_MS;
	struct pollfd poll_fd = { .fd = child->wire, .events = POLLIN };
	unsigned int tick, patience = PATIENCE;
	int ret;

	do {
		tick = atomic_load(&holders->shared->tick);
		ret = poll(&poll_fd, 1, limit);
	} while ((ret < 0 && errno == EINTR) ||
		 (!ret && (tick != atomic_load(&holders->shared->tick) ||
			   (!is_waiting(child) && patience--))));
	if (ret < 0)
		return -errno;
	return ret ? 0 : -ETIMEDOUT;
}

/* 0: it came to its end; -ETIMEDOUT: it hangs. */
static int serve_child(struct reader *reader, const struct child *child)
{
	struct hold_shared *shared = reader->holders->shared;
	int ret, got;
	char word;

	for (;;) {
		ret = wait_for_child(reader->holders, child);
		if (ret)
			return ret;
		do
			got = (int)recv(child->wire, &word, 1, 0);
		while (got < 0 && errno == EINTR);
		ret = take_records(reader);
		if (ret)
			return ret;
		if (got <= 0)
			return shared->done ? shared->error : -EIO;
		if (send(child->wire, &word, 1, MSG_NOSIGNAL) != 1)
			return -errno;
	}
}

/* The name of a process that can't be asked, which takes nothing of its files. */
static void read_comm(const struct pvk_holders *holders, uint32_t pid, char *comm, size_t size)
{
	pvk_auto_free char *text = NULL;
	char path[PATH_MAX];
	size_t len;

	comm[0] = '\0';
	snprintf(path, sizeof(path), "%s/%u/comm", holders->texts[0], pid);
	if (hold_read(AT_FDCWD, path, 256, &text, &len))
		return;
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	snprintf(comm, size, "%s", text);
}

/* Where it hung, which the next one leaves out. */
static int take_stuck(struct reader *reader)
{
	static const char *const stages[] = {
		[HOLD_AT_NOTHING] = "/proc", [HOLD_AT_PROCESS] = "process",
		[HOLD_AT_LOOP] = "loop", [HOLD_AT_SWAP] = "swap", [HOLD_AT_LAYER] = "overlay",
	};
	struct hold_shared *shared = reader->holders->shared;
	unsigned int stage = atomic_load(&shared->stage), number = atomic_load(&shared->number);
	bool process = stage == HOLD_AT_PROCESS;
	struct pvk_holder holder = { .kind = PVK_HOLD_STUCK, .fd = -1, .guess = true };
	char comm[64] = "", what[64];
	int ret = take_records(reader);

	if (ret)
		return ret;
	snprintf(what, sizeof(what), "%s%s%u", stages[stage], process ? " " : "", number);
	if (process) {
		read_comm(reader->holders, number, comm, sizeof(comm));
		holder.pid = number;
		holder.tid = number;
		if (shared->told)
			shared->resume = number;
	}
	holder.comm = comm;
	holder.what = what;
	shared->skip[shared->n_skip++] = hold_key(stage, number);
	shared->sum.stuck++;
	shared->sum.holders++;
	shared->sum.guesses++;
	return reader->fn(reader->arg, &holder);
}

int pvk_holders_scan(struct pvk_holders *holders, pvk_holder_fn fn, void *arg,
		     struct pvk_holders_sum *sum, struct pvk_err *err)
{
	struct reader reader = { .holders = holders, .fn = fn, .arg = arg };
	struct hold_shared *shared = holders->shared;
	bool again = true;
	struct child child = { .wire = -1 };
	int ret;

	shared->sum = (struct pvk_holders_sum){ 0 };
	shared->told = false;
	shared->resume = 0;
	shared->n_skip = 0;
	shared->n_mounts = 0;
	do {
		ret = start_child(holders, &child);
		if (ret)
			return pvk_err_set(err, ret, "a process to look: %s", strerror(-ret));
		ret = serve_child(&reader, &child);
		end_child(&child);
		if (ret != -ETIMEDOUT)
			break;
		/* At nothing in particular: it would hang again. */
		again = atomic_load(&shared->stage) != HOLD_AT_NOTHING;
		ret = take_stuck(&reader);
		again = again && shared->n_skip < HOLD_SKIP_MAX;
		shared->sum.cut |= !again;
	} while (!ret && again);
	if (sum)
		*sum = shared->sum;
	if (ret < 0)
		pvk_err_set(err, ret, "who holds it: %s", strerror(-ret));
	return ret;
}

/* --- what is made of it ------------------------------------------------------ */

bool pvk_holders_partial(const struct pvk_holders_sum *sum)
{
	return sum->cut || sum->stuck || sum->denied;
}

/* Of one without a device of its own the kernel has only the kind's name. */
bool pvk_holders_followed(const struct pvk_holders *holders,
			  const struct pvk_pivot_status *status)
{
	const struct hold_shared *shared = holders->shared;
	char flash[32];

	if (!status->has_left || (shared->type[0] && strcmp(status->fs, shared->type)))
		return false;
	if (!major(shared->dev))
		return shared->type[0] && (!strcmp(status->device, shared->type) ||
					   status->medium == PV_PIVOT_MEDIUM_UBI);
	snprintf(flash, sizeof(flash), "mtd%u", minor(shared->dev));
	if (major(shared->dev) == MTD_BLOCK_MAJOR && !strcmp(status->device, flash))
		return true;
	return !strcmp(status->device, shared->medium);
}

bool pvk_holders_unexplained(const struct pvk_holders_sum *sum, uint32_t active)
{
	return active > sum->mounts + sum->layers + sum->inner;
}

const char *pvk_holder_kind_name(enum pvk_holder_kind kind)
{
	static const char *const names[PVK_HOLD_KINDS] = {
		[PVK_HOLD_FD] = "fd", [PVK_HOLD_MAPPING] = "mapping", [PVK_HOLD_CWD] = "cwd",
		[PVK_HOLD_ROOT] = "root", [PVK_HOLD_TEXT] = "text", [PVK_HOLD_MOUNT] = "mount",
		[PVK_HOLD_LOOP] = "loop", [PVK_HOLD_OVERLAY] = "overlay",
		[PVK_HOLD_SWAP] = "swap", [PVK_HOLD_DEVICE] = "device",
		[PVK_HOLD_STUCK] = "stuck",
	};

	return pvk_name_of(names, PVK_HOLD_KINDS, kind);
}

void pvk_holder_json(struct json_out *out, const struct pvk_holder *holder)
{
	json_out_pair_str(out, "kind", pvk_holder_kind_name(holder->kind));
	if (holder->pid) {
		json_out_pair_uint(out, "pid", holder->pid);
		if (holder->tid != holder->pid)
			json_out_pair_uint(out, "tid", holder->tid);
		json_out_pair_uint(out, "start", holder->start);
		json_out_pair_str(out, "name", holder->comm);
	}
	if (holder->fd >= 0)
		json_out_pair_uint(out, "fd", (uint64_t)holder->fd);
	if (holder->ns)
		json_out_pair_uint(out, "namespace", holder->ns);
	json_out_pair_str(out, "what", holder->what);
	if (holder->via)
		json_out_pair_str(out, "via", holder->via);
	if (holder->guess)
		json_out_pair_bool(out, "guess", true);
}
