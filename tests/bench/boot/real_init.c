// SPDX-License-Identifier: MIT
/*
 * The two ends of what tests/bench/boot/run measures, each a line in the kernel's log.
 *
 * As mark-NAME: the beginning, then exec of /sbin/NAME-init. By any other name the real
 * init: the end, what memory was taken, and a power-off.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <unistd.h>

#define SETTLE	3	/* seconds until all that was started has done its first work */

static void put(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		reboot(RB_POWER_OFF);
	close(fd);
}

/* The beginning of a file of /proc, "" if there is none. */
static char *get(const char *directory, const char *name)
{
	static char text[4096];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.16s/%.32s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* "Pss:    120 kB" -> 120 */
static long number_after(const char *text, const char *word)
{
	const char *line = strstr(text, word);

	return line ? atol(line + strlen(word)) : 0;
}

/* What is left of the one before us: how many processes, and what is theirs. */
static void put_processes(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	long pss = 0, count = 0;
	char line[64];

	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    strncmp(get(entry->d_name, "comm"), "pvkit-", 6))
			continue;
		count++;
		pss += number_after(get(entry->d_name, "smaps_rollup"), "\nPss:");
	}
	if (dir)
		closedir(dir);
	snprintf(line, sizeof(line), "bench: processes %ld %ld\n", count, pss);
	put(line);
}

static void put_memory(void)
{
	struct rusage usage;
	char line[64];

	/* An exec does not end it: the most that process 1 ever had. */
	if (!getrusage(RUSAGE_SELF, &usage)) {
		snprintf(line, sizeof(line), "bench: peak %ld\n", usage.ru_maxrss);
		put(line);
	}
	sleep(SETTLE);
	put_processes();
	snprintf(line, sizeof(line), "bench: left %ld\n",
		 number_after(get("", "meminfo"), "MemAvailable:"));
	put(line);
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char next[64];

	name = name ? name + 1 : "";
	if (!strncmp(name, "mark-", 5)) {
		snprintf(next, sizeof(next), "/sbin/%.40s-init", name + 5);
		argv[0] = next;
		put("bench: begin\n");
		execv(next, argv);
		put("bench: no such program\n");
	} else {
		put("bench: end\n");
		put_memory();
	}
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
