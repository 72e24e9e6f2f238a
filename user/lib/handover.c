// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "gate.h"
#include "genl.h"
#include "handover.h"

#define INIT		1
#define LOOK_MS		50
#define NEW_MS		2000
#define BUSY_MS		5000
#define INIT_MS		1000	/* that busybox leaves them before it kills them */
#define PIDS_MAX	65536
/* In /proc/PID/stat; PF_KTHREAD has that value since it exists. */
#define KERNEL_THREAD	0x00200000ul
/* systemd's "start reboot.target", for the C library that both are built with. */
#define SYSTEMD_REBOOT	(SIGRTMIN + 5)

const char *pvk_handover_name(enum pvk_update_init init)
{
	static const char *const name[] = { "unknown", "systemd", "busybox" };

	return pvk_name_of(name, PVK_ARRAY_SIZE(name), init);
}

/* ---- which it is ---- */

static void read_word(const char *path, char *word, size_t size)
{
	pvk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, word, size - 1);

	word[n > 0 ? n : 0] = '\0';
	word[strcspn(word, "\n")] = '\0';
}

/* The program that process 1 is, "?" if that can't be seen. */
static const char *init_program(const char *root, char *path, size_t size)
{
	char link[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "%s/proc/1/exe", root);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : "?";
}

static int check_inittab(const char *root, struct pvk_err *err)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s" PVK_HANDOVER_INITTAB, root);
	if (!stat(path, &st) && S_ISREG(st.st_mode))
		return 0;
	return pvk_err_set(err, -EOPNOTSUPP, "busybox without %s: it has to be a file, an empty "
			   "one will do", PVK_HANDOVER_INITTAB);
}

int pvk_handover_find(const char *root, enum pvk_update_init wanted, enum pvk_update_init *init,
		      struct pvk_err *err)
{
	char path[PATH_MAX], comm[64], exe[PATH_MAX];
	const char *program = init_program(root, exe, sizeof(exe));

	*init = wanted;
	snprintf(path, sizeof(path), "%s/run/systemd/system", root);
	if (!*init && !access(path, F_OK))
		*init = PVK_INIT_SYSTEMD;
	snprintf(path, sizeof(path), "%s/proc/1/comm", root);
	read_word(path, comm, sizeof(comm));
	if (!*init && !strncmp(program, "busybox", strlen("busybox")))
		*init = PVK_INIT_BUSYBOX;
	if (!*init)
		return pvk_err_set(err, -EOPNOTSUPP, "process 1 is %s (%s): neither systemd nor "
				   "busybox, and no other is handed over", comm, program);
	return *init == PVK_INIT_BUSYBOX ? check_inittab(root, err) : 0;
}

/* ---- busybox' inittab ---- */

/* "umount -a -r" or "/sbin/swapoff -a": done later, and for all that is mounted. */
static bool is_taken_down_later(const char *command)
{
	static const char *const name[] = { "umount", "swapoff" };
	size_t len = strcspn(command, " \t"), i, n;
	const char *word = command;

	for (i = 0; i < len; i++)
		if (command[i] == '/')
			word = command + i + 1;
	n = (size_t)(command + len - word);
	for (i = 0; i < PVK_ARRAY_SIZE(name); i++)
		if (n == strlen(name[i]) && !strncmp(word, name[i], n))
			return true;
	return false;
}

static void add_line(const char *line, const struct pvk_handover_words *words,
		     struct pvk_buf *text)
{
	pvk_auto_free char *copy = strdup(line);
	char *rest = copy, *id, *levels, *action;

	id = strsep(&rest, ":");
	levels = strsep(&rest, ":");
	action = strsep(&rest, ":");
	if (!copy)
		text->err = -ENOMEM;
	if (!rest || *id == '#') {
		pvk_buf_printf(text, "%s\n", line);
		return;
	}
	rest += strspn(rest, " \t");
	if (!strcmp(action, "shutdown") && is_taken_down_later(rest))
		pvk_buf_printf(text, "%s:%s:shutdown:%s gate %s %s\n", id, levels, words->program,
			       words->gate[PVK_TURN_LAST], rest);
	else if (strcmp(action, "restart") != 0)
		pvk_buf_printf(text, "%s\n", line);
}

int pvk_handover_inittab(char *old, const struct pvk_handover_words *words, struct pvk_buf *text)
{
	char *line;

	pvk_buf_printf(text, "::shutdown:%s gate %s\n", words->program,
		       words->gate[PVK_TURN_FIRST]);
	while ((line = strsep(&old, "\n"))) {
		line += strspn(line, " \t");
		if (*line)
			add_line(line, words, text);
	}
	pvk_buf_printf(text, "::shutdown:%s gate %s\n", words->program,
		       words->gate[PVK_TURN_LAST]);
	pvk_buf_printf(text, "::restart:%s move %s\n", words->program, words->plan);
	return text->err;
}

static int ask_init(int sig, struct pvk_err *err)
{
	return kill(INIT, sig) ? pvk_err_set(err, -errno, "process 1 can't be asked: %s",
					     strerror(errno)) : 0;
}

/* It is busy for as long as process 1 reads it. */
static int unmount_inittab(struct pvk_err *err)
{
	int64_t end = pvk_now_ms() + BUSY_MS;

	while (umount2(PVK_HANDOVER_INITTAB, UMOUNT_NOFOLLOW)) {
		if (errno != EBUSY || pvk_now_ms() >= end)
			return pvk_err_set(err, -errno, "%s: %s", PVK_HANDOVER_INITTAB,
					   strerror(errno));
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

/* ---- what it does with that ---- */

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_all(struct pvk_handover *handover)
{
	size_t i;

	close_one(&handover->watch);
	close_one(&handover->proc);
	for (i = 0; i < PVK_TURNS; i++)
		close_one(&handover->shut[i]);
}

/* Who reads our inittab is process 1, and who reads a gate waits at it. */
static int make_gates(struct pvk_handover *handover)
{
	size_t i;

	handover->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (handover->watch < 0 || inotify_add_watch(handover->watch, handover->inittab,
						     IN_CLOSE_NOWRITE) < 0)
		return -errno;
	for (i = 0; i < PVK_TURNS; i++) {
		handover->shut[i] = pvk_gate_make(handover->gate[i]);
		if (handover->shut[i] < 0)
			return handover->shut[i];
		handover->gate_watch[i] = inotify_add_watch(handover->watch, handover->gate[i],
							    IN_ACCESS);
		if (handover->gate_watch[i] < 0)
			return -errno;
	}
	return 0;
}

int pvk_handover_prepare(struct pvk_handover *handover, struct pvk_err *err)
{
	int ret;

	if (handover->init != PVK_INIT_BUSYBOX)
		return 0;
	ret = make_gates(handover);
	if (ret)
		pvk_err_set(err, ret, "what process 1 is to wait at: %s", strerror(-ret));
	if (!ret && mount(handover->inittab, PVK_HANDOVER_INITTAB, NULL, MS_BIND, NULL))
		ret = pvk_err_set(err, -errno, "%s over %s: %s", handover->inittab,
				  PVK_HANDOVER_INITTAB, strerror(errno));
	if (!ret) {
		ret = ask_init(SIGHUP, err);
		if (ret)
			unmount_inittab(NULL);
	}
	if (ret)
		close_all(handover);
	return ret;
}

int pvk_handover_undo(struct pvk_handover *handover, struct pvk_err *err)
{
	int ret;

	if (handover->init != PVK_INIT_BUSYBOX)
		return 0;
	close_all(handover);
	ret = unmount_inittab(err);
	return ret ? ret : ask_init(SIGHUP, err);
}

static void take_event(struct pvk_handover *handover, const struct inotify_event *event)
{
	size_t i;

	handover->was_read |= event->mask & IN_CLOSE_NOWRITE;
	for (i = 0; i < PVK_TURNS; i++)
		if (event->mask & IN_ACCESS && event->wd == handover->gate_watch[i])
			handover->is_turn[i] = true;
}

static bool await(struct pvk_handover *handover, const bool *what, int ms)
{
	char events[1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct pollfd fd = { .fd = handover->watch, .events = POLLIN };
	const struct inotify_event *event;
	ssize_t len, at;

	if (handover->init != PVK_INIT_BUSYBOX)
		return true;
	if (*what || poll(&fd, 1, ms) <= 0)
		return *what;
	len = read(handover->watch, events, sizeof(events));
	for (at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const void *)(events + at);
		take_event(handover, event);
	}
	return *what;
}

bool pvk_handover_was_read(struct pvk_handover *handover, int ms)
{
	return await(handover, &handover->was_read, ms);
}

bool pvk_handover_is_turn(struct pvk_handover *handover, enum pvk_handover_turn turn, int ms)
{
	return await(handover, &handover->is_turn[turn], ms);
}

/* Opened anew: to others, who have the same one, nothing changes. */
void pvk_handover_leave_terminal(int fd)
{
	pvk_auto_close int anew = -1;
	char path[32];
	struct stat st;

	if (fstat(fd, &st) || (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	anew = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (anew < 0)
		anew = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (anew >= 0)
		dup2(anew, fd);
}

/*
 * What is under `shutdown` may unmount all that is not in use: /proc is, from now on, since
 * we have yet to find the others there.
 */
int pvk_handover_go(struct pvk_handover *handover, struct pvk_err *err)
{
	int ret = 0;
	size_t i;

	if (handover->init != PVK_INIT_BUSYBOX)
		return ask_init(SYSTEMD_REBOOT, err);
	handover->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; !ret && i < PVK_TURNS; i++)
		ret = pvk_gate_shut(handover->shut[i]);
	if (ret)
		return pvk_err_set(err, ret, "what process 1 is to wait at: %s", strerror(-ret));
	return ask_init(SIGQUIT, err);
}

void pvk_handover_let_go(struct pvk_handover *handover, enum pvk_handover_turn turn)
{
	/* A child that could not yet execute what it should has it, too. */
	pvk_gate_open(handover->shut[turn]);
	close_one(&handover->shut[turn]);
}

int pvk_handover_show(const char *ram, bool show, struct pvk_err *err)
{
	char shown[PATH_MAX], hidden[PATH_MAX];

	snprintf(shown, sizeof(shown), "%s/shutdown", ram);
	snprintf(hidden, sizeof(hidden), "%s/.shutdown", ram);
	if (!rename(show ? hidden : shown, show ? shown : hidden) || (!show && errno == ENOENT))
		return 0;
	return pvk_err_set(err, -errno, "%s: %s", shown, strerror(errno));
}

/* ---- the others ---- */

struct process {
	char state;
	long tty;
	long session;
	unsigned long flags;
};

/* The fields of /proc/PID/stat that begin behind the name, which may hold anything. */
static bool read_process(pid_t pid, struct process *process)
{
	char path[64], text[512];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	read_word(path, text, sizeof(text));
	at = strrchr(text, ')');
	return at && sscanf(at + 1, " %c %*d %*d %ld %ld %*d %lu", &process->state,
			    &process->session, &process->tty, &process->flags) == 4;
}

/* What root file systems need by the convention of systemd: its name begins with an @. */
static bool is_spared(pid_t pid)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	read_word(path, text, sizeof(text));
	return text[0] == '@';
}

struct others {
	bool kill, looked;
	struct other {
		pid_t pid;
		bool asked;
		int64_t when;	/* it is to be asked */
	} other[PIDS_MAX];
	size_t count;
};

/*
 * NULL: no room. Who is started only now may be what another has to run to its end, or
 * `pvkit pivot abort`: that is given time.
 */
static struct other *find_other(struct others *others, pid_t pid)
{
	struct other *other;
	size_t i;

	for (i = 0; i < others->count; i++)
		if (others->other[i].pid == pid)
			return &others->other[i];
	if (others->count == PIDS_MAX)
		return NULL;
	other = &others->other[others->count++];
	*other = (struct other){ .pid = pid };
	if (others->looked)
		other->when = pvk_now_ms() + NEW_MS;
	return other;
}

/* A shell at a terminal takes no SIGTERM, but goes when the terminal does. */
static void ask(struct others *others, pid_t pid, const struct process *process)
{
	struct other *other;

	if (others->kill) {
		kill(pid, SIGKILL);
		return;
	}
	other = find_other(others, pid);
	if (!other || other->asked || pvk_now_ms() < other->when)
		return;
	other->asked = true;
	kill(pid, SIGTERM);
	if (process->tty && process->session == pid)
		kill(pid, SIGHUP);
	kill(pid, SIGCONT);
}

/* Asks each that has not been asked yet; how many there are, and the name of one. */
static unsigned int ask_all(struct others *others, char name[32])
{
	struct dirent *entry;
	struct process process;
	unsigned int n = 0;
	char path[64];
	pid_t pid;
	DIR *dir = opendir("/proc");

	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid == INIT || pid == getpid() || !read_process(pid, &process) ||
		    process.flags & KERNEL_THREAD || process.state == 'Z' || is_spared(pid))
			continue;
		ask(others, pid, &process);
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		read_word(path, name, 32);
		n++;
	}
	if (dir)
		closedir(dir);
	others->looked = true;
	return n;
}

static void tell(const struct pvk_handover *handover, unsigned int n, const char *name)
{
	char text[128];

	if (!handover->say)
		return;
	snprintf(text, sizeof(text), n > 1 ? "%u processes have not ended, %.32s among them" :
		 "%u process has not ended: %.32s", n, name);
	handover->say(handover->arg, text);
}

unsigned int pvk_handover_end_others(const struct pvk_handover *handover)
{
	int64_t end = pvk_now_ms() + handover->term * INT64_C(1000) - INIT_MS;
	struct others *others;
	char name[32] = "";
	unsigned int n;

	if (handover->init != PVK_INIT_BUSYBOX)
		return 0;
	others = calloc(1, sizeof(*others));
	if (!others)
		return 0;
	while ((n = ask_all(others, name)) && pvk_now_ms() < end) {
		if (handover->look)
			handover->look(handover->arg);
		poll(NULL, 0, LOOK_MS);
	}
	if (n)
		tell(handover, n, name);
	free(others);
	return n;
}

void pvk_handover_kill_others(const struct pvk_handover *handover)
{
	struct others *others = calloc(1, sizeof(*others));
	char name[32];

	if (!others || handover->init != PVK_INIT_BUSYBOX)
		goto out;
	others->kill = true;
	ask_all(others, name);
out:
	free(others);
}
