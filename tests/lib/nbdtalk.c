// SPDX-License-Identifier: MIT
/*
 * nbdtalk: what pvkit-init comes to with an NBD server, for nbdroot= in these words
 *
 *	nbdtalk WORDS
 *
 * A line "SIZE bytes" with what the export is or can behind it; blocks of 0 bytes: nothing
 * was said of them. It has two seconds. Exit status: 0, or 1 with a line that says why.
 */
#include <stdio.h>

#include "nbd_talk.h"

int main(int argc, char **argv)
{
	struct pvk_err err = { .text = "" };
	struct nbd_export export;
	struct nbd_words words;
	int fd;

	if (argc != 2) {
		fputs("usage: nbdtalk WORDS\n", stderr);
		return 2;
	}
	fd = nbd_words_parse(&words, argv[1], &err);
	if (!fd)
		fd = nbd_talk(&words, 2000, &export, &err);
	if (fd < 0) {
		puts(err.text);
		return 1;
	}
	printf("%llu bytes%s%s%s%s, blocks of %u to %u\n", (unsigned long long)export.size,
	       export.flags & NBD_IS_READ_ONLY ? ", read-only" : "",
	       export.flags & NBD_DOES_FLUSH ? ", flush" : "",
	       export.flags & NBD_DOES_FUA ? ", fua" : "",
	       export.flags & NBD_DOES_TRIM ? ", trim" : "", export.block_min,
	       export.block_max);
	close(fd);
	return 0;
}
