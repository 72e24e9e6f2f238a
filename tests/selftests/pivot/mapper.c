// SPDX-License-Identifier: MIT
/*
 * mapper FILE: has FILE mapped and nothing else of it, and ends by SIGKILL alone.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
		perror("mapper");
		return 1;
	}
	close(fd);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	puts("mapped");
	fflush(stdout);
	for (;;)
		pause();
}
