// SPDX-License-Identifier: MIT
#include <string.h>

#include "doc.h"

int main(int argc, char **argv)
{
	bool ok = true;

	if (argc == 4 && !strcmp(argv[1], "man")) {
		ok = man_pages(argv[2], argv[3]);
	} else if (argc == 2 && !strcmp(argv[1], "bash")) {
		complete_bash(stdout);
	} else if (argc == 2 && !strcmp(argv[1], "zsh")) {
		complete_zsh(stdout);
	} else {
		fputs("Usage: doc man DIR DOCUMENTATION | bash | zsh\n", stderr);
		return 2;
	}
	if (fflush(stdout) || ferror(stdout)) {
		perror("doc");
		ok = false;
	}
	return ok ? 0 : 1;
}
