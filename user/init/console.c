// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "child.h"
#include "console.h"
#include "switch.h"

#define LINE_BYTES	900	/* the kernel's log takes no longer ones */
#define KMSG_LIMIT	"/proc/sys/kernel/printk_devkmsg"
#define STALL_MS	1000	/* for a terminal that takes nothing */

static const char *program = "pvkit-init";
static bool debugging;
static bool detached;
static bool stalled;
static int kmsg = -1;
/* Of our own, so that it can be told not to wait; the real init gets another one. */
static int tty = -1;
static char kmsg_limit[16];

/* Does what goes into the log at this level show on the console by itself? */
static bool shown_by_kernel(int level)
{
	char text[32] = "";
	int fd = open("/proc/sys/kernel/printk", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && atoi(text) > level;
}

void console_put(int fd, bool *stuck, const char *text, size_t len)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno == EAGAIN && !*stuck && poll(&ready, 1, STALL_MS) == 1)
			continue;
		*stuck = n < 0 && errno == EAGAIN;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void put(int level, const char *fmt, va_list ap)
{
	char line[LINE_BYTES];
	int head, len;

	head = snprintf(line, sizeof(line), "<%d>", level);
	len = head + snprintf(line + head, sizeof(line) - (size_t)head, "%s: ", program);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	if (kmsg >= 0 && write(kmsg, line, (size_t)len) == len &&
	    (detached || shown_by_kernel(level)))
		return;
	console_put(tty >= 0 ? tty : STDERR_FILENO, &stalled, line + head, (size_t)(len - head));
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(5, fmt, ap);
	va_end(ap);
}

void say_debug(const char *fmt, ...)
{
	va_list ap;

	if (!debugging)
		return;
	va_start(ap, fmt);
	put(6, fmt, ap);
	va_end(ap);
}

void console_name(const char *name)
{
	program = name;
}

void console_debug(bool on)
{
	debugging = on;
}

/* One that the command line has fixed stays as it is. */
static bool set_kmsg_limit(const char *text)
{
	pvk_auto_close int fd = open(KMSG_LIMIT, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) >= 0;
}

/* Ten lines in five seconds are let into the log; the one that counts may be later. */
static void lift_kmsg_limit(void)
{
	pvk_auto_close int fd = open(KMSG_LIMIT, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, kmsg_limit, sizeof(kmsg_limit) - 1) <= 0)
		return;
	if (set_kmsg_limit("on\n") || strncmp(kmsg_limit, "off", 3))
		return;
	/* What is written there is taken and thrown away. */
	close(kmsg);
	kmsg = -1;
}

/* None of them may be left for a file that is opened later, as of a flash. */
static void set_standard(int fd)
{
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void console_detach(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	detached = true;
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (tty >= 0)
		close(tty);
	tty = -1;
	if (fd >= 0)
		set_standard(fd);
}

void console_close(void)
{
	if (kmsg_limit[0])
		set_kmsg_limit(kmsg_limit);
	kmsg_limit[0] = '\0';
}

/* The kernel opens it for us only where the initramfs has the node. */
void console_take(const char *device)
{
	int fd = open(device, O_RDWR | O_NOCTTY);

	/* Many a product has none. */
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		fd = open("/", O_PATH);
	if (fd >= 0)
		set_standard(fd);
	tty = open(device, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void console_open(void)
{
	console_take("/dev/console");
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	lift_kmsg_limit();
}

static int run(const char *path, char *const argv[], bool terminal)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (terminal) {
			setsid();
			ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		}
		execv(path, argv);
		_exit(127);
	}
	return child_wait(pid, 0);
}

int console_shell(void)
{
	static char *const links[] = { "busybox", "--install", "-s", "/bin", NULL };
	static char *const shell[] = { "-sh", NULL };

	if (access("/bin/sh", X_OK))
		return -ENOENT;
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	/* ls, mount, ... take no room until they are wanted; a real root has its own. */
	if (switch_in_initramfs() && !access("/bin/busybox", X_OK))
		run("/bin/busybox", links, false);
	return run("/bin/sh", shell, true);
}

void console_offer_shell(unsigned int seconds)
{
	struct pollfd wanted = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];

	if (access("/bin/sh", X_OK)) {
		say("reboot in %u s", seconds);
		sleep(seconds);
		return;
	}
	tcflush(STDIN_FILENO, TCIFLUSH);
	say("ENTER for a shell, else reboot in %u s", seconds);
	if (poll(&wanted, 1, (int)seconds * 1000) != 1)
		return;
	if (!(wanted.revents & POLLIN) || read(STDIN_FILENO, line, sizeof(line)) <= 0) {
		/* Nobody can type there: whoever reads it needs the time all the same. */
		sleep(seconds);
		return;
	}
	say("a shell; its end reboots");
	console_shell();
}
