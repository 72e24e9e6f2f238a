/* SPDX-License-Identifier: MIT */
/*
 * mailbox - what a netlink family sends that no call waits for
 *
 * Outcomes, events and tasks may arrive while a call waits for its own answer.
 * They are kept, in order, until somebody dispatches. The fd then has nothing to
 * read any more, so `pending` is called: activate the fd's event there.
 *
 * Nothing but events may be lost: what else there is no room for makes the
 * mailbox broken, and every later call says so.
 */
#ifndef PVK_MAILBOX_H
#define PVK_MAILBOX_H

#include "genl.h"

/* What a message is to the mailbox. */
enum pvk_mail {
	PVK_MAIL_STRAY,		/* the rest of an answer that was given up: dropped, counted */
	PVK_MAIL_EVENT,		/* may be lost, if that is said */
	PVK_MAIL_KEEP,
};

struct pvk_mailbox_ops {
	enum pvk_mail (*sort)(uint8_t cmd);
	/* One message, NULL: events were lost. Negative: it makes no sense. */
	int (*deliver)(void *arg, const struct nlmsghdr *nlh);
	/* May be NULL; not called while messages are being delivered. */
	void (*pending)(void *arg);
};

struct pvk_kept;

struct pvk_mailbox {
	struct pvk_genl genl;
	const struct pvk_mailbox_ops *ops;
	void *arg;
	struct pvk_kept *head;
	struct pvk_kept **tail;
	struct pvk_kept *last;
	size_t n_kept;
	size_t n_events;
	unsigned long malformed;
	bool busy;		/* dispatching: no need to call pending */
	int broken;
};

/* 0 for what is too short to have one. */
uint8_t pvk_genl_cmd(const struct nlmsghdr *nlh);

/* Takes over what box->genl receives; it has been opened. */
void pvk_mailbox_init(struct pvk_mailbox *box, const struct pvk_mailbox_ops *ops, void *arg);
/* Closes the socket too. */
void pvk_mailbox_close(struct pvk_mailbox *box);

/* A call that is answered with nothing but its acknowledgement. */
int pvk_mailbox_call(struct pvk_mailbox *box, struct pvk_msg *msg, struct pvk_err *err);
/*
 * Delivers all that is kept or in the socket, at most 256 messages in one call.
 * With timeout_ms waits for a first one (-1 for ever): -ETIMEDOUT.
 */
int pvk_mailbox_dispatch(struct pvk_mailbox *box, int timeout_ms, struct pvk_err *err);
/*
 * Waits for the message with this sequence number and command, keeping all
 * others: malloc'ed; *nlh points into it.
 */
int pvk_mailbox_wait(struct pvk_mailbox *box, uint32_t seq, uint8_t cmd, int timeout_ms,
		     struct pvk_kept **kept, const struct nlmsghdr **nlh, struct pvk_err *err);

#endif /* PVK_MAILBOX_H */
