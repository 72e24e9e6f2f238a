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
#include <sys/mount.h>
#include <sys/stat.h>

#include "genl.h"
#include "handover.h"

#define INIT		1
#define LOOK_MS		50
#define BUSY_MS		5000
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

int pvk_handover_inittab(char *old, const char *command, struct pvk_buf *text)
{
	char *line, *id, *levels, *action;

	while ((line = strsep(&old, "\n"))) {
		line += strspn(line, " \t");
		if (*line == '#')
			continue;
		id = strsep(&line, ":");
		levels = strsep(&line, ":");
		action = strsep(&line, ":");
		if (!line)
			continue;
		line += strspn(line, " \t");
		if (!strcmp(action, "shutdown") && *line && !is_taken_down_later(line))
			pvk_buf_printf(text, "%s:%s:shutdown:%s\n", id, levels, line);
	}
	pvk_buf_printf(text, "::restart:%s\n", command);
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

int pvk_handover_prepare(const struct pvk_handover *handover, struct pvk_err *err)
{
	int ret;

	if (handover->init != PVK_INIT_BUSYBOX)
		return 0;
	if (mount(handover->inittab, PVK_HANDOVER_INITTAB, NULL, MS_BIND, NULL))
		return pvk_err_set(err, -errno, "%s over %s: %s", handover->inittab,
				   PVK_HANDOVER_INITTAB, strerror(errno));
	ret = ask_init(SIGHUP, err);
	if (ret)
		unmount_inittab(NULL);
	return ret;
}

int pvk_handover_undo(const struct pvk_handover *handover, struct pvk_err *err)
{
	int ret = handover->init == PVK_INIT_BUSYBOX ? unmount_inittab(err) : 0;

	return ret || handover->init != PVK_INIT_BUSYBOX ? ret : ask_init(SIGHUP, err);
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
	pid_t asked[PIDS_MAX];
	size_t count;
};

static bool was_asked(const struct others *others, pid_t pid)
{
	size_t i;

	for (i = 0; i < others->count; i++)
		if (others->asked[i] == pid)
			return true;
	return false;
}

/* A shell at a terminal takes no SIGTERM, but goes when the terminal does. */
static void ask(struct others *others, pid_t pid, const struct process *process)
{
	if (was_asked(others, pid) || others->count == PIDS_MAX)
		return;
	others->asked[others->count++] = pid;
	kill(pid, SIGTERM);
	if (process->tty && process->session == pid)
		kill(pid, SIGHUP);
	kill(pid, SIGCONT);
}

/* Asks each that has not been asked yet; how many there are. */
static unsigned int ask_all(struct others *others, char *name, size_t size)
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
		read_word(path, name, size);
		n++;
	}
	if (dir)
		closedir(dir);
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
	int64_t end = pvk_now_ms() + handover->term * INT64_C(1000);
	struct others *others;
	char name[32] = "";
	unsigned int n;

	if (handover->init != PVK_INIT_BUSYBOX)
		return 0;
	others = calloc(1, sizeof(*others));
	if (!others)
		return 0;
	while ((n = ask_all(others, name, sizeof(name))) && pvk_now_ms() < end) {
		if (handover->look)
			handover->look(handover->arg);
		poll(NULL, 0, LOOK_MS);
	}
	if (n)
		tell(handover, n, name);
	free(others);
	return n;
}

int pvk_handover_go(const struct pvk_handover *handover, struct pvk_err *err)
{
	return ask_init(handover->init == PVK_INIT_SYSTEMD ? SYSTEMD_REBOOT : SIGQUIT, err);
}
