// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox.h"

/* What one dispatch hands on at most, so that a flood can't hold the loop. */
#define DISPATCH_MAX	256
/* Bounds of what is kept while nobody dispatches. */
#define KEPT_EVENTS_MAX	1024
#define KEPT_MAX	8192

/* A message that waits for dispatch; len 0 stands for "events were lost". */
struct pvk_kept {
	struct pvk_kept *next;
	size_t len;
	uint32_t data[];	/* aligned as struct nlmsghdr */
};

uint8_t pvk_genl_cmd(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *head = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_len < MNL_NLMSG_HDRLEN + GENL_HDRLEN ? 0 : head->cmd;
}

static const struct nlmsghdr *kept_msg(const struct pvk_kept *kept)
{
	return kept->len ? (const void *)kept->data : NULL;
}

static bool is_event(const struct pvk_mailbox *box, const struct pvk_kept *kept)
{
	return !kept->len || box->ops->sort(pvk_genl_cmd(kept_msg(kept))) == PVK_MAIL_EVENT;
}

static void append(struct pvk_mailbox *box, const struct nlmsghdr *nlh)
{
	size_t len = nlh ? nlh->nlmsg_len : 0;
	struct pvk_kept *kept = malloc(sizeof(*kept) + len);
	bool first = !box->head;

	/* An outcome that nobody learns of must not go unnoticed. */
	if (!kept || box->n_kept >= KEPT_MAX) {
		free(kept);
		box->broken = -ENOBUFS;
		return;
	}
	kept->next = NULL;
	kept->len = len;
	if (len)
		memcpy(kept->data, nlh, len);
	*box->tail = kept;
	box->tail = &kept->next;
	box->last = kept;
	box->n_kept++;
	if (is_event(box, kept))
		box->n_events++;
	if (first && !box->busy && box->ops->pending)
		box->ops->pending(box->arg);
}

static struct pvk_kept *unlink_kept(struct pvk_mailbox *box, struct pvk_kept **link)
{
	struct pvk_kept *kept = *link, *prev;

	*link = kept->next;
	if (box->tail == &kept->next) {
		box->tail = link;
		/* link is the next field of the one before, or the head itself. */
		prev = (struct pvk_kept *)((char *)link - offsetof(struct pvk_kept, next));
		box->last = link == &box->head ? NULL : prev;
	}
	box->n_kept--;
	if (is_event(box, kept))
		box->n_events--;
	return kept;
}

static void on_overrun(void *arg)
{
	struct pvk_mailbox *box = arg;

	if (!box->last || box->last->len)
		append(box, NULL);
}

static void on_stray(void *arg, const struct nlmsghdr *nlh)
{
	struct pvk_mailbox *box = arg;

	switch (box->ops->sort(pvk_genl_cmd(nlh))) {
	case PVK_MAIL_EVENT:
		if (box->n_events >= KEPT_EVENTS_MAX)
			on_overrun(box);
		else
			append(box, nlh);
		break;
	case PVK_MAIL_KEEP:
		append(box, nlh);
		break;
	default:
		box->malformed++;
	}
}

void pvk_mailbox_init(struct pvk_mailbox *box, const struct pvk_mailbox_ops *ops, void *arg)
{
	box->ops = ops;
	box->arg = arg;
	box->tail = &box->head;
	box->genl.stray = on_stray;
	box->genl.overrun = on_overrun;
	box->genl.arg = box;
}

void pvk_mailbox_close(struct pvk_mailbox *box)
{
	while (box->head)
		free(unlink_kept(box, &box->head));
	pvk_genl_close(&box->genl);
}

/* No reply but the acknowledgement. What else has our number is an outcome. */
static int ack_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	(void)err;
	on_stray(arg, nlh);
	return 0;
}

int pvk_mailbox_call(struct pvk_mailbox *box, struct pvk_msg *msg, struct pvk_err *err)
{
	return pvk_genl_call(&box->genl, msg, ack_cb, box, err);
}

static int lost(const struct pvk_mailbox *box, struct pvk_err *err)
{
	return pvk_err_set(err, box->broken, "messages of the kernel were lost");
}

static void deliver(struct pvk_mailbox *box, struct pvk_kept *kept)
{
	if (box->ops->deliver(box->arg, kept_msg(kept)))
		box->malformed++;
	free(kept);
}

int pvk_mailbox_dispatch(struct pvk_mailbox *box, int timeout_ms, struct pvk_err *err)
{
	unsigned int count = 0;
	int ret = 1;

	if (box->busy)
		return pvk_err_set(err, -EBUSY, "dispatch from a callback");
	if (box->broken)
		return lost(box, err);

	box->busy = true;
	if (box->n_kept < DISPATCH_MAX)
		ret = pvk_genl_receive(&box->genl, DISPATCH_MAX,
				       box->head ? 0 : timeout_ms, err);
	while (box->head && count++ < DISPATCH_MAX) {
		deliver(box, unlink_kept(box, &box->head));
		if (!ret)
			ret = 1;
	}
	box->busy = false;
	if (box->head && box->ops->pending)
		box->ops->pending(box->arg);
	if (ret < 0)
		return ret;
	return ret || !timeout_ms ? 0 : pvk_err_set(err, -ETIMEDOUT, "nothing arrived");
}

static struct pvk_kept *find(struct pvk_mailbox *box, uint32_t seq, uint8_t cmd)
{
	struct pvk_kept **link;

	for (link = &box->head; *link; link = &(*link)->next) {
		const struct nlmsghdr *nlh = kept_msg(*link);

		if (nlh && nlh->nlmsg_seq == seq && pvk_genl_cmd(nlh) == cmd)
			return unlink_kept(box, link);
	}
	return NULL;
}

int pvk_mailbox_wait(struct pvk_mailbox *box, uint32_t seq, uint8_t cmd, int timeout_ms,
		     struct pvk_kept **kept, const struct nlmsghdr **nlh, struct pvk_err *err)
{
	int64_t deadline = pvk_now_ms() + timeout_ms, left;
	int ret;

	while (!(*kept = find(box, seq, cmd))) {
		if (box->broken)
			return lost(box, err);
		left = deadline - pvk_now_ms();
		if (left <= 0)
			return pvk_err_set(err, -ETIMEDOUT, "no outcome from the kernel");
		ret = pvk_genl_receive(&box->genl, 1, (int)left, err);
		if (ret < 0)
			return ret;
	}
	*nlh = kept_msg(*kept);
	return 0;
}
