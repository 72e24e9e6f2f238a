/* SPDX-License-Identifier: MIT */
/*
 * nbd_handshake - what client and server of an NBD say to each other before the first block
 *
 * From the published protocol: the fixed newstyle, an export asked for by NBD_OPT_GO and,
 * where the server does not know that, by NBD_OPT_EXPORT_NAME. No I/O: whoever calls reads
 * as many bytes as are wanted, hands them over and sends what comes of it. The server may
 * be anybody: what is wanted has a bound, and so has the number of replies.
 */
#ifndef INIT_NBD_HANDSHAKE_H
#define INIT_NBD_HANDSHAKE_H

#include "util.h"

#define NBD_PORT		10809
#define NBD_EXPORT_MAX		255	/* bytes of a name */
#define NBD_WANT_MAX		4112	/* bytes at a time: a text of the protocol's largest */
#define NBD_SEND_MAX		(32 + NBD_EXPORT_MAX)

/* Of an export; the kernel's NBD_FLAG_ have the same values. */
#define NBD_IS_READ_ONLY	(1u << 1)
#define NBD_DOES_FLUSH		(1u << 2)
#define NBD_DOES_FUA		(1u << 3)
#define NBD_DOES_TRIM		(1u << 5)

struct nbd_export {
	uint64_t size;
	uint16_t flags;
	uint32_t block_min, block_max;	/* bytes; 0: not said */
};

enum nbd_step { NBD_GREETING, NBD_REPLY, NBD_DATA, NBD_OLD_REPLY, NBD_DONE };

struct nbd_handshake {
	enum nbd_step step;
	const char *name;		/* of the export; must stay */
	bool go;			/* by NBD_OPT_GO, if the server knows it */
	bool zeroes;			/* the old reply has them */
	bool has_export;
	unsigned int replies;
	uint32_t type, left;		/* of the reply that is being read */
	struct nbd_export export;
	size_t want;			/* bytes of the server's, 1 to NBD_WANT_MAX */
	size_t len;			/* to send, before anything is read */
	uint8_t send[NBD_SEND_MAX];
};

/* -ENAMETOOLONG: no such name can be asked for. */
int nbd_handshake_begin(struct nbd_handshake *hs, const char *name, bool go,
			struct pvk_err *err);
/*
 * data: hs->want bytes. Returns 0: go on, 1: it is done and hs->export is known, or why
 * there will be none; -ENOENT: the server has no such export, -ESHUTDOWN: it is about to
 * end; another one may be had later.
 */
int nbd_handshake_take(struct nbd_handshake *hs, const uint8_t *data, struct pvk_err *err);
/* What it means when the server hangs up at this step. */
int nbd_handshake_end(const struct nbd_handshake *hs, struct pvk_err *err);

#endif /* INIT_NBD_HANDSHAKE_H */
