// SPDX-License-Identifier: MIT
/*
 * The two ends of what tests/bench/boot/run measures, each a line in the kernel's log.
 *
 * As mark-NAME: the beginning, then exec of /sbin/NAME-init. By any other name the real
 * init: the end, what memory there is, and a power-off.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return;
	close(fd);
}

static void put_memory(void)
{
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[256], *line;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, "MemAvailable:");
	if (!line)
		return;
	line[strcspn(line, "\n")] = '\0';
	put("/dev/kmsg", line);
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char next[64];

	name = name ? name + 1 : "";
	if (!strncmp(name, "mark-", 5)) {
		snprintf(next, sizeof(next), "/sbin/%.40s-init", name + 5);
		argv[0] = next;
		put("/dev/kmsg", "bench: begin\n");
		execv(next, argv);
		put("/dev/kmsg", "bench: no such program\n");
	} else {
		put("/dev/kmsg", "bench: end\n");
		put_memory();
	}
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
