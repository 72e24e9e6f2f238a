/* SPDX-License-Identifier: MIT */
/*
 * genl - requests to one generic netlink family and their answers, over libmnl
 *
 * One socket, one family. The kernel handles a request inside sendmsg(), so
 * its acknowledgement is in the socket when the send returns; a synchronous
 * call here waits for nothing but that. Messages which belong to no call
 * (sequence numbers of earlier requests, or 0) go to the caller's `stray`.
 *
 * Every function returns 0 or a negative errno; the text in `err` is made
 * where the cause is known (the kernel's extack text when it gave one).
 */
#ifndef PVK_GENL_H
#define PVK_GENL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* Largest message that is sent or accepted. */
#define PVK_GENL_MSG_MAX	(256 * 1024)
/* How long a synchronous call waits for its answer. */
#define PVK_GENL_TIMEOUT_MS	5000

/* Milliseconds of a clock that nobody sets. */
int64_t pvk_now_ms(void);

struct pvk_genl {
	int fd;			/* non-blocking, close-on-exec */
	bool netlink;		/* false: a socket pair of a test */
	uint16_t family;	/* message type */
	uint8_t version;
	uint32_t portid;	/* ours */
	uint32_t seq;		/* of the last request */
	char *rx;		/* last datagram received */
	size_t rx_size;
	char *tx;		/* request under construction */
	/* A message that no running call waits for; may be NULL. */
	void (*stray)(void *arg, const struct nlmsghdr *nlh);
	/* The kernel had to drop messages for this socket; may be NULL. */
	void (*overrun)(void *arg);
	void *arg;
};

/* A request under construction; `err` makes the following puts no-ops. */
struct pvk_msg {
	struct nlmsghdr *nlh;
	size_t max;
	int err;
};

/* -ENOENT when the kernel has no such family, i.e. the module is not loaded. */
int pvk_genl_open(struct pvk_genl *genl, const char *family, uint8_t version,
		  struct pvk_err *err);
/* Takes over fd, a datagram socket with a stand-in for the kernel behind it. */
int pvk_genl_open_fd(struct pvk_genl *genl, int fd, uint16_t family, uint8_t version);
void pvk_genl_close(struct pvk_genl *genl);

struct pvk_msg pvk_msg_new(struct pvk_genl *genl, uint8_t cmd, uint16_t flags);
void pvk_msg_put(struct pvk_msg *msg, uint16_t type, const void *data, size_t len);
void pvk_msg_put_str(struct pvk_msg *msg, uint16_t type, const char *text);
void pvk_msg_put_u32(struct pvk_msg *msg, uint16_t type, uint32_t value);
void pvk_msg_put_u64(struct pvk_msg *msg, uint16_t type, uint64_t value);
void pvk_msg_put_flag(struct pvk_msg *msg, uint16_t type);
struct nlattr *pvk_msg_nest(struct pvk_msg *msg, uint16_t type);
void pvk_msg_nest_end(struct pvk_msg *msg, struct nlattr *nest);

/*
 * Handles one answer of the request that is waited for. A negative value is
 * what pvk_genl_call() returns in the end; the rest of the answer is skipped.
 */
typedef int (*pvk_genl_cb)(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err);

/*
 * Sends msg and reads up to its acknowledgement, or, for a dump, up to its
 * end. -EAGAIN for a dump that the kernel marked as interrupted.
 */
int pvk_genl_call(struct pvk_genl *genl, struct pvk_msg *msg, pvk_genl_cb cb, void *arg,
		  struct pvk_err *err);

/* Puts what a message says into *to; -EBADMSG if it makes no sense, or -ENOMEM. */
typedef int (*pvk_genl_reader)(const struct nlmsghdr *nlh, void *to);

/* A call that is answered with one message, no more and no less. */
int pvk_genl_get(struct pvk_genl *genl, struct pvk_msg *msg, pvk_genl_reader read, void *to,
		 struct pvk_err *err);
/* For the callback of a dump: makes room behind the last element, and reads it; as pvk_grow(). */
int pvk_genl_add(void **array, size_t count, size_t size, size_t max,
		 const struct nlmsghdr *nlh, pvk_genl_reader read, struct pvk_err *err);
/* The text for what a reader, or its caller, could make nothing of; returns code. */
int pvk_genl_unread(int code, struct pvk_err *err);

/*
 * Reads what is in the socket, at most `limit` datagrams, handing each message
 * to `stray`. 1 if something was read, 0 if there was nothing. With a timeout
 * (ms, -1 for ever) waits for the first one.
 */
int pvk_genl_receive(struct pvk_genl *genl, unsigned int limit, int timeout_ms,
		     struct pvk_err *err);

#endif /* PVK_GENL_H */
