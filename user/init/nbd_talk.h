/* SPDX-License-Identifier: MIT */
/*
 * nbd_talk - connect to an NBD server, and come to an understanding with it
 */
#ifndef INIT_NBD_TALK_H
#define INIT_NBD_TALK_H

#include "nbd_words.h"

/* The socket, which is for the kernel then; there are so many milliseconds for all of it. */
int nbd_talk(const struct nbd_words *words, long ms, struct nbd_export *export,
	     struct pvk_err *err);

#endif /* INIT_NBD_TALK_H */
