// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "genl_attr.h"
#include "json_out.h"
#include "mailbox.h"
#include "pivot.h"
#include "sysattr.h"

struct pvk_pivot {
	struct pvk_mailbox box;
	struct pvk_pivot_ops ops;
	void *arg;
};

static enum pvk_mail sort(uint8_t cmd)
{
	return cmd == PV_PIVOT_CMD_EVENT ? PVK_MAIL_EVENT : PVK_MAIL_STRAY;
}

static int deliver(void *arg, const struct nlmsghdr *nlh)
{
	struct pvk_pivot_event event = { .kind = PV_PIVOT_EVENT_KIND_OVERRUN };
	struct pvk_pivot *pivot = arg;
	int ret = nlh ? pvk_parse_pivot_event(nlh, &event) : 0;

	if (!ret && pivot->ops.event)
		pivot->ops.event(pivot->arg, &event);
	return ret;
}

static void on_pending(void *arg)
{
	struct pvk_pivot *pivot = arg;

	if (pivot->ops.pending)
		pivot->ops.pending(pivot->arg);
}

static const struct pvk_mailbox_ops box_ops = {
	.sort = sort, .deliver = deliver, .pending = on_pending,
};

/* --- open and close ------------------------------------------------------- */

static struct pvk_pivot *alloc_pivot(const struct pvk_pivot_ops *ops, void *arg)
{
	struct pvk_pivot *pivot = calloc(1, sizeof(*pivot));

	if (!pivot)
		return NULL;
	pivot->arg = arg;
	if (ops)
		pivot->ops = *ops;
	return pivot;
}

int pvk_pivot_open(struct pvk_pivot **out, const struct pvk_pivot_ops *ops, void *arg,
		   struct pvk_err *err)
{
	struct pvk_pivot *pivot = alloc_pivot(ops, arg);
	int ret;

	if (!pivot)
		return pvk_err_set(err, -ENOMEM, "out of memory");
	ret = pvk_genl_open(&pivot->box.genl, PV_PIVOT_GENL_NAME, PV_PIVOT_GENL_VERSION, err);
	if (ret) {
		free(pivot);
		return ret;
	}
	pvk_mailbox_init(&pivot->box, &box_ops, pivot);
	*out = pivot;
	return 0;
}

int pvk_pivot_open_fd(struct pvk_pivot **out, int fd, uint16_t family,
		      const struct pvk_pivot_ops *ops, void *arg)
{
	struct pvk_pivot *pivot = alloc_pivot(ops, arg);
	int ret;

	if (!pivot) {
		close(fd);
		return -ENOMEM;
	}
	ret = pvk_genl_open_fd(&pivot->box.genl, fd, family, PV_PIVOT_GENL_VERSION);
	if (ret) {
		free(pivot);
		return ret;
	}
	pvk_mailbox_init(&pivot->box, &box_ops, pivot);
	*out = pivot;
	return 0;
}

void pvk_pivot_close(struct pvk_pivot *pivot)
{
	if (!pivot)
		return;
	pvk_mailbox_close(&pivot->box);
	free(pivot);
}

int pvk_pivot_fd(const struct pvk_pivot *pivot)
{
	return pivot->box.genl.fd;
}

int pvk_pivot_dispatch_wait(struct pvk_pivot *pivot, int timeout_ms, struct pvk_err *err)
{
	return pvk_mailbox_dispatch(&pivot->box, timeout_ms, err);
}

int pvk_pivot_dispatch(struct pvk_pivot *pivot, struct pvk_err *err)
{
	return pvk_mailbox_dispatch(&pivot->box, 0, err);
}

/* --- requests ------------------------------------------------------------- */

static struct pvk_msg new_msg(struct pvk_pivot *pivot, uint8_t cmd)
{
	return pvk_msg_new(&pivot->box.genl, cmd, NLM_F_ACK);
}

static int read_status(const struct nlmsghdr *nlh, void *to)
{
	return pvk_parse_pivot_status(nlh, to);
}

int pvk_pivot_status(struct pvk_pivot *pivot, struct pvk_pivot_status *status,
		     struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_STATUS);

	return pvk_genl_get(&pivot->box.genl, &msg, read_status, status, err);
}

struct begun {
	uint32_t session;
};

static int read_begun(const struct nlmsghdr *nlh, void *to)
{
	static const struct pvk_attr_rule rules[] = {
		PVK_ATTR_NEEDED(PV_PIVOT_A_SESSION_FD, U32, begun, session),
		{ 0 }
	};

	return pvk_attr_read(nlh, rules, to);
}

int pvk_pivot_begin(struct pvk_pivot *pivot, int fd, uint32_t limit, int *session,
		    struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_OPEN);
	struct begun begun;
	int ret;

	pvk_msg_put_u32(&msg, PV_PIVOT_A_FD, fd);
	if (limit)
		pvk_msg_put_u32(&msg, PV_PIVOT_A_LIMIT, limit);
	ret = pvk_genl_get(&pivot->box.genl, &msg, read_begun, &begun, err);
	if (!ret)
		*session = begun.session;
	return ret;
}

static struct pvk_msg step_msg(struct pvk_pivot *pivot, int session, uint32_t state,
			       uint32_t limit)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_STEP);

	pvk_msg_put_u32(&msg, PV_PIVOT_A_SESSION_FD, session);
	pvk_msg_put_u32(&msg, PV_PIVOT_A_STATE, state);
	if (limit)
		pvk_msg_put_u32(&msg, PV_PIVOT_A_LIMIT, limit);
	return msg;
}

/* As which flash UBI has; the kernel may not know it. false: it lies on none. */
static bool below_ubi(struct pvk_pivot *pivot, uint64_t *mtd)
{
	struct pvk_pivot_status status;
	const char *at = status.device;
	unsigned int ubi;

	if (pvk_pivot_status(pivot, &status, NULL) || status.medium != PV_PIVOT_MEDIUM_UBI)
		return false;
	at += strcspn(at, "0123456789");
	return pvk_take_uint(&at, &ubi) &&
	       pvk_sysattr_uint(mtd, "/sys/class/ubi/ubi%u/mtd_num", ubi);
}

int pvk_pivot_step(struct pvk_pivot *pivot, int session, uint32_t state, uint32_t limit,
		   struct pvk_err *err)
{
	struct pvk_msg msg;
	uint64_t mtd;
	bool ubi;

	ubi = state == PV_PIVOT_STATE_SEALED && below_ubi(pivot, &mtd);
	msg = step_msg(pivot, session, state, limit);
	if (ubi)
		pvk_msg_put_u32(&msg, PV_PIVOT_A_MTD, (uint32_t)mtd);
	return pvk_mailbox_call(&pivot->box, &msg, err);
}

int pvk_pivot_arm(struct pvk_pivot *pivot, int session, uint32_t limit, const char *reboot_arg,
		  struct pvk_err *err)
{
	struct pvk_msg msg = step_msg(pivot, session, PV_PIVOT_STATE_ARMED, limit);

	pvk_msg_put_str(&msg, PV_PIVOT_A_REBOOT_ARG, reboot_arg);
	return pvk_mailbox_call(&pivot->box, &msg, err);
}

int pvk_pivot_watchdog(struct pvk_pivot *pivot, int session, int fd, uint32_t interval,
		       uint32_t seconds, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_WATCHDOG);

	pvk_msg_put_u32(&msg, PV_PIVOT_A_SESSION_FD, session);
	pvk_msg_put_u32(&msg, PV_PIVOT_A_FD, fd);
	pvk_msg_put_u32(&msg, PV_PIVOT_A_INTERVAL, interval);
	pvk_msg_put_u32(&msg, PV_PIVOT_A_WATCHDOG, seconds);
	return pvk_mailbox_call(&pivot->box, &msg, err);
}

int pvk_pivot_abort(struct pvk_pivot *pivot, int session, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_ABORT);

	if (session >= 0)
		pvk_msg_put_u32(&msg, PV_PIVOT_A_SESSION_FD, session);
	return pvk_mailbox_call(&pivot->box, &msg, err);
}

int pvk_pivot_start(struct pvk_pivot *pivot, const char *word, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_START);

	if (word)
		pvk_msg_put_str(&msg, PV_PIVOT_A_WORD, word);
	return pvk_mailbox_call(&pivot->box, &msg, err);
}

static int read_generation(const struct nlmsghdr *nlh, void *to)
{
	static const struct pvk_attr_rule rules[] = {
		PVK_ATTR_NEEDED(PV_PIVOT_A_GENERATION, U32, pvk_pivot_event, generation),
		{ 0 }
	};

	return pvk_attr_read(nlh, rules, to);
}

int pvk_pivot_subscribe(struct pvk_pivot *pivot, uint32_t *generation, struct pvk_err *err)
{
	struct pvk_msg msg = new_msg(pivot, PV_PIVOT_CMD_SUBSCRIBE);
	struct pvk_pivot_event from = { .generation = 0 };
	int ret = pvk_genl_get(&pivot->box.genl, &msg, read_generation, &from, err);

	if (!ret && generation)
		*generation = from.generation;
	return ret;
}

/* --- what messages say ---------------------------------------------------- */

static const struct pvk_attr_rule status_rules[] = {
	PVK_ATTR_NEEDED(PV_PIVOT_A_STATE, U32, pvk_pivot_status, state),
	PVK_ATTR_NEEDED(PV_PIVOT_A_GENERATION, U32, pvk_pivot_status, generation),
	PVK_ATTR(PV_PIVOT_A_FS, HAS, pvk_pivot_status, has_session),
	PVK_ATTR(PV_PIVOT_A_LEFT, HAS, pvk_pivot_status, has_left),
	PVK_ATTR(PV_PIVOT_A_LEFT, U32, pvk_pivot_status, left),
	PVK_ATTR(PV_PIVOT_A_OWNER, U32, pvk_pivot_status, owner),
	PVK_ATTR(PV_PIVOT_A_WATCHDOG, U32, pvk_pivot_status, watchdog),
	PVK_ATTR(PV_PIVOT_A_ACTIVE, U32, pvk_pivot_status, active),
	PVK_ATTR(PV_PIVOT_A_FS, COPY, pvk_pivot_status, fs),
	PVK_ATTR(PV_PIVOT_A_DEVICE, COPY, pvk_pivot_status, device),
	PVK_ATTR(PV_PIVOT_A_MEDIUM, U32, pvk_pivot_status, medium),
	PVK_ATTR(PV_PIVOT_A_PROOF, U32, pvk_pivot_status, proof),
	PVK_ATTR(PV_PIVOT_A_GATE, U32, pvk_pivot_status, gate),
	PVK_ATTR(PV_PIVOT_A_ERRNO, ERRNO, pvk_pivot_status, error),
	PVK_ATTR(PV_PIVOT_A_TEXT, TEXT, pvk_pivot_status, text),
	PVK_ATTR(PV_PIVOT_A_HELPER, HAS, pvk_pivot_status, helper_runs),
	PVK_ATTR(PV_PIVOT_A_HELPER, U32, pvk_pivot_status, helper),
	PVK_ATTR(PV_PIVOT_A_HELPER_EXIT, HAS, pvk_pivot_status, has_helper_exit),
	PVK_ATTR(PV_PIVOT_A_HELPER_EXIT, U32, pvk_pivot_status, helper_exit),
	{ 0 }
};

int pvk_parse_pivot_status(const struct nlmsghdr *nlh, struct pvk_pivot_status *status)
{
	*status = (struct pvk_pivot_status){ 0 };
	return pvk_attr_read(nlh, status_rules, status);
}

static const struct pvk_attr_rule event_rules[] = {
	PVK_ATTR_NEEDED(PV_PIVOT_A_EVENT_KIND, U32, pvk_pivot_event, kind),
	PVK_ATTR(PV_PIVOT_A_STATE, U32, pvk_pivot_event, state),
	PVK_ATTR(PV_PIVOT_A_GENERATION, U32, pvk_pivot_event, generation),
	{ 0 }
};

int pvk_parse_pivot_event(const struct nlmsghdr *nlh, struct pvk_pivot_event *event)
{
	*event = (struct pvk_pivot_event){ 0 };
	return pvk_attr_read(nlh, event_rules, event);
}

/* --- names and JSON ------------------------------------------------------- */

static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
	return value < count ? names[value] : "?";
}

const char *pvk_pivot_state_name(uint32_t state)
{
	static const char *const names[] = {
		"idle", "open", "evicting", "sealed", "released", "armed", "rebooting",
		"closed", "aborted",
	};

	return name_of(names, PVK_ARRAY_SIZE(names), state);
}

const char *pvk_pivot_medium_name(uint32_t medium)
{
	static const char *const names[] = { "none", "block", "mtd", "mtd-whole", "ubi" };

	return name_of(names, PVK_ARRAY_SIZE(names), medium);
}

const char *pvk_pivot_proof_name(unsigned int bit)
{
	static const char *const names[] = { "absent", "exclusive", "unused" };

	return bit < PVK_ARRAY_SIZE(names) ? names[bit] : NULL;
}

const char *pvk_pivot_gate_name(unsigned int bit)
{
	static const char *const names[] = { "files", "nodes", "mtd" };

	return bit < PVK_ARRAY_SIZE(names) ? names[bit] : NULL;
}

static void json_flags(struct json_out *out, const char *key, uint32_t flags,
		       const char *(*name_of_bit)(unsigned int bit))
{
	unsigned int bit;
	const char *name;

	json_out_key(out, key);
	json_out_array(out);
	for (bit = 0; (name = name_of_bit(bit)); bit++)
		if (flags & (1u << bit))
			json_out_str(out, name);
	json_out_end(out);
}

void pvk_pivot_json(struct json_out *out, const struct pvk_pivot_status *status)
{
	json_out_pair_str(out, "state", pvk_pivot_state_name(status->state));
	json_out_pair_uint(out, "generation", status->generation);
	if (status->helper_runs)
		json_out_pair_uint(out, "helper", status->helper);
	if (status->has_helper_exit)
		json_out_pair_uint(out, "helper_exit", status->helper_exit);
	if (!status->has_session)
		return;
	json_out_pair_str(out, "fs", status->fs);
	json_out_pair_str(out, "device", status->device);
	json_out_pair_str(out, "medium", pvk_pivot_medium_name(status->medium));
	json_flags(out, "proof", status->proof, pvk_pivot_proof_name);
	json_flags(out, "shut", status->gate, pvk_pivot_gate_name);
	if (status->has_left) {
		json_out_pair_uint(out, "left", status->left);
		json_out_pair_uint(out, "owner", status->owner);
		json_out_pair_uint(out, "active", status->active);
		json_out_pair_uint(out, "watchdog", status->watchdog);
	}
	if (status->error)
		json_out_pair_uint(out, "errno", status->error);
	if (status->text[0])
		json_out_pair_str(out, "text", status->text);
}
