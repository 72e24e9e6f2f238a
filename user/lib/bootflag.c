// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bootflag.h"
#include "genl_attr.h"
#include "mailbox.h"

/* A dump that changes each time it is read is taken as it is after this many. */
#define DUMP_TRIES	10

struct pvk_bf {
	struct pvk_mailbox box;
	struct pvk_bf_ops ops;
	void *arg;
};

static enum pvk_mail sort(uint8_t cmd)
{
	switch (cmd) {
	case PV_BOOTFLAG_CMD_EVENT:
		return PVK_MAIL_EVENT;
	case PV_BOOTFLAG_CMD_OUTCOME:
		return PVK_MAIL_KEEP;
	default:
		return PVK_MAIL_STRAY;
	}
}

static int deliver(void *arg, const struct nlmsghdr *nlh)
{
	struct pvk_bf_event event = { .kind = PV_BOOTFLAG_EVENT_KIND_OVERRUN };
	struct pvk_bf_outcome outcome;
	struct pvk_bf *bf = arg;
	int ret;

	if (nlh && pvk_genl_cmd(nlh) == PV_BOOTFLAG_CMD_OUTCOME) {
		ret = pvk_parse_bf_outcome(nlh, &outcome);
		if (!ret && bf->ops.outcome)
			bf->ops.outcome(bf->arg, &outcome);
		return ret;
	}
	ret = nlh ? pvk_parse_bf_event(nlh, &event) : 0;
	if (!ret && bf->ops.event)
		bf->ops.event(bf->arg, &event);
	return ret;
}

static void on_pending(void *arg)
{
	struct pvk_bf *bf = arg;

	if (bf->ops.pending)
		bf->ops.pending(bf->arg);
}

static const struct pvk_mailbox_ops box_ops = {
	.sort = sort, .deliver = deliver, .pending = on_pending,
};

/* --- open and close ------------------------------------------------------- */

static struct pvk_bf *alloc_bf(const struct pvk_bf_ops *ops, void *arg)
{
	struct pvk_bf *bf = calloc(1, sizeof(*bf));

	if (!bf)
		return NULL;
	bf->arg = arg;
	if (ops)
		bf->ops = *ops;
	return bf;
}

int pvk_bf_open(struct pvk_bf **out, const struct pvk_bf_ops *ops, void *arg,
		struct pvk_err *err)
{
	struct pvk_bf *bf = alloc_bf(ops, arg);
	int ret;

	if (!bf)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = pvk_genl_open(&bf->box.genl, PV_BOOTFLAG_GENL_NAME, PV_BOOTFLAG_GENL_VERSION, err);
	if (ret) {
		free(bf);
		return ret;
	}
	pvk_mailbox_init(&bf->box, &box_ops, bf);
	*out = bf;
	return 0;
}

int pvk_bf_open_fd(struct pvk_bf **out, int fd, uint16_t family, const struct pvk_bf_ops *ops,
		   void *arg)
{
	struct pvk_bf *bf = alloc_bf(ops, arg);
	int ret;

	if (!bf) {
		close(fd);
		return -ENOMEM;
	}
	ret = pvk_genl_open_fd(&bf->box.genl, fd, family, PV_BOOTFLAG_GENL_VERSION);
	if (ret) {
		free(bf);
		return ret;
	}
	pvk_mailbox_init(&bf->box, &box_ops, bf);
	*out = bf;
	return 0;
}

void pvk_bf_close(struct pvk_bf *bf)
{
	if (!bf)
		return;
	pvk_mailbox_close(&bf->box);
	free(bf);
}

int pvk_bf_fd(const struct pvk_bf *bf)
{
	return bf->box.genl.fd;
}

int pvk_bf_dispatch_wait(struct pvk_bf *bf, int timeout_ms, struct pvk_err *err)
{
	return pvk_mailbox_dispatch(&bf->box, timeout_ms, err);
}

int pvk_bf_dispatch(struct pvk_bf *bf, struct pvk_err *err)
{
	return pvk_mailbox_dispatch(&bf->box, 0, err);
}

unsigned long pvk_bf_malformed(const struct pvk_bf *bf)
{
	return bf->box.malformed;
}

/* --- stores --------------------------------------------------------------- */

static struct pvk_msg new_msg(struct pvk_bf *bf, uint8_t cmd, uint16_t flags,
			      const char *name)
{
	struct pvk_msg msg = pvk_msg_new(&bf->box.genl, cmd, flags);

	if (name)
		pvk_msg_put_str(&msg, PV_BOOTFLAG_A_NAME, name);
	return msg;
}

int pvk_bf_store_add(struct pvk_bf *bf, const char *name, const char *spec,
		     struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_STORE_ADD, NLM_F_ACK, name);

	pvk_msg_put_str(&msg, PV_BOOTFLAG_A_SPEC, spec);
	return pvk_mailbox_call(&bf->box, &msg, err);
}

int pvk_bf_store_del(struct pvk_bf *bf, const char *name, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_STORE_DEL, NLM_F_ACK, name);

	return pvk_mailbox_call(&bf->box, &msg, err);
}

static int read_store(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_store(nlh, to);
}

int pvk_bf_store_get(struct pvk_bf *bf, const char *name, struct pvk_store *store,
		     struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_STORE_GET, NLM_F_ACK, name);

	return pvk_genl_get(&bf->box.genl, &msg, read_store, store, err);
}

static int stores_cb(void *arg, const struct nlmsghdr *nlh, struct pvk_err *err)
{
	struct pvk_stores *list = arg;
	int ret;

	ret = pvk_genl_add((void **)&list->item, list->count, sizeof(*list->item),
			   PVK_STORES_MAX, nlh, read_store, err);
	if (!ret)
		list->count++;
	return ret;
}

int pvk_bf_store_list(struct pvk_bf *bf, struct pvk_stores *list, struct pvk_err *err)
{
	struct pvk_msg msg;
	int ret = -EAGAIN, try;

	*list = (struct pvk_stores){ 0 };
	for (try = 0; try < DUMP_TRIES && ret == -EAGAIN; try++) {
		pvk_stores_free(list);
		msg = new_msg(bf, PV_BOOTFLAG_CMD_STORE_GET, NLM_F_DUMP, NULL);
		ret = pvk_genl_call(&bf->box.genl, &msg, stores_cb, list, err);
	}
	list->torn = ret == -EAGAIN;
	if (list->torn)
		return 0;
	if (ret)
		pvk_stores_free(list);
	return ret;
}

void pvk_stores_free(struct pvk_stores *list)
{
	free(list->item);
	*list = (struct pvk_stores){ 0 };
}

/* --- sets ----------------------------------------------------------------- */

static void put_value(struct pvk_msg *msg, const struct pvb_flags *flags, unsigned int field)
{
	struct nlattr *nest = pvk_msg_nest(msg, PV_BOOTFLAG_A_VALUE);
	const char *text = pvk_flags_string(flags, field);

	pvk_msg_put_u32(msg, PV_BOOTFLAG_A_VALUE_FIELD, field);
	if (text)
		pvk_msg_put_str(msg, PV_BOOTFLAG_A_VALUE_TEXT, text);
	else
		pvk_msg_put_u64(msg, PV_BOOTFLAG_A_VALUE_NUMBER,
				pvk_flags_number(flags, field));
	pvk_msg_nest_end(msg, nest);
}

int pvk_bf_submit_set(struct pvk_bf *bf, const char *name, const struct pvk_change *change,
		      uint32_t *seq, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_SET, NLM_F_ACK, name);
	uint32_t ours = msg.nlh->nlmsg_seq;
	unsigned int field;
	int ret;

	for (field = 1; field < PVB_FIELDS; field++)
		if (change->set.has & PVB_HAS(field))
			put_value(&msg, &change->set, field);
	for (field = 1; field < PVB_FIELDS; field++)
		if (change->clear & PVB_HAS(field))
			pvk_msg_put_u32(&msg, PV_BOOTFLAG_A_CLEAR, field);
	if (change->has_generation)
		pvk_msg_put_u32(&msg, PV_BOOTFLAG_A_GENERATION, change->generation);
	if (change->force)
		pvk_msg_put_flag(&msg, PV_BOOTFLAG_A_FORCE);
	ret = pvk_mailbox_call(&bf->box, &msg, err);
	if (!ret && seq)
		*seq = ours;
	return ret;
}

int pvk_bf_wait(struct pvk_bf *bf, uint32_t seq, int timeout_ms,
		struct pvk_bf_outcome *outcome, struct pvk_err *err)
{
	const struct nlmsghdr *nlh;
	struct pvk_kept *kept;
	int ret;

	*outcome = (struct pvk_bf_outcome){ 0 };
	ret = pvk_mailbox_wait(&bf->box, seq, PV_BOOTFLAG_CMD_OUTCOME, timeout_ms, &kept, &nlh,
			       err);
	if (ret)
		return ret;
	ret = pvk_parse_bf_outcome(nlh, outcome);
	free(kept);
	return ret ? pvk_genl_unread(ret, err) : 0;
}

int pvk_bf_set(struct pvk_bf *bf, const char *name, const struct pvk_change *change,
	       int timeout_ms, struct pvk_bf_outcome *outcome, struct pvk_err *err)
{
	struct pvk_bf_outcome got = { 0 };
	uint32_t seq;
	int ret;

	ret = pvk_bf_submit_set(bf, name, change, &seq, err);
	if (!ret)
		ret = pvk_bf_wait(bf, seq, timeout_ms, &got, err);
	if (outcome)
		*outcome = ret ? (struct pvk_bf_outcome){ 0 } : got;
	if (ret || !got.error)
		return ret;
	return pvk_err_set(err, -got.error, "%s", got.text[0] ? got.text : strerror(got.error));
}

/* --- events and rights ---------------------------------------------------- */

static int read_generation(const struct nlmsghdr *nlh, void *to)
{
	static const struct pvk_attr_rule rules[] = {
		PVK_ATTR_NEEDED(PV_BOOTFLAG_A_GENERATION, U32, pvk_bf_event, generation),
		{ 0 }
	};

	return pvk_attr_read(nlh, rules, to);
}

int pvk_bf_subscribe(struct pvk_bf *bf, const char *name, uint32_t *generation,
		     struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_SUBSCRIBE, NLM_F_ACK, name);
	struct pvk_bf_event from = { .generation = 0 };
	int ret = pvk_genl_get(&bf->box.genl, &msg, read_generation, &from, err);

	if (!ret && generation)
		*generation = from.generation;
	return ret;
}

int pvk_bf_writer(struct pvk_bf *bf, const char *text, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(bf, PV_BOOTFLAG_CMD_WRITER, NLM_F_ACK, NULL);

	pvk_msg_put_str(&msg, PV_BOOTFLAG_A_TEXT, text);
	return pvk_mailbox_call(&bf->box, &msg, err);
}
