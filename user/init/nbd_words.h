/* SPDX-License-Identifier: MIT */
/*
 * nbd_words - nbdroot= of the command line, in the words of Debian's nbd-client
 *
 *	SERVER[:PORT][,EXPORT|,PORT][,nbdN][,OPTION...]
 *	SERVER:[PORT]/EXPORT[,nbdN][,OPTION...]
 *	dhcp[,EXPORT|,PORT][,nbdN][,OPTION...]
 *
 * Options are those of nbdtab(5): port=, bs=, timeout=, no_optgo. What nbdtab has besides is
 * refused by name. No I/O.
 */
#ifndef INIT_NBD_WORDS_H
#define INIT_NBD_WORDS_H

#include "nbd_handshake.h"

#define NBD_TIMEOUT_MAX	3600	/* seconds */

struct nbd_words {
	char server[16];		/* an address; "": as DHCP says */
	char export[NBD_EXPORT_MAX + 1];	/* "": the server's default */
	uint16_t port;
	int device;			/* -1: not said */
	unsigned int timeout;		/* seconds for each request; 0: no bound */
	unsigned int block_size;	/* bytes; 0: the server's */
	bool go;			/* ask by NBD_OPT_GO first */
	bool all_by_dhcp;		/* "dhcp": the root-path has these words */
};

int nbd_words_parse(struct nbd_words *words, const char *text, struct pvk_err *err);
/*
 * The same with what DHCP knows: a root-path, which has such words where the text is "dhcp"
 * or "", and is an address or nothing where it names no server; then the server to boot
 * from. "": it did not say. There is a server then.
 */
int nbd_words_by_dhcp(struct nbd_words *words, const char *text, const char *root_path,
		      const char *server, struct pvk_err *err);
/* "/dev/nbd0p1" -> 0; -EINVAL: it is none. */
int nbd_device_number(const char *path);

#endif /* INIT_NBD_WORDS_H */
