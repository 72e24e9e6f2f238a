// SPDX-License-Identifier: MIT
/*
 * lost_terminal TEXT PROGRAM [ARGUMENT...]: runs it on a terminal of its own, shows what comes
 * out, and is gone with that terminal as soon as TEXT was in it: what is left on the terminal
 * gets SIGHUP, and EIO for all that it writes.
 *
 * Exit status: 0 TEXT came, 1 the program ended without.
 */
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char said[65536];
	size_t len = 0;
	int master;
	ssize_t n;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0) {
		perror("forkpty");
		return 2;
	}
	while (!strstr(said, argv[1])) {
		if (len == sizeof(said) - 1)
			len = 0;
		n = read(master, said + len, sizeof(said) - 1 - len);
		if (n <= 0)
			return 1;
		fwrite(said + len, 1, (size_t)n, stdout);
		fflush(stdout);
		len += (size_t)n;
		said[len] = '\0';
	}
	return 0;
}
